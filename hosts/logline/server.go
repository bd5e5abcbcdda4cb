package logline

import (
	"strings"
	"time"

	"midwatch/hosts"
)

// readNginxError reads 2026/11/29 04:31:27 [error] 29#29: *1 text, client: a, server: b, request: "…".
func readNginxError(line string, r *Record) bool {
	if len(line) < 24 || line[4] != '/' || line[7] != '/' || line[19] != ' ' || line[20] != '[' {
		return false
	}
	t, err := time.Parse("2006/01/02 15:04:05", line[:19])
	if err != nil {
		return false
	}
	name, rest, ok := strings.Cut(line[21:], "] ")
	if !ok {
		return false
	}
	pid, text, ok := strings.Cut(rest, ": ")
	if !ok || strings.IndexByte(pid, '#') < 0 {
		return false
	}
	r.Time, r.Level = t, word(name)
	r.add("pid", firstOf(pid, "#"))
	if strings.HasPrefix(text, "*") {
		var conn string
		conn, text, _ = strings.Cut(text[1:], " ")
		r.add("connection", conn)
	}
	// The context stands behind the message in a fixed order; each part is there or not.
	message := text
	for _, name := range [...]string{"client", "server", "request", "subrequest", "upstream", "host", "referrer"} {
		i := strings.Index(text, ", "+name+": ")
		if i < 0 {
			continue
		}
		message = message[:min(len(message), i)]
		value := text[i+len(name)+4:]
		if q, _, ok := cutQuoted(value); ok {
			value = q
		} else {
			value = firstOf(value, ", ")
		}
		if name == "request" {
			addRequest(r, value)
			continue
		}
		r.add(name, value)
	}
	r.Message = message
	return true
}

// readEnvoyApp reads [2026-11-29 04:31:27.123][1][warning][main] [source/server/server.cc:761] text.
func readEnvoyApp(line string, r *Record) bool {
	var part [4]string
	rest := line
	for i := range part {
		if !strings.HasPrefix(rest, "[") {
			return false
		}
		var ok bool
		if part[i], rest, ok = strings.Cut(rest[1:], "]"); !ok {
			return false
		}
	}
	t, ok := parseTime(part[0])
	if !ok || !digits(part[1]) || word(part[2]) == hosts.LevelNone {
		return false
	}
	r.Time, r.Level = t, word(part[2])
	r.add("thread", part[1])
	r.add("logger", part[3])
	rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(rest, "[") {
		if place, more, ok := strings.Cut(rest[1:], "] "); ok {
			r.add("source", place)
			rest = more
		}
	}
	r.Message = rest
	return true
}

// readRuby reads I, [2026-11-29T04:31:27.123456 #12]  INFO -- progname: [request-id] text.
func readRuby(line string, r *Record) bool {
	if len(line) < 10 || !strings.HasPrefix(line[1:], ", [") {
		return false
	}
	head, rest, ok := strings.Cut(line[4:], "] ")
	if !ok {
		return false
	}
	stamp, pid, _ := strings.Cut(head, " #")
	t, ok := parseTime(stamp)
	if !ok {
		return false
	}
	level, rest, ok := strings.Cut(strings.TrimLeft(rest, " "), " -- ")
	if !ok {
		return false
	}
	prog, text, ok := strings.Cut(rest, ": ")
	if !ok {
		prog, text = strings.TrimSuffix(rest, ":"), ""
	}
	r.Time, r.Level = t, word(level)
	r.add("pid", pid)
	r.add("progname", strings.TrimSpace(prog))
	for strings.HasPrefix(text, "[") { // tags, of which the request's id is one
		tag, more, ok := strings.Cut(text[1:], "] ")
		if !ok {
			break
		}
		if isUUID(tag) {
			r.add("request_id", tag)
		} else {
			r.add("tag", tag)
		}
		text = more
	}
	railsRequest(r, text)
	r.Message = text
	return true
}

// railsRequest reads Rails' own lines about a request.
func railsRequest(r *Record, text string) {
	if rest, ok := strings.CutPrefix(text, "Started "); ok { // Started GET "/orders" for 10.0.0.1 at …
		method, line, _ := strings.Cut(rest, " ")
		path, tail, ok := cutQuoted(line)
		if !ok {
			return
		}
		r.add("method", method)
		r.add("path", path)
		if client, ok := strings.CutPrefix(tail, " for "); ok {
			r.add("client", firstOf(client, " "))
		}
		return
	}
	if rest, ok := strings.CutPrefix(text, "Completed "); ok { // Completed 500 Internal Server Error in 12ms
		status := firstOf(rest, " ")
		r.add("status", status)
		r.Level = max(r.Level, byStatus(status))
		if _, took, ok := strings.Cut(rest, " in "); ok {
			r.add("duration", firstOf(took, " "))
		}
	}
}

