package envoy

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Connection is what is known of a connection before a request is read.
type Connection struct {
	Dest     netip.Addr // where it arrives; the zero Addr when only the port is known
	DestPort int
	TLS      bool
	SNI      string
	ALPN     []string
	Source   netip.Addr // the zero Addr when it is not known
	Port     int        // source port, 0 when not known
}

// ListenerFor finds the listener that takes a connection: the exact address before the wildcard.
// Only listeners that serve count; others are returned by name so that the answer can say why not.
func (c *Config) ListenerFor(conn Connection) (l *Listener, idle []*Listener) {
	var wild *Listener
	for _, x := range c.Listeners {
		if x.Port != conn.DestPort || x.Pipe != "" || x.Proto == "UDP" {
			continue
		}
		addr, err := netip.ParseAddr(x.Address)
		any := err != nil || addr.IsUnspecified()
		if !any && conn.Dest.IsValid() && addr.Unmap() != conn.Dest.Unmap() {
			continue
		}
		switch {
		case !x.State.Serves():
			idle = append(idle, x)
		case any && wild == nil:
			wild = x
		case !any && l == nil:
			l = x
		}
	}
	if l == nil {
		l = wild
	}
	return l, idle
}

// ChainChoice is the filter chain of a connection, and why.
type ChainChoice struct {
	Chain   *Chain
	Why     string
	Unknown string // what would have to be known to decide, "" when it is decided
	Default bool
}

// criterion is one step of the documented order of FilterChainMatch: it scores how specifically a
// chain matches, -1 for not at all. Each step keeps the most specific chains and never goes back.
type criterion struct {
	name  string
	score func(Match) int
	// needs reports that the chain asks for something that is not known.
	needs func(Match) bool
}

// ChooseChain applies filter_chain_match in the documented order: destination port, destination
// address, server name, transport protocol, ALPN, directly connected source, source type, source
// address, source port.
func (l *Listener) ChooseChain(conn Connection) ChainChoice {
	if l.Matcher {
		return ChainChoice{Unknown: "filter_chain_matcher", Why: "the listener uses filter_chain_matcher"}
	}
	left := l.Chains
	var why []string
	for _, c := range criteria(conn) {
		if c.needs != nil && anyChain(left, c.needs) {
			return ChainChoice{Unknown: c.name, Why: "chains of the listener differ by " + c.name + ", which is not known"}
		}
		next, best := keep(left, c.score)
		if len(next) < len(left) {
			switch {
			case len(next) == 0:
				why = append(why, "no chain left by "+c.name)
			case best > 0:
				why = append(why, c.name+" matches")
			default:
				why = append(why, "no chain names this "+c.name)
			}
		}
		left = next
	}
	switch {
	case len(left) == 0 && l.Default != nil:
		return ChainChoice{Chain: l.Default, Default: true, Why: strings.Join(append(why, "default_filter_chain takes it"), "; ")}
	case len(left) == 0:
		return ChainChoice{Why: strings.Join(append(why, "and there is no default_filter_chain: the connection is closed"), "; ")}
	case len(why) == 0:
		why = []string{"the only chain that matches"}
	}
	return ChainChoice{Chain: left[0], Why: strings.Join(why, "; ")}
}

func anyChain(cs []*Chain, f func(Match) bool) bool {
	return slices.ContainsFunc(cs, func(c *Chain) bool { return f(c.Match) })
}

func keep(cs []*Chain, score func(Match) int) (out []*Chain, best int) {
	best = -1
	for _, c := range cs {
		s := score(c.Match)
		if s > best {
			best, out = s, nil
		}
		if s >= 0 && s == best {
			out = append(out, c)
		}
	}
	return out, best
}

func criteria(conn Connection) []criterion {
	transport := "raw_buffer"
	if conn.TLS {
		transport = "tls"
	}
	sni := strings.ToLower(conn.SNI)
	srcUnknown := !conn.Source.IsValid()
	return []criterion{
		{name: "destination port", score: func(m Match) int { return equalOrAny(m.DestinationPort, conn.DestPort) }},
		{
			name: "destination address", score: func(m Match) int { return longest(m.PrefixRanges, conn.Dest) },
			needs: func(m Match) bool { return len(m.PrefixRanges) > 0 && !conn.Dest.IsValid() },
		},
		{name: "server name", score: func(m Match) int { return serverName(m.ServerNames, sni) }},
		{name: "transport protocol", score: func(m Match) int {
			switch m.TransportProtocol {
			case "":
				return 0
			case transport:
				return 1
			}
			return -1
		}},
		{name: "application protocol", score: func(m Match) int { return alpn(m.ALPN, conn.ALPN) }},
		{
			name: "direct source address", score: func(m Match) int { return longest(m.DirectSource, conn.Source) },
			needs: func(m Match) bool { return len(m.DirectSource) > 0 && srcUnknown },
		},
		{
			name: "source type", score: func(m Match) int { return sourceType(m.SourceType, conn) },
			needs: func(m Match) bool { return m.SourceType != "" && m.SourceType != "ANY" && srcUnknown },
		},
		{
			name: "source address", score: func(m Match) int { return longest(m.SourceRanges, conn.Source) },
			needs: func(m Match) bool { return len(m.SourceRanges) > 0 && srcUnknown },
		},
		{name: "source port", score: func(m Match) int {
			switch {
			case len(m.SourcePorts) == 0:
				return 0
			case slices.Contains(m.SourcePorts, conn.Port):
				return 1
			}
			return -1
		}, needs: func(m Match) bool { return len(m.SourcePorts) > 0 && conn.Port == 0 }},
	}
}

