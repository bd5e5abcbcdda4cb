package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// keys takes what the terminal sent. Fast typing arrives glued together as one message, which is
// taken apart here, so that "jjj" is three keys and each one finds the screen the last one left.
func (r *Root) keys(m tea.KeyMsg) tea.Cmd {
	if m.Type != tea.KeyRunes || m.Paste || len(m.Runes) < 2 {
		return r.key(m)
	}
	cmds := make([]tea.Cmd, 0, len(m.Runes))
	for _, c := range m.Runes {
		one := m
		one.Runes = []rune{c}
		if c == ' ' {
			one.Type = tea.KeySpace
		}
		cmds = append(cmds, r.key(one))
	}
	return tea.Batch(cmds...)
}

// key routes one key: ctrl+c, the top overlay, a text field, actions, the screen.
func (r *Root) key(m tea.KeyMsg) tea.Cmd {
	now := r.p.Deps.Now()
	quiet := now.Sub(r.lastKey) >= grace
	r.lastKey = now
	if m.Type == tea.KeyCtrlC {
		return r.askQuit()
	}
	if o := r.overlay(); o != nil {
		if s, ok := o.(*ask); ok && !s.ready(now, quiet) {
			return nil
		}
		return o.key(r, m)
	}
	top := r.nav.top()
	if top == nil {
		return nil
	}
	if top.Capturing() {
		return top.Update(m)
	}
	if m.Paste {
		return ui.Toast(hosts.LevelWarn, "pasted text is not keys: open a text field first")
	}
	if cmd, ok := ui.Dispatch(r.screenActions(), m, r.p.Deps.ReadOnly()); ok {
		return cmd
	}
	if cmd, ok := ui.Dispatch(r.rootActions(), m, r.p.Deps.ReadOnly()); ok {
		return cmd
	}
	return top.Update(m)
}

// screenActions are those of the top screen, with configured keys.
func (r *Root) screenActions() []ui.Action {
	if s := r.nav.top(); s != nil {
		return ui.Rebind(s.Actions(), r.p.Keys)
	}
	return nil
}

func (r *Root) rootActions() []ui.Action { return ui.Rebind(r.actions(), r.p.Keys) }

// actions are the root's own.
func (r *Root) actions() []ui.Action {
	now := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	list := []ui.Action{
		ui.Act("app.palette", "Console", "palette", now(r.openPalette), ":", "ctrl+p"),
		ui.Act("app.help", "Console", "help", now(r.openHelp), "?"),
		r.leaseAction(),
		ui.Act("app.back", "Console", "go back", r.goBack, "esc", "backspace"),
		ui.Act("app.leave", "Console", "leave the screen", r.leave, "q"),
		ui.Act("app.quit", "Console", "quit", r.askQuit, "ctrl+c"),
		ui.Act("app.history_back", "Console", "history back", func() tea.Cmd { return r.history(&r.nav.back, &r.nav.forward) }, "["),
		ui.Act("app.history_forward", "Console", "history forward", func() tea.Cmd { return r.history(&r.nav.forward, &r.nav.back) }, "]"),
		ui.Act("app.refresh", "Console", "refresh all hosts", r.refreshAll, "ctrl+r"),
		ui.Act("app.messages", "Console", "messages so far", now(r.openMessages), "M"),
		r.attendAction(),
		ui.Act("app.redraw", "Console", "redraw the screen", func() tea.Cmd { return tea.ClearScreen }, "ctrl+l"),
		ui.Act("app.suspend", "Console", "suspend; fg resumes", func() tea.Cmd { return tea.Suspend }, "ctrl+z"),
	}
	for i, f := range r.p.Screens {
		var key []string
		if k := r.tabKey(i); k != "" {
			key = []string{k}
		}
		list = append(list, ui.Act("app.tab."+f.ID, "Screens", f.Title, func() tea.Cmd { return r.goTab(i) }, key...))
	}
	for i := range list {
		list[i].Hidden = i > 2
	}
	return list
}

func (r *Root) refreshAll() tea.Cmd {
	if r.p.Deps.Fleet == nil {
		return ui.Toast(hosts.LevelWarn, "there is no live fleet to refresh")
	}
	r.p.Deps.Fleet.Refresh("")
	return ui.Toast(hosts.LevelInfo, "refreshing all hosts")
}

// mouse goes to the overlay, the tabs or the screen, in its own coordinates.
func (r *Root) mouse(m tea.MouseMsg) tea.Cmd {
	if o := r.overlay(); o != nil {
		return o.mouse(r, m)
	}
	l := layout(r.w, r.h)
	if m.Y == l.tabs && l.tabs >= 0 && m.Button == tea.MouseButtonLeft && m.Action == tea.MouseActionPress {
		if i := r.tabAt(m.X); i >= 0 {
			return r.goTab(i)
		}
		return nil
	}
	if m.Y < l.body || m.Y >= l.body+l.bodyH {
		return nil
	}
	m.Y -= l.body
	if s := r.nav.top(); s != nil {
		return s.Update(m)
	}
	return nil
}
