package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"midwatch/hosts/demo/sim"
)

// Versions the server speaks when the host's description does not say.
const (
	defaultAPI = "1.47"
	defaultMin = "1.24"
)

// Runner runs commands inside containers; the demo fleet's shell does it.
type Runner interface {
	// Installed reports whether a container has a program.
	Installed(c *sim.Container, name string) bool
	// Exec runs a command and returns its exit code. It returns soon after the context has ended.
	Exec(ctx context.Context, c *sim.Container, r *ExecRequest) int
}

// ExecRequest is a command inside a container.
type ExecRequest struct {
	Argv           []string
	Env            []string
	User, Dir      string
	TTY            bool
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Cols, Rows     int           // of the terminal, as far as it is known
	Resize         <-chan [2]int // columns, rows, later
}

// Server answers for one host.
type Server struct {
	h      *sim.Host
	ctx    context.Context //nolint:containedctx // commands in containers outlive the request that starts them
	runner Runner
	mux    *http.ServeMux

	mu    sync.Mutex // guards execs
	execs map[string]*instance
}

// New returns the API of a host. Commands in containers end with the context.
func New(ctx context.Context, h *sim.Host, runner Runner) *Server {
	s := &Server{h: h, ctx: ctx, runner: runner, mux: http.NewServeMux(), execs: map[string]*instance{}}
	for pattern, fn := range map[string]handler{
		"GET /_ping":                    s.ping,
		"HEAD /_ping":                   s.ping,
		"GET /version":                  s.doc(s.version),
		"GET /info":                     s.doc(s.info),
		"GET /events":                   s.events,
		"GET /system/df":                s.doc(s.diskUsage),
		"GET /containers/json":          s.doc(s.list),
		"GET /containers/{id}/json":     s.doc(s.inspect),
		"GET /containers/{id}/stats":    s.stats,
		"GET /containers/{id}/logs":     s.logs,
		"GET /containers/{id}/top":      s.doc(s.top),
		"GET /containers/{id}/archive":  s.archive,
		"POST /containers/{id}/start":   s.doc(s.start),
		"POST /containers/{id}/stop":    s.stop,
		"POST /containers/{id}/restart": s.restart,
		"POST /containers/{id}/kill":    s.doc(s.kill),
		"POST /containers/{id}/pause":   s.doc(s.pause),
		"POST /containers/{id}/unpause": s.doc(s.pause),
		"POST /containers/{id}/wait":    s.wait,
		"DELETE /containers/{id}":       s.doc(s.remove),
		"POST /containers/{id}/exec":    s.execCreate,
		"POST /exec/{id}/start":         s.execStart,
		"POST /exec/{id}/resize":        s.execResize,
		"GET /exec/{id}/json":           s.execInspect,
		"GET /images/json":              s.doc(s.images),
		"GET /images/{name...}":         s.doc(s.image),
		"GET /networks":                 s.doc(s.networks),
		"GET /networks/{id}":            s.doc(s.network),
		"GET /volumes":                  s.doc(s.volumes),
		"GET /volumes/{name}":           s.doc(s.volume),
		"GET /swarm":                    s.doc(s.swarm),
		"GET /nodes":                    s.doc(s.nodes),
		"GET /nodes/{id}":               s.doc(s.node),
		"GET /services":                 s.doc(s.services),
		"GET /services/{id}":            s.doc(s.service),
		"GET /tasks":                    s.doc(s.tasks),
		"GET /tasks/{id}":               s.doc(s.task),
		"GET /configs":                  s.doc(s.none),
		"GET /secrets":                  s.doc(s.none),
	} {
		s.mux.HandleFunc(pattern, s.wrap(fn))
	}
	return s
}

// handler answers a request or returns what went wrong before anything was written.
type handler func(w http.ResponseWriter, r *http.Request) error

// problem is an error with the status code that belongs to it.
type problem struct {
	code int
	text string
}

func (p problem) Error() string { return p.text }

func fail(code int, format string, args ...any) error {
	return problem{code, fmt.Sprintf(format, args...)}
}

// doc makes a handler of a function that is called with the site locked and returns the document to
// send, nil for an empty answer. The lock is given back before anything is written: a client that
// does not read must not stop the site.
func (s *Server) doc(fn func(r *http.Request) (any, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		s.h.Site.Lock()
		v, err := fn(r)
		var b []byte
		if err == nil && v != nil {
			b, err = json.Marshal(v)
		}
		s.h.Site.Unlock()
		switch {
		case err != nil:
			return err
		case v == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(append(b, '\n'))
		}
		return nil
	}
}

