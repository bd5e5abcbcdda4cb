package runs

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// service is a stand-in for the runs: it says what it was given and remembers what it was told. It waits
// where the real one waits.
type service struct {
	mu      sync.Mutex // guards everything below
	changed chan struct{}
	defs    []*deploy.Definition
	defsErr error
	over    []run.Overview
	overErr error
	plan    *run.Plan
	planErr error
	back    []run.Candidate
	backErr error
	runs    []run.State
	listErr error
	state   run.State
	gen     uint64
	nextErr error
	said    map[string]string // output by step and host
	startID string
	refuse  error // what orders, answers and starts end with
	hang    bool  // reading never ends
	told    []string
}

func newService() *service { return &service{changed: make(chan struct{}), said: map[string]string{}} }

// publish gives the run another state.
func (f *service) publish(st run.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.nextErr = st, nil
	f.gen++
	close(f.changed)
	f.changed = make(chan struct{})
}

// cut makes the state unreadable.
func (f *service) cut(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextErr = err
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *service) wait(ctx context.Context) error {
	if f.hang {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (f *service) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, what)
}

func (f *service) Definitions(ctx context.Context) ([]*deploy.Definition, error) {
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.defs, f.defsErr
}

func (f *service) Overview(ctx context.Context) ([]run.Overview, error) {
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	f.note("overview")
	return f.over, f.overErr
}

func (f *service) Plan(ctx context.Context, name string, o run.Options) (*run.Plan, error) {
	f.note("plan " + name + optionText(o))
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.plan, f.planErr
}

func (f *service) PlanRollback(ctx context.Context, id string, o run.Options) (*run.Plan, error) {
	f.note("undo " + id + optionText(o))
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.plan, f.planErr
}

func optionText(o run.Options) string {
	out := ""
	for _, x := range []struct {
		what string
		on   bool
	}{{"consent", o.Consent}, {"queue", o.Queue}, {"takeover", o.Takeover}, {"bad", o.Bad}} {
		if x.on {
			out += " " + x.what
		}
	}
	for what, l := range map[string][]string{"only": o.Only, "steps": o.Steps, "typed": o.Typed} {
		if len(l) > 0 {
			out += " " + what + "=" + strings.Join(l, ",")
		}
	}
	if o.FromStep != "" {
		out += " from=" + o.FromStep
	}
	if o.Word != "" {
		out += " word=" + o.Word
	}
	if o.Reason != "" {
		out += " reason=" + o.Reason
	}
	return out
}

func (f *service) Start(_ context.Context, _ *run.Plan, o run.Options) (string, error) {
	f.note("start" + optionText(o))
	return f.startID, f.refuse
}

func (f *service) Resume(_ context.Context, id string, o run.Options) error {
	f.note("resume " + id + optionText(o))
	return f.refuse
}

func (f *service) Candidates(ctx context.Context, _ string) ([]run.Candidate, error) {
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.back, f.backErr
}

func (f *service) List(ctx context.Context, names []string) ([]run.State, error) {
	f.note(strings.TrimSpace("list " + strings.Join(names, ",")))
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.runs, f.listErr
}

func (f *service) Next(ctx context.Context, _ string, gen uint64) (run.State, uint64, error) {
	for {
		f.mu.Lock()
		st, now, err, changed := f.state, f.gen, f.nextErr, f.changed
		f.mu.Unlock()
		switch {
		case err != nil:
			return run.State{}, gen, err
		case now > gen:
			return st, now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return run.State{}, gen, ctx.Err()
		}
	}
}

func (f *service) Output(_ context.Context, _, step, host string, from int64) ([]byte, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := f.said[step+"@"+host]
	const chunk = 64 << 10
	end := min(int64(len(text)), from+chunk)
	return []byte(text[from:end]), end, nil
}

func (f *service) say(step, host, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said[step+"@"+host] += text
}

