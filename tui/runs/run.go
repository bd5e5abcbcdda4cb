package runs

import (
	"context"
	"errors"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/tui/ui"
)

// Run shows one run as it goes: its steps, their hosts, what they say, and what they ask. It is drawn from
// the run's state alone.
type Run struct {
	d    Deps
	ctx  context.Context //nolint:containedctx // ends with Close
	stop context.CancelFunc
	id   string
	now  time.Time
	snap *hosts.Snapshot
	w, h int

	state run.State
	gen   uint64
	loop  uint64    // which chain of waiting is ours
	known bool      // a state has come
	at    time.Time // when the last one did
	fault error     // why no newer one comes

	out    *outline
	follow bool // the cursor goes with the run

	pane    *ui.Viewer
	tail    tail
	details bool // the pane shows what is known of the step instead of its output
	full    bool // the pane has the whole screen
	hidden  bool

	prompt *prompt
	ask    string          // id of the question shown
	sent   map[string]bool // questions that were answered and are still open
	verb   string          // what the run is being told
}

func newRun(d Deps, id string) *Run {
	s := &Run{
		d: d, id: id, now: d.Now(), snap: &hosts.Snapshot{}, out: newOutline(d.Styles), follow: true, pane: ui.NewViewer(d.Styles),
		sent: map[string]bool{},
	}
	s.ctx, s.stop = context.WithCancel(d.Context)
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// stateMsg brings a newer state of the run to its screen.
type stateMsg struct {
	owner *Run
	loop  uint64
	gen   uint64
	state run.State
	err   error
}

func waitState(ctx context.Context, owner *Run, loop uint64, svc Reader, id string, gen uint64, pause time.Duration) tea.Cmd {
	return func() tea.Msg {
		st, next, err := nextState(ctx, svc, id, gen, pause)
		if ctx.Err() != nil {
			return nil
		}
		return stateMsg{owner, loop, next, st, err}
	}
}

// Init begins to watch the run, and has the desk follow it.
func (s *Run) Init() tea.Cmd { return tea.Batch(s.d.Desk.follow(s.id), s.watch()) }

// watch starts a new chain of waiting; an older one ends at its next message.
func (s *Run) watch() tea.Cmd {
	if s.d.Service == nil {
		return nil
	}
	s.loop++
	return waitState(s.ctx, s, s.loop, s.d.Service, s.id, s.gen, 0)
}

// Update takes what the root hands on.
func (s *Run) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		return s.key(m)
	case stateMsg:
		if m.owner == s && m.loop == s.loop {
			return s.came(m)
		}
	case outputMsg:
		if m.owner == s {
			return s.said(m)
		}
	case toldMsg:
		if m.owner == s {
			return s.told(m)
		}
	case ui.SnapshotMsg:
		s.snap = m.Snapshot
	case ui.TickMsg:
		s.now = m.At
		if s.details {
			s.drawPane()
		}
	case tea.MouseMsg:
		return s.mouse(m)
	case ui.ThemeChangedMsg:
		s.d.Styles, s.out.st = m.Styles, m.Styles
		s.pane.SetStyles(m.Styles)
		s.rows()
	}
	return nil
}

// key edits the answer that is being given.
func (s *Run) key(m tea.KeyMsg) tea.Cmd {
	if s.prompt == nil {
		return nil
	}
	p := s.prompt
	cmd, over := p.key(m)
	if over && s.prompt == p {
		s.prompt = nil
		s.fit()
	}
	return cmd
}

// came takes a newer state, or why there is none.
func (s *Run) came(m stateMsg) tea.Cmd {
	if m.err != nil {
		s.fault = m.err
		return waitState(s.ctx, s, s.loop, s.d.Service, s.id, s.gen, retryPause)
	}
	s.state, s.gen, s.known, s.fault = m.state, m.gen, true, nil
	s.at, s.now = s.d.Now(), s.d.Now()
	for id := range s.sent {
		if s.question(id) == nil {
			delete(s.sent, id)
		}
	}
	s.rows()
	return tea.Batch(s.listen(), waitState(s.ctx, s, s.loop, s.d.Service, s.id, s.gen, framePause))
}

// toldMsg says how an order or an answer was taken.
type toldMsg struct {
	owner    *Run
	what     string // "pause", "answer"
	question string
	err      error
}

