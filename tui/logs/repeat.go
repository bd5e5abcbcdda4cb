package logs

import "math"

// run is the lines a source wrote last that say the same: the first of them is the head, the others
// repeat it. Lines of other sources between them do not end it.
type run struct {
	head uint64 // id of the first line; 0 for none
	text []byte // of the newest line
}

// repeats notes a line that settles and reports whether it says what the line of its source before it
// said, up to the time.
func (b *Buffer) repeats(l *line) bool {
	if l.source < 0 || l.kind != kindText {
		return false
	}
	r := &b.sources[l.source].run
	again := r.head != 0 && sameButTime(r.text, l.text)
	r.text = append(r.text[:0], l.text...)
	if !again {
		r.head = l.id
		return false
	}
	if n := b.repeated[r.head]; n < math.MaxUint32 {
		b.repeated[r.head] = n + 1
	}
	return true
}

// forgetRuns ends the runs whose lines leave the buffer with a chunk: the next line of such a source is
// shown again, and the numbers of repeats of lines that are gone go.
func (b *Buffer) forgetRuns(c *chunk) {
	for i := range c.recs {
		r := &c.recs[i]
		if len(b.repeated) > 0 {
			delete(b.repeated, r.id)
		}
		if s := r.source(); s >= 0 && b.sources[s].run.head == r.id {
			b.sources[s].run.head = 0
		}
	}
}

// tailRepeats reports for each line of the tail whether it repeats the one of its source before it.
func (b *Buffer) tailRepeats() []bool {
	out := make([]bool, len(b.tail))
	last := map[int32]string{}
	for i := range b.tail {
		l := &b.tail[i].line
		if l.source < 0 || l.kind != kindText {
			continue
		}
		before, ok := last[l.source]
		if r := &b.sources[l.source].run; !ok && r.head != 0 {
			out[i] = sameButTime(r.text, l.text)
		} else if ok {
			out[i] = sameButTime([]byte(before), l.text)
		}
		last[l.source] = l.text
	}
	return out
}

// sameButTime reports that two texts are the same, or differ in the digits of times only. Numbers that are
// not part of a time make lines different: 200 is not 500.
func sameButTime(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] == b[i] {
			continue
		}
		from, to := i, i
		for from > 0 && timeByte(a[from-1]) && timeByte(b[from-1]) {
			from--
		}
		for to < len(a) && timeByte(a[to]) && timeByte(b[to]) {
			if a[to] != b[to] && (!digit(a[to]) || !digit(b[to])) {
				return false
			}
			to++
		}
		if to == i || !isTime(b[from:to]) {
			return false
		}
		i = to - 1
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func timeByte(c byte) bool {
	return digit(c) || c == ':' || c == '-' || c == '/' || c == '.' || c == ',' || c == 'T' || c == 'Z' || c == '+'
}

// isTime reports a run of digits and signs that is a date or a clock (two signs of the same kind between
// digits) or seconds since 1970 in some unit.
func isTime(s string) bool {
	colons, dashes, slashes, digits := 0, 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			colons++
		case c == '-':
			dashes++
		case c == '/':
			slashes++
		case digit(c):
			digits++
		}
	}
	return colons >= 2 && digits >= 5 || dashes >= 2 && digits >= 6 || slashes >= 2 && digits >= 6 ||
		colons+dashes+slashes == 0 && digits >= 10
}
