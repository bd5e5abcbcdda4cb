package nginx

import (
	"fmt"
	"strconv"
	"strings"
)

// Request is what reaches nginx.
type Request struct {
	At      Socket
	TLS     bool
	Host    string // of the Host header
	Method  string // "" is GET
	URI     string // path and query as sent
	Headers map[string]string
	// Exists tells whether a file or folder ("/path/") is there; nil, or known false, when nobody
	// knows. try_files and index depend on it.
	Exists func(path string) (yes, known bool)
}

func (r Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

func (r Request) header(name string) string {
	if strings.EqualFold(name, "host") {
		return r.Host
	}
	for k, v := range r.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// Kind says what a request ends in.
type Kind int

// What a request can end in.
const (
	Nothing   Kind = iota // no socket there: the connection is refused
	Proxied               // proxy_pass, grpc_pass, fastcgi_pass, uwsgi_pass, scgi_pass
	Returned              // a status and perhaps a body
	Redirect              // a status and a Location
	Static                // a file of root or alias
	Handler               // another content handler: stub_status, empty_gif, Lua …
	Undecided             // depends on what the configuration does not tell
)

func (k Kind) String() string {
	return [...]string{"no socket", "proxied", "returned", "redirect", "static file", "handler", "undecided"}[k]
}

// Step is one decision on the way.
type Step struct {
	Text string
	D    *Directive // what decided it; nil for a default of nginx
}

// Outcome is what nginx does with a request.
type Outcome struct {
	Kind     Kind
	Choice   ServerChoice
	Location *Location
	Scope    Scope // the levels in force at the end, for inherited settings
	Steps    []Step
	Code     int
	Body     string // of return
	Target   string // Location of a redirect, path of a static file
	Pass     *Directive
	PassURL  Value  // the argument of the pass directive with variables replaced
	PassHost string // host:port or unix:/path of PassURL
	Upstream *Upstream
	PassURI  string // path and query sent on
	URI      string // the normalised URI at the end
	Unknown  []string
	// FileMaybe is true when a file may answer instead: nobody knows whether it exists.
	FileMaybe bool

	run *run
}

func (o *Outcome) step(d *Directive, format string, a ...any) {
	o.Steps = append(o.Steps, Step{Text: fmt.Sprintf(format, a...), D: d})
}

// run is the state of one request on its way through the phases.
type run struct {
	h       *HTTP
	req     Request
	server  *Server
	scope   Scope
	loc     *Location
	uri     string
	args    string
	caps    map[string]string
	sets    map[string]Value
	changed bool // the URI was rewritten: proxy_pass's own URI no longer replaces the prefix
	// changedHere is set by a rewrite without a flag: the search starts again when the phase ends.
	changedHere bool
	foundBy     string // the URI the location in force was found by
	internal    bool   // the URI was changed, or the request came by an internal redirect
	errors      int
	// errStatus is the status an error page answers with, whatever its own handler says; 0 for none.
	errStatus int
	out       *Outcome
}

// maxCycles is nginx's own limit on internal redirects and rewrite cycles.
const maxCycles = 10

// Handle follows a request through the phases of nginx: server choice, server rewrites, location
// choice, location rewrites (again after a rewrite), try_files, and the content handler.
func (h *HTTP) Handle(r Request) *Outcome {
	out := &Outcome{}
	x := &run{h: h, req: r, out: out, caps: map[string]string{}, sets: map[string]Value{}}
	choice, ok := h.ChooseServer(r.At, r.Host)
	if !ok {
		out.step(nil, "no server listens on %s", r.At)
		return out
	}
	out.Choice, x.server, x.scope = choice, choice.Server, choice.Server.Scope
	for k, v := range choice.Caps {
		x.caps[k] = v
	}
	out.step(choice.Server.D, "%s", choice.Why)
	if choice.Listen.SSL && !r.TLS {
		return x.code(400, choice.Listen.D, "plain HTTP on a TLS socket")
	}
	path, args, _ := strings.Cut(r.URI, "?")
	x.args = args
	merge := true
	if d := x.scope.Value("merge_slashes"); d != nil && d.Arg(0) == "off" {
		merge = false
	}
	if x.uri, ok = normalURI(path, merge); !ok {
		return x.code(400, nil, "the URI is not valid")
	}
	x.enter(0)
	return x.finish()
}

// enter runs the rewrites of the server and then searches a location: the way of a new request and of
// an internal redirect.
func (x *run) enter(cycle int) {
	if cycle > maxCycles {
		x.code(500, nil, "rewrite or internal redirection cycle")
		return
	}
	x.loc, x.scope = nil, x.server.Scope
	if r := x.rewrite(x.server.D.Block, x.server.Scope, true); r.done {
		if r.errorCode != 0 {
			x.fail(r.errorCode, r.d, "", cycle)
		}
		return
	}
	x.search(cycle)
}

func (x *run) finish() *Outcome {
	switch x.out.Kind {
	case Returned, Static, Handler:
		if x.errStatus != 0 {
			x.out.Code = x.errStatus
		}
	default:
	}
	x.out.Scope, x.out.URI, x.out.Location = x.scope, x.uri, x.loc
	x.out.run = x
	return x.out
}

// Failed says what nginx does when the upstream of a proxied outcome gives no answer and it answers
// with code itself; ok is false when no error_page takes that up.
func (o *Outcome) Failed(code int) (next *Outcome, ok bool) {
	if o.run == nil || o.Kind != Proxied {
		return nil, false
	}
	x := *o.run
	x.out = &Outcome{Choice: o.Choice}
	before := x.errors
	x.fail(code, o.Pass, "the upstream gives no answer", 0)
	return x.finish(), x.errors > before
}

// search finds the location, runs its rewrites and, when they leave the URI alone, its content.
func (x *run) search(cycle int) {
	if cycle > maxCycles {
		x.code(500, nil, "rewrite or internal redirection cycle")
		return
	}
	x.foundBy = x.uri
	c := x.server.ChooseLocation(x.uri)
	x.loc, x.scope = c.Location, x.server.Scope
	x.out.step(dir(c.Location), "%s", c.Why)
	body := x.server.D.Block
	if c.Location != nil {
		x.scope, body = c.Location.Scope, c.Location.D.Block
		for k, v := range c.Caps {
			x.caps[k] = v
		}
	}
	if c.Slash {
		x.redirect(301, x.uri+"/", dir(c.Location), "automatic redirect to the slash")
		return
	}
	if c.Location != nil && last(c.Location.D.Block, "internal") && !x.internal {
		x.fail(404, c.Location.D, "internal location asked for from outside", cycle)
		return
	}
	x.inside(c.Location, body, cycle)
}

// inside runs the rewrite phase, try_files and the content of a location (or of the bare server).
func (x *run) inside(l *Location, body []*Directive, cycle int) {
	if l != nil {
		r := x.rewrite(body, x.scope, false)
		if r.done {
			if r.errorCode != 0 {
				x.fail(r.errorCode, r.d, "", cycle)
			}
			return
		}
		if r.again {
			x.search(cycle + 1)
			return
		}
	}
	if x.tryFiles(cycle) {
		return
	}
	x.content(cycle)
}

func dir(l *Location) *Directive {
	if l == nil {
		return nil
	}
	return l.D
}

func last(ds []*Directive, name string) bool { return Last(ds, name) != nil }

func (x *run) code(code int, d *Directive, why string) *Outcome {
	x.out.Kind, x.out.Code = Returned, code
	if why != "" {
		x.out.step(d, "%d: %s", code, why)
	}
	return x.finish()
}

func (x *run) redirect(code int, to string, d *Directive, why string) {
	x.out.Kind, x.out.Code = Redirect, code
	x.out.Target = x.absolute(to)
	x.out.step(d, "%d to %s: %s", code, x.out.Target, why)
}

// absolute makes a Location as nginx does: scheme and host of the request, the listen port when it
// is not the scheme's own (port_in_redirect), server_name instead of the host when asked for.
func (x *run) absolute(to string) string {
	if !strings.HasPrefix(to, "/") || x.off("absolute_redirect") {
		return to
	}
	scheme, std := "http", 80
	if x.req.TLS {
		scheme, std = "https", 443
	}
	host := normalHost(x.req.Host)
	if d := x.scope.Value("server_name_in_redirect"); (d != nil && d.Arg(0) == "on") || host == "" {
		host = x.server.Name()
	}
	if p := int(x.req.At.Port); p != 0 && p != std && !x.off("port_in_redirect") {
		host += ":" + itoa(p)
	}
	return scheme + "://" + host + to
}

func (x *run) off(name string) bool {
	d := x.scope.Value(name)
	return d != nil && d.Arg(0) == "off"
}

func (x *run) undecided(d *Directive, why, what string) {
	x.out.Kind = Undecided
	x.out.Unknown = append(x.out.Unknown, what)
	x.out.step(d, "%s: %s is not known", why, what)
}

func itoa(n int) string { return strconv.Itoa(n) }
