package logs

import (
	"time"

	"midwatch/hosts"
)

// The bounds of what waits to be read, over all sources of a stream.
const (
	maxEntries = 64 << 10
	maxBytes   = 32 << 20
	// A source has at least this much, however many there are.
	minEntries = 256
	minBytes   = 256 << 10
)

// The times of merging.
const (
	// frame is the least time between two batches: one message a frame, never one a line.
	frame = 33 * time.Millisecond
	// hold is how long a line waits at most for an older one of another source: so long for one of
	// which nothing is known.
	hold = 100 * time.Millisecond
	// slack is added to how late the lines of a source usually come.
	slack = 10 * time.Millisecond
	// warmup is how long the lines of others wait for a source that was just opened and has not
	// delivered its first.
	warmup = time.Second
	// patience is the same for a query that does not follow, where order counts more than delay.
	patience = 5 * time.Second
)

// waiting is an entry in a queue.
type waiting struct {
	e       hosts.Entry
	at      time.Time // the time it is merged by: never before the entry ahead of it
	arrived time.Time
}

// queue holds what one source delivered and nobody took yet. It is guarded by the stream's mu.
type queue struct {
	src    hosts.LogSource
	list   []waiting // list[head:] waits
	head   int
	bytes  int
	last   time.Time // at of the newest entry
	opened time.Time
	lively bool // has delivered since it was opened
	timed  bool // late is known: a line was written while we were reading
	late   time.Duration
	ended  bool   // delivers nothing more, or nothing for now
	note   string // what is to be known while it is read, shown as the reason
	status hosts.LogStatus
}

func (q *queue) len() int { return len(q.list) - q.head }

// disorder is how far back a source's own clock may step before its lines are merged by it again.
const disorder = 5 * time.Second

func (q *queue) push(e hosts.Entry, now time.Time) {
	at := e.Time
	if at.Before(q.last) && q.last.Sub(at) < disorder {
		at = q.last
	}
	q.last = at
	q.list = append(q.list, waiting{e, at, now})
	q.bytes += size(e)
	q.lively = true
	q.status.Lines++
	if e.Time.After(q.opened) {
		q.status.Lag = max(0, now.Sub(e.Time))
		q.learn(now.Sub(e.Time))
	}
}

// grow joins a line to the newest entry, if that still waits and has come just before.
func (q *queue) grow(e *hosts.Entry) bool {
	if q.len() == 0 {
		return false
	}
	last := &q.list[len(q.list)-1].e
	join(last, e)
	q.bytes += len(e.Text) + 1
	q.status.Lines++
	return true
}

// learn notes how long after its time a line came. late follows the worst of these at once and
// forgets it slowly: journald gathers a quarter of a second before it wakes its readers, a container's
// line is here after some milliseconds, and the clock of a host may be off in either direction.
func (q *queue) learn(lag time.Duration) {
	if !q.timed || lag > q.late {
		q.timed, q.late = true, lag
		return
	}
	q.late -= (q.late - lag) / 16
}

func (q *queue) pop() hosts.Entry {
	w := &q.list[q.head]
	e := w.e
	q.bytes -= size(e)
	*w = waiting{}
	q.head++
	switch {
	case q.head == len(q.list):
		q.list, q.head = q.list[:0], 0
		if cap(q.list) > 4096 {
			q.list = nil
		}
	case q.head > 1024 && q.head > len(q.list)/2:
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return e
}

// size is what an entry costs, roughly: its texts and the struct.
func size(e hosts.Entry) int { return len(e.Text) + len(e.Cursor) + 160 }

// over reports whether the queue is beyond its share of a stream of n sources.
func (q *queue) over(n int) bool {
	return q.len() > 1 && (q.len() > max(minEntries, maxEntries/n) || q.bytes > max(minBytes, maxBytes/n))
}

// excused is the moment from which an empty queue no longer holds up a line that was written at that
// time and arrived then.
func (q *queue) excused(at, arrived time.Time, follow bool) time.Time {
	switch {
	case q.ended:
		return arrived
	case !follow:
		return arrived.Add(patience)
	case !q.lively && !q.opened.IsZero() && arrived.Sub(q.opened) < warmup:
		return q.opened.Add(warmup)
	case q.timed:
		// What it wrote before that line would be here by then.
		return minTime(at.Add(q.late+slack), arrived.Add(hold))
	default:
		return arrived.Add(hold)
	}
}

// take moves the entries that are due from the queues to out, oldest first, and returns the moment
// the next one is due, or zero when there is none. An entry is due when every other source either
// has a newer one or is excused.
func take(queues []*queue, follow bool, now time.Time, out []hosts.Entry) ([]hosts.Entry, time.Time) {
	for {
		var best *queue
		for _, q := range queues {
			if q.len() > 0 && (best == nil || q.list[q.head].at.Before(best.list[best.head].at)) {
				best = q
			}
		}
		if best == nil {
			return out, time.Time{}
		}
		// A newer entry may have waited longer than the oldest one, and must not wait anew.
		at, arrived, due := best.list[best.head].at, best.list[best.head].arrived, now
		for _, q := range queues {
			if q.len() > 0 {
				arrived = minTime(arrived, q.list[q.head].arrived)
			}
		}
		for _, q := range queues {
			if q.len() > 0 {
				continue
			}
			if t := q.excused(at, arrived, follow); t.After(due) {
				due = t
			}
		}
		if due.After(now) {
			return out, due
		}
		out = append(out, best.pop())
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
