package trace

import (
	"errors"
	"slices"
	"strings"

	chk "midwatch/checks/trace"
	"midwatch/tui/ui"
)

// Request is what is followed.
type Request struct {
	URL      string
	Protocol chk.Protocol
	Method   string   // "" is what the protocol uses
	Headers  []string // "Name: value"
	Start    string   // host to begin at; "" is wherever the name leads
}

func (r Request) question() chk.Question {
	q := chk.Question{URL: r.URL, Protocol: r.Protocol, Method: r.Method, Start: r.Start, Headers: map[string]string{}}
	for _, h := range r.Headers {
		name, value, _ := strings.Cut(h, ":")
		q.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return q
}

func (r Request) equal(o Request) bool {
	return r.URL == o.URL && r.Protocol == o.Protocol && r.Method == o.Method && r.Start == o.Start && slices.Equal(r.Headers, o.Headers)
}

// protocols and methods are the choices, in the order in which a key goes through them.
var (
	protocols = [...]chk.Protocol{chk.HTTP, chk.WebSocket, chk.GRPC, chk.SSE}
	methods   = [...]string{"", "GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
)

func (r *Request) nextProtocol() {
	r.Protocol = protocols[(slices.Index(protocols[:], r.protocol())+1)%len(protocols)]
}

func (r Request) protocol() chk.Protocol {
	switch {
	case strings.HasPrefix(r.URL, "ws://"), strings.HasPrefix(r.URL, "wss://"):
		return chk.WebSocket
	case strings.HasPrefix(r.URL, "grpc://"), strings.HasPrefix(r.URL, "grpcs://"):
		return chk.GRPC
	case r.Protocol == "":
		return chk.HTTP
	}
	return r.Protocol
}

// fixed reports that the URL itself says what is spoken.
func (r Request) fixed() bool {
	scheme, _, _ := strings.Cut(r.URL, "://")
	return slices.Contains([]string{"ws", "wss", "grpc", "grpcs"}, scheme)
}

func (r *Request) nextMethod() {
	r.Method = methods[(slices.Index(methods[:], r.Method)+1)%len(methods)]
}

func (r Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.protocol() == chk.GRPC:
		return "POST"
	}
	return "GET"
}

// header adds "Name: value", in place of one of that name; "Name:" takes it away.
func (r *Request) header(text string) error {
	name, value, ok := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") {
		return errors.New("a header is NAME: VALUE")
	}
	kept := r.Headers[:0:0]
	for _, h := range r.Headers {
		if n, _, _ := strings.Cut(h, ":"); !strings.EqualFold(n, name) {
			kept = append(kept, h)
		}
	}
	if value != "" {
		kept = append(kept, name+": "+value)
	}
	r.Headers = kept
	return nil
}

// options is the request besides its URL, in words.
func (r Request) options(sep string) string {
	parts := []string{string(r.protocol()), r.method()}
	if n := len(r.Headers); n > 0 {
		parts = append(parts, ui.Count(n, "header"))
	}
	if r.Start != "" {
		parts = append(parts, "from "+ui.Clean(r.Start))
	}
	return strings.Join(parts, " "+sep+" ")
}

// History is what was asked for in this session, the newest last.
type History struct{ asked []Request }

// historyMost bounds what is remembered.
const historyMost = 50

// add remembers a request; the same URL from the same place is remembered once.
func (h *History) add(r Request) {
	h.asked = slices.DeleteFunc(h.asked, func(x Request) bool { return x.URL == r.URL && x.Start == r.Start })
	h.asked = append(h.asked, r)
	if len(h.asked) > historyMost {
		h.asked = h.asked[len(h.asked)-historyMost:]
	}
}

// last is the newest request.
func (h *History) last() (Request, bool) {
	if len(h.asked) == 0 {
		return Request{}, false
	}
	return h.asked[len(h.asked)-1], true
}
