package logs

import (
	"time"

	"midwatch/hosts"
)

// The bounds of what waits to be read, over all sources of a stream. A source that is far ahead of the
// others may use up to half of them; each has its share beyond that.
const (
	maxEntries = 64 << 10
	maxBytes   = 32 << 20
	// A source has at least this much, however many there are.
	minEntries = 256
	minBytes   = 256 << 10
)

// pool is what waits in all queues of a stream.
type pool struct{ entries, bytes int }

// waiting is an entry in a queue. Its moments are counted from the start of the stream: our own clock
// may be set while it runs, and what is measured with it must not jump.
type waiting struct {
	e       hosts.Entry
	at      time.Duration // when it was written, by our clock; never before the entry ahead of it
	arrived time.Duration
}

// queue holds what one source delivered and nobody took yet. It is guarded by the stream's mu.
type queue struct {
	src    hosts.LogSource
	start  time.Time // of the stream
	pool   *pool
	list   []waiting // list[head:] waits
	head   int
	bytes  int
	last   time.Duration // at of the newest entry
	pushed time.Duration // when that came
	seen   bool          // last says something
	opened time.Duration // when it was opened first
	ready  bool          // it was opened
	since  time.Duration // when it was opened last
	lively bool          // has delivered since it was opened
	timed  bool          // late is known: a line was written while we were reading
	late   time.Duration
	lately time.Duration // the worst since turned
	before time.Duration // the worst of the time before that
	turned time.Duration
	ended  bool   // delivers nothing more, or nothing for now
	note   string // what is to be known while it is read, shown as the reason
	meter  meter
	status hosts.LogStatus
}

func (q *queue) len() int { return len(q.list) - q.head }

// disorder is how far back a source's own clock may step before its lines are merged by it again.
const disorder = 5 * time.Second

func (q *queue) push(e hosts.Entry, now time.Duration) {
	at := e.Corrected().Sub(q.start)
	if q.seen && at < q.last && q.last-at < disorder {
		at = q.last
	}
	q.last, q.pushed, q.seen = at, now, true
	q.list = append(q.list, waiting{e, at, now})
	q.bytes += size(&e)
	q.pool.entries++
	q.pool.bytes += size(&e)
	q.lively = true
	if e.Kind != hosts.EntryLine {
		if e.Kind == hosts.EntryGap {
			q.status.Gaps++
		}
		return
	}
	q.status.Lines++
	if at > q.opened {
		q.status.Lag = max(0, now-at)
		q.learn(now-at, now)
	}
}

// delivered reports that a line came of the source.
func (q *queue) delivered(s *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.status.Lines > 0
}

// catchingUp reports a source that still delivers what was written before it was opened, and so has more
// to come that belongs before the newest lines of others.
func (q *queue) catchingUp() bool { return q.seen && q.lively && q.last < q.since }

// grow joins a line to the newest entry, if that still waits and has come just before.
func (q *queue) grow(e *hosts.Entry) bool {
	if q.len() == 0 {
		return false
	}
	last := &q.list[len(q.list)-1].e
	join(last, e)
	q.bytes += len(e.Text) + 1
	q.pool.bytes += len(e.Text) + 1
	q.status.Lines++
	return true
}

// learn notes how long after its time a line came. late is the worst of these of the last seconds: journald
// gathers a quarter of a second before it wakes its readers and a file is looked at five times a second, so
// the lines of one burst are late by all there is between nothing and that; a container's line is here after
// some milliseconds, and the clock of a host may be off in either direction.
func (q *queue) learn(lag, now time.Duration) {
	switch {
	case !q.timed:
		q.timed, q.late, q.lately, q.before, q.turned = true, lag, lag, lag, now
		return
	case now-q.turned > memory:
		q.before, q.lately, q.turned = q.lately, lag, now
	case lag > q.lately:
		q.lately = lag
	}
	q.late = max(q.before, q.lately)
}

// memory is how long the worst that was learned holds at least; it is forgotten after twice that.
const memory = 2 * time.Second

// pop takes the oldest entry out.
func (q *queue) pop() waiting {
	w := q.list[q.head]
	q.bytes -= size(&w.e)
	q.pool.entries--
	q.pool.bytes -= size(&w.e)
	q.list[q.head] = waiting{} // the texts may be large
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
	return w
}

// size is what an entry costs, roughly: its texts and the struct.
func size(e *hosts.Entry) int { return len(e.Text) + len(e.Cursor) + 200 }

// over reports whether the queue is beyond its share of a stream of n sources, and that is needed.
func (q *queue) over(n int) bool {
	return q.len() > 1 && (q.len() > max(minEntries, maxEntries/n) && q.pool.entries > maxEntries/2 ||
		q.bytes > max(minBytes, maxBytes/n) && q.pool.bytes > maxBytes/2)
}

// meter measures the rate of a source.
type meter struct {
	at    time.Duration // of the last measurement
	lines uint64        // by then
}

// measured is how often rates are measured.
const measured = time.Second

// rate measures anew when it is time, and reports whether the rate has changed. Half of it is the last
// second's, a quarter that of the second before, and so on.
func (q *queue) rate(now time.Duration) bool {
	since := now - q.meter.at
	if since < measured {
		return false
	}
	old := q.status.Rate
	if rate := (old + float64(q.status.Lines-q.meter.lines)/since.Seconds()) / 2; rate >= 0.05 {
		q.status.Rate = rate
	} else {
		q.status.Rate = 0
	}
	q.meter = meter{now, q.status.Lines}
	return q.status.Rate != old
}