func (s *Server) wrap(fn handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := fn(w, r); err != nil {
			writeError(w, err)
		}
	}
}

func writeError(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	if p, ok := err.(problem); ok { //nolint:errorlint // handlers return it bare
		code = p.code
	}
	if code == http.StatusNotModified {
		w.WriteHeader(code)
		return
	}
	writeJSON(w, code, map[string]string{"message": err.Error()})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(b, '\n'))
}

// api is the newest and the oldest version the engine speaks.
func (s *Server) api() (newest, oldest string) {
	newest, oldest = s.h.Spec.Engine.API, s.h.Spec.Engine.MinAPI
	if newest == "" {
		newest = defaultAPI
	}
	if oldest == "" {
		oldest = defaultMin
	}
	return newest, oldest
}

// ServeHTTP answers one request, with or without a version in front of its path.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	newest, oldest := s.api()
	w.Header().Set("Api-Version", newest)
	w.Header().Set("Docker-Experimental", "false")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Server", "Docker/"+s.h.Spec.Engine.Version+" (linux)")
	if rest, ok := strings.CutPrefix(r.URL.Path, "/v"); ok {
		if v, path, ok := strings.Cut(rest, "/"); ok && isVersion(v) {
			switch {
			case compare(v, newest) > 0:
				writeError(w, fail(http.StatusBadRequest, "client version %s is too new. Maximum supported API version is %s", v, newest))
				return
			case compare(v, oldest) < 0:
				writeError(w, fail(http.StatusBadRequest, "client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version", v, oldest))
				return
			}
			r2 := r.Clone(r.Context())
			r2.URL.Path, r2.URL.RawPath = "/"+path, ""
			r = r2
		}
	}
	if _, pattern := s.mux.Handler(r); pattern == "" {
		writeError(w, fail(http.StatusNotFound, "page not found"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func isVersion(v string) bool {
	a, b, ok := strings.Cut(v, ".")
	_, err1 := strconv.Atoi(a)
	_, err2 := strconv.Atoi(b)
	return ok && err1 == nil && err2 == nil
}

// compare orders versions by number.
func compare(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := 0; i < len(as) && i < len(bs); i++ {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x - y
		}
	}
	return len(as) - len(bs)
}

// container finds the container a request names; the site is locked.
func (s *Server) container(r *http.Request) (*sim.Container, error) {
	id := r.PathValue("id")
	if c := s.h.Container(id); c != nil {
		return c, nil
	}
	return nil, fail(http.StatusNotFound, "No such container: %s", id)
}

func truth(v string) bool {
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// filters are the filters parameter in either of its two encodings.
type filters map[string][]string

func parseFilters(r *http.Request) (filters, error) {
	text := r.URL.Query().Get("filters")
	f := filters{}
	if text == "" {
		return f, nil
	}
	var sets map[string]map[string]bool
	if json.Unmarshal([]byte(text), &sets) == nil {
		for k, set := range sets {
			for v, on := range set {
				if on {
					f[k] = append(f[k], v)
				}
			}
		}
		return f, nil
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, fail(http.StatusBadRequest, "invalid filter")
	}
	return f, nil
}

// is reports whether a filter lets v through: it is not set, or one of its values equals v.
func (f filters) is(key, v string) bool {
	return f.any(key, func(want string) bool { return want == v })
}

func (f filters) any(key string, match func(want string) bool) bool {
	if len(f[key]) == 0 {
		return true
	}
	for _, want := range f[key] {
		if match(want) {
			return true
		}
	}
	return false
}

// labels reports whether all label filters hold.
func (f filters) labels(have map[string]string) bool {
	for _, want := range f["label"] {
		k, v, exact := strings.Cut(want, "=")
		got, ok := have[k]
		if !ok || exact && got != v {
			return false
		}
	}
	return true
}

// stamp writes a time as the engine does.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// moment reads a since or until parameter: seconds, seconds.nanoseconds or RFC 3339.
func moment(text string) (time.Time, error) {
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	sec, frac, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return time.Time{}, fail(http.StatusBadRequest, "invalid timestamp %q", text)
	}
	nanos := int64(0)
	if frac != "" {
		frac = (frac + "000000000")[:9]
		if nanos, err = strconv.ParseInt(frac, 10, 64); err != nil {
			return time.Time{}, fail(http.StatusBadRequest, "invalid timestamp %q", text)
		}
	}
	return time.Unix(n, nanos), nil
}

var _ http.Handler = (*Server)(nil)
