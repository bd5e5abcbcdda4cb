package logs

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// excerpt is the lines that are shown, to be written down while the log goes on: what it shares with the
// buffer is never changed there.
type excerpt struct {
	chunks   []chunk
	hits     positions // of settled lines
	filtered bool
	tail     []line
	from, to int // positions; the tail's have been looked at already
	sources  []hosts.LogSource
	about    []string // what is shown, for a reader who was not there
}

// excerpt is what is shown, or of it the range that was begun.
func (s *Screen) excerpt() *excerpt {
	b := s.list.buf
	x := &excerpt{from: max(s.list.floor, b.base), to: b.settled, about: s.aboutShown()}
	end := b.End()
	if from, to, ok := s.chosenRange(); ok {
		x.from, end = from, to+1
		x.to = min(x.to, end)
	}
	for i := range b.sources {
		x.sources = append(x.sources, b.sources[i].LogSource)
	}
	sc := s.list.scan()
	if sc != nil {
		x.filtered, x.hits = true, sc.hits.share()
	}
	if x.from < x.to {
		x.chunks = b.share(x.from, x.to)
	}
	for pos := s.list.after(max(x.from, b.settled)); pos >= 0 && pos < end; pos = s.list.after(pos + 1) {
		if l, ok := b.at(pos); ok {
			x.tail = append(x.tail, l)
		}
	}
	return x
}

// aboutShown says what the lines are: from where, and what was left out.
func (s *Screen) aboutShown() []string {
	var names []string
	for i := range s.list.buf.sources {
		if src := &s.list.buf.sources[i]; !src.hidden {
			names = append(names, ui.Clean(src.Key()))
		}
	}
	about := []string{"sources: " + strings.Join(names, ", "), "read: " + s.sinceText()}
	if s.look.to != 0 {
		about = append(about, "time: "+s.rangeText(s.look.from, s.look.to))
	}
	if f := s.wholeFilter(); f != "" {
		about = append(about, "filter: "+ui.Clean(f))
	}
	if lost := max(s.list.buf.lost, s.lostBySources()); lost > 0 {
		about = append(about, "lines skipped: "+commas(int(lost)))
	}
	return about
}

// wholeFilter is the filter with the level threshold, as one text of the filter's language.
func (s *Screen) wholeFilter() string {
	f := strings.TrimSpace(s.filter.text)
	if s.look.min > hosts.LevelNone {
		f = strings.TrimSpace(f + " >=" + s.look.min.String())
	}
	return f
}

// each gives the lines in order.
func (x *excerpt) each(do func(*line) error) error {
	for ci := range x.chunks {
		c := &x.chunks[ci]
		from, to := max(x.from, c.first), min(x.to, c.end())
		chosen := x.hits.from(from)
		if !x.filtered {
			chosen = upFrom(from)
		}
		for pos := range chosen {
			if pos >= to {
				break
			}
			l := c.line(pos - c.first)
			if err := do(&l); err != nil {
				return err
			}
		}
	}
	for i := range x.tail {
		if err := do(&x.tail[i]); err != nil {
			return err
		}
	}
	return nil
}

// upFrom counts upwards without an end.
func upFrom(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; yield(n); n++ { //nolint:revive // nothing else is to be done
		}
	}
}

func (x *excerpt) source(l *line) (src hosts.LogSource, ok bool) {
	if l.source < 0 || int(l.source) >= len(x.sources) {
		return src, false
	}
	return x.sources[l.source], true
}

// text is a line with everything needed to read it elsewhere: a time with its zone, host, source, level.
func (x *excerpt) text(l *line) string {
	src, known := x.source(l)
	name := ""
	if known {
		name = ui.Clean(src.Host) + "/" + sourceName(src)
	}
	switch l.kind {
	case kindGap, kindNote:
		if known {
			name += ": "
		}
		return "... " + name + ui.Clean(l.text)
	case kindRuler:
		return "--- " + ui.Clean(l.text)
	}
	var b strings.Builder
	if at := l.at(); !at.IsZero() {
		b.WriteString(at.UTC().Format(time.RFC3339Nano) + " ")
	}
	if known {
		b.WriteString(name + " ")
	}
	if lv := hosts.Level(l.level); lv != hosts.LevelNone {
		b.WriteString(lv.String() + " ")
	}
	b.WriteString(cleanText(l.text))
	return b.String()
}

// lineJSON is a line as "midwatch logs --json" writes it, and what is not a line with its kind.
type lineJSON struct {
	Time   *time.Time `json:"time"` // null when nothing tells
	Host   string     `json:"host"`
	Kind   string     `json:"kind"`
	Name   string     `json:"name,omitempty"`
	Source string     `json:"source"`
	Level  string     `json:"level,omitempty"`
	Stderr bool       `json:"stderr,omitempty"`
	Text   string     `json:"text"`
	Gap    bool       `json:"gap,omitempty"`
	Note   bool       `json:"note,omitempty"`
}

