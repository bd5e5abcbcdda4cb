package logs

import (
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// piece is a text of a status line in its role.
type piece struct {
	text string
	role themes.Role
}

// joinPieces writes pieces in at most w cells, the last one that fits cut.
func joinPieces(pal *themes.Palette, pieces []piece, w int) (string, int) {
	var b strings.Builder
	used := 0
	for _, p := range pieces {
		if used >= w {
			break
		}
		text := ui.Trunc(p.text, w-used)
		used += ui.Width(text)
		b.WriteString(pal.Render(p.role, text))
	}
	return b.String(), used
}

// statusLine puts pieces at the left and at the right of w cells; the right ones stay whole as long
// as a third of the line is left for the others.
func statusLine(st *themes.Styles, left, right []piece, w int) string {
	pal := &st.Normal
	rt, rw := joinPieces(pal, right, w)
	if rw > w*2/3 {
		rt, rw = joinPieces(pal, right, w*2/3)
	}
	lt, lw := joinPieces(pal, left, max(0, w-rw-1))
	return lt + ui.Spaces(w-lw-rw) + rt
}

// head says how the sources stand: each by its name where they fit, else how many there are of each
// kind and the one in most trouble.
func (s *Screen) head() string {
	st := s.deps.Styles
	right := s.counters()
	var left []piece
	if s.feed.state == feedFailed {
		left = append(left, piece{st.Glyphs.Failed + " log failed: " + s.feed.reason + "  ", themes.Bad})
	}
	if s.request != "" && s.feed.state != feedFailed {
		return statusLine(st, s.requestSays(), right, s.w)
	}
	const few = 6 // more names than this are not read, they are searched
	if len(s.list.buf.sources) <= few {
		if named := append(left, s.namedSources()...); width(named)+width(right) < s.w {
			return statusLine(st, named, right, s.w)
		}
	}
	return statusLine(st, append(left, s.countedSources()...), right, s.w)
}

func width(pieces []piece) int {
	n := 0
	for i := range pieces {
		n += ui.Width(pieces[i].text)
	}
	return n
}

// namedSources are all sources, each with its state.
func (s *Screen) namedSources() []piece {
	var out []piece
	add := func(role themes.Role, text string) { out = append(out, piece{text, role}) }
	for i := range s.list.buf.sources {
		src := &s.list.buf.sources[i]
		x := s.stateOf(src)
		if i > 0 {
			add(themes.Text, "  ")
		}
		add(x.role, x.glyph+" ")
		role := themes.Source(i)
		if s.look.plain {
			role = themes.Text
		}
		add(role, ui.Clean(src.Host)+"/"+sourceName(src.LogSource))
		if src.hidden {
			add(themes.Faint, " off")
		}
		if x.word != "following" {
			add(x.role, " "+ui.Clean(x.word)+colon(x.reason))
		}
	}
	return out
}

// countedSources are how many sources there are in each state, and the first that is in trouble.
func (s *Screen) countedSources() []piece {
	var order []string
	counts := map[string]int{}
	var trouble []piece
	for i := range s.list.buf.sources {
		src := &s.list.buf.sources[i]
		x := s.stateOf(src)
		if counts[x.word]++; counts[x.word] == 1 {
			order = append(order, x.word)
		}
		if x.bad && trouble == nil {
			trouble = []piece{{"  " + x.glyph + " " + ui.Clean(src.Host) + "/" + sourceName(src.LogSource) + " " + ui.Clean(x.word) + colon(x.reason), x.role}}
		}
	}
	var words []string
	for _, w := range order {
		words = append(words, commas(counts[w])+" "+ui.Clean(w))
	}
	text := strings.Join(words, ", ")
	if len(order) == 1 {
		text = "all " + ui.Clean(order[0])
	}
	out := []piece{{ui.Count(len(s.list.buf.sources), "source") + ": ", themes.Strong}, {text, themes.Muted}}
	return append(out, trouble...)
}

func colon(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// counters say how much was read, and what of it is gone.
func (s *Screen) counters() []piece {
	b := s.list.buf
	var right []piece
	if lost := max(b.lost, s.lostBySources()); lost > 0 {
		right = append(right, piece{s.deps.Styles.Glyphs.Warn + " " + commas(int(lost)) + " skipped  ", themes.Warn})
	}
	gaps, late := uint64(0), uint64(0)
	for i := range b.sources {
		gaps += b.sources[i].status.Gaps
		late += b.sources[i].status.Late
	}
	if gaps > 0 {
		right = append(right, piece{s.deps.Styles.Glyphs.Warn + " " + ui.Count(int(gaps), "gap") + "  ", themes.Warn})
	}
	if late > 0 && s.w >= 100 {
		right = append(right, piece{commas(int(late)) + " late  ", themes.Muted})
	}
	if n := s.spill.lines; n > 0 {
		right = append(right, piece{commas(int(n)) + " spilled  ", themes.Muted})
	}
	if b.dropped > 0 {
		right = append(right, piece{commas(int(b.dropped)) + " oldest dropped  ", themes.Warn})
	}
	if s.w >= 100 {
		right = append(right, piece{s.sinceText() + "  ", themes.Faint})
	}
	return append(right, piece{lineCount(b.Len()), themes.Muted})
}

func lineCount(n int) string {
	if n == 1 {
		return "1 line"
	}
	return commas(n) + " lines"
}

func (s *Screen) lostBySources() uint64 {
	var n uint64
	for i := range s.list.buf.sources {
		n += s.list.buf.sources[i].status.Dropped
	}
	return n
}

// foot says whether the view follows, what is filtered and searched, and where it is.
func (s *Screen) foot() string {
	st := s.deps.Styles
	switch {
	case s.ask != nil:
		return s.ask.input.Line(st, s.w)
	case s.filter.input != nil:
		return s.field(&s.filter, s.filterCount())
	case s.find.input != nil:
		return s.field(&s.find, s.findCount())
	}
	var left, right []piece
	add := func(role themes.Role, text string) { left = append(left, piece{text, role}) }
	switch below := s.list.count(s.page.seenEnd); {
	case !s.page.follow && below > 0:
		add(themes.Warn, st.Glyphs.Paused+" paused, "+commas(below)+" new below (G)")
	case !s.page.follow:
		add(themes.Warn, st.Glyphs.Paused+" paused (G follows)")
	case s.feed.state == feedOpening:
		add(themes.Info, st.Glyphs.Pending+" connecting")
	case s.feed.state == feedOpen:
		left = append(left, s.followed())
	case s.feed.state == feedFailed:
		add(themes.Bad, st.Glyphs.Failed+" failed (r connects again)")
	default:
		add(themes.Muted, st.Glyphs.Stopped+" ended (r reads again)")
	}
	if s.filter.text != "" {
		add(themes.Accent, "  /"+ui.Clean(s.filter.text))
	}
	if s.filter.err != "" {
		add(themes.Bad, "  "+ui.Clean(s.filter.err))
	}
	if s.look.min > hosts.LevelNone {
		add(themes.Accent, "  "+levelAtLeast(st, s.look.min))
	}
	if from, to, ok := s.chosenRange(); ok {
		add(themes.Accent, "  range of "+lineCount(s.list.count(from)-s.list.count(to+1))+" (y copies)")
	}
	if s.look.to != 0 {
		add(themes.Accent, "  "+s.rangeText(s.look.from, s.look.to)+" (x)")
	}
	if s.list.filter != nil {
		add(themes.Muted, "  "+s.filterCount())
	}
	if s.find.text != "" {
		add(themes.Accent, "  find "+ui.Clean(s.find.text))
		add(themes.Muted, " "+s.findCount())
	}
	if s.look.left > 0 && !s.look.wrap {
		right = append(right, piece{"+" + commas(s.look.left) + " cells  ", themes.Faint})
	}
	if s.look.time != ui.TimeLocal {
		right = append(right, piece{s.look.time.String() + "  ", themes.Faint})
	}
	if s.list.floor > 0 {
		right = append(right, piece{"cleared (u)  ", themes.Faint})
	}
	if !s.page.follow {
		all := s.list.count(0)
		right = append(right, piece{commas(all-s.list.count(s.page.cursor)+1) + "/" + commas(all), themes.Muted})
	}
	return statusLine(st, left, right, s.w)
}

// followed says whether the sources are really followed: an end that nothing is added to looks the
// same whether nothing happens or nobody answers.
func (s *Screen) followed() piece {
	g := &s.deps.Styles.Glyphs
	all, bad, ended := len(s.list.buf.sources), 0, 0
	for i := range s.list.buf.sources {
		switch x := s.stateOf(&s.list.buf.sources[i]); {
		case x.bad:
			bad++
		case x.word == "ended":
			ended++
		}
	}
	switch {
	case bad == 0 && ended < all || all == 0:
		return piece{g.Running + " following", themes.OK}
	case bad == 0:
		return piece{g.Stopped + " every source has ended", themes.Muted}
	case bad+ended >= all:
		return piece{g.Warn + " no source answers", themes.Bad}
	}
	return piece{g.Warn + " following " + commas(all-bad-ended) + " of " + commas(all), themes.Warn}
}

func levelAtLeast(st *themes.Styles, l hosts.Level) string {
	if st.ASCII {
		return ">=" + l.String()
	}
	return "≥" + l.String()
}

// field is the line of a text that is being typed.
func (s *Screen) field(q *query, count string) string {
	role := themes.Muted
	if q.err != "" {
		count, role = ui.Clean(q.err), themes.Bad
	}
	most := s.w / 2
	if q.err != "" {
		most = s.w * 3 / 4
	}
	count = ui.Trunc(count, most)
	n := ui.Width(count)
	return q.input.Line(s.deps.Styles, max(0, s.w-n-1)) + " " + s.deps.Styles.Normal.Render(role, count)
}

func (s *Screen) filterCount() string {
	sc := s.list.filter
	if sc == nil {
		return lineCount(s.list.buf.Len())
	}
	text := commas(s.list.count(0)) + " of " + commas(s.list.buf.Len())
	if !sc.done(s.list.buf) && sc.percent(s.list.buf) < 100 {
		text += " (" + commas(sc.percent(s.list.buf)) + "%)"
	}
	return text
}

func (s *Screen) findCount() string {
	sc := s.find.scan
	switch {
	case sc == nil:
		return ""
	case sc.count() == 0 && !sc.done(s.list.buf):
		return "searching " + commas(sc.percent(s.list.buf)) + "%"
	case sc.count() == 0:
		return "not found"
	case s.page.follow:
		return commas(sc.count()) + " found"
	}
	return commas(min(sc.rank(s.page.cursor)+1, sc.count())) + "/" + commas(sc.count())
}
