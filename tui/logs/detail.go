package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
	"midwatch/hosts/logline"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// detail shows one line of the log in full: what it says, its fields, and the text as it stands.
type detail struct {
	st      *themes.Styles
	view    *ui.Viewer
	line    line
	rec     logline.Record
	src     hosts.LogSource
	now     time.Time
	offset  time.Duration // how far the host's clock is ahead of ours
	title   string
	w       int
	raw     bool  // the text as it stands, though it has fields
	field   int   // the selected one
	rows    []int // first row of each field in the view
	actions []ui.Action
}

// openDetail shows the line under the cursor, or the last one while following.
func (s *Screen) openDetail() tea.Cmd {
	l := s.current()
	if l == nil {
		return ui.Toast(hosts.LevelInfo, "there is no line yet")
	}
	if l.kind != kindText {
		return ui.Toast(hosts.LevelInfo, "this is no line of a log")
	}
	s.page.pause(&s.list, s.bodyH()) // the line that is read must not run away
	s.noteIDs()
	d := &detail{st: s.deps.Styles, view: ui.NewViewer(s.deps.Styles), line: *l, now: s.now}
	logline.ParseAs(&d.rec, l.text, s.list.buf.fields(l.source))
	if l.source >= 0 {
		d.src = s.list.buf.sources[l.source].LogSource
		d.offset = s.list.buf.sources[l.source].status.Offset
	}
	if old := s.pane.detail; old != nil {
		d.raw = old.raw
		d.keep(old)
	}
	d.title = d.src.Kind.String() + " " + ui.Clean(d.src.Host) + "/" + ui.Clean(d.src.Name)
	d.actions = s.detailActions(d)
	s.pane = pane{kind: paneDetail, detail: d}
	d.lay(max(0, s.w-ui.FrameW)) // its height is asked for by the layout
	s.layout()
	d.reveal()
	return nil
}

// keep selects the field that was selected in the line before, so that one value can be read down
// the log.
func (d *detail) keep(old *detail) {
	f, ok := old.selected()
	if !ok {
		return
	}
	for i := range d.rec.Fields {
		if d.rec.Fields[i].Name == f.Name {
			d.field = i
		}
	}
}

func (s *Screen) detailActions(d *detail) []ui.Action {
	next := func(n int) func() tea.Cmd {
		return func() tea.Cmd {
			s.page.move(&s.list, s.bodyH(), n)
			s.page.pause(&s.list, s.bodyH())
			s.noteIDs()
			return s.openDetail()
		}
	}
	none := func() string {
		if _, ok := d.selected(); !ok {
			return "the line has no fields"
		}
		return ""
	}
	onField := func(id, title string, run func(logline.Field) tea.Cmd, key string) ui.Action {
		a := ui.Act(id, "Line", title, func() tea.Cmd {
			f, _ := d.selected()
			return run(f)
		}, key)
		a.Disabled = none
		return a
	}
	move := func(id, title string, by int, keys ...string) ui.Action {
		a := ui.Act(id, "Line", title, func() tea.Cmd { d.move(by); return nil }, keys...)
		a.Hidden = true
		return a
	}
	return []ui.Action{
		ui.Act("logs.detail.close", "Line", "close", func() tea.Cmd { s.closePane(); return nil }, "enter"),
		onField("logs.detail.filter", "filter by the field", func(f logline.Field) tea.Cmd { return s.filterBy("", f) }, "f"),
		onField("logs.detail.exclude", "leave the value out", func(f logline.Field) tea.Cmd { return s.filterBy("!", f) }, "F"),
		ui.Act("logs.request", "Line", "follow the request", s.followRequest, "R"),
		ui.Act("logs.copy", "Line", "copy the line", s.copyLine, "y"),
		onField("logs.detail.copy", "copy the value", func(f logline.Field) tea.Cmd { return ui.Copy(s.deps, f.Name, cleanText(f.Value)) }, "Y"),
		onField("logs.detail.copy_fields", "copy all fields", func(logline.Field) tea.Cmd { return ui.Copy(s.deps, "the fields", d.fieldsJSON()) }, "c"),
		ui.Act("logs.detail.raw", "Line", "fields, or the text as it stands", func() tea.Cmd { d.raw = !d.raw; d.lay(d.w); s.layout(); return nil }, "t"),
		ui.Act("logs.detail.next", "Line", "next line", next(1), "J", "n"),
		ui.Act("logs.detail.previous", "Line", "previous line", next(-1), "K", "N"),
		move("view.up", "up", -1, "k", "up"),
		move("view.down", "down", 1, "j", "down"),
		move("view.page_up", "page up", -10, "pgup", "ctrl+b"),
		move("view.page_down", "page down", 10, "pgdown", "ctrl+f"),
		move("view.first", "beginning", -1<<20, "g", "home"),
		move("view.last", "end", 1<<20, "G", "end"),
	}
}

// fieldsJSON is the message and the fields as one object, in their order.
func (d *detail) fieldsJSON() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	member := func(sep, name, value string) {
		b.WriteString(sep)
		_ = enc.Encode(cleanText(name)) // a text can be encoded
		b.WriteString(": ")
		_ = enc.Encode(cleanText(value))
	}
	member("{", "message", d.rec.Message)
	for _, f := range d.rec.Fields {
		member(",", f.Name, f.Value)
	}
	b.WriteString("}")
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(b.String()), "", "  "); err != nil {
		return b.String()
	}
	return out.String() + "\n"
}

// filterBy adds a condition on a field to the filter.
func (s *Screen) filterBy(not string, f logline.Field) tea.Cmd {
	cond := not + logfilter.FieldText(f.Name, f.Value)
	if s.filter.text != "" && !strings.Contains(" "+s.filter.text+" ", " "+cond+" ") {
		cond = s.filter.text + " " + cond
	}
	s.filter.set(cond)
	return s.rescan()
}

