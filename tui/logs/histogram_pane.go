package logs

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// histogram is the pane that shows how many lines there were when, and how bad.
type histogram struct {
	s       *Screen
	st      *themes.Styles
	w, h    int
	bins    bins
	known   bool // the first count has come
	cursor  int64
	mark    int64 // the other end of what is chosen; 0 for none
	gen     uint64
	asked   bool // a count is on its way
	stale   bool // and what it counts has changed since
	list    []ui.Action
	ctx     context.Context //nolint:containedctx // a count ends with its pane
	cancel  context.CancelFunc
	version [2]uint64 // of what was counted last
}

const (
	histLabelW = 7
	histRows   = 10 // the bands, the axis and what is said below it
)

func (s *Screen) openHistogram() tea.Cmd {
	h := &histogram{s: s, st: s.deps.Styles}
	h.ctx, h.cancel = context.WithCancel(s.ctx)
	h.list = s.histogramActions(h)
	if l := s.current(); l != nil && !s.page.follow {
		h.cursor = l.key
	}
	s.show(h)
	return h.count()
}

func (s *Screen) histogramActions(h *histogram) []ui.Action {
	act := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		return ui.Act("logs.histogram."+id, "Histogram", title, run, keys...)
	}
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	move := func(by int) func() tea.Cmd { return func() tea.Cmd { return h.move(by) } }
	return []ui.Action{
		act("left", "earlier", move(-1), "h", "left"),
		act("right", "later", move(1), "l", "right"),
		act("zoom", "zoom to it", h.zoom, "enter"),
		act("out", "zoom out", s.zoomOut, "-", "x"),
		act("mark", "begin a range here", h.setMark, " "),
		act("next", "next error", func() tea.Cmd { return h.toBad(1) }, "n"),
		act("previous", "previous error", func() tea.Cmd { return h.toBad(-1) }, "N"),
		hide(act("far_left", "a tenth earlier", func() tea.Cmd { return h.move(-max(1, len(h.bins.counts)/10)) }, "H", "pgup")),
		hide(act("far_right", "a tenth later", func() tea.Cmd { return h.move(max(1, len(h.bins.counts)/10)) }, "L", "pgdown")),
		hide(act("first", "first", move(-1<<20), "g", "home")),
		hide(act("last", "last", move(1<<20), "G", "end")),
	}
}

// count asks for the bins again, once at a time.
func (h *histogram) count() tea.Cmd {
	if h.asked {
		h.stale = true
		return nil
	}
	h.asked, h.stale = true, false
	h.gen++
	h.version = h.s.shownVersion()
	return runCount(h.ctx, h.s.countJob(h.gen, max(1, h.w-histLabelW)))
}

// shownVersion changes when what is shown does.
func (s *Screen) shownVersion() [2]uint64 {
	v := [2]uint64{s.list.buf.nextID, 0}
	if sc := s.list.scan(); sc != nil {
		v[1] = sc.id<<32 + uint64(sc.count())
	}
	return v
}

func (h *histogram) counted(m countedMsg) tea.Cmd {
	if m.gen != h.gen {
		return nil
	}
	h.asked = false
	h.bins, h.known = m.bins, true
	if n := len(h.bins.counts); n > 0 && (h.cursor == 0 || h.index() < 0 || h.index() >= n) {
		h.cursor = h.bins.at(n - 1)
	}
	if h.stale {
		return h.count()
	}
	return nil
}

func (h *histogram) tick() tea.Cmd {
	if h.version == h.s.shownVersion() {
		return nil
	}
	return h.count()
}

// index is the bin under the cursor.
func (h *histogram) index() int { return h.bins.binOf(h.cursor) }

// move shifts the cursor and shows the first line from there on.
func (h *histogram) move(by int) tea.Cmd {
	if len(h.bins.counts) == 0 {
		return nil
	}
	h.cursor = h.bins.at(max(0, min(h.index()+by, len(h.bins.counts)-1)))
	return h.reveal()
}

func (h *histogram) reveal() tea.Cmd {
	s := h.s
	pos := s.list.after(s.list.buf.posAt(h.cursor))
	if pos < 0 {
		pos = s.list.before(s.list.end())
	}
	if pos >= 0 {
		s.page.jump(&s.list, s.bodyH(), pos)
		s.noteIDs()
	}
	return nil
}

// toBad goes to the next bin with an error in it.
func (h *histogram) toBad(by int) tea.Cmd {
	for i := h.index() + by; i >= 0 && i < len(h.bins.counts); i += by {
		if h.bins.all(i, hosts.LevelError) > 0 {
			return h.move(i - h.index())
		}
	}
	return ui.Toast(hosts.LevelInfo, "no error further on")
}

