package logfilter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// fieldTest is a condition on a field of a line: status=500, took>=1.5, path~/orders.
type fieldTest struct {
	name  string // as it was typed
	op    string
	value string
	num   float64
	seek  Matcher // what the text of every line that can hold has; nil when nothing is promised
	find  Matcher // for ~
	flags bool    // response flags are meant, whatever the format of the line calls them
	// member is the name as it ends in front of the colon of an object, for an order.
	member fold
}

// fieldOps are the comparisons, the longer ones first.
var fieldOps = [...]string{"!=", ">=", "<=", "=", "~", ">", "<"}

// splitField takes "name<op>value" apart; ok is false when the text does not begin with a name and an
// operator.
func splitField(s string) (name, op, value string, ok bool) {
	i := 0
	for i < len(s) && nameByte(s[i], i == 0) {
		i++
	}
	if i == 0 {
		return "", "", "", false
	}
	for _, o := range fieldOps {
		if strings.HasPrefix(s[i:], o) {
			return s[:i], o, s[i+len(o):], true
		}
	}
	return "", "", "", false
}

func nameByte(c byte, first bool) bool {
	switch {
	case c|0x20 >= 'a' && c|0x20 <= 'z', c == '_', c == '@':
		return true
	case first:
		return false
	}
	return c >= '0' && c <= '9' || c == '.' || c == '-'
}

// newFieldTest builds the condition. An order needs a number or a duration.
func newFieldTest(name, op, value string) (*fieldTest, error) {
	t := &fieldTest{name: name, op: op, value: value, flags: logline.FlagsName(name)}
	switch op {
	case "=", "!=":
		if value != "" && !strings.ContainsAny(value, `"\`) { // JSON writes those in another way
			t.seek = textMatcher(value)
		}
	case "~":
		expr, isRe := strings.CutPrefix(value, "/")
		if expr = strings.TrimSuffix(expr, "/"); isRe && strings.HasSuffix(value, "/") && len(value) > 2 {
			p, err := compile(smartCase(expr))
			if err != nil {
				return nil, fmt.Errorf("%s~%s is no regular expression: %s", name, value, reError(err))
			}
			t.find = p
			break
		}
		if t.find = textMatcher(value); value != "" {
			t.seek = t.find
		}
	default:
		n, ok := number(value)
		if !ok {
			return nil, fmt.Errorf("%s%s%s: a number or a duration such as 1.5s stands behind %s", name, op, value, op)
		}
		t.num = n
		t.member = newFold(name[strings.LastIndexByte(name, '.')+1:] + `"`)
	}
	return t, nil
}

// number reads a number or a duration, the latter in milliseconds, which is what most logs write
// without a unit.
func number(s string) (float64, bool) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f, true
	}
	if d, err := time.ParseDuration(s); err == nil {
		return float64(d) / float64(time.Millisecond), true
	}
	return 0, false
}

func (t *fieldTest) Match(text string) bool { return t.matchAs(text, nil) }

// matchAs is Match for a line of a source with names of its own.
func (t *fieldTest) matchAs(text string, names *hosts.LogFields) bool {
	if t.op == "!=" {
		return !t.equals(text, names)
	}
	if t.seek != nil && !t.seek.Match(text) {
		return false
	}
	if t.op == "=" {
		return t.equals(text, names)
	}
	if t.op != "~" && !t.isMessage(names) && !t.mayHold(text) {
		return false
	}
	r := records.Get().(*logline.Record)
	defer records.Put(r)
	logline.ParseAs(r, text, names)
	return t.any(r, names, func(v string) bool {
		if t.op == "~" {
			return t.find.Match(v)
		}
		n, ok := number(v)
		return ok && t.ordered(n)
	})
}

// records are those that lines are read into, one for each goroutine that reads.
var records = sync.Pool{New: func() any { return new(logline.Record) }}

