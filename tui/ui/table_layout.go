package ui

// headRows is the one line of titles above the rows.
const headRows = 1

// gutter is the cell of the cursor and that of the mark, left of the first column.
const gutter = 2

// colSpec is what the layout needs to know of a column.
type colSpec struct {
	least, want int // least <= want
	ease        int // at least least
	priority    int
	grow        bool
	absent      bool // optional and empty
}

// tableLayout says which columns are shown, in order, and how wide.
type tableLayout struct {
	cols   []int
	widths []int
	gap    int
	hidden int // columns that have no room
}

// wideTable is the width from which columns stand two cells apart.
const wideTable = 110

// layoutColumns fits columns into w cells: the ones of the largest priority number go until the
// least widths fit, then each gets what it wants, the most important first and the growing ones after
// all others, and growing columns share what is left. skip columns after the first are scrolled away.
func layoutColumns(specs []colSpec, w, skip int) tableLayout {
	l := tableLayout{gap: 1}
	if w >= wideTable {
		l.gap = 2
	}
	for i := range specs {
		if (i == 0 || i > skip) && !specs[i].absent {
			l.cols = append(l.cols, i)
		}
		l.hidden += b2i(!specs[i].absent)
	}
	l.drop(specs, w, Extra, func(c colSpec) int { return c.ease })
	l.drop(specs, w, 1, func(c colSpec) int { return c.least })
	l.hidden -= len(l.cols)
	l.widths = make([]int, len(l.cols))
	left := w - max(0, len(l.cols)-1)*l.gap
	for i, c := range l.cols { // even the columns that never go are cut when w is tiny
		l.widths[i] = max(0, min(specs[c].least, left))
		left -= l.widths[i]
	}
	l.widen(specs, left)
	return l
}

// drop takes away columns of at least the given priority until the rest has the width it needs.
func (l *tableLayout) drop(specs []colSpec, w, priority int, need func(colSpec) int) {
	for {
		total, at := max(0, len(l.cols)-1)*l.gap, -1
		for i, c := range l.cols {
			total += need(specs[c])
			if p := specs[c].priority; p >= priority && (at < 0 || p >= specs[l.cols[at]].priority) {
				at = i
			}
		}
		if total <= w || at < 0 {
			return
		}
		l.cols = append(l.cols[:at], l.cols[at+1:]...)
	}
}

func (l *tableLayout) widen(specs []colSpec, left int) {
	most := 0
	for _, s := range specs {
		most = max(most, s.priority)
	}
	for turn := range 2 * (most + 1) {
		grow, p := turn > most, turn%(most+1)
		for i, c := range l.cols {
			if specs[c].priority != p || specs[c].grow != grow {
				continue
			}
			n := max(0, min(left, specs[c].want-l.widths[i]))
			l.widths[i] += n
			left -= n
		}
	}
	var growing []int
	for i, c := range l.cols {
		if specs[c].grow {
			growing = append(growing, i)
		}
	}
	for n, i := range growing {
		share := left / (len(growing) - n)
		l.widths[i] += share
		left -= share
	}
}

// grouped reports whether rows stand under headings.
func (t *Table[T]) grouped() bool { return len(t.items) > 0 && t.items[0].row < 0 }

// measured bounds how many rows are looked at for column widths at each update.
const measured = 500

// relayout measures texts and lays the columns out. Widths only grow while the table keeps its
// width, because columns that breathe with every sample cannot be read.
func (t *Table[T]) relayout() {
	if !t.dirty && t.laidFor == t.rowWidth() {
		return
	}
	t.dirty, t.laidFor = false, t.rowWidth()
	for i := range t.Columns {
		c := &t.Columns[i]
		n := t.natural[i]
		for r := 0; r < len(t.rows) && r < measured; r++ {
			if c.Max > 0 && n >= c.Max {
				break
			}
			cell := c.Cell(t.rows[r].Value)
			n = max(n, Width(cell.Text)+b2i(cell.Glyph != "")+b2i(cell.Glyph != "" && cell.Text != ""))
		}
		t.natural[i] = n
	}
	specs := make([]colSpec, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		want := t.natural[i] + b2i(i == 0 && t.grouped()) // rows under a heading are indented
		want = max(want, Width(c.Title)+2*b2i(c.Compare != nil && c.ID == t.sortBy))
		if c.Max > 0 {
			want = min(want, c.Max)
		}
		least := min(c.Min, want)
		if c.Right || c.Priority == 0 {
			least = want
		}
		ease := max(least, min(c.Ease, want))
		if c.Grow {
			ease = max(least, c.Ease) // empty today, full when something breaks: no column comes or goes then
		}
		specs[i] = colSpec{
			least: least, want: want, ease: ease, priority: c.Priority, grow: c.Grow,
			absent: c.Optional && t.natural[i] == 0,
		}
	}
	t.skip = max(0, min(t.skip, len(t.Columns)-2))
	next := layoutColumns(specs, max(0, t.laidFor-gutter), t.skip)
	if !next.equal(t.layout) {
		t.layout = next
		t.stamp++
	}
}

func (l tableLayout) equal(o tableLayout) bool {
	if len(l.cols) != len(o.cols) || l.gap != o.gap || l.hidden != o.hidden {
		return false
	}
	for i := range l.cols {
		if l.cols[i] != o.cols[i] || l.widths[i] != o.widths[i] {
			return false
		}
	}
	return true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
