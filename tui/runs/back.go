package runs

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Back lists the runs of a deploy that can be taken back, and why others cannot.
type Back struct {
	*ui.Listing[*run.Candidate]
	d       Deps
	ctx     context.Context //nolint:containedctx // ends with Close
	stop    context.CancelFunc
	of      string
	gen     uint64
	reading bool
	at      time.Time
	list    []run.Candidate
	err     error
}

func newBack(d Deps, open ui.OpenMsg, of string) *Back {
	s := &Back{d: d, of: of}
	s.ctx, s.stop = context.WithCancel(d.Context)
	open.Object = ""
	s.Listing = ui.NewListing(ui.ListingParams[*run.Candidate]{
		Deps: d.Deps, Open: open, ID: "rollback", Title: "Rollback", Noun: "run",
		Columns: backColumns(s),
		Rows:    s.rows,
		Trouble: func(c *run.Candidate) bool { return !c.Possible || c.Bad },
		Details: s.details,
		Name:    func(c *run.Candidate) string { return ui.Clean(c.Run.ID) },
		Heading: func() string { return "of " + ui.Clean(s.of) },
		Note:    s.note, Empty: s.empty, Actions: s.actions, Refresh: s.read,
	})
	s.Rebuild()
	return s
}

// candidatesMsg brings what can be taken back.
type candidatesMsg struct {
	owner *Back
	gen   uint64
	list  []run.Candidate
	err   error
	at    time.Time
}

func readCandidates(ctx context.Context, owner *Back, gen uint64, svc Planner, name string, now func() time.Time) tea.Cmd {
	return func() tea.Msg {
		list, err := svc.Candidates(ctx, name)
		return candidatesMsg{owner, gen, list, err, now()}
	}
}

// Init reads what can be taken back.
func (s *Back) Init() tea.Cmd { return tea.Batch(s.Listing.Init(), s.read()) }

func (s *Back) read() tea.Cmd {
	if s.d.Service == nil {
		return nil
	}
	s.gen++
	s.reading = true
	return readCandidates(s.ctx, s, s.gen, s.d.Service, s.of, s.d.Now)
}

// Show reads anew what a rollback may have changed.
func (s *Back) Show(visible bool) tea.Cmd {
	cmd := s.Listing.Show(visible)
	if visible && !s.at.IsZero() && !s.reading {
		return tea.Batch(cmd, s.read())
	}
	return cmd
}

// Update takes what the root hands on.
func (s *Back) Update(msg tea.Msg) tea.Cmd {
	if m, ok := msg.(candidatesMsg); ok {
		if m.owner == s && m.gen == s.gen && !errors.Is(m.err, context.Canceled) {
			s.reading, s.err = false, m.err
			if m.err == nil {
				s.list, s.at = m.list, m.at
			}
			s.Rebuild()
		}
		return nil
	}
	return s.Listing.Update(msg)
}

func (s *Back) rows() []ui.Row[*run.Candidate] {
	out := make([]ui.Row[*run.Candidate], 0, len(s.list))
	for i := range s.list {
		out = append(out, ui.Row[*run.Candidate]{ID: s.list[i].Run.ID, Value: &s.list[i]})
	}
	return out
}

func (s *Back) note() (string, bool) {
	switch {
	case s.d.Service == nil:
		return "", false
	case s.err != nil && !s.at.IsZero():
		return "stale " + ui.AgeOf(s.at, s.Now) + ": " + oneLine(s.err.Error()), true
	case s.reading || s.at.IsZero():
		return "reading the targets", false
	}
	return ui.AgeOf(s.at, s.Now) + " ago", false
}

func (s *Back) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Service == nil:
		return ui.Empty(st, "no deploys here", s.d.Why)
	case s.err != nil && s.at.IsZero():
		return ui.Failed(st, "what can be taken back", oneLine(s.err.Error()), "")
	case s.at.IsZero():
		return ui.Loading(st, "what lies on the targets")
	}
	return ui.Empty(st, "nothing to take back", "no run of "+ui.Clean(s.of)+" has left undo records on its targets")
}

func (s *Back) actions() []ui.Action {
	act := func(id, title string, do func(*run.Candidate) tea.Cmd, why func(*run.Candidate) string, keys ...string) ui.Action {
		a := ui.Act("rollback."+id, "Rollback", title, func() tea.Cmd {
			r, _ := s.Table.Selected()
			return do(r.Value)
		}, keys...)
		a.Disabled = func() string {
			r, ok := s.Table.Selected()
			switch {
			case !ok:
				return "no run is selected"
			case why != nil:
				return why(r.Value)
			}
			return ""
		}
		return a
	}
	gone := func(c *run.Candidate) string {
		if !c.Possible {
			return "not possible any more: " + oneLine(c.Why)
		}
		return ""
	}
	return []ui.Action{
		act("plan", "plan the way back", func(c *run.Candidate) tea.Cmd { return ui.Open(openKind(kindUndo, c.Run.ID)) }, gone, "p"),
		act("open", "the run", func(c *run.Candidate) tea.Cmd { return ui.Open(OpenRun(c.Run.ID)) }, nil, "o"),
	}
}

