package ui

import (
	"strings"

	"midwatch/themes"
)

// Page writes the details of one object: headings, values under their names, tables. All that is
// given to it is cleaned, and wrapped at the page's width.
type Page struct {
	st  *themes.Styles
	w   int
	out []string
}

// NewPage returns an empty page of w cells.
func NewPage(st *themes.Styles, w int) *Page { return &Page{st: st, w: max(1, w)} }

// pageName is the width of the names of values.
const pageName = 13

// Styles is the theme the page is written in.
func (p *Page) Styles() *themes.Styles { return p.st }

// Width is how many cells a line has.
func (p *Page) Width() int { return p.w }

// Lines is what was written.
func (p *Page) Lines() []string { return p.out }

// Head begins a part, with a note such as its age at the right.
func (p *Page) Head(title, note string, stale bool) {
	p.Blank()
	role := themes.Faint
	if stale {
		role = themes.Warn
	}
	title = Clean(title)
	note = Trunc(Clean(note), max(0, p.w-Width(title)-2))
	p.out = append(p.out, Between(p.st.Normal.Render(themes.Title, title), p.st.Normal.Render(role, note), p.w))
}

// Blank separates; at the top of the page and after another one it does nothing.
func (p *Page) Blank() {
	if n := len(p.out); n > 0 && p.out[n-1] != "" {
		p.out = append(p.out, "")
	}
}

// Field writes a value beside its name; an empty one is not written.
func (p *Page) Field(name, text string, role themes.Role) {
	text = strings.TrimRight(Clean(text), " ")
	if text == "" {
		return
	}
	name = Fit(Clean(name), min(pageName, p.w))
	for _, l := range Wrap(text, max(8, p.w-pageName)) {
		p.out = append(p.out, p.st.Normal.Render(themes.Faint, name)+p.st.Normal.Render(role, l))
		name = Spaces(min(pageName, p.w))
	}
}

// Line writes a text over the whole width.
func (p *Page) Line(role themes.Role, text string) {
	for _, l := range Wrap(Clean(text), p.w) {
		p.out = append(p.out, p.st.Normal.Render(role, l))
	}
}

// Raw adds lines that are drawn already.
func (p *Page) Raw(lines ...string) { p.out = append(p.out, lines...) }

// Grid writes cells in columns as wide as their longest; the first row holds the titles, and the last
// column may be as long as the line.
func (p *Page) Grid(rows [][]Cell) {
	var widths []int
	const most = 34
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(most, p.cellWidth(c)))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		left := p.w
		for i, c := range r {
			w := left
			if i < len(r)-1 {
				w = min(widths[i], left)
			}
			role := c.Role
			if n == 0 {
				role = themes.Faint
			}
			b.WriteString(p.cell(c, role, w))
			if left -= w + 2; left <= 0 || i == len(r)-1 {
				break
			}
			b.WriteString("  ")
		}
		p.out = append(p.out, b.String())
	}
}

func (p *Page) cellWidth(c Cell) int {
	n := Width(Clean(c.Text))
	if c.Glyph != "" {
		n += 2
	}
	return n
}

func (p *Page) cell(c Cell, role themes.Role, w int) string {
	text, out := Clean(c.Text), ""
	if c.Glyph != "" && w > 2 {
		out = p.st.Normal.Render(c.GlyphRole, c.Glyph) + " "
		w -= 2
	}
	return out + p.st.Normal.Render(role, Fit(text, w))
}
