package ui

import (
	"strings"

	"midwatch/themes"
)

// footRows is the line of the filter, when there is one.
func (t *Table[T]) footRows() int {
	if t.input != nil || t.filter.Text != "" {
		return 1
	}
	return 0
}

// Lines draws the table in exactly the lines and cells of its size.
func (t *Table[T]) Lines() []string {
	out := make([]string, max(0, t.h))
	if t.h <= 0 {
		return out
	}
	if t.w <= 0 {
		return out
	}
	t.relayout()
	out[0] = t.head()
	body := out[min(headRows, t.h):]
	if foot := t.footRows(); foot > 0 && len(body) > 0 {
		body[len(body)-1] = t.filterLine()
		body = body[:len(body)-1]
	}
	if len(t.items) == 0 {
		n := t.Empty
		if len(t.rows) > 0 {
			n = Empty(t.st, "nothing matches "+Clean(t.filter.Text), "esc clears the filter")
		}
		copy(body, n.Lines(t.st, t.w, len(body)))
		return out
	}
	if len(t.cache) > 8*max(16, t.h) {
		clear(t.cache)
	}
	for i := range body {
		if at := t.scroll.Offset + i; at < len(t.items) {
			body[i] = t.line(at)
		} else {
			body[i] = Spaces(t.w)
		}
	}
	t.scrollBar(body)
	return out
}

// scrollBar draws the position over the last cell when not all rows are seen.
func (t *Table[T]) scrollBar(body []string) {
	n := len(body)
	if n < 2 || len(t.items) <= n || t.w < 20 {
		return
	}
	size := max(1, n*n/len(t.items))
	from := t.scroll.Offset * (n - size) / max(1, len(t.items)-n)
	bar := t.st.Normal.Render(themes.Border, t.st.Glyphs.ScrollBar)
	track := t.st.Normal.Render(themes.Border, t.st.Glyphs.ScrollTrack)
	for i := range body {
		// The rows leave their last cell to the bar: see rowWidth.
		if i >= from && i < from+size {
			body[i] += bar
		} else {
			body[i] += track
		}
	}
}

// rowWidth is the width of a row's line: one less than the table's while the scroll bar is shown.
func (t *Table[T]) rowWidth() int {
	if n := max(0, t.h-headRows-t.footRows()); n >= 2 && len(t.items) > n && t.w >= 20 {
		return t.w - 1
	}
	return t.w
}

func (t *Table[T]) head() string {
	p := &t.st.Normal
	var b strings.Builder
	b.WriteString(t.more())
	for i, c := range t.layout.cols {
		col := &t.Columns[c]
		title := col.Title
		if col.ID == t.sortBy && t.sortBy != "" {
			arrow := t.st.Glyphs.Ascending
			if t.sortDesc {
				arrow = t.st.Glyphs.Descending
			}
			title += " " + arrow
		}
		if i > 0 {
			b.WriteString(Spaces(t.layout.gap))
		}
		if col.Right {
			b.WriteString(FitRight(title, t.layout.widths[i]))
		} else {
			b.WriteString(Fit(title, t.layout.widths[i]))
		}
	}
	return p.Render(themes.Faint, Fit(b.String(), t.w))
}

// more says in the gutter of the titles that columns are scrolled away or have no room.
func (t *Table[T]) more() string {
	left, right := " ", " "
	if t.skip > 0 {
		left = t.st.Glyphs.Left
	}
	if t.layout.hidden > t.skip {
		right = t.st.Glyphs.Right
	}
	return left + right
}

func (t *Table[T]) line(at int) string {
	it := t.items[at]
	selected := at == t.scroll.Cursor
	if it.row < 0 {
		return t.groupLine(it, selected)
	}
	r := &t.rows[it.row]
	if c, ok := t.cache[r.ID]; ok && r.Version != 0 && c.version == r.Version && c.stamp == t.key() && c.selected == selected {
		return c.line
	}
	t.renders++
	l := t.rowLine(r, selected, it.group != "")
	t.cache[r.ID] = rowLine{r.Version, t.key(), selected, l}
	return l
}

// key is the stamp together with what rowWidth depends on.
func (t *Table[T]) key() uint64 { return t.stamp<<16 | uint64(t.rowWidth()&0xffff) }

