package nginx

import (
	"fmt"
	"net/netip"
	"strings"
)

// Socket is where a connection arrives: an address and port of the machine nginx runs on, or a unix
// socket path. TLS tells what the client speaks, not what the socket is configured for.
type Socket struct {
	Addr netip.Addr
	Port uint16
	Unix string
}

func (s Socket) String() string {
	if s.Unix != "" {
		return "unix:" + s.Unix
	}
	if s.Addr.IsValid() {
		return netip.AddrPortFrom(s.Addr, s.Port).String()
	}
	return fmt.Sprintf("*:%d", s.Port)
}

// bound is one server's listen line on the socket that takes a connection.
type bound struct {
	s *Server
	l Listen
}

// Sockets finds the listen lines that share the socket a connection to at arrives on. nginx binds
// one socket per address and port: a connection to 10.0.0.1:80 goes to "listen 10.0.0.1:80" where
// some server has it, and then never to the servers that only "listen 80".
func (h *HTTP) sockets(at Socket) []bound {
	var exact, wild []bound
	for _, s := range h.Servers {
		for _, l := range s.Listens {
			switch {
			case at.Unix != "" || l.Unix != "":
				if at.Unix == l.Unix {
					exact = append(exact, bound{s, l})
				}
			case l.Port != at.Port:
			case l.Wildcard():
				if l.takes(at.Addr) {
					wild = append(wild, bound{s, l})
				}
			case at.Addr.IsValid() && l.Addr == at.Addr.Unmap():
				exact = append(exact, bound{s, l})
			}
		}
	}
	if len(exact) > 0 {
		return exact
	}
	if !at.Addr.IsValid() && len(wild) == 0 {
		return h.anyAddress(at.Port)
	}
	return preferFamily(wild, at.Addr)
}

// preferFamily keeps the listen lines of the one socket that takes the connection when both *:80
// and a dual-stack [::]:80 are configured.
func preferFamily(in []bound, a netip.Addr) []bound {
	var same []bound
	v6 := a.IsValid() && a.Is6() && !a.Is4In6()
	for _, b := range in {
		if b.l.V6 == v6 {
			same = append(same, b)
		}
	}
	if len(same) > 0 {
		return same
	}
	return in
}

// anyAddress is for a question without an address: every socket with that port.
func (h *HTTP) anyAddress(port uint16) []bound {
	var out []bound
	for _, s := range h.Servers {
		for _, l := range s.Listens {
			if l.Unix == "" && l.Port == port {
				out = append(out, bound{s, l})
			}
		}
	}
	return out
}

func (l Listen) takes(a netip.Addr) bool {
	if !a.IsValid() {
		return !l.V6 || !l.V6Only
	}
	v6 := a.Is6() && !a.Is4In6()
	return l.V6 == v6 || (l.V6 && !l.V6Only && !v6)
}

// ServerChoice is the server a request goes to, and why.
type ServerChoice struct {
	Server *Server
	Listen Listen
	Why    string
	Caps   map[string]string // captures of a server_name pattern
	// Default is true when no name matched and the default server of the socket answers.
	Default bool
}

// ChooseServer picks the server for a connection and a host name (of the Host header, lower case
// or not, with or without port). ok is false when nginx has no socket there.
func (h *HTTP) ChooseServer(at Socket, host string) (ServerChoice, bool) {
	list := h.sockets(at)
	if len(list) == 0 {
		return ServerChoice{}, false
	}
	name := normalHost(host)
	if c, ok := chooseByName(list, name); ok {
		return c, true
	}
	for _, b := range list {
		if b.l.Default {
			return ServerChoice{
				Server: b.s, Listen: b.l, Default: true,
				Why: fmt.Sprintf("no server_name matches %q; %s is default_server of %s", name, b.l.D.At(), b.l),
			}, true
		}
	}
	b := list[0]
	return ServerChoice{
		Server: b.s, Listen: b.l, Default: true,
		Why: fmt.Sprintf("no server_name matches %q and %s has no default_server; the first server there answers", name, b.l),
	}, true
}

// chooseByName applies the precedence of server_name: exact, longest leading wildcard, longest
// trailing wildcard, first pattern in file order. An empty host matches server_name "".
func chooseByName(list []bound, name string) (ServerChoice, bool) {
	type cand struct {
		b bound
		n ServerName
	}
	var lead, trail *cand
	leadN, trailN := -1, -1
	for _, b := range list {
		for _, n := range b.s.Names {
			pat := strings.ToLower(n.Text)
			if n.re != nil {
				continue
			}
			if pat == name || (strings.HasPrefix(pat, ".") && pat[1:] == name) {
				return ServerChoice{Server: b.s, Listen: b.l, Why: fmt.Sprintf("server_name %s matches exactly (%s)", n.Text, n.D.At())}, true
			}
			ok, front, size := wildcardMatch(pat, name)
			if !ok || name == "" {
				continue
			}
			if front && size > leadN {
				lead, leadN = &cand{b, n}, size
			}
			if !front && size > trailN {
				trail, trailN = &cand{b, n}, size
			}
		}
	}
	if lead != nil {
		return ServerChoice{Server: lead.b.s, Listen: lead.b.l, Why: fmt.Sprintf("server_name %s is the longest leading wildcard (%s)", lead.n.Text, lead.n.D.At())}, true
	}
	if trail != nil {
		return ServerChoice{Server: trail.b.s, Listen: trail.b.l, Why: fmt.Sprintf("server_name %s is the longest trailing wildcard (%s)", trail.n.Text, trail.n.D.At())}, true
	}
	for _, b := range list {
		for _, n := range b.s.Names {
			if caps, ok := n.re.match(name); ok {
				return ServerChoice{Server: b.s, Listen: b.l, Caps: caps, Why: fmt.Sprintf("server_name %s is the first pattern that matches (%s)", n.Text, n.D.At())}, true
			}
		}
	}
	return ServerChoice{}, false
}

