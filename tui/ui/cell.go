package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

const blanks = "                                                                                                                                " +
	"                                                                                                                                "

// Spaces returns n spaces.
func Spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blanks) {
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}

// Width returns the cells s takes; escape sequences take none. What our own screens are made of
// (ASCII, colours, borders, glyphs, Latin and Cyrillic letters) is counted here, ten times faster than
// by the general rules, which take over at anything else.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= 0x20 && c <= 0x7e:
			n++
			i++
		case c == 0x1b:
			end := colourEnd(s, i)
			if end < 0 {
				return ansi.StringWidth(s)
			}
			i = end
		case c < 0x80:
			return ansi.StringWidth(s)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if !narrow(r) {
				return ansi.StringWidth(s)
			}
			n++
			i += size
		}
	}
	return n
}

// colourEnd returns where the colour sequence that begins at i ends, -1 when it is something else.
func colourEnd(s string, i int) int {
	if i+1 >= len(s) || s[i+1] != '[' {
		return -1
	}
	for i += 2; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == ';', c == ':':
		case c == 'm':
			return i + 1
		default:
			return -1
		}
	}
	return -1
}

// narrow reports characters of one cell that never join with their neighbours.
func narrow(r rune) bool {
	switch {
	case r >= 0x2500 && r <= 0x25fc, r >= 0xa1 && r <= 0x17f && r != 0xad, r >= 0x410 && r <= 0x44f,
		r >= 0x2010 && r <= 0x2027, r >= 0x2030 && r <= 0x203a, r >= 0x2190 && r <= 0x21ff, r == 0x2713, r == 0x2717:
		return true
	}
	return false
}

// Trunc returns at most w cells of s, the last one "…" when something was cut.
func Trunc(s string, w int) string { return truncWith(s, w, "…") }

func truncWith(s string, w int, tail string) string {
	if w <= 0 {
		return ""
	}
	if len(s) <= w && Width(s) <= w {
		return s
	}
	return ansi.Truncate(s, w, tail)
}

// TruncLeft keeps the end of s, for paths and images whose end tells them apart.
func TruncLeft(s string, w int) string {
	n := Width(s)
	if n <= w {
		return s
	}
	if w <= 1 {
		return Trunc("…", w)
	}
	return "…" + dropLeft(s, n-w+1)
}

// dropLeft drops the first n cells of s. A wide character over the cut goes whole, with a space in
// place of its second half; the library would keep it whole.
func dropLeft(s string, n int) string {
	r := ansi.TruncateLeft(s, n, "")
	if want := Width(s) - n; want >= 0 && Width(r) > want {
		r = " " + ansi.TruncateLeft(s, n+1, "")
	}
	return r
}

// TruncMiddle keeps both ends of s.
func TruncMiddle(s string, w int) string {
	if Width(s) <= w {
		return s
	}
	if w < 5 {
		return Trunc(s, w)
	}
	head := (w - 1) / 2
	return ansi.Truncate(s, head, "") + TruncLeft(s, w-head)
}

// Pad appends spaces up to w cells; a longer s is returned as it is.
func Pad(s string, w int) string { return s + Spaces(w-Width(s)) }

// Fit returns s in exactly w cells: cut with "…", or filled with spaces.
func Fit(s string, w int) string {
	n := Width(s)
	if n > w {
		s = Trunc(s, w)
		n = Width(s)
	}
	if n == w {
		return s
	}
	return s + Spaces(w-n)
}

// FitRight is Fit with the text at the right.
func FitRight(s string, w int) string {
	n := Width(s)
	if n > w {
		s = Trunc(s, w)
		n = Width(s)
	}
	return Spaces(w-n) + s
}

// Center is Fit with the text in the middle.
func Center(s string, w int) string {
	s = Trunc(s, w)
	n := Width(s)
	left := (w - n) / 2
	return Spaces(left) + s + Spaces(w-n-left)
}

// Between fills the cells between a left and a right text; when both do not fit, the left one is
// cut first and the right one goes when there is no room at all.
func Between(left, right string, w int) string {
	if w <= 0 {
		return ""
	}
	r := Width(right)
	if r > w {
		return Fit(left, w)
	}
	room := w - r
	if r > 0 && Width(left) >= room {
		left = Trunc(left, max(0, room-1))
	}
	return left + Spaces(room-Width(left)) + right
}

// Slice returns the cells from left to left+w of a fitted line.
func Slice(s string, left, w int) string {
	if w <= 0 {
		return ""
	}
	if left <= 0 {
		if n := Width(s); n <= w {
			return s + Spaces(w-n)
		}
		return Fit(ansi.Truncate(s, w, ""), w)
	}
	return Fit(dropLeft(ansi.Truncate(s, left+w, ""), left), w)
}

// Clean makes text from outside safe to show on one line: escape sequences and control bytes are
// dropped, white space becomes a space, and so do characters that terminals do not agree on how
// wide they are (joiners, variation selectors, skin tones) or that reorder a line (bidi controls).
func Clean(s string) string {
	if printable(s) {
		return s
	}
	s = ansi.Strip(s)
	var b strings.Builder
	b.Grow(len(s))
	marks := 0
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n' || r == '\v' || r == '\f' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte(' ')
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || unsettled(r):
			continue
		case combining(r):
			if marks++; marks <= 2 { // stacks of marks paint over other lines
				b.WriteRune(r)
			}
			continue
		default:
			b.WriteRune(r)
		}
		marks = 0
	}
	return b.String()
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// unsettled reports characters without a cell of their own whose effect differs between terminals.
func unsettled(r rune) bool {
	switch {
	case r == 0xad, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r == 0x61c, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xfe00 && r <= 0xfe0f,
		r >= 0x1f3fb && r <= 0x1f3ff, r >= 0xe0000 && r <= 0xe01ef, r >= 0xd800 && r <= 0xdfff,
		r >= 0x1f1e6 && r <= 0x1f1ff, r == 0x20e3, r >= 0x1160 && r <= 0x11ff, r >= 0xd7b0 && r <= 0xd7ff,
		r == 0x115f, r == 0x3164, r == 0xffa0:
		return true
	}
	return false
}

func combining(r rune) bool {
	return r >= 0x300 && r <= 0x36f || r >= 0x483 && r <= 0x489 || r >= 0x1ab0 && r <= 0x1aff ||
		r >= 0x1dc0 && r <= 0x1dff || r >= 0x20d0 && r <= 0x20ff || r >= 0xfe20 && r <= 0xfe2f
}

// Wrap breaks plain text into lines of at most w cells, at spaces where it can.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, w, ""), "\n")
}

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

// ASCII replaces what is not ASCII, cell by cell, for terminals whose locale knows nothing else:
// the signs of our own by their likes, everything else by question marks. Escape sequences stay.
func ASCII(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return asciiFrom(s)
		}
	}
	return s
}

func asciiFrom(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch r {
		case '…':
			b.WriteByte('~')
		case '·':
			b.WriteByte('-')
		case '›':
			b.WriteByte('>')
		case '•':
			b.WriteByte('*')
		case '→':
			b.WriteByte('>')
		default:
			if r < 0x80 {
				b.WriteRune(r)
			} else {
				b.WriteString("????"[:max(0, min(4, ansi.StringWidth(string(r))))])
			}
		}
	}
	return b.String()
}

// PlainText is styled lines as text for the clipboard: no escape sequences, no blanks at the ends.
func PlainText(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " "))
		b.WriteByte('\n')
	}
	return b.String()
}
