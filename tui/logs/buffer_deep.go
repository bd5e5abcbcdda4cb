package logs

import "sort"

// deepCount returns how many of the sorted fresh lines belong above the tail. Only a source that
// has just begun to answer brings such lines: its backlog, read a moment after that of the others.
func (b *Buffer) deepCount(fresh []tailLine, arrived int64) int {
	if b.settled == b.base || b.settled-b.base > deepLines {
		return 0
	}
	last := b.keyAt(b.settled - 1)
	n := 0
	for n < len(fresh) && fresh[n].key < last {
		s := fresh[n].source
		if s < 0 || arrived-b.sources[s].firstAt > int64(backlog) {
			break
		}
		n++
	}
	return n
}

// insertDeep merges lines into the settled ones. The chunks from the first place of insertion on
// are made anew, because a snapshot may still hold the old ones.
func (b *Buffer) insertDeep(fresh []tailLine) {
	b.epoch++
	// Keys of settled lines are in order but for lines of late clocks, so the search is a guess that
	// is good enough: it decides a place to read from, and order within a source is kept by keys.
	from := b.base + sort.Search(b.settled-b.base, func(i int) bool { return b.keyAt(b.base+i) > fresh[0].key })
	old := make([]line, 0, b.settled-from)
	for pos := from; pos < b.settled; pos++ {
		l, _ := b.at(pos)
		old = append(old, l)
	}
	b.cut(from)
	for len(old) > 0 || len(fresh) > 0 {
		if len(fresh) == 0 || len(old) > 0 && old[0].key <= fresh[0].key {
			b.push(&old[0])
			old = old[1:]
		} else {
			b.push(&fresh[0].line)
			fresh = fresh[1:]
		}
	}
}

// cut takes back the settled lines from pos on, leaving what snapshots share alone.
func (b *Buffer) cut(pos int) {
	b.seal()
	for i := range b.sources {
		b.sources[i].run.head = 0
	}
	for len(b.chunks) > 0 {
		k := len(b.chunks) - 1
		c := &b.chunks[k]
		if c.end() <= pos {
			break
		}
		b.forgetRuns(c) // those of the lines that stay too: their repeats are put behind them anew
		if c.first >= pos {
			b.chunks[k] = chunk{}
			b.chunks = b.chunks[:k]
			continue
		}
		*c = c.cut(pos)
	}
	b.settled = pos
}

// locate returns the position of the line with an id, looking from hint on: lines move down when
// others are inserted above them and never up. It returns -1 when the line is gone.
func (b *Buffer) locate(id uint64, hint int) int {
	hint = max(hint, b.base)
	if l, ok := b.at(hint); ok && l.id == id {
		return hint
	}
	for ci := range b.chunks {
		c := &b.chunks[ci]
		if c.end() <= hint {
			continue
		}
		for i := max(0, hint-c.first); i < len(c.recs); i++ {
			if c.recs[i].id == id {
				return c.first + i
			}
		}
	}
	for i := max(0, hint-b.settled); i < len(b.tail); i++ {
		if b.tail[i].id == id {
			return b.settled + i
		}
	}
	return -1
}

// nextWhere returns the position of the next line after pos (dir 1) or before it (dir -1) for whose id and
// kind ok holds, -1 for none. It reads nothing else of the lines: a million take some milliseconds.
func (b *Buffer) nextWhere(pos, dir int, ok func(id uint64, kind lineKind) bool) int {
	pos = max(b.base-1, min(pos+dir, b.End()))
	for ; pos >= b.settled && pos < b.End(); pos += dir {
		if l := &b.tail[pos-b.settled].line; ok(l.id, l.kind) {
			return pos
		}
	}
	for pos >= b.base && pos < b.settled {
		c := &b.chunks[b.chunkAt(pos)]
		for i := pos - c.first; i >= 0 && i < len(c.recs); i += dir {
			if ok(c.recs[i].id, c.recs[i].kind()) {
				return c.first + i
			}
			pos = c.first + i + dir
		}
	}
	if dir > 0 && pos < b.End() && pos >= b.settled {
		return b.nextWhere(pos-dir, dir, ok)
	}
	return -1
}
