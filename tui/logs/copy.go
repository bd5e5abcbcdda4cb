package logs

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// copyScreen copies the lines that are seen as plain text, each with everything needed to read it
// elsewhere: a time with its zone, host, source and level.
func (s *Screen) copyScreen() tea.Cmd {
	var b strings.Builder
	last, n := -1, 0
	for _, pl := range s.page.window(&s.list, s.bodyH()) {
		if pl.pos == last {
			continue
		}
		last = pl.pos
		l, _ := s.list.buf.at(pl.pos)
		b.WriteString(s.plainLine(&l))
		b.WriteByte('\n')
		n++
	}
	if n == 0 {
		return ui.Toast(hosts.LevelInfo, "there is no line yet")
	}
	return ui.Copy(s.deps, ui.Count(n, "line"), b.String())
}

func (s *Screen) plainLine(l *line) string {
	switch l.kind {
	case kindGap, kindNote:
		return "... " + ui.Clean(l.text)
	case kindRuler:
		return "--- " + ui.Clean(l.text)
	}
	var b strings.Builder
	if at := l.at(); !at.IsZero() {
		b.WriteString(at.UTC().Format(time.RFC3339Nano) + " ")
	}
	if l.source >= 0 {
		src := s.list.buf.sources[l.source].LogSource
		b.WriteString(ui.Clean(src.Host) + "/" + sourceName(src) + " ")
	}
	if lv := hosts.Level(l.level); lv != hosts.LevelNone {
		b.WriteString(lv.String() + " ")
	}
	b.WriteString(cleanText(l.text))
	return b.String()
}
