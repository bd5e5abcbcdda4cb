package logs

import (
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// painter draws rows. It is made anew for each View from what the screen shows then.
type painter struct {
	st      *themes.Styles
	cols    columns
	hang    int // where the further rows of a line begin
	mode    ui.LogTime
	now     time.Time
	plain   bool // no colour per source
	buf     *Buffer
	fit     *fitter
	marked  map[uint64]bool
	find    *predicate // what n and N go to; nil without a search
	filter  *predicate // what the filter found, marked while nothing is searched
	chosen  bool       // the row that is drawn is in the range
	scratch []byte
}

// maxSpans bounds the matches marked in one line.
const maxSpans = 64

// levelLetter is the level in one cell, so that it is not told by colour alone.
func levelLetter(l hosts.Level) string {
	return [...]string{" ", "T", "D", "I", "N", "W", "E", "F"}[max(0, min(int(l), 7))]
}

// levelRole colours the text of a line: loud levels in their colour, quiet ones faint, the rest
// plain, because a screen full of colour points at nothing.
func levelRole(l hosts.Level) themes.Role {
	switch {
	case l >= hosts.LevelWarn:
		return themes.Level(int(l))
	case l == hosts.LevelTrace || l == hosts.LevelDebug:
		return themes.Faint
	default:
		return themes.Text
	}
}

// row draws one row of a line in at most w cells.
func (p *painter) row(b *strings.Builder, ln *line, row, w int, selected bool) {
	pal := p.st.On(selected)
	switch ln.kind {
	case kindGap:
		p.divider(b, pal, themes.Warn, p.st.Glyphs.Ellipsis+" "+p.about(ln), w)
		return
	case kindNote:
		p.divider(b, pal, themes.Muted, p.st.Glyphs.Info+" "+p.about(ln), w)
		return
	case kindRuler:
		p.divider(b, pal, themes.Accent, ui.Clean(ln.text), w)
		return
	}
	f := p.fit.line(ln)
	p.gutter(b, pal, ln, row, selected)
	used := gutterW
	switch {
	case row > 0:
		put(b, &pal[themes.Text], ui.Spaces(p.hang-gutterW))
		used = p.hang
	default:
		used += p.prefix(b, pal, ln)
	}
	used += p.text(b, pal, ln, f, row, selected)
	if selected && used < w {
		b.WriteString(pal.Render(themes.Text, ui.Spaces(w-used)))
	}
}

func (p *painter) gutter(b *strings.Builder, pal *themes.Palette, ln *line, row int, selected bool) {
	switch {
	case selected:
		b.WriteString(pal.Render(themes.Accent, p.st.Glyphs.Cursor))
	case p.chosen:
		b.WriteString(pal.Render(themes.Accent, p.st.Borders.Left))
	case row == 0 && p.marked[ln.id]:
		b.WriteString(pal.Render(themes.Warn, p.st.Glyphs.Mark))
	case row == 0 && p.find != nil && p.find.accepts(ln):
		b.WriteString(pal.Render(themes.Accent, p.st.Glyphs.Crumb))
	case row == 0 && ln.late:
		b.WriteString(pal.Render(themes.Warn, p.st.Glyphs.Stale))
	default:
		b.WriteByte(' ')
	}
}

// about is what a gap or a note says, and of which source.
func (p *painter) about(ln *line) string {
	if ln.source < 0 || int(ln.source) >= len(p.buf.sources) {
		return ui.Clean(ln.text)
	}
	src := p.buf.sources[ln.source].LogSource
	return ui.Clean(src.Host) + "/" + sourceName(src) + ": " + ui.Clean(ln.text)
}

// prefix draws the columns before the text and returns their cells.
func (p *painter) prefix(b *strings.Builder, pal *themes.Palette, ln *line) int {
	used := w0(p.cols.time) + w0(p.cols.host) + w0(p.cols.source) + w0(p.cols.level) + w0(p.cols.count)
	if p.cols.time > 0 {
		p.scratch = appendTime(p.scratch[:0], p.mode, ln.at(), p.now, p.cols.time)
		putBytes(b, &pal[themes.Faint], p.scratch)
	}
	role := themes.Muted
	if ln.source >= 0 && !p.plain {
		role = themes.Source(int(ln.source))
	}
	if p.cols.host > 0 {
		put(b, &pal[role], p.name(ln.source, true))
	}
	if p.cols.source > 0 {
		put(b, &pal[role], p.name(ln.source, false))
	}
	if p.cols.level > 0 {
		lv := hosts.Level(ln.level)
		put(b, &pal[themes.Level(int(lv))], levelLetter(lv))
		put(b, &pal[themes.Text], " ")
	}
	if p.cols.count > 0 {
		put(b, &pal[themes.Accent], p.times(ln.id)+" ")
	}
	return used
}

// times is how often a line was written, blank for once.
func (p *painter) times(id uint64) string {
	n, ok := p.buf.repeated[id]
	if !ok {
		return ui.Spaces(countW)
	}
	sign := "×"
	if p.st.ASCII {
		sign = "x"
	}
	text := strconv.Itoa(int(n) + 1)
	switch {
	case n >= 999_999:
		text = strconv.Itoa(int(n/1_000_000)) + "M"
	case n >= 9_999:
		text = strconv.Itoa(int(n/1000)) + "k"
	}
	return ui.FitRight(sign+text, countW)
}

// put writes a text in a pen without making a string of the two.
func put(b *strings.Builder, p *themes.Pen, text string) {
	b.WriteString(p.On())
	b.WriteString(text)
	b.WriteString(p.Off())
}

// putBytes is put for bytes, with a blank.
func putBytes(b *strings.Builder, p *themes.Pen, text []byte) {
	b.WriteString(p.On())
	b.Write(text)
	b.WriteByte(' ')
	b.WriteString(p.Off())
}

// w0 is a column with its blank, or nothing.
func w0(n int) int {
	if n == 0 {
		return 0
	}
	return n + 1
}

// name is the host's or source's name in its column's width and a blank; the buffer keeps it fitted.
func (p *painter) name(source int32, host bool) string {
	w := p.cols.source
	if host {
		w = p.cols.host
	}
	if source < 0 || int(source) >= len(p.buf.sources) {
		return ui.Spaces(w + 1)
	}
	s := &p.buf.sources[source]
	label := &s.nameLabel
	if host {
		label = &s.hostLabel
	}
	if label.w != w || label.text == "" {
		text := sourceName(s.LogSource)
		if host {
			text = ui.Clean(s.Host)
		}
		*label = fittedLabel{ui.Fit(ui.TruncMiddle(text, w), w) + " ", w}
	}
	return label.text
}

// fittedLabel is a name in the width of its column.
type fittedLabel struct {
	text string
	w    int
}

// sourceName is the short name of a source: a service is what a unit is unless it says otherwise.
func sourceName(s hosts.LogSource) string {
	switch {
	case s.Kind == hosts.LogJournal || s.Name == "":
		return s.Kind.String()
	case s.Kind == hosts.LogUnit:
		return ui.Clean(strings.TrimSuffix(s.Name, ".service"))
	default:
		return ui.Clean(s.Name)
	}
}

// text draws the text's part of a row and returns its cells.
func (p *painter) text(b *strings.Builder, pal *themes.Palette, ln *line, f *fitted, row int, selected bool) int {
	if row >= len(f.rows) {
		if f.rest == 0 {
			return 0
		}
		more := p.st.Glyphs.Ellipsis + " more, enter shows all"
		if f.rest > 0 {
			more = p.st.Glyphs.Ellipsis + " " + commas(f.rest) + " more lines, enter shows all"
		}
		more = ui.Trunc(more, p.fit.more)
		b.WriteString(pal.Render(themes.Accent, more))
		return ui.Width(more)
	}
	r := &f.rows[row]
	used := r.lead + r.cells + b2i(r.left) + b2i(r.right)
	if selected {
		b.WriteString(p.paint(pal, ln, f, r))
		return used
	}
	if f.drawn == nil {
		f.drawn = make([]string, len(f.rows))
	}
	if f.drawn[row] == "" {
		f.drawn[row] = p.paint(pal, ln, f, r)
	}
	b.WriteString(f.drawn[row])
	return used
}

// paint colours one row: by level, with the matches marked.
func (p *painter) paint(pal *themes.Palette, ln *line, f *fitted, r *fitRow) string {
	role := levelRole(hosts.Level(ln.level))
	var b strings.Builder
	b.Grow(r.to - r.from + 32)
	if r.left {
		b.WriteString(pal.Render(themes.Accent, p.st.Glyphs.Left))
	}
	if r.lead > 0 {
		b.WriteString(pal.Render(role, ui.Spaces(r.lead)))
	}
	pred := p.find
	if pred == nil {
		pred = p.filter
	}
	at := r.from
	for _, s := range pred.spans(f.text, maxSpans) {
		from, to := max(s.From, at), min(s.To, r.to)
		if from >= to {
			continue
		}
		b.WriteString(pal.Render(role, f.text[at:from]))
		b.WriteString(pal.Render(themes.Match, f.text[from:to]))
		at = to
	}
	b.WriteString(pal.Render(role, f.text[at:r.to]))
	if r.right {
		b.WriteString(pal.Render(themes.Accent, p.st.Glyphs.Right))
	}
	return b.String()
}

// divider draws a row that is not a line of a log.
func (p *painter) divider(b *strings.Builder, pal *themes.Palette, role themes.Role, text string, w int) {
	const lead = 3
	text = ui.Trunc(text, max(0, w-lead-2))
	line := strings.Repeat(p.st.Borders.Top, min(lead, w))
	n := min(lead, w) + ui.Width(text) + 2
	if n >= w {
		b.WriteString(pal.Render(role, ui.Trunc(line+" "+text, w)))
		return
	}
	b.WriteString(pal.Render(role, line+" "+text+" "+strings.Repeat(p.st.Borders.Top, w-n)))
}

// commas writes a number with its thousands apart.
func commas(n int) string {
	s := strconv.Itoa(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}