func (h *histogram) setMark() tea.Cmd {
	if h.mark != 0 {
		h.mark = 0
		return nil
	}
	h.mark = h.cursor
	return nil
}

// chosen is the range that zooming goes to: from the mark to the cursor, or the bin under the cursor.
func (h *histogram) chosen() (from, to int64) {
	from, to = h.bins.at(h.index()), h.bins.at(h.index()+1)
	if h.mark != 0 {
		i := h.bins.binOf(h.mark)
		from, to = min(from, h.bins.at(i)), max(to, h.bins.at(i+1))
	}
	return from, to
}

func (h *histogram) zoom() tea.Cmd {
	if len(h.bins.counts) == 0 {
		return nil
	}
	from, to := h.chosen()
	if h.s.look.to != 0 {
		from, to = max(from, h.s.look.from), min(to, h.s.look.to)
	}
	h.mark = 0
	return h.s.zoomTo(from, to)
}

// zoomTo shows only the lines of a time; zoomOut goes back to what was shown before.
func (s *Screen) zoomTo(from, to int64) tea.Cmd {
	s.zooms = append(s.zooms, [2]int64{s.look.from, s.look.to})
	s.look.from, s.look.to = from, to
	return s.zoomed()
}

func (s *Screen) zoomOut() tea.Cmd {
	if len(s.zooms) == 0 {
		return ui.Toast(hosts.LevelInfo, "everything that was read is shown")
	}
	last := len(s.zooms) - 1
	s.look.from, s.look.to = s.zooms[last][0], s.zooms[last][1]
	s.zooms = s.zooms[:last]
	return s.zoomed()
}

func (s *Screen) zoomed() tea.Cmd {
	cmd := s.rescan()
	if h, ok := s.pane.other.(*histogram); ok && s.pane.kind == paneOther {
		return tea.Batch(cmd, h.count())
	}
	return cmd
}

// rangeText says what time is shown.
func (s *Screen) rangeText(from, to int64) string {
	loc := s.now.Location()
	if s.look.time == ui.TimeUTC {
		loc = time.UTC
	}
	a, b := time.Unix(0, from).In(loc), time.Unix(0, to).In(loc)
	layout := "15:04:05"
	switch d := b.Sub(a); {
	case d < time.Second || a.Nanosecond() != 0 || b.Nanosecond() != 0:
		layout = "15:04:05.000"
	case a.YearDay() != b.YearDay():
		layout = "Jan 02 15:04"
	}
	return a.Format(layout) + " to " + b.Format(layout)
}

func (h *histogram) setStyles(st *themes.Styles) { h.st = st }

func (h *histogram) setSize(w, rows int) {
	if w != h.w {
		h.stale = true
		h.version = [2]uint64{}
	}
	h.w, h.h = w, rows
}

func (*histogram) wants() int               { return histRows }
func (h *histogram) actions() []ui.Action   { return h.list }
func (*histogram) capturing() bool          { return false }
func (*histogram) key(tea.KeyMsg) tea.Cmd   { return nil }
func (h *histogram) close()                 { h.cancel() }
func (h *histogram) back() (something bool) { something, h.mark = h.mark != 0, 0; return something }

func (h *histogram) mouse(m tea.MouseMsg, x, _ int) tea.Cmd {
	if m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress && x >= histLabelW {
		return h.move(x - histLabelW - h.index())
	}
	return nil
}

func (h *histogram) frame() ui.Frame {
	f := ui.Frame{Title: "Lines over time", Focus: true, Footer: "enter zooms · - out · space begins a range · n next error · esc closes"}
	if h.bins.step > 0 {
		f.Note = "a column is " + time.Duration(h.bins.step).String()
	}
	return f
}

// band is one row or several of bars, of the lines at or above a level.
type band struct {
	name  string
	least hosts.Level
	role  themes.Role
	rows  int
}

// bands divides the rows: the errors and warnings of a busy log are not seen in a bar of everything.
func (h *histogram) bands() []band {
	free := h.h - 3
	switch {
	case free >= 6:
		return []band{{"all", hosts.LevelNone, themes.Muted, free - 4}, {"warn+", hosts.LevelWarn, themes.Warn, 2}, {"error+", hosts.LevelError, themes.Bad, 2}}
	case free >= 3:
		return []band{{"all", hosts.LevelNone, themes.Muted, free - 2}, {"warn+", hosts.LevelWarn, themes.Warn, 1}, {"error+", hosts.LevelError, themes.Bad, 1}}
	case free == 2:
		return []band{{"all", hosts.LevelNone, themes.Muted, 1}, {"error+", hosts.LevelError, themes.Bad, 1}}
	}
	return []band{{"all", hosts.LevelNone, themes.Muted, max(1, free)}}
}

