package logs

import (
	"time"

	"midwatch/hosts"
)

// line is one entry of the buffer, smaller than a hosts.Entry: host and source are an index into
// the buffer's table of sources, because a million lines come from a handful of them. Settled lines are
// kept smaller still, as records of a chunk.
type line struct {
	id     uint64 // grows in the order of arrival, never used twice, 0 is no line
	key    int64  // what lines are ordered by, nanoseconds since 1970
	time   int64  // when it was written by our clock, nanoseconds since 1970; noTime when nothing tells
	text   string
	source int32 // index into Buffer.sources; -1 for a ruler and for a gap of unknown source
	level  uint8 // a hosts.Level
	kind   lineKind
	stderr bool
	repeat bool // it says what the line of its source before it said; known of settled lines
	late   bool // it came after lines of later times had been shown
}

// lineKind tells lines of a log from what the screen puts between them.
type lineKind uint8

const (
	kindText  lineKind = iota
	kindGap            // lines were lost here
	kindRuler          // a mark the reader drew
	kindNote           // something about what follows; nothing is missing
)

// kindOf is what an entry of a stream is here.
func kindOf(k hosts.EntryKind) lineKind {
	switch k {
	case hosts.EntryGap:
		return kindGap
	case hosts.EntryNote:
		return kindNote
	}
	return kindText
}

// noTime stands for the time of a line whose source tells none.
const noTime = int64(-1 << 63)

// cost is what a settled line takes in memory, in bytes.
func (l *line) cost() int {
	n := recordBytes + len(l.text)
	if l.time != l.key && l.time != noTime {
		n += 8
	}
	return n
}

// at returns when the line was written, zero when that is not known.
func (l *line) at() time.Time {
	if l.time == noTime {
		return time.Time{}
	}
	return time.Unix(0, l.time)
}

// nanos is the inverse of at. Times that do not fit 64 bits of nanoseconds (the years before 1678
// and after 2261, which only a broken clock or a hostile host writes) count as none.
func nanos(t time.Time) int64 {
	if t.IsZero() || t.Year() < 1678 || t.Year() > 2261 {
		return noTime
	}
	return t.UnixNano()
}
