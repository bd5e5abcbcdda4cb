package ui

import (
	"slices"
	"strings"

	"midwatch/themes"
)

// Cell is what a column shows of a row. Text must be clean (see Clean).
type Cell struct {
	Text      string
	Role      themes.Role
	Glyph     string // one cell, drawn before the text
	GlyphRole themes.Role
}

// Cut says which part of a text is given up when a column is too narrow.
type Cut int

// The cuts.
const (
	CutEnd Cut = iota
	CutStart
	CutMiddle
)

// Column describes one column of a table of T.
type Column[T any] struct {
	ID    string // names it in the filter ("host:web") and for sorting
	Title string
	// Min is the least width worth showing, Max the most that is given; Max 0 is no limit. Numbers
	// (Right) and columns of priority 0 are shown whole or not at all, as far as that can be.
	Min, Max int
	// Ease is the width this column is to have before columns of priority Extra and above are shown.
	Ease int
	// Priority orders what goes first when there is no room: the largest. 0 never goes.
	Priority int
	Grow     bool // takes what is left over
	Optional bool // not shown while no row has anything here
	Right    bool // text at the right
	Cut      Cut
	Filter   bool // "/" looks here
	Cell     func(T) Cell
	// Compare orders rows by the column; nil means it cannot be sorted by.
	Compare func(a, b T) int
	// Known says whether a row has a value here; rows without come last in both directions.
	Known func(T) bool
	Desc  bool // the first sort is from large to small
}

// Extra is the priority from which a column is nice to have only.
const Extra = 5

// Row is one row. ID is stable over updates and unique; Group is the heading it stands under, ""
// for none. A Version other than 0 promises that the row looks the same as long as it is the same.
type Row[T any] struct {
	ID      string
	Group   string
	Version uint64
	Value   T
	// Parent is the ID of the row this one hangs below in a tree: a filter keeps what is above a
	// match, because nobody can read a branch without its stem.
	Parent string
}

// Table shows rows in columns. It renders only what is seen, keeps its selection by ID, sorts,
// filters, groups and marks. It is not safe for use by several goroutines.
type Table[T any] struct {
	Columns []Column[T]
	// GroupCell is the heading of a group; nil shows its name and size.
	GroupCell func(group string, rows []T) Cell
	// GroupsFollow puts the group of the first row, as sorted, first; else groups stand in the order
	// of the rows as given, whatever the sort.
	GroupsFollow bool
	// Empty is shown when there are no rows; set it before each View that may need it.
	Empty Notice

	st     *themes.Styles
	w, h   int
	rows   []Row[T]
	items  []item // what can be scrolled through, in order
	shown  int    // rows that pass the filter
	scroll Scroll
	cursor string // ID of the selected item
	top    bool   // nobody has moved: the selection stays on the first row

	sortBy   string
	sortDesc bool
	marks    map[string]bool
	closed   map[string]bool

	input  *Input // while the filter is typed
	filter Filter

	natural []int // widest text seen in each column since the width changed
	skip    int   // columns scrolled away after the first
	layout  tableLayout
	laidFor int  // the width of rows the layout was made for
	dirty   bool // the layout must be made again
	cache   map[string]rowLine
	stamp   uint64 // changes when every cached row is void
	renders int    // rows rendered, for tests
}

// item is a row or the heading of a group.
type item struct {
	row   int // index in rows; -1 for a heading
	group string
	rows  []int // of a heading: the rows below it
}

type rowLine struct {
	version, stamp uint64
	selected       bool
	line           string
}

const groupPrefix = "\x00group\x00"

// NewTable returns an empty table.
func NewTable[T any](st *themes.Styles, columns []Column[T]) *Table[T] {
	return &Table[T]{
		Columns: columns, st: st, marks: map[string]bool{}, closed: map[string]bool{},
		cache: map[string]rowLine{}, natural: make([]int, len(columns)), dirty: true, top: true,
		Empty: Empty(st, "nothing here", ""),
	}
}

// SetStyles changes the theme.
func (t *Table[T]) SetStyles(st *themes.Styles) {
	t.st = st
	t.void()
}

// SetSize sets the cells the table has.
func (t *Table[T]) SetSize(w, h int) {
	if w != t.w {
		t.natural = make([]int, len(t.Columns))
		t.dirty = true
	}
	t.w, t.h = w, h
	t.resize()
	if t.top && len(t.items) > 0 {
		t.scroll.Offset = 0
		t.scroll.Clamp()
	}
}

func (t *Table[T]) resize() {
	t.scroll.Height = max(0, t.h-headRows-t.footRows())
	t.scroll.Clamp()
}

// void makes every cached row invalid.
func (t *Table[T]) void() {
	t.stamp++
	t.dirty = true
	clear(t.cache)
}

// SetRows replaces the rows, in their natural order. Selection and marks stay on the same IDs; when
// the selected row is gone the nearest one that stays is selected.
func (t *Table[T]) SetRows(rows []Row[T]) {
	t.inherit(rows)
	t.rows = rows
	t.dirty = true
	if len(t.marks) > 0 {
		alive := make(map[string]bool, len(t.marks))
		for i := range rows {
			if t.marks[rows[i].ID] {
				alive[rows[i].ID] = true
			}
		}
		t.marks = alive
	}
	t.rebuild()
}

