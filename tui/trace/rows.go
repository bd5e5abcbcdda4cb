package trace

import (
	"strconv"
	"strings"

	chk "midwatch/checks/trace"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// row is a hop as a line of the chain.
type row struct {
	hop     chk.Hop
	i, n    int // place in the chain
	waiting bool
	answer  *chk.Answer // nil: not asked, or it cannot be
}

func rowID(i int, h chk.Hop) string { return strconv.Itoa(i) + " " + h.Kind + " " + h.Object }

func rowsOf(t *chk.Trace, l *live, version uint64) []ui.Row[*row] {
	if t == nil {
		return nil
	}
	out := make([]ui.Row[*row], 0, len(t.Hops))
	for i, h := range t.Hops {
		r := &row{hop: h, i: i, n: len(t.Hops), waiting: l.wait[hopKey(i, h)], answer: l.answers[hopKey(i, h)]}
		out = append(out, ui.Row[*row]{ID: rowID(i, h), Version: version, Value: r})
	}
	return out
}

// mark is the sign of a verdict, its word and its colour.
func mark(st *themes.Styles, s chk.Status) (glyph, word string, role themes.Role) {
	switch s {
	case chk.OK:
		return st.Glyphs.OK, "ok", themes.OK
	case chk.Broken:
		return st.Glyphs.Bad, "broken", themes.Bad
	}
	return st.Glyphs.Unknown, "unknown", themes.Unknown
}

// says is the one thing to know of a hop: what is wrong or not known, else why the request came here.
func (r *row) says() string {
	h := r.hop
	switch {
	case h.Detail != "" && (h.Status != chk.OK || h.Match == "" || h.Kind == "container" || h.Kind == "unit" || h.Kind == "upstream"):
		return ui.Clean(h.Detail)
	case h.Match != "":
		return ui.Clean(h.Match)
	}
	return ""
}

// brief is an answer in a few cells: the code and who gave it.
func brief(a *chk.Answer) string {
	if a.Err != "" {
		return ui.Clean(a.Err)
	}
	text := strconv.Itoa(a.Status)
	if a.Location != "" {
		return text + " to " + ui.Clean(a.Location)
	}
	server, _, _ := strings.Cut(a.Server, "/")
	return strings.TrimRight(text+" "+ui.Clean(server), " ")
}

// place is where the hop stands: file and line, or the JSON path.
func place(h chk.Hop) string {
	switch {
	case h.File != "" && h.Line > 0:
		return ui.Clean(h.File) + ":" + strconv.Itoa(h.Line)
	case h.File != "":
		return ui.Clean(h.File)
	}
	return ui.Clean(h.Path)
}

// link draws the chain: its beginning, its middle, its end.
func link(st *themes.Styles, r *row) string {
	b := st.Borders
	switch {
	case r.n == 1:
		return b.Top
	case r.i == 0:
		return b.TopLeft
	case r.i == r.n-1:
		return b.BottomLeft
	}
	return b.DivideLeft
}

func (s *Screen) columns() []ui.Column[*row] {
	st := func() *themes.Styles { return s.d.Styles }
	return []ui.Column[*row]{
		{
			ID: "verdict", Title: "VERDICT", Min: 9, Filter: true,
			Cell: func(r *row) ui.Cell {
				g, word, role := mark(st(), r.hop.Status)
				return ui.Cell{Text: word, Role: role, Glyph: g, GlyphRole: role}
			},
		},
		{
			ID: "hop", Title: "HOP", Min: 14, Filter: true,
			Cell: func(r *row) ui.Cell {
				return ui.Cell{Text: link(st(), r) + " " + ui.Clean(r.hop.Kind), Role: themes.Strong}
			},
		},
		{
			ID: "object", Title: "WHAT", Min: 12, Max: 36, Priority: 1, Filter: true, Cut: ui.CutMiddle,
			Cell: func(r *row) ui.Cell { return ui.Cell{Text: ui.Clean(r.hop.Object), Role: themes.Text} },
		},
		{
			ID: "host", Title: "HOST", Min: 8, Max: 16, Priority: 2, Filter: true, Optional: true,
			Cell: func(r *row) ui.Cell { return ui.Cell{Text: ui.Clean(r.hop.Host), Role: themes.Muted} },
		},
		{
			ID: "asked", Title: "ASKED", Min: 10, Max: 20, Priority: 1, Filter: true, Optional: true,
			Cell: func(r *row) ui.Cell {
				switch {
				case r.waiting:
					return ui.Cell{Text: "asking", Role: themes.Info, Glyph: st().Glyphs.Pending, GlyphRole: themes.Info}
				case r.answer != nil:
					return ui.Cell{Text: brief(r.answer), Role: themes.Text}
				}
				return ui.Cell{}
			},
		},
		{
			ID: "says", Title: "WHY", Min: 16, Max: 80, Ease: 30, Priority: 4, Filter: true,
			Cell: func(r *row) ui.Cell {
				role := themes.Text
				if r.hop.Status != chk.OK {
					_, _, role = mark(st(), r.hop.Status)
				}
				return ui.Cell{Text: r.says(), Role: role}
			},
		},
		{
			ID: "at", Title: "AT", Min: 16, Priority: ui.Extra, Grow: true, Filter: true, Optional: true, Cut: ui.CutStart,
			Cell: func(r *row) ui.Cell { return ui.Cell{Text: place(r.hop), Role: themes.Faint} },
		},
	}
}
