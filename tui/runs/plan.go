package runs

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Plan shows what a run would do and what the way back would be, step by step and host by host, and
// starts it.
type Plan struct {
	d    Deps
	open ui.OpenMsg
	ctx  context.Context //nolint:containedctx // ends with Close
	stop context.CancelFunc
	name string // of the deploy, or of the run to take back
	undo bool
	now  time.Time
	snap *hosts.Snapshot
	w, h int

	opts     run.Options
	gen      uint64
	reading  bool
	asked    time.Time
	plan     *run.Plan
	err      error // of the last reading
	out      *outline
	backward bool // the way back alone, in the order it is taken

	starting bool
	refused  error  // of the last start
	started  string // id of the run that was started
}

func newPlan(d Deps, open ui.OpenMsg, name string, undo bool) *Plan {
	s := &Plan{d: d, open: open, name: name, undo: undo, now: d.Now(), snap: &hosts.Snapshot{}, out: newOutline(d.Styles)}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.opts.Bad = undo // what a rollback leaves behind is not offered again
	if open.Host != "" {
		s.opts.Only = []string{open.Host}
	}
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// plannedMsg brings a plan.
type plannedMsg struct {
	owner *Plan
	gen   uint64
	plan  *run.Plan
	err   error
}

// startedMsg says that a run began, or why it did not. The list of deploys hears it too.
type startedMsg struct {
	owner *Plan
	id    string
	err   error
}

func readPlan(ctx context.Context, owner *Plan, gen uint64, svc Planner, name string, undo bool, o run.Options) tea.Cmd {
	return func() tea.Msg {
		read := svc.Plan
		if undo {
			read = svc.PlanRollback
		}
		p, err := read(ctx, name, o)
		return plannedMsg{owner, gen, p, err}
	}
}

func startRun(ctx context.Context, owner *Plan, svc Planner, p *run.Plan, o run.Options) tea.Cmd {
	return func() tea.Msg {
		id, err := svc.Start(ctx, p, o)
		return startedMsg{owner, id, err}
	}
}

// Init reads the plan.
func (s *Plan) Init() tea.Cmd { return s.read() }

func (s *Plan) read() tea.Cmd {
	if s.d.Service == nil {
		return nil
	}
	s.gen++
	s.reading, s.asked = true, s.d.Now()
	return readPlan(s.ctx, s, s.gen, s.d.Service, s.name, s.undo, s.opts)
}

// change plans again with other options.
func (s *Plan) change(f func(*run.Options)) tea.Cmd {
	f(&s.opts)
	return s.read()
}

// Update takes what the root hands on.
func (s *Plan) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case plannedMsg:
		if m.owner == s && m.gen == s.gen && !errors.Is(m.err, context.Canceled) {
			s.planned(m)
		}
	case startedMsg:
		if m.owner == s {
			return s.begun(m)
		}
	case ui.SnapshotMsg:
		s.snap = m.Snapshot
	case ui.TickMsg:
		s.now = m.At
	case tea.MouseMsg:
		top := len(s.header(max(1, s.w-ui.FrameW))) + 1
		if s.out.mouse(m, m.Y-top) {
			s.toggle()
		}
	case ui.ThemeChangedMsg:
		s.d.Styles, s.out.st = m.Styles, m.Styles
		s.rows()
	}
	return nil
}

func (s *Plan) planned(m plannedMsg) {
	s.reading, s.err = false, m.err
	if m.err == nil && m.plan != nil {
		s.plan, s.refused, s.started = m.plan, nil, ""
		s.now = s.d.Now()
	}
	s.rows()
}

// begun opens the run, and has the desk follow it.
func (s *Plan) begun(m startedMsg) tea.Cmd {
	s.starting, s.refused = false, m.err
	s.rows()
	if m.err != nil {
		return ui.Toast(hosts.LevelError, "not started: "+oneLine(m.err.Error()))
	}
	s.started = m.id
	return tea.Batch(s.d.Desk.follow(m.id), ui.Open(OpenRun(m.id)))
}