func tell(ctx context.Context, owner *Run, svc Driver, id string, o run.Order) tea.Cmd {
	return func() tea.Msg { return toldMsg{owner: owner, what: o.Verb, err: svc.Order(ctx, id, o)} }
}

func answer(ctx context.Context, owner *Run, svc Driver, id, question string, a step.Answer) tea.Cmd {
	return func() tea.Msg {
		return toldMsg{owner: owner, what: "answer", question: question, err: svc.Answer(ctx, id, question, a)}
	}
}

func resume(ctx context.Context, owner *Run, svc Driver, id string, o run.Options) tea.Cmd {
	return func() tea.Msg { return toldMsg{owner: owner, what: "resume", err: svc.Resume(ctx, id, o)} }
}

func (s *Run) told(m toldMsg) tea.Cmd {
	s.verb = ""
	s.fit()
	switch {
	case m.err != nil && errors.Is(m.err, context.Canceled):
		return nil
	case m.err != nil:
		delete(s.sent, m.question)
		return ui.Toast(hosts.LevelError, m.what+": "+oneLine(m.err.Error()))
	case m.what == "resume":
		return tea.Batch(s.d.Desk.follow(s.id), s.watch(), ui.Toast(hosts.LevelInfo, "the run goes on"))
	case m.what == "answer":
		return nil // the state shows it
	}
	return ui.Toast(hosts.LevelInfo, m.what+" is told to the run")
}

// tellRun orders something; the order outlives the screen.
func (s *Run) tellRun(o run.Order) tea.Cmd {
	s.verb = o.Verb
	s.fit()
	return tell(s.d.Context, s, s.d.Service, s.id, o)
}

// seen is the moment the state is of: clocks stand still while no newer one can be read.
func (s *Run) seen() time.Time {
	if s.fault != nil {
		return s.at
	}
	return s.now
}

// question finds an open question; nil when it is answered.
func (s *Run) question(id string) *run.OpenQuestion {
	for i := range s.state.Questions {
		if s.state.Questions[i].ID == id {
			return &s.state.Questions[i]
		}
	}
	return nil
}

// asked is the question that is shown: the one chosen, else the first that was not answered just now.
func (s *Run) asked() *run.OpenQuestion {
	if q := s.question(s.ask); q != nil && !s.sent[q.ID] {
		return q
	}
	for i := range s.state.Questions {
		if q := &s.state.Questions[i]; !s.sent[q.ID] {
			return q
		}
	}
	return nil
}

// step finds a step; nil when there is none of that id.
func (s *Run) step(id string) *run.StepState {
	for i := range s.state.Steps {
		if s.state.Steps[i].ID == id {
			return &s.state.Steps[i]
		}
	}
	return nil
}

// target is the step and host the pane is about: those under the cursor, and of a step with several
// hosts the one that needs a look most.
func (s *Run) target() (st *run.StepState, host string) {
	id, host := parts(s.out.cursor().of)
	st = s.step(id)
	if st == nil {
		return nil, ""
	}
	if host == anyHost {
		host = ""
		best := -1
		for i := range st.Hosts {
			if n := urgency(st.Hosts[i].State); n > best {
				best, host = n, st.Hosts[i].Host
			}
		}
	}
	return st, host
}

// anyHost stands for all hosts of a step in a ref; "" is this machine.
const anyHost = "*"

func urgency(p run.StepPhase) int {
	switch {
	case troubled(p):
		return 3
	case live(p):
		return 2
	case p != run.StepPending && p != run.StepSkipped:
		return 1
	}
	return 0
}

func hostState(st *run.StepState, host string) *run.HostState {
	for i := range st.Hosts {
		if st.Hosts[i].Host == host {
			return &st.Hosts[i]
		}
	}
	return nil
}

// Title names the screen in the trail.
func (s *Run) Title() string {
	return "run " + ui.Clean(s.id)
}

// Capturing reports that an answer is being given.
func (s *Run) Capturing() bool { return s.prompt != nil }

// Back leaves the whole-screen output.
func (s *Run) Back() bool {
	if s.full {
		s.full = false
		s.fit()
		return true
	}
	return false
}

// Close stops the watching. The run goes on.
func (s *Run) Close() { s.stop() }

var (
	_ ui.Screen = (*Run)(nil)
	_ ui.Backer = (*Run)(nil)
	_ ui.Paned  = (*Run)(nil)
)
