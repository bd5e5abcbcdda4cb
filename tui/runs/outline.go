package runs

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// line is one line of an outline. It draws itself when it is seen.
type line struct {
	key  string // stays over updates
	of   string // step and host the line belongs to, as ref writes them
	fold string // what this line opens and closes; "" nothing
	open bool   // and whether it is open
	draw func(pal *themes.Palette, w int) string
}

// outline is lines that open and close, with a cursor that stays where it is when they change.
type outline struct {
	st     *themes.Styles
	w, h   int
	lines  []line
	scroll ui.Scroll
	at     string // key under the cursor
	opened map[string]bool
	moved  bool // somebody has moved the cursor
}

// gutter is the cells of the cursor sign and the space after it.
const gutter = 2

func newOutline(st *themes.Styles) *outline { return &outline{st: st, opened: map[string]bool{}} }

func (o *outline) setSize(w, h int) {
	o.w, o.h = w, h
	o.scroll.Height = max(0, h)
	o.scroll.Clamp()
}

// set replaces the lines; a cursor whose line is gone stays at its place.
func (o *outline) set(lines []line) {
	o.lines = lines
	o.scroll.Len = len(lines)
	for i := range lines {
		if lines[i].key == o.at {
			o.scroll.To(i)
			return
		}
	}
	o.scroll.Clamp()
	o.pick()
}

func (o *outline) pick() {
	if o.scroll.Cursor < len(o.lines) {
		o.at = o.lines[o.scroll.Cursor].key
	}
}

// cursor is the line under the cursor; the zero line of an empty outline.
func (o *outline) cursor() line {
	if o.scroll.Cursor < len(o.lines) {
		return o.lines[o.scroll.Cursor]
	}
	return line{}
}

// to puts the cursor on a line, and reports whether it is there.
func (o *outline) to(key string) bool {
	for i := range o.lines {
		if o.lines[i].key == key {
			o.scroll.To(i)
			o.pick()
			return true
		}
	}
	return false
}

// isOpen tells whether what hangs below key is shown; def is what it is before anybody chose.
func (o *outline) isOpen(key string, def bool) bool {
	if v, ok := o.opened[key]; ok {
		return v
	}
	return def
}

// position says what part is seen.
func (o *outline) position() string {
	if len(o.lines) <= o.h {
		return ""
	}
	return itoa(o.scroll.Offset+1) + "-" + itoa(min(len(o.lines), o.scroll.Offset+o.h)) + " of " + itoa(len(o.lines))
}

// view draws exactly h lines of w cells.
func (o *outline) view() []string {
	out := make([]string, max(0, o.h))
	for i := range out {
		at := o.scroll.Offset + i
		if at >= len(o.lines) {
			out[i] = ui.Spaces(o.w)
			continue
		}
		selected := at == o.scroll.Cursor
		pal, sign := o.st.On(selected), " "
		if selected {
			sign = o.st.Glyphs.Cursor
		}
		out[i] = pal.Render(themes.Accent, sign) + pal.Render(themes.Text, " ") + o.lines[at].draw(pal, max(0, o.w-gutter))
		if o.w < gutter {
			out[i] = ui.Slice(out[i], 0, o.w)
		}
	}
	return out
}

// actions move the cursor, with the names that tables have for it; again is called after each.
func (o *outline) actions(again func()) []ui.Action {
	move := func(id, title string, f func(), keys ...string) ui.Action {
		a := ui.Act("list."+id, "List", title, func() tea.Cmd {
			o.moved = true
			f()
			o.pick()
			again()
			return nil
		}, keys...)
		a.Hidden = true
		return a
	}
	return []ui.Action{
		move("up", "up", func() { o.scroll.Move(-1) }, "k", "up"),
		move("down", "down", func() { o.scroll.Move(1) }, "j", "down"),
		move("page_up", "page up", func() { o.scroll.Page(-1) }, "pgup", "ctrl+b"),
		move("page_down", "page down", func() { o.scroll.Page(1) }, "pgdown", "ctrl+f"),
		move("first", "first", func() { o.scroll.To(0) }, "g", "home"),
		move("last", "last", func() { o.scroll.To(len(o.lines) - 1) }, "G", "end"),
	}
}

// mouse scrolls and selects; it reports a click on the line that was selected before.
func (o *outline) mouse(m tea.MouseMsg, y int) (activated bool) {
	const wheel = 3
	switch {
	case m.Button == tea.MouseButtonWheelUp:
		o.scroll.Wheel(-wheel)
	case m.Button == tea.MouseButtonWheelDown:
		o.scroll.Wheel(wheel)
	case m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress && y >= 0 && y < o.h && o.scroll.Offset+y < len(o.lines):
		was := o.at
		o.scroll.To(o.scroll.Offset + y)
		o.moved = true
		o.pick()
		return was == o.at
	default:
		return false
	}
	o.moved = true
	o.pick()
	return false
}
