package logs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// JournalEntry is one entry of journalctl -o json, as far as it is shown.
type JournalEntry struct {
	Time       time.Time // _SOURCE_REALTIME_TIMESTAMP, or else __REALTIME_TIMESTAMP
	Cursor     string
	Message    string // not cleaned; invalid UTF-8 replaced
	Omitted    bool   // MESSAGE was null: larger than journalctl prints
	Priority   int    // -1 when the entry has none
	Identifier string // SYSLOG_IDENTIFIER, or else _COMM
	PID        string
	Unit       string
}

// journalField is a field of the journal: a text, null when it is too large to be printed, an array
// of byte values when it is not UTF-8, or an array of any of these when the entry has it several
// times, of which the first is taken.
type journalField struct {
	text string
	null bool
	set  bool
}

// UnmarshalJSON never fails: a field of another shape is an absent one.
func (f *journalField) UnmarshalJSON(b []byte) error {
	*f = journalField{set: true}
	switch {
	case len(b) == 0:
		f.set = false
	case b[0] == 'n':
		f.null = true
	case b[0] == '"':
		f.set = json.Unmarshal(b, &f.text) == nil
	case b[0] == '[':
		f.array(b)
	case b[0] >= '0' && b[0] <= '9' || b[0] == '-':
		f.text = string(b)
	default:
		f.set = false
	}
	return nil
}

func (f *journalField) array(b []byte) {
	var bytes []int
	if json.Unmarshal(b, &bytes) == nil {
		raw := make([]byte, len(bytes))
		for i, n := range bytes {
			raw[i] = byte(n)
		}
		f.text = string(raw)
		return
	}
	var several []json.RawMessage
	if json.Unmarshal(b, &several) != nil || len(several) == 0 || several[0][0] == '[' && !flat(several[0]) {
		f.set = false
		return
	}
	_ = f.UnmarshalJSON(several[0])
}

// flat reports an array without arrays in it: a field is never nested deeper than that.
func flat(b []byte) bool {
	return strings.Count(string(b), "[") == 1
}

type journalWire struct {
	Message    journalField `json:"MESSAGE"`
	Cursor     journalField `json:"__CURSOR"`
	Realtime   journalField `json:"__REALTIME_TIMESTAMP"`
	Source     journalField `json:"_SOURCE_REALTIME_TIMESTAMP"`
	Priority   journalField `json:"PRIORITY"`
	Identifier journalField `json:"SYSLOG_IDENTIFIER"`
	Comm       journalField `json:"_COMM"`
	PID        journalField `json:"_PID"`
	SyslogPID  journalField `json:"SYSLOG_PID"`
	Unit       journalField `json:"_SYSTEMD_UNIT"`
	AboutUnit  journalField `json:"UNIT"`
}

// journalFields is what journalctl is asked for; __CURSOR and __REALTIME_TIMESTAMP always come.
const journalFields = "MESSAGE,PRIORITY,_SOURCE_REALTIME_TIMESTAMP,SYSLOG_IDENTIFIER,SYSLOG_PID,_COMM,_PID,_SYSTEMD_UNIT,UNIT"

// ParseJournal reads one line of journalctl -o json.
func ParseJournal(line []byte) (JournalEntry, error) {
	var w journalWire
	if !scanJournal(line, &w) {
		w = journalWire{}
		if err := json.Unmarshal(line, &w); err != nil {
			return JournalEntry{}, fmt.Errorf("parse journal entry: %w", err)
		}
	}
	e := JournalEntry{
		Cursor:     w.Cursor.text,
		Message:    w.Message.text,
		Omitted:    w.Message.null,
		Priority:   -1,
		Identifier: first(w.Identifier, w.Comm),
		PID:        first(w.PID, w.SyslogPID),
		Unit:       first(w.AboutUnit, w.Unit),
	}
	if !utf8.ValidString(e.Message) {
		e.Message = strings.ToValidUTF8(e.Message, "\uFFFD")
	}
	if p, err := strconv.Atoi(w.Priority.text); err == nil && p >= 0 && p <= 7 {
		e.Priority = p
	}
	e.Time = micros(w.Source.text)
	if e.Time.IsZero() {
		e.Time = micros(w.Realtime.text)
	}
	if e.Time.IsZero() {
		return JournalEntry{}, fmt.Errorf("parse journal entry: no time in it")
	}
	return e, nil
}

func first(fields ...journalField) string {
	for _, f := range fields {
		if f.set && f.text != "" {
			return f.text
		}
	}
	return ""
}

