package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/wire"
)

// webServer answers HTTP on every connection inside the fleet; which handler does is decided by the
// connection.
type webServer struct {
	srv *http.Server
	l   *wire.Listener
	log *slog.Logger
	wg  sync.WaitGroup // requests in progress

	mu     sync.Mutex // guards closed, and that no request begins once it is set
	closed bool
}

type handlerKey struct{}

// webConn is a connection with what answers it.
type webConn struct {
	net.Conn
	handler http.Handler
}

func newWebServer(log *slog.Logger) *webServer {
	w := &webServer{l: wire.Listen(wire.Addr{Net: "tcp", Text: "demo"}), log: log}
	w.srv = &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(w.dispatch),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			if wc, ok := c.(webConn); ok {
				return context.WithValue(ctx, handlerKey{}, wc.handler)
			}
			return ctx
		},
	}
	return w
}

func (w *webServer) run() {
	if err := w.srv.Serve(w.l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		w.log.Error("demo web server ended", "error", err)
	}
}

func (w *webServer) dispatch(rw http.ResponseWriter, r *http.Request) {
	if !w.begin() {
		http.Error(rw, "the demo fleet is closed", http.StatusServiceUnavailable)
		return
	}
	defer w.wg.Done()
	h, ok := r.Context().Value(handlerKey{}).(http.Handler)
	if !ok {
		http.Error(rw, "nobody listens here", http.StatusBadGateway)
		return
	}
	h.ServeHTTP(rw, r)
}

// begin counts a request, or refuses it when the server is being closed.
func (w *webServer) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.wg.Add(1)
	return true
}

// take hands a connection over.
func (w *webServer) take(ctx context.Context, c *wire.Conn, l sim.Listener) {
	var nc net.Conn = webConn{c, l.Handler}
	if l.TLS != nil {
		nc = tls.Server(nc, l.TLS)
	}
	if w.l.Offer(ctx, nc) != nil {
		_ = c.Close()
	}
}

// close ends all connections and waits for the requests in progress.
func (w *webServer) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	_ = w.l.Close()
	_ = w.srv.Close()
	w.wg.Wait()
}
