package logs

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

// trace are the lines of an error with its stack, between two others.
func trace() []step {
	var out []step
	for _, l := range []string{"GET / 200", "ERROR boom", "Traceback (most recent call last):", `  File "a.py", line 3, in get`, "    return total()", "ZeroDivisionError: rid-7", "GET / 200"} {
		out = append(out, step{line: l})
	}
	return out
}

const traced = "ERROR boom\nTraceback (most recent call last):\n  File \"a.py\", line 3, in get\n    return total()\nZeroDivisionError: rid-7"

// A stack trace is one record, whether it is followed or asked for.
func TestLinesThatBelongTogether(t *testing.T) {
	for name, q := range map[string]hosts.LogQuery{"followed": {Follow: true}, "asked for": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q.Sources = []hosts.LogSource{container("h", "a")}
				s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: append(trace(), step{fail: io.EOF})}}), q)
				defer s.Close()
				if g := collect(t, s, time.Second); !slices.Equal(g.texts, []string{"GET / 200", traced, "GET / 200"}) {
					t.Errorf("%q", g.texts)
				}
			})
		})
	}
}

// What is looked for is looked for in the whole record.
func TestGrepFindsTheWholeRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Grep: "rid-7"}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: append(trace(), step{fail: io.EOF})}}), q)
		defer s.Close()
		if g := collect(t, s, time.Second); !slices.Equal(g.texts, []string{traced}) {
			t.Errorf("%q", g.texts)
		}
	})
}

// A host that writes nothing but lines that go on makes records of bounded size, and loses none.
func TestEndlessRecordIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []step{{line: "ERROR boom"}}
		for range 2000 {
			steps = append(steps, step{line: "  at " + strings.Repeat("x", 200)})
		}
		q := hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: append(steps, step{fail: io.EOF})}}), q)
		defer s.Close()
		g := collect(t, s, time.Second)
		lines := 0
		for _, text := range g.texts {
			n := strings.Count(text, "\n") + 1
			lines += n
			if n > maxJoinLines || len(text) > maxJoinBytes+n {
				t.Errorf("a record of %d lines, %d bytes", n, len(text))
			}
		}
		if lines != 2001 {
			t.Errorf("%d lines", lines)
		}
	})
}
