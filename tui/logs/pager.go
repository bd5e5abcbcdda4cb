package logs

// lister is what can be scrolled through: positions in ascending order, each a number of rows high.
type lister interface {
	after(pos int) int  // the first position at or after pos, -1 for none
	before(pos int) int // the last position before pos, -1 for none
	rows(pos int) int   // at least 1
	end() int           // a position after all others
}

// pager is the arithmetic of the reader's place: what is at the top, where the cursor is, and
// whether the view follows the end. Its cost depends on the rows seen and on nothing else.
type pager struct {
	follow  bool
	top     int // position at the top; not used while following
	topRow  int // rows of it that are above the top
	cursor  int
	topID   uint64 // ids of the lines at top and cursor, to find them again after lines moved
	cursID  uint64
	seenEnd int // while paused: the end when the reader left it
}

// place is one row on the screen.
type place struct{ pos, row int }

// window returns the places on h rows, top to bottom.
func (p *pager) window(l lister, h int) []place {
	if h <= 0 {
		return nil
	}
	if p.follow {
		return fillUp(l, h, l.end())
	}
	out := make([]place, 0, h)
	skip := p.topRow
	for pos := l.after(p.top); pos >= 0 && len(out) < h; pos = l.after(pos + 1) {
		n := l.rows(pos)
		if pos != p.top {
			skip = 0
		}
		for r := min(skip, n-1); r < n && len(out) < h; r++ {
			out = append(out, place{pos, r})
		}
	}
	if len(out) < h { // the end is in sight: show what is above rather than nothing
		return fillUp(l, h, l.end())
	}
	return out
}

// fillUp returns the last h rows of the positions before end.
func fillUp(l lister, h, end int) []place {
	out := make([]place, h)
	k := h
	for pos := l.before(end); pos >= 0 && k > 0; pos = l.before(pos) {
		for r := l.rows(pos) - 1; r >= 0 && k > 0; r-- {
			k--
			out[k] = place{pos, r}
		}
	}
	return out[k:]
}

// pause stops following, with the view where it is and the cursor on the last line.
func (p *pager) pause(l lister, h int) {
	last := l.before(l.end())
	if !p.follow || last < 0 { // nothing to stay at
		return
	}
	w := p.window(l, h)
	p.follow = false
	p.seenEnd = l.end()
	p.cursor = last
	if len(w) > 0 {
		p.top, p.topRow = w[0].pos, w[0].row
	}
}

// resume follows the end again.
func (p *pager) resume() { p.follow = true }

// move shifts the cursor by n lines. Moving down from the last line follows again.
func (p *pager) move(l lister, h, n int) {
	if p.follow {
		if n > 0 {
			return
		}
		p.pause(l, h)
	}
	if p.follow {
		return
	}
	for ; n < 0; n++ {
		pos := l.before(p.cursor)
		if pos < 0 {
			break
		}
		p.cursor = pos
	}
	for ; n > 0; n-- {
		pos := l.after(p.cursor + 1)
		if pos < 0 {
			p.resume()
			return
		}
		p.cursor = pos
	}
	p.reveal(l, h)
}

// page shifts the view by n screens less a row, and the cursor with it.
func (p *pager) page(l lister, h, n int) { p.scroll(l, h, n*max(1, h-1), true) }

// scroll shifts the view by n rows. The cursor stays on its line as long as that is seen; with
// carry it moves along. Reaching the end follows again.
func (p *pager) scroll(l lister, h, n int, carry bool) {
	if p.follow {
		if n >= 0 {
			return
		}
		p.pause(l, h)
	}
	w := p.window(l, h)
	if p.follow || len(w) == 0 {
		return
	}
	at := 0 // where on the screen the cursor is
	for i, pl := range w {
		if pl.pos == p.cursor {
			at = i
			break
		}
	}
	p.top, p.topRow = w[0].pos, w[0].row
	ended := p.shiftTop(l, n)
	w = p.window(l, h)
	if n > 0 && (ended || p.atEnd(l, w)) {
		p.resume()
		return
	}
	if n < 0 && ended && carry {
		at = 0
	}
	if carry {
		p.cursor = w[min(at, len(w)-1)].pos
	} else {
		p.cursor = max(w[0].pos, min(p.cursor, w[len(w)-1].pos))
	}
}

// shiftTop moves the top by n rows and reports that there were fewer.
func (p *pager) shiftTop(l lister, n int) (ended bool) {
	for ; n < 0; n++ {
		if p.topRow > 0 {
			p.topRow--
			continue
		}
		pos := l.before(p.top)
		if pos < 0 {
			return true
		}
		p.top, p.topRow = pos, l.rows(pos)-1
	}
	for ; n > 0; n-- {
		if p.topRow < l.rows(p.top)-1 {
			p.topRow++
			continue
		}
		pos := l.after(p.top + 1)
		if pos < 0 {
			return true
		}
		p.top, p.topRow = pos, 0
	}
	return false
}

// atEnd reports that the last row of the last line is seen.
func (p *pager) atEnd(l lister, w []place) bool {
	if len(w) == 0 {
		return true
	}
	last := w[len(w)-1]
	return last.pos == l.before(l.end()) && last.row == l.rows(last.pos)-1
}

// reveal scrolls as little as it takes to see the cursor.
func (p *pager) reveal(l lister, h int) {
	w := p.window(l, h)
	if len(w) == 0 {
		return
	}
	switch first, last := w[0], w[len(w)-1]; {
	case p.cursor < first.pos || p.cursor == first.pos && first.row > 0:
		p.top, p.topRow = p.cursor, 0
	case p.cursor > last.pos || p.cursor == last.pos && last.row < l.rows(last.pos)-1:
		w = fillUp(l, h, p.cursor+1)
		if w[0].pos == p.cursor { // higher than the screen: its beginning counts
			w[0].row = 0
		}
		p.top, p.topRow = w[0].pos, w[0].row
	default:
		p.top, p.topRow = first.pos, first.row
	}
}

// jump puts the cursor on a position, in the middle of the screen unless it is seen already.
func (p *pager) jump(l lister, h, pos int) {
	p.pause(l, h)
	if p.follow {
		return
	}
	w := p.window(l, h)
	p.cursor = pos
	if len(w) > 0 && pos >= w[0].pos && pos <= w[len(w)-1].pos {
		p.reveal(l, h)
		return
	}
	w = fillUp(l, max(1, h/2), pos+1)
	if len(w) > 0 {
		p.top, p.topRow = w[0].pos, w[0].row
	}
	p.reveal(l, h)
}

// mend puts the cursor and the top on lines that are there after others were dropped or filtered
// away: the nearest after them, or before.
func (p *pager) mend(l lister, h int) {
	if p.follow {
		return
	}
	near := func(pos int) int {
		if to := l.after(pos); to >= 0 {
			return to
		}
		return l.before(pos)
	}
	cursor, top := near(p.cursor), near(p.top)
	if cursor < 0 {
		return // nothing is shown now; the reader's place is kept for when something is
	}
	if top != p.top {
		p.top, p.topRow = top, 0
	}
	if cursor != p.cursor {
		p.cursor = cursor
		p.reveal(l, h)
	}
}

// first puts the cursor on the first line.
func (p *pager) first(l lister, h int) {
	p.pause(l, h)
	if pos := l.after(0); pos >= 0 && !p.follow {
		p.cursor, p.top, p.topRow = pos, pos, 0
	}
}