func equalOrAny(want, got int) int {
	switch want {
	case 0:
		return 0
	case got:
		return 1
	}
	return -1
}

// longest is 0 for a chain without ranges, else 1 plus the length of the longest range that holds
// the address.
func longest(ranges []string, a netip.Addr) int {
	if len(ranges) == 0 {
		return 0
	}
	best := -1
	for _, r := range ranges {
		if p, err := netip.ParsePrefix(r); err == nil && a.IsValid() && p.Contains(a.Unmap()) && p.Bits()+1 > best {
			best = p.Bits() + 1
		}
	}
	return best
}

// serverName scores an exact name highest, then wildcards by the length of what they fix.
func serverName(names []string, sni string) int {
	if len(names) == 0 {
		return 0
	}
	best := -1
	for _, n := range names {
		n = strings.ToLower(n)
		switch {
		case n == sni && sni != "":
			return 1 << 20
		case strings.HasPrefix(n, "*.") && strings.HasSuffix(sni, n[1:]) && len(sni) > len(n)-1:
			best = max(best, len(n))
		case n == "" || n == "*":
			best = max(best, 0)
		}
	}
	return best
}

// alpn takes the client's first protocol that any chain names: earlier offers score higher.
func alpn(want, offered []string) int {
	if len(want) == 0 {
		return 0
	}
	for i, o := range offered {
		if slices.Contains(want, o) {
			return len(offered) - i
		}
	}
	return -1
}

func sourceType(want string, conn Connection) int {
	local := conn.Source.IsValid() && (conn.Source.IsLoopback() || conn.Source == conn.Dest)
	switch want {
	case "", "ANY":
		return 0
	case "SAME_IP_OR_LOOPBACK", "LOCAL":
		if local {
			return 1
		}
	case "EXTERNAL":
		if !local {
			return 1
		}
	}
	return -1
}

// VHostChoice is the virtual host of a request, and why.
type VHostChoice struct {
	VHost *VHost
	Why   string
}

// ChooseVHost applies the precedence of domains: exact, longest suffix wildcard, longest prefix
// wildcard, "*". There is no falling through to another virtual host when no route matches.
func (rc *RouteConfig) ChooseVHost(authority string, hcm *HCM, listenerPort int) VHostChoice {
	host := strings.ToLower(authority)
	if bare, port, ok := splitPort(host); ok {
		strip := rc.IgnorePort || hcm != nil && (hcm.StripAny || hcm.StripMatching && port == listenerPort)
		if strip {
			host = bare
		}
	}
	var best *VHost
	var dom string
	rank, size := 0, -1
	for _, v := range rc.VHosts {
		for _, d := range v.Domains {
			r, n := domain(strings.ToLower(d), host)
			if r > rank || r == rank && r > 0 && n > size {
				best, dom, rank, size = v, d, r, n
			}
		}
	}
	if best == nil {
		return VHostChoice{Why: fmt.Sprintf("no domain of route configuration %q matches %s", rc.Name, host)}
	}
	how := [...]string{"", "is the catch-all", "is the longest prefix wildcard", "is the longest suffix wildcard", "matches exactly"}[rank]
	return VHostChoice{VHost: best, Why: fmt.Sprintf("domain %s %s", dom, how)}
}

// domain ranks how a domain matches: 4 exact, 3 suffix wildcard, 2 prefix wildcard, 1 "*", 0 not.
func domain(d, host string) (rank, size int) {
	switch {
	case d == "*":
		return 1, 0
	case d == host:
		return 4, len(d)
	case strings.HasPrefix(d, "*") && strings.HasSuffix(host, d[1:]) && len(host) >= len(d):
		return 3, len(d)
	case strings.HasSuffix(d, "*") && strings.HasPrefix(host, d[:len(d)-1]) && len(host) >= len(d):
		return 2, len(d)
	}
	return 0, 0
}

