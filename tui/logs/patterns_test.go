package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logfilter"
	"midwatch/hosts/logline"
	"midwatch/tui/ui"
)

func templateOf(text string) (string, bool) {
	var rec logline.Record
	said, structured := messageOf(&rec, text, nil)
	return string(template(nil, said)), structured
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  "",
		"started":                           "started",
		"request number 17 took 912ms":      "request number * took *",
		"2026-03-14T02:00:00.123Z INFO up":  "* INFO up",
		"2026-03-14 02:00:00,123 INFO up":   "* * INFO up",
		"dial tcp 10.0.0.1:8080: refused":   "dial tcp *: refused",
		"job b32e8b81-745e-4712-b132-afbd3": "job *",
		"status=502 size=17":                "status=502 size=*",
		"took 200 of 500 lines":             "took * of * lines",
		"first line 1\nsecond line 2":       "first line *",
		"привет 5":                          "привет *",
		`10.0.0.7 - - [14/Mar/2026:02:00:00 +0000] "GET /items/7 HTTP/1.1" 502 17 "-" "curl/8"`: "GET /items/* HTTP/* 502",
		`{"level":"info","msg":"done in 7s","n":3}`:                                             "done in *",
		`2026/03/14 02:58:01 [error] 31#31: *7 connect() failed (111: Connection refused)`:      "connect() failed (*: Connection refused)",
	} {
		got, _ := templateOf(text)
		if got = strings.ReplaceAll(got, string(rune(hole)), "*"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got, _ := templateOf(strings.Repeat("word 1 ", 10_000)); len(got) > templateMost+20 {
		t.Errorf("a template of %d bytes", len(got))
	}
}

// The filter made of a pattern finds the lines the pattern was made of.
func TestTemplateFilterFindsItsLines(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"request number 17 took 912ms", `say "hello" 5 times / or 6`, `C:\temp\7.log (x) [y] {z} a+b*c? $1 ^2 |`, "привет 5",
		`10.0.0.7 - - [14/Mar/2026:02:00:00 +0000] "GET /items/7?q=\"a\" HTTP/1.1" 502 17 "-" "curl/8"`,
		`{"level":"info","msg":"say \"hi\" in 7s /path/8","n":3}`, `level=info msg="took 5s, \"really\"" a=b`,
		`2026/03/14 02:58:01 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting`, strings.Repeat("word 1 ", 200),
		"trailing blank 5 ", "tabs\tand 5",
	} {
		tmpl, structured := templateOf(text)
		terms, err := logfilter.Parse(templateFilter(tmpl, structured))
		if err != nil || len(terms) != 1 {
			t.Errorf("%q: %s: %v", text, templateFilter(tmpl, structured), err)
			continue
		}
		if !terms.Accepts(&hosts.Entry{Text: text}) && !strings.Contains(text, "\t") {
			t.Errorf("%q is not found by %s", text, templateFilter(tmpl, structured))
		}
		if terms.Accepts(&hosts.Entry{Text: "something else"}) {
			t.Errorf("%s finds anything", templateFilter(tmpl, structured))
		}
	}
}

// A new kind of line is the first in the list, and one key shows its lines.
func TestPatternsShowWhatIsNew(t *testing.T) {
	t.Parallel()
	started := t0.Add(30 * time.Minute)
	snap := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: srcA.Host}, Link: hosts.Link{State: hosts.StateConnected},
		Containers: hosts.Read([]hosts.Container{{Name: srcA.Name, State: "running", Started: started}}, "GET /containers/json", t0),
	}}}
	g := newStage(t, plain(), follow(srcA), snap).open()
	g.s.SetSize(140, 40)
	var es []hosts.Entry
	for i := range 3000 {
		es = append(es, entry(srcA, t0.Add(time.Duration(i)*time.Second), fmt.Sprintf("request %d took %dms", i, i%977)))
		if i > 1800 && i%100 == 0 {
			e := entry(srcA, t0.Add(time.Duration(i)*time.Second), fmt.Sprintf("cannot reach 10.0.0.%d", i%250))
			e.Level = hosts.LevelError
			es = append(es, e)
		}
	}
	g.feed(hosts.LogBatch{Entries: es, Status: following(srcA)})
	g.now = g.now.Add(time.Hour)
	g.s.Update(ui.TickMsg{At: g.now})
	g.feed(hosts.LogBatch{Status: following(srcA)}) // settles the tail
	g.keys("p")
	g.has("2 of 3,011 lines, 1 new since the start of web-1/api")
	g.has("new     11")
	g.has("cannot reach …")
	g.has("3,000")
	g.keys("F") // without these
	g.has("3,000 of 3,011")
	g.hasNot("cannot reach …")
	g.keys("esc", "esc", "p", "enter")
	g.has("11 of 3,011")
	g.has("cannot reach 10.0.0.150")
	g.hasNot("took")
}

// However many kinds of lines there are, the list of them is bounded.
func TestPatternsAreBounded(t *testing.T) {
	t.Parallel()
	b := NewBuffer(0)
	now := t0
	letters := func(n int) string {
		out := ""
		for ; n > 0; n /= 26 {
			out += string(rune('a' + n%26))
		}
		return out
	}
	for i := range 20_000 {
		now = now.Add(time.Millisecond)
		b.Append(now, []hosts.Entry{entry(srcA, now, "word "+letters(i))}, 0)
	}
	b.Append(now.Add(time.Hour), nil, 0)
	m := newMining(1, nil, b)
	for cmd := m.next(t.Context(), nil, b); cmd != nil; cmd = m.next(t.Context(), nil, b) {
		m.take(cmd().(patternedMsg))
	}
	if m.lines != b.settled || len(m.set) > maxPatterns+1 {
		t.Errorf("%d patterns of %d lines", len(m.set), m.lines)
	}
}
