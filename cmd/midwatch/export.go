package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts/inventory"
)

// saveFile writes a file that did not exist before. What is left of one that could not be written whole is
// taken away.
func saveFile(name string, write func(io.Writer) error) (path string, err error) {
	path, err = filepath.Abs(inventory.ExpandHome(name))
	if err != nil {
		return name, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the person named it
	if errors.Is(err, os.ErrExist) {
		return path, fmt.Errorf("%s exists: give another name", path)
	}
	if err != nil {
		return path, err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	if err = errors.Join(write(w), w.Flush(), f.Close()); err != nil {
		err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return path, err
}

// pager runs the person's pager on a text that is made while it reads: PAGER as a shell takes it, less
// without one.
type pager struct {
	ctx      context.Context //nolint:containedctx // tea.ExecCommand has no other way to get one
	program  string
	write    func(io.Writer) error
	out, err *os.File // the terminal itself: a pager asks it for its size
}

// pager returns what opens a text in the person's pager.
func (a *app) pager(ctx context.Context) func(write func(io.Writer) error) tea.ExecCommand {
	return func(write func(io.Writer) error) tea.ExecCommand {
		program := strings.TrimSpace(a.getenv("PAGER"))
		if program == "" {
			program = "less"
		}
		return &pager{ctx: ctx, program: program, write: write, out: a.stdout, err: a.stderr}
	}
}

// SetStdin does nothing: a pager reads its keys from the terminal, and the text from us.
func (*pager) SetStdin(io.Reader) {}

// SetStdout does nothing: the console's own writer is no terminal.
func (*pager) SetStdout(io.Writer) {}

// SetStderr does nothing, as SetStdout.
func (*pager) SetStderr(io.Writer) {}

// Run shows the text and returns when the pager ends, however much of it that has read.
func (p *pager) Run() error {
	cmd := exec.CommandContext(p.ctx, "sh", "-c", p.program) //nolint:gosec // PAGER is a command of the person
	cmd.Stdout, cmd.Stderr = p.out, p.err
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.program, err)
	}
	w := bufio.NewWriterSize(in, 64<<10)
	err = errors.Join(p.write(w), w.Flush(), in.Close())
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		err = nil // the person has seen enough
	}
	if ended := cmd.Wait(); ended != nil {
		return fmt.Errorf("%s: %w", p.program, ended)
	}
	return err
}

var _ tea.ExecCommand = (*pager)(nil)
