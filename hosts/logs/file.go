package logs

import (
	"bytes"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// lineTime reads the time at the beginning of a line of a log file, in the forms that web servers,
// proxies, databases and applications write:
//
//	2026-11-29T05:08:03.123Z      2026-11-29 05:08:03,123 +0100     [2026-11-29 05:08:03]
//	2026/11/29 05:08:03           nginx's error log
//	203.0.113.7 - - [29/Nov/2026:05:08:03 +0000]                    nginx's and Apache's access log
//	{"time":"2026-11-29T05:08:03Z", …                               JSON with a time near its beginning
//
// zone is the host's, for forms that do not name one. ok is false for a line without a time, which
// usually goes on with the line before it.
func lineTime(line []byte, zone *time.Location, names *hosts.LogFields) (t time.Time, ok bool) {
	if names != nil && len(names.Time) > 0 {
		if t, ok := fieldTime(line, zone, names); ok {
			return t, true
		}
	}
	head := line[:min(len(line), 200)]
	if t, ok := dateTime(bytes.TrimLeft(head, "[ \t"), zone); ok {
		return t, true
	}
	if i := bytes.IndexByte(head, '['); i >= 0 {
		if t, ok := clfTime(head[i+1:]); ok {
			return t, true
		}
	}
	if len(head) > 0 && head[0] == '{' {
		for _, key := range []string{`"time":"`, `"timestamp":"`, `"ts":"`, `"@timestamp":"`, `"time": "`, `"timestamp": "`} {
			if _, rest, found := bytes.Cut(head, []byte(key)); found {
				return dateTime(rest, zone)
			}
		}
	}
	return time.Time{}, false
}

// fieldTime reads the time of a line from the field that its source has for it.
func fieldTime(line []byte, zone *time.Location, names *hosts.LogFields) (time.Time, bool) {
	line = line[:min(len(line), maxTimeLine)]
	there := false
	for _, name := range names.Time {
		there = there || bytes.Contains(line, []byte(name[strings.LastIndexByte(name, '.')+1:]))
		if _, rest, found := bytes.Cut(line, []byte(`"`+name+`"`)); found {
			rest, found = bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(":"))
			rest = bytes.TrimLeft(rest, ` "`)
			if t, ok := dateTime(rest, zone); found && ok {
				return t, true
			}
		}
	}
	if !there {
		return time.Time{}, false
	}
	var r logline.Record // a number, pairs, or an object within the object
	logline.ParseAs(&r, string(line), names)
	return r.Time, !r.Time.IsZero()
}

// maxTimeLine is how much of a line is read for its time: longer ones are cut, and have none.
const maxTimeLine = 16 << 10

// dateTime reads a date, a separator, a time of day, a fraction and a zone, the last two if any.
func dateTime(b []byte, zone *time.Location) (time.Time, bool) {
	const layout = "2006-01-02 15:04:05"
	if len(b) < len(layout) {
		return time.Time{}, false
	}
	var norm [len(layout)]byte
	copy(norm[:], b)
	if norm[4] == '/' && norm[7] == '/' {
		norm[4], norm[7] = '-', '-'
	}
	if norm[10] == 'T' || norm[10] == 't' {
		norm[10] = ' '
	}
	rest := b[len(layout):]
	var frac time.Duration
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') && digit(rest[1]) {
		unit := time.Second / 10
		rest = rest[1:]
		for len(rest) > 0 && digit(rest[0]) {
			frac += time.Duration(rest[0]-'0') * unit
			unit /= 10
			rest = rest[1:]
		}
	}
	if z, ok := offset(rest); ok {
		zone = z
	}
	t, err := time.ParseInLocation(layout, string(norm[:]), zone)
	return t.Add(frac), err == nil
}

// offset reads Z, +01:00, +0100 or the same behind one space.
func offset(b []byte) (*time.Location, bool) {
	b = bytes.TrimPrefix(b, []byte(" "))
	if len(b) > 0 && (b[0] == 'Z' || b[0] == 'z') {
		return time.UTC, true
	}
	if len(b) < 5 || b[0] != '+' && b[0] != '-' {
		return nil, false
	}
	d := bytes.ReplaceAll(b[1:min(len(b), 6)], []byte(":"), nil)
	if len(d) < 4 || !digit(d[0]) || !digit(d[1]) || !digit(d[2]) || !digit(d[3]) {
		return nil, false
	}
	secs := (int(d[0]-'0')*10+int(d[1]-'0'))*3600 + (int(d[2]-'0')*10+int(d[3]-'0'))*60
	if secs > 14*3600 {
		return nil, false
	}
	if b[0] == '-' {
		secs = -secs
	}
	return time.FixedZone("", secs), true
}

// clfTime reads the time of the common log format.
func clfTime(b []byte) (time.Time, bool) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	if len(b) < len(layout) {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, string(b[:len(layout)]))
	return t, err == nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// zoneOf makes a location of what date +%z prints; UTC when it is nothing of the kind.
func zoneOf(s string) *time.Location {
	if z, ok := offset([]byte(strings.TrimSpace(s))); ok {
		return z
	}
	return time.UTC
}