// readSidekiq reads 2026-11-29T04:31:27.123Z pid=12 tid=abc class=Job jid=1 INFO: text.
func readSidekiq(line string, r *Record) bool {
	t, n, ok := leadingTime(line)
	if !ok || !strings.HasPrefix(strings.TrimLeft(line[n:], " "), "pid=") {
		return false
	}
	s := line[n:]
	for {
		s = strings.TrimLeft(s, " ")
		key, value, rest, ok := pair(s)
		if !ok {
			break
		}
		r.add(key, value)
		s = rest
	}
	level, text, ok := strings.Cut(s, ": ")
	if !ok || word(level) == hosts.LevelNone {
		return false
	}
	r.Time, r.Level, r.Message = t, word(level), text
	return true
}

// readSyslog reads <PRI>1 TIME HOST APP PID MSGID [DATA] text (RFC 5424) and <PRI>Mon _2 15:04:05 HOST
// TAG: text (RFC 3164), whose time has no year and is therefore not read.
func readSyslog(line string, r *Record) bool {
	level := hosts.LevelNone
	if strings.HasPrefix(line, "<") {
		level = syslogLevel(line[:min(len(line), 8)])
	}
	if level == hosts.LevelNone {
		return false
	}
	_, rest, _ := strings.Cut(line, ">")
	r.Level = level
	if s, ok := strings.CutPrefix(rest, "1 "); ok {
		return readSyslog5424(s, r)
	}
	if len(rest) < 16 {
		r.Message = rest
		return true
	}
	if _, err := time.Parse("Jan _2 15:04:05 ", rest[:16]); err != nil {
		r.Message = rest
		return true
	}
	tag, text, ok := strings.Cut(rest[16:], ": ")
	if !ok {
		r.Message = rest[16:]
		return true
	}
	if host, app, ok := strings.Cut(tag, " "); ok {
		r.add("hostname", host)
		tag = app
	}
	app, pid, _ := strings.Cut(tag, "[")
	r.add("app", app)
	r.add("pid", strings.TrimSuffix(pid, "]"))
	r.Message = text
	return true
}

func readSyslog5424(s string, r *Record) bool {
	head := strings.SplitN(s, " ", 6)
	if len(head) < 6 {
		return false
	}
	if t, ok := parseTime(head[0]); ok {
		r.Time = t
	}
	r.add("hostname", head[1])
	r.add("app", head[2])
	r.add("pid", head[3])
	r.add("msgid", head[4])
	rest := head[5]
	for strings.HasPrefix(rest, "[") {
		end := strings.Index(rest, "] ")
		next := strings.Index(rest, "][")
		if end < 0 && strings.HasSuffix(rest, "]") {
			end = len(rest) - 1
		}
		if next >= 0 && (end < 0 || next < end) {
			end = next
		}
		if end < 0 {
			break
		}
		_, params, _ := strings.Cut(rest[1:end], " ")
		for params != "" {
			key, value, more, ok := pair(strings.TrimLeft(params, " "))
			if !ok {
				break
			}
			r.add(key, value)
			params = more
		}
		rest = strings.TrimLeft(rest[end+1:], " ")
	}
	r.Message = strings.TrimPrefix(strings.TrimPrefix(rest, "- "), "\ufeff")
	return true
}

// readKlog reads E1129 04:31:27.770123       1 file.go:12] text, whose time has no year.
func readKlog(line string, r *Record) bool {
	if len(line) < 30 || letterLevel(line) == hosts.LevelNone || line[1] == ',' {
		return false
	}
	head, text, ok := strings.Cut(line, "] ")
	if !ok {
		return false
	}
	words := strings.Fields(head)
	if len(words) != 4 {
		return false
	}
	r.Level, r.Message = letterLevel(line), text
	r.add("thread", words[2])
	r.add("source", words[3])
	if strings.HasPrefix(text, `"`) { // structured: "text" key="value"
		if q, rest, ok := cutQuoted(text); ok {
			r.Message = q
			for rest = strings.TrimLeft(rest, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
				key, value, more, ok := pair(rest)
				if !ok {
					break
				}
				r.add(key, value)
				rest = more
			}
		}
	}
	return true
}

// readZap reads TIME \t LEVEL \t [LOGGER \t] CALLER \t text \t {json}.
func readZap(line string, r *Record) bool {
	cols := strings.Split(line, "\t")
	if len(cols) < 3 {
		return false
	}
	t, ok := parseTime(cols[0])
	level := word(cols[1])
	if !ok || level == hosts.LevelNone {
		return false
	}
	if last := cols[len(cols)-1]; strings.HasPrefix(last, "{") {
		var inner Record
		if readJSON(last, &inner) {
			r.Fields = inner.Fields
			cols = cols[:len(cols)-1]
		}
	}
	r.Time, r.Level = t, level
	rest := cols[2:]
	for len(rest) > 1 {
		if strings.Contains(rest[0], ".go:") {
			r.add("source", rest[0])
		} else {
			r.add("logger", rest[0])
		}
		rest = rest[1:]
	}
	if len(rest) == 1 {
		r.Message = rest[0]
	}
	return true
}

// isUUID reports 8-4-4-4-12 hexadecimal digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
