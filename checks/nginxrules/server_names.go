package nginxrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func conflictingName() checks.Check {
	return checks.Check{
		ID:       "nginx-conflicting-server-name",
		Title:    "two servers have the same name on the same socket: the second never answers",
		Area:     checks.AreaNginx,
		Severity: checks.Warning,
		Why: "nginx takes the first server with a name and ignores the name in all others (\"conflicting server name … ignored\"). " +
			"Changes made in the second file have no effect.",
		Fix:     "Remove one of the two, or give it another name.",
		Verify:  "nginx -t prints no warning about a conflicting server name",
		Sources: []string{"https://nginx.org/en/docs/http/server_names.html"},
		Eval:    checks.OnNginx(evalConflictingName),
	}
}

func evalConflictingName(n *checks.Nginx) []checks.Finding {
	type key struct{ socket, name string }
	first := map[key]*nginx.Server{}
	reported := map[[2]*nginx.Server]bool{}
	var out []checks.Finding
	for _, s := range n.HTTP.Servers {
		names := s.Names
		if len(names) == 0 {
			names = []nginx.ServerName{{D: s.D}}
		}
		for _, l := range s.Listens {
			for _, name := range names {
				k := key{l.String(), strings.ToLower(name.Text)}
				other := first[k]
				if other == nil {
					first[k] = s
				}
				if other == nil || other == s || reported[[2]*nginx.Server{other, s}] {
					continue
				}
				reported[[2]*nginx.Server{other, s}] = true
				f := n.At(name.D, "server "+s.Name())
				f.Key = other.D.At()
				f.Title = fmt.Sprintf("%s on %s is taken by the server at %s: this one never answers to it", quoted(name.Text), l, other.D.At())
				f.Evidence = append(f.Evidence, n.Line(other.D))
				for _, note := range n.Notes {
					if strings.Contains(note, `conflicting server name "`+name.Text+`"`) {
						f.Evidence = append(f.Evidence, checks.Evidence{Source: "nginx -t", Text: note})
						break
					}
				}
				out = append(out, f)
			}
		}
	}
	return out
}

func quoted(name string) string {
	if name == "" {
		return "the server without a name"
	}
	return name
}

func listenShadow() checks.Check {
	return checks.Check{
		ID:       "nginx-listen-shadow",
		Title:    "a server that listens on every address is not reached on one of them",
		Area:     checks.AreaNginx,
		Severity: checks.Warning,
		Why: "Another server listens on that address and the same port explicitly. nginx binds a socket of its own for it, and connections to that address only ever " +
			"see the servers that name it: this one is unreachable there, and a neighbour answers with its certificate and its pages.",
		Fix:     "Write all listen lines of a port in the same form: all with the address, or all without.",
		Verify:  "curl -sI --resolve NAME:443:ADDRESS https://NAME/ is answered by the right server",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#listen", "https://nginx.org/en/docs/http/request_processing.html#mixed_name_ip_based_servers"},
		Eval:    checks.OnNginx(evalListenShadow),
	}
}

func evalListenShadow(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, s := range n.HTTP.Servers {
		for _, l := range s.Listens {
			if !l.Wildcard() || !named(s) {
				continue
			}
			other, at := specific(n, s, l)
			if other == nil {
				continue
			}
			f := n.At(l.D, "server "+s.Name())
			f.Key = at.String()
			f.Title = fmt.Sprintf("connections to %s never reach %s: %s listens there", at, s.Name(), other.Name())
			f.Evidence = append(f.Evidence, n.Line(at.D))
			if n.Host != nil && n.Container == "" && has(n.Host.Addresses.Value, at.Addr.String()) {
				f.Severity = checks.Error
				f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedAddresses, at.Addr.String()+" is an address of this machine").Evidence...)
			}
			out = append(out, f)
		}
	}
	return out
}

// named reports that a server has a name that a client can ask for.
func named(s *nginx.Server) bool {
	for _, n := range s.Names {
		if n.Text != "" && n.Text != "_" && n.Text != "localhost" {
			return true
		}
	}
	return false
}

// specific finds a server that listens on an address of the port that s takes everywhere, unless s
// listens on it as well. Loopback is left out: clients do not come that way.
func specific(n *checks.Nginx, s *nginx.Server, l nginx.Listen) (*nginx.Server, nginx.Listen) {
	for _, o := range n.HTTP.Servers {
		for _, x := range o.Listens {
			if o == s || x.Unix != "" || x.Port != l.Port || x.Wildcard() || x.Addr.IsLoopback() || x.V6 != l.V6 {
				continue
			}
			both := false
			for _, y := range s.Listens {
				both = both || y.Addr == x.Addr && y.Port == x.Port
			}
			if !both {
				return o, x
			}
		}
	}
	return nil, nginx.Listen{}
}

func defaultServer() checks.Check {
	return checks.Check{
		ID:       "nginx-default-server-leak",
		Title:    "requests for unknown names are answered by an application",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why: "No server of this socket is marked default_server, so the first one in the files answers to every name nobody else has, and with TLS shows its certificate. " +
			"Which one is first changes when a file is added.",
		Fix:     "A server of its own: listen PORT default_server; return 444; and for TLS ssl_reject_handshake on;",
		Verify:  "curl -sI -H 'Host: no.such.name' http://ADDRESS/ gets no answer",
		Sources: []string{"https://nginx.org/en/docs/http/request_processing.html", "https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_reject_handshake"},
		Eval:    checks.OnNginx(evalDefaultServer),
	}
}

func evalDefaultServer(n *checks.Nginx) []checks.Finding {
	if n.HTTP.Fragment {
		return checks.NotHere("one file of several does not tell which server is first")
	}
	type socket struct {
		first *nginx.Server
		l     nginx.Listen
		count int
		set   bool
	}
	var order []string
	all := map[string]*socket{}
	for _, s := range n.HTTP.Servers {
		for _, l := range s.Listens {
			k := l.String()
			if all[k] == nil {
				all[k] = &socket{first: s, l: l}
				order = append(order, k)
			}
			all[k].count++
			all[k].set = all[k].set || l.Default
		}
	}
	var out []checks.Finding
	told := map[*nginx.Server]bool{}
	proxies := map[*nginx.Server]bool{}
	for _, l := range passes(n) {
		proxies[l.server] = true
	}
	for _, k := range order {
		x := all[k]
		if x.set || x.count < 2 || !named(x.first) || told[x.first] || !proxies[x.first] {
			continue
		}
		told[x.first] = true
		f := n.At(x.l.D, "server "+x.first.Name())
		f.Title = fmt.Sprintf("%s answers for every unknown name on %s", x.first.Name(), k)
		out = append(out, f)
	}
	return out
}
