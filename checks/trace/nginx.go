package trace

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// nginx follows the request through one nginx.
func (w *walker) nginx(place where, n *hosts.Nginx, at nginx.Socket) {
	req := nginx.Request{At: at, TLS: w.r.tls, Host: w.r.host, Method: w.r.method, URI: w.r.uri, Headers: w.r.header}
	o := n.HTTP.Handle(req)
	ask := w.askHere(place, at)
	server := w.serverHop(place, n, o)
	server.Ask = ask
	if n.Stale != "" {
		server.Status = Unknown
		server.Detail = strings.TrimPrefix(server.Detail+"; ", "; ") + "by the configuration that was read last: " + n.Stale
	}
	hop := w.addOf(n, server)
	if w.r.tls && !o.Choice.Listen.SSL {
		hop.Status, hop.Detail = Broken, fmt.Sprintf("TLS is sent to %s, which is plain HTTP", o.Choice.Listen.D.At())
		return
	}
	if !w.r.tls && o.Choice.Listen.SSL {
		hop.Status, hop.Detail = Broken, fmt.Sprintf("plain HTTP is sent to a TLS socket (%s): nginx answers 400", o.Choice.Listen.D.At())
		return
	}
	w.locationHop(place, n, o)
	switch o.Kind {
	case nginx.Proxied:
		w.nginxPass(place, n, req, o)
	case nginx.Redirect:
		w.redirectHop(place, n, o, ask)
	case nginx.Returned:
		st := OK
		if o.Code >= 400 {
			st = Broken
		}
		ask.Promise = o.Code
		w.addOf(n, Hop{
			Kind: "response", Host: place.h.Host.Name, Object: fmt.Sprint(o.Code), Status: st, Ask: ask, Match: lastStep(o),
			File: stepFile(o), Line: stepLine(o), Detail: fmt.Sprintf("nginx itself answers %d%s", o.Code, body(o.Body)),
		})
	case nginx.Static:
		hop := Hop{Kind: "static", Host: place.h.Host.Name, Object: o.Target, Match: lastStep(o), Ask: ask, Detail: "a file of nginx"}
		if o.FileMaybe {
			hop.Status, hop.Detail = Unknown, "a file of nginx; whether it exists was not asked"
		}
		w.addOf(n, hop)
	default:
		w.addOf(n, Hop{
			Kind: "response", Host: place.h.Host.Name, Object: o.Kind.String(), Status: Unknown, Match: lastStep(o), Ask: ask,
			Detail: "what nginx answers depends on " + orText(strings.Join(o.Unknown, ", "), "its own handler"),
		})
	}
}

// addOf adds a hop that an nginx decided.
func (w *walker) addOf(n *hosts.Nginx, h Hop) *Hop {
	h.Container = n.Container
	return w.add(h)
}

func (w *walker) askHere(place where, at nginx.Socket) *Ask {
	switch {
	case at.Unix != "":
		return w.ask(place.h.Host.Name, "unix", at.Unix)
	case place.c != nil && containerIP(place.c).IsValid():
		return w.ask(place.h.Host.Name, "tcp", fmt.Sprintf("%s:%d", containerIP(place.c), at.Port))
	default:
		return w.ask(place.h.Host.Name, "tcp", dialAddr(at.Addr, at.Port))
	}
}

func (w *walker) serverHop(place where, n *hosts.Nginx, o *nginx.Outcome) Hop {
	hop := Hop{
		Kind: "server", Host: place.h.Host.Name, Object: o.Choice.Server.Name(), File: o.Choice.Server.D.File, Line: o.Choice.Server.D.Line,
		Match: o.Choice.Why, Target: o.Choice.Listen.String(),
	}
	if n.Container != "" {
		hop.Detail = "nginx in container " + n.Container
	}
	if o.Choice.Default {
		hop.Detail = strings.TrimPrefix(hop.Detail+"; ", "; ") + "no server has this name: the default server answers"
		if !w.byAddress() && mistaken(n.HTTP, o.Choice) {
			hop.Status = Unknown
			hop.Detail += ", which is for " + o.Choice.Server.Name() + ": it may be the wrong one"
		}
	}
	return hop
}

