package logline

import (
	"net/netip"
	"strings"

	"midwatch/hosts"
)

// readAccess reads the common and combined formats (Apache mod_log_config, nginx "combined") and what
// people put behind them: quoted texts, key=value pairs, numbers.
func readAccess(line string, r *Record) bool {
	open := strings.Index(line, " [")
	if open < 0 || open > 300 {
		return false
	}
	stamp, rest, ok := strings.Cut(line[open+2:], "] ")
	if !ok {
		return false
	}
	t, ok := parseTime(stamp)
	if !ok {
		return false
	}
	request, rest, ok := cutQuoted(rest)
	if !ok {
		return false
	}
	status, rest, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if len(status) != 3 || !digits(status) {
		return false
	}
	who := strings.Fields(line[:open])
	if len(who) < 1 {
		return false
	}
	r.Time, r.Level = t, byStatus(status)
	r.add("client", who[0])
	if len(who) >= 3 {
		r.add("user", who[2])
	}
	addRequest(r, request)
	r.add("status", status)
	size, rest, _ := strings.Cut(rest, " ")
	r.add("bytes", size)
	if referer, more, ok := cutQuoted(rest); ok {
		r.add("referer", referer)
		rest = more
		if agent, more, ok := cutQuoted(rest); ok {
			r.add("agent", agent)
			rest = more
		}
	}
	addTail(r, rest)
	r.Message = request + " " + status
	return true
}

// addTail reads what follows a combined line: key=value pairs by their names, quoted texts by their
// place, an address list as where the request was forwarded for.
func addTail(r *Record, s string) {
	n := 0
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if key, value, rest, ok := pair(s); ok {
			r.add(key, value)
			s = rest
			continue
		}
		n++
		name := "extra" + string(rune('0'+n%10))
		if q, rest, ok := cutQuoted(s); ok {
			if _, err := netip.ParseAddr(strings.TrimSpace(firstOf(q, ","))); err == nil {
				name = "forwarded_for"
			}
			r.add(name, q)
			s = rest
			continue
		}
		var v string
		v, s, _ = strings.Cut(s, " ")
		r.add(name, v)
	}
}

// readEnvoy reads Envoy's default format:
// [START] "METHOD PATH PROTO" CODE FLAGS RECEIVED SENT DURATION UPSTREAM "XFF" "AGENT" "REQUEST-ID" "AUTHORITY" "UPSTREAM-HOST".
func readEnvoy(line string, r *Record) bool {
	if !strings.HasPrefix(line, "[") {
		return false
	}
	stamp, rest, ok := strings.Cut(line[1:], "] ")
	if !ok || len(stamp) > 40 {
		return false
	}
	t, ok := parseTime(stamp)
	if !ok {
		return false
	}
	request, rest, ok := cutQuoted(rest)
	if !ok {
		return false
	}
	code, rest, ok := strings.Cut(strings.TrimLeft(rest, " "), " ")
	if !ok || !digits(code) {
		return false
	}
	r.Time, r.Level = t, byStatus(code)
	if code == "0" {
		r.Level = hosts.LevelError
	}
	addRequest(r, request)
	r.add("status", code)
	// Newer versions put details and the transport's failure between flags and sizes, quoted or not:
	// the sizes are the first run of numbers, the names the last five quoted texts.
	words, quoted := fields(rest)
	if len(words) > 0 && !digits(words[0]) {
		r.add("flags", words[0])
		words = words[1:]
	}
	for len(words) > 0 && !digits(words[0]) {
		r.add("details", words[0])
		words = words[1:]
	}
	for i, name := range [...]string{"received", "bytes", "duration_ms", "upstream_ms"} {
		if i < len(words) {
			r.add(name, words[i])
		}
	}
	if n := len(quoted); n >= 5 {
		for i, name := range [...]string{"forwarded_for", "agent", "request_id", "authority", "upstream"} {
			r.add(name, quoted[n-5+i])
		}
		for _, q := range quoted[:n-5] {
			r.add("failure", q)
		}
	}
	r.Message = request + " " + code
	if f, ok := r.Get("flags"); ok {
		r.Message += " " + f
	}
	return true
}

// readUvicorn reads INFO:     127.0.0.1:51000 - "GET /health HTTP/1.1" 200 OK, and INFO:     text.
func readUvicorn(line string, r *Record) bool {
	name, rest, ok := strings.Cut(line, ":")
	if !ok || !upper(name) || name == "" || !strings.HasPrefix(rest, " ") {
		return false
	}
	level := word(name)
	if level == hosts.LevelNone || len(name)+1+len(rest)-len(strings.TrimLeft(rest, " ")) != 10 {
		return false // uvicorn pads level and colon to ten cells; others do not
	}
	r.Level, r.Message = level, strings.TrimLeft(rest, " ")
	client, tail, ok := strings.Cut(r.Message, ` - "`)
	if !ok {
		return true
	}
	request, tail, ok := cutQuoted(`"` + tail)
	if !ok {
		return true
	}
	status, _, _ := strings.Cut(strings.TrimLeft(tail, " "), " ")
	r.add("client", client)
	addRequest(r, request)
	r.add("status", status)
	if l := byStatus(status); l > r.Level {
		r.Level = l
	}
	r.Message = request + " " + status
	return true
}

// addRequest takes "GET /path HTTP/1.1" apart.
func addRequest(r *Record, request string) {
	method, rest, ok := strings.Cut(request, " ")
	if !ok || !upper(method) {
		r.add("request", request)
		return
	}
	path, proto := rest, ""
	if i := strings.LastIndex(rest, " HTTP/"); i >= 0 {
		path, proto = rest[:i], rest[i+1:]
	}
	r.add("method", method)
	r.add("path", path)
	r.add("protocol", proto)
}

// cutQuoted takes a text in double quotes off the front; a backslash protects a quote.
func cutQuoted(s string) (text, rest string, ok bool) {
	s = strings.TrimLeft(s, " ")
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

// fields splits into words and quoted texts, each in their order.
func fields(s string) (words, quoted []string) {
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		if q, rest, ok := cutQuoted(s); ok {
			quoted, s = append(quoted, q), rest
			continue
		}
		var w string
		w, s, _ = strings.Cut(s, " ")
		words = append(words, w)
	}
	return words, quoted
}

func firstOf(s, sep string) string {
	out, _, _ := strings.Cut(s, sep)
	return out
}