// obstacle says why the plan cannot be started, "" when it can.
func (s *Plan) obstacle() string {
	switch {
	case s.d.Service == nil:
		return "nothing can be deployed here"
	case s.plan == nil && s.err != nil:
		return "there is no plan: " + oneLine(s.err.Error())
	case s.plan == nil:
		return "the plan is being read"
	case s.starting:
		return "it is being started"
	case s.started != "":
		return "it was started as run " + ui.Clean(s.started) + "; r plans anew"
	case s.reading:
		return "the plan is being read again"
	case s.err != nil:
		return "the plan could not be read again: " + oneLine(s.err.Error())
	case len(s.plan.Faults) > 0:
		return oneLine(s.plan.Faults[0])
	}
	return ""
}

// SetSize gives the screen its cells.
func (s *Plan) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

func (s *Plan) fit() {
	inner := max(0, s.w-ui.FrameW)
	s.out.setSize(inner, max(0, s.h-ui.FrameH-len(s.header(inner))))
}

// Title names the screen in the trail.
func (s *Plan) Title() string {
	switch {
	case s.undo:
		return "roll back " + ui.Clean(s.name)
	case s.plan != nil && s.plan.Deploy != nil:
		return "plan " + ui.Clean(s.plan.Deploy.Name)
	}
	return "plan " + ui.Clean(s.name)
}

// Capturing is false: dialogs of the root ask what is to be typed.
func (s *Plan) Capturing() bool { return false }

// Back closes what is open.
func (s *Plan) Back() bool {
	if s.backward {
		s.backward = false
		s.rows()
		return true
	}
	return false
}

// Close ends the reading of the plan, never a run.
func (s *Plan) Close() { s.stop() }

// minW and minH are what the screens of this package need.
const minW, minH = 40, 8

// View draws the screen.
func (s *Plan) View() string {
	if s.w < minW || s.h < minH {
		return ui.TooSmall(s.w, s.h, minW, minH)
	}
	st := s.d.Styles
	f := ui.Frame{Title: s.frameTitle(), Focus: true, Footer: s.out.position()}
	f.Note, f.Stale = s.note()
	inner := s.w - ui.FrameW
	if n, ok := s.notice(); ok {
		return ui.Join(f.Lines(st, s.w, s.h, n.Lines(st, inner, s.h-ui.FrameH)), s.w, s.h)
	}
	head := s.header(inner)
	if s.out.h != max(0, s.h-ui.FrameH-len(head)) {
		s.fit()
		f.Footer = s.out.position()
	}
	return ui.Join(f.Lines(st, s.w, s.h, append(head, s.out.view()...)), s.w, s.h)
}

func (s *Plan) frameTitle() string {
	what := "Plan of " + ui.Clean(s.name)
	if s.undo {
		what = "Taking back " + ui.Clean(s.name)
	}
	if s.plan != nil && s.plan.Deploy != nil {
		what = "Plan of " + ui.Clean(s.plan.Deploy.Name)
		if s.undo {
			what = "Taking back " + ui.Clean(s.plan.Deploy.Name) + " run " + ui.Clean(s.name)
		}
	}
	return what
}

// oldPlan is the age from which a plan is marked: what it saw is compared again when it is started.
const oldPlan = 5 * time.Minute

func (s *Plan) note() (string, bool) {
	switch {
	case s.d.Service == nil:
		return "", false
	case s.reading && s.plan != nil:
		return "reading again", false
	case s.plan == nil:
		return "", false
	case s.err != nil:
		return "stale " + ui.AgeOf(s.plan.Made, s.now), true
	}
	age := s.now.Sub(s.plan.Made)
	return "made " + ui.Age(age) + " ago", age >= oldPlan
}

// notice is what stands in place of a plan that is not there.
func (s *Plan) notice() (ui.Notice, bool) {
	st := s.d.Styles
	switch {
	case s.d.Service == nil:
		return ui.Empty(st, "no deploys here", s.d.Why), true
	case s.plan != nil:
		return ui.Notice{}, false
	case s.err != nil:
		n := ui.Failed(st, "plan", oneLine(s.err.Error()), "")
		n.Hint += "; r tries again"
		return n, true
	}
	n := ui.Loading(st, "what each step would change")
	n.Hint = "nothing is changed by it; " + ui.Age(max(0, s.now.Sub(s.asked))) + " so far"
	return n, true
}

