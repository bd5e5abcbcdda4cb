package logline

import (
	"strings"

	"midwatch/hosts"
)

// scanned is how far into a line a level is looked for: it stands at the front in every format.
const scanned = 240

// Level finds the level that a line states of itself: a "level", "severity" or "lvl" field of JSON
// or logfmt, a syslog priority, a word in brackets (nginx, Envoy), the letter of klog and of Ruby's
// logger, or a level word in capitals near the front. A line of an access log has the level that its
// status amounts to. It returns LevelNone when there is none.
func Level(line string) hosts.Level {
	line = strings.TrimLeft(line, " ")
	if line == "" {
		return hosts.LevelNone
	}
	head := line[:min(len(line), scanned)]
	switch line[0] {
	case '{':
		if l := jsonLevel(line); l != hosts.LevelNone {
			return l
		}
		if l := memberStatus(line); l != hosts.LevelNone {
			return l
		}
	case '<':
		if l := syslogLevel(head); l != hosts.LevelNone {
			return l
		}
	}
	if l := accessLevel(line); l != hosts.LevelNone {
		return l
	}
	if l := letterLevel(head); l != hosts.LevelNone {
		return l
	}
	if strings.IndexByte(head, '=') >= 0 {
		if l := logfmtLevel(line); l != hosts.LevelNone {
			return l
		}
	}
	if l := wordLevel(head); l != hosts.LevelNone {
		return l
	}
	return crashLevel(head)
}

// accessLevel is what the status of an access log amounts to: it stands behind the quoted request, whose
// end is the protocol, in every format of nginx, Apache, Envoy and Traefik.
func accessLevel(line string) hosts.Level {
	i := strings.Index(line[:min(len(line), maxRequest)], " HTTP/")
	if i < 0 {
		return hosts.LevelNone
	}
	rest := line[i+len(" HTTP/"):]
	rest = strings.TrimLeft(rest, "0123456789.")
	status, ok := strings.CutPrefix(rest, `" `)
	if !ok || len(status) < 3 || !digits(status[:3]) || len(status) > 3 && status[3] != ' ' {
		return hosts.LevelNone
	}
	return byStatus(status[:3])
}

// maxRequest is how far into a line the end of a request is looked for: servers take 8 KiB at most.
const maxRequest = 9 << 10

// memberStatus is the same for an access log that is written as objects.
func memberStatus(line string) hosts.Level {
	for _, k := range statusKeys {
		i := strings.Index(line, `"`+k+`":`)
		if i < 0 {
			continue
		}
		v := strings.TrimLeft(line[i+len(k)+3:], ` "`)
		if len(v) > 3 && digits(v[:3]) && !isDigit(v[3]) {
			return byStatus(v[:3])
		}
	}
	return hosts.LevelNone
}

// LevelOfPriority maps a syslog priority, 0 (emergency) to 7 (debug).
func LevelOfPriority(p int) hosts.Level {
	switch {
	case p < 0 || p > 7:
		return hosts.LevelNone
	case p <= 2:
		return hosts.LevelFatal
	default:
		return [...]hosts.Level{hosts.LevelError, hosts.LevelWarn, hosts.LevelNotice, hosts.LevelInfo, hosts.LevelDebug}[p-3]
	}
}

// word maps the names that programs use for levels; in is lower or upper case.
func word(s string) hosts.Level {
	if len(s) < 3 || len(s) > 13 {
		return hosts.LevelNone
	}
	var buf [13]byte
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(s)]) {
	case "trace", "trc", "trce", "verbose", "finest":
		return hosts.LevelTrace
	case "debug", "dbug", "dbg", "debg", "fine":
		return hosts.LevelDebug
	case "info", "inf", "information", "informational", "log":
		return hosts.LevelInfo
	case "notice", "success":
		return hosts.LevelNotice
	case "warn", "warning", "wrn":
		return hosts.LevelWarn
	case "error", "err", "eror", "severe":
		return hosts.LevelError
	case "fatal", "ftl", "crit", "critical", "alert", "emerg", "emergency", "panic":
		return hosts.LevelFatal
	}
	return hosts.LevelNone
}

// jsonLevel looks for a level key with a text or a number behind it. It does not parse the line:
// most lines of a busy service are JSON, and all of them pass here.
func jsonLevel(line string) hosts.Level {
	line = line[:min(len(line), 4096)]
	for _, key := range [...]string{`"level"`, `"severity"`, `"lvl"`, `"levelname"`, `"log.level"`, `"loglevel"`, `"Level"`, `"@l"`} {
		i := strings.Index(line, key)
		if i < 0 {
			continue
		}
		rest := strings.TrimLeft(line[i+len(key):], " ")
		if !strings.HasPrefix(rest, ":") {
			continue
		}
		rest = strings.TrimLeft(rest[1:], " ")
		if strings.HasPrefix(rest, `"`) {
			text, _, _ := strings.Cut(rest[1:], `"`)
			if l := word(text); l != hosts.LevelNone {
				return l
			}
			rest = text
		}
		if l := numberLevel(rest); l != hosts.LevelNone {
			return l
		}
	}
	return hosts.LevelNone
}

