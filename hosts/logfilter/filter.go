package logfilter

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"midwatch/hosts"
)

// Help is the filter's language, as it is shown while the field is empty.
func Help() [][2]string {
	return [][2]string{
		{`refused`, "lines with this text; a capital in it makes case count"},
		{`"no route"`, "a text with spaces"},
		{`/time.?out/`, "a regular expression"},
		{`>=warn`, "this level or worse; =warn is this level only"},
		{`status>=500`, "a field of the line; = != > < >= <= and ~ for a part of it"},
		{`flags=NR`, "a response flag of Envoy; enter on a line explains its flags"},
		{`host:web`, "from hosts with this in their name"},
		{`src:nginx`, "from containers or units with this in their name"},
		{`is:stderr`, "written to standard error"},
		{`!health`, "not; stands before any of these. All words must hold"},
	}
}

// Parse reads a filter: conditions separated by spaces, all of which must hold. An error says
// which condition is wrong; the conditions that were read are returned all the same.
func Parse(s string) (Filter, error) {
	var terms Filter
	var firstErr error
	for _, w := range splitFilter(s) {
		t, ok, err := parseTerm(w)
		if err != nil && firstErr == nil {
			firstErr = err
		}
		if ok && err == nil {
			terms = append(terms, t)
		}
	}
	return terms, firstErr
}

// word is one condition as it was typed.
type word struct {
	not   bool
	kind  byte // 0 plain, '"' quoted, '/' regular expression
	text  string
	open  bool // the closing quote is not typed yet
	field string
	op    string // of a condition on a field of the line, whose name is field
}

// splitFilter cuts a filter into words. Quotes and slashes protect spaces; one that is not closed
// reaches to the end, because the reader is still typing.
func splitFilter(s string) []word {
	var words []word
	for i := 0; i < len(s); {
		if s[i] == ' ' {
			i++
			continue
		}
		var w word
		for i < len(s) && s[i] == '!' {
			w.not = !w.not
			i++
		}
		for _, f := range [...]string{"host:", "src:", "source:", "level:", "is:"} {
			if strings.HasPrefix(s[i:], f) {
				w.field = f[:len(f)-1]
				i += len(f)
				break
			}
		}
		if w.field == "" {
			if name, op, value, ok := splitField(s[i:]); ok {
				w.field, w.op = name, op
				i = len(s) - len(value)
			}
		}
		if i < len(s) && (s[i] == '"' || s[i] == '/' && w.field == "") {
			w.kind = s[i]
			i++
			w.text, i, w.open = quoted(s, i, w.kind)
		} else {
			j := strings.IndexByte(s[i:], ' ')
			if j < 0 {
				j = len(s) - i
			}
			w.text = s[i : i+j]
			i += j
		}
		words = append(words, w)
	}
	return words
}

// quoted reads up to the closing quote; a backslash protects the quote and nothing else.
func quoted(s string, i int, quote byte) (text string, next int, open bool) {
	var b strings.Builder
	for ; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == quote:
			i++
			b.WriteByte(quote)
		case s[i] == quote:
			return b.String(), i + 1, false
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), i, true
}

func parseTerm(w word) (t Term, ok bool, err error) {
	t.Not = w.not
	low := strings.ToLower(w.text)
	switch {
	case w.text == "" && (w.op == "" || w.kind == 0):
		return t, false, nil // half typed
	case w.op != "" && isLevelName(w.field) && (w.op == "=" || w.op == ">="):
		return levelTerm(t, low, w.op == "=")
	case w.op != "":
		f, err := newFieldTest(w.field, w.op, w.text)
		if err != nil {
			return t, false, err
		}
		t.Text = f
	case w.field == "host":
		t.Host = low
	case w.field == "src" || w.field == "source":
		t.Source = low
	case w.field == "is":
		if low != "stderr" {
			return t, false, fmt.Errorf("is:%s is not known; is:stderr is", w.text)
		}
		t.Stderr = true
	case w.field == "level":
		return levelTerm(t, low, false)
	case w.kind == '/':
		p, err := compile(smartCase(w.text))
		if err != nil {
			if w.open {
				return t, false, nil // still being typed
			}
			return t, false, fmt.Errorf("/%s/ is no regular expression: %s", w.text, reError(err))
		}
		t.Text = p
	case w.kind == 0 && strings.HasPrefix(low, ">="):
		return levelTerm(t, low[2:], false)
	case w.kind == 0 && low[0] == '=' && len(low) > 1 && levelNamed(low[1:]) != hosts.LevelNone:
		return levelTerm(t, low[1:], true)
	default:
		t.Text = textMatcher(w.text)
	}
	return t, true, nil
}

// isLevelName reports names that mean the level of a line, whatever its format calls it.
func isLevelName(s string) bool { return s == "level" || s == "severity" || s == "lvl" }

func levelTerm(t Term, name string, only bool) (Term, bool, error) {
	if name == "" {
		return t, false, nil
	}
	l := levelNamed(name)
	if l == hosts.LevelNone {
		return t, false, fmt.Errorf("level %q is not known; trace, debug, info, notice, warn, error and fatal are", name)
	}
	t.Min, t.Only = l, only
	return t, true, nil
}

// levelNamed reads a level by its name, by a common other name, or by an unambiguous beginning.
func levelNamed(name string) hosts.Level {
	switch name {
	case "warning":
		return hosts.LevelWarn
	case "err":
		return hosts.LevelError
	case "crit", "critical", "panic", "emerg", "alert":
		return hosts.LevelFatal
	}
	for l := hosts.LevelTrace; l <= hosts.LevelFatal; l++ {
		if name != "" && strings.HasPrefix(l.String(), name) {
			return l
		}
	}
	return hosts.LevelNone
}

// textMatcher chooses how a plain text is looked for: capitals make case count.
func textMatcher(s string) Matcher {
	ascii, capital := true, false
	for _, r := range s {
		ascii = ascii && r < 0x80
		capital = capital || unicode.IsUpper(r)
	}
	switch {
	case s == "", capital:
		return exact(s)
	case ascii:
		return newFold(s)
	}
	p, err := compile("(?i)" + regexp.QuoteMeta(s))
	if err != nil { // not valid UTF-8
		return exact(s)
	}
	return p
}

// smartCase ignores case in an expression that names no capital letter; escapes such as \S do not
// count as one.
func smartCase(expr string) string {
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case c >= 'A' && c <= 'Z', c >= 0x80:
			return expr
		}
	}
	return "(?i)" + expr
}

// reError is the library's message without the prefix every one of them has and without the
// expression, which the reader sees before it.
func reError(err error) string {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "error parsing regexp: "), ": `")
	return text
}
