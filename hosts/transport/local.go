package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"midwatch/hosts"
)

// machine is the local machine, reached without SSH.
type machine struct {
	env []string // nil: our own

	mu     sync.Mutex // guards everything below
	procs  map[*localProcess]struct{}
	closed bool
}

func newMachine(env []string) *machine {
	return &machine{env: env, procs: map[*localProcess]struct{}{}}
}

// localProcess is a process group of this machine.
type localProcess struct {
	m      *machine
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *os.File
	stderr io.Reader
	tty    *os.File
	files  []*os.File // what is closed to free blocked readers

	killOnce sync.Once
	killed   chan struct{}
	done     chan struct{} // closed after status was set
	status   exitStatus
	err      error
}

// spawn starts a command in a process group of its own, so that all of it can be ended.
func (m *machine) spawn(_ context.Context, s spec) (process, error) {
	s.begun()
	p := &localProcess{m: m, killed: make(chan struct{}), done: make(chan struct{})}
	// No CommandContext: the whole group has to be killed, and Kill does that.
	p.cmd = exec.Command(s.argv[0], s.argv[1:]...) //nolint:noctx // ended by Kill, together with its group
	p.cmd.Env = m.env
	var err error
	if s.term != nil {
		err = p.startTerm(s.term)
	} else {
		err = p.startPipes(&syscall.SysProcAttr{Setpgid: true})
	}
	if err != nil {
		return startFault(s.argv[0], err)
	}
	if s.input == inputNone {
		_ = p.stdin.Close()
	}
	if !m.add(p) {
		p.Kill()
		go p.reap()
		return nil, hosts.ErrClosed
	}
	go p.reap()
	return p, nil
}

// startFault gives a command that cannot be started the exit status a shell would, as a host does.
func startFault(name string, err error) (process, error) {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
		return &deadProcess{exitStatus{code: 127}, strings.NewReader(name + ": not found\n")}, nil
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		return &deadProcess{exitStatus{code: 126}, strings.NewReader(name + ": cannot be executed\n")}, nil
	}
	return nil, err
}

// deadProcess is a command that could not be started because of what it is.
type deadProcess struct {
	status exitStatus
	stderr io.Reader
}

func (d *deadProcess) Stdin() io.WriteCloser     { return nopCloser{io.Discard} }
func (d *deadProcess) Stdout() io.Reader         { return eofReader{} }
func (d *deadProcess) Stderr() io.Reader         { return d.stderr }
func (d *deadProcess) Wait() (exitStatus, error) { return d.status, nil }
func (d *deadProcess) Kill()                     {}
func (d *deadProcess) Resize(hosts.Size) error   { return nil }

func (p *localProcess) startPipes(attr *syscall.SysProcAttr) error {
	p.cmd.SysProcAttr = attr
	var pipes [3][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeFiles()
			return err
		}
		pipes[i] = [2]*os.File{r, w}
		p.files = append(p.files, r, w)
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = pipes[0][0], pipes[1][1], pipes[2][1]
	err := p.cmd.Start()
	for _, theirs := range []*os.File{pipes[0][0], pipes[1][1], pipes[2][1]} {
		_ = theirs.Close()
	}
	if err != nil {
		p.closeFiles()
		return err
	}
	p.stdin, p.stdout, p.stderr = pipes[0][1], pipes[1][0], pipes[2][0]
	return nil
}

func (p *localProcess) startTerm(t *hosts.Term) error {
	if p.cmd.Env == nil {
		p.cmd.Env = os.Environ()
	}
	p.cmd.Env = append(p.cmd.Env[:len(p.cmd.Env):len(p.cmd.Env)], "TERM="+t.Name)
	tty, err := pty.StartWithSize(p.cmd, winsize(hosts.Size{Cols: t.Cols, Rows: t.Rows}))
	if err != nil {
		return err
	}
	p.tty, p.stdout, p.stdin, p.stderr = tty, tty, nopCloser{tty}, eofReader{}
	p.files = []*os.File{tty}
	return nil
}

func winsize(s hosts.Size) *pty.Winsize {
	const most = 1 << 14
	return &pty.Winsize{Cols: uint16(max(0, min(s.Cols, most))), Rows: uint16(max(0, min(s.Rows, most)))}
}

