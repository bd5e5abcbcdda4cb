package logs

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// detail shows one line of the log in full.
type detail struct {
	st      *themes.Styles
	view    *ui.Viewer
	line    line
	src     hosts.LogSource
	now     time.Time
	title   string
	w       int
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
	if l.source >= 0 {
		d.src = s.list.buf.sources[l.source].LogSource
	}
	d.title = d.src.Kind.String() + " " + ui.Clean(d.src.Host) + "/" + ui.Clean(d.src.Name)
	next := func(n int) func() tea.Cmd {
		return func() tea.Cmd {
			s.page.move(&s.list, s.bodyH(), n)
			s.page.pause(&s.list, s.bodyH())
			s.noteIDs()
			return s.openDetail()
		}
	}
	d.actions = append([]ui.Action{
		ui.Act("logs.detail.close", "Line", "close", func() tea.Cmd { s.closePane(); return nil }, "enter"),
		ui.Act("logs.copy", "Line", "copy the line", s.copyLine, "y"),
		ui.Act("logs.detail.next", "Line", "next line", next(1), "J", "n"),
		ui.Act("logs.detail.previous", "Line", "previous line", next(-1), "K", "N"),
	}, d.view.Actions()...)
	s.pane = pane{kind: paneDetail, detail: d}
	d.lay(max(0, s.w-ui.FrameW)) // its height is asked for by the layout
	s.layout()
	return nil
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
}

// lay makes the lines for a width.
func (d *detail) lay(w int) {
	d.w = w
	if w <= 0 {
		d.view.SetLines(nil)
		return
	}
	out := []string{d.st.Normal.Render(themes.Muted, ui.Trunc(d.about(), w))}
	role := levelRole(hosts.Level(d.line.level))
	for _, l := range strings.Split(fullText(d.line.text), "\n") {
		rows, _ := fitText(l, w, w, true, 0, fullRows-len(out))
		for _, r := range rows {
			out = append(out, d.st.Normal.Render(role, l[r.from:r.to]))
		}
		if len(out) >= fullRows {
			out = append(out, d.st.Normal.Render(themes.Warn, "the rest is not shown; copying takes it"))
			break
		}
	}
	d.view.SetLines(out)
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
	at := d.line.at()
	if at.IsZero() {
		return level + ", the source tells no time"
	}
	when := at.In(d.now.Location()).Format("2006-01-02 15:04:05.000 MST")
	if at.After(d.now) {
		return when + ", " + ui.Age(at.Sub(d.now)) + " ahead of our clock, " + level
	}
	return when + ", " + ui.Age(d.now.Sub(at)) + " ago, " + level
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
