package ui

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
)

// Viewer scrolls through lines of text that were given once: details, help, documents. It fits what
// it shows and keeps its place when the lines are replaced.
type Viewer struct {
	st    *themes.Styles
	w, h  int
	lines []string // as given; may be styled
	off   int
	left  int
}

// NewViewer returns an empty viewer.
func NewViewer(st *themes.Styles) *Viewer { return &Viewer{st: st} }

// SetStyles changes the theme; the caller sets the lines again when they are styled.
func (v *Viewer) SetStyles(st *themes.Styles) { v.st = st }

// SetSize sets the cells the viewer has.
func (v *Viewer) SetSize(w, h int) {
	v.w, v.h = w, h
	v.clamp()
}

// SetLines replaces the text.
func (v *Viewer) SetLines(lines []string) {
	v.lines = lines
	v.clamp()
}

// SetText replaces the text by a plain one, cleaned line by line.
func (v *Viewer) SetText(text string) {
	lines := strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	v.SetLines(lines)
}

// Top goes to the beginning.
func (v *Viewer) Top() { v.off, v.left = 0, 0 }

// Len returns the number of lines.
func (v *Viewer) Len() int { return len(v.lines) }

func (v *Viewer) clamp() {
	v.off = max(0, min(v.off, len(v.lines)-v.h))
	v.left = max(0, v.left)
}

// ScrollBy moves by rows and columns.
func (v *Viewer) ScrollBy(rows, cols int) {
	v.off += rows
	v.left += cols
	v.clamp()
}

// Reveal scrolls as little as it takes to show a line.
func (v *Viewer) Reveal(line int) {
	if v.h <= 0 {
		return
	}
	v.off = max(min(v.off, line), line-v.h+1)
	v.clamp()
}

// Mouse scrolls with the wheel.
func (v *Viewer) Mouse(msg tea.MouseMsg) {
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		v.ScrollBy(-wheelRows, 0)
	case tea.MouseButtonWheelDown:
		v.ScrollBy(wheelRows, 0)
	}
}

// Actions are the scrolling keys, for a screen that shows only the viewer.
func (v *Viewer) Actions() []Action {
	act := func(id, title string, rows, cols func() int, keys ...string) Action {
		a := Act("view."+id, "View", title, func() tea.Cmd { v.ScrollBy(rows(), cols()); return nil }, keys...)
		a.Hidden = true
		return a
	}
	n := func(i int) func() int { return func() int { return i } }
	page := func(sign int) func() int { return func() int { return sign * max(1, v.h-1) } }
	all := func(sign int) func() int { return func() int { return sign * len(v.lines) } }
	const step = 8
	return []Action{
		act("up", "up", n(-1), n(0), "k", "up"),
		act("down", "down", n(1), n(0), "j", "down"),
		act("page_up", "page up", page(-1), n(0), "pgup", "ctrl+b"),
		act("page_down", "page down", page(1), n(0), "pgdown", "ctrl+f"),
		act("first", "beginning", all(-1), n(0), "g", "home"),
		act("last", "end", all(1), n(0), "G", "end"),
		act("left", "left", n(0), n(-step), "h", "left"),
		act("right", "right", n(0), n(step), "l", "right"),
	}
}

// Position says where in the text the view stands: "12-40 of 200", "" when all is seen.
func (v *Viewer) Position() string {
	if len(v.lines) <= v.h {
		return ""
	}
	return itoa(v.off+1) + "-" + itoa(min(len(v.lines), v.off+v.h)) + " of " + itoa(len(v.lines))
}

// AtEnd reports that the last line is in sight.
func (v *Viewer) AtEnd() bool { return v.off+v.h >= len(v.lines) }

// Lines draws exactly the lines and cells of the viewer's size.
func (v *Viewer) Lines() []string {
	out := make([]string, max(0, v.h))
	for i := range out {
		if at := v.off + i; at < len(v.lines) {
			out[i] = Slice(v.lines[at], v.left, v.w)
		} else {
			out[i] = Spaces(v.w)
		}
	}
	return out
}
