package logs

import (
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	l := func(level hosts.Level, stderr bool, source int32, text string) *line {
		return &line{text: text, level: uint8(level), stderr: stderr, source: source}
	}
	warn := l(hosts.LevelWarn, true, 0, "Connection refused by 10.0.0.7:5432")
	info := l(hosts.LevelInfo, false, 1, "GET /api/v1/items?q=Ünïcode 200")
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
		terms, _ := logfilter.Parse(tc.filter)
		p := &predicate{terms: terms, hostOf: []string{"web-1", "db-1"}, nameOf: []string{"api", "postgresql.service"}}
		if got := p.accepts(warn); got != tc.warn {
			t.Errorf("%q accepts the warning: %v", tc.filter, got)
		}
		if got := p.accepts(info); got != tc.info {
			t.Errorf("%q accepts the info line: %v", tc.filter, got)
		}
	}
}

func TestPredicateThresholdAndSources(t *testing.T) {
	t.Parallel()
	p := &predicate{min: hosts.LevelWarn, hidden: []bool{false, true}}
	if p.empty() || !(&predicate{}).empty() || !(*predicate)(nil).empty() || (&predicate{hidden: []bool{true}}).empty() {
		t.Error("empty is wrong")
	}
	for _, tc := range []struct {
		l    line
		want bool
	}{
		{line{level: uint8(hosts.LevelError)}, true},
		{line{level: uint8(hosts.LevelInfo)}, false},
		{line{}, false},
		{line{level: uint8(hosts.LevelError), source: 1}, false},
		{line{level: uint8(hosts.LevelError), source: 2}, true}, // came after the predicate
		{line{kind: kindGap, source: -1}, true},
	} {
		if got := p.accepts(&tc.l); got != tc.want {
			t.Errorf("%+v: %v", tc.l, got)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ filter, text, want string }{
		{"re", "Retry: re-read", "[Re]try: [re]-[re]ad"},
		{"Re", "Retry: re-read", "[Re]try: re-read"},
		{`/r\w+/`, "retry: re-read", "[retry]: [re]-[read]"},
		{`/x*/`, "ab", "ab"},
		{"!re", "retry", "retry"},
		{"a b", "abc", "[a][b]c"},
	} {
		p := predicateOf(t, tc.filter)
		spans := p.spans(tc.text, 100)
		var b strings.Builder
		last := 0
		for _, s := range spans {
			b.WriteString(tc.text[last:s.From] + "[" + tc.text[s.From:s.To] + "]")
			last = s.To
		}
		b.WriteString(tc.text[last:])
		if b.String() != tc.want {
			t.Errorf("%q in %q: %q", tc.filter, tc.text, b.String())
		}
	}
	if got := len(predicateOf(t, "a").spans(strings.Repeat("a", 1000), 10)); got != 10 {
		t.Errorf("%d spans, limit 10", got)
	}
}
