package timeline

import (
	"strconv"
	"strings"
	"time"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rects are the parts of the screen; a width or height of 0 is a part that is not there.
type rects struct {
	label, cells   int // of a lane: its name, and its cells after a blank
	axisY, axisH   int // the ruler and the lanes
	tableW, tableH int
	tableY         int
	paneX, paneY   int
	paneW, paneH   int
}

const (
	leastW, leastH = 30, 6
	statusH        = 1
	wide, tall     = 150, 30 // where the detail stands beside the list, and below it
	paneRight      = 62
	paneBelow      = 10
	paneGap        = 1
	countW         = 5  // at the end of a lane: how many events it has
	leastLanes     = 12 // lines from which there are lanes
	fewLanes       = 3  // so many have a place in any case, so that the list does not jump at the first events
)

// layout divides w by h cells; lanes is how many there are to be shown.
func layout(w, h, lanes int, full, hidden bool) rects {
	if full {
		return rects{paneW: w, paneH: max(0, h)}
	}
	l := rects{label: 16, axisY: statusH}
	switch {
	case w >= wide:
		l.label = 24
	case w < 60:
		l.label = 8
	}
	l.cells = max(0, w-l.label-1-countW)
	if h >= leastLanes {
		l.axisH = 1 + max(1, min(max(lanes, fewLanes), h/3-1))
	}
	l.tableY = statusH + l.axisH
	l.tableW, l.tableH = w, max(0, h-l.tableY)
	switch {
	case hidden:
	case w >= wide:
		l.tableW = w - paneRight - paneGap
		l.paneX, l.paneY, l.paneW, l.paneH = w-paneRight, l.tableY, paneRight, l.tableH
	case h >= tall:
		l.tableH -= paneBelow
		l.paneY, l.paneW, l.paneH = l.tableY+l.tableH, w, paneBelow
	}
	return l
}

func (s *Screen) layout() rects { return layout(s.w, s.h, s.names, s.full, s.hidden) }

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
	lines := append([]string{s.status(st)}, s.axis(st, l)...)
	s.table.Empty = s.empty()
	body := s.table.Lines()
	switch {
	case l.paneW == 0:
	case l.paneX > 0:
		for i, p := range s.paneLines(st, l) {
			body[i] += ui.Spaces(paneGap) + p
		}
	default:
		body = append(body, s.paneLines(st, l)...)
	}
	return ui.Join(append(lines, body...), s.w, s.h)
}

// status says what is seen: the window, what is left out, and what is not known.
func (s *Screen) status(st *themes.Styles) string {
	w := s.window()
	loc := s.d.Now().Location()
	from, to := w.from.In(loc), w.to.In(loc)
	layout := "15:04:05"
	if to.Sub(from) >= 24*time.Hour || from.YearDay() != s.d.Now().YearDay() {
		layout = "Jan 02 15:04"
	}
	end := to.Format(layout)
	if s.end.IsZero() && s.present().Equal(s.d.Now()) {
		end = "now"
	}
	left := st.Normal.Render(themes.Strong, " "+from.Format(layout)+" to "+end)
	left += st.Normal.Render(themes.Muted, "  "+spanName(spans()[s.span]))
	_, shown := s.table.Len()
	n := s.drawn(w)
	text := ui.Count(shown, "event")
	switch {
	case s.snap == nil || s.loading():
		text = "reading"
	case len(s.entries) == 0 && s.failed() != "":
		text = "unknown"
	}
	if n.bad > 0 {
		text += ", " + strconv.Itoa(n.bad) + " bad"
	}
	for _, t := range []string{s.only.kind, s.only.host, s.only.object} {
		if t != "" && t != s.from.Host && t != s.from.Object {
			text += ", only " + clean(t)
		}
	}
	if s.only.trouble {
		text += ", only trouble"
	}
	left += st.Normal.Render(themes.Text, "  "+text)
	return left + s.notes(st, w, s.w-ui.Width(left))
}

