package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/term"
	"github.com/muesli/cancelreader"

	"midwatch/hosts"
)

// handover gives the terminal to a program on a host until that ends. Bubble Tea has left the
// terminal as it found it before Run is called, and takes it back afterwards.
type handover struct {
	ctx     context.Context //nolint:containedctx // tea.ExecCommand has no other way to get one
	what    string          // "shell on web1"
	getenv  func(string) string
	session func(ctx context.Context, in io.Reader, out io.Writer, t hosts.Term) error

	in       io.Reader
	out, err io.Writer
}

func (h *handover) SetStdin(r io.Reader)  { h.in = r }
func (h *handover) SetStdout(w io.Writer) { h.out = w }
func (h *handover) SetStderr(w io.Writer) { h.err = w }

// Run runs the session with the terminal in raw mode, so that every key goes to the host, ctrl+c
// included.
func (h *handover) Run() (err error) {
	in, ok := h.in.(term.File)
	if !ok || !term.IsTerminal(in.Fd()) {
		return fmt.Errorf("%s: %w", h.what, errors.New("standard input is no terminal"))
	}
	state, err := term.MakeRaw(in.Fd())
	if err != nil {
		return fmt.Errorf("%s: prepare the terminal: %w", h.what, err)
	}
	defer func() { err = errors.Join(err, term.Restore(in.Fd(), state)) }()
	// The reader must be let go of when the session ends, or it would eat the console's next key.
	keys, err := cancelreader.NewReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", h.what, err)
	}
	defer keys.Close()

	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	t := hosts.Term{Name: h.getenv("TERM"), Resize: resizes(ctx, in)}
	t.Cols, t.Rows, _ = term.GetSize(in.Fd())
	if t.Name == "" {
		t.Name = "xterm-256color"
	}
	_, _ = fmt.Fprintf(h.out, "\x1b[0m%s; exit or ctrl+d comes back\r\n", h.what)
	if err := h.session(ctx, cancelableReader{keys}, h.out, t); err != nil {
		return fmt.Errorf("%s: %w", h.what, err)
	}
	return nil
}

// cancelableReader is a terminal whose blocked Read can be ended.
type cancelableReader struct{ r cancelreader.CancelReader }

func (c cancelableReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if errors.Is(err, cancelreader.ErrCanceled) {
		err = io.EOF
	}
	return n, err
}

// Cancel ends a blocked Read, and every later one.
func (c cancelableReader) Cancel() bool { return c.r.Cancel() }

// resizes sends the sizes of a terminal as it changes, until ctx ends.
func resizes(ctx context.Context, f term.File) <-chan hosts.Size {
	winch := make(chan os.Signal, 1)
	signal.Notify(winch, syscall.SIGWINCH)
	out := make(chan hosts.Size, 1)
	go func() {
		defer close(out)
		defer signal.Stop(winch)
		for {
			select {
			case <-ctx.Done():
				return
			case <-winch:
			}
			w, h, err := term.GetSize(f.Fd())
			if err != nil {
				continue
			}
			select {
			case out <- hosts.Size{Cols: w, Rows: h}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// onConn runs a command with a terminal over a connection.
func onConn(conn hosts.Conn, argv ...string) func(context.Context, io.Reader, io.Writer, hosts.Term) error {
	return func(ctx context.Context, in io.Reader, out io.Writer, t hosts.Term) error {
		s, err := conn.Stream(ctx, hosts.Cmd{Argv: argv, Stdin: in, Term: &t})
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = io.Copy(out, s)
		if c, ok := in.(interface{ Cancel() bool }); ok {
			c.Cancel() // before Wait, which waits for whoever reads the keys
		}
		// The exit status is that of the last thing typed there, and no failure of ours.
		_, werr := s.Wait()
		return errors.Join(err, werr)
	}
}

var _ tea.ExecCommand = (*handover)(nil)
