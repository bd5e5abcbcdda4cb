package logs

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// The last lines are counted of those that are wanted, however far back they stand.
func TestLastWantedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(-time.Hour)
		history := func() []step {
			var all []step
			for i := range 5000 {
				text := fmt.Sprint("line ", i)
				if i%1000 == 7 {
					text = fmt.Sprint("found ", i)
				}
				all = append(all, step{line: text, at: start.Add(time.Duration(i) * time.Millisecond)})
			}
			return append(all, step{line: "\tat its frame", at: start.Add(time.Minute)}, step{fail: io.EOF})
		}
		// The engine is asked for the last 1000 lines, then for the last 10,000, and gives what it has of them.
		first := history()
		a := &script{steps: append(append(first[4001:], history()...), step{after: time.Second, line: "found later"}, step{line: "no"})}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a")}, Tail: 3, Grep: "found", Follow: true,
		})
		defer s.Close()
		g := collect(t, s, 10*time.Second)
		if want := []string{"found 2007", "found 3007", "found 4007", "found later"}; !slices.Equal(g.texts, want) {
			t.Errorf("lines %q, want %q", g.texts, want)
		}
		if len(a.opens) != 3 || a.opens[0].Tail != 1000 || a.opens[1].Tail != 10_000 || a.opens[2].Tail != 0 || a.opens[2].After.At.IsZero() {
			t.Errorf("opened with %+v", a.opens)
		}
	})
}

// A query that looks for what is not there goes on following.
func TestNothingFoundIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{steps: []step{{line: "one"}, {fail: io.EOF}, {after: 3 * time.Second, line: "found"}}}
		u := &script{steps: []step{
			{line: journalLine(1, "where it stands")},
			{fail: io.EOF},
			{fail: io.EOF, exit: hosts.Result{Exit: 1}}, // grep without a match
			{after: 4 * time.Second, line: journalLine(9, "found in the journal")},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a, "h/u": u}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), unit("h", "u")}, Grep: "found", Follow: true,
		})
		defer s.Close()
		g := collect(t, s, 10*time.Second)
		if want := []string{"found", "found in the journal"}; !slices.Equal(g.texts, want) {
			t.Errorf("lines %q, want %q", g.texts, want)
		}
		if n := len(u.argvs); n != 3 || !slices.Contains(u.argvs[1], "--reverse") || !slices.Contains(u.argvs[2], "--after-cursor=c1") {
			t.Errorf("commands %q", u.argvs)
		}
	})
}

func TestJournalIsSearchedFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &script{steps: []step{
			{line: journalLine(9, "found 9")}, {line: journalLine(5, "found 5")}, {line: journalLine(1, "found 1")}, {fail: io.EOF},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/u": u}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}, Grep: "found", Tail: 3, Priority: hosts.LevelWarn})
		defer s.Close()
		g := collect(t, s, time.Minute)
		if want := []string{"found 1", "found 5", "found 9"}; !g.done || !slices.Equal(g.texts, want) {
			t.Errorf("lines %q, want %q", g.texts, want)
		}
		if len(u.argvs) != 1 || !slices.Contains(u.argvs[0], "--lines=3") || !slices.Contains(u.argvs[0], "--reverse") || !slices.Contains(u.argvs[0], "--priority=warning") {
			t.Errorf("commands %q", u.argvs)
		}
	})
}

// What decides about records sees them whole.
func TestKeepSeesRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := []step{{line: "ERROR one"}, {line: "\tat frame one"}, {line: "INFO two"}, {line: "ERROR three"}, {line: "\tat frame three"}, {fail: io.EOF}}
		keep := func(e *hosts.Entry) bool { return e.Level == hosts.LevelError }
		for name, q := range map[string]hosts.LogQuery{
			"all of it": {Since: time.Now().Add(-time.Hour)}, "the last two": {Tail: 2},
		} {
			q.Sources, q.Keep = []hosts.LogSource{container("h", "a")}, keep
			s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: slices.Clone(lines)}}), q)
			g := collect(t, s, time.Minute)
			_ = s.Close()
			if want := []string{"ERROR one\n        at frame one", "ERROR three\n        at frame three"}; !slices.Equal(g.texts, want) {
				t.Errorf("%s: %q", name, g.texts)
			}
		}
	})
}

// A container whose log was rotated away under its reader, and a journal that was vacuumed: what is
// missing is drawn.
func TestUnavoidableGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &docker.Error{Op: "logs a", Host: "h", Text: "stream cut"}
		a := &script{steps: []step{{line: "one"}, {fail: cut}, {line: "two", gap: true}, {line: "three"}}}
		u := &script{steps: []step{{line: journalLine(1, "one")}, {fail: hosts.ErrClosed}, {line: journalLine(7, "two")}}}
		from := sources(map[string]*script{"h/a": a, "h/u": u, "h/rights": {said: journalLine(7, "what is there now") + "\n"}})
		s := Open(t.Context(), from, hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), unit("h", "u")}, Follow: true})
		defer s.Close()
		g := collect(t, s, 10*time.Second)
		for _, name := range []string{"a", "u"} {
			var got []string
			for _, e := range g.entries {
				if e.Source.Name != name {
					continue
				}
				if e.Kind == hosts.EntryGap && strings.HasPrefix(e.Text, "gap: ") {
					got = append(got, "gap")
				} else {
					got = append(got, e.Text)
				}
			}
			if st := g.status[name]; len(got) < 3 || !slices.Equal(got[:3], []string{"one", "gap", "two"}) || st.Gaps != 1 {
				t.Errorf("%s: %q, status %+v", name, got, st)
			}
		}
	})
}

// Whatever a source writes, however long, is taken, and leaves the lines around it as they are.
func TestHostileLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, text := range []string{
			strings.Repeat("x", 10<<20), strings.Repeat("\x00", 1000), "\xff\xfe\xc3(", "\x1b]0;title\a\x1b[2J\x1b[6n", "\u202eabc\u202c", strings.Repeat("\u0301", 5000),
			strings.Repeat("\tat frame\n", 100_000), `{"a":` + strings.Repeat("[", 100_000), strings.Repeat(`\"`, 50_000), strings.Repeat("k=v ", 100_000),
		} {
			a := &script{steps: []step{{line: "before"}, {line: text}, {line: "after"}, {fail: io.EOF}}}
			s := Open(t.Context(), sources(map[string]*script{"h/a": a}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}})
			g := collect(t, s, time.Minute)
			_ = s.Close()
			if n := len(g.texts); n < 2 || !strings.HasPrefix(g.texts[0], "before") || g.texts[n-1] != "after" {
				t.Errorf("%.20q: %d lines around it: %.40q", text, n, g.texts)
			}
			for _, line := range g.texts {
				if hosts.Clean(line) != line {
					t.Errorf("%.20q became %.40q", text, line)
				}
			}
		}
	})
}