// fielded reports that the fields are shown, not the bare text.
func (d *detail) fielded() bool { return !d.raw && len(d.rec.Fields) > 0 }

func (d *detail) selected() (logline.Field, bool) {
	if !d.fielded() || d.field >= len(d.rec.Fields) {
		return logline.Field{}, false
	}
	return d.rec.Fields[d.field], true
}

// move selects another field, or scrolls where there are none.
func (d *detail) move(by int) {
	if !d.fielded() {
		d.view.ScrollBy(by, 0)
		return
	}
	to := d.field + by
	if to < 0 && d.field == 0 { // the message above the first field is read by scrolling
		d.view.ScrollBy(by, 0)
		return
	}
	d.field = max(0, min(to, len(d.rec.Fields)-1))
	d.lay(d.w)
	d.reveal()
}

// reveal scrolls the selected field into view, its beginning at least.
func (d *detail) reveal() {
	if !d.fielded() || d.field == 0 || d.field >= len(d.rows) {
		return
	}
	end := d.view.Len()
	if d.field+1 < len(d.rows) {
		end = d.rows[d.field+1]
	}
	d.view.Reveal(end - 1)
	d.view.Reveal(d.rows[d.field])
}

func (d *detail) setStyles(st *themes.Styles) {
	d.st = st
	d.view.SetStyles(st)
	d.lay(d.w)
}

func (d *detail) setSize(w, h int) {
	if w != d.w {
		d.lay(w)
	}
	d.view.SetSize(w, h)
	d.reveal()
}

// lay makes the lines for a width.
func (d *detail) lay(w int) {
	d.w, d.rows = w, d.rows[:0]
	if w <= 0 {
		d.view.SetLines(nil)
		return
	}
	out := []string{d.st.Normal.Render(themes.Muted, ui.Trunc(d.about(), w))}
	role := levelRole(hosts.Level(d.line.level))
	if !d.fielded() {
		d.view.SetLines(d.wrap(out, fullText(d.line.text), role, w))
		return
	}
	out = d.wrap(out, cleanText(d.rec.Message), role, w)
	nameW := 0
	for _, f := range d.rec.Fields {
		nameW = max(nameW, ui.Width(ui.Clean(f.Name)))
	}
	nameW = min(nameW, w/3)
	for i, f := range d.rec.Fields {
		d.rows = append(d.rows, len(out))
		out = d.fieldRows(out, f, i == d.field, nameW, w)
		if len(out) >= fullRows {
			break
		}
	}
	d.view.SetLines(out)
}

// fieldRows writes a field: its name, and its value wrapped beside it.
func (d *detail) fieldRows(out []string, f logline.Field, selected bool, nameW, w int) []string {
	pal := d.st.On(selected)
	valueW := max(1, w-nameW-2)
	name := ui.Fit(ui.TruncMiddle(ui.Clean(f.Name), nameW), nameW)
	for _, l := range strings.Split(cleanText(f.Value), "\n") {
		rows, _ := fitText(l, valueW, valueW, true, 0, fullRows-len(out))
		for _, r := range rows {
			out = append(out, pal.Render(themes.Key, name)+pal.Render(themes.Text, "  "+ui.Fit(l[r.from:r.to], valueW)))
			name = ui.Spaces(nameW)
		}
	}
	for _, x := range logline.Flags(f) {
		for _, l := range d.wrap(nil, x.Code+": "+x.Means, themes.Info, valueW) {
			out = append(out, ui.Spaces(nameW+2)+l)
		}
	}
	return out
}

// wrap appends a text in rows of w cells.
func (d *detail) wrap(out []string, text string, role themes.Role, w int) []string {
	for _, l := range strings.Split(text, "\n") {
		rows, _ := fitText(l, w, w, true, 0, fullRows-len(out))
		for _, r := range rows {
			out = append(out, d.st.Normal.Render(role, l[r.from:r.to]))
		}
		if len(out) >= fullRows {
			return append(out, d.st.Normal.Render(themes.Warn, "the rest is not shown; copying takes it"))
		}
	}
	return out
}

// fullRows is how many rows a single line may take in its details.
const fullRows = 5000

// about is what is known of the line beside its text: when, how bad, by which way.
func (d *detail) about() string {
	level := hosts.Level(d.line.level).String()
	if level == "" {
		level = "no level"
	}
	if d.line.stderr {
		level += ", standard error"
	}
	if d.rec.Format != logline.Plain {
		level += ", " + d.rec.Format.String()
	}
	at := d.line.at()
	if at.IsZero() {
		return level + ", the source tells no time"
	}
	when := at.In(d.now.Location()).Format("2006-01-02 15:04:05.000 MST")
	if d.offset != 0 {
		when += " by our clock (the host's is " + ahead(d.offset) + ")"
	}
	if d.line.late {
		level += ", came late"
	}
	if at.After(d.now) {
		return when + ", " + ui.Age(at.Sub(d.now)) + " ahead of our clock, " + level
	}
	return when + ", " + ui.Age(d.now.Sub(at)) + " ago, " + level
}

// ahead says how far a clock is from ours.
func ahead(d time.Duration) string {
	if d < 0 {
		return ui.Millis(-d) + " behind"
	}
	return ui.Millis(d) + " ahead"
}

// fullText is the cleaned text, with JSON spread over lines.
func fullText(text string) string {
	text = cleanText(text)
	trimmed := strings.TrimSpace(text)
	if len(trimmed) < 2 || trimmed[0] != '{' && trimmed[0] != '[' {
		return text
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(trimmed), "", "  ") != nil {
		return text
	}
	return b.String()
}
