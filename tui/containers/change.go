package containers

import (
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// ask asks for consent to do verb to what is chosen: once for all of it, naming each container, its
// host and what depends on it.
func (s *Screen) ask(verb string) tea.Cmd {
	chosen := s.chosen()
	if len(chosen) == 0 {
		return s.nothing()
	}
	var list []*item
	for _, it := range chosen {
		if it.act != nil && it.act.pending() {
			return ui.Toast(hosts.LevelWarn, ui.Clean(it.c.Name)+": "+it.act.verb+" is under way already")
		}
		if !pointless(verb, it) {
			list = append(list, it)
		}
	}
	if len(list) == 0 {
		return ui.Toast(hosts.LevelInfo, verb+": "+ui.Clean(chosen[0].c.Name)+" is "+ui.Clean(chosen[0].c.State)+" already")
	}
	typed, names := "", hostsOf(list)
	for _, h := range names {
		if h.Host.Production {
			typed = h.Host.Name
		}
	}
	if typed != "" && len(names) > 1 {
		return ui.Toast(hosts.LevelWarn, ui.Clean(typed)+" is in production: choose containers of that host alone")
	}
	return ui.Confirm(s.question(verb, list, typed))
}

// pointless reports that a container is where the verb would bring it.
func pointless(verb string, it *item) bool {
	switch verb {
	case "start":
		return it.c.State == "running" && !it.stale
	case "stop":
		return (it.c.State == "exited" || it.c.State == "created") && !it.stale
	}
	return false
}

func hostsOf(list []*item) []*hosts.HostFacts {
	var out []*hosts.HostFacts
	for _, it := range list {
		if !slices.Contains(out, it.h) {
			out = append(out, it.h)
		}
	}
	return out
}

// question is the confirmation of an action.
func (s *Screen) question(verb string, list []*item, typed string) ui.ConfirmMsg {
	st := s.deps.Styles
	arrow := "→"
	if st.ASCII {
		arrow = "->"
	}
	m := ui.ConfirmMsg{Typed: typed, Effect: ui.Destroy}
	if verb == "start" {
		m.Effect = ui.Change
	}
	names := hostsOf(list)
	where := "on " + ui.Clean(names[0].Host.Name)
	if len(names) > 1 {
		where = "on " + ui.Count(len(names), "host")
	}
	if len(list) == 1 {
		m.Title = verb + " " + ui.Clean(list[0].c.Name) + " " + where + "?"
	} else {
		m.Title = verb + " " + ui.Count(len(list), "container") + " " + where + "?"
	}
	const most = 8 // containers listed with all that is said of them
	for i, it := range list {
		if i == most {
			m.Body = append(m.Body, "and "+listNames(namesOf(list[most:])))
			break
		}
		m.Body = append(m.Body, about(st.Glyphs.Separator, it))
		if verb != "start" {
			for _, d := range dependents(it.h, it.c, arrow) {
				m.Body = append(m.Body, "  "+d)
			}
		}
	}
	if len(list) > 1 {
		m.Body = append(m.Body, "", "One after the other on each host; one that fails does not stop the others.")
	}
	targets := targetsOf(list)
	m.Run = func(typed string) tea.Cmd { return s.begin(verb, typed, targets) }
	return m
}

// about names a container and how it stands: "web-1/api · running, healthy · hub/api:1.4".
func about(sep string, it *item) string {
	c := it.c
	text := ui.Clean(it.h.Host.Name) + "/" + ui.Clean(c.Name) + " " + sep + " " + ui.Clean(c.State)
	if it.running() && c.Health != hosts.HealthNone {
		text += ", health " + c.Health.String()
	}
	if it.stale {
		text += ", " + staleText(it)
	}
	return text + " " + sep + " " + imageName(c.Image)
}

func namesOf(list []*item) []string {
	out := make([]string, len(list))
	for i, it := range list {
		out[i] = ui.Clean(it.c.Name)
	}
	return out
}

// targetsOf sorts what is chosen by host: the hosts work side by side, each at one container.
func targetsOf(list []*item) [][]target {
	var out [][]target
	for _, h := range hostsOf(list) {
		var ts []target
		for _, it := range list {
			if it.h == h {
				ts = append(ts, target{it.key(), it.c.Name})
			}
		}
		out = append(out, ts)
	}
	return out
}

// begin starts what was agreed to. It runs on the update loop when the person says yes, which may be
// a while after the question was asked.
func (s *Screen) begin(verb, typed string, targets [][]target) tea.Cmd {
	n := 0
	for _, ts := range targets {
		n += len(ts)
	}
	const steps = 2 // running, and how it ended
	r := &results{ch: make(chan actedMsg, n*steps)}
	s.running[r] = n
	var cmds []tea.Cmd
	for _, ts := range targets {
		for _, t := range ts {
			s.acts[t.key] = &act{verb: verb, state: actQueued}
		}
		cmds = append(cmds, runActs(s.deps.Context, s.deps.Ops, s.deps.Now, verb, typed, ts, r))
	}
	s.rebuild()
	return tea.Batch(append(cmds, waitActs(s.ctx, r))...)
}

// acted takes a step of an action.
func (s *Screen) acted(m actedMsg) tea.Cmd {
	left, ours := s.running[m.owner]
	if !ours {
		return nil
	}
	s.acts[m.key] = &act{verb: m.verb, state: m.state, text: m.text, ended: m.at}
	s.rebuild()
	if m.state == actDone || m.state == actFailed {
		left--
		if s.deps.Fleet != nil {
			s.deps.Fleet.Refresh(m.key.host)
		}
	}
	if left <= 0 {
		delete(s.running, m.owner)
		return nil
	}
	s.running[m.owner] = left
	return waitActs(s.ctx, m.owner)
}

// pending counts the actions that have not ended.
func (s *Screen) pending() int {
	n := 0
	for _, left := range s.running {
		n += left
	}
	return n
}

// forget takes good results off their rows after a while.
func (s *Screen) forget() {
	for k, a := range s.acts {
		if a.state == actDone && s.now.Sub(a.ended) > keepDone {
			delete(s.acts, k)
		}
	}
}

// shellEndedMsg says that the terminal is ours again.
type shellEndedMsg struct {
	owner *Screen
	name  string
	err   error
}

// shell hands the terminal over to a shell in the container.
func (s *Screen) shell() tea.Cmd {
	chosen := s.chosen()
	switch {
	case len(chosen) == 0:
		return s.nothing()
	case len(chosen) > 1:
		return ui.Toast(hosts.LevelWarn, "shell: choose one container; "+listNames(namesOf(chosen))+" are chosen")
	case chosen[0].c.State != "running":
		return ui.Toast(hosts.LevelWarn, "shell: "+ui.Clean(chosen[0].c.Name)+" is "+ui.Clean(chosen[0].c.State))
	}
	it := chosen[0]
	cmd, err := s.deps.Shell.ContainerShell(it.h.Host.Name, it.c.ID)
	if err != nil {
		return ui.Toast(hosts.LevelError, "shell: "+ui.Clean(err.Error()))
	}
	name := it.c.Name
	return ui.HandOver(cmd, func(err error) tea.Msg { return shellEndedMsg{s, name, err} })
}

func (s *Screen) shellEnded(m shellEndedMsg) tea.Cmd {
	if m.owner != s || m.err == nil {
		return nil
	}
	return ui.Toast(hosts.LevelWarn, "shell in "+ui.Clean(m.name)+": "+strings.TrimSpace(ui.Clean(m.err.Error())))
}
