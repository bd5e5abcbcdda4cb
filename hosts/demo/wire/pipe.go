package wire

import (
	"cmp"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Window is how many bytes one direction holds before its writer waits, unless Faults says more: 256 KiB.
const Window = 256 << 10

// rto is how late a lost segment arrives: Linux's smallest retransmission timeout.
const rto = 200 * time.Millisecond

// Faults is how a network misbehaves. The zero value does not.
type Faults struct {
	Latency time.Duration // added to every segment, one way
	Jitter  time.Duration // up to this much more, at random
	Loss    float64       // chance from 0 to 1 that a segment has to be sent again
	Seed    uint64        // of the chances
	// Window is another Window; 0 is the usual one. Where a test's clock stands still while a lock is
	// waited for, nobody may wait for room with a lock in hand.
	Window int
}

// Addr is the address of an end of a connection.
type Addr struct{ Net, Text string }

// Network returns the network's name, "tcp" or "unix".
func (a Addr) Network() string { return a.Net }

func (a Addr) String() string { return a.Text }

// Pipe returns the two ends of a connection; what either writes the other reads.
func Pipe(f Faults, a, b net.Addr) (*Conn, *Conn) {
	ab, ba := newHalf(f, 1), newHalf(f, 2)
	s := &state{}
	left := &Conn{in: ba, out: ab, local: a, remote: b, s: s}
	right := &Conn{in: ab, out: ba, local: b, remote: a, s: s}
	return left, right
}

// state is what both ends share.
type state struct {
	mu      sync.Mutex
	onClose []func()
}

// Conn is one end of a connection.
type Conn struct {
	in, out       *half
	local, remote net.Addr
	s             *state
}

// Read reads what the other end wrote, waiting for it to arrive.
func (c *Conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write hands p to the network, waiting while the window is full.
func (c *Conn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close ends the connection: the other end reads what was sent, then io.EOF.
func (c *Conn) Close() error {
	c.out.closeWrite()
	c.in.closeRead()
	c.s.done()
	return nil
}

// CloseWrite ends one direction: the other end reads io.EOF and may still answer.
func (c *Conn) CloseWrite() error {
	c.out.closeWrite()
	return nil
}

// Cut fails both ends at once with err, as a reset does; what was under way is lost.
func (c *Conn) Cut(err error) {
	c.in.cut(err)
	c.out.cut(err)
	c.s.done()
}

// Freeze stops delivery in both directions, or lets it go on: a partition, which neither end
// notices but by its own deadline.
func (c *Conn) Freeze(on bool) {
	c.in.freeze(on)
	c.out.freeze(on)
}

// OnClose has fn called once when either end closes or the connection is cut.
func (c *Conn) OnClose(fn func()) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.onClose = append(c.s.onClose, fn)
}

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	c.out.setWriteDeadline(t)
	return nil
}

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

// SetWriteDeadline makes writes fail with os.ErrDeadlineExceeded from t on.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}

func (s *state) done() {
	s.mu.Lock()
	fns := s.onClose
	s.onClose = nil
	s.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// segment is what one write gave the network.
type segment struct {
	due  time.Time // when it arrives; zero without latency
	data []byte
}

// half is one direction. mu guards everything below it.
type half struct {
	mu          sync.Mutex
	faults      Faults
	rnd         *rand.Rand
	queue       []segment
	size        int
	last        time.Time // arrival of the newest segment: TCP keeps the order
	wclosed     bool
	rclosed     bool
	frozen      bool
	err         error
	rdead, wded time.Time
	change      chan struct{} // closed and replaced when anything above changes
}

func newHalf(f Faults, way uint64) *half {
	return &half{faults: f, rnd: rand.New(rand.NewPCG(f.Seed, way)), change: make(chan struct{})} //nolint:gosec // chances of a simulation
}

// touch wakes all who wait; mu is held.
func (h *half) touch() {
	close(h.change)
	h.change = make(chan struct{})
}

func (h *half) write(p []byte) (int, error) {
	n := 0
	for {
		h.mu.Lock()
		switch {
		case h.err != nil:
			err := h.err
			h.mu.Unlock()
			return n, err
		case h.wclosed:
			h.mu.Unlock()
			return n, net.ErrClosed
		case h.rclosed:
			h.mu.Unlock()
			return n, io.ErrClosedPipe
		case expired(h.wded):
			h.mu.Unlock()
			return n, os.ErrDeadlineExceeded
		}
		if len(p) == 0 {
			h.mu.Unlock()
			return n, nil
		}
		if room := cmp.Or(h.faults.Window, Window) - h.size; room > 0 {
			k := min(room, len(p))
			h.queue = append(h.queue, segment{due: h.arrival(), data: append([]byte(nil), p[:k]...)})
			h.size += k
			n += k
			p = p[k:]
			h.touch()
			h.mu.Unlock()
			continue
		}
		wait, dead := h.change, h.wded
		h.mu.Unlock()
		pause(wait, dead)
	}
}

// arrival says when a segment written now arrives; mu is held.
func (h *half) arrival() time.Time {
	f := h.faults
	if f.Latency == 0 && f.Jitter == 0 && f.Loss == 0 {
		return time.Time{}
	}
	d := f.Latency
	if f.Jitter > 0 {
		d += time.Duration(h.rnd.Int64N(int64(f.Jitter)))
	}
	for again := rto; f.Loss > 0 && h.rnd.Float64() < f.Loss && again < 10*time.Second; again *= 2 {
		d += again
	}
	t := time.Now().Add(d)
	if t.Before(h.last) {
		t = h.last
	}
	h.last = t
	return t
}

func (h *half) read(p []byte) (int, error) {
	for {
		h.mu.Lock()
		switch {
		case h.rclosed:
			h.mu.Unlock()
			return 0, net.ErrClosed
		case h.err != nil:
			err := h.err
			h.mu.Unlock()
			return 0, err
		case expired(h.rdead):
			h.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		if len(p) == 0 {
			h.mu.Unlock()
			return 0, nil
		}
		until := h.rdead
		if !h.frozen {
			n, due := h.take(p)
			if n > 0 {
				h.mu.Unlock()
				return n, nil
			}
			if due.IsZero() && h.wclosed {
				h.mu.Unlock()
				return 0, io.EOF
			}
			if !due.IsZero() && (until.IsZero() || due.Before(until)) {
				until = due
			}
		}
		wait := h.change
		h.mu.Unlock()
		pause(wait, until)
	}
}

// take copies what has arrived into p, or says when the next segment will; mu is held.
func (h *half) take(p []byte) (int, time.Time) {
	n := 0
	for len(h.queue) > 0 && n < len(p) {
		s := &h.queue[0]
		if !s.due.IsZero() && time.Now().Before(s.due) {
			if n > 0 {
				break
			}
			return 0, s.due
		}
		k := copy(p[n:], s.data)
		n += k
		if s.data = s.data[k:]; len(s.data) == 0 {
			h.queue[0] = segment{}
			h.queue = h.queue[1:]
		}
	}
	if n > 0 {
		h.size -= n
		h.touch()
	}
	return n, time.Time{}
}

func (h *half) closeWrite() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.wclosed {
		h.wclosed = true
		h.touch()
	}
}

func (h *half) closeRead() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.rclosed {
		h.rclosed, h.queue, h.size = true, nil, 0
		h.touch()
	}
}

func (h *half) cut(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.err, h.queue, h.size = err, nil, 0
		h.touch()
	}
}

func (h *half) freeze(on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.frozen != on {
		h.frozen = on
		h.touch()
	}
}

func (h *half) setReadDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rdead = t
	h.touch()
}

func (h *half) setWriteDeadline(t time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wded = t
	h.touch()
}

func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// pause waits for a change or, when until is set, for that moment.
func pause(change <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-change
		return
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-change:
	case <-t.C:
	}
}

var _ net.Conn = (*Conn)(nil)
