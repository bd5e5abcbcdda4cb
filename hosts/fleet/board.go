package fleet

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

// board holds the published snapshot. Publishing copies a slice of pointers; reading copies nothing
// and waits for nobody.
type board struct {
	now func() time.Time
	cur atomic.Pointer[hosts.Snapshot]

	mu     sync.Mutex // guards everything below and the order of stores to cur
	events []hosts.Event
	lost   uint64        // events that are no longer kept
	shown  uint64        // Gen at the last wake
	woke   time.Time     // when that was
	armed  bool          // a wake is planned
	wake   chan struct{} // closed at each wake
}

func newBoard(now func() time.Time, first *hosts.Snapshot) *board {
	b := &board{now: now, wake: make(chan struct{}), events: first.Events, shown: first.Gen}
	b.cur.Store(first)
	return b
}

// publish replaces the facts of host number i and adds events. facts must not be changed later.
func (b *board) publish(i int, facts *hosts.HostFacts, events []hosts.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.cur.Load()
	next := &hosts.Snapshot{Gen: old.Gen + 1, At: b.now(), Hosts: make([]*hosts.HostFacts, len(old.Hosts))}
	copy(next.Hosts, old.Hosts)
	next.Hosts[i] = facts
	b.add(next, events)
	b.cur.Store(next)
	b.arm()
}

// add puts events into a snapshot behind those that are kept.
func (b *board) add(s *hosts.Snapshot, events []hosts.Event) {
	had := len(b.events) + len(events)
	b.events = appendBounded(b.events, events, eventsKept)
	b.lost += uint64(had - len(b.events)) //nolint:gosec // never more than there were
	s.Events, s.Forgotten = b.events, b.lost
}

// arm plans the wake of those who wait in Next: now, or at the end of the frame.
func (b *board) arm() {
	if b.armed {
		return
	}
	wait := frame - time.Since(b.woke)
	if wait <= 0 {
		b.ring()
		return
	}
	b.armed = true
	time.AfterFunc(wait, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.armed = false
		b.ring()
	})
}

func (b *board) ring() {
	b.shown, b.woke = b.cur.Load().Gen, time.Now()
	close(b.wake)
	b.wake = make(chan struct{})
}

// next waits until a snapshot newer than after was shown. Wakes are at least a frame apart.
func (b *board) next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	for {
		b.mu.Lock()
		shown, wake := b.shown, b.wake
		b.mu.Unlock()
		if shown > after {
			return b.cur.Load(), nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wake:
		}
	}
}

// appendBounded appends to a list whose earlier states are held by readers: what they can see is
// never written again. It keeps the newest limit and copies only once in a while.
func appendBounded[T any](list, more []T, limit int) []T {
	if len(more) == 0 {
		return list
	}
	if over := len(more) - limit; over > 0 {
		more = more[over:]
	}
	if len(list)+len(more) > cap(list) {
		keep := min(len(list), limit-len(more))
		grown := make([]T, keep, 2*limit)
		copy(grown, list[len(list)-keep:])
		list = grown
	}
	list = append(list, more...)
	return list[max(0, len(list)-limit):]
}
