package ui

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
)

// Act makes an action of the kind Look; set Effect, Disabled and Hidden on the result. The first
// key is the one that help shows.
func Act(id, group, title string, run func() tea.Cmd, keys ...string) Action {
	a := Action{ID: id, Group: group, Title: title, Run: run}
	a.SetKeys(keys...)
	return a
}

// SetKeys binds the action to keys, with a help text made from them. No keys unbind it.
func (a *Action) SetKeys(keys ...string) {
	if len(keys) == 0 {
		a.Key = key.NewBinding(key.WithDisabled())
		return
	}
	a.Key = key.NewBinding(key.WithKeys(keys...), key.WithHelp(KeyName(keys[0]), a.Title))
}

// KeyName writes a key the way it is printed on the keyboard.
func KeyName(k string) string {
	switch k {
	case " ":
		return "space"
	case "pgdown":
		return "pgdn"
	case "ctrl+@":
		return "ctrl+space"
	default:
		return k
	}
}

// Reason returns why the action cannot be done now, "" when it can.
func (a Action) Reason(readOnly bool) string {
	if a.Disabled != nil {
		if r := a.Disabled(); r != "" {
			return r
		}
	}
	if readOnly && a.Effect != Look {
		return "read-only: unlock first"
	}
	return ""
}

// Do runs the action, or says in a toast why it cannot be done. It is the one place where
// read-only mode stops an action before ops would.
func (a Action) Do(readOnly bool) tea.Cmd {
	if r := a.Reason(readOnly); r != "" {
		return Toast(hosts.LevelWarn, a.Title+": "+r)
	}
	if a.Run == nil {
		return nil
	}
	return a.Run()
}

// Dispatch does the first action bound to the key and reports whether there was one. The root calls
// it with the actions of the top screen, so screens see only keys that no action took.
func Dispatch(actions []Action, msg tea.KeyMsg, readOnly bool) (tea.Cmd, bool) {
	if msg.Paste {
		return nil, false
	}
	for _, a := range actions {
		if key.Matches(msg, a.Key) {
			return a.Do(readOnly), true
		}
	}
	return nil, false
}

// Rebind returns actions with the keys that a person configured for their IDs; an empty list of
// keys unbinds.
func Rebind(actions []Action, keys map[string][]string) []Action {
	if len(keys) == 0 {
		return actions
	}
	out := slices.Clone(actions)
	for i := range out {
		if k, ok := keys[out[i].ID]; ok {
			out[i].SetKeys(k...)
		}
	}
	return out
}

// Conflicts returns what is wrong with a list of actions: an ID or title missing or an ID twice, or
// a key bound twice, so that the later action cannot be reached. Lists are given in the order in
// which they are asked, the screen's before the root's.
func Conflicts(lists ...[]Action) []string {
	var out []string
	ids, keys := map[string]bool{}, map[string]string{}
	for _, l := range lists {
		for _, a := range l {
			switch {
			case a.ID == "":
				out = append(out, "action without an id: "+a.Title)
			case a.Title == "":
				out = append(out, a.ID+" has no title")
			case ids[a.ID]:
				out = append(out, a.ID+" is there twice")
			}
			ids[a.ID] = true
			if !a.Key.Enabled() {
				continue
			}
			for _, k := range a.Key.Keys() {
				if by, ok := keys[k]; ok {
					out = append(out, "key "+KeyName(k)+" of "+a.ID+" is taken by "+by)
					continue
				}
				keys[k] = a.ID
			}
		}
	}
	return out
}

// Toast returns a command that shows a line for a few seconds.
func Toast(level hosts.Level, text string) tea.Cmd {
	return func() tea.Msg { return ToastMsg{Text: text, Level: level} }
}

// Open returns a command that asks the root for a screen.
func Open(m OpenMsg) tea.Cmd { return func() tea.Msg { return m } }

// Confirm returns a command that asks the root for a confirmation.
func Confirm(m ConfirmMsg) tea.Cmd { return func() tea.Msg { return m } }
