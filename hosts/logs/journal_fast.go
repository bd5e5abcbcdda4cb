package logs

import (
	"bytes"
	"encoding/json"
)

// scanJournal reads an entry as journalctl writes nearly all of them: an object of texts on one line,
// without spaces. It reports false for everything else, which the general reader takes: that costs ten times
// as much, and an entry is read for every line of a journal.
func scanJournal(line []byte, w *journalWire) bool {
	if len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' {
		return false
	}
	rest := line[1:]
	for {
		key, after, ok := plainText(rest)
		if !ok || len(after) == 0 || after[0] != ':' || bytes.ContainsFunc(key, lower) {
			return false // the general reader takes names in any case
		}
		value, after, ok := anyText(after[1:])
		if !ok || len(after) == 0 {
			return false
		}
		if f := w.field(key); f != nil && !f.read(value) {
			return false
		}
		switch {
		case after[0] == ',':
			rest = after[1:]
		case after[0] == '}' && len(after) == 1:
			return true
		default:
			return false
		}
	}
}

func lower(r rune) bool { return r >= 'a' && r <= 'z' || r >= 0x80 }

// read takes a text, quotes and all.
func (f *journalField) read(quoted []byte) bool {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		*f = journalField{set: true, text: string(inner)}
		return true
	}
	*f = journalField{set: true}
	return json.Unmarshal(quoted, &f.text) == nil
}

// plainText reads a text without escapes.
func plainText(b []byte) (text, after []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	i := bytes.IndexByte(b[1:], '"')
	if i < 0 || bytes.IndexByte(b[1:1+i], '\\') >= 0 || control(b[1:1+i]) {
		return nil, nil, false
	}
	return b[1 : 1+i], b[i+2:], true
}

// anyText reads a text with its quotes.
func anyText(b []byte) (quoted, after []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return nil, nil, false
		}
		i += j
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			if control(b[1 : i-1]) {
				return nil, nil, false
			}
			return b[:i], b[i:], true
		}
	}
	return nil, nil, false
}

// control reports bytes that no text may hold as they are, or that have to be looked at.
func control(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x80 {
			return true
		}
	}
	return false
}

// field is the one of a name, nil for those that are not shown.
func (w *journalWire) field(name []byte) *journalField {
	switch string(name) {
	case "MESSAGE":
		return &w.Message
	case "__CURSOR":
		return &w.Cursor
	case "__REALTIME_TIMESTAMP":
		return &w.Realtime
	case "_SOURCE_REALTIME_TIMESTAMP":
		return &w.Source
	case "PRIORITY":
		return &w.Priority
	case "SYSLOG_IDENTIFIER":
		return &w.Identifier
	case "_COMM":
		return &w.Comm
	case "_PID":
		return &w.PID
	case "SYSLOG_PID":
		return &w.SyslogPID
	case "_SYSTEMD_UNIT":
		return &w.Unit
	case "UNIT":
		return &w.AboutUnit
	}
	return nil
}
