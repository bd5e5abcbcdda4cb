package logline

import (
	"slices"
	"strings"

	"midwatch/hosts"
)

// ParseAs is ParseInto for a source whose lines have names of their own for what they say; names may be
// nil. Only objects and pairs have names, so it makes no difference to other formats.
func ParseAs(to *Record, text string, names *hosts.LogFields) {
	to.names = names
	ParseInto(to, text)
	to.names = nil
}

// The keys of time, level and message: those that the source names, where it names any.
func (r *Record) isTime(k string) bool {
	if r.names != nil && len(r.names.Time) > 0 {
		return slices.Contains(r.names.Time, k)
	}
	return isTimeKey(k)
}

func (r *Record) isLevel(k string) bool {
	if r.names != nil && len(r.names.Level) > 0 {
		return slices.Contains(r.names.Level, k)
	}
	return isLevelKey(k)
}

func (r *Record) isMessage(k string) bool {
	if r.names != nil && len(r.names.Message) > 0 {
		return slices.Contains(r.names.Message, k)
	}
	return isMessageKey(k)
}

// usual takes from the fields of a line that has none of the names of its source what is under a name in
// common use: some of a program's lines are written by its libraries.
func (r *Record) usual() {
	names := r.names
	if names == nil {
		return
	}
	r.names = nil // take goes by the usual names from here on
	fields := r.Fields
	r.Fields = r.Fields[:0]
	for _, f := range fields {
		switch {
		case r.Time.IsZero() && isTimeKey(f.Name), r.Level == hosts.LevelNone && isLevelKey(f.Name), r.Message == "" && isMessageKey(f.Name):
			take(r, f.Name, f.Value)
		default:
			r.Fields = append(r.Fields, f)
		}
	}
}

// LevelAs is Level for a source with names of its own; names may be nil.
func LevelAs(line string, names *hosts.LogFields) hosts.Level {
	if names != nil && len(names.Level) > 0 {
		if l := namedLevel(line, names); l != hosts.LevelNone {
			return l
		}
	}
	return Level(line)
}

func namedLevel(line string, names *hosts.LogFields) hosts.Level {
	line = strings.TrimLeft(line, " ")
	object := strings.HasPrefix(line, "{")
	for _, name := range names.Level {
		key := name + "="
		if object {
			key = `"` + name + `"`
		}
		if l := levelBehind(line[:min(len(line), 4096)], key, object); l != hosts.LevelNone {
			return l
		}
		if inner := name[strings.LastIndexByte(name, '.')+1:]; object && inner != name && strings.Contains(line, `"`+inner+`"`) {
			var r Record // the key stands in an object within the object
			ParseAs(&r, line, &hosts.LogFields{Level: []string{name}})
			return r.Level
		}
	}
	return hosts.LevelNone
}

// levelBehind reads the level behind a key, by its name or as a number.
func levelBehind(line, key string, object bool) hosts.Level {
	for at := 0; ; {
		i := strings.Index(line[at:], key)
		if i < 0 {
			return hosts.LevelNone
		}
		i += at
		at = i + len(key)
		rest := line[at:]
		switch {
		case object:
			rest = strings.TrimLeft(rest, " ")
			if !strings.HasPrefix(rest, ":") {
				continue
			}
			rest = strings.TrimLeft(rest[1:], " ")
		case i > 0 && keyByte(line[i-1]):
			continue // the end of another key
		}
		rest = strings.TrimLeft(rest, `"`)
		if l := levelOf(rest[:valueEnd(rest)]); l != hosts.LevelNone {
			return l
		}
	}
}

// valueEnd is where a short value ends.
func valueEnd(s string) int {
	if i := strings.IndexAny(s, "\", }\n"); i >= 0 {
		return i
	}
	return len(s)
}

// RequestIDAs is RequestID for a source that says in which fields the request is named; names may be nil.
func RequestIDAs(r *Record, names *hosts.LogFields) (Field, bool) {
	if names != nil {
		for _, name := range names.Request {
			if v, ok := r.Get(name); ok && len(v) >= 3 && len(v) <= 128 && !strings.ContainsAny(v, " \t\"") {
				return Field{name, v}, true
			}
		}
	}
	return RequestID(r)
}