func (f *service) Order(_ context.Context, id string, o run.Order) error {
	f.note(strings.Join(strings.Fields("order "+id+" "+o.Verb+" "+o.Step+" "+o.Host+" "+o.Reason), " "))
	return f.refuse
}

func (f *service) Answer(_ context.Context, id, question string, a step.Answer) error {
	word := "no"
	if a.Yes {
		word = "yes"
	}
	f.note(strings.Join(strings.Fields("answer "+id+" "+question+" "+word+" "+a.Choice+" "+a.Comment), " "))
	return f.refuse
}

func (f *service) TakeLock(_ context.Context, name, reason string, force bool, typed []string) error {
	word := ""
	if force {
		word = "by force"
	}
	f.note(strings.Join(strings.Fields("take "+name+" "+reason+" "+word+" "+strings.Join(typed, ",")), " "))
	return f.refuse
}

func (f *service) ReleaseLock(_ context.Context, name string) error {
	f.note("release " + name)
	return f.refuse
}

func (f *service) heard() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.told...)
}

// operator has the lease or not.
type operator struct{ lease hosts.Lease }

func (o *operator) Lease() hosts.Lease { return o.lease }
func (o *operator) Unlock(string, time.Duration) (hosts.Lease, error) {
	return hosts.Lease{}, errors.New("not here")
}
func (o *operator) Lock() {}
func (o *operator) Container(context.Context, string, string, string, string) (string, error) {
	return "", errors.New("not here")
}

// stage is a screen in a bubble of time, with the desk beside it and what came of their commands.
type stage struct {
	t        *testing.T
	svc      *service
	screen   ui.Screen
	desk     *Desk
	deps     Deps
	mu       sync.Mutex // guards inbox
	inbox    []tea.Msg
	toasts   []string
	alerts   []ui.AlertMsg
	opened   []ui.OpenMsg
	confirms []ui.ConfirmMsg
	copied   string
	readOnly bool
}

// options of a stage.
type setting struct {
	svc      *service
	none     bool // there is no service
	object   string
	readOnly bool
	styles   *themes.Styles
	w, h     int
	snap     *hosts.Snapshot
	at       time.Time // when it is; zero: uitest.Now
}

func snapshot() *hosts.Snapshot {
	h := func(name string, prod bool) *hosts.HostFacts {
		return &hosts.HostFacts{Host: hosts.Host{Name: name, Production: prod}, Link: hosts.Link{State: hosts.StateConnected}}
	}
	return &hosts.Snapshot{Gen: 1, At: uitest.Now(), Hosts: []*hosts.HostFacts{h("prod-113", true), h("edge-90", true), h("stage-1", false)}}
}

func newStage(t *testing.T, o setting) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	if o.svc == nil {
		o.svc = newService()
	}
	if o.styles == nil {
		o.styles = uitest.Plain()
	}
	if o.snap == nil {
		o.snap = snapshot()
	}
	if o.w == 0 {
		o.w, o.h = 120, 37
	}
	began := time.Now()
	g := &stage{t: t, svc: o.svc, readOnly: o.readOnly}
	if o.at.IsZero() {
		o.at = uitest.Now()
	}
	now := func() time.Time { return o.at.Add(time.Since(began)) }
	ops := &operator{}
	if !o.readOnly {
		ops.lease = hosts.Lease{Reason: "INC-7", From: now(), Until: now().Add(time.Hour)}
	}
	g.desk = NewDesk(ctx, o.svc)
	g.deps = Deps{
		Deps: ui.Deps{
			Now: now, Styles: o.styles, Context: ctx, Ops: ops, Fleet: &uitest.Fleet{Snap: o.snap, Watching: map[hosts.Topic]int{}},
			Copy: func(text string) error { g.copied = text; return nil },
		},
		Service: o.svc, Desk: g.desk, Dir: "~/.config/midwatch/deploys",
	}
	if o.none {
		g.deps.Service, g.deps.Desk, g.deps.Why = nil, nil, "a capture cannot be deployed to"
	}
	g.screen = New(g.deps, ui.OpenMsg{Screen: screenID, Object: o.object})
	g.screen.SetSize(o.w, o.h)
	g.run(g.screen.Init())
	if s, ok := g.screen.(ui.Shower); ok {
		g.run(s.Show(true))
	}
	g.settle()
	t.Cleanup(g.screen.Close)
	return g
}

