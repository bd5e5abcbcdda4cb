package transport

import (
	"bytes"
	"io"
	"sync"

	"midwatch/hosts"
)

// stderrKeep is how much of standard error a Result keeps, from its end.
const stderrKeep = 64 << 10

// tail keeps the last bytes written to it.
type tail struct {
	mu  sync.Mutex // guards everything below
	max int
	buf []byte
}

func newTail(limit int) *tail { return &tail{max: limit} }

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n >= t.max {
		t.buf = append(t.buf[:0], p[n-t.max:]...)
		return n, nil
	}
	// Twice the size before it is cut, so that a byte is moved once on average.
	if len(t.buf)+n > 2*t.max {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-(t.max-n):]...)
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

func (t *tail) Bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf[max(0, len(t.buf)-t.max):])
}

// copyAll moves what src has to dst until either ends; how it ended is told by those who own them.
func copyAll(dst io.Writer, src io.Reader) { _, _ = io.Copy(dst, src) }

// lastLine is the last line of text that says something, for a one-line reason.
func lastLine(b []byte) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return cleanLine(string(bytes.TrimSpace(lines[len(lines)-1])))
}

// cleanLine makes text from a host fit to be part of an error: one line, printable, bounded.
func cleanLine(s string) string {
	const most = 300
	s = hosts.CleanLine(s[:min(len(s), 4*most)])
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
