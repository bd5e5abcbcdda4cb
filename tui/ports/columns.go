package ports

import (
	"cmp"
	"strconv"
	"strings"

	"midwatch/checks/ports"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func arrowOf(st *themes.Styles) string {
	if st.ASCII {
		return ">"
	}
	return "→"
}

// row is the item's row, an empty one where there is none, for comparing.
func (it *item) row() *ports.Row {
	if it.r == nil {
		return &ports.Row{}
	}
	return it.r
}

func columns(st func() *themes.Styles) []ui.Column[*item] {
	known := func(it *item) bool { return it.r != nil }
	return []ui.Column[*item]{
		{
			ID: "port", Title: "port", Min: 9, Max: 19, Filter: true, Cut: ui.CutStart,
			Cell: func(it *item) ui.Cell {
				c := ui.Cell{Text: it.port()}
				switch {
				case it.r == nil:
					return ui.Cell{Text: it.what, Role: themes.Muted}
				case it.bad == broken:
					c.Role = themes.Strong
				}
				return c
			},
			Compare: func(a, b *item) int {
				return cmp.Or(cmp.Compare(a.row().Port, b.row().Port), strings.Compare(a.port(), b.port()))
			},
			Known: known,
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 18, Priority: 9, Filter: true, Optional: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				if it.headed {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Clean(it.h.Host.Name), Role: themes.Muted}
			},
			Compare: func(a, b *item) int { return strings.Compare(a.h.Host.Name, b.h.Host.Name) },
		},
		{
			ID: "state", Title: "state", Min: 16, Max: 17, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell {
				return ui.Cell{Text: it.state, Role: it.role, Glyph: it.glyph, GlyphRole: it.role}
			},
			Compare: func(a, b *item) int { return cmp.Compare(a.bad, b.bad) },
		},
		{
			ID: "open", Title: "open to", Min: 9, Max: 15, Priority: 2, Filter: true, Desc: true, Cut: ui.CutMiddle,
			Cell:    openCell,
			Compare: func(a, b *item) int { return cmp.Compare(a.exposure, b.exposure) },
			Known:   func(it *item) bool { return it.addr != "" },
		},
		{
			ID: "owner", Title: "who", Min: 10, Max: 28, Priority: 1, Filter: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				if it.r == nil {
					return ui.Cell{}
				}
				return ui.Cell{Text: it.owner()}
			},
			Compare: func(a, b *item) int { return strings.Compare(a.owner(), b.owner()) }, Known: known,
		},
		{
			ID: "inside", Title: "", Min: 3, Max: 8, Priority: 5, Optional: true,
			Cell: func(it *item) ui.Cell { return ui.Cell{Text: it.inside(arrowOf(st())), Role: themes.Muted} },
		},
		{
			ID: "reach", Title: "probed", Min: 9, Max: 9, Priority: 6, Filter: true, Optional: true,
			Cell: func(it *item) ui.Cell {
				g := &st().Glyphs
				switch {
				case it.r == nil || it.r.Reach == ports.NotProbed:
					return ui.Cell{}
				case it.r.Reach == ports.NotReached:
					return ui.Cell{Text: "no", Glyph: g.Bad, GlyphRole: themes.Bad, Role: themes.Bad}
				case it.stale:
					return ui.Cell{Text: "reached", Glyph: g.Stale, GlyphRole: themes.Muted, Role: themes.Muted}
				}
				return ui.Cell{Text: "reached", Glyph: g.OK, GlyphRole: themes.OK, Role: themes.Muted}
			},
		},
		{
			ID: "note", Title: "note", Min: 14, Ease: 30, Priority: 3, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell {
				c := ui.Cell{Text: it.note, Role: themes.Muted}
				switch it.bad {
				case broken:
					c.Role = themes.Bad
				case odd, uncertain:
					c.Role = themes.Warn
				}
				return c
			},
		},
	}
}

// openCell says who can reach a binding; everybody is worth a look, and no fault in itself.
func openCell(it *item) ui.Cell {
	switch {
	case it.addr == "":
		return ui.Cell{Text: "-", Role: themes.Faint}
	case it.exposure == ports.Everyone:
		return ui.Cell{Text: "everyone", Role: themes.Text}
	case it.exposure == ports.Loopback:
		return ui.Cell{Text: "this host", Role: themes.Faint}
	}
	return ui.Cell{Text: ui.Clean(it.addr), Role: themes.Muted}
}

// sentBy names the proxies that send traffic here.
func (it *item) sentBy() string {
	if it.r == nil || len(it.r.Targets) == 0 {
		return ""
	}
	text := "from " + it.r.Targets[0].From
	if n := len(it.r.Targets) - 1; n > 0 {
		text += " and " + strconv.Itoa(n) + " more"
	}
	return text
}

// tally counts items.
type tally struct{ broken, odd, open, bound, wanted, stale, unknown int }

func (t *tally) add(it *item) {
	if it.r == nil {
		if it.bad != fine {
			t.unknown++
		}
		return
	}
	switch {
	case it.bad == broken:
		t.broken++
	case it.bad == odd:
		t.odd++
	case it.stale:
		t.stale++
	case it.addr == "":
		t.wanted++
	default:
		t.bound++
	}
	if it.exposure == ports.Everyone && it.addr != "" {
		t.open++
	}
}

func (t *tally) text() string {
	var parts []string
	for _, x := range [...]struct {
		n    int
		what string
	}{{t.broken, "broken"}, {t.odd, "doubtful"}, {t.bound, "bound"}, {t.wanted, "not bound"}, {t.stale, "stale"}, {t.unknown, "unknown"}, {t.open, "open to everyone"}} {
		if x.n > 0 {
			parts = append(parts, strconv.Itoa(x.n)+" "+x.what)
		}
	}
	return strings.Join(parts, ", ")
}

// groupCell is the heading of a host.
func (s *Screen) groupCell(group string, items []*item) ui.Cell {
	var t tally
	for _, it := range items {
		t.add(it)
	}
	c := ui.Cell{Text: group + "  " + t.text(), Role: themes.Strong}
	if len(items) == 0 {
		return c
	}
	switch h := items[0].h; {
	case len(items) == 1 && items[0].r == nil:
		c.Text, c.Role = group+"  "+items[0].what+" "+items[0].state+": "+items[0].why, items[0].role
		return c
	case staleOf(h):
		c.Text += "  " + whyStale(h, s.Now)
	}
	switch {
	case t.broken > 0:
		c.Role = themes.Bad
	case t.odd+t.stale+t.unknown > 0:
		c.Role = themes.Warn
	}
	return c
}
