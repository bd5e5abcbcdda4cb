package ui

import "midwatch/themes"

// Sheet writes the lines of a detail pane: headings, names with values, wrapped text. Everything it
// is given is cleaned.
type Sheet struct {
	st    *themes.Styles
	w     int
	name  int // cells of the names
	lines []string
}

// NewSheet returns an empty sheet for lines of w cells, whose names take name cells.
func NewSheet(st *themes.Styles, w, name int) *Sheet {
	return &Sheet{st: st, w: max(1, w), name: name}
}

// Lines is what was written.
func (s *Sheet) Lines() []string { return s.lines }

// Line appends a line that is styled already.
func (s *Sheet) Line(line string) { s.lines = append(s.lines, line) }

// Head begins a part with an empty line before it, unless it is the first. note stands at the right.
func (s *Sheet) Head(title, note string, stale bool) {
	if len(s.lines) > 0 {
		s.lines = append(s.lines, "")
	}
	role := themes.Faint
	if stale {
		role = themes.Warn
	}
	title = Trunc(Clean(title), s.w)
	room := max(0, s.w-Width(title)-2)
	s.lines = append(s.lines, Between(s.st.Normal.Render(themes.Title, title), s.st.Normal.Render(role, Trunc(Clean(note), room)), s.w))
}

// Text writes wrapped text.
func (s *Sheet) Text(role themes.Role, text string) {
	if text = Clean(text); text == "" {
		return
	}
	for _, l := range Wrap(text, s.w) {
		s.lines = append(s.lines, s.st.Normal.Render(role, l))
	}
}

// Sign writes a glyph and a text beside it.
func (s *Sheet) Sign(glyph string, role themes.Role, text string) {
	for i, l := range Wrap(Clean(text), max(1, s.w-2)) {
		if i > 0 {
			glyph = " "
		}
		s.lines = append(s.lines, s.st.Normal.Render(role, glyph+" "+l))
	}
}

// Pair writes a name and a value beside it; nothing without a value. A name that is too long stands
// on a line of its own.
func (s *Sheet) Pair(name string, role themes.Role, value string) {
	if value = Clean(value); value == "" {
		return
	}
	name = Clean(name)
	if Width(name) >= s.name {
		s.lines = append(s.lines, s.st.Normal.Render(themes.Muted, Trunc(name, s.w)))
		name = ""
	}
	for i, l := range Wrap(value, max(1, s.w-s.name)) {
		n := ""
		if i == 0 {
			n = name
		}
		s.lines = append(s.lines, s.st.Normal.Render(themes.Muted, Fit(n, min(s.name, s.w)))+s.st.Normal.Render(role, l))
	}
}

// Code writes one line of a file with its number; here marks the line that is meant.
func (s *Sheet) Code(no int, text string, here bool) {
	const numbers = 5
	role, cursor := themes.Muted, " "
	if here {
		role, cursor = themes.Strong, s.st.Glyphs.Cursor
	}
	s.lines = append(s.lines, s.st.Normal.Render(themes.Accent, cursor)+s.st.Normal.Render(themes.Faint, FitRight(itoa(no), numbers)+" ")+
		s.st.Normal.Render(role, expand(text)))
}

// expand cleans a line and keeps its indentation: tabs are four cells.
func expand(text string) string {
	n := 0
	for n < len(text) && (text[n] == ' ' || text[n] == '\t') {
		n++
	}
	cells := 0
	for i := range n {
		if text[i] == '\t' {
			cells += 4
		} else {
			cells++
		}
	}
	return Spaces(cells) + Clean(text[n:])
}
