package runs

import (
	"context"
	"errors"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Deploys lists the definitions with what runs where.
type Deploys struct {
	*ui.Listing[*item]
	d       Deps
	ctx     context.Context //nolint:containedctx // ends with Close
	stop    context.CancelFunc
	visible bool

	gen     uint64 // of what was asked last
	defs    []*deploy.Definition
	defsErr error
	defined bool // the definitions have been read
	over    map[string]*run.Overview
	overErr error
	overAt  time.Time // when the overview came; zero: never
	asked   time.Time // when it was asked for
	reading bool
	part    bool // the overview came with an error: not all of it is there
}

// item is one row: a deploy, or a fault of a file that is none.
type item struct {
	name  string
	def   *deploy.Definition // nil when only the targets know of it
	over  *run.Overview      // nil while it is being read
	fault string             // of a file that could not be read as a definition
	unk   string             // why the overview is not known
}

const brokenGroup = "files with faults"

func newDeploys(d Deps, open ui.OpenMsg) *Deploys {
	s := &Deploys{d: d}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.Listing = ui.NewListing(ui.ListingParams[*item]{
		Deps: d.Deps, Open: open, ID: screenID, Title: "Deploys", Noun: "deploy",
		Columns:   deployColumns(s),
		GroupCell: func(g string, _ []*item) ui.Cell { return ui.Cell{Text: g, Role: themes.Bad} },
		Rows:      s.rows,
		Trouble:   func(it *item) bool { return it.rank() > 1 },
		Is:        func(it *item, object string) bool { return it.name == object },
		Details:   s.details,
		Name:      (*item).title,
		Age:       func(*item) (string, bool) { return s.note() },
		Heading:   s.heading,
		Note:      s.note, Empty: s.empty, Actions: s.actions, Refresh: s.refresh,
	})
	s.Rebuild()
	return s
}

// Init reads the definitions and what runs where.
func (s *Deploys) Init() tea.Cmd { return tea.Batch(s.Listing.Init(), s.read()) }

// definedMsg brings the definitions. The error is what is wrong in the files that are not among them.
type definedMsg struct {
	owner *Deploys
	gen   uint64
	defs  []*deploy.Definition
	err   error
}

// overviewMsg brings what runs where, which takes as long as the hosts take.
type overviewMsg struct {
	owner *Deploys
	gen   uint64
	over  []run.Overview
	err   error
	at    time.Time
}

func readDefinitions(ctx context.Context, owner *Deploys, gen uint64, svc Reader) tea.Cmd {
	return func() tea.Msg {
		defs, err := svc.Definitions(ctx)
		return definedMsg{owner, gen, defs, err}
	}
}

func readOverview(ctx context.Context, owner *Deploys, gen uint64, svc Reader, now func() time.Time) tea.Cmd {
	return func() tea.Msg {
		over, err := svc.Overview(ctx)
		return overviewMsg{owner, gen, over, err, now()}
	}
}

// read asks for both, unless an answer is awaited.
func (s *Deploys) read() tea.Cmd {
	if s.d.Service == nil || s.reading {
		return nil
	}
	s.reading, s.asked = true, s.d.Now()
	s.gen++
	return tea.Batch(readDefinitions(s.ctx, s, s.gen, s.d.Service), readOverview(s.ctx, s, s.gen, s.d.Service, s.d.Now))
}

func (s *Deploys) refresh() tea.Cmd {
	if s.d.Service == nil {
		return ui.Toast(hosts.LevelWarn, s.why())
	}
	return tea.Batch(s.read(), ui.Toast(hosts.LevelInfo, "reading definitions and targets"))
}

func (s *Deploys) why() string {
	if s.d.Why != "" {
		return s.d.Why
	}
	return "nothing can be deployed here"
}

// every is how often what runs where is read while the screen is on display.
const every = time.Minute

// Show reads anew what may have changed while the screen was not on display.
func (s *Deploys) Show(visible bool) tea.Cmd {
	s.visible = visible
	cmd := s.Listing.Show(visible)
	const fresh = 5 * time.Second
	if visible && s.defined && s.d.Now().Sub(s.asked) >= fresh {
		return tea.Batch(cmd, s.read())
	}
	return cmd
}

// Update takes what the root hands on.
func (s *Deploys) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case definedMsg:
		if m.owner == s && m.gen == s.gen && !errors.Is(m.err, context.Canceled) {
			s.defs, s.defsErr, s.defined = m.defs, m.err, true
			s.Rebuild()
		}
		return nil
	case overviewMsg:
		if m.owner == s && m.gen == s.gen {
			s.overviewed(m)
		}
		return nil
	case heldMsg:
		if m.owner == s {
			return s.held(m)
		}
		return nil
	case startedMsg:
		s.asked = time.Time{} // what runs where is about to be another
		return nil
	case followedMsg:
		if m.state.Phase.Ended() {
			s.asked = time.Time{}
		}
		return nil
	case ui.TickMsg:
		if cmd := s.Listing.Update(msg); s.visible && m.At.Sub(s.asked) >= every {
			return tea.Batch(cmd, s.read())
		}
		return nil
	}
	return s.Listing.Update(msg)
}

