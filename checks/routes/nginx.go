package routes

import (
	"fmt"
	"regexp"
	"strings"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func (b *builder) nginx(parent string, x hosts.Nginx) *Node {
	n := &Node{ID: id(parent, "nginx", x.Container), Kind: "nginx", Host: b.h.Host.Name, Label: title("nginx", x.Container), Detail: x.Version}
	if x.HTTP == nil {
		n.Status, n.Detail = trace.Unknown, x.Error
		if x.Needs != "" {
			n.Detail += "; needs " + x.Needs
		}
		return n
	}
	for i, s := range x.HTTP.Servers {
		n.Children = append(n.Children, b.server(n.ID, i, x, s))
	}
	n.Status = worst(n.Children)
	return n
}

func (b *builder) server(parent string, i int, x hosts.Nginx, s *nginx.Server) *Node {
	var listens, names []string
	tls := false
	for _, l := range s.Listens {
		t := l.String()
		if l.SSL {
			t, tls = t+" ssl", true
		}
		if l.Default {
			t += " default"
		}
		listens = append(listens, t)
	}
	for _, sn := range s.Names {
		names = append(names, sn.Text)
	}
	n := &Node{ID: id(parent, i, s.Name()), Kind: "server", Host: b.h.Host.Name, Label: s.Name(), File: s.D.File, Line: s.D.Line, Detail: strings.Join(listens, ", ")}
	if len(names) > 1 {
		n.Detail += "; " + strings.Join(names[1:], " ")
	}
	n.about = func() About { return About{Match: serverMatch(s), Lines: around(x.Config, s.D, s.D.Line)} }
	base := b.serverURL(x, s, tls)
	for j, l := range s.Locs {
		n.Children = append(n.Children, b.location(n.ID, j, x, s, l, base))
	}
	if len(s.Locs) == 0 {
		b.action(n, x, s.Scope, s.D.Block)
		if n.passes {
			n.about = func() About {
				return About{Match: serverMatch(s), Lines: around(x.Config, s.D, s.D.Line), Passes: nginxPasses(x, s, s.Scope)}
			}
		}
	}
	n.Status, n.URL = worst(append(n.Children, &Node{Status: n.Status})), base
	return n
}

// serverURL forms "https://name:port" of a server that has a plain name; "" where nobody can say.
func (b *builder) serverURL(x hosts.Nginx, s *nginx.Server, tls bool) string {
	name := s.Name()
	if strings.ContainsAny(name, "*~_( ") || strings.HasPrefix(name, ".") || len(s.Listens) == 0 || s.Listens[0].Unix != "" {
		return ""
	}
	return b.base(name, b.hostPort(x.Container, s.Listens[0].Port), tls)
}

func (b *builder) location(parent string, i int, x hosts.Nginx, s *nginx.Server, l *nginx.Location, base string) *Node {
	n := &Node{ID: id(parent, i, l.Label()), Kind: "location", Host: b.h.Host.Name, Label: strings.Join(l.D.Args, " "), File: l.D.File, Line: l.D.Line}
	if base != "" && l.Kind != "~" && l.Kind != "~*" && l.Kind != "@" {
		n.URL = base + l.Path
	}
	b.action(n, x, l.Scope, l.D.Block)
	n.about = func() About {
		a := About{Match: []string{locationMatch(l)}, Lines: around(x.Config, l.D, l.D.Line)}
		if n.passes {
			a.Passes = nginxPasses(x, s, l.Scope)
		}
		return a
	}
	for j, c := range l.Locs {
		n.Children = append(n.Children, b.location(n.ID, j, x, s, c, base))
	}
	n.Status = worst(append(n.Children, &Node{Status: n.Status}))
	return n
}

// action says what a level does with a request, and joins what is behind it.
func (b *builder) action(n *Node, x hosts.Nginx, scope nginx.Scope, body []*nginx.Directive) {
	for _, d := range body {
		switch {
		case strings.HasSuffix(d.Name, "_pass") && len(d.Args) > 0:
			n.Detail = strings.TrimSuffix(d.String(), ";")
			n.passes = true
			b.pass(n, x, expand(scope, d.Args[0]))
			return
		case d.Name == "return" || d.Name == "rewrite" && len(d.Args) > 2 && (d.Args[2] == "permanent" || d.Args[2] == "redirect"):
			n.Detail = strings.TrimSuffix(d.String(), ";")
			return
		}
	}
	for _, name := range []string{"try_files", "alias"} {
		if d := nginx.Last(body, name); d != nil {
			n.Detail = strings.TrimSuffix(d.String(), ";")
			return
		}
	}
	if d := scope.Value("root"); d != nil {
		n.Detail = "files of " + d.Arg(0)
	}
}

// expand replaces variables that the levels set to a plain text, as in "set $backend http://app:8000;
// proxy_pass $backend;". Others stay: what they are depends on the request.
func expand(scope nginx.Scope, text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		for i := len(scope) - 1; i >= 0; i-- {
			for _, d := range scope[i].Body {
				if d.Name == "set" && len(d.Args) == 2 && d.Args[0] == name && !strings.Contains(d.Args[1], "$") {
					return d.Args[1]
				}
			}
		}
		return name
	})
}

var variable = regexp.MustCompile(`\$\w+`)

func (b *builder) pass(n *Node, x hosts.Nginx, target string) {
	port := uint16(80)
	if scheme, rest, ok := strings.Cut(target, "://"); ok {
		if strings.HasSuffix(scheme, "s") && scheme != "" {
			port = 443
		}
		target = rest
	}
	if p, ok := strings.CutPrefix(target, "unix:"); ok {
		p, _, _ = strings.Cut(p, ":")
		target = "unix:" + p
	} else {
		target, _, _ = strings.Cut(target, "/")
	}
	if u := x.HTTP.Upstreams[target]; u != nil {
		for i, m := range u.Members {
			c := &Node{ID: id(n.ID, u.Name, i), Kind: "member", Host: n.Host, Label: m.Address, File: m.D.File, Line: m.D.Line, Detail: strings.Join(m.D.Args[1:], " ")}
			c.about = func() About {
				return About{Match: []string{fmt.Sprintf("%s of %d servers of upstream %s (%s)", u.Method, len(u.Members), u.Name, u.D.At())}, Lines: around(x.Config, u.D, m.D.Line)}
			}
			if m.Down {
				c.Behind = "marked down"
			} else {
				b.behind(c, x.Container, m.Address, port)
			}
			n.Children = append(n.Children, c)
		}
		return
	}
	if strings.Contains(target, "$") {
		n.Status, n.Behind = trace.Unknown, "depends on "+target+" at run time"
		return
	}
	b.behind(n, x.Container, target, port)
}
