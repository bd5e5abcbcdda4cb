package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// worker is one of a fleet: it takes calls on a unix socket, and when it is told to end it ends its calls
// first.
type worker struct {
	instance, release string
	dir               string // of the sockets of the fleet
	calls             atomic.Int64
	rev               atomic.Int64 // signals to read its settings again
}

// work answers on unix:DIR/INSTANCE.sock:
//
//	GET /health        {"status", "instance", "release", "active_calls", "rev"}
//	GET /health/fleet  {"capacity": sockets in DIR that answer, "active_calls"}
//	GET /call?for=10s  a call that lasts
//
// release is the content of VERSION in the directory it was started in. On TERM it waits until its calls have
// ended and at least -drain; USR2 raises rev. A file BROKEN in its directory makes it end at once.
func work(args []string) error {
	flags := flag.NewFlagSet("work", flag.ExitOnError)
	dir := flags.String("dir", "/run/cxb", "directory of the sockets")
	instance := flags.String("instance", "1", "name of the socket")
	drain := flags.Duration("drain", 0, "time that ending takes at least")
	_ = flags.Parse(args) // ExitOnError
	if _, err := os.Stat("BROKEN"); err == nil {
		return fmt.Errorf("this release is broken")
	}
	version, err := os.ReadFile("VERSION")
	if err != nil {
		return err
	}
	w := &worker{instance: *instance, release: strings.TrimSpace(string(version)), dir: *dir}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGUSR2)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	l, err := open(context.Background(), "unix:"+filepath.Join(*dir, *instance+".sock"))
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: w.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(l) }()
	fmt.Printf("worker %s runs release %s\n", w.instance, w.release)
	for {
		select {
		case <-again:
			fmt.Printf("worker %s reloaded, revision %d\n", w.instance, w.rev.Add(1))
		case <-end:
			fmt.Printf("worker %s drains %d calls\n", w.instance, w.calls.Load())
			time.Sleep(*drain)
			return srv.Shutdown(context.Background())
		}
	}
}

func (w *worker) handler() http.Handler {
	mux := http.NewServeMux()
	say := func(rw http.ResponseWriter, v map[string]any) { _ = json.NewEncoder(rw).Encode(v) }
	mux.HandleFunc("GET /health", func(rw http.ResponseWriter, _ *http.Request) {
		say(rw, map[string]any{
			"status": "ok", "instance": w.instance, "release": w.release, "active_calls": w.calls.Load(), "rev": w.rev.Load(),
		})
	})
	mux.HandleFunc("GET /health/fleet", func(rw http.ResponseWriter, _ *http.Request) {
		say(rw, map[string]any{"capacity": w.capacity(), "active_calls": w.calls.Load()})
	})
	mux.HandleFunc("GET /call", func(rw http.ResponseWriter, r *http.Request) {
		w.calls.Add(1)
		defer w.calls.Add(-1)
		d, _ := time.ParseDuration(r.URL.Query().Get("for"))
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		fmt.Fprintln(rw, w.instance, w.release)
	})
	return mux
}

// capacity counts the workers of the fleet that take connections.
func (w *worker) capacity() int {
	socks, _ := filepath.Glob(filepath.Join(w.dir, "*.sock"))
	n := 0
	for _, s := range socks {
		if c, err := net.DialTimeout("unix", s, time.Second); err == nil {
			c.Close()
			n++
		}
	}
	return n
}
