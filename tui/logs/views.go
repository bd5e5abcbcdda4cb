package logs

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// view is what is shown now as a view.
func (s *Screen) view(name string) ui.LogView {
	q := &s.feed.query
	v := ui.LogView{Name: name, Boot: q.Boot, Back: s.feed.back, Filter: s.wholeFilter(), Wrap: s.look.wrap, Fold: s.look.fold, Columns: s.look.columns()}
	if v.Back == 0 && !q.Boot {
		v.Tail = q.Tail
	}
	for _, src := range q.Sources {
		if i, ok := s.list.buf.index[src]; !ok || !s.list.buf.sources[i].hidden {
			v.Sources = append(v.Sources, src)
		}
	}
	return v
}

// commandOf is a view as a command line.
func commandOf(v *ui.LogView) string {
	words := []string{"midwatch", "logs", "--screen"}
	switch {
	case v.Boot:
		words = append(words, "--since", "boot")
	case v.Back > 0:
		words = append(words, "--since", spell(v.Back))
	case v.Tail > 0:
		words = append(words, "-n", strconv.Itoa(v.Tail))
	}
	return strings.Join(append(words, tailOf(v)...), " ")
}

// tailOf is the columns, the filter and the sources of a command line.
func tailOf(v *ui.LogView) []string {
	var words []string
	if c := v.Columns.String(); c != "" {
		words = append(words, "--columns", c)
	}
	if v.Filter != "" {
		words = append(words, "--filter", shellWord(v.Filter))
	}
	for _, src := range v.Sources {
		words = append(words, shellWord(src.Key()))
	}
	return words
}

// command is what is shown now as a command line: of a time that has ended with both of its ends, so that
// whoever runs it sees the same.
func (s *Screen) command() string {
	v := s.view("")
	q := &s.feed.query
	from, to := q.Since, q.Until
	if s.look.to != 0 {
		from, to = time.Unix(0, s.look.from), time.Unix(0, s.look.to)
	}
	if to.IsZero() && (from.IsZero() || v.Back > 0) {
		return commandOf(&v)
	}
	words := []string{"midwatch", "logs", "--screen"}
	if !from.IsZero() {
		words = append(words, "--since", from.UTC().Format(time.RFC3339Nano))
	}
	if !to.IsZero() {
		words = append(words, "--until", to.UTC().Format(time.RFC3339Nano))
	}
	return strings.Join(append(words, tailOf(&v)...), " ")
}

// spell writes a length of time as the command line takes it.
func spell(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strconv.Itoa(int(d/time.Minute)) + "m"
}

