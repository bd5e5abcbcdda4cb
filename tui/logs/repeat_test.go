package logs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestSameButTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"2026-03-14T02:00:00.123Z up", "2026-03-14T02:00:07.456Z up", true},
		{"2026-03-14 02:00:00,123 INFO up", "2026-03-14 02:00:01,001 INFO up", true},
		{"[14/Mar/2026:02:00:00 +0000] GET 200", "[14/Mar/2026:02:00:09 +0000] GET 200", true},
		{"[14/Mar/2026:02:00:00 +0000] GET 200", "[14/Mar/2026:02:00:09 +0000] GET 500", false},
		{"ts=1773453600 up", "ts=1773453699 up", true},
		{"took 200ms", "took 201ms", false},
		{"10.0.0.1", "10.0.0.2", false},
		{"a 02:00:00", "a 02:00:0x", false},
		{"02:00:00 a", "02:00:01 b", false},
		{"port 8080", "port 8081", false},
	} {
		if got := sameButTime([]byte(c.a), c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}

// Folding shows the first of the lines that a source repeats and how many there were, whatever other
// sources write between them; a line that says something else is shown, and so is what comes after it.
func TestFoldRepeatedLines(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil).open()
	g.s.SetSize(120, 24)
	var es []hosts.Entry
	at := t0
	add := func(src hosts.LogSource, text string) {
		at = at.Add(time.Second)
		es = append(es, entry(src, at, text))
	}
	for i := range 40 {
		add(srcA, at.Format("15:04:05")+" health ok")
		if i%10 == 5 {
			add(srcB, fmt.Sprintf("query %d", i))
		}
	}
	add(srcA, "shutdown")
	add(srcA, at.Format("15:04:05")+" health ok")
	add(srcA, at.Format("15:04:05")+" health ok")
	g.feed(hosts.LogBatch{Entries: es, Status: following(srcA, srcB)})
	g.keys("z")
	shown := func() (out []string) {
		for pos := g.s.list.after(0); pos >= 0; pos = g.s.list.after(pos + 1) {
			out = append(out, lineAt(g.s.list.buf, pos).text)
		}
		return out
	}
	want := []string{"02:00:00 health ok", "query 5", "query 15", "query 25", "query 35", "shutdown", "02:00:45 health ok"}
	if got := shown(); !slices.Equal(got, want) {
		t.Errorf("not settled: %q", got)
	}
	g.now = g.now.Add(time.Minute)
	g.feed(hosts.LogBatch{Status: following(srcA, srcB)})
	if got := shown(); !slices.Equal(got, want) {
		t.Errorf("settled: %q", got)
	}
	g.has("×40 02:00:00 health ok")
	g.has(" ×2 02:00:45 health ok")
	g.keys("/")
	g.write("health")
	g.keys("enter")
	if got := shown(); len(got) != 2 {
		t.Errorf("filtered: %q", got)
	}
	g.keys("esc", "z")
	if got := shown(); len(got) != len(es) {
		t.Errorf("%d of %d lines without folding", len(got), len(es))
	}
}

// What is remembered of repeats goes with the lines, and no run outlives its head.
func TestRepeatsAreForgotten(t *testing.T) {
	t.Parallel()
	b := NewBuffer(200 << 10)
	now := t0
	for i := range 40_000 {
		now = now.Add(time.Second)
		text := "same again and again"
		if i%3 == 0 {
			text = fmt.Sprint("another ", i)
		}
		b.Append(now, []hosts.Entry{entry(srcA, now, text)}, 0)
	}
	if b.dropped == 0 || len(b.repeated) > b.Len() {
		t.Errorf("%d numbers kept of %d lines, %d dropped", len(b.repeated), b.Len(), b.dropped)
	}
	for range 20_000 {
		now = now.Add(time.Second)
		b.Append(now, []hosts.Entry{entry(srcA, now, "only this")}, 0)
	}
	heads := 0
	for pos := b.First(); pos < b.settled; pos++ {
		if l := lineAt(b, pos); !l.repeat {
			heads++
		}
	}
	if heads == 0 {
		t.Error("every line that is left is hidden")
	}
}
