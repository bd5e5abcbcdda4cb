package trace

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// Protocol is what the client wants to speak.
type Protocol string

// The protocols a request can be traced as.
const (
	HTTP      Protocol = "http"
	WebSocket Protocol = "websocket"
	GRPC      Protocol = "grpc"
	SSE       Protocol = "sse"
)

// Question is a request to follow.
type Question struct {
	URL      string
	Method   string // "" is GET, or POST for gRPC
	Headers  map[string]string
	Protocol Protocol // "" is HTTP
	// Lookup resolves a name; source says who answered. nil: only the snapshot's own names count.
	Lookup func(name string) (addrs []netip.Addr, source string, err error)
	// Edges are the forwards in front of the fleet, which nothing in it can tell: a router or load
	// balancer that hands a public name or address to a host.
	Edges []Edge
	// Start names a host of the inventory to begin at, whatever the name resolves to.
	Start string
}

// Edge is one forward in front of the fleet.
type Edge struct {
	Public string // name or address, "ai.example.com" or "203.0.113.7"
	Port   uint16 // public port
	Host   string // host of the inventory
	To     uint16 // port there
}

// Status is the verdict on one hop.
type Status string

// The verdicts.
const (
	OK      Status = "ok"
	Broken  Status = "broken"
	Unknown Status = "unknown"
)

// Pair is one thing a hop passes on.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Ask says how a hop is asked for real: from which host, at which address, with which names.
type Ask struct {
	From    string // the host to ask from; "" for this machine
	Network string // tcp or unix
	Address string
	TLS     bool
	SNI     string
	Host    string
	Method  string
	URI     string
	Headers map[string]string
	// Promise is the status the configuration itself promises; 0 when it passes on another's answer.
	Promise  int
	Location string // promised Location of a redirect
}

