package transport

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// take asks for a place in the background; the channel gets it.
func take(t *testing.T, b *budget, stream bool) <-chan *slot {
	t.Helper()
	ch := make(chan *slot, 1)
	go func() {
		s, err := b.acquire(t.Context(), stream)
		if err == nil {
			ch <- s
		}
	}()
	synctest.Wait()
	return ch
}

func got(ch <-chan *slot) *slot {
	select {
	case s := <-ch:
		return s
	default:
		return nil
	}
}

func TestBudgetSharesPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(6)
		var streams []*slot
		for range 4 { // 6 less the reserve of 2
			s := got(take(t, b, true))
			if s == nil {
				t.Fatalf("stream %d has to wait", len(streams)+1)
			}
			streams = append(streams, s)
		}
		fifth := take(t, b, true)
		if got(fifth) != nil {
			t.Fatal("streams took the places of short commands")
		}
		a, c := got(take(t, b, false)), got(take(t, b, false))
		if a == nil || c == nil {
			t.Fatal("a short command waits while places are reserved for it")
		}
		waiting := take(t, b, false)
		if got(waiting) != nil {
			t.Fatal("a seventh place was given")
		}
		streams[0].release()
		synctest.Wait()
		w := got(waiting)
		if w == nil {
			t.Fatal("short commands go before streams")
		}
		w.release()
		w.release() // once counts
		synctest.Wait()
		if got(fifth) == nil {
			t.Fatal("the waiting stream was forgotten")
		}
	})
}

func TestBudgetLearns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(8)
		var open []*slot
		for range 8 {
			open = append(open, got(take(t, b, false)))
		}
		for i := range 4 { // a server with MaxSessions 4 opens four, and refuses the others
			open[i].opened()
			if r := open[4+i].refused(false); r != refusedOver {
				t.Fatalf("refusal %d means %d", i+1, r)
			}
		}
		if n := b.allowed(); n != 4 {
			t.Fatalf("believes in %d sessions, want 4", n)
		}
		next := take(t, b, false)
		if got(next) != nil {
			t.Fatal("a fifth session was tried again at once")
		}
		open[0].release()
		synctest.Wait()
		n := got(next)
		if n == nil {
			t.Fatal("the free place was not given on")
		}
		// The server has not noticed the end of the one before: that teaches nothing.
		if r := n.refused(false); r != refusedForNow || b.allowed() != 4 {
			t.Fatalf("means %d, believes in %d sessions", r, b.allowed())
		}
		n = got(take(t, b, false))
		if r := n.refused(true); r != refusedOver || b.allowed() != 3 {
			t.Fatalf("at last means %d, believes in %d sessions", r, b.allowed())
		}
		// After a while one more is tried: the refusal may have been a passing one.
		<-time.After(relearnAfter + time.Second)
		if got(take(t, b, false)) == nil || b.allowed() != 4 {
			t.Fatalf("the limit stays at %d for ever", b.allowed())
		}
	})
}

func TestBudgetAloneAndRefused(t *testing.T) {
	t.Parallel()
	b := newBudget(0)
	s, err := b.acquire(t.Context(), false)
	if err != nil || s.refused(true) != refusedAlone {
		t.Fatalf("nobody else is there: %v", err)
	}
	if s, err = b.acquire(t.Context(), true); err != nil {
		t.Fatalf("one session, one stream: %v", err)
	}
	s.release()
}

func TestBudgetWaitersLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1)
		s := got(take(t, b, false))
		ctx, cancel := context.WithCancelCause(t.Context())
		left := errors.New("left")
		ended := make(chan error, 1)
		go func() {
			_, err := b.acquire(ctx, false)
			ended <- err
		}()
		synctest.Wait()
		cancel(left)
		if err := <-ended; !errors.Is(err, left) {
			t.Fatalf("left the queue with %v", err)
		}
		go func() {
			_, err := b.acquire(t.Context(), true)
			ended <- err
		}()
		synctest.Wait()
		b.close(errLost)
		if err := <-ended; !errors.Is(err, errLost) {
			t.Fatalf("a closed budget says %v", err)
		}
		s.release()
		if _, err := b.acquire(t.Context(), false); !errors.Is(err, errLost) {
			t.Fatalf("after close: %v", err)
		}
		c := newBudget(1)
		c.close(nil)
		if _, err := c.acquire(t.Context(), false); !errors.Is(err, hosts.ErrClosed) {
			t.Fatalf("closed without a reason: %v", err)
		}
	})
}

func TestReserve(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{1: 0, 2: 1, 3: 1, 4: 1, 6: 2, 8: 2, 10: 3} {
		if got := reserve(limit); got != want {
			t.Errorf("reserve(%d) = %d, want %d", limit, got, want)
		}
	}
}
