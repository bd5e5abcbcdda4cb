package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// overlay is a box over the screens that has the keyboard while it is the last one.
type overlay interface {
	key(r *Root, m tea.KeyMsg) tea.Cmd
	mouse(r *Root, m tea.MouseMsg) tea.Cmd
	// box draws the overlay in at most w by h cells; all its lines are of one width.
	box(st *themes.Styles, w, h int) []string
	// hint is the footer while the overlay is open.
	hint() string
}

// grace is how long the keyboard must be quiet before a dialog that opened by itself takes a key:
// what is typed just then was meant for something else.
const grace = 600 * time.Millisecond

func (r *Root) overlay() overlay {
	if len(r.over) == 0 {
		return nil
	}
	return r.over[len(r.over)-1]
}

func (r *Root) push(o overlay) { r.over = append(r.over, o) }

// drop closes an overlay wherever it stands.
func (r *Root) drop(o overlay) {
	for i, x := range r.over {
		if x == o {
			r.over = append(r.over[:i:i], r.over[i+1:]...)
			return
		}
	}
}

// padded puts a frame with a blank column on each side around lines, as wide as they need.
func padded(st *themes.Styles, f ui.Frame, lines []string, w, h int) []string {
	need := ui.Width(f.Title) + 4
	for _, l := range lines {
		need = max(need, ui.Width(l))
	}
	const air = 2
	inner := min(need+air, w-ui.FrameW)
	if inner < 1 || h < ui.FrameH {
		return nil
	}
	body := make([]string, 0, len(lines))
	for _, l := range lines {
		body = append(body, ui.Fit(" "+ui.Fit(l, max(0, inner-air)), inner))
	}
	f.Focus = true
	return f.Lines(st, inner+ui.FrameW, min(h, len(body)+ui.FrameH), body)
}

// reader is an overlay of text: the help, the messages.
type reader struct {
	title string
	make  func(st *themes.Styles, w int) []string
	v     *ui.Viewer
	w     int
	st    *themes.Styles
}

func newReader(st *themes.Styles, title string, text func(*themes.Styles, int) []string) *reader {
	return &reader{title: title, make: text, v: ui.NewViewer(st)}
}

func (o *reader) key(r *Root, m tea.KeyMsg) tea.Cmd {
	switch m.String() {
	case "esc", "q", "?", "enter":
		r.drop(o)
		return nil
	}
	cmd, _ := ui.Dispatch(o.v.Actions(), m, true)
	return cmd
}

func (o *reader) mouse(_ *Root, m tea.MouseMsg) tea.Cmd {
	o.v.Mouse(m)
	return nil
}

func (o *reader) box(st *themes.Styles, w, h int) []string {
	inner := w - ui.FrameW - 2
	if inner < 1 || h <= ui.FrameH {
		return nil
	}
	if inner != o.w || st != o.st {
		o.w, o.st = inner, st
		o.v.SetStyles(st)
		o.v.SetLines(o.make(st, inner))
	}
	o.v.SetSize(inner, min(h-ui.FrameH, o.v.Len()))
	return padded(st, ui.Frame{Title: o.title, Footer: o.v.Position()}, o.v.Lines(), w, h)
}

func (o *reader) hint() string { return "j/k scroll  esc close" }
