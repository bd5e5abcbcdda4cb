package runs

import (
	"strconv"
	"strings"

	"midwatch/themes"
	"midwatch/tui/ui"
)

func itoa(n int) string { return strconv.Itoa(n) }

// seg is a piece of a line; its text is clean.
type seg struct {
	role themes.Role
	text string
}

// paint writes pieces into exactly w cells; the last that has no room is cut.
func paint(pal *themes.Palette, w int, segs ...seg) string {
	var b strings.Builder
	left := w
	for _, s := range segs {
		if left <= 0 {
			break
		}
		t := s.text
		n := ui.Width(t)
		if n > left {
			t = ui.Trunc(t, left)
			n = ui.Width(t)
		}
		left -= n
		b.WriteString(pal.Render(s.role, t))
	}
	if left > 0 {
		b.WriteString(pal.Render(themes.Text, ui.Spaces(left)))
	}
	return b.String()
}

// rule is a line across w cells with a text in it.
func rule(st *themes.Styles, pal *themes.Palette, w int, role themes.Role, text string) string {
	line := st.Borders.Top
	left := line + line + " "
	rest := max(0, w-ui.Width(left)-ui.Width(text)-1)
	return paint(pal, w, seg{role, left + text + " " + strings.Repeat(line, rest)})
}

// list joins lines for one line of a table.
func list(lines []string, sep string) string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		if l = oneLine(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, sep)
}
