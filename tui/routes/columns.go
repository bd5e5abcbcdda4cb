package routes

import (
	"midwatch/themes"
	"midwatch/tui/ui"
)

// roomy is the width from which levels of the tree are two cells apart.
const roomy = 110

func (s *Screen) columns() []ui.Column[*item] {
	st := func() *themes.Styles { return s.d.Styles }
	return []ui.Column[*item]{
		{
			ID: "route", Title: "ROUTE", Min: 12, Filter: true,
			Cell: func(it *item) ui.Cell {
				g, gr := mark(st(), it.n.Status)
				step := 1
				if s.w >= roomy {
					step = 2
				}
				fold := "  "
				if len(it.n.Children) > 0 {
					fold = st().Glyphs.Closed + " "
					if it.open {
						fold = st().Glyphs.Open + " "
					}
				}
				r := themes.Text
				if it.n.Kind == "host" {
					r = themes.Strong
				}
				return ui.Cell{Text: ui.Spaces(it.depth*step) + fold + name(it.n), Role: r, Glyph: g, GlyphRole: gr}
			},
		},
		{
			ID: "target", Title: "WHAT TAKES IT", Min: 20, Ease: 40, Priority: 1, Filter: true,
			Cell: func(it *item) ui.Cell { return ui.Cell{Text: it.behind, Role: role(it.n.Status)} },
		},
		{
			ID: "does", Title: "DOES", Min: 16, Priority: ui.Extra, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell {
				if unread(it.n) {
					return ui.Cell{} // the reason stands beside it
				}
				return ui.Cell{Text: ui.Clean(it.n.Detail), Role: themes.Muted}
			},
		},
		{
			ID: "at", Title: "AT", Min: 16, Max: 40, Priority: ui.Extra + 1, Filter: true, Optional: true, Cut: ui.CutStart,
			Cell: func(it *item) ui.Cell { return ui.Cell{Text: place(it.n), Role: themes.Faint} },
		},
	}
}
