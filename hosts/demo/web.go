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
	wg  sync.WaitGroup
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
	w.wg.Add(1)
	defer w.wg.Done()
	h, ok := r.Context().Value(handlerKey{}).(http.Handler)
	if !ok {
		http.Error(rw, "nobody listens here", http.StatusBadGateway)
		return
	}
	h.ServeHTTP(rw, r)
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
	_ = w.l.Close()
	_ = w.srv.Close()
	w.wg.Wait()
}
