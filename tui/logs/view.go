package logs

import (
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
	"midwatch/themes"
	"midwatch/tui/ui"
)

const (
	headRows = 1 // the sources
	footRows = 1 // follow, filter, search, position
	minW     = 20
	minH     = 4
)

// rects is where the parts of the screen are: the log's rows after the head, then the foot, then
// the pane.
type rects struct{ body, paneY, pane int }

// layoutRects divides h rows. The pane gets what it wants up to half of the screen; on a low screen
// it gets everything between head and foot, because two halves of nothing help nobody.
func layoutRects(h, wants int) rects {
	const low = 14
	free := max(0, h-headRows-footRows)
	r := rects{body: free, paneY: h}
	if wants == 0 {
		return r
	}
	r.pane = min(wants, free/2)
	if h < low {
		r.pane = free
	}
	r.body = free - r.pane
	r.paneY = h - r.pane
	return r
}

func (s *Screen) rects() rects { return layoutRects(s.h, s.pane.wants()) }

// bodyH is how many rows of the log are seen.
func (s *Screen) bodyH() int { return s.rects().body }

// columns lays out the columns for what is shown now.
func (s *Screen) columns() columns {
	host, source := 0, 0
	if s.look.host.On(s.hostsDiffer()) {
		host = s.widest(func(src hosts.LogSource) string { return ui.Clean(src.Host) })
	}
	if s.look.source.On(s.sourcesDiffer()) {
		source = s.widest(sourceName)
	}
	c := layoutColumns(s.w, s.look.time, host, source, s.look.fold)
	if c.level > 0 && !s.look.level.On(true) {
		c.text += c.level + 1
		c.level = 0
	}
	return c
}

func (s *Screen) widest(name func(hosts.LogSource) string) int {
	n := 1
	for i := range s.list.buf.sources {
		n = max(n, ui.Width(name(s.list.buf.sources[i].LogSource)))
	}
	return n
}

func (s *Screen) hostsDiffer() bool {
	src := s.list.buf.sources
	for i := 1; i < len(src); i++ {
		if src[i].Host != src[0].Host {
			return true
		}
	}
	return false
}

func (s *Screen) sourcesDiffer() bool {
	src := s.list.buf.sources
	for i := 1; i < len(src); i++ {
		if src[i].Name != src[0].Name || src[i].Kind != src[0].Kind {
			return true
		}
	}
	return false
}

// View draws the screen.
func (s *Screen) View() string {
	switch {
	case s.h <= 0 || s.w <= 0:
		return ui.Join(nil, s.w, s.h)
	case s.w < minW || s.h < minH:
		return ui.TooSmall(s.w, s.h, minW, minH)
	case s.picker != nil:
		return ui.Join(s.picker.lines(s.deps.Styles, s.w, s.h), s.w, s.h)
	}
	r := s.rects()
	var b strings.Builder
	b.Grow(s.h * (s.w + 64))
	b.WriteString(s.head())
	b.WriteByte('\n')
	s.body(&b, r.body)
	b.WriteString(s.foot())
	if r.pane > 0 {
		for _, l := range s.pane.lines(s.deps.Styles, s.w, r.pane) {
			b.WriteByte('\n')
			b.WriteString(l)
		}
	}
	return b.String()
}

// hangW is where the further rows of a wrapped line begin on a narrow screen.
const hangW = 3

// hang is the column at which the further rows of a line begin: below its text, unless lines wrap and
// there is too little room beside the columns for that.
func (s *Screen) hang(cols columns) int {
	if s.look.wrap && s.w < wide {
		return min(hangW, s.w-cols.text)
	}
	return s.w - cols.text
}

// refit fits lines to the columns; one line takes at most half of the rows, the rest of it is in its
// details.
func (s *Screen) refit(cols columns, h int) {
	s.list.fit.setRaw(s.look.raw)
	s.list.fit.set(cols.text, s.w-s.hang(cols), s.look.left, max(4, h/2), s.look.wrap)
}

