package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"midwatch/hosts"
)

// read is one kind of question to a host: at most one is on its way.
type read struct {
	what  string
	late  time.Duration // how long an answer may take
	busy  bool
	again bool      // asked for once more while busy
	lapse bool      // busy for so long that it was reported as failed
	since time.Time // when the last one was sent
	next  time.Time // when the next one is due; zero is now
	fails int       // in a row
}

// soon makes the read due.
func (r *read) soon() {
	r.next = time.Time{}
	r.again = r.busy
}

// due reports whether the read is to be sent now, and when to look again.
func (r *read) due(now time.Time) (bool, time.Time) {
	switch {
	case r.busy && r.lapse:
		return false, now.Add(time.Hour)
	case r.busy:
		return false, r.since.Add(r.late + lateGrace)
	case now.Before(r.next):
		return false, r.next
	default:
		return true, now
	}
}

// lapsed reports, once, that an answer is so late that even the deadline of its context did not
// bring it back.
func (r *read) lapsed(now time.Time) bool {
	if !r.busy || r.lapse || now.Before(r.since.Add(r.late+lateGrace)) {
		return false
	}
	r.lapse = true
	return true
}

// done notes the end of a read and plans the next one.
func (r *read) done(now time.Time, err error, period time.Duration) {
	r.busy, r.lapse = false, false
	if err != nil {
		r.fails++
		period = max(period, backoff(r.fails))
	} else {
		r.fails = 0
		period = max(period, min(now.Sub(r.since)*loadShare, lastRetry))
	}
	r.next = now.Add(period)
	if r.again {
		r.again, r.next = false, time.Time{}
	}
}

// backoff is the pause after so many failures in a row.
func backoff(fails int) time.Duration {
	return min(firstRetry<<min(max(fails-1, 0), 10), lastRetry)
}

// send asks in a goroutine of its own. ask returns what the supervisor does with the answer; when it
// panics, failed is done instead.
func (m *member) send(r *read, now time.Time, ask func(context.Context) func(), failed func(error)) {
	r.busy, r.lapse, r.again, r.since = true, false, false, now
	live := m.live
	m.f.spawn(m.ctx, r.what+" of "+m.Host.Name, func(context.Context) {
		ctx, cancel := context.WithTimeout(live, r.late)
		defer cancel()
		var then func()
		if err := m.f.guard(r.what+" of "+m.Host.Name, func() { then = ask(ctx) }); err != nil {
			then = func() { failed(err) }
		}
		m.post(then)
	})
}

// tooLate is the error of a read that lapsed.
func tooLate(r *read) error {
	return fmt.Errorf("%s: %w: nothing for %s", r.what, hosts.ErrTimeout, r.late+lateGrace)
}

// interrupted reports whether a read failed because its host was taken out of service, or because
// its link broke: then the reason is known better than the error tells it.
func (m *member) interrupted(err error) bool {
	return err != nil && (m.paused != "" || !m.reachable() || (errors.Is(err, context.Canceled) && m.live.Err() != nil))
}

// spread is a period at the host's pace, with a jitter.
func (m *member) spread(d time.Duration) time.Duration { return m.jitter(m.Pace.scale(d)) }

// jitter makes d up to a tenth longer or shorter.
func (m *member) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*m.f.p.Jitter()))
}
