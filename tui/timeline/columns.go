package timeline

import (
	"strings"
	"time"

	"midwatch/checks/past"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func clean(s string) string { return strings.TrimSpace(ui.Clean(s)) }

// fields are what a filter looks at.
func fields(e past.Entry) []ui.Field {
	return []ui.Field{{Column: "host", Text: clean(hostOf(e))}, {Column: "kind", Text: kindOf(e)}, {Column: "object", Text: clean(e.Object)}, {Column: "what", Text: what(e)}}
}

func filterColumns() []string { return []string{"host", "kind", "object", "what"} }

// what happened, on one line.
func what(e past.Entry) string {
	text := clean(e.Action)
	if d := clean(e.Detail); d != "" {
		if text != "" {
			text += ": "
		}
		text += d
	}
	return text
}

// columns are those of the list; it is in the order of time, and cannot be sorted otherwise.
func (s *Screen) columns() []ui.Column[past.Entry] {
	role := func(e past.Entry) themes.Role {
		switch e.Tone {
		case past.Bad:
			return themes.Bad
		case past.Warn:
			return themes.Warn
		}
		return themes.Text
	}
	return []ui.Column[past.Entry]{
		{
			ID: "time", Title: "TIME", Min: 10,
			Cell: func(e past.Entry) ui.Cell {
				g, r := sign(s.d.Styles, e.Tone)
				return ui.Cell{Text: s.moment(e.At), Role: themes.Muted, Glyph: g, GlyphRole: r}
			},
		},
		{
			ID: "host", Title: "HOST", Min: 6, Max: 18, Priority: 1, Filter: true, Cut: ui.CutMiddle,
			Cell: func(e past.Entry) ui.Cell { return ui.Cell{Text: clean(hostOf(e)), Role: themes.Text} },
		},
		{
			ID: "kind", Title: "KIND", Min: 9, Max: 9, Priority: 2, Filter: true,
			Cell: func(e past.Entry) ui.Cell { return ui.Cell{Text: kindOf(e), Role: themes.Muted} },
		},
		{
			ID: "object", Title: "OBJECT", Min: 10, Max: 34, Filter: true, Cut: ui.CutMiddle, Priority: 1,
			Cell: func(e past.Entry) ui.Cell { return ui.Cell{Text: clean(e.Object), Role: themes.Strong} },
		},
		{
			ID: "what", Title: "WHAT", Min: 16, Ease: 30, Priority: 1, Grow: true, Filter: true,
			Cell: func(e past.Entry) ui.Cell { return ui.Cell{Text: what(e), Role: role(e)} },
		},
	}
}

// moment is a time of day, with the day where the window is longer than one.
func (s *Screen) moment(at time.Time) string {
	at = at.In(s.d.Now().Location())
	if w := s.window(); w.to.Sub(w.from) > 24*time.Hour || at.YearDay() != s.d.Now().YearDay() {
		return at.Format("Jan 02 15:04:05")
	}
	return at.Format("15:04:05")
}
