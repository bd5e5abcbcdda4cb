package tui

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// nav holds the screens: a stack for each tab, and the places that were visited.
type nav struct {
	factories []ScreenFactory
	tabs      []tab
	at        int
	back      []place
	forward   []place
}

type tab struct{ stack []entry }

type entry struct {
	open   ui.OpenMsg
	screen ui.Screen
}

// place is a tab and what is open on it, enough to build it again.
type place struct {
	tab  int
	path []ui.OpenMsg
}

const (
	depthLimit   = 12 // screens on one stack
	historyLimit = 50
)

func (n *nav) top() ui.Screen {
	if n.at < len(n.tabs) {
		if s := n.tabs[n.at].stack; len(s) > 0 {
			return s[len(s)-1].screen
		}
	}
	return nil
}

func (n *nav) here() place {
	p := place{tab: n.at}
	if n.at < len(n.tabs) {
		for _, e := range n.tabs[n.at].stack {
			p.path = append(p.path, e.open)
		}
	}
	return p
}

func (n *nav) factory(id string) int {
	return slices.IndexFunc(n.factories, func(f ScreenFactory) bool { return f.ID == id })
}

func (n *nav) each(f func(ui.Screen)) {
	for _, t := range n.tabs {
		for _, e := range t.stack {
			f(e.screen)
		}
	}
}

func (n *nav) broadcast(msg tea.Msg) tea.Cmd {
	var cmds []tea.Cmd
	n.each(func(s ui.Screen) { cmds = append(cmds, s.Update(msg)) })
	return tea.Batch(cmds...)
}

// snapshot goes to the screens of the tab that is shown; the others get the newest when they are
// shown again.
func (n *nav) snapshot(s *hosts.Snapshot) tea.Cmd {
	var cmds []tea.Cmd
	for _, e := range n.tabs[n.at].stack {
		cmds = append(cmds, e.screen.Update(ui.SnapshotMsg{Snapshot: s}))
	}
	return tea.Batch(cmds...)
}

func (n *nav) close() {
	n.each(func(s ui.Screen) { s.Close() })
	for i := range n.tabs {
		n.tabs[i].stack = nil
	}
}

// show makes p the place that is seen: screens its path shares with the tab's stack stay, others
// are closed, and missing ones are built.
func (r *Root) show(p place) tea.Cmd {
	before := r.nav.top()
	r.nav.at = p.tab
	t := &r.nav.tabs[p.tab]
	same := 0
	for same < len(t.stack) && same < len(p.path) && t.stack[same].open == p.path[same] {
		same++
	}
	var cmds []tea.Cmd
	for i := len(t.stack) - 1; i >= same; i-- {
		s := t.stack[i].screen
		if s == before {
			cmds = append(cmds, visible(s, false))
			before = nil
		}
		s.Close()
	}
	t.stack = t.stack[:same]
	for _, open := range p.path[same:] {
		i := r.nav.factory(open.Screen)
		if i < 0 {
			continue
		}
		s := r.p.Screens[i].New(r.p.Deps, open)
		t.stack = append(t.stack, entry{open, s})
		cmds = append(cmds, s.Init())
	}
	after := r.nav.top()
	if before == after || after == nil {
		return tea.Batch(cmds...)
	}
	if before != nil {
		cmds = append(cmds, visible(before, false))
	}
	r.resize()
	if r.snap != nil {
		cmds = append(cmds, after.Update(ui.SnapshotMsg{Snapshot: r.snap}))
	}
	return tea.Batch(append(cmds, visible(after, true))...)
}

func visible(s ui.Screen, v bool) tea.Cmd {
	if x, ok := s.(ui.Shower); ok {
		return x.Show(v)
	}
	return nil
}

// visit shows a place and remembers the one before it.
func (r *Root) visit(p place) tea.Cmd {
	r.nav.back = append(r.nav.back, r.nav.here())
	if len(r.nav.back) > historyLimit {
		r.nav.back = r.nav.back[len(r.nav.back)-historyLimit:]
	}
	r.nav.forward = nil
	return r.show(p)
}

// open shows a screen: its tab when nothing is narrowed, else one more on the stack.
func (r *Root) open(m ui.OpenMsg) tea.Cmd {
	i := r.nav.factory(m.Screen)
	if i < 0 {
		return ui.Toast(hosts.LevelWarn, "there is no screen "+m.Screen+" here")
	}
	if m == (ui.OpenMsg{Screen: m.Screen}) {
		return r.goTab(i)
	}
	p := r.nav.here()
	if len(p.path) >= depthLimit {
		return ui.Toast(hosts.LevelWarn, "too many screens are open on this tab: go back with esc")
	}
	p.path = append(p.path, m)
	return r.visit(p)
}

// goTab shows a tab as it was left; the tab that is shown already goes back to its first screen.
func (r *Root) goTab(i int) tea.Cmd {
	base := ui.OpenMsg{Screen: r.p.Screens[i].ID}
	p := place{tab: i, path: []ui.OpenMsg{base}}
	if i != r.nav.at && len(r.nav.tabs[i].stack) > 0 {
		p.path = nil
		for _, e := range r.nav.tabs[i].stack {
			p.path = append(p.path, e.open)
		}
	} else if i == r.nav.at && len(r.nav.here().path) == 1 {
		return nil
	}
	return r.visit(p)
}

// leave closes the top screen; on the last one of a tab it goes where we came from, or asks to quit.
func (r *Root) leave() tea.Cmd {
	p := r.nav.here()
	if len(p.path) > 1 {
		p.path = p.path[:len(p.path)-1]
		return r.visit(p)
	}
	if r.nav.at != 0 {
		return r.goTab(0)
	}
	return r.askQuit()
}

// goBack is esc: what the screen has open first, then the screen itself; it never quits.
func (r *Root) goBack() tea.Cmd {
	if b, ok := r.nav.top().(ui.Backer); ok && b.Back() {
		return r.nav.top().Update(ui.BackMsg{})
	}
	if len(r.nav.here().path) > 1 || r.nav.at != 0 {
		return r.leave()
	}
	return nil
}

func (r *Root) history(from, to *[]place) tea.Cmd {
	if len(*from) == 0 {
		return ui.Toast(hosts.LevelInfo, "no place further in the history")
	}
	p := (*from)[len(*from)-1]
	*from = (*from)[:len(*from)-1]
	*to = append(*to, r.nav.here())
	return r.show(p)
}