// normalHost strips the port and a trailing dot, as nginx does before it looks a name up.
func normalHost(host string) string {
	h := strings.ToLower(host)
	if strings.HasPrefix(h, "[") {
		if i := strings.IndexByte(h, ']'); i > 0 {
			return h[:i+1]
		}
		return h
	}
	if i := strings.LastIndexByte(h, ':'); i >= 0 {
		h = h[:i]
	}
	return strings.TrimSuffix(h, ".")
}

// LocationChoice is the location a URI goes to, and why. Location is nil when no location matches
// and the server's own settings count.
type LocationChoice struct {
	Location *Location
	Why      string
	Caps     map[string]string
	Slash    bool // nginx answers 301 to the same URI with a slash, because only "PATH/" exists and proxies
}

type findResult int

const (
	declined findResult = iota
	again               // a prefix matched
	found               // an exact match or a pattern
	slash
)

// ChooseLocation applies nginx's search to a normalised URI: exact, longest prefix, nested, then
// patterns in order unless the prefix is ^~. It follows ngx_http_core_find_location, including that
// nested prefixes are searched before patterns and that patterns of outer levels are tried last.
func (s *Server) ChooseLocation(uri string) LocationChoice {
	f := &finder{uri: uri}
	f.find(s.Locs)
	f.out.Slash = f.res == slash
	if f.out.Location == nil {
		f.out.Why = "no location matches " + uri + "; the server's own settings count"
	}
	return f.out
}

type finder struct {
	uri string
	out LocationChoice
	res findResult
}

func (f *finder) find(locs []*Location) findResult {
	rc, hit := f.static(locs)
	noregex := false
	if rc == again {
		noregex = hit.Kind == "^~"
		rc = f.find(hit.Locs)
	}
	if rc == found || rc == slash {
		f.res = rc
		return rc
	}
	if noregex {
		return rc
	}
	for _, l := range locs {
		if l.re == nil {
			continue
		}
		if caps, ok := l.re.match(f.uri); ok {
			f.out = LocationChoice{Location: l, Caps: caps, Why: fmt.Sprintf("first pattern that matches %s (%s)", f.uri, l.D.At())}
			f.find(l.Locs)
			f.res = found
			return found
		}
	}
	return rc
}

// static finds the exact match or the longest prefix among one level's locations.
func (f *finder) static(locs []*Location) (findResult, *Location) {
	var best, redirect *Location
	for _, l := range locs {
		switch {
		case l.Kind == "=" && l.Path == f.uri:
			f.out = LocationChoice{Location: l, Why: fmt.Sprintf("= %s matches exactly (%s)", l.Path, l.D.At())}
			return found, l
		case l.Kind != "" && l.Kind != "^~":
		case strings.HasPrefix(f.uri, l.Path) && (best == nil || len(l.Path) > len(best.Path)):
			best = l
		case l.Path == f.uri+"/" && l.proxies():
			redirect = l
		}
	}
	if redirect != nil && (best == nil || best.Path != f.uri) {
		f.out = LocationChoice{Location: redirect, Why: fmt.Sprintf("%s proxies and only lacks the slash: 301 to %s (%s)", redirect.Path, redirect.Path, redirect.D.At())}
		return slash, redirect
	}
	if best == nil {
		return declined, nil
	}
	why := fmt.Sprintf("%s is the longest prefix of %s (%s)", best.Path, f.uri, best.D.At())
	if best.Kind == "^~" {
		why += ", ^~ keeps patterns out"
	}
	f.out = LocationChoice{Location: best, Why: why}
	return again, best
}

func (l *Location) proxies() bool {
	if !strings.HasSuffix(l.Path, "/") {
		return false
	}
	for _, d := range l.D.Block {
		if passDirectives[d.Name] {
			return true
		}
	}
	return false
}

var passDirectives = map[string]bool{
	"proxy_pass": true, "fastcgi_pass": true, "uwsgi_pass": true, "scgi_pass": true, "grpc_pass": true, "memcached_pass": true,
}

// named finds "@name" at the server's level.
func (s *Server) named(name string) *Location {
	for _, l := range s.Locs {
		if l.Kind == "@" && l.Path == name {
			return l
		}
	}
	return nil
}
