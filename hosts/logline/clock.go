package logline

import (
	"strconv"
	"strings"
	"time"
)

// layouts are the ways in which a time stands at the front of a line or in a field. The ones without
// a zone are read as UTC, which servers keep; the ones without a year are not read at all.
var layouts = [...]string{
	"2006-01-02T15:04:05.999999999Z07:00",
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999",
	"2006/01/02 15:04:05.999999999",
	"02/Jan/2006:15:04:05 -0700",
	"Mon, 02 Jan 2006 15:04:05 MST",
	"Mon Jan _2 15:04:05 2006",
}

// parseTime reads a time as a field states it: a known layout, or seconds, milliseconds,
// microseconds or nanoseconds since 1970, told apart by their size.
func parseTime(s string) (time.Time, bool) {
	if len(s) < 9 || len(s) > 48 {
		return time.Time{}, false
	}
	if t, ok := accessTime(s); ok {
		return t, true
	}
	if t, ok := epoch(s); ok {
		return t, true
	}
	// A comma before the milliseconds is Python's and Java's way.
	if i := strings.IndexByte(s, ','); i > 12 && i+1 < len(s) && isDigit(s[i+1]) {
		s = s[:i] + "." + s[i+1:]
	}
	for _, l := range likely(s) {
		if t, err := time.Parse(l, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// months are the names of the months as access logs write them, one behind the other.
const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// accessTime reads 02/Jan/2006:15:04:05 -0700. A filter on a field reads it in each line of an access log, and
// the general reader takes half of the time that the whole line takes. What is not exactly so it leaves to that.
func accessTime(s string) (t time.Time, ok bool) {
	const shape = "00/aaa/0000:00:00:00 +0000"
	if len(s) != len(shape) || s[2] != '/' {
		return t, false
	}
	for i := range shape {
		switch c := shape[i]; {
		case c == '0' && !isDigit(s[i]), c != '0' && c != 'a' && c != '+' && s[i] != c:
			return t, false
		}
	}
	month := strings.Index(months, s[3:6])
	if month < 0 || month%3 != 0 || s[21] != '+' && s[21] != '-' {
		return t, false
	}
	two := func(i int) int { return 10*int(s[i]-'0') + int(s[i+1]-'0') }
	day, hour, minute, second, ahead := two(0), two(12), two(15), two(18), 3600*two(22)+60*two(24)
	if hour > 23 || minute > 59 || second > 59 || two(22) > 23 || two(24) > 59 {
		return t, false
	}
	if s[21] == '-' {
		ahead = -ahead
	}
	zone := time.UTC
	if ahead != 0 {
		zone = time.FixedZone("", ahead)
	}
	t = time.Date(100*two(7)+two(9), time.Month(month/3+1), day, hour, minute, second, 0, zone)
	return t, t.Day() == day // no 31st of February
}

// likely are the layouts that a time of this shape can have: trying one that it cannot have costs more
// than reading it. s has 9 bytes at least.
func likely(s string) []string {
	switch {
	case s[4] == '-' && len(s) > 10 && s[10] == 'T':
		return layouts[:3]
	case s[4] == '-':
		return layouts[3:7]
	case s[4] == '/':
		return layouts[7:8]
	case s[2] == '/':
		return layouts[8:9]
	case isDigit(s[0]):
		return nil
	}
	return layouts[9:]
}

// epoch reads a number of seconds to nanoseconds since 1970, between 2001 and 2286.
func epoch(s string) (time.Time, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if i := strings.IndexByte(s, 'e'); i > 0 { // 1.7327e+09
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f < 1e9 || f >= 1e10 {
			return time.Time{}, false
		}
		return time.UnixMicro(int64(f * 1e6)), true
	}
	if !digits(whole) || !digits(frac) {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	switch len(whole) {
	case 10:
		nano, _ := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		return time.Unix(n, nano), true
	case 13:
		return time.UnixMilli(n), true
	case 16:
		return time.UnixMicro(n), true
	case 19:
		return time.Unix(0, n), true
	}
	return time.Time{}, false
}

// leadingTime reads a time at the front of a line, in brackets or not, and tells where it ends.
func leadingTime(s string) (t time.Time, n int, ok bool) {
	start := 0
	if strings.HasPrefix(s, "[") {
		start = 1
	}
	if len(s) < start+16 || !isDigit(s[start]) {
		return t, 0, false
	}
	// The longest stretch that can be one: a date, then a clock, then a zone.
	end := start
	blanks := 0
	for end < len(s) && end < start+40 {
		c := s[end]
		if c == ' ' {
			blanks++
		}
		if blanks > 2 || c == ']' || c == '\t' || c == '|' {
			break
		}
		end++
	}
	for e := end; e >= start+16; {
		if t, ok = parseTime(strings.TrimRight(s[start:e], " ")); ok {
			return t, e, true
		}
		i := strings.LastIndexByte(s[start:e], ' ')
		if i < 0 {
			break
		}
		e = start + i
	}
	return t, 0, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
