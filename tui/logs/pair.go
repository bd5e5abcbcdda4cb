package logs

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Pair is the Logs screen as it is opened: one log, or two beside or above one another, each with its own
// sources, filter and place. Keys go to the one that has the focus.
type Pair struct {
	deps   ui.Deps
	open   ui.OpenMsg
	first  *Screen
	second *Screen // nil while the screen is not split
	right  bool    // the second has the focus
	w, h   int
	later  tea.Cmd // work that Back began, for the next Update
}

// beside is the width from which two logs stand side by side.
const beside = 150

// Open returns the Logs screen for what is asked for; see New.
func Open(d ui.Deps, open ui.OpenMsg) *Pair {
	return &Pair{deps: d, open: open, first: New(d, open)}
}

func (p *Pair) focused() *Screen {
	if p.right && p.second != nil {
		return p.second
	}
	return p.first
}

func (p *Pair) other() *Screen {
	if p.focused() == p.first {
		return p.second
	}
	return p.first
}

// Init implements ui.Screen.
func (p *Pair) Init() tea.Cmd { return p.first.Init() }

// Update implements ui.Screen: keys and the mouse go to one of the two, everything else to both, which know
// their own.
func (p *Pair) Update(msg tea.Msg) tea.Cmd {
	later := p.later
	p.later = nil
	if m, ok := msg.(ui.ThemeChangedMsg); ok {
		p.deps.Styles = m.Styles
	}
	switch m := msg.(type) {
	case tea.KeyMsg, ui.BackMsg:
		return tea.Batch(later, p.focused().Update(msg))
	case tea.MouseMsg:
		return tea.Batch(later, p.mouse(m))
	}
	if p.second == nil {
		return tea.Batch(later, p.first.Update(msg))
	}
	return tea.Batch(later, p.first.Update(msg), p.second.Update(msg))
}

// mouse gives an event to the log it is on; a press there takes the focus.
func (p *Pair) mouse(m tea.MouseMsg) tea.Cmd {
	if p.second == nil {
		return p.first.Update(m)
	}
	a, b := p.places()
	in, on := a, p.first
	if b.holds(m.X, m.Y) {
		in, on = b, p.second
	}
	m.X, m.Y = m.X-in.x, m.Y-in.y
	if m.Y < 0 {
		return nil
	}
	if m.Action == tea.MouseActionPress && m.Button == tea.MouseButtonLeft {
		p.right = on == p.second
	}
	return on.Update(m)
}

// placed is where one of the two is, without its title.
type placed struct{ x, y, w, h int }

func (r placed) holds(x, y int) bool {
	return x >= r.x && x < r.x+r.w && y >= r.y-1 && y < r.y+r.h
}

// places divides the cells: each log has a title of one row, and a line stands between two side by side.
func (p *Pair) places() (a, b placed) {
	if p.w >= beside {
		left := (p.w - 1) / 2
		return placed{0, 1, left, max(0, p.h-1)}, placed{left + 1, 1, p.w - left - 1, max(0, p.h-1)}
	}
	upper := p.h / 2
	return placed{0, 1, p.w, max(0, upper-1)}, placed{0, upper + 1, p.w, max(0, p.h-upper-1)}
}

// SetSize implements ui.Screen.
func (p *Pair) SetSize(w, h int) {
	p.w, p.h = w, h
	if p.second == nil {
		p.first.SetSize(w, h)
		return
	}
	a, b := p.places()
	p.first.SetSize(a.w, a.h)
	p.second.SetSize(b.w, b.h)
}

// View implements ui.Screen.
func (p *Pair) View() string {
	if p.second == nil {
		return p.first.View()
	}
	a, b := p.places()
	one, two := p.part(p.first, a), p.part(p.second, b)
	if p.w < beside {
		return ui.Join(append(one, two...), p.w, p.h)
	}
	line := p.deps.Styles.Normal.Render(themes.Border, p.deps.Styles.Borders.Left)
	for i := range one {
		one[i] = ui.Fit(one[i], a.w) + line
	}
	return ui.Join(ui.Beside(one, two), p.w, p.h)
}

