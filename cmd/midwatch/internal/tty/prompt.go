package tty

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoTerminal is that nobody can be asked.
var ErrNoTerminal = errors.New("no terminal to ask at")

// Prompter asks at the controlling terminal, one question at a time, whatever standard input and
// output are. Its methods may be called from any goroutine.
type Prompter struct {
	mu sync.Mutex // held while a question stands
}

// maxLine bounds an answer; the terminal's own line buffer ends at 4096.
const maxLine = 4096

// Ask shows text and reads a line; without echo what is typed is not shown. The terminal is put back
// and the error is that of ctx when it ends first.
func (p *Prompter) Ask(ctx context.Context, text string, echo bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	fd, err := syscall.Open("/dev/tty", syscall.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", ErrNoTerminal
	}
	f := os.NewFile(uintptr(fd), "/dev/tty") //nolint:gosec // a descriptor is never negative here
	defer f.Close()
	if !echo {
		restore, err := silence(fd)
		if err != nil {
			return "", err
		}
		defer restore()
	}
	if _, err := io.WriteString(f, text); err != nil {
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := readLine(f)
	if !echo || err != nil {
		_, _ = io.WriteString(f, "\n")
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return line, err
}

// silence switches echo off and returns what switches it on again.
func silence(fd int) (restore func(), err error) {
	old, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("read the terminal's state: %w", err)
	}
	quiet := *old
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &quiet); err != nil {
		return nil, fmt.Errorf("switch the terminal's echo off: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, old) }, nil
}

// readLine reads up to a line end; what follows it stays in the terminal, which gives lines one by
// one. The end of input without a line is io.EOF.
func readLine(r io.Reader) (string, error) {
	var line []byte
	buf := make([]byte, 512)
	for {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			return string(bytes.TrimSuffix(line[:i], []byte("\r"))), nil
		}
		switch {
		case err != nil && len(line) > 0 && errors.Is(err, io.EOF):
			return string(line), nil
		case err != nil:
			return "", err
		case len(line) > maxLine:
			return "", errors.New("the answer is too long")
		}
	}
}