func micros(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<53 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// entry makes a log entry of it. A line of the whole journal says who wrote it.
func (e *JournalEntry) entry(src hosts.LogSource, names *hosts.LogFields) hosts.Entry {
	text := hosts.Clean(e.Message)
	if e.Omitted {
		text = "(message too large, not printed by journalctl)"
	}
	level := logline.LevelOfPriority(e.Priority)
	// Services that print to standard output all get priority 6; what the line itself says counts.
	if e.Priority < 0 || e.Priority >= 5 {
		if l := logline.LevelAs(text, names); l != hosts.LevelNone {
			level = l
		}
	}
	if src.Kind == hosts.LogJournal && e.Identifier != "" {
		who := hosts.CleanLine(e.Identifier)
		if e.PID != "" {
			who += "[" + hosts.CleanLine(e.PID) + "]"
		}
		text = who + ": " + text
	}
	return hosts.Entry{Time: e.Time, Host: src.Host, Source: src, Level: level, Text: text, Cursor: e.Cursor}
}

// journalPlace is where reading a journal begins: behind a cursor, at the host's last boot, at a moment by
// the host's clock, or, when it has none of these, with its last entries, or with all of them.
type journalPlace struct {
	cursor       string
	boot, all    bool
	since, until time.Time
}

// journalArgv is the command that reads a journal from a place on.
func journalArgv(q hosts.LogQuery, src hosts.LogSource, p journalPlace, f journalFeatures) []string {
	argv := journalBase(q, src, f)
	switch {
	case p.cursor != "":
		argv = append(argv, "--after-cursor="+p.cursor)
	case p.boot:
		argv = append(argv, "--boot")
	case !p.since.IsZero():
		argv = append(argv, "--since="+journalTime(p.since))
	case p.all:
	default:
		argv = append(argv, "--lines="+strconv.Itoa(tail(q)))
	}
	if !p.until.IsZero() {
		argv = append(argv, "--until="+journalTime(p.until))
	}
	if following(q) {
		argv = append(argv, "--follow")
		if p.cursor != "" || p.boot || p.all || !p.since.IsZero() {
			argv = append(argv, "--no-tail") // or follow would skip all but the last ten
		}
	}
	return argv
}

// journalLast is the command for the last n entries. With a text to look for they come newest first: only
// then does journalctl count what it finds and not what it looks at.
func journalLast(q hosts.LogQuery, src hosts.LogSource, n int, f journalFeatures) []string {
	argv := append(journalBase(q, src, f), "--lines="+strconv.Itoa(n))
	if q.Grep != "" && !f.noGrep {
		argv = append(argv, "--reverse")
	}
	return argv
}

// journalAt is the command for the entry at a cursor, or the next one there is.
func journalAt(q hosts.LogQuery, src hosts.LogSource, cursor string) []string {
	q.Grep = ""
	argv := journalBase(q, src, journalFeatures{noFields: true})
	return append(argv, "--cursor="+cursor, "--lines=1")
}

// journalBase is what all of the commands have in common.
func journalBase(q hosts.LogQuery, src hosts.LogSource, f journalFeatures) []string {
	argv := []string{"journalctl", "--no-pager", "--quiet", "--output=json", "--all"}
	if !f.noFields {
		argv = append(argv, "--output-fields="+journalFields)
	}
	if src.Kind == hosts.LogUnit {
		argv = append(argv, "--unit="+src.Name)
	}
	if p, ok := priorities[q.Priority]; ok {
		argv = append(argv, "--priority="+p)
	}
	if q.Grep != "" && !f.noGrep {
		argv = append(argv, "--grep="+quotePattern(q.Grep), "--case-sensitive=yes")
	}
	return argv
}

// priorities are the names that journalctl takes for the least severity.
var priorities = map[hosts.Level]string{
	hosts.LevelTrace: "debug", hosts.LevelDebug: "debug", hosts.LevelInfo: "info", hosts.LevelNotice: "notice",
	hosts.LevelWarn: "warning", hosts.LevelError: "err", hosts.LevelFatal: "crit",
}

// journalFeatures are what an older journalctl was found to be without.
type journalFeatures struct {
	noFields bool // --output-fields, systemd 236
	noGrep   bool // --grep, systemd 237 built with PCRE2
}

func journalTime(t time.Time) string {
	return fmt.Sprintf("@%d.%06d", t.Unix(), t.Nanosecond()/1000)
}

// quotePattern makes a PCRE of a plain text.
func quotePattern(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`\.+*?()|[]{}^$#-`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// tail is how many old lines of each source a query asks for.
func tail(q hosts.LogQuery) int {
	if q.Tail > 0 {
		return q.Tail
	}
	return 200
}

// following reports whether a query goes on: one with an end in it does not.
func following(q hosts.LogQuery) bool { return q.Follow && q.Until.IsZero() }
