package runs

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// History lists the runs of this machine and, when asked, of what lies on the targets.
type History struct {
	*ui.Listing[*run.State]
	d       Deps
	ctx     context.Context //nolint:containedctx // ends with Close
	stop    context.CancelFunc
	of      string // a deploy; "" all
	gen     uint64
	reading bool
	targets bool // what lies on the hosts is read too
	at      time.Time
	asked   time.Time
	list    []run.State
	err     error
	visible bool
	part    bool // some place could not be read
}

// What "b" turns through.
const (
	byDay = iota
	byDeploy
	flat
)

func newHistory(d Deps, open ui.OpenMsg, of string) *History {
	s := &History{d: d, of: of}
	s.ctx, s.stop = context.WithCancel(d.Context)
	open.Object = ""
	s.Listing = ui.NewListing(ui.ListingParams[*run.State]{
		Deps: d.Deps, Open: open, ID: "history", Title: "History", Noun: "run",
		Columns:   historyColumns(s),
		Groupings: []string{"day", "deploy", "nothing"},
		GroupCell: func(g string, list []*run.State) ui.Cell {
			return ui.Cell{Text: g + "  " + itoa(len(list)), Role: themes.Title}
		},
		Rows:    s.rows,
		Trouble: func(r *run.State) bool { return attentive(r.Phase) },
		Details: s.details,
		Name:    func(r *run.State) string { return ui.Clean(r.ID) },
		Heading: func() string { return s.heading() },
		Note:    s.note, Empty: s.empty, Actions: s.actions, Refresh: s.read,
	})
	s.Rebuild()
	return s
}

// historyMsg brings the runs there are.
type historyMsg struct {
	owner *History
	gen   uint64
	runs  []run.State
	err   error
	at    time.Time
}

func readHistory(ctx context.Context, owner *History, gen uint64, svc Reader, names []string, now func() time.Time) tea.Cmd {
	return func() tea.Msg {
		runs, err := svc.List(ctx, names)
		return historyMsg{owner, gen, runs, err, now()}
	}
}

// Init reads the history.
func (s *History) Init() tea.Cmd { return tea.Batch(s.Listing.Init(), s.read()) }

func (s *History) read() tea.Cmd {
	if s.d.Service == nil {
		return nil
	}
	var names []string
	if s.targets {
		for _, h := range s.Snap.Hosts {
			names = append(names, h.Host.Name)
		}
	}
	s.gen++
	s.reading, s.asked = true, s.d.Now()
	return readHistory(s.ctx, s, s.gen, s.d.Service, names, s.d.Now)
}

// Show reads anew what may have changed while another screen was on display.
func (s *History) Show(visible bool) tea.Cmd {
	s.visible = visible
	cmd := s.Listing.Show(visible)
	if visible && !s.at.IsZero() && !s.reading {
		return tea.Batch(cmd, s.read())
	}
	return cmd
}

// Update takes what the root hands on.
func (s *History) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case historyMsg:
		if m.owner != s || m.gen != s.gen || errors.Is(m.err, context.Canceled) {
			return nil
		}
		s.reading, s.err, s.part = false, m.err, m.err != nil && len(m.runs) > 0
		if m.err == nil || len(m.runs) > 0 {
			s.list, s.at = m.runs, m.at
		}
		s.Rebuild()
		return nil
	case ui.TickMsg:
		const again = 5 * time.Second
		cmd := s.Listing.Update(msg)
		if s.visible && s.goesOn() && !s.reading && m.At.Sub(s.asked) >= again {
			return tea.Batch(cmd, s.read())
		}
		return cmd
	}
	return s.Listing.Update(msg)
}

// goesOn reports a run that has not ended, whose line will change.
func (s *History) goesOn() bool {
	for i := range s.list {
		if !s.list[i].Phase.Ended() {
			return true
		}
	}
	return false
}

func (s *History) rows() []ui.Row[*run.State] {
	out := make([]ui.Row[*run.State], 0, len(s.list))
	for i := range s.list {
		r := &s.list[i]
		if s.of != "" && r.Deploy != s.of || len(r.Hosts) > 0 && s.narrowed(r) {
			continue
		}
		row := ui.Row[*run.State]{ID: r.ID, Value: r}
		switch s.Grouping {
		case byDay:
			row.Group = r.Started.In(s.Now.Location()).Format("2006-01-02 Monday")
		case byDeploy:
			row.Group = ui.Clean(r.Deploy)
		}
		out = append(out, row)
	}
	return out
}

