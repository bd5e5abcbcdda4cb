package docker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"midwatch/hosts"
)

// ExecSpec is a command to run inside a container.
type ExecSpec struct {
	NoCode bool // nobody asks how it ended: the exit code is 0
	Argv   []string
	Env    []string // NAME=value
	User   string   // "" for the container's own
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer   // unused with a terminal, which has one stream
	Term   *hosts.Term // nil for none
}

// Canceler is implemented by a standard input whose blocked Read can be ended, such as a
// cancelreader over the terminal. Where Stdin has it, Exec leaves no goroutine behind.
type Canceler interface{ Cancel() bool }

// Exec runs a command inside a running container and returns its exit code (POST
// /containers/ID/exec, POST /exec/ID/start). It ends with the command, or with the context, which
// cuts the connection; the engine then leaves the command running, as it has no call to end it.
func (c *Client) Exec(ctx context.Context, id string, s ExecSpec) (int, error) {
	if err := c.checkID("exec", id); err != nil {
		return -1, err
	}
	op := "exec in " + id
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cl, taken, release, err := c.execClients(ctx)
	if err != nil {
		return -1, err
	}
	defer release()
	o := container.ExecOptions{
		User: s.User, Tty: s.Term != nil, Env: s.Env, Cmd: s.Argv,
		AttachStdin: s.Stdin != nil, AttachStdout: true, AttachStderr: true,
	}
	var size *[2]uint
	if s.Term != nil {
		name := s.Term.Name
		if name == "" {
			name = "xterm-256color"
		}
		o.Env = append([]string{"TERM=" + name}, o.Env...)
		size = &[2]uint{uint(max(0, s.Term.Rows)), uint(max(0, s.Term.Cols))}
		o.ConsoleSize = size
	}
	short, stop := context.WithTimeout(ctx, c.p.Timeout)
	made, err := cl.ContainerExecCreate(short, id, o)
	err = c.explain(short, op, err)
	stop()
	if err != nil {
		return -1, err
	}
	conn, err := taken.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: o.Tty, ConsoleSize: size})
	if err != nil {
		return -1, c.explain(ctx, op, err)
	}
	err = c.pump(ctx, cl, made.ID, s, conn.Conn, conn.Reader)
	if err != nil && (ctx.Err() != nil || !errors.Is(err, syscall.ECONNRESET)) {
		return -1, c.explain(ctx, op, err)
	}
	if s.NoCode {
		return 0, nil
	}
	// A command that ends without having read all its input may reset the connection. Whether it
	// ended is what the engine says.
	return c.exitCode(ctx, cl, made.ID, op)
}

// execClients are two library clients for one exec. The first asks over the connections that are kept;
// the second has a connection of its own, which it takes over, so that it can be closed when the context
// ends: the library reads from it without looking at the context. That connection is opened at once,
// while the first one asks: two round trips fewer than one after the other.
func (c *Client) execClients(ctx context.Context) (asks, takes *client.Client, release func(), err error) {
	_, v, err := c.engine(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	type opened struct {
		conn net.Conn
		err  error
	}
	early := make(chan opened, 1)
	var dialling sync.WaitGroup
	release = func() {
		cancel()
		dialling.Wait()
	}
	dialling.Go(func() {
		conn, err := c.dial(ctx, "", "")
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		early <- opened{conn, err}
	})
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	tr.DialContext = func(dctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case o := <-early:
			return o.conn, o.err
		case <-dctx.Done():
			return nil, dctx.Err()
		}
	}
	made := func(via *http.Transport) (*client.Client, error) {
		return client.NewClientWithOpts(client.WithHost("tcp://"+dummyHost),
			client.WithHTTPClient(&http.Client{Transport: via, CheckRedirect: client.CheckRedirect}), client.WithVersion(v))
	}
	if asks, err = made(c.short); err == nil {
		takes, err = made(tr)
	}
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	return asks, takes, release, nil
}

// pump moves bytes both ways until the command's output ends.
func (c *Client) pump(ctx context.Context, cl *client.Client, id string, s ExecSpec, conn net.Conn, out io.Reader) error {
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if s.Term != nil {
		wg.Go(func() { c.resize(ctx, cl, id, s.Term) })
	}
	if s.Stdin != nil {
		input := func() {
			_, _ = io.Copy(conn, s.Stdin) // a cut connection shows on the other side as well
			if s.Term != nil {
				// A closed write side would make the engine close the output as well; the end of a
				// terminal's input is the character for it.
				_, _ = conn.Write([]byte{4})
			} else if w, ok := conn.(interface{ CloseWrite() error }); ok {
				_ = w.CloseWrite()
			}
		}
		if in, ok := s.Stdin.(Canceler); ok {
			wg.Go(input)
			defer in.Cancel()
		} else {
			go input() // ends with the next byte or the end of an input that cannot be cancelled
		}
	}
	stdout, stderr := s.Stdout, s.Stderr
	if stdout == nil {
		stdout = io.Discard
	}
	if stderr == nil {
		stderr = io.Discard
	}
	var err error
	if s.Term != nil {
		_, err = io.Copy(stdout, out)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, out)
	}
	return err
}

