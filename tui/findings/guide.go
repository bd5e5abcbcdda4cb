package findings

import (
	"cmp"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Diagnosis is a question in the words of who has the trouble, and the checks that answer it, in the
// order in which a person would ask.
type Diagnosis struct {
	ID, Title, Symptom string
	Checks             []checks.Check
}

// Guide lists the diagnoses, those with a cause found first, and walks through one: each question with
// its answer and its evidence, then the cause, the fix, and the command that proves it.
type Guide struct {
	*ui.Listing[*path]
	memory *Memory
	all    []Diagnosis
	of     *checks.Report
	list   []*path
}

// path is one diagnosis with its answers.
type path struct {
	d       *Diagnosis
	steps   []step
	causes  []*checks.Finding
	unknown int
	asked   int  // questions that apply here
	told    bool // there is a report to read answers off
}

// step is one question.
type step struct {
	check    *checks.Check
	status   checks.Status
	reason   string
	findings []*checks.Finding
	subjects int // what it was asked about
}

// NewGuide returns the screen that open asks for: Object opens a diagnosis by its name.
func NewGuide(d ui.Deps, open ui.OpenMsg, m *Memory, all []Diagnosis) *Guide {
	s := &Guide{memory: m, all: all}
	m.prober, _ = d.Tracer.(Prober)
	s.Listing = ui.NewListing(ui.ListingParams[*path]{
		Deps: d, Open: open, ID: "guide", Title: "Guide", Noun: "question",
		Topics:  []hosts.Topic{hosts.TopicUnits, hosts.TopicRoutes, hosts.TopicServices, hosts.TopicProbes, hosts.TopicDatabases, hosts.TopicSymptoms, hosts.TopicPorts},
		Columns: guideColumns(func() *themes.Glyphs { return &s.Deps.Styles.Glyphs }),
		Rows:    s.rows,
		Trouble: func(p *path) bool { return len(p.causes) > 0 },
		Is:      func(p *path, object string) bool { return p.d.ID == object },
		Details: func(x *path, p *ui.Page) { walk(x, m, s.Snap, s.deps(), p) },
		Name:    func(p *path) string { return p.d.Symptom },
		Heading: func() string { return "what is the trouble?" },
		Note:    s.note, Empty: func() ui.Notice { return ui.Loading(s.Deps.Styles, "checks") }, Actions: s.actions,
	})
	s.Table.SortBy("answer", true)
	s.Rebuild()
	return s
}

func (s *Guide) deps() ui.Deps { return s.Deps }

// Init asks the checks at once.
func (s *Guide) Init() tea.Cmd {
	return tea.Batch(s.Listing.Init(), s.memory.ask(s.Snap, s.Deps.Now(), false))
}

// Show asks the checks more often while the screen is on display.
func (s *Guide) Show(visible bool) tea.Cmd {
	s.memory.watched = visible
	return tea.Batch(s.Listing.Show(visible), s.memory.ask(s.Snap, s.Deps.Now(), false))
}

// Update takes what the root hands on.
func (s *Guide) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case ranMsg:
		if s.memory.take(m, s.Deps.Now()) {
			s.Rebuild()
		}
		return nil
	case askedMsg:
		if !s.memory.heard(m) {
			return nil
		}
		s.Rebuild()
		return s.memory.ask(s.Snap, s.Deps.Now(), true)
	case ui.SnapshotMsg, ui.TickMsg:
		return tea.Batch(s.Listing.Update(msg), s.memory.ask(s.Snap, s.Deps.Now(), false))
	}
	return s.Listing.Update(msg)
}

func (s *Guide) note() (string, bool) {
	if s.memory.report == nil {
		return "asking", false
	}
	return "checked " + ui.Age(s.Now.Sub(s.memory.at)) + " ago", false
}

func (s *Guide) rows() []ui.Row[*path] {
	if s.list == nil || s.of != s.memory.report {
		s.of, s.list = s.memory.report, nil
		for i := range s.all {
			s.list = append(s.list, s.path(&s.all[i]))
		}
	}
	out := make([]ui.Row[*path], 0, len(s.list))
	gen := s.memory.gen
	for _, p := range s.list {
		out = append(out, ui.Row[*path]{ID: p.d.ID, Version: gen<<16 | uint64(len(p.causes))<<8 | uint64(p.unknown&255), Value: p})
	}
	return out
}

