package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// confirm asks before something is changed. No is the default; where a text must be typed there is
// no key that agrees by accident.
type confirm struct {
	m     ui.ConfirmMsg
	yes   bool
	input *ui.Input
	wrong string // why the text was not taken when enter was pressed
	quit  bool   // the question of quitting
}

func newConfirm(m ui.ConfirmMsg) *confirm {
	c := &confirm{m: m}
	switch {
	case m.Typed != "":
		c.input = ui.NewInput("> ", "")
	case m.Field != "":
		c.input = ui.NewInput(m.Field+" ", "")
		c.input.SetValue(m.Text)
	}
	return c
}

func (c *confirm) key(r *Root, m tea.KeyMsg) tea.Cmd {
	if m.Type == tea.KeyEsc {
		r.drop(c)
		return nil
	}
	if c.input != nil {
		if m.Type != tea.KeyEnter {
			if c.input.Update(m) {
				c.wrong = ""
			}
			return nil
		}
		if c.wrong = c.fault(c.input.Value()); c.wrong != "" {
			return nil
		}
		return c.agree(r)
	}
	if m.Paste {
		return nil
	}
	switch m.String() {
	case "y":
		return c.agree(r)
	case "n", "q":
		r.drop(c)
	case "tab", "shift+tab", "left", "right", "h", "l":
		c.yes = !c.yes
	case "enter":
		if c.yes {
			return c.agree(r)
		}
		r.drop(c)
	}
	return nil
}

// fault says why a text is not taken.
func (c *confirm) fault(text string) string {
	switch {
	case c.m.Typed != "" && text != c.m.Typed:
		return "not the same: type " + ui.Clean(c.m.Typed) + " to go on"
	case c.m.Wrong != nil:
		return ui.Clean(c.m.Wrong(text))
	}
	return ""
}

// agree runs what was asked about, unless the lease ended while the question stood.
func (c *confirm) agree(r *Root) tea.Cmd {
	r.drop(c)
	if c.m.Effect != ui.Look && r.p.Deps.ReadOnly() {
		return ui.Toast(hosts.LevelWarn, c.m.Title+" not done: read-only")
	}
	typed := ""
	if c.input != nil {
		typed = c.input.Value()
	}
	if c.m.Run == nil {
		return nil
	}
	return c.m.Run(typed)
}

func (c *confirm) mouse(*Root, tea.MouseMsg) tea.Cmd { return nil }

func (c *confirm) hint() string {
	if c.input != nil {
		return "enter do it  esc cancel"
	}
	return "y yes  n no  tab change  enter choose  esc cancel"
}

const dialogWidth = 66

func (c *confirm) box(st *themes.Styles, w, h int) []string {
	inner := max(1, min(dialogWidth, w-6))
	glyph, role := st.Glyphs.Unknown, themes.Info
	switch c.m.Effect {
	case ui.Change:
		glyph, role = st.Glyphs.Warn, themes.Warn
	case ui.Destroy:
		glyph, role = st.Glyphs.Bad, themes.Bad
	}
	lines := []string{}
	for _, l := range ui.Wrap(glyph+" "+ui.Clean(c.m.Title), inner) {
		lines = append(lines, st.Normal.Render(role, l))
	}
	for _, b := range c.m.Body {
		lines = append(lines, ui.Wrap(ui.Clean(b), inner)...)
	}
	lines = append(lines, "")
	tail := c.answer(st, inner)
	// The answer is always seen: a long body gives way.
	if room := h - ui.FrameH - len(tail); len(lines) > room && room >= 1 {
		lines = append(lines[:max(0, room-1)], st.Normal.Render(themes.Muted, st.Glyphs.Ellipsis))
	}
	return padded(st, ui.Frame{Title: "confirm"}, append(lines, tail...), w, h)
}

func (c *confirm) answer(st *themes.Styles, w int) []string {
	if c.input != nil {
		if c.wrong != "" {
			var out []string
			for _, l := range ui.Wrap(st.Glyphs.Bad+" "+c.wrong, w) {
				out = append(out, st.Normal.Render(themes.Bad, ui.Fit(l, w)))
			}
			return append(out, c.input.Line(st, w))
		}
		ask := "type " + ui.Clean(c.m.Typed) + " to go on"
		if c.m.Field != "" {
			ask = "change it, or go on as it is"
		}
		return []string{st.Normal.Render(themes.Muted, ui.Fit(ask, w)), c.input.Line(st, w)}
	}
	return []string{choice(st, !c.yes, "No") + "  " + choice(st, c.yes, "Yes")}
}

// choice draws a button; the brackets say which one enter takes where there is no colour.
func choice(st *themes.Styles, on bool, text string) string {
	if on {
		return st.Selected.Render(themes.Strong, "[ "+text+" ]")
	}
	return st.Normal.Render(themes.Muted, "  "+text+"  ")
}