// notes are what stands at the right of the status, the most important last to go.
func (s *Screen) notes(st *themes.Styles, w window, room int) string {
	type note struct {
		role themes.Role
		text string
	}
	var all []note
	if s.fault != "" {
		text := st.Glyphs.Unknown + " actions"
		if long := text + ": " + clean(s.fault); ui.Width(long) < room/2 {
			text = long
		}
		all = append(all, note{themes.Bad, text})
	}
	if s.dropped > 0 {
		all = append(all, note{themes.Warn, strconv.FormatUint(s.dropped, 10) + " older not kept"})
	}
	if m := s.table.Marks(); m > 0 {
		all = append(all, note{themes.Text, strconv.Itoa(m) + " marked"})
	}
	n := s.drawn(w)
	if n.before > 0 {
		all = append(all, note{themes.Muted, st.Glyphs.Left + strconv.Itoa(n.before) + " before"})
	}
	if n.after > 0 {
		all = append(all, note{themes.Muted, strconv.Itoa(n.after) + " after" + st.Glyphs.Right})
	}
	if w.holds(s.watched) {
		all = append(all, note{themes.Muted, "watched since " + s.watched.In(s.d.Now().Location()).Format("15:04")})
	}
	const air = 2
	out, used := "", 0
	for _, x := range all {
		if c := ui.Width(x.text) + air; used+c <= room {
			out += ui.Spaces(air) + st.Normal.Render(x.role, x.text)
			used += c
		}
	}
	return ui.Spaces(room-used) + out
}

// drawn is what a view of one window, one size and one choice of events is made of. Making it walks
// through all events, so it is kept from one view to the next.
type drawn struct {
	w      window
	l      rects
	byKind bool
	gen    uint64 // of the choice

	before, after, bad int
	lanes              []lane
}

func (s *Screen) drawn(w window) *drawn {
	l := s.layout()
	if c := s.cache; c != nil && c.w == w && c.l == l && c.byKind == s.byKind && c.gen == s.choice {
		return c
	}
	c := &drawn{w: w, l: l, byKind: s.byKind, gen: s.choice}
	for i := range s.sel {
		switch e := &s.sel[i]; {
		case e.At.Before(w.from):
			c.before++
		case !e.At.Before(w.to):
			c.after++
		case e.Tone == past.Bad:
			c.bad++
		}
	}
	name, _ := s.laneOf()
	c.lanes = lanes(s.sel, w, l.cells, l.axisH-1, name)
	s.cache = c
	return c
}

func spanName(d time.Duration) string {
	switch {
	case d < time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 24*time.Hour:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	default:
		return ui.Count(int(d/(24*time.Hour)), "day")
	}
}

// axis draws the ruler and the lanes.
func (s *Screen) axis(st *themes.Styles, l rects) []string {
	if l.axisH == 0 {
		return nil
	}
	w := s.window()
	cursor := -1
	if r, ok := s.table.Selected(); ok {
		cursor = w.column(r.Value.At, l.cells)
	}
	_, title := s.laneOf()
	inWindow := s.drawn(w).lanes
	marks := ticks(w, l.cells, s.d.Now().Location())
	out := []string{s.ruler(st, l, w, title, marks, cursor)}
	grid := map[int]bool{}
	for _, t := range marks {
		grid[t.col] = true
	}
	k := newInk(st)
	for i := range inWindow {
		out = append(out, laneLine(st, k, l, &inWindow[i], grid, cursor))
	}
	for len(out) < l.axisH {
		out = append(out, laneLine(st, k, l, &lane{cells: make([]cell, l.cells)}, grid, cursor))
	}
	return out
}

// laneOf is what the lanes are of.
func (s *Screen) laneOf() (name func(past.Entry) string, title string) {
	if s.byKind {
		return kindOf, "by kind"
	}
	return hostOf, "by host"
}

// countLanes finds how many lanes the window has.
func (s *Screen) countLanes() {
	w := s.window()
	name, _ := s.laneOf()
	seen := map[string]bool{}
	for i := range s.sel {
		if w.holds(s.sel[i].At) {
			seen[name(s.sel[i])] = true
		}
	}
	if len(seen) != s.names {
		s.names = len(seen)
		s.fit()
	}
}

// ruler is the line of the times, with the cursor and the marks.
func (s *Screen) ruler(st *themes.Styles, l rects, w window, title string, ts []tick, cursor int) string {
	cells := make([]rune, l.cells)
	for i := range cells {
		cells[i] = ' '
	}
	for _, t := range ts {
		for i, r := range t.text {
			if t.col+i < len(cells) {
				cells[t.col+i] = r
			}
		}
	}
	signs := map[int]string{}
	for _, r := range s.table.Chosen() {
		if s.table.Marks() > 0 {
			if c := w.column(r.Value.At, l.cells); c >= 0 {
				signs[c] = st.Normal.Render(themes.Accent, st.Glyphs.Mark)
			}
		}
	}
	if cursor >= 0 {
		signs[cursor] = st.Normal.Render(themes.Accent, st.Glyphs.Descending)
	}
	var b strings.Builder
	b.WriteString(st.Normal.Render(themes.Faint, ui.Fit(" "+title, l.label)+" "))
	run := 0
	flush := func(to int) {
		if to > run {
			b.WriteString(st.Normal.Render(themes.Muted, string(cells[run:to])))
		}
	}
	for i := range cells {
		if g, ok := signs[i]; ok {
			flush(i)
			b.WriteString(g)
			run = i + 1
		}
	}
	flush(len(cells))
	return b.String() + ui.Spaces(countW)
}