// Close ends the reading.
func (s *Back) Close() {
	s.Listing.Close()
	s.stop()
}

func candidateLook(g *themes.Glyphs, c *run.Candidate) look {
	switch {
	case !c.Possible:
		return look{g.Bad, "not possible", themes.Bad}
	case c.Why != "":
		return look{g.Warn, "in part", themes.Warn}
	}
	return look{g.OK, "possible", themes.OK}
}

func (s *Back) details(c *run.Candidate, p *ui.Page) {
	g := &p.Styles().Glyphs
	l := candidateLook(g, c)
	p.Line(l.role, l.glyph+" "+l.word+strings.TrimRight(": "+oneLine(c.Why), ": "))
	if c.Bad {
		p.Line(themes.Warn, g.Warn+" what it would go back to was left behind as bad once already")
	}
	p.Field("risk", oneLine(c.Risk), themes.Text)
	if c.Takes > 0 {
		p.Field("takes", "about "+ui.Countdown(c.Takes), themes.Text)
	}
	p.Head("What would change", ui.Count(len(c.Changes), "line"), false)
	for _, x := range c.Changes {
		p.Line(themes.Text, oneLine(x))
	}
	if len(c.Changes) == 0 {
		p.Line(themes.Unknown, g.Unknown+" not known before the plan")
	}
	r := &c.Run
	ph := phaseLook(g, r.Phase)
	p.Head("The run", ui.AgeOf(r.Started, s.Now)+" ago", false)
	p.Line(ph.role, ph.glyph+" "+ph.word+"  "+oneLine(r.Note))
	p.Field("run", r.ID, themes.Text)
	p.Field("by", who(r), themes.Text)
	p.Field("reason", oneLine(r.Reason), themes.Text)
	p.Field("hosts", strings.Join(r.Hosts, ", "), themes.Text)
}

func backColumns(s *Back) []ui.Column[*run.Candidate] {
	g := func() *themes.Glyphs { return &s.d.Styles.Glyphs }
	return []ui.Column[*run.Candidate]{
		{
			ID: "possible", Title: "back to before", Min: 14, Max: 16, Filter: true,
			Cell: func(c *run.Candidate) ui.Cell { return candidateLook(g(), c).cell() },
		},
		{
			ID: "began", Title: "of", Min: 16, Max: 16,
			Cell: func(c *run.Candidate) ui.Cell {
				return ui.Cell{Text: c.Run.Started.In(s.Now.Location()).Format("2006-01-02 15:04"), Role: themes.Muted}
			},
			Compare: func(a, b *run.Candidate) int { return a.Run.Started.Compare(b.Run.Started) },
		},
		{
			ID: "takes", Title: "takes", Min: 6, Max: 8, Right: true, Priority: 2,
			Cell: func(c *run.Candidate) ui.Cell {
				if c.Takes <= 0 {
					return ui.Cell{Text: "?", Role: themes.Unknown}
				}
				return ui.Cell{Text: "~" + ui.Countdown(c.Takes)}
			},
			Compare: func(a, b *run.Candidate) int { return int(a.Takes - b.Takes) },
		},
		{
			ID: "changes", Title: "would change", Min: 20, Grow: true, Filter: true,
			Cell: func(c *run.Candidate) ui.Cell {
				if !c.Possible {
					return ui.Cell{Text: oneLine(c.Why), Role: themes.Muted}
				}
				return ui.Cell{Text: list(c.Changes, "; ")}
			},
		},
		{
			ID: "bad", Title: "mark", Min: 5, Max: 5, Priority: 1, Optional: true,
			Cell: func(c *run.Candidate) ui.Cell {
				if !c.Bad {
					return ui.Cell{}
				}
				return ui.Cell{Text: "bad", Role: themes.Warn, Glyph: g().Warn, GlyphRole: themes.Warn}
			},
		},
		{
			ID: "risk", Title: "risk", Min: 12, Max: 40, Priority: 3, Filter: true, Optional: true,
			Cell: func(c *run.Candidate) ui.Cell { return ui.Cell{Text: oneLine(c.Risk), Role: themes.Muted} },
		},
		{
			ID: "run", Title: "run", Min: 10, Max: 30, Priority: 4, Filter: true,
			Cell: func(c *run.Candidate) ui.Cell { return ui.Cell{Text: ui.Clean(c.Run.ID), Role: themes.Faint} },
		},
	}
}

var (
	_ ui.Screen = (*Back)(nil)
	_ ui.Backer = (*Back)(nil)
	_ ui.Shower = (*Back)(nil)
	_ ui.Paned  = (*Back)(nil)
)