// byAddress reports a request for an address and not for a name: any server may answer it.
func (w *walker) byAddress() bool {
	host := w.r.host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// mistaken reports a default server that was not meant to be one: there are others on the same port to
// choose from, and it has plain names of its own.
func mistaken(h *nginx.HTTP, c nginx.ServerChoice) bool {
	beside := 0
	for _, s := range h.Servers {
		for _, l := range s.Listens {
			if l.Port == c.Listen.Port && l.Unix == c.Listen.Unix {
				beside++
				break
			}
		}
	}
	if beside < 2 || c.Listen.Default || len(c.Server.Names) == 0 {
		return false
	}
	for _, n := range c.Server.Names {
		if n.Text == "" || n.Text == "_" || strings.Contains(n.Text, "*") || strings.EqualFold(n.Text, "localhost") {
			return false
		}
	}
	return true
}

func (w *walker) locationHop(place where, n *hosts.Nginx, o *nginx.Outcome) {
	if o.Location == nil {
		return
	}
	var steps []string
	for _, s := range o.Steps[1:] {
		steps = append(steps, s.Text)
	}
	w.addOf(n, Hop{
		Kind: "location", Host: place.h.Host.Name, Object: strings.Join(o.Location.D.Args, " "), File: o.Location.D.File, Line: o.Location.D.Line,
		Match: strings.Join(steps, "; "), Target: o.URI,
	})
}

func lastStep(o *nginx.Outcome) string {
	if len(o.Steps) == 0 {
		return ""
	}
	return o.Steps[len(o.Steps)-1].Text
}

func stepFile(o *nginx.Outcome) string {
	if d := o.Steps[len(o.Steps)-1].D; d != nil {
		return d.File
	}
	return ""
}

func stepLine(o *nginx.Outcome) int {
	if d := o.Steps[len(o.Steps)-1].D; d != nil {
		return d.Line
	}
	return 0
}

func body(s string) string {
	if s == "" {
		return ""
	}
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return fmt.Sprintf(" %q", s)
}

// redirectHop judges a redirect: one that leads from https back to http, or to the same URL, is the
// fault people report.
func (w *walker) redirectHop(place where, n *hosts.Nginx, o *nginx.Outcome, ask *Ask) {
	ask.Promise, ask.Location = o.Code, o.Target
	hop := Hop{
		Kind: "redirect", Host: place.h.Host.Name, Object: fmt.Sprint(o.Code), Target: o.Target, Match: lastStep(o), Ask: ask,
		File: stepFile(o), Line: stepLine(o), Detail: "the client is sent to " + o.Target,
	}
	w.judgeRedirect(&hop, o.Target)
	w.addOf(n, hop)
}

func (w *walker) judgeRedirect(hop *Hop, to string) {
	asked := w.q.URL
	switch {
	case strings.HasPrefix(asked, "https://") && strings.HasPrefix(to, "http://"):
		hop.Status = Broken
		hop.Detail = fmt.Sprintf("the client asked with https and is sent back to http: %s", to)
	case to == asked || to == strings.TrimSuffix(asked, "/"):
		hop.Status = Broken
		hop.Detail = "the client is sent to the URL it asked for: a redirect loop"
	}
}

// nginxPass follows proxy_pass and its kin.
func (w *walker) nginxPass(place where, n *hosts.Nginx, req nginx.Request, o *nginx.Outcome) {
	p := n.HTTP.Passed(req, o)
	hop := Hop{
		Kind: "upstream", Host: place.h.Host.Name, Object: o.PassURL.Text, File: o.Pass.File, Line: o.Pass.Line,
		Match: o.Pass.String(), Passes: passes(p, req, o),
	}
	w.judgePass(&hop, p, req)
	if !o.PassURL.Known {
		hop.Status = Unknown
		hop.Detail = "the target depends on " + o.PassURL.Why
		w.addOf(n, hop)
		return
	}
	target, alternatives := w.pickMember(place, o, &hop)
	hop.Target = target
	if len(alternatives) > 0 {
		hop.Detail = strings.TrimPrefix(hop.Detail+"; also "+strings.Join(alternatives, ", "), "; ")
	}
	broken := target == ""
	if broken && hop.Status != Broken {
		hop.Status, hop.Detail = Broken, "the upstream has no server that may be used: nginx answers 502"
	}
	w.addOf(n, hop)
	before := w.r
	w.refused = broken
	if !broken {
		w.forward(p, req, o)
		w.via = ""
		if o.Upstream != nil {
			w.via = "upstream " + o.Upstream.Name
		}
		port := uint16(80)
		if w.r.tls {
			port = 443
		}
		w.goTo(place, target, port)
	}
	if w.refused {
		w.refused, w.r = false, before
		w.instead(place, n, o)
	}
}

// instead says what nginx answers when its upstream gives no answer and an error_page takes that up. The
// trace stays broken where it broke; the client sees this.
func (w *walker) instead(place where, n *hosts.Nginx, o *nginx.Outcome) {
	next, ok := o.Failed(502)
	if !ok || w.depth > maxHops {
		return
	}
	if w.depth++; next.Location != nil {
		next.Steps = append([]nginx.Step{{}}, next.Steps...) // the choice of the server, which is not made again
		w.locationHop(place, n, next)
	}
	hop := Hop{
		Kind: "response", Host: place.h.Host.Name, Object: fmt.Sprint(next.Code), Match: lastStep(next), File: stepFile(next), Line: stepLine(next),
		Detail: "what the client gets instead of an answer of the upstream",
	}
	switch next.Kind {
	case nginx.Returned, nginx.Static, nginx.Handler:
	case nginx.Redirect:
		hop.Kind, hop.Target = "redirect", next.Target
	case nginx.Proxied:
		hop.Kind, hop.Object, hop.Target = "upstream", next.PassURL.Text, next.PassHost
	default:
		hop.Status = Unknown
	}
	w.addOf(n, hop)
}

// forward changes the request to what nginx sends on.
func (w *walker) forward(p *nginx.Passed, req nginx.Request, o *nginx.Outcome) {
	next := w.r
	next.header = map[string]string{}
	for k, v := range w.r.header {
		next.header[k] = v
	}
	for _, h := range p.Headers {
		if h.Value.Known {
			next.set(h.Name, h.Value.Text)
		}
	}
	host, _ := p.Sent(req, "Host")
	next.host = host.Text
	delete(next.header, "Host")
	next.uri = o.PassURI
	if next.uri == "" {
		next.uri = "/"
	}
	next.tls = strings.HasPrefix(o.PassURL.Text, "https://") || strings.HasPrefix(o.PassURL.Text, "grpcs://")
	next.sni = ""
	if d := o.Scope.Value("proxy_ssl_server_name"); next.tls && d != nil && d.Arg(0) == "on" {
		next.sni, _, _ = strings.Cut(o.PassHost, ":")
	}
	w.r = next
}

func passes(p *nginx.Passed, req nginx.Request, o *nginx.Outcome) []Pair {
	out := []Pair{{"uri", o.PassURI}, {"protocol", "HTTP/" + p.HTTPVersion}}
	for _, n := range []string{"Host", "X-Forwarded-Proto", "X-Forwarded-For", "X-Real-IP", "Upgrade", "Connection"} {
		v, by := p.Sent(req, n)
		text := v.Text
		if !v.Known {
			text = "depends on " + v.Why
		}
		if by == nil && text == "" {
			continue
		}
		if by != nil {
			text += fmt.Sprintf("  (%s)", by.At())
		}
		out = append(out, Pair{n, text})
	}
	buffering := "on"
	if !p.Buffering {
		buffering = "off"
	}
	return append(out, Pair{"read timeout", p.ReadTimeout.String()}, Pair{"buffering", buffering})
}

// judgePass says whether what is passed on lets the request be what it is.
func (w *walker) judgePass(hop *Hop, p *nginx.Passed, req nginx.Request) {
	if w.r.websocket() {
		up, _ := p.Sent(req, "Upgrade")
		conn, _ := p.Sent(req, "Connection")
		switch {
		case p.HTTPVersion == "1.0":
			hop.Status, hop.Detail = Broken, "a WebSocket needs HTTP/1.1 to the upstream; proxy_http_version is 1.0"
		case up.Known && !strings.EqualFold(up.Text, "websocket"):
			hop.Status, hop.Detail = Broken, "the Upgrade header is not passed on: the handshake ends here"
		case conn.Known && !strings.Contains(strings.ToLower(conn.Text), "upgrade"):
			hop.Status, hop.Detail = Broken, fmt.Sprintf("Connection is %q: the handshake ends here", conn.Text)
		}
		return
	}
	if h, ok := p.Get("Connection"); ok && h.D != nil && strings.EqualFold(h.Raw, "upgrade") {
		hop.Detail = "Connection is \"upgrade\" for every request: ordinary calls through here may fail"
	}
	if xfp, by := p.Sent(req, "X-Forwarded-Proto"); strings.HasPrefix(w.q.URL, "https://") && xfp.Known && xfp.Text == "http" {
		hop.Detail = "the backend is told http although the client asked with https: its redirects lead to http"
		if by != nil {
			hop.Detail += fmt.Sprintf(" (%s)", by.At())
		}
	}
	if w.r.sse() && p.Buffering {
		hop.Status, hop.Detail = Unknown, "proxy_buffering is on: events are held back unless the application sends X-Accel-Buffering: no"
	}
	if w.r.sse() && p.ReadTimeout < time.Minute {
		hop.Detail = fmt.Sprintf("a silent stream is cut after %s", p.ReadTimeout)
	}
}

// pickMember chooses the server of an upstream group the trace goes on with, preferring one that
// works, and says what the others are.
func (w *walker) pickMember(place where, o *nginx.Outcome, hop *Hop) (target string, others []string) {
	if o.Upstream == nil {
		return o.PassHost, nil
	}
	hop.Object = "upstream " + o.Upstream.Name
	hop.Detail = strings.TrimPrefix(hop.Detail+"; "+fmt.Sprintf("%s, %s over %d servers", o.Upstream.D.At(), o.Upstream.Method, len(o.Upstream.Members)), "; ")
	best := -1
	for i, m := range o.Upstream.Members {
		score := w.usable(place, m)
		if score == 0 {
			continue
		}
		if best < 0 || score > w.usable(place, o.Upstream.Members[best]) {
			best = i
		}
	}
	if best < 0 {
		return "", nil
	}
	for i, m := range o.Upstream.Members {
		if i == best {
			continue
		}
		note := ""
		switch w.usable(place, m) {
		case 0:
			note = " (down)"
		case 1:
			note = " (not answering)"
		}
		if len(others) < 8 {
			others = append(others, m.Address+note)
		}
	}
	return o.Upstream.Members[best].Address, others
}

// usable scores a member: 0 marked down, 1 known to be dead, 2 backup, 3 in use.
func (w *walker) usable(place where, m nginx.Member) int {
	if m.Down {
		return 0
	}
	if sock, ok := strings.CutPrefix(m.Address, "unix:"); ok && place.h.Sockets.Standing() == hosts.Fresh {
		if place.c != nil {
			sock = outside(place.c, sock)
		}
		if unixAt(place.h, sock) == nil && (place.h.Sockets.Needs == "" || shares(place.h, place.c, sock) == nil) {
			return 1
		}
	}
	if m.Backup {
		return 2
	}
	return 3
}
