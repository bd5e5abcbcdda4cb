package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"midwatch/hosts"
)

// execEngine takes one exec and gives its connection to a test.
func execEngine(t *testing.T, e *fakeEngine, exit int, serve func(spec execRequest, conn net.Conn)) {
	t.Helper()
	var mu sync.Mutex // guards made; the two calls come over two connections
	var made execRequest
	e.on("/containers/web/exec", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		made = execRequest{}
		if err := json.NewDecoder(r.Body).Decode(&made); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"Id":"e1"}`)
	})
	e.on("/exec/e1/start", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		fmt.Fprint(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		mu.Lock()
		spec := made
		mu.Unlock()
		serve(spec, conn)
	})
	e.says("/exec/e1/json", fmt.Sprintf(`{"Running":false,"ExitCode":%d}`, exit))
}

type execRequest struct {
	Cmd, Env    []string
	Tty         bool
	AttachStdin bool
}

func TestRunSplitsStreams(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	execEngine(t, e, 4, func(spec execRequest, conn net.Conn) {
		if spec.Tty || spec.AttachStdin || strings.Join(spec.Cmd, " ") != "nginx -T" {
			t.Errorf("spec %+v", spec)
		}
		fmt.Fprint(conn, mux(1, "out\n")+mux(2, "err\n")+mux(1, "more\n"))
	})
	r, err := e.client(t).Run(t.Context(), "web", 0, "nginx", "-T")
	if err != nil || string(r.Stdout) != "out\nmore\n" || string(r.Stderr) != "err\n" || r.Exit != 4 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTerminalInputAndSize(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	sizes := make(chan string, 10)
	e.on("/exec/e1/resize", func(w http.ResponseWriter, r *http.Request) {
		sizes <- r.URL.Query().Get("w") + "x" + r.URL.Query().Get("h")
		w.WriteHeader(http.StatusCreated)
	})
	resize := make(chan hosts.Size, 1)
	execEngine(t, e, 0, func(spec execRequest, conn net.Conn) {
		if !spec.Tty || !spec.AttachStdin || spec.Env[0] != "TERM=screen" {
			t.Errorf("spec %+v", spec)
		}
		if got := <-sizes; got != "91x33" {
			t.Errorf("first size %s", got)
		}
		resize <- hosts.Size{Cols: 100, Rows: 40}
		if got := <-sizes; got != "100x40" {
			t.Errorf("second size %s", got)
		}
		buf := make([]byte, 3)
		_, _ = io.ReadFull(conn, buf)
		if string(buf) != "ls\x04" { // the end of the input reaches a terminal as ctrl-D
			t.Errorf("input %q", buf)
		}
		fmt.Fprint(conn, "raw\x01bytes")
	})
	var out strings.Builder
	code, err := e.client(t).Exec(t.Context(), "web", ExecSpec{
		Argv: []string{"sh"}, Stdin: strings.NewReader("ls"), Stdout: &out,
		Term: &hosts.Term{Name: "screen", Cols: 91, Rows: 33, Resize: resize},
	})
	if err != nil || code != 0 || out.String() != "raw\x01bytes" {
		t.Errorf("%q, %d, %v", out.String(), code, err)
	}
}

// TestExecEndsWithItsContext: also while the engine says nothing, and no goroutine stays (goleak).
func TestExecEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "1.41")
	c := e.client(t)
	execEngine(t, e, 0, func(_ execRequest, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := c.Exec(ctx, "web", ExecSpec{Argv: []string{"sh"}, Stdout: io.Discard}); !errors.Is(err, hosts.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent command: %v", err)
	}
	e.on("/exec/e1/start", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see that the client went
		<-r.Context().Done()
	})
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := c.Exec(ctx, "web", ExecSpec{Argv: []string{"sh"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("start never answered: %v", err)
	}
}

func TestShellIsChosen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has  string
		want string
		err  error
	}{
		"sh":   {"sh", "sh -c " + shellScript, nil},
		"bash": {"bash", "bash", nil},
		"none": {"", "", ErrNoShell},
	} {
		e := newEngine(t, "1.41")
		e.on("/exec/e1/resize", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
		var code atomic.Int64
		var started atomic.Value
		started.Store("")
		execEngine(t, e, 0, func(spec execRequest, conn net.Conn) {
			code.Store(0)
			switch {
			case spec.Cmd[0] != c.has:
				code.Store(126)
				fmt.Fprint(conn, mux(1, "OCI runtime exec failed: no such file\r\n"))
			case spec.Tty:
				started.Store(strings.Join(spec.Cmd, " "))
			}
		})
		e.on("/exec/e1/json", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"ExitCode":%d}`, code.Load()) })
		err := e.client(t).ExecShell(t.Context(), "web", strings.NewReader(""), io.Discard, io.Discard, hosts.Term{})
		if !errors.Is(err, c.err) || started.Load() != c.want {
			t.Errorf("%s: started %q, %v", name, started.Load(), err)
		}
	}
}
