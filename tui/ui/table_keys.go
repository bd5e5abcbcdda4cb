package ui

import (
	tea "github.com/charmbracelet/bubbletea"
)

// Actions are the actions every table has, for a screen to put behind its own. The IDs are the same
// on every screen, so a key is rebound once.
func (t *Table[T]) Actions() []Action {
	move := func(id, title string, f func(), keys ...string) Action {
		a := Act("list."+id, "List", title, func() tea.Cmd {
			t.top = false
			f()
			t.pick()
			return nil
		}, keys...)
		a.Hidden = true
		return a
	}
	filter := Act("list.filter", "List", "filter", func() tea.Cmd { t.openFilter(); return nil }, "/")
	sort := Act("list.sort", "List", "sort by the next column", func() tea.Cmd { t.nextSort(); return nil }, "s")
	sort.Hidden = true
	mark := Act("list.mark", "List", "mark", func() tea.Cmd { t.mark(); return nil }, " ")
	mark.Hidden = true
	markAll := Act("list.mark_all", "List", "mark all, or none", func() tea.Cmd { t.markAll(); return nil }, "*")
	markAll.Hidden = true
	return []Action{
		filter, mark, markAll, sort,
		move("reverse", "reverse the order", func() { t.SortBy(t.sortBy, !t.sortDesc) }, "S"),
		move("up", "up", func() { t.scroll.Move(-1) }, "k", "up"),
		move("down", "down", func() { t.scroll.Move(1) }, "j", "down"),
		move("page_up", "page up", func() { t.scroll.Page(-1) }, "pgup", "ctrl+b"),
		move("page_down", "page down", func() { t.scroll.Page(1) }, "pgdown", "ctrl+f"),
		move("first", "first", func() { t.scroll.To(0); t.top = true }, "g", "home"),
		move("last", "last", func() { t.scroll.To(len(t.items) - 1) }, "G", "end"),
		move("left", "columns left", func() { t.shift(-1) }, "left"),
		move("right", "columns right", func() { t.shift(1) }, "right"),
		move("fold", "open or close the group", func() {
			if g, ok := t.SelectedGroup(); ok {
				t.ToggleGroup(g)
			}
		}, "z"),
		move("fold_all", "open or close all groups", t.foldAll, "Z"),
	}
}

func (t *Table[T]) openFilter() {
	t.input = NewInput("/", "text  !not  ~fuzzy  column:text")
	t.input.SetValue(t.filter.Text)
	t.resize()
}

// Key takes a key while the filter is typed: enter keeps the filter, esc clears it, the arrows move.
func (t *Table[T]) Key(msg tea.KeyMsg) {
	if t.input == nil {
		return
	}
	switch msg.Type {
	case tea.KeyEnter:
		t.input = nil
		t.resize()
	case tea.KeyEsc:
		t.Back()
	case tea.KeyUp:
		t.move(-1)
	case tea.KeyDown:
		t.move(1)
	default:
		if t.input.Update(msg) {
			t.SetFilter(t.input.Value())
		}
	}
}

func (t *Table[T]) move(by int) {
	t.top = false
	t.scroll.Move(by)
	t.pick()
}

func (t *Table[T]) nextSort() {
	at := -1
	for i := range t.Columns {
		if t.Columns[i].ID == t.sortBy {
			at = i
		}
	}
	for i := range t.Columns {
		c := &t.Columns[(at+1+i)%len(t.Columns)]
		if c.Compare != nil {
			t.SortBy(c.ID, c.Desc)
			return
		}
	}
}

func (t *Table[T]) mark() {
	t.top = false
	r, ok := t.Selected()
	if !ok {
		if g, isGroup := t.SelectedGroup(); isGroup {
			t.ToggleGroup(g)
		}
		return
	}
	if t.marks[r.ID] {
		delete(t.marks, r.ID)
	} else {
		t.marks[r.ID] = true
	}
	t.stamp++
	t.move(1)
}

// markAll marks every row that is seen, or none when all are.
func (t *Table[T]) markAll() {
	all := true
	for _, it := range t.items {
		if it.row >= 0 && !t.marks[t.rows[it.row].ID] {
			all = false
			t.marks[t.rows[it.row].ID] = true
		}
	}
	if all {
		clear(t.marks)
	}
	t.stamp++
}

func (t *Table[T]) foldAll() {
	open := false
	for _, r := range t.rows {
		open = open || r.Group != "" && !t.closed[r.Group]
	}
	g, onGroup := t.SelectedGroup()
	clear(t.closed)
	if open {
		for _, r := range t.rows {
			if r.Group != "" {
				t.closed[r.Group] = true
			}
		}
		if onGroup {
			t.cursor = groupPrefix + g
		}
	}
	t.rebuild()
}

// shift scrolls columns after the first out of the way, as long as some have no room.
func (t *Table[T]) shift(by int) {
	if by > 0 && t.layout.hidden-t.skip <= 0 {
		return
	}
	t.skip = max(0, min(t.skip+by, len(t.Columns)-2))
	t.dirty = true
	t.stamp++
}

// wheelRows is how far one notch of the wheel goes.
const wheelRows = 3

// Mouse takes a mouse event at x, y of the table: the wheel scrolls, a click selects, a click on a
// title sorts, a click on a heading folds. It reports a click on the row that was selected before,
// which opens it.
func (t *Table[T]) Mouse(msg tea.MouseMsg, x, y int) (activated bool) {
	switch {
	case msg.Button == tea.MouseButtonWheelUp:
		t.wheel(-wheelRows)
	case msg.Button == tea.MouseButtonWheelDown:
		t.wheel(wheelRows)
	case msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress:
		if x < 0 || x >= t.w || y < 0 || y >= t.h-t.footRows() {
			return false
		}
		if y < headRows {
			t.clickTitle(x)
			return false
		}
		at := t.scroll.Offset + y - headRows
		if at >= len(t.items) {
			return false
		}
		before := t.cursor
		t.top = false
		t.scroll.To(at)
		t.pick()
		if it := t.items[at]; it.row < 0 {
			t.ToggleGroup(it.group)
			return false
		}
		return before == t.cursor
	}
	return false
}

func (t *Table[T]) wheel(by int) {
	t.top = false
	t.scroll.Wheel(by)
	t.pick()
}

func (t *Table[T]) clickTitle(x int) {
	at := gutter
	for i, c := range t.layout.cols {
		if x >= at && x < at+t.layout.widths[i]+t.layout.gap {
			col := &t.Columns[c]
			if col.Compare == nil {
				return
			}
			if col.ID == t.sortBy {
				t.SortBy(col.ID, !t.sortDesc)
			} else {
				t.SortBy(col.ID, col.Desc)
			}
			return
		}
		at += t.layout.widths[i] + t.layout.gap
	}
}
