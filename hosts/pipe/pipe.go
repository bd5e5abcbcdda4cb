package pipe

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// DefaultBuffer is how many bytes each direction holds before Write blocks.
const DefaultBuffer = 256 << 10

// Options shape an in-memory connection. The zero value is a fast and faultless one.
type Options struct {
	// Latency is asked once for every write and delays its delivery; nil means none. Order is kept.
	Latency func() time.Duration
	// Buffer is how many undelivered bytes each direction holds; 0 means DefaultBuffer.
	Buffer int
	// Name is what both ends give as their address.
	Name string
}

// New returns the two ends of an in-memory connection. Unlike net.Pipe it is buffered, so that a
// writer does not wait for the reader, and the ends can be half-closed and frozen.
func New(o Options) (*Conn, *Conn) {
	if o.Buffer <= 0 {
		o.Buffer = DefaultBuffer
	}
	if o.Name == "" {
		o.Name = "pipe"
	}
	ab, ba := newHalf(o), newHalf(o)
	addr := pipeAddr(o.Name)
	return &Conn{in: ba, out: ab, addr: addr}, &Conn{in: ab, out: ba, addr: addr}
}

// Conn is one end of a pipe.
type Conn struct {
	in, out *half
	addr    pipeAddr
	readBy  deadline
	writeBy deadline
}

// Freeze stops (or resumes) delivery in both directions without telling anybody, as a firewall that
// drops packets does. Writes still succeed until the buffer is full.
func (c *Conn) Freeze(frozen bool) {
	c.in.freeze(frozen)
	c.out.freeze(frozen)
}

// Read waits for data that has arrived, the end of the other side's writing, or the deadline.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p, &c.readBy) }

// Write waits for room only.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p, &c.writeBy) }

// CloseWrite lets the other end read io.EOF after what was written.
func (c *Conn) CloseWrite() error { c.out.closeWrite(nil); return nil }

// Close ends both directions: the other end reads io.EOF after what was written, and its writes fail.
func (c *Conn) Close() error { return c.CloseWithError(nil) }

// CloseWithError ends both directions like Close; the other end reads err instead of io.EOF, after
// what was written, so that a cut is not taken for an end.
func (c *Conn) CloseWithError(err error) error {
	c.out.closeWrite(err)
	c.in.closeRead()
	return nil
}

// LocalAddr returns the name of the pipe.
func (c *Conn) LocalAddr() net.Addr { return c.addr }

// RemoteAddr returns the name of the pipe.
func (c *Conn) RemoteAddr() net.Addr { return c.addr }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.readBy.set(t)
	c.writeBy.set(t)
	return nil
}

// SetReadDeadline bounds Read, also one that is waiting.
func (c *Conn) SetReadDeadline(t time.Time) error { c.readBy.set(t); return nil }

// SetWriteDeadline bounds Write, also one that is waiting.
func (c *Conn) SetWriteDeadline(t time.Time) error { c.writeBy.set(t); return nil }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// chunk is one write on its way.
type chunk struct {
	at   time.Time // when it arrives
	data []byte
}

// half is one direction.
type half struct {
	latency func() time.Duration
	limit   int

	mu      sync.Mutex // guards everything below
	chunks  []chunk
	size    int
	frozen  bool
	wclosed bool          // nothing more will be written
	werr    error         // what the reader gets then, nil for io.EOF
	rclosed bool          // nobody will read
	changed chan struct{} // closed and replaced when anything above changes
}

func newHalf(o Options) *half {
	return &half{latency: o.Latency, limit: o.Buffer, changed: make(chan struct{})}
}

// wake tells all waiters to look again; mu is held.
func (h *half) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *half) freeze(on bool) { h.mu.Lock(); h.frozen = on; h.wake(); h.mu.Unlock() }

func (h *half) closeWrite(err error) {
	h.mu.Lock()
	if !h.wclosed {
		h.wclosed, h.werr = true, err
	}
	h.wake()
	h.mu.Unlock()
}

func (h *half) closeRead() {
	h.mu.Lock()
	h.rclosed, h.chunks, h.size = true, nil, 0
	h.wake()
	h.mu.Unlock()
}

func (h *half) read(p []byte, by *deadline) (int, error) {
	for {
		n, wait, changed, err := h.take(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		if err := pause(changed, wait, by); err != nil {
			return 0, err
		}
	}
}

// take copies what has arrived. Without anything it says how long the next chunk still takes (0 when
// there is none) and which channel announces a change.
func (h *half) take(p []byte) (n int, wait time.Duration, changed chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.rclosed:
		return 0, 0, nil, net.ErrClosed
	case h.frozen:
		return 0, 0, h.changed, nil
	}
	for len(h.chunks) > 0 && n < len(p) {
		c := &h.chunks[0]
		if !c.at.IsZero() {
			if wait = time.Until(c.at); wait > 0 {
				break
			}
		}
		k := copy(p[n:], c.data)
		n += k
		if c.data = c.data[k:]; len(c.data) == 0 {
			h.chunks = h.chunks[1:]
		}
	}
	if n > 0 {
		h.size -= n
		h.wake()
		return n, 0, nil, nil
	}
	if len(h.chunks) == 0 && h.wclosed {
		if h.werr != nil {
			return 0, 0, nil, h.werr
		}
		return 0, 0, nil, io.EOF
	}
	return 0, wait, h.changed, nil
}

func (h *half) write(p []byte, by *deadline) (int, error) {
	done := 0
	for {
		n, changed, err := h.put(p[done:])
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
		if err := pause(changed, 0, by); err != nil {
			return done, err
		}
	}
}

// put queues as much as there is room for.
func (h *half) put(p []byte) (int, chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.wclosed:
		return 0, nil, net.ErrClosed
	case h.rclosed:
		return 0, nil, io.ErrClosedPipe
	}
	n := min(len(p), h.limit-h.size)
	if n > 0 {
		c := chunk{data: append([]byte(nil), p[:n]...)}
		if h.latency != nil {
			c.at = time.Now().Add(h.latency())
			if k := len(h.chunks); k > 0 && c.at.Before(h.chunks[k-1].at) {
				c.at = h.chunks[k-1].at
			}
		}
		h.chunks = append(h.chunks, c)
		h.size += n
		h.wake()
	}
	return n, h.changed, nil
}

// pause waits for a change, for wait to pass (0: for ever) or for the deadline.
func pause(changed chan struct{}, wait time.Duration, by *deadline) error {
	var arrive <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		arrive = t.C
	}
	select {
	case <-by.passed():
		return os.ErrDeadlineExceeded
	default:
	}
	select {
	case <-changed:
	case <-arrive:
	case <-by.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// deadline is a moment that can be moved while somebody waits for it.
type deadline struct {
	mu    sync.Mutex // guards everything below
	gen   int        // counts calls of set, so that a timer that was too late to stop does nothing
	timer *time.Timer
	ch    chan struct{} // closed when the moment has passed
}

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ch == nil {
		d.ch = make(chan struct{})
	}
	return d.ch
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gen++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ch == nil {
		d.ch = make(chan struct{})
	}
	select {
	case <-d.ch: // had passed: whoever comes now waits for the new moment
		d.ch = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		close(d.ch)
		return
	}
	gen := d.gen
	d.timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.gen == gen {
			close(d.ch)
		}
	})
}