// body draws the rows of the log, each ended.
func (s *Screen) body(b *strings.Builder, h int) {
	cols := s.columns()
	s.refit(cols, h)
	help := s.help(h)
	h -= len(help)
	defer func() {
		for _, l := range help {
			b.WriteString(l)
			b.WriteByte('\n')
		}
	}()
	w := s.page.window(&s.list, h)
	if len(w) == 0 {
		for _, l := range s.notice().Lines(s.deps.Styles, s.w, h) {
			b.WriteString(l)
			b.WriteByte('\n')
		}
		return
	}
	p := painter{
		st: s.deps.Styles, cols: cols, hang: s.hang(cols), mode: s.look.time, now: s.now, plain: s.look.plain,
		buf: s.list.buf, fit: &s.list.fit, marked: s.marked, find: s.findPred, filter: s.pred,
	}
	inRange := s.inRange()
	var scratch [32]byte
	p.scratch = scratch[:0]
	for _, pl := range w {
		ln, _ := s.list.buf.at(pl.pos)
		p.chosen = inRange(pl.pos)
		p.row(b, &ln, pl.row, s.w, !s.page.follow && pl.pos == s.page.cursor)
		b.WriteByte('\n')
	}
	for i := len(w); i < h; i++ {
		b.WriteByte('\n')
	}
}

// help explains the filter over the last rows of the log while its field is empty.
func (s *Screen) help(h int) []string {
	list := logfilter.Help()
	if s.filter.input == nil || s.filter.input.Value() != "" || h < len(list)+2 || s.w < 60 {
		return nil
	}
	const exampleW = 14
	pal := &s.deps.Styles.Normal
	out := []string{pal.Render(themes.Border, strings.Repeat(s.deps.Styles.Borders.Top, s.w))}
	for _, x := range list {
		out = append(out, " "+pal.Render(themes.Key, ui.Fit(x[0], exampleW))+ui.Trunc(x[1], s.w-exampleW-1))
	}
	return out
}

// notice is what stands where no line does.
func (s *Screen) notice() ui.Notice {
	st := s.deps.Styles
	n := len(s.feed.query.Sources)
	switch {
	case s.feed.state == feedFailed:
		return ui.Failed(st, "log", s.feed.reason, "")
	case s.list.buf.Len() > 0 && s.list.filter != nil && !s.list.filter.done(s.list.buf):
		return ui.Notice{Role: themes.Info, Glyph: st.Glyphs.Pending, Title: "looking for matching lines"}
	case s.list.buf.Len() > 0 && s.list.floor > 0 && s.list.filter == nil:
		return ui.Empty(st, "cleared, no line since", "u shows what was cleared")
	case s.list.buf.Len() > 0:
		return ui.Empty(st, "none of "+commas(s.list.buf.Len())+" lines is shown", s.hiddenWhy())
	}
	connecting, bad, reason := 0, 0, ""
	for i := range s.list.buf.sources {
		src := &s.list.buf.sources[i]
		switch x := s.stateOf(src); {
		case x.bad:
			bad++
			if reason == "" {
				reason = ui.Clean(src.Host) + "/" + sourceName(src.LogSource) + " " + x.word + ": " + x.reason
			}
		case x.word == "connecting":
			connecting++
		}
	}
	switch {
	case bad > 0 && bad == len(s.list.buf.sources):
		return ui.Failed(st, "log", reason, "")
	case s.feed.state == feedOpening || connecting > 0:
		return ui.Loading(st, ui.Count(max(n, 1), "log"))
	case s.feed.state == feedEnded:
		return ui.Empty(st, "no lines there", s.sinceText()+"; T reads from another time")
	default:
		return ui.Empty(st, "no lines yet", "they appear here as they are written; T reads from further back")
	}
}

// hiddenWhy says what hides every line.
func (s *Screen) hiddenWhy() string {
	var why []string
	if s.filter.text != "" {
		why = append(why, "the filter "+ui.Clean(s.filter.text)+" (esc clears it)")
	}
	if s.look.min > hosts.LevelNone {
		why = append(why, "the least level "+s.look.min.String()+" (V lowers it)")
	}
	for i := range s.list.buf.sources {
		if s.list.buf.sources[i].hidden {
			why = append(why, "sources switched off (o)")
			break
		}
	}
	if s.look.to != 0 {
		why = append(why, "the time "+s.rangeText(s.look.from, s.look.to)+" (x shows more)")
	}
	if s.list.floor > 0 {
		why = append(why, "clearing (u shows it again)")
	}
	return "hidden by " + strings.Join(why, ", ")
}
