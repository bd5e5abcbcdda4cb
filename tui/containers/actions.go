package containers

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are those of the details when they are open, else of the table.
func (s *Screen) Actions() []ui.Action {
	var list []ui.Action
	if s.detail != nil {
		return s.detailActions(s.detail)
	}
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	list = []ui.Action{
		ui.Act("containers.details", "Container", "details", s.openSelected, "enter"),
		ui.Act("containers.logs", "Container", "logs", s.openLogs, "l"),
	}
	list = append(list, s.changeActions()...)
	list = append(list,
		hide(ui.Act("containers.compare", "Container", "compare with its copies elsewhere", func() tea.Cmd { return s.openAt("compare") }, "c")),
		hide(ui.Act("containers.timeline", "Container", "what happened to it", func() tea.Cmd { return s.openAt("timeline") }, "t")),
		ui.Act("containers.trouble", "Show", "only trouble", s.toggleOnly, "e"),
		hide(ui.Act("containers.group", "Show", "group by project, host, not at all", s.nextGrouping, "b")),
		hide(ui.Act("containers.copy_name", "Container", "copy the name", func() tea.Cmd { return s.copyOf("name") }, "y")),
		hide(ui.Act("containers.copy_id", "Container", "copy the ID", func() tea.Cmd { return s.copyOf("ID") }, "Y")),
		hide(ui.Act("containers.refresh", "Container", "refresh the host", s.refreshHost, "r")),
	)
	return append(list, s.table.Actions()...)
}

func (s *Screen) detailActions(d *detail) []ui.Action {
	return append(append(d.actions(s), s.changeActions()...), arrowsOnly(d.view.Actions())...)
}

// PaneActions are those of the details.
func (s *Screen) PaneActions() [][]ui.Action {
	return [][]ui.Action{s.detailActions(&detail{view: ui.NewViewer(s.deps.Styles)})}
}

// changeActions are those that do something to containers.
func (s *Screen) changeActions() []ui.Action {
	change := func(verb string, effect ui.Effect, key string) ui.Action {
		a := ui.Act("containers."+verb, "Container", verb, func() tea.Cmd { return s.ask(verb) }, key)
		a.Effect = effect
		a.Disabled = func() string {
			if s.deps.Ops == nil {
				return "nothing can be changed here"
			}
			return ""
		}
		return a
	}
	// The shell is the person's own, as on the fleet's screen: what is typed there is not done by us.
	shell := ui.Act("containers.shell", "Container", "shell", s.shell, "x")
	shell.Disabled = func() string {
		if s.deps.Shell == nil {
			return "there is no terminal to hand over"
		}
		return ""
	}
	start := change("start", ui.Change, "U")
	stop := change("stop", ui.Destroy, "D")
	start.Hidden, stop.Hidden = true, true
	return []ui.Action{shell, change("restart", ui.Destroy, "R"), start, stop}
}

// arrowsOnly takes h and l from the sideways keys of the viewer: l is for logs here.
func arrowsOnly(list []ui.Action) []ui.Action {
	out := append([]ui.Action(nil), list...)
	for i := range out {
		switch out[i].ID {
		case "view.left":
			out[i].SetKeys("left")
		case "view.right":
			out[i].SetKeys("right")
		}
	}
	return out
}

// chosen are the containers an action is for: the one in the details, the marked ones, the one under
// the cursor, or all of a heading's.
func (s *Screen) chosen() []*item {
	if s.detail != nil {
		if it := s.item(s.detail.key); it != nil {
			return []*item{it}
		}
		return nil
	}
	var out []*item
	for _, r := range s.table.Chosen() {
		if r.Value.c != nil {
			out = append(out, r.Value)
		}
	}
	return out
}

func (s *Screen) nothing() tea.Cmd {
	if s.detail != nil {
		return ui.Toast(hosts.LevelWarn, "this container is gone")
	}
	return ui.Toast(hosts.LevelInfo, "no container is selected")
}

func (s *Screen) openSelected() tea.Cmd {
	if g, ok := s.table.SelectedGroup(); ok {
		if _, row := s.table.Selected(); !row {
			s.table.ToggleGroup(g)
			return nil
		}
	}
	r, ok := s.table.Selected()
	if !ok || r.Value.c == nil {
		if ok {
			return ui.Toast(hosts.LevelWarn, ui.Clean(r.Value.h.Host.Name)+": "+note(s.deps.Styles, r.Value).Text)
		}
		return s.nothing()
	}
	return s.openDetail(r.Value.key())
}

// openLogs follows the logs of what is chosen in one tail.
func (s *Screen) openLogs() tea.Cmd {
	q := &hosts.LogQuery{Follow: true}
	for _, it := range s.chosen() {
		q.Sources = append(q.Sources, hosts.LogSource{Host: it.h.Host.Name, Kind: hosts.LogContainer, Name: it.c.Name})
	}
	if len(q.Sources) == 0 {
		return s.nothing()
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Logs: q})
}

// openAt opens another screen on the selected container.
func (s *Screen) openAt(screen string) tea.Cmd {
	for _, it := range s.chosen() {
		return ui.Open(ui.OpenMsg{Screen: screen, Host: it.h.Host.Name, Object: it.c.ID})
	}
	return s.nothing()
}

func (s *Screen) toggleOnly() tea.Cmd {
	s.only = !s.only
	s.rebuild()
	return nil
}

func (s *Screen) nextGrouping() tea.Cmd {
	s.groupBy = (s.groupBy + 1) % (flat + 1)
	s.rebuild()
	return nil
}

func (s *Screen) copyOf(what string) tea.Cmd {
	var out []string
	for _, it := range s.chosen() {
		if what == "ID" {
			out = append(out, it.c.ID)
		} else {
			out = append(out, ui.Clean(it.c.Name))
		}
	}
	if len(out) == 0 {
		return s.nothing()
	}
	if len(out) > 1 {
		what += "s"
	}
	return ui.Copy(s.deps, "container "+what, strings.Join(out, "\n"))
}

func (s *Screen) refreshHost() tea.Cmd {
	if s.deps.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "there is no live fleet to refresh")
	}
	host := s.oneHost()
	if r, ok := s.table.Selected(); ok {
		host = r.Value.h.Host.Name
	}
	s.deps.Fleet.Refresh(host)
	if host == "" {
		return ui.Toast(hosts.LevelInfo, "refreshing all hosts")
	}
	return ui.Toast(hosts.LevelInfo, "refreshing "+ui.Clean(host))
}

// key takes the keys no action took: those of a text field.
func (s *Screen) key(m tea.KeyMsg) tea.Cmd {
	if s.detail != nil {
		s.detail.typed(m)
		return nil
	}
	s.table.Key(m)
	return nil
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	if s.detail != nil {
		return s.detail.mouse(s, m)
	}
	if s.table.Mouse(m, m.X-1, m.Y-1) {
		return s.openSelected()
	}
	return nil
}
