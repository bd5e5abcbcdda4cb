package logs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/tui/ui"
)

func (s *Screen) openFilter() tea.Cmd {
	s.filter.input = ui.NewInput("filter ", "text  !not  /regex/  >=warn  host:name  src:name")
	s.filter.input.SetValue(s.filter.text)
	return nil
}

func (s *Screen) openFind() tea.Cmd {
	s.find.input = ui.NewInput("find ", "text, /regex/ or >=error; n and N go on")
	s.find.input.SetValue(s.find.text)
	s.find.from = s.page.cursor
	if s.page.follow {
		s.find.from = s.list.end()
	}
	return nil
}

// findErrors searches for errors and goes to the last one.
func (s *Screen) findErrors() tea.Cmd {
	const text = ">=error"
	if s.find.text == text {
		return s.jump(-1)
	}
	s.find.set(text)
	s.find.jump = -1
	return s.research()
}

// key takes the keys no action took: those of a text field.
func (s *Screen) key(m tea.KeyMsg) tea.Cmd {
	switch {
	case s.ask != nil:
		return s.answer(m)
	case s.picker != nil:
		s.picker.table.Key(m)
	case s.pane.kind == paneSources && s.pane.capturing():
		s.pane.sources.table.Key(m)
	case s.pane.kind == paneOther && s.pane.capturing():
		return s.pane.other.key(m)
	case s.filter.input != nil:
		return s.typed(&s.filter, m, s.rescan)
	case s.find.input != nil:
		return s.typed(&s.find, m, func() tea.Cmd {
			s.find.jump = 2
			if len(s.find.terms) == 0 {
				s.find.jump = 0
			}
			return s.research()
		})
	}
	return nil
}

// typed edits a field: enter keeps the text, esc empties it, the arrows move in the log.
func (s *Screen) typed(q *query, m tea.KeyMsg, changed func() tea.Cmd) tea.Cmd {
	switch m.Type {
	case tea.KeyEnter:
		q.input = nil
		if strings.TrimSpace(q.text) == "" {
			q.set("")
		}
		return s.release(0)
	case tea.KeyEsc:
		q.input = nil
		q.set("")
		return changed()
	case tea.KeyUp:
		s.page.move(&s.list, s.bodyH(), -1)
		s.noteIDs()
	case tea.KeyDown:
		s.page.move(&s.list, s.bodyH(), 1)
		s.noteIDs()
	default:
		if q.input.Update(m) {
			q.set(q.input.Value())
			return changed()
		}
	}
	return nil
}

// wheelRows is how far one notch of the wheel goes.
const wheelRows = 3

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	if s.picker != nil {
		return s.mousePicker(m)
	}
	r := s.rects()
	if s.pane.kind != paneNone && m.Y >= r.paneY {
		return s.mousePane(m, m.Y-r.paneY)
	}
	defer s.noteIDs()
	switch {
	case m.Button == tea.MouseButtonWheelUp:
		s.page.scroll(&s.list, r.body, -wheelRows, false)
	case m.Button == tea.MouseButtonWheelDown:
		s.page.scroll(&s.list, r.body, wheelRows, false)
	case m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress:
		w := s.page.window(&s.list, r.body)
		at := m.Y - headRows
		if at < 0 || at >= len(w) {
			return nil
		}
		again := !s.page.follow && s.page.cursor == w[at].pos
		s.page.pause(&s.list, r.body)
		if s.page.follow {
			return nil
		}
		s.page.cursor = w[at].pos
		s.page.reveal(&s.list, r.body)
		if again {
			return s.openDetail()
		}
	}
	return nil
}