// resize sets the first size and follows later ones. The engine refuses until the command has
// started, which it has no way to tell, so the first is tried a few times.
func (c *Client) resize(ctx context.Context, cl *client.Client, id string, t *hosts.Term) {
	set := func(z hosts.Size) error {
		if z.Cols <= 0 || z.Rows <= 0 {
			return nil
		}
		one, stop := context.WithTimeout(ctx, c.p.Timeout)
		defer stop()
		return cl.ContainerExecResize(one, id, container.ResizeOptions{Height: uint(z.Rows), Width: uint(z.Cols)})
	}
	size := hosts.Size{Cols: t.Cols, Rows: t.Rows}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for range 10 {
		if set(size) == nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-t.Resize:
			if !ok {
				return
			}
			_ = set(size) // the command may have ended
		}
	}
}

// exitCode asks how the command ended. The output ends a moment before the engine knows.
func (c *Client) exitCode(ctx context.Context, cl *client.Client, id, op string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, c.p.Timeout)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		st, err := cl.ContainerExecInspect(ctx, id)
		if err != nil {
			return -1, c.explain(ctx, op, err)
		}
		if !st.Running {
			return st.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return -1, c.explain(ctx, op, ctx.Err())
		case <-again.C:
		}
	}
}

// ErrNoShell says that a container has neither bash nor sh.
var ErrNoShell = errors.New("no shell in the container")

// shellScript starts bash where there is one; it is run by sh.
const shellScript = `command -v bash >/dev/null 2>&1 && exec bash; exec sh`

// ExecShell runs an interactive shell inside a container, bash or else sh, and returns when it
// ends; the exit code of the last command in it is no error. Without either it is ErrNoShell.
func (c *Client) ExecShell(ctx context.Context, id string, stdin io.Reader, stdout, stderr io.Writer, term hosts.Term) error {
	// Asked beforehand, because a shell that does not start says so only in the terminal's output.
	argv := []string{"sh", "-c", shellScript}
	for _, try := range [][]string{argv, {"bash"}} {
		probe := append(append([]string(nil), try[:1]...), "-c", "exit 0")
		code, err := c.Exec(ctx, id, ExecSpec{Argv: probe})
		if err != nil && !notExecutable(err) {
			return err
		}
		if err != nil || code != 0 {
			continue
		}
		_, err = c.Exec(ctx, id, ExecSpec{Argv: try, Stdin: stdin, Stdout: stdout, Stderr: stderr, Term: &term})
		return err
	}
	return &Error{
		Op: "shell in " + id, Host: c.p.Host, Text: ErrNoShell.Error(), kind: ErrNoShell,
		Needs: "use the host's shell and nsenter, or an image with sh",
	}
}

// notExecutable recognises the engine's answer for a command that is not in the container.
func notExecutable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest
}

// Output is Run for a command whose exit code nobody asks for, which saves the question.
func (c *Client) Output(ctx context.Context, id string, limit int64, argv ...string) (hosts.Result, error) {
	return c.run(ctx, id, limit, ExecSpec{Argv: argv, NoCode: true})
}

// Run runs a command without a terminal and keeps up to limit bytes of each stream (0 for
// hosts.DefaultLimit). A non-zero exit code is not an error.
func (c *Client) Run(ctx context.Context, id string, limit int64, argv ...string) (hosts.Result, error) {
	return c.run(ctx, id, limit, ExecSpec{Argv: argv})
}

func (c *Client) run(ctx context.Context, id string, limit int64, s ExecSpec) (hosts.Result, error) {
	if limit <= 0 {
		limit = hosts.DefaultLimit
	}
	start := c.p.Now()
	out, errs := &bounded{limit: limit}, &bounded{limit: 64 << 10}
	s.Stdout, s.Stderr = out, errs
	code, err := c.Exec(ctx, id, s)
	if err == nil && (code == 126 || code == 127 || s.NoCode) && bytes.HasPrefix(out.buf.Bytes(), []byte("OCI runtime exec failed")) {
		// Engines before 25 write this into the command's output and call it started.
		err = &Error{Op: "exec in " + id, Host: c.p.Host, Text: oneLine(out.buf.String()), kind: hosts.ErrMissing}
	}
	return hosts.Result{
		Stdout: out.buf.Bytes(), Stderr: errs.buf.Bytes(), Exit: code, Truncated: out.over, Took: c.p.Now().Sub(start),
	}, err
}

// bounded keeps the first limit bytes and swallows the rest.
type bounded struct {
	buf   bytes.Buffer
	limit int64
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if room := b.limit - int64(b.buf.Len()); int64(n) > room {
		p, b.over = p[:room], true
	}
	b.buf.Write(p)
	return n, nil
}
