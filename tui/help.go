package tui

import (
	"slices"
	"strings"

	"midwatch/themes"
	"midwatch/tui/ui"
)

func (r *Root) openHelp() {
	screen, root := r.screenActions(), r.rootActions()
	title := "help"
	if s := r.nav.top(); s != nil {
		title = "help: " + ui.Clean(s.Title())
	}
	readOnly := r.p.Deps.ReadOnly()
	r.push(newReader(r.p.Deps.Styles, title, func(st *themes.Styles, w int) []string {
		return helpLines(st, append(slices.Clone(screen), root...), readOnly, w)
	}))
}

// helpColumn is the least width of a column of the full help.
const helpColumn = 46

// helpLines writes every action under its group, in as many columns as there is room for.
func helpLines(st *themes.Styles, actions []ui.Action, readOnly bool, w int) []string {
	var groups []string
	by := map[string][]ui.Action{}
	for _, a := range actions {
		if _, ok := by[a.Group]; !ok {
			groups = append(groups, a.Group)
		}
		by[a.Group] = append(by[a.Group], a)
	}
	n := max(1, min(3, w/helpColumn))
	cw := w / n
	blocks := make([][]string, 0, len(groups)+1)
	for _, g := range groups {
		b := []string{st.Normal.Render(themes.Title, ui.Fit(g, cw))}
		for _, a := range by[g] {
			b = append(b, helpLine(st, a, readOnly, cw))
		}
		blocks = append(blocks, append(b, ui.Spaces(cw)))
	}
	blocks = append(blocks, filterHelp(st, cw))
	return ui.Columns(blocks, n, cw)
}

func helpLine(st *themes.Styles, a ui.Action, readOnly bool, w int) string {
	const keyWidth = 16
	names := []string{}
	if a.Key.Enabled() {
		for _, k := range a.Key.Keys() {
			names = append(names, ui.KeyName(k))
		}
	}
	text, role := a.Title, themes.Text
	switch reason := a.Reason(readOnly); {
	case reason != "":
		text, role = text+" ("+reason+")", themes.Faint
	case a.Effect == ui.Destroy:
		role = themes.Warn
	}
	line := st.Normal.Render(themes.Key, ui.Fit(strings.Join(names, " "), keyWidth)) + " "
	return line + st.Normal.Render(role, ui.Fit(ui.Clean(text), max(0, w-keyWidth-2))) + " "
}

func filterHelp(st *themes.Styles, w int) []string {
	out := []string{st.Normal.Render(themes.Title, ui.Fit("In a filter", w))}
	for _, l := range [][2]string{{"two words", "both must occur"}, {"!word", "must not occur"}, {"~wrd", "letters in this order"},
		{"host:word", "only in that column"}, {"Word", "a capital regards case"}} {
		out = append(out, st.Normal.Render(themes.Key, ui.Fit(l[0], 16))+" "+ui.Fit(l[1], max(0, w-17)))
	}
	return out
}
