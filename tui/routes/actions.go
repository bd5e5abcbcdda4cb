package routes

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/routes"
	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are what can be done with the selected route.
func (s *Screen) Actions() []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	needs := func(a ui.Action, reason func() string) ui.Action { a.Disabled = reason; return a }
	now := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	detailTitle := "details"
	if s.full {
		detailTitle = "tree"
	}
	trouble := "only trouble"
	if s.trouble {
		trouble = "all routes"
	}
	list := []ui.Action{
		needs(ui.Act("routes.details", "Route", detailTitle, now(s.toggleFull), "enter"), s.noNode),
		needs(ui.Act("routes.trace", "Route", "trace a request", s.openTrace, "t"), s.noURL),
		needs(ui.Act("routes.container", "Route", "container or unit", s.openTarget, "c"), s.noTarget),
		needs(ui.Act("routes.logs", "Route", "logs", s.openLogs, "l"), s.noTarget),
		ui.Act("routes.problem", "Tree", "next problem", func() tea.Cmd { return s.nextProblem(1) }, "n"),
		hide(ui.Act("routes.problem_back", "Tree", "problem before", func() tea.Cmd { return s.nextProblem(-1) }, "N")),
		ui.Act("routes.trouble", "Tree", trouble, now(func() { s.trouble = !s.trouble; s.rebuild() }), "e"),
		ui.Act("routes.fold", "Tree", "open or close", now(s.toggle), " ", "z"),
		hide(ui.Act("routes.open", "Tree", "open", now(func() { s.fold(true) }), "right")),
		hide(ui.Act("routes.close", "Tree", "close, or go up", now(s.closeOrUp), "left", "h")),
		hide(ui.Act("routes.open_all", "Tree", "open all", now(func() { s.foldAll(true) }), "+")),
		hide(ui.Act("routes.close_all", "Tree", "close all", now(func() { s.foldAll(false) }), "-")),
		hide(needs(ui.Act("routes.copy", "Route", "copy where it stands", s.copyPlace, "y"), s.noNode)),
		hide(needs(ui.Act("routes.copy_all", "Route", "copy what is known of it", s.copyDetail, "Y"), s.noNode)),
		hide(ui.Act("routes.refresh", "Route", "refresh the host", s.refresh, "r")),
		hide(ui.Act("routes.pane", "Tree", "show or hide the details beside", now(func() { s.hidden = !s.hidden; s.fit() }), "v")),
		hide(ui.Act("routes.pane_down", "Route", "details down", now(func() { s.pane.ScrollBy(3, 0) }), "J", "ctrl+d")),
		hide(ui.Act("routes.pane_up", "Route", "details up", now(func() { s.pane.ScrollBy(-3, 0) }), "K", "ctrl+u")),
	}
	return append(list, s.listActions()...)
}

// PaneActions are those of the details alone.
func (s *Screen) PaneActions() [][]ui.Action {
	was := s.full
	s.full = true
	list := s.Actions()
	s.full = was
	return [][]ui.Action{list}
}

// listActions are those of a list that mean something in a tree. In the details they scroll.
func (s *Screen) listActions() []ui.Action {
	var out []ui.Action
	if s.full {
		for _, a := range s.pane.Actions() {
			switch a.ID {
			case "view.left", "view.right":
				continue // the arrows fold
			}
			out = append(out, a)
		}
		return out
	}
	for _, a := range s.table.Actions() {
		switch a.ID {
		case "list.filter", "list.up", "list.down", "list.page_up", "list.page_down", "list.first", "list.last":
		default:
			continue
		}
		run := a.Run
		a.Run = func() tea.Cmd {
			cmd := run()
			s.detail()
			return cmd
		}
		out = append(out, a)
	}
	return out
}

func (s *Screen) selected() *item {
	r, ok := s.table.Selected()
	if !ok {
		return nil
	}
	return r.Value
}

func (s *Screen) noNode() string {
	if s.selected() == nil {
		return "no route is selected"
	}
	return ""
}

func (s *Screen) toggleFull() {
	s.full = !s.full
	s.fit()
}

func (s *Screen) toggle() {
	if it := s.selected(); it != nil {
		s.fold(!it.open)
	}
}

func (s *Screen) fold(open bool) {
	it := s.selected()
	if it == nil || len(it.n.Children) == 0 {
		return
	}
	s.folds[it.n.ID] = open
	s.keep(it.n.ID)
}

// closeOrUp closes an open node; on a closed one it goes to the node above.
func (s *Screen) closeOrUp() {
	it := s.selected()
	switch {
	case it == nil:
	case it.open && len(it.n.Children) > 0 && s.table.FilterText() == "":
		s.folds[it.n.ID] = false
		s.keep(it.n.ID)
	case it.up != nil:
		s.keep(it.up.n.ID)
	}
}

func (s *Screen) keep(id string) {
	s.rebuild()
	s.table.Select(id)
	s.detail()
}