// ink is what the cells of lanes are drawn with, rendered once for all of them: plain, and under the
// cursor.
type ink struct {
	tone  [2][past.Bad + 1]string
	grid  [2]string
	blank [2]string
}

func newInk(st *themes.Styles) ink {
	var k ink
	for i, under := range []bool{false, true} {
		p := st.On(under)
		for t := range k.tone[i] {
			g, role := sign(st, past.Tone(t))
			k.tone[i][t] = p.Render(role, g)
		}
		k.grid[i], k.blank[i] = p.Render(themes.Faint, st.Glyphs.Separator), " "
		if under {
			k.blank[i] = p.Render(themes.Text, " ")
		}
	}
	return k
}

// laneLine draws one lane: its name, a sign where something happened, and how many did.
func laneLine(st *themes.Styles, k ink, l rects, ln *lane, grid map[int]bool, cursor int) string {
	var b strings.Builder
	b.Grow(4 * (l.label + l.cells))
	_, role := sign(st, ln.worst)
	if ln.worst < past.Warn {
		role = themes.Text
	}
	b.WriteString(st.Normal.Render(role, ui.Fit(" "+ui.TruncMiddle(clean(ln.name), l.label-1), l.label)) + " ")
	for i, c := range ln.cells {
		under := 0
		if i == cursor {
			under = 1
		}
		switch {
		case c.count > 0:
			b.WriteString(k.tone[under][c.tone])
		case grid[i]:
			b.WriteString(k.grid[under])
		default:
			b.WriteString(k.blank[under])
		}
	}
	count := ""
	if ln.count > 0 {
		count = strconv.Itoa(ln.count)
	}
	b.WriteString(st.Normal.Render(themes.Faint, ui.FitRight(count, countW)))
	return b.String()
}

func plus(n int) string { return ui.Count(n, "other") }

// empty is what stands in place of the list.
func (s *Screen) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Fleet == nil:
		return ui.Failed(st, "timeline", "nothing is connected to this screen", "")
	case !s.ready || s.loading():
		return ui.Loading(st, "what happened")
	case len(s.entries) == 0 && s.failed() != "":
		return ui.Failed(st, "what happened", s.failed(), "")
	case len(s.entries) == 0:
		return ui.Empty(st, "nothing has happened yet", "events appear here as they come")
	case len(s.sel) == 0:
		return ui.Empty(st, "nothing of this kind is known", "esc shows all events")
	}
	return ui.Empty(st, "nothing happened in this window", "left and right go to the nearest events, f shows all that is known")
}

// loading reports that no host has answered yet and some may.
func (s *Screen) loading() bool {
	if s.snap == nil || len(s.entries) > 0 {
		return s.snap == nil
	}
	for _, h := range s.snap.Hosts {
		if h.Link.State == hosts.StatePending || h.Link.State == hosts.StateConnected && h.Latest.IsZero() {
			return true
		}
	}
	return false
}

// failed is why nothing is known of any host.
func (s *Screen) failed() string {
	why := ""
	for _, h := range s.snap.Hosts {
		if h.Link.State == hosts.StateConnected {
			return ""
		}
		why = h.Host.Name + ": " + h.Link.Reason
	}
	return why
}

func (s *Screen) paneLines(st *themes.Styles, l rects) []string {
	f := ui.Frame{Title: "event", Focus: s.full, Footer: s.pane.Position()}
	body := make([]string, 0, l.paneH)
	if r, ok := s.table.Selected(); ok {
		f.Title = ui.Trunc(clean(kindOf(r.Value)+" "+r.Value.Object), max(8, l.paneW/2))
		f.Note = ui.AgeOf(r.Value.At, s.d.Now()) + " ago"
		for _, line := range s.pane.Lines() {
			body = append(body, " "+line)
		}
	} else {
		body = append(body, st.Normal.Render(themes.Muted, " no event is selected"))
	}
	return f.Lines(st, l.paneW, l.paneH, body)
}
