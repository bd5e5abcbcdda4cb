package docker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"midwatch/hosts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine answers paths without their version prefix. It counts connections.
type fakeEngine struct {
	*httptest.Server
	mu     sync.Mutex
	routes map[string]http.HandlerFunc
	asked  []string // "GET /v1.41/info"
	api    string
	open   atomic.Int64
	most   atomic.Int64
	dials  atomic.Int64
}

func newEngine(t *testing.T, api string) *fakeEngine {
	t.Helper()
	e := &fakeEngine{routes: map[string]http.HandlerFunc{}, api: api}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	e.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			e.dials.Add(1)
			if n := e.open.Add(1); n > e.most.Load() {
				e.most.Store(n)
			}
		case http.StateClosed, http.StateHijacked:
			e.open.Add(-1)
		}
	}
	t.Cleanup(func() {
		e.CloseClientConnections()
		e.Close()
	})
	return e
}

func (e *fakeEngine) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.asked = append(e.asked, r.Method+" "+r.URL.Path)
	api := e.api
	path := r.URL.Path
	h := e.routes[path]
	if h == nil && strings.HasPrefix(path, "/v"+api+"/") {
		h = e.routes[strings.TrimPrefix(path, "/v"+api)]
	}
	e.mu.Unlock()
	switch {
	case h != nil:
		h(w, r)
	case path == "/_ping":
		w.Header().Set("Api-Version", api)
	case strings.HasPrefix(path, "/v") && !strings.HasPrefix(path, "/v"+api+"/"):
		answer(w, http.StatusBadRequest, "client version 1.99 is too new. Maximum supported API version is "+api)
	default:
		answer(w, http.StatusNotFound, "page not found")
	}
}

func (e *fakeEngine) on(path string, h http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.routes[path] = h
}

// says makes a path answer with a JSON document.
func (e *fakeEngine) says(path, doc string) {
	e.on(path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, doc)
	})
}

