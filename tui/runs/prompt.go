package runs

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// prompt asks for a choice, a text or both, in place. The first choice is what leaves all as it is.
type prompt struct {
	title   string
	lines   []string
	choices []string
	at      int
	input   *ui.Input
	// refuse says why an answer cannot be taken yet, "" when it can.
	refuse func(at int, text string) string
	wrong  string
	done   func(at int, text string) tea.Cmd
}

// key takes a key and reports whether the prompt is over.
func (p *prompt) key(m tea.KeyMsg) (tea.Cmd, bool) {
	switch m.Type {
	case tea.KeyEsc:
		return nil, true
	case tea.KeyEnter:
		text := ""
		if p.input != nil {
			text = p.input.Value()
		}
		if p.refuse != nil {
			if p.wrong = p.refuse(p.at, text); p.wrong != "" {
				return nil, false
			}
		}
		return p.done(p.at, text), true
	case tea.KeyTab, tea.KeyDown:
		p.turn(1)
	case tea.KeyShiftTab, tea.KeyUp:
		p.turn(-1)
	case tea.KeyLeft, tea.KeyRight:
		if p.input != nil {
			p.input.Update(m)
			break
		}
		if m.Type == tea.KeyLeft {
			p.turn(-1)
		} else {
			p.turn(1)
		}
	default:
		if p.input != nil && p.input.Update(m) {
			p.wrong = ""
		}
	}
	return nil, false
}

func (p *prompt) turn(by int) {
	if n := len(p.choices); n > 0 {
		p.at = ((p.at+by)%n + n) % n
		p.wrong = ""
	}
}

// view draws the prompt in w cells; the answer stands last, because it must be seen.
func (p *prompt) view(st *themes.Styles, w, h int) []string {
	var tail []string
	if n := len(p.choices); n > 0 {
		tail = p.buttons(st, w)
	}
	if p.input != nil {
		tail = append(tail, p.input.Line(st, w))
	}
	switch {
	case p.wrong != "":
		tail = append(tail, st.Normal.Render(themes.Bad, ui.Fit(st.Glyphs.Bad+" "+p.wrong, w)))
	case len(p.choices) > 1:
		tail = append(tail, st.Normal.Render(themes.Faint, ui.Fit("tab chooses, enter answers, esc leaves it open", w)))
	default:
		tail = append(tail, st.Normal.Render(themes.Faint, ui.Fit("enter does it, esc leaves it", w)))
	}
	var out []string
	for _, l := range ui.Wrap(ui.Clean(p.title), w) {
		out = append(out, st.Normal.Render(themes.Strong, l))
	}
	for _, l := range p.lines {
		out = append(out, ui.Wrap(ui.Clean(l), w)...)
	}
	if room := max(0, h-len(tail)); len(out) > room {
		out = out[:room]
		if room > 1 {
			out[room-1] = st.Normal.Render(themes.Muted, st.Glyphs.Ellipsis)
		}
	}
	return append(out, tail...)
}

// buttons draws the choices, on as many lines as they need; the brackets say which one enter takes.
func (p *prompt) buttons(st *themes.Styles, w int) []string {
	var out []string
	var b strings.Builder
	used := 0
	for i, c := range p.choices {
		text := "  " + ui.Clean(c) + "  "
		pal, role := &st.Normal, themes.Muted
		if i == p.at {
			text, pal, role = "[ "+ui.Clean(c)+" ]", &st.Selected, themes.Strong
		}
		text = ui.Trunc(text, w)
		if n := ui.Width(text); used > 0 && used+n > w {
			out = append(out, b.String())
			b.Reset()
			used = 0
		}
		used += ui.Width(text)
		b.WriteString(pal.Render(role, text))
	}
	return append(out, b.String())
}
