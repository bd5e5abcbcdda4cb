package ui

import "strings"

// Selected returns the row under the cursor; false on a heading and in an empty table.
func (t *Table[T]) Selected() (Row[T], bool) {
	if i := t.scroll.Cursor; i < len(t.items) && t.items[i].row >= 0 {
		return t.rows[t.items[i].row], true
	}
	return Row[T]{}, false
}

// SelectedGroup returns the group of the item under the cursor.
func (t *Table[T]) SelectedGroup() (string, bool) {
	if i := t.scroll.Cursor; i < len(t.items) && t.items[i].group != "" {
		return t.items[i].group, true
	}
	return "", false
}

// Select puts the cursor on the row with that ID, opening its group, and reports whether it is
// there to be seen.
func (t *Table[T]) Select(id string) bool {
	for i := range t.rows {
		if t.rows[i].ID == id && t.closed[t.rows[i].Group] {
			delete(t.closed, t.rows[i].Group)
			t.rebuild()
		}
	}
	for i := range t.items {
		if t.itemID(i) == id {
			t.top = false
			t.scroll.To(i)
			t.pick()
			return true
		}
	}
	return false
}

// Chosen returns the marked rows in the order of the table, or the selected one when none is
// marked; on a heading, the rows of the group.
func (t *Table[T]) Chosen() []Row[T] {
	var out []Row[T]
	if len(t.marks) > 0 {
		for i := range t.rows {
			if t.marks[t.rows[i].ID] {
				out = append(out, t.rows[i])
			}
		}
		return out
	}
	if r, ok := t.Selected(); ok {
		return []Row[T]{r}
	}
	if i := t.scroll.Cursor; i < len(t.items) {
		for _, r := range t.items[i].rows {
			out = append(out, t.rows[r])
		}
	}
	return out
}

// Marks returns how many rows are marked.
func (t *Table[T]) Marks() int { return len(t.marks) }

// Len returns the rows in all and those that pass the filter.
func (t *Table[T]) Len() (all, shown int) { return len(t.rows), t.shown }

// SortBy sorts by a column; an unknown ID restores the natural order.
func (t *Table[T]) SortBy(id string, desc bool) {
	t.sortBy, t.sortDesc = id, desc
	if t.column(id) == nil {
		t.sortBy = ""
	}
	t.dirty = true
	t.rebuild()
}

// Sort returns the column sorted by and its direction.
func (t *Table[T]) Sort() (id string, desc bool) { return t.sortBy, t.sortDesc }

// SetFilter sets the filter text.
func (t *Table[T]) SetFilter(text string) {
	ids := make([]string, 0, len(t.Columns))
	for i := range t.Columns {
		if t.Columns[i].Filter {
			ids = append(ids, t.Columns[i].ID)
		}
	}
	t.filter = ParseFilter(text, ids)
	t.stamp++
	t.rebuild()
}

// FilterText returns the filter as typed.
func (t *Table[T]) FilterText() string { return t.filter.Text }

// Capturing reports that the filter is being typed.
func (t *Table[T]) Capturing() bool { return t.input != nil }

// Back leaves the filter, then the marks, and reports whether there was one of them.
func (t *Table[T]) Back() bool {
	switch {
	case t.input != nil || strings.TrimSpace(t.filter.Text) != "":
		t.input = nil
		t.SetFilter("")
	case len(t.marks) > 0:
		clear(t.marks)
		t.stamp++
	default:
		return false
	}
	t.resize()
	return true
}

// ToggleGroup opens or closes a group; closing keeps the cursor on its heading.
func (t *Table[T]) ToggleGroup(group string) {
	if t.closed[group] {
		delete(t.closed, group)
	} else {
		t.closed[group] = true
		if g, ok := t.SelectedGroup(); ok && g == group {
			t.cursor = groupPrefix + group
			t.top = false
		}
	}
	t.rebuild()
}
