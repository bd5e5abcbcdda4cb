package compare

import (
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rects are the parts of the screen; a width or height of 0 is a part that is not there.
type rects struct {
	tableW, tableH int
	tableY         int
	paneY          int
	paneW, paneH   int
}

const (
	leastW, leastH = 30, 5
	statusH        = 1
	tall           = 18 // lines from which the detail stands below
)

// layout divides w by h cells. one is a sheet, which has a detail.
func layout(w, h int, one, full, hidden bool) rects {
	if full {
		return rects{paneW: w, paneH: max(0, h)}
	}
	l := rects{tableY: statusH, tableW: w, tableH: max(0, h-statusH)}
	if one && !hidden && h >= tall {
		l.paneW, l.paneH = w, max(7, h/3)
		l.tableH -= l.paneH
		l.paneY = l.tableY + l.tableH
	}
	return l
}

func (s *Screen) layout() rects {
	return layout(s.w, s.h, s.one(), s.full && s.one(), s.hidden)
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
	if l.tableH == 0 {
		return ui.Join(s.paneLines(st, l), s.w, s.h)
	}
	lines := []string{s.status(st)}
	if !s.one() {
		s.list.Empty = s.empty()
		return ui.Join(append(lines, s.list.Lines()...), s.w, s.h)
	}
	s.grid.Empty = s.empty()
	lines = append(lines, s.grid.Lines()...)
	if l.paneH > 0 {
		lines = append(lines, s.paneLines(st, l)...)
	}
	return ui.Join(lines, s.w, s.h)
}

// status says what is compared, and what is missing from it.
func (s *Screen) status(st *themes.Styles) string {
	if !s.one() {
		all, _ := s.list.Len()
		left := st.Normal.Render(themes.Strong, " "+ui.Count(all, "thing")) + st.Normal.Render(themes.Muted, " with more than one copy")
		return ui.Between(left, s.unreadNote(st), s.w)
	}
	if s.sheet == nil {
		return st.Normal.Render(themes.Strong, ui.Fit(" "+clean(s.from.Object), s.w))
	}
	differ, ties := 0, 0
	for i := range s.sheet.Rows {
		if r := &s.sheet.Rows[i]; r.Differs {
			differ++
			if r.Tie {
				ties++
			}
		}
	}
	text := ui.Count(len(s.sheet.Columns), "copy")
	if n := len(s.sheet.Columns); n != 1 {
		text = strconv.Itoa(n) + " copies"
	}
	switch {
	case s.unread(false):
		text = "reading"
	case s.unread(true):
		text = "unknown"
	}
	left := st.Normal.Render(themes.Strong, " "+clean(s.sheet.Kind+" "+s.sheet.Name)) + st.Normal.Render(themes.Muted, "  "+text)
	switch {
	case differ == 0 && len(s.sheet.Columns) > 1:
		left += "  " + st.Normal.Render(themes.OK, st.Glyphs.OK+" all the same")
	case differ > 0:
		note := strconv.Itoa(differ) + " different"
		if ties > 0 {
			note += ", " + strconv.Itoa(ties) + " of them tied"
		}
		left += "  " + st.Normal.Render(themes.Warn, st.Glyphs.Warn+" "+note)
	}
	if !s.same {
		left += st.Normal.Render(themes.Muted, "  only differences")
	}
	right := s.age(st)
	if n := len(s.sheet.Missing); n > 0 {
		right = st.Normal.Render(themes.Unknown, st.Glyphs.Unknown+" not known of "+ui.Count(n, "host")+"  ") + right
	}
	return ui.Between(left, right, s.w)
}

// age is that of the oldest copy.
func (s *Screen) age(st *themes.Styles) string {
	if len(s.sheet.Columns) == 0 {
		return ""
	}
	oldest, role, sign := s.sheet.Columns[0].Read, themes.Muted, ""
	for _, c := range s.sheet.Columns {
		if c.Read.Before(oldest) {
			oldest = c.Read
		}
		if c.Stale {
			role, sign = themes.Warn, st.Glyphs.Stale
		}
	}
	return st.Normal.Render(role, sign+ui.AgeOf(oldest, s.d.Now())+" ")
}

// unreadNote says of how many hosts it is not known what they have.
func (s *Screen) unreadNote(st *themes.Styles) string {
	if s.snap == nil {
		return ""
	}
	n := 0
	for _, h := range s.snap.Hosts {
		if !h.Containers.Known() && !h.Units.Known() {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return st.Normal.Render(themes.Unknown, st.Glyphs.Unknown+" "+ui.Count(n, "host")+" not read ")
}

// empty is what stands in place of the rows.
func (s *Screen) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Fleet == nil:
		return ui.Failed(st, "compare", "nothing is connected to this screen", "")
	case !s.ready || s.unread(false):
		return ui.Loading(st, "what the hosts have")
	case s.unread(true):
		return ui.Failed(st, "what the hosts have", s.why(), "")
	case s.one() && (s.missing || len(s.sheet.Columns) == 0):
		return ui.Empty(st, "nothing here is called "+clean(s.from.Object), "esc goes back")
	case s.one():
		return ui.Notice{Role: themes.OK, Glyph: st.Glyphs.OK, Title: "all copies are the same", Hint: "e shows all properties"}
	}
	return ui.Empty(st, "there is nothing to compare", "services, images, units and servers with at least two copies are listed here")
}

// unread reports that nothing is known of any host: failed says whether for good, or not yet.
func (s *Screen) unread(failed bool) bool {
	if s.snap == nil {
		return !failed
	}
	pending := false
	for _, h := range s.snap.Hosts {
		if h.Containers.Known() || h.Units.Known() {
			return false
		}
		pending = pending || h.Link.State == hosts.StatePending || h.Link.State == hosts.StateConnected && h.Latest.IsZero()
	}
	return len(s.snap.Hosts) > 0 && pending != failed
}

func (s *Screen) why() string {
	var out []string
	for _, h := range s.snap.Hosts {
		out = append(out, clean(h.Host.Name+": "+h.Link.Reason))
	}
	return strings.Join(out, "; ")
}

func (s *Screen) paneLines(st *themes.Styles, l rects) []string {
	f := ui.Frame{Title: "property", Focus: s.full, Footer: s.pane.Position()}
	body := make([]string, 0, l.paneH)
	if r, ok := s.grid.Selected(); ok {
		f.Title = ui.Trunc(clean(r.Value.Group+" "+st.Glyphs.Crumb+" "+r.Value.Name), max(8, l.paneW/2))
		for _, line := range s.pane.Lines() {
			body = append(body, " "+line)
		}
	} else {
		body = append(body, st.Normal.Render(themes.Muted, " no property is selected"))
	}
	return f.Lines(st, l.paneW, l.paneH, body)
}