// narrowed reports a run that touched none of the hosts the screen is narrowed to.
func (s *History) narrowed(r *run.State) bool {
	for _, h := range r.Hosts {
		if !s.Open.Narrows(h) {
			return false
		}
	}
	return true
}

func (s *History) heading() string {
	if s.of != "" {
		return "of " + ui.Clean(s.of)
	}
	return ""
}

func (s *History) note() (string, bool) {
	where := "this machine"
	if s.targets {
		where = "this machine and the targets"
	}
	switch {
	case s.d.Service == nil:
		return "", false
	case s.part:
		return where + " in part: " + oneLine(s.err.Error()), true
	case s.err != nil && !s.at.IsZero():
		return "stale " + ui.AgeOf(s.at, s.Now) + ": " + oneLine(s.err.Error()), true
	case s.reading || s.at.IsZero():
		return "reading " + where, false
	}
	return where + ", " + ui.AgeOf(s.at, s.Now) + " ago", false
}

func (s *History) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Service == nil:
		return ui.Empty(st, "no runs here", s.d.Why)
	case s.err != nil && s.at.IsZero():
		return ui.Failed(st, "history", oneLine(s.err.Error()), "")
	case s.at.IsZero():
		return ui.Loading(st, "runs")
	case s.targets:
		return ui.Empty(st, "no runs", "neither this machine nor the targets remember one")
	}
	return ui.Empty(st, "no runs", "this machine has driven none; T reads what lies on the targets")
}

func (s *History) actions() []ui.Action {
	none := func() string {
		if _, ok := s.Table.Selected(); !ok {
			return "no run is selected"
		}
		return ""
	}
	act := func(id, title string, run func(*run.State) tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("history."+id, "Run", title, func() tea.Cmd {
			r, _ := s.Table.Selected()
			return run(r.Value)
		}, keys...)
		a.Disabled = none
		return a
	}
	targets := "targets too"
	if s.targets {
		targets = "this machine only"
	}
	copyID := act("copy", "copy the run's id", func(r *run.State) tea.Cmd { return ui.Copy(s.d.Deps, "the run's id", ui.Clean(r.ID)) }, "y")
	copyID.Hidden = true
	return []ui.Action{
		act("open", "the run", func(r *run.State) tea.Cmd { return ui.Open(OpenRun(r.ID)) }, "o"),
		act("back", "roll back", func(r *run.State) tea.Cmd { return ui.Open(openKind(kindUndo, r.ID)) }, "u"),
		ui.Act("history.targets", "Show", targets, func() tea.Cmd { s.targets = !s.targets; return s.read() }, "T"),
		copyID,
	}
}

// Close ends the reading.
func (s *History) Close() {
	s.Listing.Close()
	s.stop()
}

func (s *History) details(r *run.State, p *ui.Page) {
	g := &p.Styles().Glyphs
	l := runLook(g, r)
	p.Line(l.role, l.glyph+" "+l.word+"  "+oneLine(r.Note))
	p.Field("run", r.ID, themes.Text)
	p.Field("deploy", strings.TrimSpace(r.Deploy+" "+r.Env), themes.Text)
	if r.Kind == kindRollback {
		p.Field("takes back", r.Parent, themes.Warn)
	}
	p.Field("by", who(r), themes.Text)
	p.Field("reason", oneLine(r.Reason), themes.Text)
	p.Field("began", r.Started.In(s.Now.Location()).Format(time.DateTime), themes.Text)
	p.Field("took", ui.Countdown(took(r.Started, r.Ended, s.Now).Truncate(time.Second)), themes.Text)
	p.Field("hosts", strings.Join(r.Hosts, ", "), themes.Text)
	p.Field("left as bad", r.Bad, themes.Warn)
	p.Field("file", r.File, themes.Muted)
	for _, w := range r.Warnings {
		p.Line(themes.Warn, g.Warn+" "+oneLine(w))
	}
	if len(r.Steps) == 0 {
		return
	}
	p.Head("Steps", ui.Count(len(r.Steps), "step"), false)
	rows := [][]ui.Cell{{{Text: "step"}, {Text: "state"}, {Text: "took"}, {Text: "seen"}}}
	for i := range r.Steps {
		st := &r.Steps[i]
		rows = append(rows, []ui.Cell{
			{Text: name(st.ID, st.Title), Role: themes.Strong},
			stepLook(g, st.State).cell(),
			{Text: timer(st.Started, st.Ended, s.Now, 0), Role: themes.Muted},
			{Text: oneLine(st.Line)},
		})
	}
	p.Grid(rows)
}