func splitPort(host string) (bare string, port int, ok bool) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, 0, false
	}
	n, err := strconv.Atoi(host[i+1:])
	return host[:i], n, err == nil
}

// Req is a request as a route sees it.
type Req struct {
	Method    string
	Authority string
	Path      string // with query
	Scheme    string
	Headers   map[string]string
}

func (r Req) header(name string) (string, bool) {
	switch strings.ToLower(name) {
	case ":method":
		return r.Method, true
	case ":authority", "host":
		return r.Authority, true
	case ":path":
		return r.Path, true
	case ":scheme":
		return r.Scheme, true
	}
	for k, v := range r.Headers {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

// RouteChoice is the route of a request, and why.
type RouteChoice struct {
	Route   *Route
	Why     string
	Unknown string // what keeps the answer from being certain
}

// ChooseRoute takes the first route in order that matches.
func (v *VHost) ChooseRoute(r Req) RouteChoice {
	for _, rt := range v.Routes {
		ok, why, unknown := rt.Match.matches(r)
		if !ok {
			continue
		}
		return RouteChoice{Route: rt, Why: why, Unknown: unknown}
	}
	return RouteChoice{Why: fmt.Sprintf("none of the %d routes of virtual host %q matches %s; Envoy answers 404 (NR)", len(v.Routes), v.Name, r.Path)}
}

func (m RouteMatch) matches(r Req) (ok bool, why, unknown string) {
	path, query, _ := strings.Cut(r.Path, "?")
	ok, why = m.pathMatches(path, r)
	if !ok || m.Zero {
		return false, "", ""
	}
	for _, h := range m.Headers {
		v, there := r.header(h.Name)
		yes, known := h.matches(v, there)
		if !known {
			unknown = "matcher on " + h.Name
			continue
		}
		if !yes {
			return false, "", ""
		}
		why += ", header " + h.Name
	}
	for _, q := range m.Query {
		v, there := queryValue(query, q.Name)
		if yes, known := q.matches(v, there); known && !yes {
			return false, "", ""
		}
		why += ", query " + q.Name
	}
	if ct, _ := r.header("content-type"); m.GRPC && !strings.HasPrefix(ct, "application/grpc") {
		return false, "", ""
	}
	if m.Fraction != "" {
		unknown = "only " + m.Fraction + " of the requests take this route"
	}
	if len(m.Other) > 0 {
		unknown = "matcher " + strings.Join(m.Other, ", ")
	}
	return true, why, unknown
}

func (m RouteMatch) pathMatches(path string, r Req) (bool, string) {
	p, fold := path, func(s string) string { return s }
	if m.Fold {
		fold = strings.ToLower
		p = fold(p)
	}
	switch {
	case m.Exact != "":
		return p == fold(m.Exact), "path is " + m.Exact
	case m.Separated != "":
		s := fold(m.Separated)
		return p == s || strings.HasPrefix(p, s+"/"), "path is or is below " + m.Separated
	case m.Regex != "":
		re, err := regexp.Compile("^(?:" + m.Regex + ")$")
		return err == nil && re.MatchString(path), "path matches " + m.Regex + " as a whole"
	case m.Connect:
		return r.Method == "CONNECT", "CONNECT"
	case m.Prefix != "":
		return strings.HasPrefix(p, fold(m.Prefix)), "path begins with " + m.Prefix
	}
	// A policy that is not understood may match: the caller says so.
	return len(m.Other) > 0, "path by a matcher that is not known"
}

func (h HeaderMatch) matches(v string, there bool) (yes, known bool) {
	if !there && h.MissingAsEmpty {
		there = true
	}
	if h.Kind == "present" {
		return (there == h.Present) != h.Invert, true
	}
	if !there {
		// The rule is then ignored, inverted or not, and does not match (HeaderMatcher's
		// treat_missing_header_as_empty).
		return false, true
	}
	fold := func(s string) string { return s }
	if h.Fold {
		fold = strings.ToLower
	}
	switch h.Kind {
	case "exact":
		yes = fold(v) == fold(h.Exact)
	case "prefix":
		yes = strings.HasPrefix(fold(v), fold(h.Prefix))
	case "suffix":
		yes = strings.HasSuffix(fold(v), fold(h.Suffix))
	case "contains":
		yes = strings.Contains(fold(v), fold(h.Contains))
	case "regex":
		re, err := regexp.Compile("^(?:" + h.Regex + ")$")
		if err != nil {
			return false, false
		}
		yes = re.MatchString(v)
	case "range":
		n, err := strconv.ParseInt(v, 10, 64)
		yes = err == nil && n >= h.Start && n < h.End
	default:
		return false, false
	}
	return yes != h.Invert, true
}

func queryValue(query, name string) (string, bool) {
	for part := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(part, "=")
		if k == name {
			return v, true
		}
	}
	return "", false
}
