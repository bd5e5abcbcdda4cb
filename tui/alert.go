package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// alert shows what calls, and calls by the terminal too.
func (r *Root) alert(m ui.AlertMsg) tea.Cmd {
	text := m.Title + ": " + m.Text
	if m.Open.Screen != "" {
		r.called = m.Open
		if key := r.attendAction(); key.Key.Enabled() {
			text += " (" + key.Key.Help().Key + " goes there)"
		}
	}
	r.toasts.add(ui.ToastMsg{Text: text, Level: m.Level}, r.p.Deps.Now())
	return call(r.p.Deps.Alert, m)
}

// call rings the bell; a terminal that is gone ends the program by its input.
func call(alert func(title, text string) error, m ui.AlertMsg) tea.Cmd {
	if alert == nil {
		return nil
	}
	return func() tea.Msg {
		if err := alert(m.Title, m.Text); err != nil {
			return ui.ToastMsg{Text: "ring the terminal: " + err.Error(), Level: hosts.LevelWarn}
		}
		return nil
	}
}

// attendAction goes to what called last.
func (r *Root) attendAction() ui.Action {
	a := ui.Act("app.attend", "Console", "go to what called last", func() tea.Cmd { return r.attend() }, "!")
	if k, ok := r.p.Keys["app.attend"]; ok {
		a.SetKeys(k...)
	}
	a.Disabled = func() string {
		if r.called.Screen == "" {
			return "nothing has called"
		}
		return ""
	}
	return a
}

// attend opens it, unless it is on display already.
func (r *Root) attend() tea.Cmd {
	if here := r.nav.here().path; len(here) > 0 && here[len(here)-1] == r.called {
		return nil
	}
	return r.open(r.called)
}