// path collects what the report says to the questions of a diagnosis.
func (s *Guide) path(d *Diagnosis) *path {
	p := &path{d: d}
	if s.memory.report == nil {
		return p
	}
	p.told = true
	for i := range d.Checks {
		st := s.step(&d.Checks[i])
		p.steps = append(p.steps, st)
		switch st.status {
		case checks.Found:
			p.asked++
			for _, f := range st.findings {
				if f.Severity > checks.Info && f.Under == "" && f.Mute == nil {
					p.causes = append(p.causes, f)
				}
			}
		case checks.Unknown:
			p.asked++
			p.unknown++
		case checks.OK:
			p.asked++
		}
	}
	slices.SortStableFunc(p.causes, func(a, b *checks.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return p
}

// step joins the answers of one check about all subjects: a finding anywhere counts most, then what
// could not be told.
func (s *Guide) step(c *checks.Check) step {
	st := step{check: c, status: checks.Skipped}
	for i := range s.memory.report.Answers {
		a := &s.memory.report.Answers[i]
		if a.Check.ID != c.ID || s.Open.Narrows(a.Host) && a.Host != "" {
			continue
		}
		if a.Status != checks.Skipped {
			st.subjects++
		}
		for j := range a.Findings {
			if f := &a.Findings[j]; f.Status == checks.Found && (!s.Open.Narrows(f.Host) || f.Host == "") {
				st.findings = append(st.findings, f)
			}
		}
		if weight(a.Status) > weight(st.status) || st.reason == "" && a.Status == st.status {
			st.status, st.reason = a.Status, a.Reason
			if a.Status == checks.Unknown && a.Host != "" {
				st.reason = a.Host + ": " + a.Reason
			}
		}
	}
	return st
}

func weight(s checks.Status) int {
	switch s {
	case checks.Found:
		return 4
	case checks.Unknown:
		return 3
	case checks.Muted:
		return 2
	case checks.OK:
		return 1
	}
	return 0
}

func (p *path) answer(g *themes.Glyphs) ui.Cell {
	switch {
	case !p.told:
		return ui.Cell{Text: "asking", Role: themes.Muted, Glyph: g.Pending, GlyphRole: themes.Muted}
	case len(p.causes) > 0:
		role := themes.Warn
		glyph := g.Warn
		if p.causes[0].Severity >= checks.Error {
			role, glyph = themes.Bad, g.Bad
		}
		return ui.Cell{Text: ui.Count(len(p.causes), "cause"), Role: role, Glyph: glyph, GlyphRole: role}
	case p.asked == 0:
		return ui.Cell{Text: "nothing here", Role: themes.Faint, Glyph: g.Stopped, GlyphRole: themes.Faint}
	case p.unknown > 0:
		return ui.Cell{Text: "not all known", Role: themes.Unknown, Glyph: g.Unknown, GlyphRole: themes.Unknown}
	}
	return ui.Cell{Text: "not the cause", Role: themes.OK, Glyph: g.OK, GlyphRole: themes.OK}
}

func (p *path) rank() int {
	switch {
	case len(p.causes) > 0:
		return 10 + int(p.causes[0].Severity)
	case p.unknown > 0:
		return 5
	case p.asked > 0:
		return 3
	}
	return 0
}

func guideColumns(g func() *themes.Glyphs) []ui.Column[*path] {
	return []ui.Column[*path]{
		{
			ID: "symptom", Title: "it is said that", Min: 28, Grow: true, Filter: true,
			Cell:    func(p *path) ui.Cell { return ui.Cell{Text: p.d.Symptom} },
			Compare: func(a, b *path) int { return strings.Compare(a.d.Symptom, b.d.Symptom) },
		},
		{
			ID: "answer", Title: "answer", Min: 15, Max: 16, Filter: true, Desc: true,
			Cell:    func(p *path) ui.Cell { return p.answer(g()) },
			Compare: func(a, b *path) int { return cmp.Compare(a.rank(), b.rank()) },
		},
		{
			ID: "title", Title: "which would be", Min: 16, Max: 46, Priority: 3, Filter: true, Optional: true,
			Cell: func(p *path) ui.Cell { return ui.Cell{Text: p.d.Title, Role: themes.Muted} },
		},
		{
			ID: "name", Title: "diagnosis", Min: 10, Max: 24, Priority: 5, Filter: true, Optional: true,
			Cell: func(p *path) ui.Cell { return ui.Cell{Text: p.d.ID, Role: themes.Faint} },
		},
	}
}

// walk writes the questions with their answers, and what follows from them.
func walk(x *path, m *Memory, snap *hosts.Snapshot, d ui.Deps, p *ui.Page) {
	g := &p.Styles().Glyphs
	p.Field("symptom", x.d.Symptom, themes.Strong)
	p.Field("question", x.d.Title, themes.Text)
	if len(x.causes) > 0 {
		f := x.causes[0]
		p.Head("Cause", "", false)
		p.Field(f.Severity.String(), f.Title, themes.Bad)
		p.Field("where", report.Place(f), themes.Text)
		for _, e := range f.Evidence {
			p.Field("seen", strings.TrimSpace(e.Text), themes.Text)
			p.Field("", source(e, d.Now()), themes.Faint)
		}
		around(f, snap, p)
		p.Head("Fix", "", false)
		for _, l := range strings.Split(f.Fix, "\n") {
			p.Line(themes.Accent, l)
		}
		p.Field("proved by", f.Verify, themes.Text)
		m.mendable(f, p)
		if len(x.causes) > 1 {
			p.Head("Further causes", itoa(len(x.causes)-1), false)
			for _, f := range x.causes[1:] {
				p.Line(themes.Text, g.Warn+" "+report.Place(f)+": "+f.Title)
			}
		}
	}
	m.heardOf(x.d.ID, d.Now(), p)
	p.Head("What was asked", "", false)
	if !x.told {
		p.Line(themes.Muted, "nothing answers yet")
	}
	for i, st := range x.steps {
		glyph, role, word := verdictOf(st, g)
		p.Line(role, glyph+" "+itoa(i+1)+". "+st.check.Title+": "+word)
		for _, f := range st.findings {
			p.Line(themes.Muted, "     "+report.Place(f)+": "+f.Title)
		}
	}
}

func verdictOf(st step, g *themes.Glyphs) (glyph string, role themes.Role, word string) {
	switch st.status {
	case checks.Found:
		for _, f := range st.findings {
			if f.Severity > checks.Info {
				return g.Bad, themes.Bad, "yes"
			}
		}
		return g.Info, themes.Info, "a remark"
	case checks.Unknown:
		return g.Unknown, themes.Unknown, "cannot be told: " + st.reason
	case checks.Muted:
		return g.Paused, themes.Faint, "yes, and muted"
	case checks.OK:
		return g.OK, themes.OK, "no, looked at " + ui.Count(st.subjects, "place")
	}
	return g.Stopped, themes.Faint, "does not apply: " + st.reason
}

func (s *Guide) actions() []ui.Action {
	first := func(run func(f *checks.Finding) tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd {
			r, _ := s.Table.Selected()
			return run(r.Value.causes[0])
		}
	}
	none := func() string {
		if r, ok := s.Table.Selected(); !ok || len(r.Value.causes) == 0 {
			return "no cause was found"
		}
		return ""
	}
	act := func(id, title string, run func(f *checks.Finding) tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("guide."+id, "Question", title, first(run), keys...)
		a.Disabled = none
		return a
	}
	var mends []ui.Action
	if s.memory.Plan != nil {
		mends = append(mends, act("mend", "plan the mend", s.memory.planMend, "x"))
	}
	if s.memory.prober != nil {
		mends = append(mends, s.probeAction())
	}
	return append(mends, []ui.Action{
		act("finding", "the finding", func(f *checks.Finding) tea.Cmd {
			return ui.Open(ui.OpenMsg{Screen: "checks", Host: s.Open.Host, Object: f.ID()})
		}, "f"),
		act("open", "go there", func(f *checks.Finding) tea.Cmd {
			if m, ok := target(f); ok {
				return ui.Open(m)
			}
			return ui.Toast(hosts.LevelInfo, "no screen shows "+ui.Clean(f.Object))
		}, "o"),
		act("copy", "copy as Markdown", func(f *checks.Finding) tea.Cmd { return ui.Copy(s.Deps, "the finding", report.Copy(f)) }, "y"),
		ui.Act("guide.rerun", "Show", "ask again", func() tea.Cmd { return s.memory.ask(s.Snap, s.Deps.Now(), true) }, "R"),
	}...)
}

var (
	_ ui.Screen = (*Guide)(nil)
	_ ui.Backer = (*Guide)(nil)
	_ ui.Shower = (*Guide)(nil)
)