func (t *Table[T]) groupLine(it item, selected bool) string {
	p := t.st.On(selected)
	glyph := t.st.Glyphs.Open
	if t.closed[it.group] {
		glyph = t.st.Glyphs.Closed
	}
	var c Cell
	if t.GroupCell != nil {
		vals := make([]T, len(it.rows))
		for i, r := range it.rows {
			vals[i] = t.rows[r].Value
		}
		c = t.GroupCell(it.group, vals)
	} else {
		c = Cell{Text: Clean(it.group) + "  " + itoa(len(it.rows)), Role: themes.Strong}
	}
	cursor := " "
	if selected {
		cursor = t.st.Glyphs.Cursor
	}
	const lead = 3 // cursor, glyph and a space
	w := t.rowWidth()
	if w <= lead {
		return p.Render(themes.Accent, Fit(cursor+glyph, w))
	}
	return p.Render(themes.Accent, cursor+glyph+" ") + t.cell(p, c, w-lead, false, CutEnd, "")
}

func (t *Table[T]) rowLine(r *Row[T], selected, indent bool) string {
	p := t.st.On(selected)
	var b strings.Builder
	b.Grow(t.w * 3)
	cursor, mark := " ", " "
	if selected {
		cursor = t.st.Glyphs.Cursor
	}
	if t.marks[r.ID] {
		mark = t.st.Glyphs.Mark
	}
	b.WriteString(p.Render(themes.Accent, cursor+mark))
	used := gutter
	for i, c := range t.layout.cols {
		col := &t.Columns[c]
		w := t.layout.widths[i]
		if i > 0 {
			b.WriteString(p.Render(themes.Text, Spaces(t.layout.gap)))
			used += t.layout.gap
		}
		used += w
		if i == 0 && indent && w > 8 {
			b.WriteString(p.Render(themes.Text, " "))
			w--
		}
		b.WriteString(t.cell(p, col.Cell(r.Value), w, col.Right, col.Cut, col.ID))
	}
	if rest := t.rowWidth() - used; rest > 0 {
		b.WriteString(p.Render(themes.Text, Spaces(rest)))
	}
	if used > t.rowWidth() {
		return Slice(b.String(), 0, t.rowWidth())
	}
	return b.String()
}

// cell draws one cell of a row in exactly w cells.
func (t *Table[T]) cell(p *themes.Palette, c Cell, w int, right bool, cut Cut, column string) string {
	if w <= 0 {
		return ""
	}
	glyph := ""
	if c.Glyph != "" {
		if w < 2 {
			return p.Render(c.GlyphRole, c.Glyph)
		}
		glyph = p.Render(c.GlyphRole, c.Glyph) + p.Render(themes.Text, " ")
		w -= 2
	}
	text := c.Text
	n := Width(text)
	if n > w {
		switch cut {
		case CutStart:
			text = TruncLeft(text, w)
		case CutMiddle:
			text = TruncMiddle(text, w)
		default:
			text = Trunc(text, w)
		}
		n = Width(text)
	}
	pad := Spaces(w - n)
	if column != "" && !t.filter.Empty() {
		if col := t.column(column); col != nil && col.Filter {
			if spans := t.filter.Spans(column, text); len(spans) > 0 {
				text = Highlight(p, c.Role, text, spans)
				if right {
					return glyph + p.Render(themes.Text, pad) + text
				}
				return glyph + text + p.Render(themes.Text, pad)
			}
		}
	}
	if right {
		return glyph + p.Render(c.Role, pad+text)
	}
	return glyph + p.Render(c.Role, text+pad)
}

func (t *Table[T]) filterLine() string {
	count := itoa(t.shown) + " of " + itoa(len(t.rows))
	if t.input != nil {
		room := max(0, t.w-Width(count)-1)
		return t.input.Line(t.st, room) + t.st.Normal.Render(themes.Faint, FitRight(count, t.w-room))
	}
	room := max(0, t.w-Width(count)-1)
	text := Trunc(Clean("/"+t.filter.Text), room)
	return t.st.Normal.Render(themes.Accent, Fit(text, room)) + t.st.Normal.Render(themes.Faint, FitRight(count, t.w-room))
}
