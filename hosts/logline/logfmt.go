package logline

import (
	"strconv"
	"strings"
)

// readLogfmt reads key=value pairs, values quoted as Go quotes them where they hold spaces. Two pairs
// make a line logfmt when one of them is a time, a level or a message, or when nothing else stands
// there; words between pairs are allowed in front only (lograge behind a tag).
func readLogfmt(line string, r *Record) bool {
	if strings.IndexByte(line, '=') < 0 {
		return false
	}
	pairs, stray, known := 0, 0, false
	for s := line; ; {
		s = strings.TrimLeft(s, " \t")
		if s == "" {
			break
		}
		key, value, rest, ok := pair(s)
		s = rest
		if !ok {
			stray++
			if pairs > 0 || stray > 6 {
				return false
			}
			continue
		}
		pairs++
		known = known || isTimeKey(key) || isLevelKey(key) || isMessageKey(key) || key == "method" || key == "status" ||
			r.names != nil && (r.isTime(key) || r.isLevel(key) || r.isMessage(key))
		take(r, key, value)
	}
	if pairs < 2 || !known && stray > 0 {
		return false
	}
	finish(r, line)
	return true
}

// pair reads key=value from the front of a text, or a single word.
func pair(s string) (key, value, rest string, ok bool) {
	i := 0
	for i < len(s) && keyByte(s[i]) {
		i++
	}
	if i == 0 || i >= len(s) || s[i] != '=' {
		_, rest, _ = strings.Cut(s, " ")
		return "", "", rest, false
	}
	key, s = s[:i], s[i+1:]
	if strings.HasPrefix(s, `"`) {
		if q, err := strconv.QuotedPrefix(s); err == nil {
			if v, err := strconv.Unquote(q); err == nil {
				return key, v, s[len(q):], true
			}
		}
	}
	value, rest, _ = strings.Cut(s, " ")
	return key, value, rest, true
}

func keyByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || isDigit(c) || c == '_' || c == '.' || c == '-' || c == '@' || c == '/'
}