// run carries a command out beside the test, as the program does.
func (g *stage) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		m := cmd()
		g.mu.Lock()
		defer g.mu.Unlock()
		g.inbox = append(g.inbox, m)
	}()
}

// settle hands messages on until every command waits for time or for the service.
func (g *stage) settle() {
	for {
		synctest.Wait()
		g.mu.Lock()
		in := g.inbox
		g.inbox = nil
		g.mu.Unlock()
		if len(in) == 0 {
			return
		}
		for _, m := range in {
			g.take(m)
		}
	}
}

func (g *stage) take(m tea.Msg) {
	switch m := m.(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range m {
			g.run(c)
		}
	case ui.ToastMsg:
		g.toasts = append(g.toasts, m.Text)
	case ui.AlertMsg:
		g.alerts = append(g.alerts, m)
	case ui.OpenMsg:
		g.opened = append(g.opened, m)
	case ui.ConfirmMsg:
		g.confirms = append(g.confirms, m)
	default:
		g.run(g.screen.Update(m))
		if g.deps.Desk != nil {
			g.run(g.desk.Update(m))
		}
	}
}

// wait lets time pass.
func (g *stage) wait(d time.Duration) {
	for d > 0 {
		part := min(d, time.Second)
		pass(part)
		d -= part
		g.settle()
		g.take(ui.TickMsg{At: g.deps.Now()})
		g.settle()
	}
}

// keys presses keys as the root hands them on.
func (g *stage) keys(names ...string) {
	g.t.Helper()
	for _, k := range uitest.Keys(names...) {
		switch {
		case g.screen.Capturing():
			g.run(g.screen.Update(k))
		case k.Type == tea.KeyEsc:
			if b, ok := g.screen.(ui.Backer); ok {
				b.Back()
			}
		default:
			cmd, ok := ui.Dispatch(g.screen.Actions(), k, g.readOnly)
			if !ok {
				cmd = g.screen.Update(k)
			}
			g.run(cmd)
		}
		g.settle()
	}
}

func (g *stage) types(text string) {
	for _, r := range text {
		g.keys(string(r))
	}
}

// agree says yes to the last dialog, typing what it wants.
func (g *stage) agree() {
	g.t.Helper()
	if len(g.confirms) == 0 {
		g.t.Fatalf("nothing is asked; toasts %q\n%s", g.toasts, g.view())
	}
	c := g.confirms[len(g.confirms)-1]
	g.run(c.Run(c.Typed))
	g.settle()
}

func (g *stage) view() string {
	lines := strings.Split(g.screen.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (g *stage) has(want ...string) {
	g.t.Helper()
	v := g.view()
	for _, w := range want {
		if !strings.Contains(v, w) {
			g.t.Errorf("%q is not in\n%s", w, v)
		}
	}
}

func (g *stage) hasNot(not ...string) {
	g.t.Helper()
	v := g.view()
	for _, w := range not {
		if strings.Contains(v, w) {
			g.t.Errorf("%q is in\n%s", w, v)
		}
	}
}

func (g *stage) toast(want string) {
	g.t.Helper()
	if !strings.Contains(strings.Join(g.toasts, "\n"), want) {
		g.t.Errorf("no toast says %q: %q", want, g.toasts)
	}
}

// heard wants the last thing the service was told.
func (g *stage) heard(want string) {
	g.t.Helper()
	all := g.svc.heard()
	if len(all) == 0 || all[len(all)-1] != want {
		g.t.Errorf("the service was told %q, want %q last", all, want)
	}
}

func ago(d time.Duration) time.Time { return uitest.Now().Add(-d) }

// pass lets the bubble's time pass, which takes none.
func pass(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // the time of a bubble