// shellWord quotes a word for a POSIX shell where it must be.
func shellWord(s string) string {
	plain := s != ""
	for i := range len(s) {
		if c := s[i]; !wordByte(c) && strings.IndexByte("./:@%+,-", c) < 0 || c >= 0x80 {
			plain = false
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (s *Screen) copyCommand() tea.Cmd {
	if len(s.feed.query.Sources) == 0 {
		return ui.Toast(hosts.LevelInfo, "choose sources first")
	}
	return ui.Copy(s.deps, "the command", s.command())
}

// openSaveView asks for the name of a view.
func (s *Screen) openSaveView() tea.Cmd {
	views := s.deps.Views
	if views == nil {
		return ui.Toast(hosts.LevelWarn, "this console keeps no views")
	}
	s.ask = &question{
		input: ui.NewInput("keep this view as ", "a name"),
		done: func(name string) tea.Cmd {
			v := s.view(name)
			return func() tea.Msg {
				if err := views.SaveView(v); err != nil {
					return ui.ToastMsg{Text: "keep the view: " + ui.Clean(err.Error()), Level: hosts.LevelError}
				}
				return ui.ToastMsg{Text: "kept as " + ui.Clean(name) + "; O opens it again", Level: hosts.LevelInfo}
			}
		},
	}
	return nil
}

// viewsMsg brings the views that are kept.
type viewsMsg struct {
	owner *token
	views []ui.LogView
	err   error
}

func loadViews(views ui.LogViews, owner *token) tea.Cmd {
	return func() tea.Msg {
		list, err := views.Views()
		return viewsMsg{owner, list, err}
	}
}

// viewsPane lists the views that are kept.
type viewsPane struct {
	s     *Screen
	table *ui.Table[ui.LogView]
}

func (s *Screen) openViews() tea.Cmd {
	if s.deps.Views == nil {
		return ui.Toast(hosts.LevelWarn, "this console keeps no views")
	}
	p := &viewsPane{s: s, table: ui.NewTable(s.deps.Styles, viewColumns())}
	p.table.Empty = ui.Loading(s.deps.Styles, "views")
	s.show(p)
	return loadViews(s.deps.Views, s.id)
}

func (p *viewsPane) loaded(m viewsMsg) {
	st := p.s.deps.Styles
	p.table.Empty = ui.Empty(st, "no view is kept yet", "s keeps what is shown under a name")
	if m.err != nil {
		p.table.Empty = ui.Failed(st, "views", ui.Clean(m.err.Error()), "")
	}
	rows := make([]ui.Row[ui.LogView], len(m.views))
	for i, v := range m.views {
		rows[i] = ui.Row[ui.LogView]{ID: v.Name, Value: v}
	}
	p.table.SetRows(rows)
	p.s.layout()
}

func viewColumns() []ui.Column[ui.LogView] {
	return []ui.Column[ui.LogView]{
		{
			ID: "name", Title: "name", Min: 10, Max: 30, Filter: true,
			Cell:    func(v ui.LogView) ui.Cell { return ui.Cell{Text: ui.Clean(v.Name), Role: themes.Strong} },
			Compare: func(a, b ui.LogView) int { return cmp.Compare(a.Name, b.Name) },
		},
		{
			ID: "sources", Title: "sources", Min: 7, Max: 10, Right: true, Priority: 2, Desc: true,
			Cell:    func(v ui.LogView) ui.Cell { return ui.Cell{Text: strconv.Itoa(len(v.Sources))} },
			Compare: func(a, b ui.LogView) int { return cmp.Compare(len(a.Sources), len(b.Sources)) },
		},
		{
			ID: "command", Title: "command", Min: 20, Grow: true, Priority: 1, Filter: true,
			Cell: func(v ui.LogView) ui.Cell { return ui.Cell{Text: ui.Clean(commandOf(&v)), Role: themes.Muted} },
		},
	}
}

func (p *viewsPane) actions() []ui.Action {
	on := func(run func(ui.LogView) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			r, ok := p.table.Selected()
			if !ok {
				return nil
			}
			return run(r.Value)
		}
	}
	act := func(id, title string, run func(ui.LogView) tea.Cmd, key string) ui.Action {
		return ui.Act("logs.views."+id, "Views", title, on(run), key)
	}
	list := []ui.Action{
		act("open", "open the view", p.s.openView, "enter"),
		act("copy", "copy its command", func(v ui.LogView) tea.Cmd { return ui.Copy(p.s.deps, "the command", commandOf(&v)) }, "y"),
		act("remove", "forget the view", func(v ui.LogView) tea.Cmd {
			views, owner := p.s.deps.Views, p.s.id
			return func() tea.Msg {
				if err := views.RemoveView(v.Name); err != nil {
					return ui.ToastMsg{Text: "forget the view: " + ui.Clean(err.Error()), Level: hosts.LevelError}
				}
				return loadViews(views, owner)()
			}
		}, "x"),
	}
	for _, a := range p.table.Actions() {
		if a.ID != "list.mark" && a.ID != "list.mark_all" {
			list = append(list, a)
		}
	}
	return list
}

// openView shows what a view describes in the place of what is shown.
func (s *Screen) openView(v ui.LogView) tea.Cmd {
	s.closePane()
	q := hosts.LogQuery{Sources: v.Sources, Boot: v.Boot, Tail: v.Tail, Follow: true}
	if v.Back > 0 {
		q.Since = s.deps.Now().Add(-v.Back)
	}
	s.look.wrap, s.look.fold, s.look.min = v.Wrap, v.Fold, hosts.LevelNone
	s.look.setColumns(v.Columns)
	s.request, s.trail = "", nil
	s.find.set("")
	s.filter.set(v.Filter)
	cmd := s.start(q)
	s.feed.back = v.Back
	return cmd
}

func (p *viewsPane) frame() ui.Frame {
	return ui.Frame{Title: "Views", Focus: true, Footer: "enter opens · y copies the command · x forgets · esc closes"}
}

func (p *viewsPane) setStyles(st *themes.Styles) { p.table.SetStyles(st) }
func (p *viewsPane) setSize(w, h int)            { p.table.SetSize(w, h) }
func (p *viewsPane) lines() []string             { return p.table.Lines() }
func (p *viewsPane) capturing() bool             { return p.table.Capturing() }
func (p *viewsPane) back() bool                  { return p.table.Back() }
func (p *viewsPane) tick() tea.Cmd               { return nil }
func (p *viewsPane) close()                      {}

func (p *viewsPane) wants() int {
	all, _ := p.table.Len()
	return max(5, all+2)
}

func (p *viewsPane) key(m tea.KeyMsg) tea.Cmd {
	p.table.Key(m)
	return nil
}

func (p *viewsPane) mouse(m tea.MouseMsg, x, y int) tea.Cmd {
	if p.table.Mouse(m, x, y) {
		if r, ok := p.table.Selected(); ok {
			return p.s.openView(r.Value)
		}
	}
	return nil
}

var _ otherPane = (*viewsPane)(nil)
