package conformance

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"

	"midwatch/hosts/sshd"
)

// Machine is an sshd.Backend that runs commands through the sh of this machine and dials from it, as
// sshd would.
type Machine struct {
	Env []string // of the commands; nil means the process's
}

// Exec implements sshd.Backend.
func (m Machine) Exec(ctx context.Context, r *sshd.Request) int {
	argv := []string{"-c", r.Command}
	if r.Command == "" {
		argv = nil
	}
	cmd := exec.Command("sh", argv...) //nolint:noctx // the whole group is killed below
	// A command that made a group of its own may hold the output for longer than the shell lives.
	cmd.WaitDelay = 3 * time.Second
	cmd.Env = m.Env
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	for k, v := range r.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	finish, err := start(cmd, r)
	if err != nil {
		_, _ = io.WriteString(r.Stderr, err.Error()+"\n")
		return 127
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(ctx, cmd.Process.Pid, r.Signals, done)
	}()
	err = finish()
	close(done)
	<-watched
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		r.ExitSignal = signalName(ws.Signal())
		return 0
	}
	if err != nil && cmd.ProcessState == nil {
		return 255
	}
	return cmd.ProcessState.ExitCode()
}

// start runs cmd with the request's input and output; the returned function waits for its end.
func start(cmd *exec.Cmd, r *sshd.Request) (func() error, error) {
	if r.Term != nil {
		cmd.Env = append(cmd.Env, "TERM="+r.Term.Name)
		tty, err := pty.StartWithSize(cmd, size(r.Term.Size))
		if err != nil {
			return nil, err
		}
		return func() error { return terminal(cmd, tty, r) }, nil
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = r.Stdout, r.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_, _ = io.Copy(in, r.Stdin)
		_ = in.Close()
	}()
	return cmd.Wait, nil
}

func terminal(cmd *exec.Cmd, tty *os.File, r *sshd.Request) error {
	go func() { _, _ = io.Copy(tty, r.Stdin) }()
	done := make(chan struct{})
	resized := make(chan struct{})
	go func() {
		defer close(resized)
		for {
			select {
			case s := <-r.Resize:
				_ = pty.Setsize(tty, size(s))
			case <-done:
				return
			}
		}
	}()
	_, _ = io.Copy(r.Stdout, tty) // EIO when the last process left the terminal
	err := cmd.Wait()
	close(done)
	<-resized
	_ = tty.Close()
	return err
}

func size(s sshd.Size) *pty.Winsize { return &pty.Winsize{Cols: uint16(s.Cols), Rows: uint16(s.Rows)} }

// watch passes signals on, and ends the whole group when the context does.
func watch(ctx context.Context, pid int, signals <-chan string, done <-chan struct{}) {
	for {
		select {
		case name := <-signals:
			if n, ok := signalNumbers()[name]; ok {
				_ = syscall.Kill(-pid, n)
			}
		case <-ctx.Done():
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			return
		case <-done:
			return
		}
	}
}

func signalNumbers() map[string]syscall.Signal {
	return map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL,
		"TERM": syscall.SIGTERM, "PIPE": syscall.SIGPIPE,
	}
}

func signalName(s syscall.Signal) string {
	for name, n := range signalNumbers() {
		if n == s {
			return name
		}
	}
	return s.String()
}

// Dial implements sshd.Backend.
func (m Machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	var op *net.OpError
	if errors.As(err, &op) {
		err = errors.New(strings.TrimPrefix(op.Err.Error(), "connect: "))
	}
	return c, err
}

var _ sshd.Backend = Machine{}
