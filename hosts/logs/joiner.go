package logs

import (
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// The bounds of a record of several lines: what is longer goes on as a record of its own. Every line that
// joins copies the record, under the lock of the stream, so a host that writes nothing but indented lines
// must not make that dear for the others.
const (
	maxJoinLines = 300
	maxJoinBytes = 64 << 10
)

// joiner keeps the lines of a source together that belong together, a stack trace with the line it
// follows. It never delays: the one who reads decides what is done with a line that goes on.
type joiner struct {
	first, prev string
	stderr      bool
	passed      bool // the record's first line was let through
	lines       int
	bytes       int
}

// goesOn reports whether e continues the record that came before it, and takes note of it.
func (j *joiner) goesOn(e *hosts.Entry) bool {
	if e.Kind != hosts.EntryLine {
		*j = joiner{}
		return false
	}
	head := e.Text
	last := head
	if i := strings.IndexByte(head, '\n'); i >= 0 {
		head, last = head[:i], head[strings.LastIndexByte(head, '\n')+1:]
	}
	on := j.lines > 0 && j.stderr == e.Stderr && j.lines < maxJoinLines && j.bytes+len(e.Text) < maxJoinBytes &&
		logline.Continues(j.first, j.prev, head)
	if !on {
		*j = joiner{first: head, stderr: e.Stderr}
	}
	j.prev = last
	j.lines++
	j.bytes += len(e.Text)
	return on
}

// join puts the line e behind the record to. The record keeps its time; the cursor is the last
// line's, which is where reading goes on.
func join(to, e *hosts.Entry) {
	to.Text += "\n" + e.Text
	to.Cursor = e.Cursor
	to.Level = max(to.Level, e.Level)
}
