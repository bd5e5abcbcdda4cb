package nginx

import (
	"strconv"
	"strings"
	"time"
)

// Header is one header as it is sent upstream.
type Header struct {
	Name  string
	Raw   string // as configured
	Value Value
	D     *Directive // nil for a default of nginx
}

// Passed is what a proxying location passes on besides the URI.
type Passed struct {
	Headers []Header
	// Dropped are lines of outer levels that are lost because an inner level sets any header.
	Dropped       []*Directive
	HTTPVersion   string
	Buffering     bool
	ReadTimeout   time.Duration
	SendTimeout   time.Duration
	ConnTimeout   time.Duration
	BufferingLine *Directive
	TimeoutLine   *Directive
	VersionLine   *Directive
}

// Get returns the header of that name, and whether it is set at all.
func (p *Passed) Get(name string) (Header, bool) {
	for _, h := range p.Headers {
		if strings.EqualFold(h.Name, name) {
			return h, true
		}
	}
	return Header{}, false
}

// Sent gives the value a request header has when the request leaves: what is configured, or the
// client's own value passed through.
func (p *Passed) Sent(r Request, name string) (v Value, by *Directive) {
	if h, ok := p.Get(name); ok {
		return h.Value, h.D
	}
	return Value{Text: r.header(name), Known: true}, nil
}

// ModernProxy reports that this version of nginx talks HTTP/1.1 with keepalive upstream by
// default: since 1.29.7. An unknown version is taken as an older one.
func (h *HTTP) ModernProxy() bool { return versionAtLeast(h.Version, 1, 29, 7) }

func versionAtLeast(v string, want ...int) bool {
	parts := strings.Split(v, ".")
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return false
		}
		if n != w {
			return n > w
		}
	}
	return true
}

// Passed works out what the proxied outcome of a request passes on.
func (h *HTTP) Passed(r Request, o *Outcome) *Passed {
	x := &run{
		h: h, req: r, server: o.Choice.Server, scope: o.Scope, loc: o.Location, uri: o.URI,
		out: &Outcome{},
	}
	if o.run != nil { // an outcome may be made by hand, to ask what a location would pass on
		x.caps, x.sets = o.run.caps, o.run.sets
	}
	return x.passed(o)
}

func (x *run) passed(o *Outcome) *Passed {
	scope := x.scope
	p := &Passed{HTTPVersion: "1.0", Buffering: true, ReadTimeout: time.Minute, SendTimeout: time.Minute, ConnTimeout: time.Minute}
	if x.h.ModernProxy() {
		p.HTTPVersion = "1.1"
	}
	if p.VersionLine = scope.Value("proxy_http_version"); p.VersionLine != nil {
		p.HTTPVersion = p.VersionLine.Arg(0)
	}
	if p.BufferingLine = scope.Value("proxy_buffering"); p.BufferingLine != nil {
		p.Buffering = p.BufferingLine.Arg(0) != "off"
	}
	if p.TimeoutLine = scope.Value("proxy_read_timeout"); p.TimeoutLine != nil {
		p.ReadTimeout = Duration(p.TimeoutLine.Arg(0))
	}
	if d := scope.Value("proxy_send_timeout"); d != nil {
		p.SendTimeout = Duration(d.Arg(0))
	}
	if d := scope.Value("proxy_connect_timeout"); d != nil {
		p.ConnTimeout = Duration(d.Arg(0))
	}
	set, dropped := scope.Array("proxy_set_header")
	p.Dropped = dropped
	for _, d := range set {
		if len(d.Args) == 2 {
			p.Headers = append(p.Headers, Header{Name: d.Args[0], Raw: d.Args[1], Value: x.eval(d.Args[1]), D: d})
		}
	}
	if _, ok := p.Get("Host"); !ok {
		host := o.PassHost
		if strings.HasPrefix(host, "unix:") {
			host = "localhost"
		}
		p.Headers = append(p.Headers, Header{Name: "Host", Raw: "$proxy_host", Value: Value{Text: host, Known: o.PassURL.Known, Why: o.PassURL.Why}})
	}
	if _, ok := p.Get("Connection"); !ok {
		v := "close"
		if x.h.ModernProxy() {
			v = ""
		}
		p.Headers = append(p.Headers, Header{Name: "Connection", Raw: v, Value: Value{Text: v, Known: true}})
	}
	if _, ok := p.Get("Upgrade"); !ok {
		// Hop by hop: nginx never passes the client's on by itself.
		p.Headers = append(p.Headers, Header{Name: "Upgrade", Value: Value{Known: true}})
	}
	return p
}

// Duration reads nginx's time syntax ("60s", "1h30m", "500ms", a bare number of seconds); 0 when it
// cannot be read.
func Duration(s string) time.Duration {
	var total time.Duration
	units := map[string]time.Duration{
		"": time.Second, "ms": time.Millisecond, "s": time.Second, "m": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
	for s != "" {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		n, err := strconv.Atoi(s[:i])
		if err != nil {
			return 0
		}
		s = s[i:]
		j := 0
		for j < len(s) && (s[j] < '0' || s[j] > '9') {
			j++
		}
		u, ok := units[strings.TrimSpace(s[:j])]
		if !ok {
			return 0
		}
		total += time.Duration(n) * u
		s = s[j:]
	}
	return total
}
