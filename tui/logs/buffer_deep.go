package logs

import "sort"

// deepCount returns how many of the sorted fresh lines belong above the tail. Only a source that
// has just begun to answer brings such lines: its backlog, read a moment after that of the others.
func (b *Buffer) deepCount(fresh []tailLine, arrived int64) int {
	last := b.at(b.settled - 1)
	if last == nil || b.settled-b.base > deepLines {
		return 0
	}
	n := 0
	for n < len(fresh) && fresh[n].key < last.key {
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
	from := b.base + sort.Search(b.settled-b.base, func(i int) bool { return b.at(b.base+i).key > fresh[0].key })
	old := make([]line, 0, b.settled-from)
	for pos := from; pos < b.settled; pos++ {
		old = append(old, *b.at(pos))
	}
	b.cut(from)
	for len(old) > 0 || len(fresh) > 0 {
		if len(fresh) == 0 || len(old) > 0 && old[0].key <= fresh[0].key {
			b.push(old[0])
			old = old[1:]
		} else {
			b.push(fresh[0].line)
			fresh = fresh[1:]
		}
	}
}

// cut takes back the settled lines from pos on, leaving the arrays that snapshots share alone.
func (b *Buffer) cut(pos int) {
	for len(b.chunks) > 0 {
		k := len(b.chunks) - 1
		c := &b.chunks[k]
		if c.first+len(c.lines) <= pos {
			break
		}
		if c.first >= pos {
			b.chunks[k] = chunk{}
			b.chunks = b.chunks[:k]
			continue
		}
		kept := make([]line, pos-c.first, chunkLines)
		copy(kept, c.lines)
		c.lines, c.bytes = kept, 0
		for i := range kept {
			c.bytes += kept[i].cost()
		}
	}
	b.settled = pos
}

// locate returns the position of the line with an id, looking from hint on: lines move down when
// others are inserted above them and never up. It returns -1 when the line is gone.
func (b *Buffer) locate(id uint64, hint int) int {
	hint = max(hint, b.base)
	if l := b.at(hint); l != nil && l.id == id {
		return hint
	}
	for ci := range b.chunks {
		c := &b.chunks[ci]
		if c.first+len(c.lines) <= hint {
			continue
		}
		for i := max(0, hint-c.first); i < len(c.lines); i++ {
			if c.lines[i].id == id {
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
