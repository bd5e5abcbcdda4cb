package worlds

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// answer is what a server of a world says to a request.
type answer struct {
	status   int
	kind     string // Content-Type
	body     string
	location string
	server   string
	header   map[string]string
	events   func(i int) string // the i-th of a stream of server-sent events, "" at its end
}

// A hop answers a request and writes what it logs; the site is locked. The world's own traffic calls
// hops directly, requests over the wire come through serve.
type hop func(q *request) answer

func jsonAnswer(status int, body string) answer {
	return answer{status: status, kind: "application/json", body: body + "\n"}
}

func textAnswer(status int, body string) answer {
	return answer{status: status, kind: "text/plain; charset=utf-8", body: body}
}

// nginxAnswer is a page that nginx makes itself.
func nginxAnswer(status int, version string) answer {
	c := newCapture()
	nginxError(c, status, version)
	return answer{status: status, kind: "text/html", body: c.body.String(), server: "nginx/" + version}
}

// get is a header of a request, "" for the world's own traffic, which has none.
func (q request) get(name string) string { return q.header.Get(name) }

// set changes a header that is passed on.
func (q request) set(name, value string) {
	if q.header != nil {
		q.header.Set(name, value)
	}
}

// upgradeWithout reports a Connection: upgrade that names no protocol, which servers answer with 400.
func (q request) upgradeWithout() bool {
	return strings.EqualFold(q.get("Connection"), "upgrade") && q.get("Upgrade") == ""
}

// serve answers requests that come over the wire by a hop.
func serve(s *sim.Site, name string, do hop) http.Handler {
	r := s.Rand("serve " + name) // guarded by the site's lock
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		sent, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
			return
		}
		peer, _, _ := strings.Cut(hr.RemoteAddr, ":")
		if peer == "@" || peer == "" {
			peer = "unix:"
		}
		q := request{
			id: hr.Header.Get("X-Request-Id"), peer: peer, client: hr.Header.Get("X-Forwarded-For"), agent: hr.UserAgent(), method: hr.Method, path: hr.URL.RequestURI(),
			host: hr.Host, header: hr.Header.Clone(), sent: string(sent), status: http.StatusOK, live: true,
		}
		if q.client == "" {
			q.client = peer
		}
		if q.agent == "" {
			q.agent = "-"
		}
		s.Lock()
		if q.at, q.took = s.Now(), time.Duration(2+r.IntN(20))*time.Millisecond; q.id == "" {
			q.id = uuid(r)
		}
		a := do(&q)
		s.Unlock()
		a.write(w, hr)
	})
}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for k, v := range map[string]string{"Content-Type": a.kind, "Server": a.server, "Location": a.location} {
		if v != "" {
			h.Set(k, v)
		}
	}
	for k, v := range a.header {
		h.Set(k, v)
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = io.WriteString(w, a.body)
	if a.events == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		e := a.events(i)
		if e == "" {
			return
		}
		if _, err := io.WriteString(w, e); err != nil {
			return
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// nginxBox is an nginx in front of other servers: its log, and what it says when they do not answer.
type nginxBox struct {
	s       *sim.Site
	version string
	out     func(at time.Time, text string) // access log
	err     func(at time.Time, text string) // error log
	n       int                             // connections
	worker  int                             // process number in the error log
}

// log writes the access log's line.
func (b *nginxBox) log(q *request, a answer) {
	q.status, q.bytes = a.status, max(q.bytes, len(a.body))
	if q.live {
		q.bytes = len(a.body)
	}
	b.out(q.at, q.nginx(q.peer))
}

// upstream passes a request to a server, which may not be there: why is "" when it is.
func (b *nginxBox) upstream(q *request, why error, server, to string, do hop) answer {
	b.n++
	if why == nil {
		a := do(q)
		a.server = "nginx/" + b.version
		return a
	}
	q.status = http.StatusBadGateway
	if errors.Is(why, errTimeout) {
		q.status, q.took = http.StatusGatewayTimeout, time.Minute
	}
	b.err(q.at, q.nginxErr(b.worker, why.Error(), q.peer, server, to))
	return nginxAnswer(q.status, b.version)
}

// live reports whether a container answers, in nginx's words when it does not.
func live(c *sim.Container) error {
	switch {
	case c == nil || !c.Running():
		return errGone
	case !c.Ready:
		return errRefused
	}
	return nil
}