func (s *Deploys) overviewed(m overviewMsg) {
	// Whoever reads the targets reads the files first: what is wrong in those has rows of its own.
	err := besides(m.err, s.defsErr)
	s.reading, s.overErr, s.part = false, err, err != nil && len(m.over) > 0
	if err == nil || len(m.over) > 0 {
		s.overAt = m.at
		s.over = make(map[string]*run.Overview, len(m.over))
		for i := range m.over {
			s.over[m.over[i].Name] = &m.over[i]
		}
	}
	s.Rebuild()
}

// rows are the definitions, what the targets know beside them, and the faults of files.
func (s *Deploys) rows() []ui.Row[*item] {
	var out []ui.Row[*item]
	seen := map[string]bool{}
	add := func(it *item) {
		if it.over == nil && s.overErr != nil {
			it.unk = oneLine(s.overErr.Error())
		}
		seen[it.name] = true
		out = append(out, ui.Row[*item]{ID: it.name, Value: it})
	}
	for _, def := range s.defs {
		add(&item{name: def.Name, def: def, over: s.over[def.Name]})
	}
	if s.over != nil {
		for _, o := range sortedOverviews(s.over) {
			if !seen[o.Name] {
				add(&item{name: o.Name, over: o})
			}
		}
	}
	for i, f := range faultLines(s.defsErr) {
		out = append(out, ui.Row[*item]{ID: "fault " + itoa(i) + " " + f, Group: brokenGroup, Value: &item{name: f, fault: f}})
	}
	return out
}

func (s *Deploys) heading() string {
	if !s.defined {
		return ""
	}
	text := itoa(len(s.defs))
	if n := len(faultLines(s.defsErr)); n > 0 && len(s.defs) > 0 {
		text += " " + s.d.Styles.Glyphs.Separator + " " + ui.Count(n, "fault") + " in files"
	}
	return text
}

func (s *Deploys) note() (string, bool) {
	switch {
	case s.d.Service == nil:
		return "", false
	case s.overErr != nil && s.overAt.IsZero():
		return "versions unknown: " + oneLine(s.overErr.Error()), true
	case s.part:
		return ui.AgeOf(s.overAt, s.Now) + " ago, in part: " + oneLine(s.overErr.Error()), true
	case s.overErr != nil:
		return "stale " + ui.AgeOf(s.overAt, s.Now) + ": " + oneLine(s.overErr.Error()), true
	case s.overAt.IsZero():
		return "reading", false
	}
	return ui.AgeOf(s.overAt, s.Now) + " ago", s.Now.Sub(s.overAt) > 3*every
}

// empty says where definitions go, with the least one.
func (s *Deploys) empty() ui.Notice {
	st := s.d.Styles
	switch {
	case s.d.Service == nil:
		return ui.Empty(st, "no deploys here", s.why())
	case !s.defined:
		return ui.Loading(st, "definitions")
	}
	dir := s.d.Dir
	if dir == "" {
		return ui.Empty(st, "no deploys are defined", s.d.None)
	}
	return ui.Empty(st, "no deploys are defined", "one file each, "+dir+"/web.toml, a line each: "+strings.ReplaceAll(example, "\n", "  "))
}

// example is the least definition there is.
const example = `name = "web"
env = "staging"
[targets.web]
hosts = ["web-1"]
[[step]]
id = "restart"
kind = "systemd"
on = "web"
units = ["web.service"]
op = "restart"`

// Close ends what is being read.
func (s *Deploys) Close() {
	s.Listing.Close()
	s.stop()
}

// PaneActions are those of the details, and of the other screens of this tab.
func (s *Deploys) PaneActions() [][]ui.Action {
	lists := s.Listing.PaneActions()
	for _, object := range []string{Object(kindPlan, "x"), Object(kindUndo, "x"), Object(kindRun, "x"), Object(kindHistory, ""), Object(kindBack, "x")} {
		o := New(s.d, ui.OpenMsg{Screen: screenID, Object: object})
		lists = append(lists, o.Actions())
		if p, ok := o.(ui.Paned); ok {
			lists = append(lists, p.PaneActions()...)
		}
		o.Close()
	}
	return lists
}

var (
	_ ui.Screen = (*Deploys)(nil)
	_ ui.Backer = (*Deploys)(nil)
	_ ui.Shower = (*Deploys)(nil)
	_ ui.Paned  = (*Deploys)(nil)
)
