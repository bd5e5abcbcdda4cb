package collect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text from a host fit to be shown: valid UTF-8, no control characters except a tab,
// none of the invisible marks that reorder a line.
func clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r == utf8.RuneError:
			return '�'
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// plain reports whether s is printable ASCII and tabs, which is nearly always so.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}
