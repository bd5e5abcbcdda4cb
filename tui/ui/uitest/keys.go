package uitest

import (
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/tui/ui"
)

// Keys makes the messages of typed keys for tests: "j", "enter", "ctrl+p", "alt+x", " ".
func Keys(names ...string) []tea.KeyMsg {
	types := map[string]tea.KeyType{
		"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp,
		"down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd,
		"pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete, " ": tea.KeySpace,
	}
	var out []tea.KeyMsg
	for _, n := range names {
		m := tea.KeyMsg{}
		rest, alt := strings.CutPrefix(n, "alt+")
		m.Alt = alt
		switch t, ok := types[rest]; {
		case ok:
			m.Type = t
			if t == tea.KeySpace {
				m.Runes = []rune{' '}
			}
		case strings.HasPrefix(rest, "ctrl+") && len(rest) == 6 && rest[5] >= 'a' && rest[5] <= 'z':
			m.Type = tea.KeyCtrlA + tea.KeyType(rest[5]-'a')
		default:
			m.Type, m.Runes = tea.KeyRunes, []rune(rest)
		}
		out = append(out, m)
	}
	return out
}

// Press types keys at a screen the way the root does: actions first unless the screen captures the
// keyboard, then the screen's Update. It runs the commands that come of it and returns their
// messages, without feeding them back.
func Press(t testing.TB, s ui.Screen, readOnly bool, names ...string) []tea.Msg {
	t.Helper()
	var out []tea.Msg
	for _, k := range Keys(names...) {
		if !s.Capturing() {
			if cmd, ok := ui.Dispatch(s.Actions(), k, readOnly); ok {
				out = append(out, Run(cmd)...)
				continue
			}
		}
		out = append(out, Run(s.Update(k))...)
	}
	return out
}

// Run runs a command and the commands of a batch, one after the other, and returns the messages.
func Run(cmd tea.Cmd) []tea.Msg {
	if cmd == nil {
		return nil
	}
	msg := cmd()
	if b, ok := msg.(tea.BatchMsg); ok {
		var out []tea.Msg
		for _, c := range b {
			out = append(out, Run(c)...)
		}
		return out
	}
	if msg == nil {
		return nil
	}
	return []tea.Msg{msg}
}
