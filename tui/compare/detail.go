package compare

import (
	"slices"
	"strconv"
	"strings"

	"midwatch/checks/compare"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// detailLines writes one property: each value and who has it, and of lists what is missing and what is
// too much, in lines of w cells.
func detailLines(st *themes.Styles, sh *compare.Sheet, r *compare.Row, w int) []string {
	const names = 12
	d := ui.NewSheet(st, w, names)
	g, role := mark(st, r)
	switch {
	case r.Info:
		d.Text(themes.Muted, r.Name+" is not compared")
	case r.Tie:
		d.Sign(g, role, r.Name+": a tie, no value has most of the votes")
	case r.Differs:
		d.Sign(g, role, r.Name+": "+plural(odd(r)))
	case !slices.ContainsFunc(r.Cells, func(c compare.Cell) bool { return c.Unknown == "" }):
		d.Sign(g, role, r.Name+" is not known anywhere")
	default:
		d.Sign(g, role, r.Name+" is the same wherever it is known")
	}
	values, who := tally(sh, r)
	for _, v := range values {
		role := themes.Text
		if r.Differs && !r.Tie && v != r.Common {
			role = themes.Warn
		}
		shown := v
		if shown == "" {
			shown = "none"
		}
		d.Head(strings.Join(who[v], ", "), "", false)
		if r.List && r.Differs && !r.Tie && v != r.Common {
			against(d, v, r.Common)
			continue
		}
		d.Text(role, shown)
	}
	for i, c := range r.Cells {
		if c.Unknown != "" {
			d.Head(copyName(sh.Columns[i]), "", false)
			d.Sign(st.Glyphs.Unknown, themes.Unknown, "unknown: "+c.Unknown)
		}
	}
	return d.Lines()
}

func plural(n int) string {
	if n == 1 {
		return "1 copy is not like the others"
	}
	return strconv.Itoa(n) + " copies are not like the others"
}

func odd(r *compare.Row) int {
	n := 0
	for _, c := range r.Cells {
		if c.Odd {
			n++
		}
	}
	return n
}

// tally groups the copies by value: the common one first, then in the order of the columns.
func tally(sh *compare.Sheet, r *compare.Row) (values []string, who map[string][]string) {
	who = map[string][]string{}
	for i, c := range r.Cells {
		if c.Unknown != "" {
			continue
		}
		if _, ok := who[c.Value]; !ok {
			values = append(values, c.Value)
		}
		who[c.Value] = append(who[c.Value], copyName(sh.Columns[i]))
	}
	if i := slices.Index(values, r.Common); i > 0 && !r.Tie {
		values = append([]string{r.Common}, slices.Delete(values, i, i+1)...)
	}
	return values, who
}

// against tells a list by its difference from another.
func against(d *ui.Sheet, mine, common string) {
	x, y := strings.Fields(mine), strings.Fields(common)
	for _, v := range x {
		if !slices.Contains(y, v) {
			d.Text(themes.Warn, "+ "+v)
		}
	}
	for _, v := range y {
		if !slices.Contains(x, v) {
			d.Text(themes.Bad, "- "+v)
		}
	}
}

func copyName(c compare.Column) string {
	if c.Alone {
		return c.Host
	}
	return c.Host + " " + c.Copy
}