func (x *excerpt) json(l *line) lineJSON {
	out := lineJSON{
		Level: hosts.Level(l.level).String(), Stderr: l.stderr, Text: hosts.Clean(l.text),
		Gap: l.kind == kindGap, Note: l.kind == kindNote || l.kind == kindRuler,
	}
	if src, ok := x.source(l); ok {
		out.Host, out.Kind, out.Name, out.Source = src.Host, src.Kind.String(), src.Name, src.Key()
	}
	if at := l.at(); !at.IsZero() {
		at = at.UTC()
		out.Time = &at
	}
	return out
}

// format is how an excerpt is written.
type format int

const (
	formatText format = iota
	formatJSON
	formatMarkdown
)

// formatOf is the format that a file's name asks for.
func formatOf(name string) (format, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".txt", ".log":
		return formatText, nil
	case ".jsonl", ".ndjson", ".json":
		return formatJSON, nil
	case ".md", ".markdown":
		return formatMarkdown, nil
	}
	return formatText, errors.New("end the name in .txt, .jsonl or .md: it decides the format")
}

// write writes the lines and returns how many there were.
func (x *excerpt) write(w io.Writer, f format) (n int, err error) {
	count := func(write func(*line) error) error {
		return x.each(func(l *line) error { n++; return write(l) })
	}
	switch f {
	case formatJSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		err = count(func(l *line) error { return enc.Encode(x.json(l)) })
	case formatMarkdown:
		err = x.markdown(w, count)
	default:
		err = count(func(l *line) error { _, err := io.WriteString(w, x.text(l)+"\n"); return err })
	}
	return n, err
}

// markdown writes what is shown as a list and the lines as a block of text, whose fence is longer than any
// run of its signs in a line.
func (x *excerpt) markdown(w io.Writer, count func(func(*line) error) error) error {
	fence := 3
	if err := x.each(func(l *line) error { fence = max(fence, longestRun(l.text, '`')+1); return nil }); err != nil {
		return err
	}
	var head strings.Builder
	head.WriteString("# Log excerpt\n\n")
	for _, a := range x.about {
		name, value, _ := strings.Cut(a, ": ")
		tick := strings.Repeat("`", longestRun(value, '`')+1)
		head.WriteString("- " + name + ": " + tick + " " + value + " " + tick + "\n")
	}
	head.WriteString("\n" + strings.Repeat("`", fence) + "text\n")
	if _, err := io.WriteString(w, head.String()); err != nil {
		return err
	}
	if err := count(func(l *line) error { _, err := io.WriteString(w, x.text(l)+"\n"); return err }); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.Repeat("`", fence)+"\n")
	return err
}

func longestRun(s string, c byte) int {
	best, n := 0, 0
	for i := range len(s) {
		n++
		if s[i] != c {
			n = 0
		}
		best = max(best, n)
	}
	return best
}

// openExport asks where the lines that are shown are to be written.
func (s *Screen) openExport() tea.Cmd {
	if s.deps.Save == nil {
		return ui.Toast(hosts.LevelWarn, "export: this console writes no files")
	}
	s.ask = &question{
		input: ui.NewInput("write what is shown to ", "name.txt, name.jsonl or name.md"),
		done: func(name string) tea.Cmd {
			f, err := formatOf(name)
			if err != nil {
				return ui.Toast(hosts.LevelWarn, "export: "+err.Error())
			}
			return exportTo(s.deps.Save, name, f, s.excerpt())
		},
	}
	s.ask.input.SetValue("midwatch-" + s.now.Format("20060102-150405") + ".txt")
	return nil
}

// exportTo writes an excerpt to a file.
func exportTo(save func(string, func(io.Writer) error) (string, error), name string, f format, x *excerpt) tea.Cmd {
	return func() tea.Msg {
		n := 0
		path, err := save(name, func(w io.Writer) (err error) {
			n, err = x.write(w, f)
			return err
		})
		if err != nil {
			return ui.ToastMsg{Text: "export: " + ui.Clean(err.Error()), Level: hosts.LevelError}
		}
		return ui.ToastMsg{Text: "wrote " + lineCount(n) + " to " + ui.Clean(path), Level: hosts.LevelInfo}
	}
}

// openPager gives what is shown to the person's pager until that ends.
func (s *Screen) openPager() tea.Cmd {
	if s.deps.Pager == nil {
		return ui.Toast(hosts.LevelWarn, "this console starts no pager")
	}
	x := s.excerpt()
	program := s.deps.Pager(func(w io.Writer) error {
		_, err := x.write(w, formatText)
		return err
	})
	return ui.HandOver(program, func(err error) tea.Msg {
		if err != nil {
			return ui.ToastMsg{Text: "pager: " + ui.Clean(err.Error()), Level: hosts.LevelError}
		}
		return nil
	})
}

// question is a text that is asked for in the foot: the name of a file, the name of a view.
type question struct {
	input *ui.Input
	done  func(answer string) tea.Cmd
}

// answer edits the text; enter gives it to whoever asked.
func (s *Screen) answer(m tea.KeyMsg) tea.Cmd {
	q := s.ask
	switch m.Type {
	case tea.KeyEsc:
		s.ask = nil
	case tea.KeyEnter:
		s.ask = nil
		if text := strings.TrimSpace(q.input.Value()); text != "" {
			return q.done(text)
		}
	default:
		q.input.Update(m)
	}
	return nil
}
