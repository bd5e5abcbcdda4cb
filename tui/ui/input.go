package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
)

// Input is a one-line text field. It does not blink, so it needs no commands, and never reads the
// local clipboard: pasting is the terminal's business.
type Input struct {
	Prompt string
	Hint   string // shown while the field is empty
	secret bool
	m      textinput.Model
}

// inputLimit bounds what a field holds, in characters.
const inputLimit = 4096

// NewInput returns a focused, empty field.
func NewInput(prompt, hint string) *Input {
	m := textinput.New()
	m.Prompt = ""
	m.CharLimit = inputLimit
	m.KeyMap.Paste.SetEnabled(false)
	m.Cursor.SetMode(cursor.CursorStatic)
	m.Focus() // its command would blink; a static cursor has none
	return &Input{Prompt: prompt, Hint: hint, m: m}
}

// NewSecretInput returns a field that shows a dot for each character.
func NewSecretInput(prompt string) *Input {
	in := NewInput(prompt, "")
	in.secret = true
	return in
}

// Update edits the field and reports whether its text changed. Enter, esc and tab are the caller's.
func (in *Input) Update(msg tea.KeyMsg) bool {
	switch msg.Type {
	case tea.KeyEnter, tea.KeyEsc, tea.KeyTab, tea.KeyShiftTab, tea.KeyUp, tea.KeyDown:
		return false
	}
	before := in.m.Value()
	in.m, _ = in.m.Update(msg)
	return in.m.Value() != before
}

// Value returns the text.
func (in *Input) Value() string { return in.m.Value() }

// SetValue replaces the text and puts the insertion point at its end.
func (in *Input) SetValue(s string) {
	in.m.SetValue(s)
	in.m.CursorEnd()
}

// Line draws the field in exactly w cells, the insertion point always in sight.
func (in *Input) Line(st *themes.Styles, w int) string {
	prompt := Trunc(in.Prompt, w)
	room := w - Width(prompt)
	runes := []rune(in.m.Value())
	at := min(in.m.Position(), len(runes))
	if in.secret {
		for i := range runes {
			runes[i] = '•'
		}
		if st.ASCII {
			for i := range runes {
				runes[i] = '*'
			}
		}
	}
	before, after := Clean(string(runes[:at])), Clean(string(runes[at:]))
	keep := min(Width(after), room/4)
	if Width(before) > room-1-keep {
		before = TruncLeft(before, max(0, room-1-keep))
	}
	var b strings.Builder
	b.WriteString(st.Normal.Render(themes.Accent, prompt))
	b.WriteString(before)
	left := room - Width(before)
	if left > 0 {
		b.WriteString(st.Normal.Render(themes.Accent, st.Glyphs.Caret))
		left--
	}
	if len(runes) == 0 && in.Hint != "" {
		b.WriteString(st.Normal.Render(themes.Faint, Fit(in.Hint, left)))
	} else {
		b.WriteString(Fit(after, left))
	}
	return b.String()
}
