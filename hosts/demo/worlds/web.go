package worlds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"midwatch/hosts/demo/sim"
)

// reply sends JSON.
func reply(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n'))
}

// errRefused and errTimeout are what reaching a server can come to, in nginx's words.
var (
	errRefused = errors.New("connect() failed (111: Connection refused)")
	errTimeout = errors.New("upstream timed out (110: Connection timed out)")
	errGone    = errors.New("connect() failed (113: Host is unreachable)")
)

// reachLocked finds what answers at addr:port as a process on host from sees it; addresses of
// containers count too. The site is locked.
func reachLocked(s *sim.Site, from *sim.Host, addr string, port int) (sim.Listener, error) {
	if l, ok := from.FindInside(addr, port); ok {
		if l.C != nil && !l.C.Ready {
			return l, errRefused
		}
		return l, nil
	}
	h := s.ByAddr(addr)
	local := addr == "127.0.0.1" || h == from
	if addr == "127.0.0.1" {
		h = from
	}
	if h == nil || h.Down && !local {
		return sim.Listener{}, errTimeout
	}
	l, ok := h.Find(addr, port, local)
	if !ok || l.C != nil && !l.C.Ready {
		return l, errRefused
	}
	return l, nil
}

// pass hands a request on to a handler as a proxy does; edit changes the copy that is sent.
func pass(w http.ResponseWriter, r *http.Request, to http.Handler, from string, edit func(r *http.Request)) {
	q := r.Clone(r.Context())
	q.RemoteAddr = from + ":40122"
	q.TLS = nil
	edit(q)
	to.ServeHTTP(w, q)
}

// capture is a response that is kept, to be looked at before it is passed on.
type capture struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func newCapture() *capture { return &capture{header: http.Header{}, code: http.StatusOK} }

func (c *capture) Header() http.Header { return c.header }

func (c *capture) WriteHeader(code int) { c.code = code }

func (c *capture) Write(b []byte) (int, error) { return c.body.Write(b) }

// page is the HTML of a single-page application.
func page(title string) string {
	return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + title +
		"</title></head><body><div id=\"root\"></div><script src=\"/assets/index-3f2a9c.js\"></script></body></html>\n"
}

func html(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, text)
}

// nginxError is the page nginx makes itself.
func nginxError(w http.ResponseWriter, code int, version string) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Server", "nginx/"+version)
	w.WriteHeader(code)
	t := strconv.Itoa(code) + " " + http.StatusText(code)
	_, _ = fmt.Fprintf(w, "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n<hr><center>nginx/%s</center>\r\n</body>\r\n</html>\r\n", t, t, version)
}

// copyTo passes a kept response on.
func (c *capture) copyTo(w http.ResponseWriter) {
	for k, v := range c.header {
		w.Header()[k] = v
	}
	w.WriteHeader(c.code)
	_, _ = w.Write(c.body.Bytes())
}