// part is one of the two with its title.
func (p *Pair) part(s *Screen, r placed) []string {
	st := p.deps.Styles
	role, sign := themes.Faint, " "
	if s == p.focused() {
		role, sign = themes.Title, st.Glyphs.Cursor
	}
	lines := []string{st.Normal.Render(role, ui.Trunc(sign+s.Title(), r.w))}
	if r.h == 0 {
		return lines
	}
	return append(lines, strings.Split(s.View(), "\n")...)
}

// Title implements ui.Screen.
func (p *Pair) Title() string { return p.focused().Title() }

// Capturing implements ui.Screen.
func (p *Pair) Capturing() bool { return p.focused().Capturing() }

// Actions implements ui.Screen.
func (p *Pair) Actions() []ui.Action {
	return slices.Concat(p.focused().Actions(), p.actions(p.second != nil))
}

// PaneActions implements ui.Paned.
func (p *Pair) PaneActions() [][]ui.Action { return append(p.first.PaneActions(), p.actions(true)) }

func (p *Pair) actions(split bool) []ui.Action {
	act := func(id, title string, run func() tea.Cmd, key string) ui.Action {
		a := ui.Act("logs."+id, "Split", title, run, key)
		a.Hidden = !split
		return a
	}
	if !split {
		return []ui.Action{act("split", "a second log beside this", p.split, "|")}
	}
	return []ui.Action{
		act("split", "one log only", p.unsplit, "|"),
		act("other", "the other log", p.turn, "tab"),
		act("align", "the other log at this time", p.align, "@"),
	}
}

// split opens a second log, which begins with the choice of its sources. The two share the memory of one.
func (p *Pair) split() tea.Cmd {
	from := p.open
	from.Logs, from.Object, from.Filter = nil, "", ""
	p.second = New(p.deps, from)
	p.second.now, p.second.snap = p.first.now, p.first.snap
	p.budgets(defaultBudget / 2)
	p.right = true
	cmd := p.second.Init()
	p.SetSize(p.w, p.h)
	return cmd
}

func (p *Pair) budgets(n int) {
	for _, s := range []*Screen{p.first, p.second} {
		if s != nil {
			s.budget, s.list.buf.budget = n, n
		}
	}
}

// unsplit keeps the log that has the focus.
func (p *Pair) unsplit() tea.Cmd {
	stay, leave := p.focused(), p.other()
	leave.Close()
	p.first, p.second, p.right = stay, nil, false
	p.budgets(defaultBudget)
	p.SetSize(p.w, p.h)
	return nil
}

func (p *Pair) turn() tea.Cmd {
	p.right = !p.right
	return nil
}

// align shows in the other log what was written when the line under the cursor was.
func (p *Pair) align() tea.Cmd {
	l, to := p.focused().current(), p.other()
	if l == nil {
		return ui.Toast(hosts.LevelInfo, "there is no line yet")
	}
	pos := to.list.after(to.list.buf.posAt(l.key))
	if pos < 0 {
		pos = to.list.before(to.list.end())
	}
	if pos < 0 {
		return ui.Toast(hosts.LevelInfo, "the other log shows no line")
	}
	to.page.jump(&to.list, to.bodyH(), pos)
	to.noteIDs()
	return nil
}

// Back implements ui.Backer: what is open in the log that has the focus, then the second log.
func (p *Pair) Back() bool {
	s := p.focused()
	switch {
	case s.Back():
		p.later, s.later = s.later, nil
	case p.second != nil:
		p.right = !p.right // the one that has nothing open is left, the other stays
		p.later = p.unsplit()
	default:
		return false
	}
	return true
}

// Close implements ui.Screen.
func (p *Pair) Close() {
	p.first.Close()
	if p.second != nil {
		p.second.Close()
	}
}

var (
	_ ui.Screen = (*Pair)(nil)
	_ ui.Backer = (*Pair)(nil)
	_ ui.Paned  = (*Pair)(nil)
)
