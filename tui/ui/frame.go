package ui

import (
	"strings"

	"midwatch/themes"
)

// Frame is a box with a title, a note at the right of the top border (age and source of what is
// inside) and a footer in the bottom border. It is drawn by hand, because nested styles cost more
// than everything else on the screen.
type Frame struct {
	Title  string
	Note   string
	Footer string
	Focus  bool
	// Stale shows the note as a warning.
	Stale bool
}

// FrameW and FrameH are the cells the borders take.
const (
	FrameW = 2
	FrameH = 2
)

// Lines draws the frame in exactly h lines of w cells around body, whose lines may be of any width.
// Below 2x2 there is no frame.
func (f Frame) Lines(st *themes.Styles, w, h int, body []string) []string {
	if h <= 0 || w <= 0 {
		return make([]string, max(0, h))
	}
	if w < FrameW || h < FrameH {
		return Block(body, w, h)
	}
	pen := &st.Normal[themes.Border]
	if f.Focus {
		pen = &st.Normal[themes.BorderFocused]
	}
	out := make([]string, h)
	out[0] = f.edge(st, pen, w, f.Title, f.Note, st.Borders.TopLeft, st.Borders.Top, st.Borders.TopRight)
	side, right := pen.Render(st.Borders.Left), pen.Render(st.Borders.Right)
	for i := 1; i < h-1; i++ {
		line := ""
		if i-1 < len(body) {
			line = body[i-1]
		}
		out[i] = side + Fit(line, w-FrameW) + right
	}
	out[h-1] = f.edge(st, pen, w, f.Footer, "", st.Borders.BottomLeft, st.Borders.Bottom, st.Borders.BottomRight)
	return out
}

// edge draws a horizontal border with a text at the left and one at the right.
func (f Frame) edge(st *themes.Styles, pen *themes.Pen, w int, left, right, l, line, r string) string {
	inner := w - FrameW
	const air = 3 // one line cell and a space on each side of a text
	left = Trunc(left, inner-air)
	room := inner - air
	if left != "" {
		room -= Width(left) + air
	}
	right = Trunc(right, room)
	var b strings.Builder
	b.WriteString(pen.Render(l))
	used := 0
	if left != "" {
		role := themes.Muted
		if f.Focus {
			role = themes.Title
		}
		b.WriteString(pen.Render(line))
		b.WriteString(" " + st.Normal.Render(role, left) + " ")
		used += Width(left) + air
	}
	rw := 0
	if right != "" {
		rw = Width(right) + air
	}
	if fill := inner - used - rw; fill > 0 {
		b.WriteString(pen.Render(strings.Repeat(line, fill)))
	}
	if right != "" {
		role := themes.Faint
		if f.Stale {
			role = themes.Warn
		}
		b.WriteString(" " + st.Normal.Render(role, right) + " " + pen.Render(line))
	}
	b.WriteString(pen.Render(r))
	return b.String()
}

// Beside puts two blocks of lines side by side; the left one must be fitted to its width.
func Beside(left, right []string) []string {
	out := make([]string, max(len(left), len(right)))
	for i := range out {
		if i < len(left) {
			out[i] = left[i]
		}
		if i < len(right) {
			out[i] += right[i]
		}
	}
	return out
}

// Overlay puts box over base with its top left corner at x, y. Lines of base are w cells wide.
func Overlay(base, box []string, x, y, w int) []string {
	out := append([]string(nil), base...)
	for i, line := range box {
		at := y + i
		if at < 0 || at >= len(out) {
			continue
		}
		bw := Width(line)
		// Cuts keep the escape sequences of what they drop, so a style never runs into the box.
		out[at] = Slice(out[at], 0, x) + line + Slice(out[at], x+bw, w-x-bw)
	}
	return out
}
