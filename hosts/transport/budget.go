package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"midwatch/hosts"
)

const (
	// defaultSessions is how many session channels are used at once on one connection: a little under
	// sshd's own MaxSessions of 10, because a channel we closed may count there a moment longer.
	defaultSessions = 8
	// relearnAfter is how long a limit learned from a refusal stands before one more is tried.
	relearnAfter = time.Minute
)

// budget shares the session channels of one connection. Short commands go before streams, and some
// places are never given to streams, so that following many logs does not keep a host from being
// read. A refusal by the server lowers the limit.
type budget struct {
	mu      sync.Mutex // guards everything below
	max     int        // what is allowed at most
	limit   int        // what the server is believed to allow
	learned time.Time  // when limit was lowered
	inUse   int
	streams int // of inUse
	open    int // of inUse, those the server has opened
	proven  int // how many the server once had open at a time
	closed  error
	short   []*waiter
	long    []*waiter
}

// waiter is one that waits for a place. ready is closed when it has one, or when the budget closed.
type waiter struct {
	stream bool
	ready  chan struct{}
	err    error
}

func newBudget(limit int) *budget {
	if limit <= 0 {
		limit = defaultSessions
	}
	return &budget{max: limit, limit: limit}
}

// slot is a place in the budget; release gives it back, once.
type slot struct {
	b      *budget
	stream bool
	open   bool // b.mu guards it
	once   sync.Once
}

// reserve is how many places streams leave to short commands.
func reserve(limit int) int {
	switch {
	case limit <= 1:
		return 0 // a host with one session: somebody has to wait
	case limit <= 3:
		return 1
	default:
		return limit / 3
	}
}

// acquire waits for a place until the context ends.
func (b *budget) acquire(ctx context.Context, stream bool) (*slot, error) {
	b.mu.Lock()
	w := &waiter{stream: stream, ready: make(chan struct{})}
	if stream {
		b.long = append(b.long, w)
	} else {
		b.short = append(b.short, w)
	}
	b.grant()
	b.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		if !b.forget(w) { // the place came at the same moment
			(&slot{b: b, stream: stream}).release()
		}
		return nil, context.Cause(ctx)
	}
	if w.err != nil {
		return nil, w.err
	}
	return &slot{b: b, stream: stream}, nil
}

// forget takes a waiter out of its queue; false means that it has been served already.
func (b *budget) forget(w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.short) + len(b.long)
	same := func(o *waiter) bool { return o == w }
	b.short = slices.DeleteFunc(b.short, same)
	b.long = slices.DeleteFunc(b.long, same)
	return len(b.short)+len(b.long) < n || w.err != nil
}

// grant serves those who can be served; mu is held.
func (b *budget) grant() {
	if b.closed != nil {
		for _, w := range append(b.short, b.long...) {
			w.err = b.closed
			close(w.ready)
		}
		b.short, b.long = nil, nil
		return
	}
	for {
		full := b.inUse >= b.limit
		if full && b.limit < b.max && len(b.short)+len(b.long) > 0 && time.Since(b.learned) > relearnAfter {
			b.limit++
			b.learned = time.Now()
			full = false
		}
		var w *waiter
		switch {
		case full:
			return
		case len(b.short) > 0:
			w, b.short = b.short[0], b.short[1:]
		case len(b.long) > 0 && b.streams < b.limit-reserve(b.limit):
			w, b.long = b.long[0], b.long[1:]
			b.streams++
		default:
			return
		}
		b.inUse++
		close(w.ready)
	}
}

// release gives the place back.
func (s *slot) release() {
	s.once.Do(func() {
		s.b.mu.Lock()
		defer s.b.mu.Unlock()
		s.drop()
		s.b.grant()
	})
}

// opened notes that the server has opened the session.
func (s *slot) opened() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.open = true
	s.b.open++
	s.b.proven = max(s.b.proven, s.b.open)
}

// drop takes the place out of the count; mu is held.
func (s *slot) drop() {
	s.b.inUse--
	if s.stream {
		s.b.streams--
	}
	if s.open {
		s.b.open--
	}
}

// refusal is what the server's refusal of a session means.
type refusal int

const (
	refusedForNow refusal = iota // it allowed as many before: a session that has ended is still there
	refusedOver                  // the limit is known now: wait for one of the others
	refusedAlone                 // there are no others
)

// refused gives the place back and learns from it: the server allows no more than the others that
// are open or being opened, unless it is known to allow more. With final set it is believed anyway.
func (s *slot) refused(final bool) (r refusal) {
	s.once.Do(func() {
		b := s.b
		b.mu.Lock()
		defer b.mu.Unlock()
		s.drop()
		switch {
		case b.inUse == 0:
			r = refusedAlone
		case b.inUse < b.proven && !final:
			r = refusedForNow
		default:
			r = refusedOver
			b.limit = max(1, min(b.limit, b.inUse))
			b.learned = time.Now()
		}
		// Nobody is served here: the place that became free does not exist on the server.
	})
	return r
}

// close fails everybody who waits and will wait; places that are given out stay counted.
func (b *budget) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		err = hosts.ErrClosed
	}
	b.closed = err
	b.grant()
}

// allowed is how many sessions the server is believed to allow.
func (b *budget) allowed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit
}