// header is the verdict on the plan, and the titles of the columns.
func (s *Plan) header(w int) []string {
	if s.plan == nil {
		return nil
	}
	st := s.d.Styles
	p := s.plan
	pal := &st.Normal
	sep := " " + st.Glyphs.Separator + " "
	env, about := "", ""
	if p.Deploy != nil {
		env, about = ui.Clean(p.Deploy.Env), oneLine(p.Deploy.About)
	}
	kind := "deploy"
	if s.undo {
		kind = "rollback"
	}
	first := kind + sep + ui.Count(len(p.Steps), "step") + " on " + ui.Count(len(p.Hosts), "host")
	if env != "" {
		first = env + sep + first
	}
	if len(p.Fingerprint) > 0 {
		first += sep + "plan " + ui.Slice(ui.Clean(p.Fingerprint), 0, min(10, ui.Width(ui.Clean(p.Fingerprint))))
	}
	if about != "" {
		first += sep + about
	}
	out := []string{paint(pal, w, seg{themes.Text, " "}, seg{themes.Muted, first}), s.verdict(w)}
	if o := s.chosen(sep); o != "" {
		out = append(out, paint(pal, w, seg{themes.Text, " "}, seg{themes.Accent, o}))
	}
	return append(out, s.columnTitles(w))
}

// verdict says in one line whether the plan can be started, and what it takes.
func (s *Plan) verdict(w int) string {
	st := s.d.Styles
	g := &st.Glyphs
	pal := &st.Normal
	say := func(role themes.Role, glyph, text string) string {
		return paint(pal, w, seg{themes.Text, " "}, seg{role, glyph + " " + text})
	}
	p := s.plan
	switch {
	case s.started != "":
		return say(themes.Info, g.Running, "started as run "+ui.Clean(s.started)+": o opens it, r plans anew")
	case s.starting:
		return say(themes.Info, g.Pending, "starting: what the plan saw is compared with what is there now")
	case s.refused != nil:
		return say(themes.Bad, g.Bad, "not started: "+oneLine(s.refused.Error()))
	case s.err != nil:
		return say(themes.Warn, g.Stale, "could not be read again: "+oneLine(s.err.Error()))
	case len(p.Faults) > 0:
		return say(themes.Bad, g.Bad, ui.Count(len(p.Faults), "fault")+", it cannot be started: "+oneLine(p.Faults[0]))
	}
	var takes []string
	if n := len(p.Consent); n > 0 {
		takes = append(takes, ui.Count(n, "consent"))
	}
	if n := len(p.TypeNames); n > 0 {
		takes = append(takes, ui.Count(n, "name")+" typed")
	}
	if p.TypeWord != "" {
		takes = append(takes, "a schema version typed")
	}
	text := "can be started with S"
	if len(takes) > 0 {
		text += "; takes " + list(takes, ", ")
	}
	if s.d.ReadOnly() {
		return say(themes.Warn, g.Locked, text+"; read-only now, L unlocks")
	}
	return say(themes.OK, g.OK, text)
}

// chosen says which options differ from the plain plan.
func (s *Plan) chosen(sep string) string {
	var out []string
	if len(s.opts.Only) > 0 {
		out = append(out, "only "+list(s.opts.Only, ", "))
	}
	if s.opts.FromStep != "" {
		out = append(out, "from step "+ui.Clean(s.opts.FromStep))
	}
	if len(s.opts.Steps) > 0 {
		out = append(out, "only step "+list(s.opts.Steps, ", "))
	}
	if s.opts.Queue {
		out = append(out, "waits for the lock")
	}
	if s.opts.Takeover {
		out = append(out, "takes a stale lock over")
	}
	if s.undo && s.opts.Bad {
		out = append(out, "what it leaves behind is marked bad")
	}
	return list(out, sep)
}

var (
	_ ui.Screen = (*Plan)(nil)
	_ ui.Backer = (*Plan)(nil)
)
