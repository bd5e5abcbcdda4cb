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

// Wrap breaks plain text into lines of at most w cells, at spaces where it can.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, w, ""), "\n")
}
