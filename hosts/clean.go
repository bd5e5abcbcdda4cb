package hosts

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// tabWidth is the distance of tab stops, as terminals have them.
const tabWidth = 8

// Clean makes text from outside safe to show. Escape sequences (colours too) and control bytes are
// taken out, tabs become spaces, a carriage return inside a line and the controls that turn the
// direction of writing become visible escapes, and what is not UTF-8 becomes U+FFFD. Line ends
// stay, as "\n". Plain ASCII comes back as it is, without an allocation.
func Clean(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\n' || s[i] > '~' {
			return cleanFrom(s, i, true)
		}
	}
	return s
}

// CleanLine is Clean for names, labels and messages that must stay on one line: a line end becomes
// a space.
func CleanLine(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return cleanFrom(s, i, false)
		}
	}
	return s
}

// cleanFrom cleans s, of which the first start bytes are known to be plain.
func cleanFrom(s string, start int, lines bool) string {
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:start])
	col := start // cells since the line began, for tabs; wide characters count as one
	if nl := strings.LastIndexByte(s[:start], '\n'); nl >= 0 {
		col = start - nl - 1
	}
	for i := start; i < len(s); {
		c := s[i]
		switch {
		case c >= ' ' && c <= '~':
			b.WriteByte(c)
			col++
			i++
		case c == '\n' && lines:
			b.WriteByte(c)
			col = 0
			i++
		case c == '\n':
			b.WriteByte(' ')
			col++
			i++
		case c == '\t':
			n := tabWidth - col%tabWidth
			b.WriteString("        "[:n])
			col += n
			i++
		case c == '\r':
			i++
			if i < len(s) && s[i] != '\n' && s[i] != '\r' {
				b.WriteString(`\r`) // what follows would overwrite what stands before
				col += 2
			}
		case c == 0x1b:
			i += escapeLen(s[i:])
		case c < utf8.RuneSelf: // control bytes and DEL
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			col += cleanRune(&b, r)
			i += n
		}
	}
	return b.String()
}

// cleanRune writes one character outside ASCII and returns how many cells it was counted as.
func cleanRune(b *strings.Builder, r rune) int {
	switch {
	case r < 0xa0: // C1 controls, which some terminals obey
		return 0
	case hidden(r):
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
		return len(q) - 2
	default:
		b.WriteRune(r)
		return 1
	}
}

// hidden reports characters that change how the text around them is laid out, or that are seen by
// nobody: bidirectional controls, line and paragraph separators, tags.
func hidden(r rune) bool {
	switch {
	case r == 0x061c, r == 0x200e, r == 0x200f, r == 0xfeff,
		r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// escapeLen is the length of the escape sequence at the start of s. One that is not finished is as
// long as its ESC alone, so that it cannot hide what comes after it.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch c := s[1]; {
	case c == '[': // CSI: parameters, intermediates, a final byte
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x40 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x3f {
				return 1
			}
		}
		return 1
	case c == ']', c == 'P', c == 'X', c == '^', c == '_': // OSC, DCS, SOS, PM, APC: up to ST, or BEL
		for i := 2; i < len(s); i++ {
			switch {
			case s[i] == 0x07:
				return i + 1
			case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\':
				return i + 2
			case s[i] == '\n', s[i] == 0x1b:
				return 1
			}
		}
		return 1
	case c >= 0x20 && c <= 0x2f: // intermediates and a final byte
		for i := 2; i < len(s); i++ {
			if s[i] >= 0x30 && s[i] <= 0x7e {
				return i + 1
			}
			if s[i] < 0x20 || s[i] > 0x2f {
				return 1
			}
		}
		return 1
	case c >= 0x30 && c <= 0x7e:
		return 2
	default:
		return 1
	}
}
