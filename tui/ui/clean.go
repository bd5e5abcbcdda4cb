package ui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

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
