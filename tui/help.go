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
const helpColumn = 38

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
	keys := 0
	for _, a := range actions {
		keys = max(keys, ui.Width(keyNames(a)))
	}
	keys = min(keys, cw/2)
	blocks := make([][]string, 0, len(groups)+1)
	for _, g := range groups {
		b := []string{st.Normal.Render(themes.Title, ui.Fit(g, cw))}
		for _, a := range by[g] {
			b = append(b, helpLine(st, a, readOnly, keys, cw))
		}
		blocks = append(blocks, append(b, ui.Spaces(cw)))
	}
	blocks = append(blocks, filterHelp(st, keys, cw))
	return ui.Columns(blocks, n, cw)
}

func keyNames(a ui.Action) string {
	var names []string
	if a.Key.Enabled() {
		for _, k := range a.Key.Keys() {
			names = append(names, ui.KeyName(k))
		}
	}
	return strings.Join(names, " ")
}

// helpLine writes the keys and the title; what cannot be done now is faint, with the reason where
// there is room and a sign where there is none.
func helpLine(st *themes.Styles, a ui.Action, readOnly bool, keys, w int) string {
	text, role := ui.Clean(a.Title), themes.Text
	room := max(0, w-keys-2)
	switch reason := a.Reason(readOnly); {
	case reason != "":
		role = themes.Faint
		if long := text + " (" + ui.Clean(reason) + ")"; ui.Width(long) <= room {
			text = long
		} else {
			text = st.Glyphs.Locked + " " + text
		}
	case a.Effect == ui.Destroy:
		role = themes.Warn
	}
	return st.Normal.Render(themes.Key, ui.Fit(keyNames(a), keys)) + " " + st.Normal.Render(role, ui.Fit(text, room)) + " "
}

func filterHelp(st *themes.Styles, keys, w int) []string {
	out := []string{st.Normal.Render(themes.Title, ui.Fit("In a filter", w))}
	for _, l := range [][2]string{
		{"two words", "both must occur"},
		{"!word", "must not occur"},
		{"~wrd", "letters in this order"},
		{"host:word", "only in that column"},
		{"Word", "a capital regards case"},
	} {
		out = append(out, st.Normal.Render(themes.Key, ui.Fit(l[0], keys))+" "+ui.Fit(l[1], max(0, w-keys-1)))
	}
	return out
}
