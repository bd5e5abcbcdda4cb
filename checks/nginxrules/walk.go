package nginxrules

import (
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

// path is what the location matches, "/" at the level of the server.
func (l level) path() string {
	if l.loc == nil {
		return "/"
	}
	return l.loc.Path
}

// pass is the proxy_pass of the level itself, or nil.
func (l level) pass() *nginx.Directive { return nginx.Last(l.scope.Inner().Body, "proxy_pass") }

// ssl reports that every socket of the server takes TLS; some reports that one does.
func (l level) ssl() (every, some bool) {
	every = true
	for _, x := range l.server.Listens {
		on := x.SSL || x.QUIC || l.scope.Value("ssl") != nil && l.scope.Value("ssl").Arg(0) == "on"
		every, some = every && on, some || on
	}
	return every, some
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

// levels lists all places of a configuration, in the order of the files.
func levels(n *checks.Nginx) []level {
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

// passes lists the places that hand requests on by proxy_pass.
func passes(n *checks.Nginx) []level {
	return slices.DeleteFunc(levels(n), func(l level) bool { return l.pass() == nil })
}
