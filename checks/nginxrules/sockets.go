package nginxrules

import (
	"path"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func socketUnusable() checks.Check {
	return checks.Check{
		ID:       "nginx-upstream-socket-unusable",
		Title:    "nobody listens on a socket that nginx passes to",
		Area:     checks.AreaCapacity,
		Severity: checks.Error,
		Why: "Requests that nginx hands to this socket fail: connect() gives 2 (no such file) where the unit is down, 111 where the file was left behind. " +
			"nginx then tries the next server, and the capacity of this one is gone.",
		Fix:       "Start the unit that owns the socket, or take the line out of the upstream and reload.",
		Verify:    "ss -lxp | grep SOCKET names the process that listens",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server"},
		Diagnoses: []string{"worker-count", "max-conns"},
		After:     []string{"nginx-upstream-all-down"},
		Eval:      checks.OnNginx(evalSocketUnusable),
	}
}

func evalSocketUnusable(n *checks.Nginx) []checks.Finding {
	used := unixSockets(n)
	if len(used) == 0 {
		return checks.NotHere("nothing is passed to a unix socket")
	}
	if n.Host == nil {
		return checks.NotHere("a file does not tell what listens")
	}
	if p := n.Host.Part(checks.NeedSockets); !p.Known {
		return []checks.Finding{checks.Unsure("", p.Why())}
	}
	var out []checks.Finding
	for _, u := range used {
		p, known := onHost(n, u.path)
		if !known {
			out = append(out, checks.Unsure("socket "+u.path, "the socket is inside container "+n.Container+", where nothing was read"))
			continue
		}
		if listener(n.Host, p) != nil {
			out = append(out, forbidden(n, u)...)
			continue
		}
		f := n.At(u.d, "socket "+u.path)
		f.Title = "nobody listens on " + u.path
		f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedSockets, "no listener on "+p).Evidence...)
		if unit := ownerOf(n.Host, p); unit != nil {
			f.Title += ": " + unit.Name + " is " + unit.Active
			if unit.Draining() {
				f.Severity = checks.Info
			}
			f.Evidence = append(f.Evidence, n.Host.Find("", checks.NeedUnits, unit.Name+" "+unit.Active+" ("+unit.Sub+"), result "+unit.Result).Evidence...)
		}
		out = append(out, f)
	}
	return out
}

// forbidden finds in the log that nginx may not use a socket that somebody listens on.
func forbidden(n *checks.Nginx, u unixSocket) []checks.Finding {
	for _, s := range logged(n, "upstream-refused") {
		if m := logSocket.FindStringSubmatch(s.Line); m == nil || m[1] != u.path || m[2] != "13" {
			continue
		}
		f := n.At(u.d, "socket "+u.path)
		f.Title = "nginx may not connect to " + u.path + " (13: permission denied)"
		f.Fix = "Let the user of nginx write to the socket: its group, the mode of the socket and of the folders above it, SELinux (ls -lZ, namei -l)."
		f.Evidence = append(f.Evidence, said(n, s)...)
		return []checks.Finding{f}
	}
	return nil
}

// unixSocket is a socket that a line passes to.
type unixSocket struct {
	path string
	d    *nginx.Directive
}

// unixSockets lists the sockets nginx passes to, each once. Those of servers marked down are not used.
func unixSockets(n *checks.Nginx) []unixSocket {
	var out []unixSocket
	seen := map[string]bool{}
	add := func(address string, d *nginx.Directive) {
		if p, ok := unixPath(address); ok && !seen[p] && !strings.Contains(p, "$") {
			seen[p] = true
			out = append(out, unixSocket{p, d})
		}
	}
	for _, u := range upstreams(n) {
		for _, m := range u.Members {
			if !m.Down {
				add(m.Address, m.D)
			}
		}
	}
	for _, l := range levels(n) {
		for _, d := range l.scope.Inner().Body {
			if strings.HasSuffix(d.Name, "_pass") && len(d.Args) == 1 {
				add(passAddress(d.Args[0]), d)
			}
		}
	}
	return out
}

// onHost gives a path as the host sees it; known is false for one inside a container that no mount
// brings in.
func onHost(n *checks.Nginx, p string) (string, bool) {
	if n.Container == "" {
		return p, true
	}
	c := n.Host.Container(n.Container)
	if c == nil {
		return "", false
	}
	for _, m := range c.Mounts {
		if rest, ok := strings.CutPrefix(p, m.Destination); ok && (rest == "" || rest[0] == '/') && m.Source != "" {
			return path.Join(m.Source, rest), true
		}
	}
	return "", false
}

// listener is the socket at a path that somebody listens on, or nil.
func listener(h *checks.Host, p string) *hosts.Socket {
	for i := range h.Sockets.Value {
		s := &h.Sockets.Value[i]
		// /var/run is /run, whichever way it was written.
		if s.Proto == "unix" && strings.TrimPrefix(s.Address, "/var") == strings.TrimPrefix(p, "/var") {
			return s
		}
	}
	return nil
}

// ownerOf guesses the unit of a socket nobody listens on: the one with the same number or name as its
// neighbours' units have.
func ownerOf(h *checks.Host, p string) *hosts.Unit {
	for _, s := range h.Sockets.Value {
		if s.Proto != "unix" || s.Unit == "" || path.Dir(s.Address) != path.Dir(p) {
			continue
		}
		template, instance := hosts.Unit{Name: s.Unit}.Instance()
		before, after, ok := strings.Cut(path.Base(s.Address), instance)
		if template == "" || !ok {
			continue
		}
		mine, fits := strings.CutPrefix(path.Base(p), before)
		if mine, ok = strings.CutSuffix(mine, after); !ok || !fits {
			continue
		}
		name := strings.Replace(template, "@", "@"+mine, 1)
		for i := range h.Units.Value {
			if h.Units.Value[i].Name == name {
				return &h.Units.Value[i]
			}
		}
	}
	return nil
}

// unixPath is the path of "unix:/path", or of "unix:/path:/uri".
func unixPath(address string) (string, bool) {
	p, ok := strings.CutPrefix(address, "unix:")
	p, _, _ = strings.Cut(p, ":")
	return p, ok
}
