package logs

import (
	"context"
	"runtime"
	"slices"
	"sort"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// How many settled lines one command looks at: the first ones few, so that something is on screen while
// the rest is looked for. A keystroke cancels between two chunks, however many there are.
const (
	firstLines = 1 << 16
	sliceLines = 1 << 18
)

// scan keeps the positions of the lines a predicate accepts. It works from the newest line to the
// oldest, because that is where the reader is, and then follows what is appended. All of it belongs
// to the update loop; the work is done by the commands that next returns, one at a time.
type scan struct {
	owner *token // the screen, and
	id    uint64 // the scan its results belong to
	pred  *predicate
	hits  deque // positions of settled lines, ascending
	lo    int   // settled lines in [lo, hi) were looked at
	hi    int
	epoch uint64 // of the buffer when the scan began

	seen    uint64   // tail lines with an id up to here were looked at
	tailIDs []uint64 // ids of those that were accepted, ascending
	tailPos []int    // their positions now
	running bool
	started bool // a first result has come
	holds   bool // what lies further back than that is not looked at yet: more is being typed
	cancel  context.CancelFunc
	ctx     context.Context //nolint:containedctx // a scan ends with its context
}

// newScan returns a scan that has looked at nothing. id must not have been used before.
func newScan(ctx context.Context, owner *token, id uint64, pred *predicate, b *Buffer) *scan {
	s := &scan{owner: owner, id: id, pred: pred, epoch: b.epoch, lo: b.settled, hi: b.settled}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// stop cancels the work in flight.
func (s *scan) stop() {
	if s != nil {
		s.cancel()
	}
}

// scanJob is what one command works on: values only.
type scanJob struct {
	owner    *token
	id       uint64
	pred     *predicate
	chunks   []chunk // headers copied; their lines never change
	from, to int
	tail     []line // a copy; nil when the tail need not be looked at
	back     bool
}

// scannedMsg is the result of one job. A cancelled job sends it with cut set and no results.
type scannedMsg struct {
	owner    *token
	id       uint64
	from, to int
	hits     positions
	tailIDs  []uint64
	seen     uint64
	tail     bool
	back     bool
	cut      bool
}

// next returns the command for the next piece of work, nil when there is none or one is in flight.
func (s *scan) next(b *Buffer) tea.Cmd {
	if s.running {
		return nil
	}
	job := scanJob{owner: s.owner, id: s.id, pred: s.pred}
	newest := uint64(0)
	for i := range b.tail {
		newest = max(newest, b.tail[i].id)
	}
	switch {
	case s.hi < b.settled || newest > s.seen:
		job.from, job.to = s.hi, min(b.settled, s.hi+sliceLines)
		if job.to == b.settled {
			job.tail = make([]line, len(b.tail))
			for i := range b.tail {
				job.tail[i] = b.tail[i].line
			}
		}
	case s.lo > b.base && s.holds && s.started:
		return nil
	case s.lo > b.base:
		n := sliceLines
		if !s.started {
			n = firstLines
		}
		job.from, job.to, job.back = max(b.base, s.lo-n), s.lo, true
	default:
		s.started = true
		return nil
	}
	job.chunks = b.share(job.from, job.to)
	s.running = true
	return runScan(s.ctx, job)
}

// typingPause is how long nothing must be typed before a filter is asked of all lines and not only of the
// newest. It is about what lies between two keys of somebody who types fast: who looks at a million lines at
// each key of a word keeps all processors busy for results that nobody sees.
const typingPause = 120 * time.Millisecond

// pausedMsg says that nothing was typed for a while since a scan was begun.
type pausedMsg struct {
	owner *token
	id    uint64
}

// hold makes the scan wait with all but the newest lines until nothing is typed any more. The command says
// when that is; it says nothing once the scan was stopped.
func (s *scan) hold() tea.Cmd {
	s.holds = true
	ctx, msg := s.ctx, pausedMsg{s.owner, s.id}
	return func() tea.Msg {
		t := time.NewTimer(typingPause)
		defer t.Stop()
		select {
		case <-t.C:
			return msg
		case <-ctx.Done():
			return nil
		}
	}
}

// share returns copies of the chunk headers that hold the settled lines in [from, to).
func (b *Buffer) share(from, to int) []chunk {
	if from >= to {
		return nil
	}
	i := b.chunkAt(from)
	j := sort.Search(len(b.chunks), func(j int) bool { return b.chunks[j].first >= to })
	return slices.Clone(b.chunks[max(i, 0):j])
}

// runScan looks at the lines of a job.
func runScan(ctx context.Context, job scanJob) tea.Cmd {
	return func() tea.Msg {
		msg := scannedMsg{owner: job.owner, id: job.id, from: job.from, to: job.to, back: job.back, tail: job.tail != nil}
		parts := inParallel(job.chunks, func(chunks []chunk) []int { return job.find(ctx, chunks) })
		if ctx.Err() != nil {
			return scannedMsg{owner: job.owner, id: job.id, cut: true}
		}
		msg.hits = slices.DeleteFunc(parts, func(hits []int) bool { return len(hits) == 0 })
		for i := range job.tail {
			msg.seen = max(msg.seen, job.tail[i].id)
			if job.pred.accepts(&job.tail[i]) {
				msg.tailIDs = append(msg.tailIDs, job.tail[i].id)
			}
		}
		slices.Sort(msg.tailIDs)
		return msg
	}
}

// find looks at the job's lines among some of its chunks; nil when it was cancelled.
func (j *scanJob) find(ctx context.Context, chunks []chunk) (hits []int) {
	if len(chunks) == 0 {
		return nil
	}
	begin, end := max(j.from, chunks[0].first), min(j.to, chunks[len(chunks)-1].end())
	for ci := range chunks {
		if ctx.Err() != nil {
			return nil
		}
		c := &chunks[ci]
		from, to := max(j.from, c.first), min(j.to, c.end())
		if seen := from - begin; seen > 0 && cap(hits)-len(hits) < to-from {
			// As many again as there were so far: growing bit by bit makes garbage of several times the list.
			hits = slices.Grow(hits, len(hits)*(end-from)/seen)
		}
		hits = j.pred.find(hits, c, from-c.first, to-c.first)
		rest()
	}
	return hits
}

// rest lets others have their turn. Long work on all processors calls it at each chunk, so that what answers
// a key waits for a part of a millisecond and not until the work is interrupted, which is ten of them.
func rest() { runtime.Gosched() }

// serialChunks is how many chunks are not worth a second goroutine.
const serialChunks = 32

// inParallel gives each processor a run of the chunks and returns what came of them, in order. It returns
// when all are done; a panic in one of them is its caller's.
func inParallel[T any](chunks []chunk, work func([]chunk) T) []T {
	n := max(1, min(runtime.GOMAXPROCS(0), len(chunks)/serialChunks))
	out := make([]T, n)
	if n == 1 {
		out[0] = work(chunks)
		return out
	}
	var wg sync.WaitGroup
	failed := make([]any, n)
	for i := range n {
		wg.Go(func() {
			defer func() { failed[i] = recover() }()
			out[i] = work(chunks[len(chunks)*i/n : len(chunks)*(i+1)/n])
		})
	}
	wg.Wait()
	for _, f := range failed {
		if f != nil {
			panic(f)
		}
	}
	return out
}

// take adds the results of a job; the caller has checked the id. It returns the next command.
func (s *scan) take(m scannedMsg, b *Buffer) tea.Cmd {
	s.running = false
	if m.cut {
		return nil
	}
	if m.back {
		// What was dropped meanwhile must not come back: whoever shares the hits reads where those stood.
		s.hits.pushFront(m.hits.cut(b.base))
		s.lo = m.from
	} else {
		// Lines of the tail that settled while the job ran are hits already.
		s.hits.pushBack(m.hits.cut(s.hi))
		s.hi = max(s.hi, m.to)
		if m.tail {
			s.seen, s.tailIDs = max(s.seen, m.seen), m.tailIDs
		}
	}
	s.follow(b)
	s.started = s.started || m.back || s.lo <= b.base
	return s.next(b)
}

// follow brings the scan up to date with a buffer that changed: lines that were looked at in the
// tail and have settled since become hits, and dropped ones go. The caller starts a new scan when
// the buffer's epoch changed.
func (s *scan) follow(b *Buffer) {
	for s.hi < b.settled {
		l, ok := b.at(s.hi)
		if !ok || l.id > s.seen {
			break
		}
		if _, ok := slices.BinarySearch(s.tailIDs, l.id); ok && !(s.pred.fold && l.repeat) {
			s.hits.pushOne(s.hi)
		}
		s.hi++
	}
	s.lo, s.hi = max(s.lo, b.base), max(s.hi, b.base)
	s.hits.dropBelow(b.base)
	s.tailPos = s.tailPos[:0]
	if s.hi < b.settled {
		return // the tail is shown when the lines before it are known
	}
	var again []bool
	if s.pred.fold {
		again = b.tailRepeats()
	}
	for i := range b.tail {
		if again != nil && again[i] {
			continue
		}
		if id := b.tail[i].id; id <= s.seen {
			if _, ok := slices.BinarySearch(s.tailIDs, id); ok {
				s.tailPos = append(s.tailPos, b.settled+i)
			}
		}
	}
}

// done reports that every line was looked at.
func (s *scan) done(b *Buffer) bool { return s.lo <= b.base && s.hi >= b.settled && !s.running }

// share of the kept lines that were looked at, 0 to 100.
func (s *scan) percent(b *Buffer) int {
	n := b.settled - b.base
	if n <= 0 {
		return 100
	}
	return min(100, 100*(s.hi-s.lo)/n)
}

// count is the number of accepted lines found so far.
func (s *scan) count() int { return s.hits.len() + len(s.tailPos) }

// after returns the first accepted position at or after pos, -1 when there is none.
func (s *scan) after(pos int) int {
	if v := s.hits.next(pos); v >= 0 {
		return v
	}
	if i := sort.SearchInts(s.tailPos, pos); i < len(s.tailPos) {
		return s.tailPos[i]
	}
	return -1
}

// before returns the last accepted position before pos, -1 when there is none.
func (s *scan) before(pos int) int {
	if i := sort.SearchInts(s.tailPos, pos); i > 0 {
		return s.tailPos[i-1]
	}
	return s.hits.prev(pos)
}

// rank returns how many accepted lines stand before pos.
func (s *scan) rank(pos int) int { return s.hits.rank(pos) + sort.SearchInts(s.tailPos, pos) }
