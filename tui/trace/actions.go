package trace

import (
	tea "github.com/charmbracelet/bubbletea"

	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are what can be done with the request and with the selected hop.
func (s *Screen) Actions() []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	needs := func(a ui.Action, reason func() string) ui.Action { a.Disabled = reason; return a }
	now := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	details := "details"
	if s.full {
		details = "the chain"
	}
	live := "ask each hop"
	if s.live.waiting() > 0 {
		live = "stop asking"
	}
	list := []ui.Action{
		ui.Act("trace.url", "Request", "URL", s.askURL, "u"),
		needs(ui.Act("trace.live", "Request", live, s.askLive, "l"), s.noLive),
		needs(ui.Act("trace.details", "Hop", details, now(func() { s.full = !s.full; s.fit() }), "enter"), s.noHop),
		needs(ui.Act("trace.container", "Hop", "container or unit", s.openTarget, "c"), s.noTarget),
		needs(ui.Act("trace.logs", "Hop", "logs", s.openLogs, "o"), s.noTarget),
		needs(ui.Act("trace.routes", "Hop", "its route", s.openRoute, "t"), s.noRoute),
		needs(ui.Act("trace.copy", "Request", "copy as Markdown", s.copyAll, "y"), s.noTrace),
		hide(ui.Act("trace.problem", "Hop", "next problem", func() tea.Cmd { return s.nextProblem(1) }, "n")),
		hide(ui.Act("trace.problem_back", "Hop", "problem before", func() tea.Cmd { return s.nextProblem(-1) }, "N")),
		hide(needs(ui.Act("trace.kind", "Request", "http, websocket, grpc or sse", s.nextKind, "p"), s.noKind)),
		hide(needs(ui.Act("trace.method", "Request", "method", s.nextMethod, "m"), s.noURL)),
		hide(ui.Act("trace.header", "Request", "add or take away a header", s.askHeader, "H")),
		hide(ui.Act("trace.start", "Request", "begin at a host", s.askStart, "b")),
		hide(needs(ui.Act("trace.refresh", "Request", "read the hosts on the way again", s.refresh, "r"), s.noTrace)),
		hide(needs(ui.Act("trace.copy_hop", "Hop", "copy what is known of it", s.copyHop, "Y"), s.noHop)),
		hide(ui.Act("trace.pane", "Hop", "show or hide the details beside", now(func() { s.hidden = !s.hidden; s.fit() }), "v")),
		hide(ui.Act("trace.pane_down", "Hop", "details down", now(func() { s.pane.ScrollBy(3, 0) }), "J", "ctrl+d")),
		hide(ui.Act("trace.pane_up", "Hop", "details up", now(func() { s.pane.ScrollBy(-3, 0) }), "K", "ctrl+u")),
	}
	return append(list, s.moves()...)
}

// moves are the keys that go along the chain, or that scroll the details when they are alone.
func (s *Screen) moves() []ui.Action {
	var out []ui.Action
	if s.full {
		for _, a := range s.pane.Actions() {
			if a.ID == "view.right" {
				a.SetKeys("right") // l asks
			}
			out = append(out, a)
		}
		return out
	}
	for _, a := range s.table.Actions() {
		switch a.ID {
		case "list.up", "list.down", "list.page_up", "list.page_down", "list.first", "list.last", "list.left", "list.right":
		default:
			continue
		}
		run := a.Run
		a.Run = func() tea.Cmd {
			s.moved = true
			cmd := run()
			s.detail()
			return cmd
		}
		out = append(out, a)
	}
	return out
}

// at is the place of the selected hop, -1 for none.
func (s *Screen) at() int {
	if r, ok := s.table.Selected(); ok && s.now.shown != nil {
		return r.Value.i
	}
	return -1
}

func (s *Screen) noURL() string {
	if s.req.URL == "" {
		return "nothing is traced: u asks for a URL"
	}
	return ""
}

func (s *Screen) noTrace() string {
	if s.now.shown == nil {
		return "nothing is traced: u asks for a URL"
	}
	return ""
}

