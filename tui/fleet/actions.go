package fleet

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Actions are what can be done with the selected host, or with the marked ones.
func (s *Screen) Actions() []ui.Action {
	none := func() string {
		if len(s.table.Chosen()) == 0 {
			return "no host is selected"
		}
		return ""
	}
	host := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("fleet."+id, "Host", title, run, keys...)
		a.Disabled = none
		return a
	}
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	detailTitle := "details"
	if s.full {
		detailTitle = "list"
	}
	trouble := "only trouble"
	if s.trouble {
		trouble = "all hosts"
	}
	shell := host("shell", "shell", s.shell, "x")
	shell.Disabled = s.noShell
	list := []ui.Action{
		host("containers", "containers", s.openContainers, "enter"),
		host("logs", "logs", s.openLogs, "l"),
		shell,
		ui.Act("fleet.detail", "Host", detailTitle, s.toggleFull, "d"),
		ui.Act("fleet.trouble", "Host", trouble, s.toggleTrouble, "e"),
		host("refresh", "refresh", s.refresh, "r"),
		host("maintenance", "maintenance on or off", s.maintenance, "m"),
		hide(host("timeline", "what happened there", s.openTimeline, "t")),
		hide(host("copy", "copy the name", s.copyName, "y")),
		hide(host("copy_all", "copy what is known of it", s.copyDetail, "Y")),
		hide(ui.Act("fleet.pane", "List", "show or hide the details beside", s.togglePane, "v")),
		hide(ui.Act("fleet.group", "List", "group by "+((s.group+1)%(ungrouped+1)).String(), s.nextGroup, "b")),
		hide(ui.Act("fleet.pane_down", "Host", "details down", func() tea.Cmd { s.pane.ScrollBy(3, 0); return nil }, "J", "ctrl+d")),
		hide(ui.Act("fleet.pane_up", "Host", "details up", func() tea.Cmd { s.pane.ScrollBy(-3, 0); return nil }, "K", "ctrl+u")),
	}
	return append(list, s.after(s.table.Actions())...)
}

// after keeps the detail on the host that is selected once a list action ran.
func (s *Screen) after(actions []ui.Action) []ui.Action {
	for i := range actions {
		run := actions[i].Run
		actions[i].Run = func() tea.Cmd {
			cmd := run()
			s.detail()
			return cmd
		}
	}
	return actions
}

func (s *Screen) names() []string {
	chosen := s.table.Chosen()
	out := make([]string, len(chosen))
	for i, r := range chosen {
		out[i] = r.ID
	}
	return out
}

func (s *Screen) openContainers() tea.Cmd {
	return ui.Open(ui.OpenMsg{Screen: "containers", Host: strings.Join(s.names(), ",")})
}

func (s *Screen) openTimeline() tea.Cmd {
	return ui.Open(ui.OpenMsg{Screen: "timeline", Host: s.names()[0]})
}

// openLogs follows the journals of the chosen hosts in one tail; of a host without systemd, its
// containers.
func (s *Screen) openLogs() tea.Cmd {
	chosen := s.table.Chosen()
	q := &hosts.LogQuery{Follow: true}
	names := make([]string, 0, len(chosen))
	for _, r := range chosen {
		q.Sources = append(q.Sources, sources(r.Value.h)...)
		names = append(names, r.ID)
	}
	if len(q.Sources) == 0 {
		return ui.Toast(hosts.LevelWarn, "logs: neither a journal nor a container is known of "+strings.Join(names, ", "))
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: strings.Join(names, ","), Logs: q})
}

// containerLogs bounds how many containers of a host are followed at once.
const containerLogs = 32

func sources(h *hosts.HostFacts) []hosts.LogSource {
	if h.Host.Kind != hosts.KindDocker && (!h.System.Known() || h.System.Value.Systemd != "") {
		return []hosts.LogSource{{Host: h.Host.Name, Kind: hosts.LogJournal}}
	}
	var out []hosts.LogSource
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.State == "running" && len(out) < containerLogs {
			out = append(out, hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogContainer, Name: c.Name})
		}
	}
	return out
}

func (s *Screen) noShell() string {
	r, ok := s.table.Selected()
	switch {
	case !ok:
		return "no host is selected"
	case s.d.Shell == nil:
		return "there is no shell here"
	case r.Value.h.Host.Kind == hosts.KindDocker:
		return "this host is a Docker engine without a shell"
	}
	return ""
}

