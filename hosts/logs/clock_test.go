package logs

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// Two hosts write in turns, and the clock of one is an hour ahead: what it says is put where it belongs.
func TestClocksAreCorrected(t *testing.T) {
	const ahead = time.Hour
	for name, known := range map[string]bool{"known to the fleet": true, "measured": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var a, b []step
				for i := range 10 {
					a = append(a, step{after: time.Second, line: fmt.Sprint("a", i), at: start.Add(time.Duration(i+1) * time.Second)})
					wait := time.Second
					if i == 0 {
						wait = 1500 * time.Millisecond
					}
					b = append(b, step{after: wait, line: fmt.Sprint("b", i), at: start.Add(ahead + time.Duration(i+1)*time.Second + 500*time.Millisecond)})
				}
				theirs := start.Add(ahead)
				from := sources(map[string]*script{
					"right/a": {steps: a}, "ahead/b": {steps: b},
					"ahead/clock": {said: fmt.Sprintf("%d.%09d\n400.25 700.00\n", theirs.Unix(), theirs.Nanosecond())},
				})
				if known {
					from.Clock = func(host string) (time.Duration, time.Duration, bool) {
						if host == "ahead" {
							return ahead, time.Millisecond, true
						}
						return 2 * time.Millisecond, 5 * time.Millisecond, true // less than it is known by
					}
				}
				s := Open(t.Context(), from, hosts.LogQuery{Sources: []hosts.LogSource{container("right", "a"), container("ahead", "b")}, Follow: true})
				defer s.Close()
				g := collect(t, s, 15*time.Second)
				if len(g.entries) != 20 {
					t.Fatalf("%d lines", len(g.entries))
				}
				for i, e := range g.entries {
					if want := fmt.Sprint(string("ab"[i%2]), i/2); e.Text != want || e.Late {
						t.Errorf("line %d is %s, late %v; want %s", i, e.Text, e.Late, want)
					}
					if want := start.Add(time.Duration(i/2+1)*time.Second + time.Duration(i%2)*500*time.Millisecond); !e.Corrected().Equal(want) {
						t.Errorf("%s was written at %v, want %v", e.Text, e.Corrected(), want)
					}
				}
				if g.status["a"].Offset != 0 || g.status["b"].Offset != ahead || g.status["b"].Lag > time.Second {
					t.Errorf("status %+v and %+v", g.status["a"], g.status["b"])
				}
			})
		})
	}
}

// A moment is asked for by the clock of the host that is asked.
func TestMomentsAreTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		since := now.Add(-time.Minute)
		a, u := &script{}, &script{}
		from := sources(map[string]*script{"h/a": a, "h/u": u})
		from.Clock = func(string) (time.Duration, time.Duration, bool) { return -time.Hour, time.Second, true }
		s := Open(t.Context(), from, hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), unit("h", "u")}, Since: since, Follow: true})
		defer s.Close()
		collect(t, s, time.Second)
		if want := since.Add(-time.Hour); len(a.opens) != 1 || !a.opens[0].Since.Equal(want) {
			t.Errorf("opened with %+v, want %v", a.opens, want)
		}
		if want := "--since=" + journalTime(since.Add(-time.Hour)); len(u.argvs) != 1 || !slices.Contains(u.argvs[0], want) {
			t.Errorf("command %q lacks %s", u.argvs, want)
		}
	})
}

func TestSinceBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		a, u := &script{}, &script{}
		from := sources(map[string]*script{"h/a": a, "h/u": u, "h/clock": {said: fmt.Sprintf("%d.%09d\n400.25 700.00\n", now.Unix(), now.Nanosecond())}, "g/b": {}})
		q := hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), unit("h", "u"), container("g", "b")}, Boot: true, Follow: true}
		s := Open(t.Context(), from, q)
		defer s.Close()
		g := collect(t, s, time.Second)
		if want := now.Add(-400250 * time.Millisecond); len(a.opens) != 1 || !a.opens[0].Since.Equal(want) {
			t.Errorf("opened with %+v, want since %v", a.opens, want)
		}
		if len(u.argvs) != 1 || !slices.Contains(u.argvs[0], "--boot") {
			t.Errorf("command %q", u.argvs)
		}
		if st := g.status["b"]; st.State != "retrying" && st.State != "failed" || st.Reason != errNoBoot.Error() {
			t.Errorf("a host that does not say it: %+v", st)
		}
	})
}