// Hop is one station of a request.
type Hop struct {
	Kind   string `json:"kind"` // dns, listener, filter chain, virtual host, route, cluster, endpoint, port, container, server, location, upstream, router, service, socket, unit, process, static, redirect, response
	Host   string `json:"host"`
	Object string `json:"object"`
	// Container is the container whose proxy decided: of server, location, upstream and what they answer.
	Container string `json:"container,omitempty"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Path      string `json:"path,omitempty"` // JSON path in an API answer
	Match     string `json:"match"`
	Target    string `json:"target"`
	Status    Status `json:"status"`
	Detail    string `json:"detail"`
	Passes    []Pair `json:"passes,omitempty"`
	Live      string `json:"live,omitempty"` // what the hop answered when it was asked
	Ask       *Ask   `json:"-"`
}

// Trace is the path of a request.
type Trace struct {
	URL     string `json:"url"`
	Verdict string `json:"verdict"`
	Hops    []Hop  `json:"hops"`
}

// Status is the worst of the hops: broken before unknown before ok.
func (t *Trace) Status() Status {
	st := OK
	for _, h := range t.Hops {
		switch h.Status {
		case Broken:
			return Broken
		case Unknown:
			st = Unknown
		}
	}
	if len(t.Hops) == 0 {
		return Unknown
	}
	return st
}

// request is the state of the request on its way.
type request struct {
	scheme string
	tls    bool
	sni    string
	host   string // Host header, with a port where it has one
	method string
	uri    string
	header map[string]string
}

// walker carries one trace.
type walker struct {
	s     *hosts.Snapshot
	q     Question
	t     *Trace
	r     request
	depth int
	seen  map[string]bool
	// refused is set where a connection finds nobody: the proxy before it answers itself.
	refused bool
	// shallow stops at the first thing that takes the connection.
	shallow bool
	// via is what the last proxy calls the target it sends to: a cluster, an upstream.
	via string
}

// maxHops ends a configuration that sends a request in a circle.
const maxHops = 60

// Run follows the question through the snapshot. The error is for a URL that cannot be read.
func Run(s *hosts.Snapshot, q Question) (*Trace, error) {
	u, err := parseURL(q.URL)
	if err != nil {
		return nil, err
	}
	w := &walker{s: s, q: q, t: &Trace{URL: q.URL, Hops: []Hop{}}, seen: map[string]bool{}}
	w.r = newRequest(u, q)
	port := portOf(u)
	w.start(u.Hostname(), port)
	w.t.Verdict = verdict(w.t)
	return w.t, nil
}

func parseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("trace %q: not a URL: %w", text, err)
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss", "grpc", "grpcs":
	default:
		return nil, fmt.Errorf("trace %q: scheme %q cannot be traced; use http, https, ws or wss", text, u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("trace %q: no host name in the URL", text)
	}
	return u, nil
}

func portOf(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	if secure(u.Scheme) {
		return 443
	}
	return 80
}

func secure(scheme string) bool { return scheme == "https" || scheme == "wss" || scheme == "grpcs" }

func newRequest(u *url.URL, q Question) request {
	r := request{scheme: "http", tls: secure(u.Scheme), host: u.Host, method: q.Method, uri: u.RequestURI(), header: map[string]string{}}
	for k, v := range q.Headers {
		if strings.EqualFold(k, "Host") { // as curl has it: another name is asked for at the same address
			r.host = v
			continue
		}
		r.set(k, v)
	}
	if r.tls {
		r.scheme, r.sni = "https", u.Hostname()
	}
	proto := q.Protocol
	switch u.Scheme {
	case "ws", "wss":
		proto = WebSocket
	case "grpc", "grpcs":
		proto = GRPC
	}
	switch proto {
	case WebSocket:
		r.set("Upgrade", "websocket")
		r.set("Connection", "Upgrade")
	case GRPC:
		r.set("Content-Type", "application/grpc")
		if r.method == "" {
			r.method = "POST"
		}
	case SSE:
		r.set("Accept", "text/event-stream")
	}
	if r.method == "" {
		r.method = "GET"
	}
	return r
}

// set replaces a header whatever its spelling; an empty value removes it.
func (r *request) set(name, value string) {
	for k := range r.header {
		if strings.EqualFold(k, name) {
			delete(r.header, k)
		}
	}
	if value != "" {
		r.header[name] = value
	}
}

func (r *request) get(name string) string {
	for k, v := range r.header {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

func (r *request) websocket() bool { return strings.EqualFold(r.get("Upgrade"), "websocket") }

func (r *request) sse() bool { return strings.Contains(r.get("Accept"), "text/event-stream") }

func (w *walker) add(h Hop) *Hop {
	if h.Status == "" {
		h.Status = OK
	}
	w.t.Hops = append(w.t.Hops, h)
	return &w.t.Hops[len(w.t.Hops)-1]
}

// ask forms the question that shows what a hop answers.
func (w *walker) ask(from, network, address string) *Ask {
	head := make(map[string]string, len(w.r.header))
	for k, v := range w.r.header {
		head[k] = v
	}
	return &Ask{
		From: from, Network: network, Address: address, TLS: w.r.tls, SNI: w.r.sni, Host: w.r.host,
		Method: w.r.method, URI: w.r.uri, Headers: head,
	}
}

// verdict puts the trace in one sentence.
func verdict(t *Trace) string {
	for _, st := range []Status{Broken, Unknown} {
		for i, h := range t.Hops {
			if h.Status == st {
				return fmt.Sprintf("%s at %s %s%s: %s%s", st, h.Kind, h.Object, on(h.Host), h.Detail, cause(t, st, i))
			}
		}
	}
	if len(t.Hops) == 0 {
		return "unknown: nothing is known of the way"
	}
	h := t.Hops[len(t.Hops)-1]
	end := fmt.Sprintf("reaches %s %s%s", h.Kind, h.Object, on(h.Host))
	if h.Detail != "" {
		end += ": " + h.Detail
	}
	return end
}

// cause is what is broken further on: a proxy that finds its target ill says so before the reason is
// reached.
func cause(t *Trace, st Status, first int) string {
	for i := len(t.Hops) - 1; i > first; i-- {
		if h := t.Hops[i]; h.Status == st && st == Broken {
			return fmt.Sprintf("; behind it %s %s%s: %s", h.Kind, h.Object, on(h.Host), h.Detail)
		}
	}
	return ""
}

func on(host string) string {
	if host == "" {
		return ""
	}
	return " on " + host
}
