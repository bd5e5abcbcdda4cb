package logline

import (
	"bytes"
	"encoding/json"
	"strings"

	"midwatch/hosts"
)

// The names under which the loggers in use put time, level and message: slog, zap, zerolog, logrus,
// pino, bunyan, winston, structlog, python-json-logger, ECS, Google Cloud, Serilog, Sidekiq.
func isTimeKey(k string) bool {
	switch k {
	case "time", "ts", "timestamp", "@timestamp", "@t", "asctime", "date", "datetime", "T", "start_time", "time_iso8601", "time_local":
		return true
	}
	return false
}

func isLevelKey(k string) bool {
	switch k {
	case "level", "lvl", "severity", "levelname", "log.level", "loglevel", "Level", "@l", "L":
		return true
	}
	return false
}

func isMessageKey(k string) bool {
	switch k {
	case "msg", "message", "event", "@m", "@mt", "M", "text", "short_message":
		return true
	}
	return false
}

// readJSON reads a line that is one JSON object.
func readJSON(line string, r *Record) bool {
	s := strings.TrimLeft(line, " ")
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return false
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	if !readObject(d, "", 0, r) || d.More() {
		return false
	}
	finish(r, line)
	return true
}

// readObject reads the members up to the closing brace.
func readObject(d *json.Decoder, prefix string, depth int, r *Record) bool {
	for d.More() {
		t, err := d.Token()
		key, ok := t.(string)
		if err != nil || !ok {
			return false
		}
		if !readMember(d, prefix+key, depth, r) {
			return false
		}
	}
	t, err := d.Token()
	return err == nil && t == json.Delim('}')
}

func readMember(d *json.Decoder, name string, depth int, r *Record) bool {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return false
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return false
	case raw[0] == '{' && depth < maxDepth:
		inner := json.NewDecoder(bytes.NewReader(raw))
		inner.UseNumber()
		if _, err := inner.Token(); err != nil {
			return false
		}
		return readObject(inner, name+".", depth+1, r)
	case raw[0] == '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return false
		}
		take(r, name, s)
	case string(raw) == "null":
	default: // numbers, booleans, lists: as they are written
		take(r, name, string(raw))
	}
	return true
}

// take puts a member where it belongs: the first of each of time, level and message is the line's.
func take(r *Record, name, value string) {
	switch {
	case r.Time.IsZero() && r.isTime(name):
		if t, ok := parseTime(value); ok {
			r.Time = t
			return
		}
	case r.Level == hosts.LevelNone && r.isLevel(name):
		if l := levelOf(value); l != hosts.LevelNone {
			r.Level = l
			return
		}
	case r.Message == "" && r.isMessage(name):
		r.Message = value
		return
	}
	r.add(name, value)
}

// levelOf reads a level by its name or as a number of pino's or syslog's.
func levelOf(s string) hosts.Level {
	if l := word(strings.TrimSpace(s)); l != hosts.LevelNone {
		return l
	}
	if s != "" && digits(s) {
		return numberLevel(s)
	}
	return hosts.LevelNone
}

// statusKeys are the names of an HTTP status in a structured access log.
var statusKeys = [...]string{"status", "response_code", "status_code", "http.response.status_code", "http_status"}

// finish gives a structured record without a message or level what its fields amount to: many access
// logs are written as objects.
func finish(r *Record, line string) {
	r.usual()
	if r.Level == hosts.LevelNone {
		for _, k := range statusKeys {
			if v, ok := r.Get(k); ok {
				r.Level = byStatus(v)
				break
			}
		}
	}
	if r.Message != "" {
		return
	}
	if m := requestOf(r); m != "" {
		r.Message = m
		return
	}
	for _, k := range [...]string{"error", "err", "error.message", "exception", "exc_info", "log"} {
		if v, ok := r.Get(k); ok {
			r.Message = v
			return
		}
	}
	r.Message = line
}

// requestOf makes "GET /path 500" of the fields of an access log.
func requestOf(r *Record) string {
	first := func(keys ...string) string {
		for _, k := range keys {
			if v, ok := r.Get(k); ok {
				return v
			}
		}
		return ""
	}
	out := first("request")
	if out == "" {
		method, path := first("method", "request_method", "http.request.method", "http_method"), first("path", "uri", "request_uri", "url", "url.path", "http.target")
		if method == "" || path == "" {
			return ""
		}
		out = method + " " + path
	}
	if s := first(statusKeys[:]...); s != "" {
		out += " " + s
	}
	return out
}
