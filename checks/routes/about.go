package routes

import (
	"fmt"
	"strings"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// About is what the configuration says of a node, for a person who looks at it alone.
type About struct {
	Match  []string     // which requests come here
	Lines  []Line       // the configuration around it, where it stands in a file
	Passes []trace.Pair // what is passed on or set, as configured
}

// Line is one line of a configuration file.
type Line struct {
	No   int
	Text string
	Here bool // the line of the node itself
}

// About works out what the configuration says of the node; the zero About for a node it says
// nothing of.
func (n *Node) About() About {
	if n.about == nil {
		return About{}
	}
	return n.about()
}

const (
	linesBefore = 2
	linesMost   = 40
)

// around returns the lines of a directive and its block, and a few before it; here is the line that is
// marked.
func around(c *nginx.Config, d *nginx.Directive, here int) []Line {
	if c == nil || d == nil || d.Line < 1 {
		return nil
	}
	for _, f := range c.Files {
		if f.Name != d.File {
			continue
		}
		text := strings.Split(string(f.Text), "\n")
		from, to := max(1, d.Line-linesBefore), lastLine(d)
		if d.IsBlock() {
			to++ // its closing brace
		}
		to = min(to, len(text), from+linesMost-1)
		var out []Line
		for i := from; i <= to; i++ {
			out = append(out, Line{No: i, Text: strings.TrimRight(text[i-1], "\r"), Here: i == here})
		}
		return out
	}
	return nil
}

// lastLine is the line of the last directive in a block that stands in the same file.
func lastLine(d *nginx.Directive) int {
	last := d.Line
	for _, x := range d.Block {
		if x.File == d.File {
			last = max(last, lastLine(x))
		}
	}
	return last
}

func serverMatch(s *nginx.Server) []string {
	var out []string
	for _, l := range s.Listens {
		out = append(out, fmt.Sprintf("%s (%s)", strings.TrimSuffix(l.D.String(), ";"), l.D.At()))
	}
	var names []string
	for _, n := range s.Names {
		names = append(names, n.Text)
	}
	if len(names) > 0 {
		out = append(out, "server_name "+strings.Join(names, " "))
	} else {
		out = append(out, "no server_name: only as the default server")
	}
	return out
}

func locationMatch(l *nginx.Location) string {
	switch l.Kind {
	case "=":
		return "the path is " + l.Path + " and nothing else"
	case "^~":
		return "longest prefix " + l.Path + "; then no expression is tried"
	case "~":
		return "the path matches " + l.Path + ", in the order of the file"
	case "~*":
		return "the path matches " + l.Path + " in any case, in the order of the file"
	case "@":
		return "only by an internal redirect to " + l.Path
	}
	return "longest prefix " + l.Path + ", unless an expression matches"
}

// nginxPasses is what a proxying level passes on, with the lines that say so.
func nginxPasses(x hosts.Nginx, s *nginx.Server, scope nginx.Scope) []trace.Pair {
	p := x.HTTP.Passed(nginx.Request{}, &nginx.Outcome{Choice: nginx.ServerChoice{Server: s}, Scope: scope, PassURL: nginx.Value{Known: true}})
	var out []trace.Pair
	add := func(name, value string, by *nginx.Directive) {
		if by != nil {
			value += "  (" + by.At() + ")"
		} else {
			value += "  (default)"
		}
		out = append(out, trace.Pair{Name: name, Value: value})
	}
	for _, name := range []string{"Host", "X-Forwarded-Proto", "X-Forwarded-For", "Upgrade", "Connection"} {
		h, ok := p.Get(name)
		switch {
		case !ok:
			add(name, "what the client sent", nil)
		case h.Raw == "":
			add(name, "not passed on", h.D)
		default:
			add(name, h.Raw, h.D)
		}
	}
	for _, h := range p.Headers {
		if !told(h.Name) {
			add(h.Name, h.Raw, h.D)
		}
	}
	add("protocol", "HTTP/"+p.HTTPVersion, p.VersionLine)
	add("read timeout", p.ReadTimeout.String(), p.TimeoutLine)
	add("buffering", onOff(p.Buffering), p.BufferingLine)
	for _, d := range p.Dropped {
		out = append(out, trace.Pair{Name: "lost", Value: fmt.Sprintf("%s (%s): an inner level sets headers of its own", strings.TrimSuffix(d.String(), ";"), d.At())})
	}
	return out
}

func told(name string) bool {
	switch strings.ToLower(name) {
	case "host", "x-forwarded-proto", "x-forwarded-for", "upgrade", "connection":
		return true
	}
	return false
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func chainAbout(c *envoy.Chain) About {
	a := About{}
	m := c.Match
	add := func(what string, v []string) {
		if len(v) > 0 {
			a.Match = append(a.Match, what+" "+strings.Join(v, ", "))
		}
	}
	if m.DestinationPort != 0 {
		add("destination port", []string{fmt.Sprint(m.DestinationPort)})
	}
	add("destination in", m.PrefixRanges)
	add("server name", m.ServerNames)
	if m.TransportProtocol != "" {
		add("transport", []string{m.TransportProtocol})
	}
	add("ALPN", m.ALPN)
	add("source in", m.SourceRanges)
	if len(a.Match) == 0 {
		a.Match = []string{"every connection"}
	}
	pair := pairs(&a)
	pair("TLS", onOff(c.TLS))
	pair("certificates", strings.Join(c.Secrets, ", "))
	if h := c.HCM; h != nil {
		pair("routes", h.RouteName)
		pair("use_remote_address", onOff(h.UseRemoteAddress))
		pair("upgrades", upgrades(h.Upgrades))
		pair("stream idle timeout", h.StreamIdle)
		pair("HTTP filters", strings.Join(h.HTTPFilters, ", "))
	}
	pair("filters", strings.Join(c.Filters, ", "))
	return a
}

// pairs appends what has a value.
func pairs(a *About) func(name, value string) {
	return func(name, value string) {
		if value != "" {
			a.Passes = append(a.Passes, trace.Pair{Name: name, Value: value})
		}
	}
}

func upgrades(m map[string]bool) string {
	var out []string
	for k, on := range m {
		if on {
			out = append(out, k)
		} else {
			out = append(out, k+" off")
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(sorted(out), ", ")
}

func routeAbout(c *envoy.Chain, r *envoy.Route) About {
	a := About{Match: []string{"path " + r.Match.String()}}
	for _, h := range r.Match.Headers {
		a.Match = append(a.Match, "header "+h.Name)
	}
	for _, q := range r.Match.Query {
		a.Match = append(a.Match, "query "+q.Name)
	}
	if r.Match.GRPC {
		a.Match = append(a.Match, "gRPC only")
	}
	if r.Match.Fraction != "" {
		a.Match = append(a.Match, r.Match.Fraction+" of the requests")
	}
	pair := pairs(&a)
	if r.Direct != nil {
		pair("answers", fmt.Sprintf("%d %s", r.Direct.Status, r.Direct.Body))
		return a
	}
	if r.Redirect != nil {
		return a
	}
	host := "what the client sent"
	if r.HostRewrite != "" {
		host = r.HostRewrite
	}
	pair("Host", host)
	if c.HCM != nil {
		proto := "what the client sent, else the scheme of the connection"
		if c.HCM.UseRemoteAddress {
			proto = "the scheme of the connection"
		}
		pair("X-Forwarded-Proto", proto)
		up := upgrades(c.HCM.Upgrades)
		if len(r.Upgrades) > 0 {
			up = upgrades(r.Upgrades)
		}
		pair("Upgrade", up)
	}
	pair("prefix rewrite", r.PrefixRewrite)
	if r.RegexRewrite[0] != "" {
		pair("regex rewrite", r.RegexRewrite[0]+" to "+r.RegexRewrite[1])
	}
	timeout := r.Timeout
	if timeout == "" {
		timeout = envoy.DefaultRouteTimeout.String() + "  (default)"
	}
	pair("timeout", timeout)
	pair("idle timeout", r.IdleTimeout)
	return a
}

func clusterAbout(c *envoy.Cluster) About {
	a := About{}
	pair := pairs(&a)
	pair("type", c.Type)
	pair("EDS name", c.EDSName)
	pair("state", c.State.String())
	pair("last update", c.Error)
	pair("TLS to the endpoint", onOff(c.TLS))
	pair("server name", c.SNI)
	if c.HTTP2 {
		pair("protocol", "HTTP/2")
	}
	pair("connect timeout", c.Timeout)
	if c.Live == nil {
		pair("health", "/clusters was not read: flags are not known")
	}
	return a
}

func routerAbout(t *hosts.Traefik, r hosts.Router) About {
	a := About{Match: []string{r.Rule}}
	pair := pairs(&a)
	if len(r.EntryPoints) > 0 {
		a.Match = append(a.Match, "entry point "+strings.Join(r.EntryPoints, ", "))
	}
	pair("service", r.Service)
	pair("TLS", onOff(r.TLS))
	pair("certificates", r.CertResolver)
	if r.Priority != 0 {
		pair("priority", fmt.Sprint(r.Priority))
	}
	pair("provider", r.Provider)
	pair("status", r.Status)
	pair("labels of", r.Container)
	for _, name := range r.Middlewares {
		pair("middleware", name+middleware(t, name))
	}
	return a
}

func middleware(t *hosts.Traefik, name string) string {
	short, _, _ := strings.Cut(name, "@")
	for _, m := range t.Middlewares {
		mn, _, _ := strings.Cut(m.Name, "@")
		if mn != short {
			continue
		}
		var set []string
		for k, v := range m.Settings {
			set = append(set, k+"="+v)
		}
		return strings.TrimRight("  "+m.Type+" "+strings.Join(sorted(set), " "), " ")
	}
	return ""
}

// Around returns the configuration around a line of an nginx on a host: in a container, or the
// host's own with "". It is nil where that line is not known.
func Around(s *hosts.Snapshot, host, container, file string, line int) []Line {
	h := s.Host(host)
	if h == nil || file == "" || line < 1 {
		return nil
	}
	for _, x := range h.Nginx.Value {
		if x.Container != container || x.Config == nil {
			continue
		}
		if d := at(x.Config.Root, file, line); d != nil {
			return around(x.Config, d, line)
		}
		return around(x.Config, &nginx.Directive{File: file, Line: line}, line)
	}
	return nil
}

// at finds the directive that begins on a line; of several the outermost.
func at(ds []*nginx.Directive, file string, line int) *nginx.Directive {
	for _, d := range ds {
		if d.File == file && d.Line == line {
			return d
		}
		if x := at(d.Block, file, line); x != nil {
			return x
		}
	}
	return nil
}