// nopCloser keeps the end of the input from closing the terminal.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

type eofReader struct{}

func (eofReader) Read([]byte) (int, error) { return 0, io.EOF }

func (m *machine) add(p *localProcess) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.procs[p] = struct{}{}
	return true
}

// reap waits for the process, which also removes it from the system's table.
func (p *localProcess) reap() {
	err := p.cmd.Wait()
	if ps := p.cmd.ProcessState; ps != nil {
		p.status.code = ps.ExitCode()
		if ws, ok := ps.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			p.status.signal = signalName(ws.Signal())
			p.status.code = 128 + int(ws.Signal())
		}
	} else {
		p.err = err
	}
	p.m.mu.Lock()
	delete(p.m.procs, p)
	p.m.mu.Unlock()
	close(p.done)
}

// signalName is the name of a signal without SIG.
func signalName(s syscall.Signal) string {
	for name, n := range signalNumbers {
		if n == int(s) {
			return name
		}
	}
	return fmt.Sprint(int(s))
}

func (p *localProcess) Stdin() io.WriteCloser { return p.stdin }
func (p *localProcess) Stderr() io.Reader     { return p.stderr }
func (p *localProcess) Stdout() io.Reader {
	if p.tty != nil {
		return ttyReader{p.tty}
	}
	return p.stdout
}

// ttyReader makes the EIO that Linux gives when the last process left a terminal an end.
type ttyReader struct{ f *os.File }

func (t ttyReader) Read(b []byte) (int, error) {
	n, err := t.f.Read(b)
	if errors.Is(err, syscall.EIO) {
		err = io.EOF
	}
	return n, err
}

func (p *localProcess) Resize(s hosts.Size) error {
	if p.tty == nil {
		return nil
	}
	// Not pty.Setsize: it takes the file's descriptor out of the hands of Close.
	rc, err := p.tty.SyscallConn()
	if err != nil {
		return err
	}
	w := winsize(s)
	var ierr error
	err = rc.Control(func(fd uintptr) {
		ierr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: w.Rows, Col: w.Cols})
	})
	return errors.Join(err, ierr)
}

func (p *localProcess) Wait() (exitStatus, error) {
	select {
	case <-p.killed:
		select {
		case <-p.done:
		default:
			return p.status0(), errKilled
		}
	case <-p.done:
	}
	p.closeFiles()
	select {
	case <-p.killed:
		return p.status, errKilled
	default:
		return p.status, p.err
	}
}

// status0 is what is known of a process that was killed and is not reaped yet.
func (p *localProcess) status0() exitStatus {
	return exitStatus{code: signalExit("KILL"), signal: "KILL"}
}

// Kill ends the group and frees everybody who waits for it.
func (p *localProcess) Kill() {
	p.killOnce.Do(func() {
		select {
		case <-p.done: // nothing runs; its number may belong to somebody else
			p.closeFiles()
			return
		default:
		}
		close(p.killed)
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		p.closeFiles()
	})
}

func (p *localProcess) closeFiles() {
	for _, f := range p.files {
		_ = f.Close()
	}
}

func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "unix" {
		return nil, fmt.Errorf("dial %s %s: unknown network", network, address)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	return c, dialFault(network, address, err)
}

// dialFault tells apart what a dial as seen from a host can fail of.
func dialFault(network, address string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("dial %s %s: %w", network, address, hosts.ErrNotAllowed)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("dial %s %s: %w", network, address, hosts.ErrMissing)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("dial %s %s: %w", network, address, err)
}

func (m *machine) close() {
	m.mu.Lock()
	m.closed = true
	all := make([]*localProcess, 0, len(m.procs))
	for p := range m.procs {
		all = append(all, p)
	}
	m.mu.Unlock()
	for _, p := range all {
		p.Kill()
	}
	deadline := time.NewTimer(2 * time.Second) // a process in the kernel's hands is not waited for
	defer deadline.Stop()
	for _, p := range all {
		select {
		case <-p.done:
		case <-deadline.C:
			return
		}
	}
}

var _ process = (*localProcess)(nil)