// inherit moves the selection from a row that is gone to the nearest that stays, below first.
func (t *Table[T]) inherit(rows []Row[T]) {
	if t.top || t.cursor == "" || strings.HasPrefix(t.cursor, groupPrefix) {
		return
	}
	ids := make(map[string]bool, len(rows))
	for i := range rows {
		ids[rows[i].ID] = true
	}
	if ids[t.cursor] {
		return
	}
	at := t.scroll.Cursor
	for d := 0; d < len(t.items); d++ {
		for _, i := range [2]int{at + d, at - d} {
			if i >= 0 && i < len(t.items) && t.items[i].row >= 0 && ids[t.itemID(i)] {
				t.cursor = t.itemID(i)
				return
			}
		}
	}
}

// rebuild derives the items from rows, filter, sort and groups.
func (t *Table[T]) rebuild() {
	order := t.order()
	t.items = t.items[:0]
	groups := map[string][]int{}
	var names []string
	for _, i := range order {
		g := t.rows[i].Group
		if _, ok := groups[g]; !ok {
			names = append(names, g)
		}
		groups[g] = append(groups[g], i)
	}
	if !t.GroupsFollow {
		t.sortGroups(names)
	}
	for _, g := range names {
		if g != "" {
			t.items = append(t.items, item{row: -1, group: g, rows: groups[g]})
			if t.closed[g] {
				continue
			}
		}
		for _, i := range groups[g] {
			t.items = append(t.items, item{row: i, group: g})
		}
	}
	t.scroll.Len = len(t.items)
	t.resize()
	t.follow()
}

// sortGroups keeps groups where their first row stands in the rows as given, so that sorting rows
// never shuffles groups.
func (t *Table[T]) sortGroups(names []string) {
	if len(names) < 2 {
		return
	}
	first := make(map[string]int, len(names))
	for i := range t.rows {
		if _, ok := first[t.rows[i].Group]; !ok {
			first[t.rows[i].Group] = i
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return first[a] - first[b] })
}

// order returns the indexes of the rows that pass the filter, sorted.
func (t *Table[T]) order() []int {
	order := t.matching()
	c := t.column(t.sortBy)
	if c == nil || c.Compare == nil {
		return order
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := t.rows[a].Value, t.rows[b].Value
		if c.Known != nil {
			if kx, ky := c.Known(x), c.Known(y); kx != ky {
				if kx {
					return -1
				}
				return 1
			}
		}
		if t.sortDesc {
			return c.Compare(y, x)
		}
		return c.Compare(x, y)
	})
	return order
}

// matching returns the indexes of the rows that pass the filter and of those above them in a tree,
// and counts the former.
func (t *Table[T]) matching() []int {
	t.shown = 0
	order := make([]int, 0, len(t.rows))
	var fields []Field
	var keep map[string]bool                 // rows above a match
	for i := range slices.Backward(t.rows) { // a parent stands before its children
		r := &t.rows[i]
		if !t.filter.Empty() {
			fields = t.fields(fields[:0], r.Value)
			if !t.filter.Match(fields) {
				if keep[r.ID] {
					keep[r.Parent] = true
					order = append(order, i)
				}
				continue
			}
			if r.Parent != "" {
				if keep == nil {
					keep = map[string]bool{}
				}
				keep[r.Parent] = true
			}
		}
		t.shown++
		order = append(order, i)
	}
	slices.Reverse(order)
	return order
}

func (t *Table[T]) fields(out []Field, v T) []Field {
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Filter {
			out = append(out, Field{c.ID, c.Cell(v).Text})
		}
	}
	return out
}

func (t *Table[T]) column(id string) *Column[T] {
	for i := range t.Columns {
		if t.Columns[i].ID == id {
			return &t.Columns[i]
		}
	}
	return nil
}

// follow puts the cursor back on the selected ID.
func (t *Table[T]) follow() {
	if t.top && t.cursor != "" && len(t.items) > 0 {
		t.scroll.Offset = 0
		t.scroll.To(t.firstRow())
		t.pick()
		return
	}
	for i := range t.items {
		if t.itemID(i) == t.cursor {
			t.scroll.To(i)
			return
		}
	}
	if len(t.items) > 0 {
		if t.cursor == "" {
			t.scroll.To(t.firstRow())
		}
		t.pick()
	}
}

// firstRow is the first item that is a row, or 0.
func (t *Table[T]) firstRow() int {
	for i, it := range t.items {
		if it.row >= 0 {
			return i
		}
	}
	return 0
}

// pick takes the ID under the cursor as the selection.
func (t *Table[T]) pick() {
	if t.scroll.Cursor < len(t.items) {
		t.cursor = t.itemID(t.scroll.Cursor)
	}
}

func (t *Table[T]) itemID(i int) string {
	it := t.items[i]
	if it.row < 0 {
		return groupPrefix + it.group
	}
	return t.rows[it.row].ID
}