func historyColumns(s *History) []ui.Column[*run.State] {
	g := func() *themes.Glyphs { return &s.d.Styles.Glyphs }
	text := func(role themes.Role, f func(*run.State) string) func(*run.State) ui.Cell {
		return func(r *run.State) ui.Cell { return ui.Cell{Text: f(r), Role: role} }
	}
	return []ui.Column[*run.State]{
		{
			ID: "state", Title: "state", Min: 13, Max: 22, Filter: true,
			Cell:    func(r *run.State) ui.Cell { return runLook(g(), r).cell() },
			Compare: func(a, b *run.State) int { return strings.Compare(string(a.Phase), string(b.Phase)) },
		},
		{
			ID: "began", Title: "began", Min: 8, Max: 8, Desc: true,
			Cell:    text(themes.Muted, func(r *run.State) string { return r.Started.In(s.Now.Location()).Format(time.TimeOnly) }),
			Compare: func(a, b *run.State) int { return a.Started.Compare(b.Started) },
		},
		{
			ID: "deploy", Title: "deploy", Min: 14, Max: 36, Filter: true, Cut: ui.CutMiddle,
			Cell: func(r *run.State) ui.Cell {
				if r.Kind == kindRollback {
					return ui.Cell{Text: ui.Clean(r.Deploy) + " rollback", Role: themes.Warn}
				}
				return ui.Cell{Text: ui.Clean(r.Deploy), Role: themes.Strong}
			},
			Compare: func(a, b *run.State) int { return strings.Compare(a.Deploy, b.Deploy) },
		},
		{
			ID: "took", Title: "took", Min: 5, Max: 8, Right: true, Priority: 2, Desc: true,
			Cell: text(themes.Text, func(r *run.State) string {
				return ui.Countdown(took(r.Started, r.Ended, s.Now).Truncate(time.Second))
			}),
			Compare: func(a, b *run.State) int {
				return cmp.Compare(took(a.Started, a.Ended, s.Now), took(b.Started, b.Ended, s.Now))
			},
		},
		{
			ID: "who", Title: "who", Min: 6, Max: 24, Priority: 3, Filter: true,
			Cell:    text(themes.Muted, func(r *run.State) string { return ui.Clean(r.Who) }),
			Compare: func(a, b *run.State) int { return strings.Compare(a.Who, b.Who) },
		},
		{ID: "env", Title: "env", Min: 6, Max: 14, Priority: 4, Filter: true, Optional: true, Cell: text(themes.Muted, func(r *run.State) string { return ui.Clean(r.Env) })},
		{ID: "note", Title: "note", Min: 14, Priority: 1, Grow: true, Filter: true, Cell: text(themes.Text, func(r *run.State) string {
			if r.Note != "" {
				return oneLine(r.Note)
			}
			return oneLine(r.Reason)
		})},
		{ID: "hosts", Title: "hosts", Min: 8, Max: 30, Priority: 5, Filter: true, Optional: true, Cell: text(themes.Muted, func(r *run.State) string { return list(r.Hosts, ", ") })},
		{ID: "run", Title: "run", Min: 10, Max: 30, Priority: 6, Filter: true, Cell: text(themes.Faint, func(r *run.State) string { return ui.Clean(r.ID) })},
	}
}

var (
	_ ui.Screen = (*History)(nil)
	_ ui.Backer = (*History)(nil)
	_ ui.Shower = (*History)(nil)
	_ ui.Paned  = (*History)(nil)
)
