package logs

import (
	"math"
	"slices"
	"sort"
	"strings"

	"midwatch/hosts"
)

// The sizes of a chunk. A chunk is what is dropped at once when the budget is spent, so it is small
// beside every sensible budget; and it is what a scan looks at between two looks at its context.
const (
	chunkText  = 64 << 10 // bytes of text
	chunkLines = 4096     // lines without text are lines too
)

// record is a settled line without its text: 24 bytes, where the text of a line has about a hundred.
type record struct {
	id   uint64
	key  int64
	end  uint32 // where its text ends in that of the chunk
	from uint16 // index of its source and one; 0 for none
	bits uint16 // level, kind and flags
}

const (
	bitsLevel  = 0x07 // a hosts.Level
	bitsKind   = 3    // shift of a lineKind, two bits
	bitsStderr = 1 << 5
	bitsNoTime = 1 << 6
	bitsLate   = 1 << 7
	bitsRepeat = 1 << 8 // it says what the line of its source before it said

	recordBytes = 24
	// maxSources is how many sources a record can name; all further ones share the last name.
	maxSources = math.MaxUint16 - 1
)

// chunk is a run of settled lines. What it holds is never changed, only appended to, so a snapshot
// that copied the struct may be read by another goroutine.
type chunk struct {
	first int // position of its first line
	recs  []record
	times []int64 // the writers' times, where they are not what the lines are ordered by; else nil
	text  string  // of all lines, one after the other
	mixed bool    // there are gaps, notes or rulers among the lines
	bytes int
}

// end is the position after its last line.
func (c *chunk) end() int { return c.first + len(c.recs) }

// begin is where the text of the line with an index begins.
func (c *chunk) begin(i int) uint32 {
	if i == 0 {
		return 0
	}
	return c.recs[i-1].end
}

// textOf is the text of the line with an index.
func (c *chunk) textOf(i int) string { return c.text[c.begin(i):c.recs[i].end] }

// line is the line with an index. Its text is that of the chunk: keeping the line keeps the chunk.
func (c *chunk) line(i int) line {
	r := &c.recs[i]
	l := line{
		id: r.id, key: r.key, time: r.key, text: c.textOf(i), source: r.source(),
		level: uint8(r.level()), kind: r.kind(), stderr: r.bits&bitsStderr != 0, late: r.bits&bitsLate != 0,
		repeat: r.bits&bitsRepeat != 0,
	}
	switch {
	case r.bits&bitsNoTime != 0:
		l.time = noTime
	case c.times != nil:
		l.time = c.times[i]
	}
	return l
}

func (r *record) source() int32      { return int32(r.from) - 1 }
func (r *record) level() hosts.Level { return hosts.Level(r.bits & bitsLevel) }
func (r *record) repeat() bool       { return r.bits&bitsRepeat != 0 }
func (r *record) kind() lineKind     { return lineKind(r.bits >> bitsKind & 3) }

// recordOf is a line whose text ends at end.
func recordOf(l *line, end int) record {
	r := record{id: l.id, key: l.key, end: uint32(end), from: uint16(l.source + 1), bits: uint16(l.level)&bitsLevel | uint16(l.kind)<<bitsKind}
	if l.stderr {
		r.bits |= bitsStderr
	}
	if l.late {
		r.bits |= bitsLate
	}
	if l.repeat {
		r.bits |= bitsRepeat
	}
	if l.time == noTime {
		r.bits |= bitsNoTime
	}
	return r
}

// put appends a line whose text has been added to that of the chunk already.
func (c *chunk) put(l *line, text string) {
	c.text = text
	c.mixed = c.mixed || l.kind != kindText
	c.recs = append(c.recs, recordOf(l, len(text)))
	c.bytes += l.cost()
	if c.times == nil && l.time != l.key && l.time != noTime {
		c.times = make([]int64, len(c.recs)-1, cap(c.recs))
		for i := range c.times {
			c.times[i] = c.recs[i].key
		}
	}
	if c.times != nil {
		c.times = append(c.times, l.time)
	}
}

// fit gives back the memory that a chunk which takes no more lines has too much.
func (c *chunk) fit(textCap int) {
	if cap(c.recs)-len(c.recs) > len(c.recs)/32 {
		c.recs = slices.Clone(c.recs)
	}
	if cap(c.times)-len(c.times) > len(c.times)/32 {
		c.times = slices.Clone(c.times)
	}
	if textCap-len(c.text) > len(c.text)/32 {
		c.text = strings.Clone(c.text)
	}
}

// cut is the chunk's beginning up to a position, with memory of its own.
func (c *chunk) cut(pos int) chunk {
	n := pos - c.first
	out := chunk{first: c.first, mixed: c.mixed, recs: slices.Clone(c.recs[:n]), text: strings.Clone(c.text[:c.recs[n-1].end])}
	if c.times != nil {
		out.times = slices.Clone(c.times[:n])
	}
	for i := range n {
		l := out.line(i)
		out.bytes += l.cost()
	}
	return out
}

// chunkAt returns the index of the chunk that holds a settled position.
func (b *Buffer) chunkAt(pos int) int {
	return sort.Search(len(b.chunks), func(i int) bool { return b.chunks[i].first > pos }) - 1
}

// push settles a line: the open chunk takes it, or a new one when it does not fit.
func (b *Buffer) push(l *line) {
	k := len(b.chunks) - 1
	if b.arena == nil || b.arena.Len()+len(l.text) > b.arena.Cap() || len(b.chunks[k].recs) >= chunkLines {
		b.seal()
		b.arena = new(strings.Builder)
		b.arena.Grow(max(chunkText, len(l.text)))
		recs := 256
		if k >= 0 { // a log's lines are about as long as they were
			recs = min(chunkLines, len(b.chunks[k].recs)*17/16+1)
		}
		b.chunks = append(b.chunks, chunk{first: b.settled, recs: make([]record, 0, recs)})
		k++
	}
	// A Builder never changes what it has given out, so the text of snapshots stays as it is.
	b.arena.WriteString(l.text)
	l.repeat = b.repeats(l)
	b.chunks[k].put(l, b.arena.String())
	b.settled++
}

// seal closes the open chunk.
func (b *Buffer) seal() {
	if b.arena != nil {
		b.chunks[len(b.chunks)-1].fit(b.arena.Cap())
		b.arena = nil
	}
}
