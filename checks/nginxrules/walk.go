package nginxrules

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

// level is one place of a configuration where a request can end: a server, a location, a nested one,
// or an if in one of them.
type level struct {
	n      *checks.Nginx
	server *nginx.Server
	loc    *nginx.Location // nil at the level of the server itself
	scope  nginx.Scope
}

// object names the level in findings: "server a.example.com location /ws".
func (l level) object() string {
	s := "server " + l.server.Name()
	if l.loc != nil {
		s += " " + l.loc.Label()
	}
	return s
}

// pass is the proxy_pass of the level itself, or nil.
func (l level) pass() *nginx.Directive { return nginx.Last(l.scope.Inner().Body, "proxy_pass") }

// value is the setting in force of a directive that is inherited singly, or other when no level sets it.
func (l level) value(name, other string) string {
	if d := l.scope.Value(name); d != nil {
		return d.Arg(0)
	}
	return other
}

// written reports that the server stands in the files. A snippet of locations gets one that does not,
// and nothing is known of its sockets.
func (l level) written() bool {
	return !l.n.HTTP.Fragment || len(nginx.Find(l.n.Config.Root, "server")) > 0
}

// tls tells the sockets of a server that take TLS from those that do not.
func (l level) tls() (ssl, plain []nginx.Listen) {
	on := l.value("ssl", "off") == "on"
	for _, x := range l.server.Listens {
		if on || x.SSL || x.QUIC {
			ssl = append(ssl, x)
		} else {
			plain = append(plain, x)
		}
	}
	return ssl, plain
}

// header gives what the level sends upstream as a header: the raw value and its line, or nil when no
// line sets it and nginx does what it does by itself.
func (l level) header(name string) (raw string, d *nginx.Directive) {
	set, _ := l.scope.Array("proxy_set_header")
	for _, d := range slices.Backward(set) {
		if len(d.Args) == 2 && strings.EqualFold(d.Args[0], name) {
			return d.Args[1], d
		}
	}
	return "", nil
}

// client is what a request brings along, as far as the rules ask.
type client string

// The clients that the rules ask about.
const (
	plainClient client = ""
	webSocket   client = "websocket" // a browser that opens a WebSocket
	viaHTTPS    client = "https"     // a request that came by https to a proxy in front
)

func (c client) headers() map[string]string {
	switch c {
	case webSocket:
		return map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}
	case viaHTTPS:
		return map[string]string{xfp: "https"}
	default:
		return nil
	}
}

type sentKey struct {
	h   *nginx.HTTP
	raw string
	c   client
}

// sent works out the value of a header for a plain request of a client. known is false when it depends
// on what only a request tells, or when nothing sets it.
func (l level) sent(name string, c client) (text string, known bool) {
	raw, d := l.header(name)
	if d == nil || !strings.Contains(raw, "$") {
		return raw, d != nil
	}
	if m := l.n.HTTP.Maps[raw]; raw != "$scheme" && !strings.HasPrefix(raw, "$http_") && (m == nil || m.Source != "$http_upgrade" && m.Source != "$http_x_forwarded_proto") {
		v := l.evaluate(name, d, c)
		return v.Text, v.Known
	}
	// It depends on the request alone, and most locations say the same.
	v, _ := l.n.World.Once(sentKey{l.n.HTTP, raw, c}, func() any { return l.evaluate(name, d, c) }).(nginx.Value)
	return v.Text, v.Known
}

// evaluate works out one header line; the others are left out, which are most of the cost.
func (l level) evaluate(name string, d *nginx.Directive, c client) nginx.Value {
	only := append(l.scope[:len(l.scope)-1:len(l.scope)-1], &nginx.Level{Kind: "location", Open: l.scope.Inner().Open, Body: []*nginx.Directive{d}})
	o := &nginx.Outcome{Scope: only, Location: l.loc, Choice: nginx.ServerChoice{Server: l.server}}
	h, _ := l.n.HTTP.Passed(nginx.Request{Headers: c.headers()}, o).Get(name)
	return h.Value
}

type (
	levelsKey struct{ n *checks.Nginx }
	passesKey struct{ n *checks.Nginx }
)

// levels lists all places of a configuration, in the order of the files. The list is shared: it is
// not to be changed.
func levels(n *checks.Nginx) []level {
	list, _ := n.World.Once(levelsKey{n}, func() any { return allLevels(n) }).([]level)
	return list
}

func allLevels(n *checks.Nginx) []level {
	var out []level
	for _, s := range n.HTTP.Servers {
		l := level{n: n, server: s, scope: s.Scope}
		out = append(out, l)
		out = append(out, ifs(l)...)
		out = append(out, locations(n, s, s.Locs)...)
	}
	return out
}

func locations(n *checks.Nginx, s *nginx.Server, locs []*nginx.Location) []level {
	var out []level
	for _, x := range locs {
		l := level{n: n, server: s, loc: x, scope: x.Scope}
		out = append(out, l)
		out = append(out, ifs(l)...)
		out = append(out, locations(n, s, x.Locs)...)
	}
	return out
}

// ifs are the if blocks of a level: each is an anonymous location that inherits from it.
func ifs(l level) []level {
	var out []level
	for _, d := range nginx.Find(l.scope.Inner().Body, "if") {
		in := l
		in.scope = append(slices.Clone(l.scope), &nginx.Level{Kind: "if", Open: d, Body: d.Block})
		out = append(out, in)
	}
	return out
}

// passes lists the places that hand requests on by proxy_pass; it is shared like levels.
func passes(n *checks.Nginx) []level {
	list, _ := n.World.Once(passesKey{n}, func() any {
		return slices.DeleteFunc(slices.Clone(levels(n)), func(l level) bool { return l.pass() == nil })
	}).([]level)
	return list
}

// group is one line of a server with the places where it counts.
type group struct {
	d  *nginx.Directive
	at []level
}

// object is the place when there is one, else their server.
func (g group) object() string {
	if len(g.at) == 1 {
		return g.at[0].object()
	}
	return "server " + g.at[0].server.Name()
}

// find gives a finding at the line, with the proxy_pass of the first places as evidence.
func (g group) find(n *checks.Nginx) checks.Finding {
	f := n.At(g.d, g.object())
	for i, l := range g.at {
		if i == 3 {
			break
		}
		if p := l.pass(); p != nil && p != g.d {
			f.Evidence = append(f.Evidence, n.Line(p))
		}
	}
	for _, l := range g.at {
		f.Covers = append(f.Covers, l.object())
	}
	return f
}

// groups collects places by the line that pick names for each; places with none are left out. One line
// at the level of the server is one finding then, however many locations inherit it.
func groups(ls []level, pick func(l level) *nginx.Directive) []group {
	type key struct {
		s *nginx.Server
		d *nginx.Directive
	}
	var out []group
	where := map[key]int{}
	for _, l := range ls {
		d := pick(l)
		if d == nil {
			continue
		}
		k := key{l.server, d}
		i, ok := where[k]
		if !ok {
			i = len(out)
			where[k] = i
			out = append(out, group{d: d})
		}
		out[i].at = append(out[i].at, l)
	}
	return out
}

// upstreams lists the upstream groups in the order of the files.
func upstreams(n *checks.Nginx) []*nginx.Upstream {
	out := slices.Collect(maps.Values(n.HTTP.Upstreams))
	slices.SortFunc(out, func(a, b *nginx.Upstream) int {
		return cmp.Or(strings.Compare(a.D.File, b.D.File), cmp.Compare(a.D.Line, b.D.Line))
	})
	return out
}
