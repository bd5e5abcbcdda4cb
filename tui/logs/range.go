package logs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// beginRange begins a range at the line under the cursor, which the other end then follows, or gives it up.
func (s *Screen) beginRange() tea.Cmd {
	if s.rangeID != 0 {
		s.rangeID = 0
		return nil
	}
	s.page.pause(&s.list, s.bodyH())
	s.noteIDs()
	if l := s.current(); l != nil && !s.page.follow {
		s.rangeID, s.rangePos = l.id, s.page.cursor
	}
	return nil
}

// chosenRange is the positions of both ends of the range; ok is false without one.
func (s *Screen) chosenRange() (from, to int, ok bool) {
	if s.rangeID == 0 || s.page.follow {
		return 0, 0, false
	}
	pos := s.list.buf.locate(s.rangeID, s.rangePos)
	if pos < 0 {
		pos = s.list.buf.First() // its line was dropped: what is left of the range
	}
	return min(pos, s.page.cursor), max(pos, s.page.cursor), true
}

// inRange reports that a position is in the range.
func (s *Screen) inRange() func(pos int) bool {
	from, to, ok := s.chosenRange()
	return func(pos int) bool { return ok && pos >= from && pos <= to }
}

// copyMost bounds what is put together for the clipboard: terminals take less.
const copyMost = 1 << 20

// copyRange copies the lines of the range.
func (s *Screen) copyRange() tea.Cmd {
	x := s.excerpt()
	var b strings.Builder
	n := 0
	_ = x.each(func(l *line) error { // it returns what the func does
		if b.Len() < copyMost {
			b.WriteString(x.text(l) + "\n")
		}
		n++
		return nil
	})
	s.rangeID = 0
	return ui.Copy(s.deps, ui.Count(n, "line"), b.String())
}

// copyLine copies the text of the line under the cursor, or the lines of the range.
func (s *Screen) copyLine() tea.Cmd {
	if _, _, ok := s.chosenRange(); ok {
		return s.copyRange()
	}
	l := s.current()
	if l == nil {
		return ui.Toast(hosts.LevelInfo, "there is no line yet")
	}
	return ui.Copy(s.deps, "the line", cleanText(l.text))
}

// copyScreen copies the lines that are seen.
func (s *Screen) copyScreen() tea.Cmd {
	x := &excerpt{}
	for i := range s.list.buf.sources {
		x.sources = append(x.sources, s.list.buf.sources[i].LogSource)
	}
	var b strings.Builder
	last, n := -1, 0
	for _, pl := range s.page.window(&s.list, s.bodyH()) {
		if pl.pos == last {
			continue
		}
		last = pl.pos
		if l, ok := s.list.buf.at(pl.pos); ok {
			b.WriteString(x.text(&l) + "\n")
			n++
		}
	}
	if n == 0 {
		return ui.Toast(hosts.LevelInfo, "there is no line yet")
	}
	return ui.Copy(s.deps, ui.Count(n, "line"), b.String())
}
