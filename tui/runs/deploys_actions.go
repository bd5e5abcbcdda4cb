package runs

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/tui/ui"
)

// selected is the deploy under the cursor; nil on a fault and in an empty list.
func (s *Deploys) selected() *item {
	r, ok := s.Table.Selected()
	if !ok || r.Value.fault != "" {
		return nil
	}
	return r.Value
}

func (s *Deploys) actions() []ui.Action {
	act := func(id, title string, run func(*item) tea.Cmd, why func(*item) string, keys ...string) ui.Action {
		a := ui.Act(screenID+"."+id, "Deploy", title, func() tea.Cmd { return run(s.selected()) }, keys...)
		a.Disabled = func() string {
			it := s.selected()
			switch {
			case it == nil:
				return "no deploy is selected"
			case why != nil:
				return why(it)
			}
			return ""
		}
		return a
	}
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	noFile := func(it *item) string {
		if it.def == nil {
			return "there is no definition of it here"
		}
		return ""
	}
	noRun := func(it *item) string {
		if it.over == nil || it.over.Last == nil {
			return "no run is known"
		}
		return ""
	}
	hold := act("hold", "hold its targets by hand", s.hold, noFile, "F")
	hold.Effect = ui.Change
	free := act("free", "give the lock back", s.free, func(it *item) string {
		if it.over == nil || it.over.Lock == nil {
			return "nobody is known to hold it"
		}
		return ""
	}, "U")
	free.Effect = ui.Change
	return []ui.Action{
		act("plan", "plan", func(it *item) tea.Cmd { return ui.Open(OpenPlan(it.name)) }, noFile, "p"),
		act("open", "last run", func(it *item) tea.Cmd { return ui.Open(OpenRun(it.over.Last.ID)) }, noRun, "o"),
		act("back", "roll back", func(it *item) tea.Cmd { return ui.Open(openKind(kindBack, it.name)) }, nil, "u"),
		act("history", "its history", func(it *item) tea.Cmd { return ui.Open(openKind(kindHistory, it.name)) }, nil, "h"),
		hide(ui.Act(screenID+".history_all", "Deploy", "history of all deploys", func() tea.Cmd { return ui.Open(openKind(kindHistory, "")) }, "H")),
		hide(hold), hide(free),
		hide(act("copy", "copy the name", func(it *item) tea.Cmd { return ui.Copy(s.d.Deps, "the name", ui.Clean(it.name)) }, nil, "y")),
	}
}

// heldMsg brings how taking or giving back a lock ended.
type heldMsg struct {
	owner *Deploys
	text  string
	err   error
}

func takeLock(ctx context.Context, owner *Deploys, svc Locker, name, reason string, force bool, typed []string) tea.Cmd {
	return func() tea.Msg {
		err := svc.TakeLock(ctx, name, reason, force, typed)
		return heldMsg{owner, ui.Clean(name) + " is held: " + ui.Clean(reason), err}
	}
}

func releaseLock(ctx context.Context, owner *Deploys, svc Locker, name string) tea.Cmd {
	return func() tea.Msg {
		err := svc.ReleaseLock(ctx, name)
		return heldMsg{owner, "the lock of " + ui.Clean(name) + " is given back", err}
	}
}

func (s *Deploys) held(m heldMsg) tea.Cmd {
	s.asked = s.d.Now()
	if m.err != nil {
		return tea.Batch(s.read(), ui.Toast(hosts.LevelError, "lock: "+oneLine(m.err.Error())))
	}
	return tea.Batch(s.read(), ui.Toast(hosts.LevelInfo, m.text))
}

// hold takes the lock with the reason of the write lease, after the names of production hosts.
func (s *Deploys) hold(it *item) tea.Cmd {
	if s.d.Service == nil {
		return ui.Toast(hosts.LevelWarn, s.why())
	}
	reason := ""
	if s.d.Ops != nil {
		reason = s.d.Ops.Lease().Reason
	}
	force := it.over != nil && it.over.Lock != nil && it.over.Lock.State == "stale"
	body := []string{"Nobody else can deploy or roll back until it is given back.", "Reason, from the write lease: " + reason}
	if force {
		body = append(body, "The lock is stale and is taken over from "+oneLine(it.over.Lock.Owner)+", run "+ui.Clean(it.over.Lock.Run)+": look at that run first.")
	}
	var names []string
	if it.over != nil {
		for i := range it.over.Hosts {
			names = append(names, it.over.Hosts[i].Host)
		}
	}
	// The lock outlives the screen, so its command does not end with it.
	return consent(ui.ConfirmMsg{Title: "hold " + ui.Clean(it.name) + "?", Body: body, Effect: ui.Change}, production(s.Snap, names), "", func(typed []string, _ string) tea.Cmd {
		return takeLock(s.d.Context, s, s.d.Service, it.name, reason, force, typed)
	})
}

func (s *Deploys) free(it *item) tea.Cmd {
	if s.d.Service == nil {
		return ui.Toast(hosts.LevelWarn, s.why())
	}
	l := it.over.Lock
	return ui.Confirm(ui.ConfirmMsg{
		Title: "give back the lock of " + ui.Clean(it.name) + "?",
		Body:  []string{"It is held by " + oneLine(l.Owner) + " for " + ui.Age(l.Since) + ": " + oneLine(l.Reason)}, Effect: ui.Change,
		Run: func(string) tea.Cmd { return releaseLock(s.d.Context, s, s.d.Service, it.name) },
	})
}

// production are those of names that the inventory marks as production.
func production(snap *hosts.Snapshot, names []string) []string {
	var out []string
	for _, n := range names {
		if h := snap.Host(n); h != nil && h.Host.Production {
			out = append(out, n)
		}
	}
	return out
}

// consent asks m, then for each name to be typed, then for a word, and does what was agreed to with all
// that was typed. Any no ends it.
func consent(m ui.ConfirmMsg, names []string, word string, do func(typed []string, word string) tea.Cmd) tea.Cmd {
	asks := append([]string(nil), names...)
	if word != "" {
		asks = append(asks, word)
	}
	title := m.Title
	var ask func(i int, typed []string) ui.ConfirmMsg
	ask = func(i int, typed []string) ui.ConfirmMsg {
		q := m
		if len(asks) > 1 {
			q.Title = title + " (" + itoa(i+1) + " of " + itoa(len(asks)) + ")"
		}
		if i > 0 {
			q.Body = []string{strings.Join(typed, ", ") + " typed"}
		}
		if i < len(asks) {
			q.Typed = asks[i]
			if i == len(names) {
				q.Body = append(append([]string(nil), q.Body...), "The schema is crossed: type the version it is left at.")
			}
		}
		q.Run = func(text string) tea.Cmd {
			all := append(append([]string(nil), typed...), text)
			if i+1 < len(asks) {
				return ui.Confirm(ask(i+1, all))
			}
			if len(asks) == 0 {
				return do(nil, "")
			}
			if word != "" {
				return do(all[:len(names)], all[len(names)])
			}
			return do(all, "")
		}
		return q
	}
	return ui.Confirm(ask(0, nil))
}

// options are those of planning and starting with what was typed.
func options(o run.Options, typed []string, word string) run.Options {
	o.Typed, o.Word = typed, word
	return o
}