func (s *Screen) noHop() string {
	if s.at() < 0 {
		return "no hop is selected"
	}
	return ""
}

func (s *Screen) noKind() string {
	if s.req.fixed() {
		return "the URL says what is spoken"
	}
	return s.noURL()
}

func (s *Screen) nextKind() tea.Cmd {
	r := s.req
	r.nextProtocol()
	return s.follow(r)
}

func (s *Screen) nextMethod() tea.Cmd {
	r := s.req
	r.nextMethod()
	return s.follow(r)
}

// nextProblem goes to the next hop that is not ok.
func (s *Screen) nextProblem(by int) tea.Cmd {
	if s.now.shown == nil {
		return ui.Toast(hosts.LevelInfo, s.noTrace())
	}
	hops := s.now.shown.Hops
	for i := 1; i <= len(hops); i++ {
		j := ((s.at()+by*i)%len(hops) + len(hops)) % len(hops)
		if hops[j].Status != chk.OK {
			s.moved = true
			s.table.Select(rowID(j, hops[j]))
			s.detail()
			return nil
		}
	}
	return ui.Toast(hosts.LevelInfo, "every hop is ok")
}

func (s *Screen) noTarget() string {
	if _, _, name := target(s.now.shown, s.at()); name == "" {
		return "no container or unit is on the way from here"
	}
	return ""
}

func (s *Screen) openTarget() tea.Cmd {
	host, kind, name := target(s.now.shown, s.at())
	if kind == hosts.LogUnit {
		return ui.Open(ui.OpenMsg{Screen: "services", Host: host, Object: name})
	}
	return ui.Open(ui.OpenMsg{Screen: "containers", Host: host, Object: name})
}

func (s *Screen) openLogs() tea.Cmd {
	host, kind, name := target(s.now.shown, s.at())
	q := &hosts.LogQuery{Sources: []hosts.LogSource{{Host: host, Kind: kind, Name: name}}, Follow: true}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: host, Object: name, Logs: q})
}

// routeOf names what the tree of routes has for a hop: itself, or the level of the configuration that
// decided it.
func routeOf(t *chk.Trace, i int) (host, object string) {
	if t == nil {
		return "", ""
	}
	for j := i; j >= 0 && j < len(t.Hops); j-- {
		h := t.Hops[j]
		if h.Host != t.Hops[i].Host {
			break
		}
		switch h.Kind {
		case "server", "location", "listener", "filter chain", "virtual host", "route", "cluster", "endpoint":
			return h.Host, place(h)
		case "router", "container":
			return h.Host, h.Object
		case "upstream", "redirect", "response", "static":
			continue
		}
		break
	}
	return "", ""
}

func (s *Screen) noRoute() string {
	if _, object := routeOf(s.now.shown, s.at()); object == "" {
		return "this hop is no part of a proxy's configuration"
	}
	return ""
}

func (s *Screen) openRoute() tea.Cmd {
	host, object := routeOf(s.now.shown, s.at())
	return ui.Open(ui.OpenMsg{Screen: "routes", Host: host, Object: object})
}

func (s *Screen) copyAll() tea.Cmd {
	note, _ := s.note()
	return ui.Copy(s.d, "the trace", markdown(s.now, note, s.d.Now()))
}

func (s *Screen) copyHop() tea.Cmd {
	const width = 100
	h := s.now.shown.Hops[s.at()]
	lines := append([]string{ui.Clean(h.Kind + " " + h.Object + " on " + h.Host)}, detailLines(s.d.Styles, s.now, s.at(), s.d.Now(), width)...)
	return ui.Copy(s.d, "what is known of the hop", ui.PlainText(lines))
}

func (s *Screen) refresh() tea.Cmd {
	if s.d.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "refresh: there is no live fleet")
	}
	names := hostsOf(s.now.trace)
	for _, n := range names {
		s.d.Fleet.Refresh(n)
	}
	return ui.Toast(hosts.LevelInfo, "reading again: "+ui.Count(len(names), "host"))
}
