package logline

import (
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestParseAs(t *testing.T) {
	t.Parallel()
	names := &hosts.LogFields{Time: []string{"when"}, Level: []string{"sev", "meta.severity"}, Message: []string{"body"}, Request: []string{"ctx.cid"}}
	for _, c := range []struct {
		line    string
		level   hosts.Level
		message string
		time    string
		request string
		fields  string
	}{
		{
			`{"when":"2026-11-29T04:31:27Z","sev":"error","body":"no total","ctx":{"cid":"abc"},"level":9,"msg":"other"}`,
			hosts.LevelError, "no total", "04:31:27", "ctx.cid=abc", "ctx.cid=abc level=9 msg=other",
		},
		{ // a library's line in the same log
			`{"time":"2026-11-29T04:31:27Z","level":"warn","msg":"slow","cid":"abc"}`,
			hosts.LevelWarn, "slow", "04:31:27", "", "cid=abc",
		},
		{`{"meta":{"severity":"WARNING"},"event":"x"}`, hosts.LevelWarn, "x", "", "", ""},
		{`when=2026-11-29T04:31:27Z sev=fatal body="it is over" trace_id=7f3a9c2e11`, hosts.LevelFatal, "it is over", "04:31:27", "trace_id=7f3a9c2e11", "trace_id=7f3a9c2e11"},
		{`{"when":1795926687,"sev":50}`, hosts.LevelError, `{"when":1795926687,"sev":50}`, "04:31:27", "", ""},
		{`{"body":"x","sev":"?","level":"debug"}`, hosts.LevelDebug, "x", "", "", "sev=?"},
		{"plain ERROR text", hosts.LevelError, "plain ERROR text", "", "", ""},
	} {
		var r Record
		ParseAs(&r, c.line, names)
		var fields []string
		for _, f := range r.Fields {
			fields = append(fields, f.Name+"="+f.Value)
		}
		at, request := "", ""
		if !r.Time.IsZero() {
			at = r.Time.UTC().Format(time.TimeOnly)
		}
		if f, ok := RequestIDAs(&r, names); ok {
			request = f.Name + "=" + f.Value
		}
		if r.Level != c.level || r.Message != c.message || at != c.time || request != c.request || strings.Join(fields, " ") != c.fields {
			t.Errorf("%s:\n%s %q %s %s [%s]", c.line, r.Level, r.Message, at, request, strings.Join(fields, " "))
		}
		if got := LevelAs(c.line, names); got != c.level {
			t.Errorf("%s: level %s", c.line, got)
		}
		if r.names != nil {
			t.Errorf("%s: the names outlive the reading", c.line)
		}
	}
}

// Names of a source take nothing away from lines that have none of them.
func TestNamesAreBesideTheUsualOnes(t *testing.T) {
	t.Parallel()
	names := &hosts.LogFields{Time: []string{"when"}, Level: []string{"sev"}, Message: []string{"body"}}
	for _, c := range samples() {
		var as Record
		ParseAs(&as, c.line, names)
		if r := Parse(c.line); as.Format != r.Format || as.Level != r.Level || as.Message != r.Message || !as.Time.Equal(r.Time) {
			t.Errorf("%s: %+v, want %+v", c.name, as, r)
		}
		if LevelAs(c.line, names) != Level(c.line) {
			t.Errorf("%s: level %s, want %s", c.name, LevelAs(c.line, names), Level(c.line))
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"flags", "NR", "NR"},
		{"response_flags", "UF,URX", "UF URX"},
		{"envoy.response_flags", "UH", "UH"},
		{"response_flags_long", "NoRouteFound", "NR"},
		{"response_flags", "XX", ""},
		{"response_flags", "", ""},
		{"status", "NR", ""},
	} {
		var got []string
		for _, f := range Flags(Field{c.name, c.value}) {
			got = append(got, f.Code)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s=%s: %v", c.name, c.value, got)
		}
	}
	seen := map[string]bool{}
	for _, f := range flags {
		if seen[f.Code] || seen[f.Name] || f.Means == "" {
			t.Errorf("%+v", f)
		}
		seen[f.Code], seen[f.Name] = true, true
	}
}

func FuzzParseAs(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.line, "when")
	}
	f.Add(`{"a":{"b":{"b":"error"}}}`, "a.b")
	f.Fuzz(func(t *testing.T, line, name string) {
		names := &hosts.LogFields{Time: []string{name}, Level: []string{name}, Message: []string{name}, Request: []string{name}}
		var r Record
		ParseAs(&r, line, names)
		if l := LevelAs(line, names); l < hosts.LevelNone || l > hosts.LevelFatal {
			t.Errorf("level %d", l)
		}
		_, _ = RequestIDAs(&r, names)
		if len(r.Fields) > maxFields {
			t.Errorf("%d fields", len(r.Fields))
		}
	})
}
