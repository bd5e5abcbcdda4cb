package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"midwatch/hosts/demo/sim"
)

// maxExecs bounds the finished exec instances that are remembered.
const maxExecs = 256

// instance is one exec of a container. mu of the server guards its fields.
type instance struct {
	id      string
	c       *sim.Container
	req     ExecRequest
	running bool
	started bool
	exit    *int
	resize  chan [2]int
	in      bool
}

type execOptions struct {
	AttachStdin, AttachStdout, AttachStderr, Tty bool
	Env, Cmd                                     []string
	User, WorkingDir                             string
	ConsoleSize                                  *[2]int
}

func (s *Server) execCreate(w http.ResponseWriter, r *http.Request) error {
	var o execOptions
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&o); err != nil {
		return fail(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	if len(o.Cmd) == 0 {
		return fail(http.StatusBadRequest, "no exec command specified")
	}
	s.h.Site.Lock()
	c, err := s.container(r)
	if err == nil && c.State == "paused" {
		err = fail(http.StatusConflict, "container %s is paused, unpause the container before exec", c.ID)
	}
	if err == nil && !c.Running() {
		err = fail(http.StatusConflict, "container %s is not running", c.ID)
	}
	if err != nil {
		s.h.Site.Unlock()
		return err
	}
	id := s.h.Hex("exec", 64)
	c.Event(s.h.Site.Now(), "exec_create: "+join(o.Cmd), "execID", id)
	s.h.Site.Unlock()
	x := &instance{id: id, c: c, resize: make(chan [2]int, 1), in: o.AttachStdin, req: ExecRequest{
		Argv: o.Cmd, Env: o.Env, User: o.User, Dir: o.WorkingDir, TTY: o.Tty,
	}}
	if o.ConsoleSize != nil {
		x.req.Rows, x.req.Cols = o.ConsoleSize[0], o.ConsoleSize[1]
	}
	x.req.Resize = x.resize
	s.mu.Lock()
	s.forget()
	s.execs[id] = x
	s.mu.Unlock()
	writeJSON(w, http.StatusCreated, map[string]string{"Id": id})
	return nil
}

// forget drops finished instances when there are many; mu is held.
func (s *Server) forget() {
	if len(s.execs) < maxExecs {
		return
	}
	for id, x := range s.execs {
		if !x.running {
			delete(s.execs, id)
		}
	}
}

func join(argv []string) string {
	text := ""
	for i, a := range argv {
		if i > 0 {
			text += " "
		}
		text += a
	}
	return text
}

func (s *Server) instance(r *http.Request) (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.execs[r.PathValue("id")]; x != nil {
		return x, nil
	}
	return nil, fail(http.StatusNotFound, "No such exec instance: %s", r.PathValue("id"))
}

func (s *Server) execStart(w http.ResponseWriter, r *http.Request) error {
	x, err := s.instance(r)
	if err != nil {
		return err
	}
	var o struct{ Detach, Tty bool }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&o); err != nil && err != io.EOF { //nolint:errorlint // Decode returns it bare
		return fail(http.StatusBadRequest, "invalid JSON: %v", err)
	}
	s.mu.Lock()
	again := x.started
	x.started, x.running = true, true
	s.mu.Unlock()
	if again {
		return fail(http.StatusConflict, "exec command %s is already running", x.id)
	}
	if o.Detach {
		w.WriteHeader(http.StatusOK)
		req := x.req
		req.Stdin, req.Stdout, req.Stderr = eof{}, io.Discard, io.Discard
		s.run(s.ctx, x, &req)
		return nil
	}
	return s.attach(w, r, x)
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// run executes the command and keeps its exit code.
func (s *Server) run(ctx context.Context, x *instance, req *ExecRequest) {
	s.h.Site.Lock()
	x.c.Event(s.h.Site.Now(), "exec_start: "+join(req.Argv), "execID", x.id)
	s.h.Site.Unlock()
	code := 127
	if argv0 := req.Argv[0]; s.runner.Installed(x.c, argv0) {
		code = s.runner.Exec(ctx, x.c, req)
	} else {
		// The engine writes this where the command's output would be.
		_, _ = fmt.Fprintf(req.Stdout, "OCI runtime exec failed: exec failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown\r\n", argv0)
	}
	s.h.Site.Lock()
	x.c.Event(s.h.Site.Now(), "exec_die", "execID", x.id, "exitCode", strconv.Itoa(code))
	s.h.Site.Unlock()
	s.mu.Lock()
	x.running, x.exit = false, &code
	s.mu.Unlock()
}

// attach takes the connection over: raw with a terminal, framed without one.
func (s *Server) attach(w http.ResponseWriter, r *http.Request, x *instance) error {
	kind := streamType(x.req.TTY)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + kind + "\r\n\r\n"
	if r.Header.Get("Upgrade") != "" {
		head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + kind + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
	}
	if _, err := fmt.Fprint(conn, head); err != nil {
		return nil //nolint:nilerr // the client went away
	}
	// Not the request's context: it ends with the input, which a client may close and still wait for
	// the output. That a client has gone is seen when something is written.
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	req := x.req
	out := &muxed{w: conn, cancel: cancel, raw: x.req.TTY}
	req.Stdout, req.Stderr = out.stream(stdoutStream), out.stream(stderrStream)
	req.Stdin = &input{r: rw.Reader, on: x.in}
	s.run(ctx, x, &req)
	return nil
}

// input is what the client sends; without AttachStdin there is none.
type input struct {
	r  *bufio.Reader
	on bool
}

func (i *input) Read(p []byte) (int, error) {
	if !i.on {
		return 0, io.EOF
	}
	return i.r.Read(p)
}

// muxed writes frames of two streams to one connection.
type muxed struct {
	mu     sync.Mutex
	w      io.Writer
	raw    bool
	cancel context.CancelFunc
}

func (m *muxed) stream(n byte) io.Writer { return muxedStream{m, n} }

type muxedStream struct {
	m *muxed
	n byte
}

func (s muxedStream) Write(p []byte) (int, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	b := p
	if !s.m.raw {
		b = frame(s.n, p)
	}
	if _, err := s.m.w.Write(b); err != nil {
		s.m.cancel()
		return 0, err
	}
	return len(p), nil
}

func (s *Server) execResize(w http.ResponseWriter, r *http.Request) error {
	x, err := s.instance(r)
	if err != nil {
		return err
	}
	rows, err1 := strconv.Atoi(r.URL.Query().Get("h"))
	cols, err2 := strconv.Atoi(r.URL.Query().Get("w"))
	if err1 != nil || err2 != nil {
		return fail(http.StatusBadRequest, "invalid size")
	}
	select { // only the newest size matters
	case <-x.resize:
	default:
	}
	select {
	case x.resize <- [2]int{cols, rows}:
	default:
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Server) execInspect(w http.ResponseWriter, r *http.Request) error {
	x, err := s.instance(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, args := "", []string{}
	if len(x.req.Argv) > 0 {
		entry, args = x.req.Argv[0], x.req.Argv[1:]
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"ID": x.id, "Running": x.running, "ExitCode": x.exit, "ContainerID": x.c.ID, "CanRemove": false,
		"OpenStdin": x.in, "OpenStderr": true, "OpenStdout": true, "DetachKeys": "", "Pid": x.c.PID + 40,
		"ProcessConfig": map[string]any{"tty": x.req.TTY, "entrypoint": entry, "arguments": args, "privileged": false},
	})
	return nil
}
