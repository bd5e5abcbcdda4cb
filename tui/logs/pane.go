package logs

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// paneKind is what the lower part of the screen shows beside the log.
type paneKind int

const (
	paneNone paneKind = iota
	paneDetail
	paneSources
	paneSince
	paneOther
)

// otherPane is a pane that knows itself what it is.
type otherPane interface {
	setStyles(st *themes.Styles)
	setSize(w, h int) // of what is inside the frame
	wants() int       // rows, without the frame
	frame() ui.Frame
	lines() []string
	actions() []ui.Action
	// key takes a key that is no action's, while capturing; back leaves something inside.
	capturing() bool
	key(m tea.KeyMsg) tea.Cmd
	back() bool
	// mouse takes an event whose place counts from the first row inside the frame.
	mouse(m tea.MouseMsg, x, y int) tea.Cmd
	// tick is called once a second.
	tick() tea.Cmd
	close()
}

// pane is the lower part of the screen. One is open at a time.
type pane struct {
	kind    paneKind
	detail  *detail
	sources *sourcesPane
	since   *sincePane
	other   otherPane
}

func (p *pane) setStyles(st *themes.Styles) {
	switch p.kind {
	case paneDetail:
		p.detail.setStyles(st)
	case paneSources:
		p.sources.table.SetStyles(st)
	case paneSince:
		p.since.table.SetStyles(st)
	case paneOther:
		p.other.setStyles(st)
	}
}

func (p *pane) setSize(w, h int) {
	w, h = max(0, w-ui.FrameW), max(0, h-ui.FrameH)
	switch p.kind {
	case paneDetail:
		p.detail.setSize(w, h)
	case paneSources:
		p.sources.table.SetSize(w, h)
	case paneSince:
		p.since.table.SetSize(w, h)
	case paneOther:
		p.other.setSize(w, h)
	}
}

// wants is how many rows the pane would like, borders included.
func (p *pane) wants() int {
	switch p.kind {
	case paneDetail:
		return p.detail.view.Len() + ui.FrameH
	case paneSources:
		all, _ := p.sources.table.Len()
		return all + 2 + ui.FrameH // titles and the filter's line
	case paneSince:
		all, _ := p.since.table.Len()
		return all + 1 + ui.FrameH
	case paneOther:
		return p.other.wants() + ui.FrameH
	}
	return 0
}

func (p *pane) capturing() bool {
	return p.kind == paneSources && p.sources.table.Capturing() || p.kind == paneOther && p.other.capturing()
}

// back leaves something inside the pane.
func (p *pane) back() bool {
	return p.kind == paneSources && p.sources.table.Back() || p.kind == paneOther && p.other.back()
}

func (p *pane) actions() []ui.Action {
	switch p.kind {
	case paneDetail:
		return p.detail.actions
	case paneSources:
		return p.sources.actions
	case paneSince:
		return p.since.actions
	case paneOther:
		return p.other.actions()
	}
	return nil
}

func (p *pane) lines(st *themes.Styles, w, h int) []string {
	f := ui.Frame{Focus: true}
	switch p.kind {
	case paneDetail:
		f.Title, f.Note, f.Footer = p.detail.title, p.detail.view.Position(), "esc closes"
		return f.Lines(st, w, h, p.detail.view.Lines())
	case paneSources:
		f.Title, f.Note, f.Footer = "Sources", p.sources.note, "space on or off · o only this · a add · esc closes"
		return f.Lines(st, w, h, p.sources.table.Lines())
	case paneSince:
		f.Title, f.Footer = "Since when", "enter reads the log again from there · esc closes"
		return f.Lines(st, w, h, p.since.table.Lines())
	case paneOther:
		return p.other.frame().Lines(st, w, h, p.other.lines())
	}
	return nil
}

func (s *Screen) closePane() {
	if s.pane.kind == paneOther {
		s.pane.other.close()
	}
	s.pane = pane{}
	s.layout()
}

// show opens a pane in the place of the one there is.
func (s *Screen) show(p otherPane) {
	s.closePane()
	s.pane = pane{kind: paneOther, other: p}
	s.layout()
}

// mousePane gives a mouse event inside the pane to it; y counts from its first line.
func (s *Screen) mousePane(m tea.MouseMsg, y int) tea.Cmd {
	switch s.pane.kind {
	case paneDetail:
		s.pane.detail.view.Mouse(m)
	case paneSources:
		if s.pane.sources.table.Mouse(m, m.X-1, y-1) {
			return s.toggleSource(false)
		}
	case paneSince:
		if s.pane.since.table.Mouse(m, m.X-1, y-1) {
			return s.chooseSince()
		}
	case paneOther:
		return s.pane.other.mouse(m, m.X-1, y-1)
	}
	return nil
}
