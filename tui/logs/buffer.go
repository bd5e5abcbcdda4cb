package logs

import (
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// The limits of a buffer. They are fields of it too, so that tests can be small.
const (
	defaultBudget = 256 << 20 // bytes of lines kept; about two million lines of 100 bytes
	tailLines     = 1024      // at most this many lines may still change places
	// settle is how long a line may still be overtaken by an older one of another source. It covers
	// the jitter between two hosts, not the skew of their clocks: a line from a clock that is late
	// must appear where the reader looks, not minutes above.
	settle = 1500 * time.Millisecond
	// backlog is how long after its first line a source may still bring old lines that belong far
	// up; deepLines is how far up.
	backlog   = 2 * time.Second
	deepLines = 100_000
	maxText   = 256 << 10 // one line keeps at most this many bytes
)

// tailLine is a line that may still change places.
type tailLine struct {
	line
	arrived int64
}

// source is what the buffer knows of one source.
type source struct {
	hosts.LogSource
	lastKey              int64 // key of its newest line: its lines never overtake each other
	firstAt              int64 // when its first line arrived; 0 before
	lines                uint64
	hidden               bool             // the reader switched it off
	names                *hosts.LogFields // what its lines call what they say; nil for the usual names
	run                  run
	status               hosts.LogStatus // as the stream told last; State "" before
	hostLabel, nameLabel fittedLabel
}

// Buffer holds the lines of one stream. A position counts lines from the first one ever settled, so
// dropping the oldest changes no position; what is settled is followed by the tail, whose lines may
// still change places.
type Buffer struct {
	budget  int
	chunks  []chunk
	arena   *strings.Builder // the text of the last chunk, as long as that takes lines; else nil
	base    int              // position of the first line kept
	settled int              // position after the last settled line
	tail    []tailLine
	bytes   int

	sources []source
	namesOf func(hosts.LogSource) *hosts.LogFields // nil: the usual ones
	index   map[hosts.LogSource]int32

	repeated map[uint64]uint32 // how many lines repeat the one with an id, where any do

	nextID  uint64
	lastKey int64  // key of the newest line of all
	dropped uint64 // lines dropped from the front to stay within the budget
	spills  bool   // what is dropped is handed on in shed instead
	shed    []chunk
	lost    uint64 // lines the stream lost before they came here
	epoch   uint64 // grows when settled lines changed their positions
}

// NewBuffer returns an empty buffer that keeps at most budget bytes; 0 means the default, 256 MiB.
func NewBuffer(budget int) *Buffer {
	if budget <= 0 {
		budget = defaultBudget
	}
	return &Buffer{budget: budget, index: map[hosts.LogSource]int32{}, repeated: map[uint64]uint32{}}
}

// First is the position of the oldest line kept; End is the position after the newest.
func (b *Buffer) First() int { return b.base }

// End is the position after the newest line.
func (b *Buffer) End() int { return b.settled + len(b.tail) }

// Len is the number of lines kept.
func (b *Buffer) Len() int { return b.End() - b.base }

// at returns the line at a position; ok is false outside of [First, End).
func (b *Buffer) at(pos int) (l line, ok bool) {
	switch {
	case pos < b.base || pos >= b.End():
		return line{}, false
	case pos >= b.settled:
		return b.tail[pos-b.settled].line, true
	}
	c := &b.chunks[b.chunkAt(pos)]
	return c.line(pos - c.first), true
}

// keyAt is what the settled line at a position is ordered by.
func (b *Buffer) keyAt(pos int) int64 {
	c := &b.chunks[b.chunkAt(pos)]
	return c.recs[pos-c.first].key
}

// sourceOf returns the index of a source, adding it when it is new.
func (b *Buffer) sourceOf(s hosts.LogSource) int32 {
	if i, ok := b.index[s]; ok {
		return i
	}
	if len(b.sources) >= maxSources {
		return maxSources - 1
	}
	i := int32(len(b.sources))
	b.index[s] = i
	fresh := source{LogSource: s, lastKey: noTime}
	if b.namesOf != nil {
		fresh.names = b.namesOf(s)
	}
	b.sources = append(b.sources, fresh)
	return i
}

// fields are the names of the source with an index, nil for the usual ones.
func (b *Buffer) fields(source int32) *hosts.LogFields {
	if source < 0 || int(source) >= len(b.sources) {
		return nil
	}
	return b.sources[source].names
}

// allFields are the names of all sources by their index; nil where no source has any of its own.
func (b *Buffer) allFields() []*hosts.LogFields {
	var out []*hosts.LogFields
	for i := range b.sources {
		if b.sources[i].names != nil {
			out = append(out, make([]*hosts.LogFields, i-len(out))...)
			out = append(out, b.sources[i].names)
		}
	}
	return out
}

// Append adds what arrived at now. lost is the number of lines the stream dropped before them; it
// is shown where it happened. The entries are not kept, their texts are.
func (b *Buffer) Append(now time.Time, entries []hosts.Entry, lost uint64) {
	arrived := now.UnixNano()
	fresh := make([]tailLine, 0, len(entries)+1)
	if lost > 0 {
		b.lost += lost
		fresh = append(fresh, tailLine{line{
			id: b.newID(), key: b.lastKey, time: noTime, kind: kindGap, source: -1,
			text: commas(int(min(lost, 1<<62))) + " lines skipped, nobody read them in time",
		}, arrived})
	}
	for i := range entries {
		fresh = append(fresh, tailLine{b.lineOf(&entries[i], arrived), arrived})
	}
	b.insert(fresh, arrived)
}

// Rule draws a line of text at the end, for the reader to find again.
func (b *Buffer) Rule(now time.Time, text string) {
	l := line{id: b.newID(), key: max(b.lastKey, now.UnixNano()), time: now.UnixNano(), text: text, kind: kindRuler, source: -1}
	b.lastKey = l.key
	b.insert([]tailLine{{l, now.UnixNano()}}, now.UnixNano())
}

func (b *Buffer) newID() uint64 {
	b.nextID++
	return b.nextID
}

func (b *Buffer) lineOf(e *hosts.Entry, arrived int64) line {
	si := b.sourceOf(e.Source)
	s := &b.sources[si]
	t := nanos(e.Corrected())
	key := t
	if key == noTime {
		key = arrived
	}
	key = max(key, s.lastKey)
	s.lastKey = key
	if e.Kind == hosts.EntryLine {
		s.lines++
	}
	if s.firstAt == 0 {
		s.firstAt = arrived
	}
	b.lastKey = max(b.lastKey, key)
	text := e.Text
	if len(text) > maxText {
		keep := maxText
		for keep > 0 && text[keep]&0xc0 == 0x80 { // not within a character
			keep--
		}
		text = text[:keep] + "\n... " + commas(len(text)-keep) + " more bytes of this line are not kept"
	}
	return line{
		id: b.newID(), key: key, time: t, text: text, source: si, kind: kindOf(e.Kind),
		level: uint8(max(0, min(e.Level, hosts.LevelFatal))), stderr: e.Stderr, late: e.Late,
	}
}

// insert merges fresh lines into the tail and settles what has stood long enough.
func (b *Buffer) insert(fresh []tailLine, arrived int64) {
	if len(fresh) == 0 {
		b.settleTail(arrived)
		return
	}
	b.settleTail(arrived)
	byKey := func(x, y tailLine) int { return compare(x.key, y.key) }
	if !slices.IsSortedFunc(fresh, byKey) {
		slices.SortStableFunc(fresh, byKey)
	}
	for i := range fresh {
		b.bytes += fresh[i].cost()
	}
	if deep := b.deepCount(fresh, arrived); deep > 0 {
		b.insertDeep(fresh[:deep])
		fresh = fresh[deep:]
	}
	b.mergeTail(fresh)
	b.settleTail(arrived)
	b.trim()
}

func compare(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// mergeTail merges two sorted runs from the back; of equal keys the older line stays first.
func (b *Buffer) mergeTail(fresh []tailLine) {
	i, j := len(b.tail)-1, len(fresh)-1
	b.tail = append(b.tail, fresh...)
	if i < 0 || j < 0 || b.tail[i].key <= fresh[0].key {
		return
	}
	for k := len(b.tail) - 1; j >= 0; k-- {
		if i >= 0 && b.tail[i].key > fresh[j].key {
			b.tail[k] = b.tail[i]
			i--
		} else {
			b.tail[k] = fresh[j]
			j--
		}
	}
}

// settleTail moves to the chunks the lines that no older one may overtake any more: those that have
// stood long enough, everything above them, and what is too much for the tail.
func (b *Buffer) settleTail(now int64) {
	n := len(b.tail)
	for n > 0 && len(b.tail)-n < tailLines && now-b.tail[n-1].arrived <= int64(settle) {
		n--
	}
	for i := range n {
		b.push(&b.tail[i].line)
	}
	if n > 0 {
		rest := copy(b.tail, b.tail[n:])
		clear(b.tail[rest:]) // the texts may be large
		b.tail = b.tail[:rest]
		if cap(b.tail) > 8*tailLines {
			b.tail = slices.Clone(b.tail)
		}
	}
}

// trim drops the oldest chunks until the budget holds; the newest chunk and the tail always stay.
func (b *Buffer) trim() {
	n := 0
	for b.bytes > b.budget && n < len(b.chunks)-1 {
		b.bytes -= b.chunks[n].bytes
		b.forgetRuns(&b.chunks[n])
		if b.spills {
			b.shed = append(b.shed, b.chunks[n])
		} else {
			b.dropped += uint64(len(b.chunks[n].recs))
		}
		b.base = b.chunks[n+1].first
		n++
	}
	if n > 0 {
		b.chunks = append(b.chunks[:0:0], b.chunks[n:]...)
	}
}