// foldAll opens every node, or closes all but the hosts.
func (s *Screen) foldAll(open bool) {
	it := s.selected()
	s.each(func(n *routes.Node, above []*routes.Node) bool {
		s.folds[n.ID] = open || n.Kind == "host"
		return true
	})
	s.rebuild()
	for ; it != nil; it = it.up { // closing hides it: what is above it is still there
		if s.table.Select(it.n.ID) {
			break
		}
	}
	s.detail()
}

// nextProblem selects the next node that is broken by itself, or that nobody can tell when nothing
// is broken.
func (s *Screen) nextProblem(by int) tea.Cmd {
	want := trace.Broken
	var list []*routes.Node
	at, place, here := -1, 0, s.selected()
	gather := func() {
		list = nil
		seen := false
		at = -1
		s.each(func(n *routes.Node, _ []*routes.Node) bool {
			if here != nil && n.ID == here.n.ID {
				seen = true
				place = len(list)
			}
			if n.Status == want && !inherits(n) {
				if here != nil && n.ID == here.n.ID {
					at = len(list)
				}
				list = append(list, n)
			}
			return true
		})
		if !seen {
			place = 0
		}
	}
	gather()
	if len(list) == 0 {
		want = trace.Unknown
		gather()
	}
	if len(list) == 0 {
		return ui.Toast(hosts.LevelInfo, "no route is broken or unknown")
	}
	next := place // the first problem behind the selected node
	switch {
	case at >= 0:
		next = at + by
	case by < 0:
		next = place - 1
	}
	s.reveal(list[(next+len(list))%len(list)])
	return nil
}

// inherits reports that a node has its status from one below it.
func inherits(n *routes.Node) bool {
	for _, c := range n.Children {
		if c.Status == n.Status {
			return true
		}
	}
	return false
}

// url is the request that goes through the selected node: its own, or that of the nearest above.
func (s *Screen) url() string {
	for it := s.selected(); it != nil; it = it.up {
		if it.n.URL != "" {
			return it.n.URL
		}
	}
	return ""
}

func (s *Screen) noURL() string {
	switch {
	case s.selected() == nil:
		return "no route is selected"
	case s.url() == "":
		return "no URL follows from this: it has no plain name or no published port"
	}
	return ""
}

// openTrace traces the request. A name that clients come by through a forward is traced from there;
// any other from the host itself, whatever the name resolves to.
func (s *Screen) openTrace() tea.Cmd {
	m := ui.OpenMsg{Screen: "trace", Object: s.url()}
	if !routes.Forwarded(m.Object, s.d.Edges) {
		m.Host = s.selected().n.Host
	}
	return ui.Open(m)
}

// goal is the container or unit behind the selected node, or what the proxy itself runs in.
func (s *Screen) goal() (host, kind, object string) {
	it := s.selected()
	if it == nil {
		return "", "", ""
	}
	if h := target(it.n); h.Object != "" {
		return h.Host, h.Kind, h.Object
	}
	if it.n.In != "" {
		return it.n.Host, "container", it.n.In
	}
	return "", "", ""
}

func (s *Screen) openTarget() tea.Cmd {
	host, kind, object := s.goal()
	if kind == "unit" {
		return ui.Open(ui.OpenMsg{Screen: "services", Host: host, Object: object})
	}
	return ui.Open(ui.OpenMsg{Screen: "containers", Host: host, Object: object})
}

func (s *Screen) noTarget() string {
	switch _, _, object := s.goal(); {
	case s.selected() == nil:
		return "no route is selected"
	case object == "":
		return "neither a container nor a unit is known behind it"
	}
	return ""
}

func (s *Screen) openLogs() tea.Cmd {
	host, kind, object := s.goal()
	src := hosts.LogSource{Host: host, Kind: hosts.LogContainer, Name: object}
	if kind == "unit" {
		src.Kind = hosts.LogUnit
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: host, Object: object, Logs: &hosts.LogQuery{Sources: []hosts.LogSource{src}, Follow: true}})
}

func (s *Screen) copyPlace() tea.Cmd {
	n := s.selected().n
	text := place(n)
	if text == "" {
		text = name(n)
	}
	return ui.Copy(s.d, "where it stands", text)
}

func (s *Screen) copyDetail() tea.Cmd {
	n := s.selected().n
	const width = 100
	lines := append([]string{name(n) + " on " + ui.Clean(n.Host)}, detailLines(s.d.Styles, s.tree.snap, n, s.d.Now(), width)...)
	return ui.Copy(s.d, "what is known of it", ui.PlainText(lines))
}

func (s *Screen) refresh() tea.Cmd {
	if s.d.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "refresh: there is no live fleet")
	}
	host := ""
	if it := s.selected(); it != nil {
		host = it.n.Host
	}
	s.d.Fleet.Refresh(host)
	if host == "" {
		return ui.Toast(hosts.LevelInfo, "refreshing all hosts")
	}
	return ui.Toast(hosts.LevelInfo, "refreshing "+ui.Clean(host))
}