func answer(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"message":%q}`, message)
}

// client starts the engine and returns a client of it.
func (e *fakeEngine) client(t *testing.T, change ...func(*Params)) *Client {
	t.Helper()
	if e.URL == "" {
		e.Start()
	}
	addr := e.Listener.Addr().String()
	p := Params{
		Host: "h1", Endpoint: "/var/run/docker.sock", Now: time.Now, Timeout: 30 * time.Second,
		Dial: func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "tcp", addr) },
	}
	for _, f := range change {
		f(&p)
	}
	c := New(p)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestVersionIsNegotiated(t *testing.T) {
	t.Parallel()
	for api, want := range map[string]string{"1.41": "/v1.41/info", "1.99": "/v1.51/info", "": "/v1.24/info"} {
		e := newEngine(t, api)
		e.says(want, `{"OperatingSystem":"x"}`)
		e.says(strings.Replace(want, "info", "version", 1), `{"Version":"20"}`)
		got, err := e.client(t).Engine(t.Context())
		if err != nil || got.OS != "x" || got.Version != "20" {
			t.Errorf("api %q: %+v, %v; asked %q", api, got, err, e.asked)
		}
	}
}

// TestEngineReplaced: an engine that was upgraded or downgraded under a live client is negotiated
// with again.
func TestEngineReplaced(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.44")
	e.says("/containers/json", `[]`)
	c := e.client(t)
	if _, err := c.Containers(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	e.api = "1.41"
	e.mu.Unlock()
	if _, err := c.Containers(t.Context()); err != nil {
		t.Errorf("after the downgrade: %v", err)
	}
}

func TestCrowdNegotiatesOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	e.says("/containers/json", `[]`)
	c := e.client(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := c.Containers(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	pings := 0
	for _, a := range e.asked {
		if a == "GET /_ping" {
			pings++
		}
	}
	if pings != 1 {
		t.Errorf("%d pings", pings)
	}
}

func TestEnvironmentIsNotLookedAt(t *testing.T) {
	for k, v := range map[string]string{
		"DOCKER_HOST": "tcp://192.0.2.1:1", "DOCKER_API_VERSION": "1.30", "DOCKER_CERT_PATH": "/nonexistent",
		"DOCKER_TLS_VERIFY": "1", "HTTP_PROXY": "http://192.0.2.1:1", "ALL_PROXY": "socks5://192.0.2.1:1",
	} {
		t.Setenv(k, v)
	}
	e := newEngine(t, "1.41")
	e.says("/containers/json", `[]`)
	e.on("/containers/x/stop", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	c := e.client(t)
	if _, err := c.Containers(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Stop(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	e.says("/containers/json", `[]`)
	e.EnableHTTP2 = false
	e.StartTLS()
	pool := e.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	good := e.client(t, func(p *Params) { p.TLS, p.Timeout = &tls.Config{RootCAs: pool, ServerName: "example.com"}, time.Minute })
	if _, err := good.Containers(t.Context()); err != nil {
		t.Error(err)
	}
	bad := e.client(t, func(p *Params) { p.TLS, p.Timeout = &tls.Config{ServerName: "example.com"}, time.Minute })
	if _, err := bad.Containers(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	// Nobody speaks TLS there.
	plain := newEngine(t, "1.41").client(t, func(p *Params) { p.TLS, p.Timeout = &tls.Config{ServerName: "x"}, time.Minute })
	if _, err := plain.Containers(t.Context()); err == nil || !strings.Contains(err.Error(), "tls handshake") {
		t.Errorf("no TLS: %v", err)
	}
}

// TestHungEngineCostsItsDeadlineOnly: calls end at their deadline, each alone, and once the engine
// answers again everything works, on few connections.
func TestHungEngineCostsItsDeadlineOnly(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	e.says("/containers/json", `[]`)
	c := e.client(t, func(p *Params) { p.Timeout = 200 * time.Millisecond; p.MaxConns = 3 })
	eventually(t, func() error { _, err := c.Containers(t.Context()); return err })
	hang := make(chan struct{})
	e.on("/containers/json", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
			fmt.Fprint(w, `[]`)
		case <-r.Context().Done():
		}
	})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			_, err := c.Containers(t.Context())
			if !errors.Is(err, hosts.ErrTimeout) {
				t.Errorf("error %v, want a timeout", err)
			}
			if err != nil && err.Error() != "docker on h1: list containers: no answer within the deadline" {
				t.Errorf("error %q", err)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	if _, err := c.Containers(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, hosts.ErrTimeout) {
		t.Errorf("cancelled: %v", err)
	}
	close(hang)
	eventually(t, func() error { _, err := c.Containers(t.Context()); return err })
	if n := e.most.Load(); n > 6 { // three that were given up may still be closing
		t.Errorf("%d connections at once, want at most 3 and those being closed", n)
	}
}

func TestConnectionsAreSharedAndClosed(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	e.says("/containers/json", `[]`)
	c := e.client(t)
	for range 20 {
		if _, err := c.Containers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.dials.Load(); n != 1 {
		t.Errorf("%d connections for calls one after another", n)
	}
	_ = c.Close()
	eventually(t, func() error {
		if n := e.open.Load(); n > 0 {
			return fmt.Errorf("%d connections are open after Close", n)
		}
		return nil
	})
}

// eventually calls try until it returns nil; the machine may be busy.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-late:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dial error
		want string
		is   error
	}{
		"permission": {&net.OpError{Op: "dial", Err: syscall.EACCES}, "docker on h1: open /var/run/docker.sock: permission denied: add the user to group docker or set docker.sudo", hosts.ErrNotAllowed},
		"missing":    {&net.OpError{Op: "dial", Err: syscall.ENOENT}, "docker on h1: open /var/run/docker.sock: no such socket: install docker there, or set docker.socket", hosts.ErrMissing},
		"refused":    {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "docker on h1: open /var/run/docker.sock: connection refused: start the engine (systemctl start docker)", hosts.ErrUnreached},
		"over ssh":   {fmt.Errorf("stream-local forwarding: %w", hosts.ErrNotAllowed), "docker on h1: open /var/run/docker.sock: permission denied: add the user to group docker or set docker.sudo", hosts.ErrNotAllowed},
		"link down":  {fmt.Errorf("ssh h1: %w", hosts.ErrUnreached), "docker on h1: open /var/run/docker.sock: ssh h1: host not reached", hosts.ErrUnreached},
		"too slow":   {context.DeadlineExceeded, "docker on h1: open /var/run/docker.sock: no answer within the deadline", hosts.ErrTimeout},
	} {
		c1 := New(Params{Host: "h1", Endpoint: "/var/run/docker.sock", Now: time.Now, Dial: func(context.Context) (net.Conn, error) { return nil, c.dial }})
		_, read := c1.Containers(t.Context())
		_, exec := c1.Exec(t.Context(), "x", ExecSpec{Argv: []string{"sh"}})
		for what, err := range map[string]error{"read": read, "act": c1.Stop(t.Context(), "x"), "exec": exec, "events": c1.Events(t.Context(), &EventCursor{}, nil, nil)} {
			if err == nil || err.Error() != c.want || !errors.Is(err, c.is) {
				t.Errorf("%s, %s: %v\nwant %s", name, what, err, c.want)
			}
		}
		if e := c1.Collect(t.Context(), CollectEngine); e.Error != c.want || e.Needs != Needs(read) || len(e.Data) != 0 {
			t.Errorf("%s: evidence %+v", name, e)
		}
	}
}

// TestAnswersOfAllKinds: statuses become sentinels, and an engine's long or odd words one line.
func TestAnswersOfAllKinds(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	c := e.client(t)
	for code, want := range map[int]error{404: ErrNotFound, 409: ErrConflict, 501: ErrUnsupported, 403: hosts.ErrNotAllowed} {
		e.on("/containers/x/json", func(w http.ResponseWriter, _ *http.Request) { answer(w, code, "two\nlines") })
		e.on("/containers/x/stop", func(w http.ResponseWriter, _ *http.Request) { answer(w, code, "two\nlines") })
		_, err := c.Container(t.Context(), "x")
		for what, err := range map[string]error{"inspect": err, "stop": c.Stop(t.Context(), "x")} {
			var de *Error
			if !errors.Is(err, want) || !errors.As(err, &de) || de.Status != code || !strings.HasSuffix(err.Error(), what+" x: two lines") {
				t.Errorf("%d: %s: %v", code, what, err)
			}
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			fmt.Fprint(w, strings.Repeat("<p>no</p>\n", 500))
		},
		"empty":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"not json": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "[")
		},
		"wrong": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"a":1}`) },
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(conn, "SSH-2.0-x\r\n")
			_ = conn.Close()
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"no answer": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		},
	} {
		e.on("/containers/json", h)
		_, err := c.Containers(t.Context())
		var de *Error
		if !errors.As(err, &de) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 500 || !strings.HasPrefix(err.Error(), "docker on h1: list containers: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func endless(w http.ResponseWriter) {
	b := []byte("[" + strings.Repeat(" ", 1<<20))
	for {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}