func (s *Screen) shell() tea.Cmd {
	r, _ := s.table.Selected()
	cmd, err := s.d.Shell.HostShell(r.ID)
	if err != nil {
		return ui.Toast(hosts.LevelError, "shell: "+err.Error())
	}
	return ui.HandOver(cmd, func(err error) tea.Msg {
		if err != nil {
			return ui.ToastMsg{Text: "shell on " + r.ID + ": " + err.Error(), Level: hosts.LevelWarn}
		}
		return nil
	})
}

func (s *Screen) refresh() tea.Cmd {
	if s.d.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "refresh: there is no live fleet")
	}
	names := s.names()
	for _, n := range names {
		s.d.Fleet.Refresh(n)
	}
	return ui.Toast(hosts.LevelInfo, "refreshing "+strings.Join(names, ", "))
}

func (s *Screen) toggleFull() tea.Cmd {
	s.full = !s.full
	s.fit()
	return nil
}

// toggleTrouble shows only the hosts with something wrong or unknown, or all again.
func (s *Screen) toggleTrouble() tea.Cmd {
	s.trouble = !s.trouble
	s.rows()
	return nil
}

func (s *Screen) togglePane() tea.Cmd {
	s.hidden = !s.hidden
	s.fit()
	return nil
}

func (s *Screen) nextGroup() tea.Cmd {
	s.group = (s.group + 1) % (ungrouped + 1)
	s.rows()
	return ui.Toast(hosts.LevelInfo, "grouped by "+s.group.String())
}

func (s *Screen) copyName() tea.Cmd {
	return ui.Copy(s.d, "the name", strings.Join(s.names(), "\n"))
}

// copyDetail copies the facts as plain text, for a ticket.
func (s *Screen) copyDetail() tea.Cmd {
	r, ok := s.table.Selected()
	if !ok {
		return ui.Toast(hosts.LevelWarn, "copy: no host is selected")
	}
	const width = 100
	lines := detailLines(s.d.Styles, r.Value, s.snap.Events, s.now(), width)
	return ui.Copy(s.d, "what is known of "+r.ID, ui.PlainText(append([]string{r.ID}, lines...)))
}

// prompt is the line that asks why a host is taken out of service.
type prompt struct {
	input *ui.Input
	hosts []string
	empty bool
}

// maintenance pauses the chosen hosts with a reason, or resumes them when all are paused.
func (s *Screen) maintenance() tea.Cmd {
	if s.d.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "maintenance: there is no live fleet")
	}
	names := s.names()
	paused := 0
	for _, r := range s.table.Chosen() {
		if r.Value.h.Link.State == hosts.StateMaintenance {
			paused++
		}
	}
	if paused == len(names) {
		for _, n := range names {
			s.d.Fleet.SetMaintenance(n, "")
		}
		return ui.Toast(hosts.LevelInfo, "back in service: "+strings.Join(names, ", "))
	}
	s.prompt = &prompt{input: ui.NewInput("maintenance of "+ui.Trunc(clean(strings.Join(names, ", ")), 30)+", because: ", ""), hosts: names}
	s.fit()
	return nil
}

func (p *prompt) key(s *Screen, m tea.KeyMsg) tea.Cmd {
	switch m.Type {
	case tea.KeyEsc:
		s.prompt = nil
	case tea.KeyEnter:
		reason := clean(p.input.Value())
		if reason == "" {
			p.empty = true
			return nil
		}
		s.prompt = nil
		for _, h := range p.hosts {
			s.d.Fleet.SetMaintenance(h, reason)
		}
		s.fit()
		return ui.Toast(hosts.LevelInfo, "in maintenance, not contacted: "+strings.Join(p.hosts, ", "))
	default:
		p.empty = false
		p.input.Update(m)
	}
	s.fit()
	return nil
}

func (p *prompt) line(st *themes.Styles, w int) string {
	if !p.empty {
		return p.input.Line(st, w)
	}
	say := " " + st.Glyphs.Bad + " " + "a reason is needed"
	room := max(0, w-ui.Width(say))
	return p.input.Line(st, room) + st.Normal.Render(themes.Bad, ui.Fit(say, w-room))
}
