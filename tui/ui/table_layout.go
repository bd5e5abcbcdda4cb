package ui

// headRows is the one line of titles above the rows.
const headRows = 1

// gutter is the cell of the cursor and that of the mark, left of the first column.
const gutter = 2

// colSpec is what the layout needs to know of a column.
type colSpec struct {
	least, want int // least <= want
	priority    int
	grow        bool
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
// least widths fit, then each gets what it wants, the most important first, and growing columns
// share what is left. skip columns after the first are scrolled away.
func layoutColumns(specs []colSpec, w, skip int) tableLayout {
	l := tableLayout{gap: 1}
	if w >= wideTable {
		l.gap = 2
	}
	for i := range specs {
		if i == 0 || i > skip {
			l.cols = append(l.cols, i)
		}
	}
	total := func() int {
		n := max(0, len(l.cols)-1) * l.gap
		for _, c := range l.cols {
			n += specs[c].least
		}
		return n
	}
	for total() > w {
		drop := -1
		for i, c := range l.cols {
			if p := specs[c].priority; p > 0 && (drop < 0 || p >= specs[l.cols[drop]].priority) {
				drop = i
			}
		}
		if drop < 0 {
			break
		}
		l.cols = append(l.cols[:drop], l.cols[drop+1:]...)
	}
	l.hidden = len(specs) - len(l.cols)
	l.widths = make([]int, len(l.cols))
	left := w - max(0, len(l.cols)-1)*l.gap
	for i, c := range l.cols { // even the columns that never go are cut when w is tiny
		l.widths[i] = max(0, min(specs[c].least, left))
		left -= l.widths[i]
	}
	l.widen(specs, left)
	return l
}

func (l *tableLayout) widen(specs []colSpec, left int) {
	most := 0
	for _, s := range specs {
		most = max(most, s.priority)
	}
	for p := 0; p <= most && left > 0; p++ {
		for i, c := range l.cols {
			if specs[c].priority != p {
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

// measured bounds how many rows are looked at for column widths at each update.
const measured = 500

// relayout measures texts and lays the columns out. Widths only grow while the table keeps its
// width, because columns that breathe with every sample cannot be read.
func (t *Table[T]) relayout() {
	if !t.dirty {
		return
	}
	t.dirty = false
	for i := range t.Columns {
		c := &t.Columns[i]
		n := max(t.natural[i], Width(c.Title)+2*b2i(c.Compare != nil && c.ID == t.sortBy))
		for r := 0; r < len(t.rows) && r < measured; r++ {
			if c.Max > 0 && n >= c.Max {
				break
			}
			cell := c.Cell(t.rows[r].Value)
			n = max(n, Width(cell.Text)+2*b2i(cell.Glyph != ""))
		}
		t.natural[i] = n
	}
	specs := make([]colSpec, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		want := t.natural[i]
		if c.Max > 0 {
			want = min(want, c.Max)
		}
		specs[i] = colSpec{least: min(c.Min, want), want: want, priority: c.Priority, grow: c.Grow}
	}
	t.skip = max(0, min(t.skip, len(t.Columns)-2))
	next := layoutColumns(specs, max(0, t.w-gutter), t.skip)
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
