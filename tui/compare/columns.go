package compare

import (
	"cmp"
	"strconv"
	"strings"

	"midwatch/checks/compare"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func clean(s string) string { return strings.TrimSpace(ui.Clean(s)) }

// listColumns are those of the subjects.
func listColumns() []ui.Column[compare.Summary] {
	return []ui.Column[compare.Summary]{
		{
			ID: "name", Title: "NAME", Min: 20, Max: 46, Filter: true, Cut: ui.CutMiddle,
			Compare: func(a, b compare.Summary) int { return strings.Compare(a.Name, b.Name) },
			Cell:    func(x compare.Summary) ui.Cell { return ui.Cell{Text: clean(x.Name), Role: themes.Strong} },
		},
		{
			ID: "kind", Title: "KIND", Min: 7, Filter: true,
			Compare: func(a, b compare.Summary) int { return strings.Compare(a.Kind, b.Kind) },
			Cell:    func(x compare.Summary) ui.Cell { return ui.Cell{Text: x.Kind, Role: themes.Muted} },
		},
		{
			ID: "copies", Title: "COPIES", Min: 6, Right: true, Desc: true, Priority: 2,
			Compare: func(a, b compare.Summary) int { return cmp.Compare(a.Copies, b.Copies) },
			Cell:    func(x compare.Summary) ui.Cell { return ui.Cell{Text: strconv.Itoa(x.Copies), Role: themes.Text} },
		},
		{
			ID: "odd", Title: "ODD", Min: 3, Right: true, Desc: true,
			Compare: func(a, b compare.Summary) int { return cmp.Compare(a.Odd, b.Odd) },
			Cell:    func(x compare.Summary) ui.Cell { return number(x.Odd, themes.Warn) },
		},
		{
			ID: "tied", Title: "TIED", Min: 4, Right: true, Desc: true, Priority: 1,
			Compare: func(a, b compare.Summary) int { return cmp.Compare(a.Different-a.Odd, b.Different-b.Odd) },
			Cell:    func(x compare.Summary) ui.Cell { return number(x.Different-x.Odd, themes.Text) },
		},
		{
			ID: "hosts", Title: "HOSTS", Min: 10, Priority: 1, Grow: true, Filter: true,
			Cell: func(x compare.Summary) ui.Cell {
				return ui.Cell{Text: clean(strings.Join(x.Hosts, " ")), Role: themes.Muted}
			},
		},
	}
}

func number(n int, role themes.Role) ui.Cell {
	if n == 0 {
		role = themes.Faint
	}
	return ui.Cell{Text: strconv.Itoa(n), Role: role}
}

// gridColumns are the names of the properties and one column for each copy.
func (s *Screen) gridColumns(copies []compare.Column) []ui.Column[*compare.Row] {
	out := []ui.Column[*compare.Row]{{
		ID: "property", Title: "PROPERTY", Min: 12, Max: 22, Filter: true,
		Cell: func(r *compare.Row) ui.Cell {
			g, role := mark(s.d.Styles, r)
			return ui.Cell{Text: clean(r.Name), Role: themes.Text, Glyph: g, GlyphRole: role}
		},
	}}
	for i, c := range copies {
		title := c.Host
		if !c.Alone {
			title += " " + c.Copy
		}
		if c.Stale {
			title = s.d.Styles.Glyphs.Stale + title
		}
		title = clean(title)
		const least, wide = 10, 26
		out = append(out, ui.Column[*compare.Row]{
			ID: "copy" + strconv.Itoa(i), Title: ui.TruncMiddle(title, wide), Min: max(least, min(ui.Width(title), wide)), Filter: true, Priority: 1, Cut: ui.CutMiddle,
			Cell: func(r *compare.Row) ui.Cell {
				if i >= len(r.Cells) {
					return ui.Cell{}
				}
				return valueCell(s.d.Styles, r, r.Cells[i])
			},
		})
	}
	return out
}

// groupCell is the heading of a group: how many of its properties differ.
func (s *Screen) groupCell(group string, rows []*compare.Row) ui.Cell {
	n := 0
	for _, r := range rows {
		if r.Differs {
			n++
		}
	}
	text := clean(group)
	if n > 0 {
		text += "  " + strconv.Itoa(n) + " different"
	}
	return ui.Cell{Text: text, Role: themes.Strong}
}

// valueCell is one value: marked when it is the odd one, and told when it is not known.
func valueCell(st *themes.Styles, r *compare.Row, c compare.Cell) ui.Cell {
	text := clean(c.Value)
	if text == "" {
		text = "none"
	}
	switch {
	case c.Unknown != "":
		return ui.Cell{Text: "unknown", Role: themes.Unknown, Glyph: st.Glyphs.Unknown, GlyphRole: themes.Unknown}
	case c.Odd:
		return ui.Cell{Text: text, Role: themes.Warn, Glyph: st.Glyphs.Warn, GlyphRole: themes.Warn}
	case r.Tie:
		return ui.Cell{Text: text, Role: themes.Text}
	case c.Value == "":
		return ui.Cell{Text: text, Role: themes.Faint}
	}
	return ui.Cell{Text: text, Role: themes.Muted}
}
