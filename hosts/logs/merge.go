package logs

import (
	"time"

	"midwatch/hosts"
)

// The times of merging.
const (
	// frame is the least time between two batches: one message a frame, never one a line.
	frame = 33 * time.Millisecond
	// hold is how long a line waits at most for an older one of another source: so long for one of
	// which nothing is known.
	hold = 100 * time.Millisecond
	// reach is how long a line waits at most for one that is known to come late: journald and the reader
	// of files gather for a quarter of a second.
	reach = 500 * time.Millisecond
	// slack is added to how late the lines of a source usually come.
	slack = 10 * time.Millisecond
	// warmup is how long the lines of others wait for a source that was just opened and has not
	// delivered its first.
	warmup = time.Second
	// breath is how long a source that delivers what it wrote before may pause before the others stop
	// waiting for it; catchup is how long they wait at most.
	breath  = 250 * time.Millisecond
	catchup = 2 * time.Second
	// patience is the same for a query that does not follow, where order counts more than delay.
	patience = 5 * time.Second
)

// The bounds of a batch. Who takes one is busy with it for some milliseconds and answers no key meanwhile:
// what a host brings when it is back after a cut comes in many batches, one right after the other.
const (
	batchEntries = 4096
	batchBytes   = 1 << 20
)

// merger takes entries from queues in the order of their times.
type merger struct {
	follow bool
	newest time.Duration // of what was taken: what is older comes late
	any    bool          // something was taken
}

// excused is the moment from which an empty queue no longer holds up a line that was written at that
// time and arrived then.
func (m *merger) excused(q *queue, at, arrived time.Duration) time.Duration {
	switch {
	case q.ended:
		return arrived
	case !m.follow:
		return arrived + patience
	case !q.lively && q.ready && arrived-q.opened < warmup:
		return q.opened + warmup
	}
	until := arrived + hold
	if q.timed {
		// What it wrote before that line would be here by then.
		until = min(at+q.late+slack, arrived+reach)
	}
	if q.catchingUp() && (!m.any || q.last >= m.newest) {
		until = max(until, min(q.pushed+breath, arrived+catchup))
	}
	return until
}

// take moves the entries that are due from the queues to out, oldest first and as many as a batch holds, and
// returns the moment the next one is due, which is now where the batch was full; wait is false when there is
// none. An entry is due when every other source either has a newer one or is excused.
func (m *merger) take(queues []*queue, now time.Duration, out []hosts.Entry) (entries []hosts.Entry, due time.Duration, wait bool) {
	bytes := 0
	for {
		var best, next *queue // the queues with the oldest and the second oldest entry
		idle := 0
		for _, q := range queues {
			switch {
			case q.len() == 0:
				idle++
			case best == nil || q.list[q.head].at < best.list[best.head].at:
				best, next = q, best
			case next == nil || q.list[q.head].at < next.list[next.head].at:
				next = q
			}
		}
		if best == nil {
			return out, 0, false
		}
		if idle > 0 {
			if due := m.due(queues, best); due > now {
				return out, due, true
			}
		}
		// What was found holds for all entries of the same queue that are older than the second oldest:
		// who is excused from holding up one was asked for each, as long as any queue is empty.
		for {
			e := m.deliver(best, now)
			out = append(out, e)
			if bytes += size(&e); len(out) >= batchEntries || bytes >= batchBytes {
				return out, now, true
			}
			if idle > 0 || best.len() == 0 || next != nil && best.list[best.head].at > next.list[next.head].at {
				break
			}
		}
	}
}

// due is when the oldest entry of best may be taken, whatever the empty queues still deliver.
func (m *merger) due(queues []*queue, best *queue) time.Duration {
	w := &best.list[best.head]
	arrived := w.arrived
	// A newer entry may have waited longer than the oldest one, and must not wait anew.
	for _, q := range queues {
		if q.len() > 0 {
			arrived = min(arrived, q.list[q.head].arrived)
		}
	}
	due := arrived
	for _, q := range queues {
		if q.len() == 0 {
			due = max(due, m.excused(q, w.at, arrived))
		}
	}
	return due
}

// deliver takes the oldest entry of a queue, and marks it when newer ones went before it.
func (m *merger) deliver(q *queue, now time.Duration) hosts.Entry {
	w := q.pop()
	switch {
	case m.any && w.at < m.newest:
		if w.e.Kind == hosts.EntryLine {
			w.e.Late = true
			q.status.Late++
		}
	default:
		// A clock that is ahead and not corrected must not make all others late.
		m.newest, m.any = min(w.at, now), true
	}
	return w.e
}
