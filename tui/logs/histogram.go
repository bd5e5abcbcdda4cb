package logs

import (
	"context"
	"sort"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
)

// bins are the numbers of lines by time and level: bin i is of the lines with a key in
// [from+i*step, from+(i+1)*step).
type bins struct {
	from, step int64
	counts     [][hosts.LevelFatal + 1]uint32
}

// at returns when a bin begins.
func (b *bins) at(i int) int64 { return b.from + int64(i)*b.step }

// binOf returns the bin of a key; it may be outside.
func (b *bins) binOf(key int64) int {
	if b.step == 0 {
		return 0
	}
	return int((key - b.from) / b.step)
}

// all is the number of lines in a bin at or above a level.
func (b *bins) all(i int, least hosts.Level) uint32 {
	n := uint32(0)
	for l := least; l <= hosts.LevelFatal; l++ {
		n += b.counts[i][l]
	}
	return n
}

// steps are the lengths of time a bin may have: what a clock is read in.
var steps = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
	15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// layBins returns empty bins, at most most of them, that hold every key in [from, to).
func layBins(from, to int64, most int) bins {
	if to <= from || most < 1 {
		return bins{}
	}
	step := int64(steps[len(steps)-1])
	i := sort.Search(len(steps), func(i int) bool { return (to-from)/int64(steps[i])+2 <= int64(most) })
	if i < len(steps) {
		step = int64(steps[i])
	} else if least := (to - from) / int64(max(1, most-1)); step < least {
		step *= least/step + 1
	}
	b := bins{from: from - mod(from, step), step: step}
	b.counts = make([][hosts.LevelFatal + 1]uint32, (to-1-b.from)/step+1)
	return b
}

// mod is the remainder that is never negative.
func mod(a, b int64) int64 { return (a%b + b) % b }

// countJob is what is counted: the lines of the chunks at hits, or all of them.
type countJob struct {
	owner    *token
	gen      uint64
	chunks   []chunk
	tail     []line
	hits     positions // of the settled lines
	filtered bool
	from, to int64 // only lines of this time; to 0 for all
	most     int   // bins
}

// countedMsg brings the bins.
type countedMsg struct {
	owner *token
	gen   uint64
	bins  bins
}

// eachLine calls do for the head of each line of the job among some of its chunks.
func (j *countJob) eachLine(chunks []chunk, do func(key int64, level hosts.Level)) {
	for ci := range chunks {
		c := &chunks[ci]
		rest()
		if !j.filtered {
			for i := range c.recs {
				if r := &c.recs[i]; r.kind() == kindText {
					do(r.key, r.level())
				}
			}
			continue
		}
		for pos := range j.hits.from(c.first) {
			if pos >= c.end() {
				break
			}
			if r := &c.recs[pos-c.first]; r.kind() == kindText {
				do(r.key, r.level())
			}
		}
	}
}

func (j *countJob) eachTail(do func(key int64, level hosts.Level)) {
	for i := range j.tail {
		if j.tail[i].kind == kindText {
			do(j.tail[i].key, hosts.Level(j.tail[i].level))
		}
	}
}

// reach is from the first to behind the last key of the job's lines.
func (j *countJob) reach() (from, to int64) {
	if j.to != 0 {
		return j.from, j.to
	}
	type ends struct{ from, to int64 }
	find := func(e *ends) func(int64, hosts.Level) {
		return func(key int64, _ hosts.Level) {
			if e.to == 0 {
				e.from = key
			}
			e.from, e.to = min(e.from, key), max(e.to, key+1)
		}
	}
	parts := inParallel(j.chunks, func(chunks []chunk) ends {
		var e ends
		j.eachLine(chunks, find(&e))
		return e
	})
	var all ends
	for _, p := range parts {
		if p.to != 0 {
			find(&all)(p.from, 0)
			find(&all)(p.to-1, 0)
		}
	}
	j.eachTail(find(&all))
	return all.from, all.to
}

// runCount counts the lines of a job.
func runCount(ctx context.Context, j countJob) tea.Cmd {
	return func() tea.Msg {
		from, to := j.reach()
		out := layBins(from, to, j.most)
		count := func(b *bins) func(int64, hosts.Level) {
			return func(key int64, level hosts.Level) {
				if i := b.binOf(key); key >= from && key < to && i >= 0 && i < len(b.counts) {
					b.counts[i][level]++
				}
			}
		}
		parts := inParallel(j.chunks, func(chunks []chunk) bins {
			if ctx.Err() != nil {
				return bins{}
			}
			b := bins{out.from, out.step, make([][hosts.LevelFatal + 1]uint32, len(out.counts))}
			j.eachLine(chunks, count(&b))
			return b
		})
		j.eachTail(count(&out))
		for _, p := range parts {
			for i := range p.counts {
				for l := range p.counts[i] {
					out.counts[i][l] += p.counts[i][l]
				}
			}
		}
		return countedMsg{j.owner, j.gen, out}
	}
}

// countJob is what counting what is shown now means.
func (s *Screen) countJob(gen uint64, most int) countJob {
	b := s.list.buf
	j := countJob{owner: s.id, gen: gen, chunks: b.share(b.base, b.settled), most: most, from: s.look.from, to: s.look.to}
	if sc := s.list.scan(); sc != nil {
		j.filtered, j.hits = true, sc.hits.share()
		for _, pos := range sc.tailPos {
			if l, ok := b.at(pos); ok {
				j.tail = append(j.tail, l)
			}
		}
		return j
	}
	for i := range b.tail {
		j.tail = append(j.tail, b.tail[i].line)
	}
	return j
}

// posAt returns the position of the first line that was written at a time or later, as far as the order
// of the lines tells.
func (b *Buffer) posAt(key int64) int {
	n := b.Len()
	return b.base + sort.Search(n, func(i int) bool {
		pos := b.base + i
		if pos >= b.settled {
			return b.tail[pos-b.settled].key >= key
		}
		return b.keyAt(pos) >= key
	})
}
