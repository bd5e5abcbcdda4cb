package logfilter

import (
	"strings"
	"testing"
	"unicode/utf8"

	"midwatch/hosts"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	l := func(level hosts.Level, stderr bool, host, name, text string) *hosts.Entry {
		return &hosts.Entry{Text: text, Level: level, Stderr: stderr, Host: host, Source: hosts.LogSource{Host: host, Name: name}}
	}
	warn := l(hosts.LevelWarn, true, "web-1", "api", "Connection refused by 10.0.0.7:5432")
	info := l(hosts.LevelInfo, false, "db-1", "postgresql.service", "GET /api/v1/items?q=Ünïcode 200")
	for _, tc := range []struct {
		filter     string
		warn, info bool
	}{
		{"", true, true},
		{"refused", true, false},
		{"connection", true, false},
		{"CONNECTION", false, false}, // capitals count
		{"Connection refused", true, false},
		{"refused connection", true, false}, // both, in any order
		{`"refused connection"`, false, false},
		{`"refused by"`, true, false},
		{`"refused by`, true, false}, // still typing
		{`/refu.ed/`, true, false},
		{`/REFU.ed/`, false, false},
		{`/\d+\.\d+\.\d+/`, true, false},
		{`/refu(/`, true, true}, // wrong: ignored, error shown
		{`/refu[`, true, true},  // still typing
		{">=warn", true, false},
		{">=error", false, false},
		{"level:info", true, true},
		{"level:warning", true, false},
		{"=info", false, true},
		{"=warn", true, false},
		{"!>=warn", false, true},
		{"!refused", false, true},
		{"!!refused", true, false},
		{"host:web", true, false},
		{"host:DB", false, true},
		{"src:postgres", false, true},
		{"source:api", true, false},
		{"!host:web", false, true},
		{"is:stderr", true, false},
		{"!is:stderr", false, true},
		{"ünïcode", false, true},
		{"items?q=", false, true},
		{"/api/v1/", false, true}, // a path reads as an expression that matches "api" and a text
		{"=", false, true},
		{"> nothing", false, false},
		{"!", true, true},
	} {
		f, _ := Parse(tc.filter)
		if got := f.Accepts(warn); got != tc.warn {
			t.Errorf("%q accepts the warning: %v", tc.filter, got)
		}
		if got := f.Accepts(info); got != tc.info {
			t.Errorf("%q accepts the info line: %v", tc.filter, got)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]string{
		`/refu(/`:    "/refu(/ is no regular expression: missing closing )",
		"level:loud": `level "loud"`,
		">=loud":     `level "loud"`,
		"is:nice":    "is:stderr",
	} {
		if _, err := Parse(filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", filter, err)
		}
	}
}

// The fast search must agree with the plain one.
func FuzzFold(f *testing.F) {
	f.Add("aa", "aAaAaab")
	f.Add("[x", "{X[x")
	f.Add("k", "K K")
	f.Fuzz(func(t *testing.T, needle, text string) {
		if needle == "" || !ascii(needle) {
			t.Skip()
		}
		low := func(s string) string {
			b := []byte(s)
			for i, c := range b {
				if c >= 'A' && c <= 'Z' {
					b[i] = c + 32
				}
			}
			return string(b)
		}
		if got, want := newFold(needle).index(text), strings.Index(low(text), low(needle)); got != want {
			t.Errorf("%q in %q: %d, want %d", needle, text, got, want)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Any filter on any text: no panic, and the spans lie inside the text, in order.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "a", `!"a b" /x+/ >=warn host:a src:b is:stderr`, `/(/`, "\xff", `"\"`, "level:", "!!!", ">=", "="} {
		f.Add(s, "some text")
	}
	f.Fuzz(func(t *testing.T, filter, text string) {
		terms, _ := Parse(filter)
		terms.Accepts(&hosts.Entry{Text: text, Host: "h"})
		for i := range terms {
			if terms[i].Text == nil {
				continue
			}
			last := 0
			for _, s := range TidySpans(terms[i].Text.Spans(nil, text, 50)) {
				if s.From < last || s.To <= s.From || s.To > len(text) {
					t.Fatalf("filter %q text %q: span %v after %d", filter, text, s, last)
				}
				last = s.To
			}
		}
	})
}

// What an expression needs must never hide a line it matches.
func FuzzPatternNeed(f *testing.F) {
	for _, s := range []string{`took (9\d\d)ms`, `(?i)a+bc|d`, `(abc)+d`, `ab?c`, `x{2,3}yz`, `^$`, `(?i:ab)cd`} {
		f.Add(s, "TOOK 999ms abcabcd xxyz ABcd")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		p, err := compile(expr)
		if err != nil || !ascii(text) {
			t.Skip()
		}
		if got, want := p.Match(text), p.re.MatchString(text); got != want {
			t.Errorf("/%s/ on %q: %v, want %v (needs %v)", expr, text, got, want, p.need)
		}
	})
}