// ordered reports that a number stands on the right side of the one in the condition.
func (t *fieldTest) ordered(n float64) bool {
	switch t.op {
	case ">=":
		return n >= t.num
	case "<=":
		return n <= t.num
	case ">":
		return n > t.num
	default:
		return n < t.num
	}
}

// mayHold looks at an object before it is read, which takes longer than everything else about it: is there
// a member of the name, and can the number behind it be on the right side? What it cannot tell, it lets
// through. Other formats are read at once.
func (t *fieldTest) mayHold(text string) bool {
	if !strings.HasPrefix(text, "{") {
		return true
	}
	may := false
	t.member.Seek(text, func(_, to int) int {
		v := strings.TrimLeft(text[to:], " \t")
		if !strings.HasPrefix(v, ":") {
			return to // a value that reads like the name
		}
		v = strings.TrimLeft(v[1:], " \t")
		if end := strings.IndexAny(v, ",} "); end > 0 && v[0] >= '0' && v[0] <= '9' || v != "" && v[0] == '-' {
			n, err := strconv.ParseFloat(v[:max(end, 0)], 64)
			may = may || err != nil || t.ordered(n)
		} else {
			may = true
		}
		if may {
			return len(text)
		}
		return to
	})
	return may
}

// equals also accepts the condition as it stands in the text: what midwatch does not read as a field
// is still found.
func (t *fieldTest) equals(text string, names *hosts.LogFields) bool {
	if t.seek != nil && !t.seek.Match(text) {
		return false
	}
	r := records.Get().(*logline.Record)
	defer records.Put(r)
	logline.ParseAs(r, text, names)
	same := func(v string) bool { return strings.EqualFold(v, t.value) }
	if t.flags {
		same = t.flagged
	}
	return t.any(r, names, same) ||
		t.value != "" && standsAlone(text, t.name+"="+t.value)
}

// flagged reports that the value is one of several that a proxy joined with commas.
func (t *fieldTest) flagged(v string) bool {
	for one := range strings.SplitSeq(v, ",") {
		if strings.EqualFold(one, t.value) {
			return true
		}
	}
	return strings.EqualFold(v, t.value)
}

// any reports whether a field of the name holds: by its whole name, or by the last part of it. Response
// flags have two names, by the format of the proxy's log.
func (t *fieldTest) any(r *logline.Record, names *hosts.LogFields, holds func(string) bool) bool {
	if t.isMessage(names) && holds(r.Message) {
		return true
	}
	for _, f := range r.Fields {
		if t.flags && logline.FlagsName(f.Name) && holds(f.Value) {
			return true
		}
		if !strings.EqualFold(f.Name, t.name) {
			i := strings.LastIndexByte(f.Name, '.')
			if i < 0 || !strings.EqualFold(f.Name[i+1:], t.name) {
				continue
			}
		}
		if holds(f.Value) {
			return true
		}
	}
	return false
}

// isMessage reports that the message is meant: by a usual name, or by one of the source.
func (t *fieldTest) isMessage(names *hosts.LogFields) bool {
	return t.name == "msg" || t.name == "message" || names != nil && slices.Contains(names.Message, t.name)
}

// standsAlone finds a text that no word goes on behind.
func standsAlone(text, what string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], what)
		if i < 0 {
			return false
		}
		from += i + len(what)
		if from == len(text) || !nameByte(text[from], false) {
			return true
		}
	}
}

// Spans shows the value where it stands in the text.
func (t *fieldTest) Spans(dst []Span, text string, limit int) []Span {
	switch {
	case t.op == "~":
		return t.find.Spans(dst, text, limit)
	case t.op == "=" && t.value != "":
		return textMatcher(t.value).Spans(dst, text, limit)
	}
	return dst
}

// FieldText is a field as a condition of a filter, quoted where it must be.
func FieldText(name, value string) string {
	if value == "" || strings.ContainsAny(value, ` "`) {
		return name + `="` + strings.ReplaceAll(value, `"`, `\"`) + `"`
	}
	return name + "=" + value
}