func TestReadClock(t *testing.T) {
	t.Parallel()
	ours := time.Unix(1_000_000, 0)
	for said, want := range map[string]time.Duration{
		"1000010.500000000\n1 1\n": 10500 * time.Millisecond,
		"1000010.%N\n1 1\n":        10500 * time.Millisecond, // busybox: somewhere in that second
		"1000000.400000000\n":      0,                        // no more than the error of the measurement
		"1000000.N":                0,
	} {
		if c, ok := readClock(said, ours, 500*time.Millisecond); !ok || c.offset != want {
			t.Errorf("%q: %+v, %v; want %v", said, c, ok, want)
		}
	}
	for _, said := range []string{"", "x", "-5.000000000", "99999999999999999999.0"} {
		if c, ok := readClock(said, ours, time.Second); ok {
			t.Errorf("%q: %+v", said, c)
		}
	}
}

// What a source brings after newer lines of others were delivered is marked, and nothing else is.
func TestLateLinesAreMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		cut := &docker.Error{Op: "logs b", Host: "h", Text: "stream cut"}
		var a []step
		for i := range 20 {
			a = append(a, step{after: time.Second, line: fmt.Sprint("a", i), at: start.Add(time.Duration(i+1) * time.Second)})
		}
		b := []step{{after: 2500 * time.Millisecond, line: "b early", at: start.Add(2500 * time.Millisecond)}, {fail: cut}, {after: 8 * time.Second}}
		b[2] = step{after: 8 * time.Second, line: "b while it was cut", at: start.Add(4 * time.Second)}
		b = append(b, step{after: 5 * time.Second, line: "b again", at: start.Add(16100 * time.Millisecond)})
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: a}, "h/b": {steps: b}}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), container("h", "b")}, Follow: true,
		})
		defer s.Close()
		g := collect(t, s, 30*time.Second)
		for _, e := range g.entries {
			if want := e.Text == "b while it was cut"; e.Late != want {
				t.Errorf("%s: late %v", e.Text, e.Late)
			}
		}
		if st := g.status["b"]; st.Late != 1 || st.Resumed != 1 || len(g.entries) != 23 {
			t.Errorf("%d lines, status %+v", len(g.entries), st)
		}
	})
}

// Rates are those of the last seconds, and fall when nothing comes any more.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []step
		for range 1000 {
			steps = append(steps, step{after: 10 * time.Millisecond, line: "x"})
		}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: steps}}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Follow: true})
		defer s.Close()
		if r := collect(t, s, 9*time.Second).status["a"].Rate; r < 90 || r > 110 {
			t.Errorf("%v lines a second, want about 100", r)
		}
		if r := collect(t, s, 30*time.Second).status["a"].Rate; r != 0 {
			t.Errorf("%v lines a second of a source that is silent", r)
		}
	})
}

// A source that brings what it wrote before is waited for, so that histories interleave, however slow one
// of them is.
func TestHistoriesInterleave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var a, b []step
		for i := range 200 {
			at := start.Add(-time.Hour + time.Duration(i)*time.Second)
			a = append(a, step{line: fmt.Sprint("a", i), at: at})
			b = append(b, step{after: 20 * time.Millisecond, line: fmt.Sprint("b", i), at: at.Add(500 * time.Millisecond)})
		}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: a}, "h/b": {steps: b}}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), container("h", "b")}, Since: start.Add(-time.Hour), Follow: true,
		})
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var got []hosts.Entry
		for {
			batch, err := s.Next(ctx)
			if err != nil {
				break
			}
			got = append(got, batch.Entries...)
		}
		late := 0
		for _, e := range got {
			if e.Late {
				late++
			}
		}
		// The slow one takes four seconds for all of it, and two are waited for.
		if len(got) != 400 || late > 120 {
			t.Errorf("%d lines, %d late", len(got), late)
		}
		if !slices.IsSortedFunc(got[:200], func(x, y hosts.Entry) int { return x.Time.Compare(y.Time) }) {
			t.Error("the first half is not in order")
		}
	})
}

// A host whose clock cannot be read is asked once for all of its sources, and again after a while.
func TestClockIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := &script{}
		c := newClocks(sources(map[string]*script{"h/clock": ask}))
		for range 5 {
			if got := c.of(t.Context(), "h", false); got != (clock{}) {
				t.Errorf("%+v of a host that says nothing", got)
			}
		}
		if ask.asked != 1 {
			t.Errorf("asked %d times", ask.asked)
		}
		<-time.After(2 * clockTimeout)
		now := time.Now().Add(time.Hour)
		ask.said = fmt.Sprintf("%d.%09d\n", now.Unix(), now.Nanosecond())
		for range 5 {
			if got := c.of(t.Context(), "h", false); got.offset != time.Hour {
				t.Errorf("%+v, want an hour", got)
			}
		}
		if ask.asked != 2 {
			t.Errorf("asked %d times", ask.asked)
		}
	})
}
