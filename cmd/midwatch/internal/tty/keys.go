package tty

import (
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
)

// Keys makes keys of what was typed while the terminal was asked. Keys that are sent as sequences
// are left out: what a sequence was cut from is not known.
func Keys(typed []byte) []tea.KeyMsg {
	var out []tea.KeyMsg
	for len(typed) > 0 {
		r, n := utf8.DecodeRune(typed)
		typed = typed[n:]
		switch {
		case r == 0x1b && len(typed) > 0:
			return out
		case r < 0x20 || r == 0x7f:
			out = append(out, tea.KeyMsg{Type: tea.KeyType(r)}) // the control keys have their codes
		case r == ' ':
			out = append(out, tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{r}})
		case r != utf8.RuneError:
			out = append(out, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
	return out
}
