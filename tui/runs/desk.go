package runs

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/tui/ui"
)

// Desk follows the runs that have not ended, for as long as the console lives, and calls when one needs
// somebody or has ended: the screen of a run may be closed, or another one on display.
type Desk struct {
	ctx     context.Context //nolint:containedctx // the desk lives as long as it does
	svc     Reader
	follows map[string]*followed
}

// followed is a run as the desk saw it last.
type followed struct {
	state run.State
	known bool
	fails int
}

// NewDesk returns a desk over a service. Give it to tui.Params.Watchers, and to Deps.
func NewDesk(ctx context.Context, svc Reader) *Desk {
	if ctx == nil || svc == nil {
		panic("runs.NewDesk: a context and a service are required")
	}
	return &Desk{ctx: ctx, svc: svc, follows: map[string]*followed{}}
}

// listedMsg brings the runs there were when the console was opened.
type listedMsg struct {
	owner *Desk
	runs  []run.State
	err   error
}

// followedMsg brings the next state of a run to the desk.
type followedMsg struct {
	owner *Desk
	id    string
	gen   uint64
	state run.State
	err   error
}

// Start asks what goes on already.
func (d *Desk) Start() tea.Cmd { return listRuns(d.ctx, d, d.svc) }

func listRuns(ctx context.Context, owner *Desk, svc Reader) tea.Cmd {
	return func() tea.Msg {
		list, err := svc.List(ctx, nil)
		return listedMsg{owner, list, err}
	}
}

// follow begins to follow a run; a second time does nothing.
func (d *Desk) follow(id string) tea.Cmd {
	if d == nil || id == "" || d.follows[id] != nil {
		return nil
	}
	d.follows[id] = &followed{}
	return waitFollowed(d.ctx, d, d.svc, id, 0, 0)
}

// framePause is the least time between two states of a run that are shown.
const framePause = 50 * time.Millisecond

// retryPause is how long the next try waits after a state could not be read.
const retryPause = 2 * time.Second

func waitFollowed(ctx context.Context, owner *Desk, svc Reader, id string, gen uint64, pause time.Duration) tea.Cmd {
	return func() tea.Msg {
		st, next, err := nextState(ctx, svc, id, gen, pause)
		if ctx.Err() != nil {
			return nil
		}
		return followedMsg{owner, id, next, st, err}
	}
}

// nextState waits for the pause, then for a state newer than gen.
func nextState(ctx context.Context, svc Reader, id string, gen uint64, pause time.Duration) (run.State, uint64, error) {
	if err := rest(ctx, pause); err != nil {
		return run.State{}, gen, err
	}
	st, next, err := svc.Next(ctx, id, gen)
	if err != nil {
		return run.State{}, gen, err
	}
	return st, next, nil
}

// rest waits for d, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Update takes the messages that are the desk's own.
func (d *Desk) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case listedMsg:
		if m.owner == d {
			return d.listed(m)
		}
	case followedMsg:
		if m.owner == d {
			return d.followed(m)
		}
	}
	return nil
}

// listed follows what goes on, and says what was left behind.
func (d *Desk) listed(m listedMsg) tea.Cmd {
	var cmds []tea.Cmd
	left, last := 0, ""
	for i := range m.runs {
		switch st := &m.runs[i]; {
		case st.Phase == run.Interrupted:
			left++
			last = st.ID
		case !st.Phase.Ended():
			cmds = append(cmds, d.follow(st.ID))
		}
	}
	switch {
	case m.err != nil:
		cmds = append(cmds, ui.Toast(hosts.LevelWarn, "runs of before: "+oneLine(m.err.Error())))
	case left == 1:
		cmds = append(cmds, ui.Toast(hosts.LevelWarn, "run "+ui.Clean(last)+" was interrupted: resume it or roll it back (Deploys)"))
	case left > 1:
		cmds = append(cmds, ui.Toast(hosts.LevelWarn, ui.Count(left, "run")+" were interrupted: resume them or roll them back (Deploys, history)"))
	}
	return tea.Batch(cmds...)
}

// followed compares two states of a run and waits for the next.
func (d *Desk) followed(m followedMsg) tea.Cmd {
	f := d.follows[m.id]
	if f == nil {
		return nil
	}
	if m.err != nil {
		const tries = 30 // a minute: after that its screen tells, when somebody opens it
		if f.fails++; f.fails > tries {
			delete(d.follows, m.id)
			return nil
		}
		return waitFollowed(d.ctx, d, d.svc, m.id, m.gen, retryPause)
	}
	var before *run.State
	if f.known {
		before = &f.state
	}
	calls := attention(before, &m.state)
	f.state, f.known, f.fails = m.state, true, 0
	cmds := make([]tea.Cmd, 0, len(calls)+1)
	for _, c := range calls {
		cmds = append(cmds, func() tea.Msg { return c })
	}
	if m.state.Phase.Ended() {
		delete(d.follows, m.id) // a rollback of it is a run of its own; resuming follows it again
	} else {
		cmds = append(cmds, waitFollowed(d.ctx, d, d.svc, m.id, m.gen, framePause))
	}
	return tea.Batch(cmds...)
}

// attention says what of a new state a person must know: a question, and every end. before is nil when
// the run is seen for the first time, which calls for its open questions only.
func attention(before, after *run.State) []ui.AlertMsg {
	var out []ui.AlertMsg
	title := ui.Clean(after.Deploy)
	if title == "" {
		title = "run " + ui.Clean(after.ID)
	}
	if after.Kind == kindRollback {
		title = "rollback of " + title
	}
	call := func(l hosts.Level, text string) {
		out = append(out, ui.AlertMsg{Title: title, Text: text, Level: l, Open: OpenRun(after.ID)})
	}
	asked := map[string]bool{}
	if before != nil {
		for i := range before.Questions {
			asked[before.Questions[i].ID] = true
		}
	}
	for i := range after.Questions {
		if q := &after.Questions[i]; !asked[q.ID] {
			call(hosts.LevelWarn, "asks: "+oneLine(q.Text))
		}
	}
	if before == nil || before.Phase == after.Phase {
		return out
	}
	note := ""
	if after.Note != "" {
		note = ": " + oneLine(after.Note)
	}
	switch after.Phase {
	case run.Success:
		call(hosts.LevelInfo, "succeeded"+note)
	case run.RolledBack:
		call(hosts.LevelInfo, "is rolled back"+note)
	case run.Cancelled:
		call(hosts.LevelWarn, "was cancelled"+note)
	case run.Interrupted:
		call(hosts.LevelError, "is interrupted: nobody drives it"+note)
	case run.Failure:
		call(hosts.LevelError, "failed"+note)
	case run.RollbackFailed:
		call(hosts.LevelError, "could not be rolled back"+note)
	}
	return out
}

// kindRollback is run.State.Kind of a rollback.
const kindRollback = "rollback"
