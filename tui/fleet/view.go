package fleet

import (
	"strconv"

	"midwatch/themes"
	"midwatch/tui/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// rects are the parts of the screen; a width or height of 0 is a part that is not there.
type rects struct {
	tableW, tableH int
	tableY         int
	paneX, paneY   int
	paneW, paneH   int
}

const (
	// wide is where the detail stands at the right, tall where it stands below.
	wide, tall = 150, 30
	paneRight  = 62
	paneGap    = 1
	paneBelow  = 16
	leastW     = 20
	leastH     = 3
)

// layout divides w by h cells. prompt is the line at the bottom that asks for something.
func layout(w, h int, full, hidden, prompt bool) rects {
	if prompt {
		h--
	}
	switch {
	case full:
		return rects{paneW: w, paneH: max(0, h)}
	case hidden:
	case w >= wide:
		return rects{tableW: w - paneRight - paneGap, tableH: max(0, h), paneX: w - paneRight, paneW: paneRight, paneH: max(0, h)}
	case h >= tall:
		return rects{tableW: w, tableH: h - paneBelow, paneY: h - paneBelow, paneW: w, paneH: paneBelow}
	}
	return rects{tableW: w, tableH: max(0, h)}
}

func (s *Screen) layout() rects {
	return layout(s.w, s.h, s.full, s.hidden, s.prompt != nil)
}

// View draws the screen.
func (s *Screen) View() string {
	st := s.d.Styles
	if s.h <= 0 || s.w <= 0 {
		return ui.Join(nil, s.w, s.h)
	}
	if s.w < leastW || s.h < leastH {
		return ui.TooSmall(s.w, s.h, leastW, leastH)
	}
	l := s.layout()
	s.table.Empty = s.empty()
	var lines []string
	switch {
	case l.tableH == 0:
		lines = s.paneLines(st, l)
	case l.paneW == 0:
		lines = s.table.Lines()
	case l.paneX > 0:
		lines = s.table.Lines()
		for i, p := range s.paneLines(st, l) {
			lines[i] += ui.Spaces(paneGap) + p
		}
	default:
		lines = append(s.table.Lines(), s.paneLines(st, l)...)
	}
	if s.prompt != nil {
		lines = append(lines, s.prompt.line(st, s.w))
	}
	return ui.Join(lines, s.w, s.h)
}

// empty is what stands in place of the rows.
func (s *Screen) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Fleet == nil:
		return ui.Failed(st, "fleet", "nothing is connected to this screen", "")
	case s.snap == nil || s.snap.Gen == 0 && len(s.snap.Hosts) == 0:
		return ui.Loading(st, "hosts")
	case s.trouble && s.good > 0:
		return ui.Notice{
			Role: themes.OK, Glyph: st.Glyphs.OK, Title: "no host is in trouble",
			Hint: ui.Count(s.good, "host") + " good or in maintenance; e shows them all",
		}
	default:
		return ui.Empty(st, "no hosts in the inventory", "add some to hosts.toml, or write one from your SSH configuration: midwatch hosts import")
	}
}

func (s *Screen) paneLines(st *themes.Styles, l rects) []string {
	f := ui.Frame{Title: "host", Focus: s.full, Footer: s.pane.Position()}
	body := make([]string, 0, l.paneH)
	if r, ok := s.table.Selected(); ok {
		f.Title = clean(r.ID)
		f.Note = "no data"
		if r.Value.row.Known {
			f.Note, f.Stale = ui.Age(r.Value.row.Age)+" old", r.Value.old
		}
		for _, line := range s.pane.Lines() {
			body = append(body, " "+line)
		}
	} else {
		body = append(body, st.Normal.Render(themes.Muted, " no host is selected"))
	}
	return f.Lines(st, l.paneW, l.paneH, body)
}
