package tty

import (
	"io"
	"sync"
	"time"
)

// File is a terminal to read from; *os.File has it.
type File interface {
	io.ReadWriteCloser
	Fd() uintptr
	Name() string
}

// Filter reads a terminal and leaves out the answer to Ask when it comes late: its bytes would be
// taken for keys. It has a descriptor, so Bubble Tea still finds a terminal there and waits for input
// on it.
type Filter struct {
	File
	mu      sync.Mutex // guards everything below
	pending []byte     // did not fit the reader's buffer
	p       parser
	until   time.Time // the answer is not waited for after this
	now     func() time.Time
}

// lateness is how long an answer may come after the question: links over half the world are below
// a second.
const lateness = 5 * time.Second

// NewFilter wraps f, from which an answer is still to come.
func NewFilter(f File, now func() time.Time) *Filter {
	return &Filter{File: f, now: now, until: now().Add(lateness)}
}

// Read returns what was typed. It may return no bytes and no error when only an answer came.
func (t *Filter) Read(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) > 0 {
		return t.deliver(b), nil
	}
	n, err := t.File.Read(b)
	if t.until.IsZero() {
		return n, err
	}
	out := t.p.feed(nil, b[:n])
	if t.p.done || t.now().After(t.until) || len(t.p.held) == 1 {
		// A lone escape at the end of a read is the key: an answer comes in one piece.
		out = append(out, t.p.held...)
		t.p.held = nil
	}
	if t.p.done || t.now().After(t.until) {
		t.until = time.Time{}
	}
	t.pending = append(t.pending, out...)
	return t.deliver(b), err
}

func (t *Filter) deliver(b []byte) int {
	n := copy(b, t.pending)
	t.pending = t.pending[n:]
	return n
}