// numberLevel reads pino's and bunyan's numbers (10 to 60) and syslog's (0 to 7).
func numberLevel(s string) hosts.Level {
	n, i := 0, 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' && i < 4 {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i == 0 {
		return hosts.LevelNone
	}
	switch {
	case n < 8:
		return LevelOfPriority(n)
	case n < 20:
		return hosts.LevelTrace
	case n < 30:
		return hosts.LevelDebug
	case n < 40:
		return hosts.LevelInfo
	case n < 50:
		return hosts.LevelWarn
	case n < 60:
		return hosts.LevelError
	default:
		return hosts.LevelFatal
	}
}

// logfmtLevel reads level=warn, lvl="error", severity=INFO.
func logfmtLevel(line string) hosts.Level {
	line = line[:min(len(line), 4096)]
	for _, key := range [...]string{"level=", "lvl=", "severity="} {
		for at := 0; ; {
			i := strings.Index(line[at:], key)
			if i < 0 {
				break
			}
			i += at
			at = i + len(key)
			if i > 0 && line[i-1] != ' ' && line[i-1] != ',' && line[i-1] != '.' && line[i-1] != '{' {
				continue // sublevel=
			}
			v := strings.TrimPrefix(line[at:], `"`)
			if l := word(v[:letters(v)]); l != hosts.LevelNone {
				return l
			}
		}
	}
	return hosts.LevelNone
}

// syslogLevel reads <PRI>, whose lowest three bits are the priority.
func syslogLevel(s string) hosts.Level {
	n, i := 0, 1
	for i < len(s) && i <= 3 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	if i == 1 || i >= len(s) || s[i] != '>' || n > 191 {
		return hosts.LevelNone
	}
	return LevelOfPriority(n & 7)
}

// letterLevel reads klog's E1129 04:31:27.770 and Ruby's E, [2026-11-29T….
func letterLevel(s string) hosts.Level {
	if len(s) < 5 {
		return hosts.LevelNone
	}
	klog := len(s) > 8 && digits(s[1:5]) && s[5] == ' ' && digits(s[6:8]) && s[8] == ':'
	if !klog && !strings.HasPrefix(s[1:], ", [") {
		return hosts.LevelNone
	}
	switch s[0] {
	case 'D':
		return hosts.LevelDebug
	case 'I':
		return hosts.LevelInfo
	case 'W':
		return hosts.LevelWarn
	case 'E':
		return hosts.LevelError
	case 'F':
		return hosts.LevelFatal
	case 'A', 'U':
		return hosts.LevelNone // Ruby's "any": the word behind says it, or nothing does
	}
	return hosts.LevelNone
}

// wordLevel finds a level word that stands as one: in brackets in any case ([error], [ warn ]), in
// capitals (ERROR -, INFO:, WARNING ), or before a colon at the very front (error: …).
func wordLevel(s string) hosts.Level {
	for i := 0; i < len(s); {
		n := letters(s[i:])
		if n == 0 {
			i++
			continue
		}
		w, start := s[i:i+n], i
		i += n
		l := word(w)
		if l == hosts.LevelNone {
			continue
		}
		var before, after byte
		if start > 0 {
			before = s[start-1]
		}
		if i < len(s) {
			after = s[i]
		}
		switch {
		case isWordByte(before) || isWordByte(after):
			continue
		case bracketed(s, start, i):
			return l
		case upper(w) && w != "LOG" && w != "FINE" && w != "SUCCESS" && before != '/' && before != '.' && after != '/' && after != '=':
			return l
		case w == "LOG" && after == ':': // PostgreSQL
			return l
		case start == 0 && after == ':':
			return l
		case before == '|' || (before == ' ' && after == ':' && stampBefore(s[:start])):
			return l
		}
	}
	return hosts.LevelNone
}

// bracketed reports whether s[from:to] stands in [ ], possibly with blanks.
func bracketed(s string, from, to int) bool {
	left := strings.TrimRight(s[:from], " ")
	right := strings.TrimLeft(s[to:], " ")
	return strings.HasSuffix(left, "[") && strings.HasPrefix(right, "]")
}

// stampBefore reports whether all that stands before is a time and the like: no letters but T and Z.
func stampBefore(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') && c != 'T' && c != 'Z' {
			return false
		}
	}
	return true
}

// crashLevel knows the first lines of crashes, which state no level.
func crashLevel(s string) hosts.Level {
	switch {
	case strings.HasPrefix(s, "panic: "), strings.HasPrefix(s, "fatal error: "):
		return hosts.LevelFatal
	case strings.HasPrefix(s, "Traceback (most recent call last)"), strings.HasPrefix(s, "Exception in thread "),
		strings.HasPrefix(s, "Unhandled exception"), strings.HasPrefix(s, "Uncaught "):
		return hosts.LevelError
	}
	return hosts.LevelNone
}

// letters is the length of the run of ASCII letters at the start.
func letters(s string) int {
	i := 0
	for i < len(s) && (s[i]|0x20) >= 'a' && (s[i]|0x20) <= 'z' {
		i++
	}
	return i
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func upper(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// isWordByte reports bytes that make a word part of a longer one: info-level, error_log, no_error.
func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 0x80
}
