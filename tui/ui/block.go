package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Block makes exactly h lines of exactly w cells out of lines.
func Block(lines []string, w, h int) []string {
	out := make([]string, max(0, h))
	for i := range out {
		if i < len(lines) {
			out[i] = Fit(lines[i], w)
		} else {
			out[i] = Spaces(w)
		}
	}
	return out
}

// Join makes a view of exactly h lines, each cut to w cells, which is what Screen.View returns.
func Join(lines []string, w, h int) string {
	if h <= 0 {
		return ""
	}
	var b strings.Builder
	b.Grow(h * (w + 24))
	for i := range h {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i < len(lines) {
			l := lines[i]
			if len(l) > w && Width(l) > w {
				l = ansi.Truncate(l, max(0, w), "")
			}
			b.WriteString(l)
		}
	}
	return b.String()
}

// Columns lays blocks of lines out in n columns of w cells, one after the other, without breaking a
// block. Every line of the result is n*w cells wide.
func Columns(blocks [][]string, n, w int) []string {
	total := 0
	for _, b := range blocks {
		total += len(b)
	}
	n = max(1, n)
	cols := make([][]string, n)
	at := 0
	for _, b := range blocks {
		if at < n-1 && len(cols[at]) > 0 && len(cols[at])+len(b)/2 > (total+n-1)/n {
			at++
		}
		cols[at] = append(cols[at], b...)
	}
	rows := 0
	for _, c := range cols {
		rows = max(rows, len(c))
	}
	out := make([]string, rows)
	for i := range out {
		var b strings.Builder
		for _, c := range cols {
			if i < len(c) {
				b.WriteString(Fit(c[i], w))
			} else {
				b.WriteString(Spaces(w))
			}
		}
		out[i] = b.String()
	}
	return out
}

// TooSmall is the view of a screen that has no room: one centred line that says the size needed.
func TooSmall(w, h, needW, needH int) string {
	lines := make([]string, max(0, h))
	if h > 0 {
		lines[(h-1)/2] = Center("needs "+itoa(needW)+"x"+itoa(needH), w)
	}
	return Join(lines, w, h)
}