func (h *histogram) lines() []string {
	switch {
	case h.h <= 0 || h.w <= histLabelW:
		return nil
	case !h.known:
		return ui.Notice{Role: themes.Info, Glyph: h.st.Glyphs.Pending, Title: "counting lines"}.Lines(h.st, h.w, h.h)
	case len(h.bins.counts) == 0:
		return ui.Empty(h.st, "no lines to count", "").Lines(h.st, h.w, h.h)
	}
	var out []string
	for _, b := range h.bands() {
		out = append(out, h.bars(b)...)
	}
	out = append(out, h.axis())
	n := min(len(h.bins.counts), h.w-histLabelW)
	out = append(out, ui.Spaces(histLabelW)+h.st.Normal.Render(themes.Faint, ui.Between(h.clock(h.bins.from), h.clock(h.bins.at(n)), n)))
	return append(out, h.says())
}

func (h *histogram) clock(key int64) string {
	text, _, _ := strings.Cut(h.s.rangeText(key, key+int64(max(h.bins.step, int64(time.Second)))), " to ")
	return text
}

// bars draws a band, top to bottom, each column an eighth of a row exact.
func (h *histogram) bars(b band) []string {
	n := min(len(h.bins.counts), h.w-histLabelW)
	top := uint32(0)
	for i := range n {
		top = max(top, h.bins.all(i, b.least))
	}
	spark := h.st.Glyphs.Spark
	parts := len(spark)
	out := make([]string, b.rows)
	for y := range b.rows {
		label := ""
		switch {
		case y == b.rows-1:
			label = b.name
		case y == 0:
			label = shortCount(top)
		}
		var row strings.Builder
		for i := range n {
			v := h.bins.all(i, b.least)
			full := 0
			if v > 0 {
				full = max(1, int(uint64(v)*uint64(b.rows*parts)/uint64(top)))
			}
			switch left := full - (b.rows-1-y)*parts; {
			case left <= 0:
				row.WriteByte(' ')
			default:
				row.WriteString(spark[min(left, parts)-1])
			}
		}
		role := themes.Faint
		if y == b.rows-1 {
			role = b.role
		}
		out[y] = h.st.Normal.Render(role, ui.Fit(label, histLabelW)) + h.st.Normal.Render(b.role, row.String())
	}
	return out
}

// axis is the line below the bars, with the cursor and what is chosen on it.
func (h *histogram) axis() string {
	n := min(len(h.bins.counts), h.w-histLabelW)
	at := h.index()
	from, to := at, at
	if h.mark != 0 {
		m := h.bins.binOf(h.mark)
		from, to = min(at, m), max(at, m)
	}
	var b strings.Builder
	b.WriteString(ui.Spaces(histLabelW))
	for i := range n {
		switch {
		case i == at:
			b.WriteString(h.st.Normal.Render(themes.Accent, h.st.Glyphs.Ascending))
		case i >= from && i <= to:
			b.WriteString(h.st.Normal.Render(themes.Accent, h.st.Glyphs.GaugeFull))
		default:
			b.WriteString(h.st.Normal.Render(themes.Border, h.st.Borders.Top))
		}
	}
	return b.String()
}

// says tells the numbers of what is chosen.
func (h *histogram) says() string {
	from, to := h.chosen()
	var counts [hosts.LevelFatal + 1]uint64
	all := uint64(0)
	for i := h.bins.binOf(from); i < h.bins.binOf(to) && i < len(h.bins.counts); i++ {
		for l, n := range h.bins.counts[max(0, i)] {
			counts[l] += uint64(n)
			all += uint64(n)
		}
	}
	pieces := []piece{{h.s.rangeText(from, to) + "  ", themes.Strong}, {lineCount(int(all)), themes.Muted}}
	for l := hosts.LevelFatal; l > hosts.LevelNone; l-- {
		if counts[l] > 0 {
			pieces = append(pieces, piece{"  " + commas(int(counts[l])) + " " + l.String(), levelRole(l)})
		}
	}
	text, _ := joinPieces(&h.st.Normal, pieces, h.w)
	return text
}

// shortCount is a number in at most six cells.
func shortCount(n uint32) string {
	switch {
	case n < 100_000:
		return commas(int(n))
	case n < 10_000_000:
		return commas(int(n/1000)) + "k"
	}
	return commas(int(n/1_000_000)) + "M"
}

var _ otherPane = (*histogram)(nil)
