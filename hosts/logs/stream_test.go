package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFollowMergesByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		// Two backlogs that interleave, the second of which arrives 300 ms later.
		a := &script{steps: []step{{line: "1", at: now.Add(-4 * time.Second)}, {line: "3", at: now.Add(-2 * time.Second)}}}
		b := &script{steps: []step{{after: 300 * time.Millisecond, line: "2", at: now.Add(-3 * time.Second)}, {line: "4", at: now.Add(-time.Second)}}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a, "g/b": b}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), container("g", "b")}, Follow: true,
		})
		defer s.Close()
		g := collect(t, s, 3*time.Second)
		if want := []string{"1", "2", "3", "4"}; !slices.Equal(g.texts, want) {
			t.Errorf("order %v, want %v", g.texts, want)
		}
		if g.done {
			t.Error("a followed stream says it is done")
		}
		if st := g.status["a"]; st.State != "following" || st.Lines != 2 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestFollowIsPromptAndBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []step
		for i := range 1000 {
			steps = append(steps, step{after: time.Millisecond, line: fmt.Sprint(i)})
		}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: steps}}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a")}, Follow: true,
		})
		defer s.Close()
		g := collect(t, s, 2*time.Second)
		if len(g.texts) != 1000 || g.dropped != 0 {
			t.Fatalf("%d lines, %d dropped", len(g.texts), g.dropped)
		}
		if g.batches > 40 {
			t.Errorf("a second of lines came in %d batches, want about 30", g.batches)
		}
	})
}

func TestQuietNeighbourDelaysLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{steps: []step{{after: 5 * time.Second, line: "x"}}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a, "h/quiet": {}}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), container("h", "quiet")}, Follow: true,
		})
		defer s.Close()
		start := time.Now()
		for {
			b, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Entries) > 0 {
				break
			}
		}
		if late := time.Since(start) - 5*time.Second; late > 250*time.Millisecond {
			t.Errorf("the line came %v late", late)
		}
	})
}

// A source whose lines come quickly holds up those of others as long as its own take, one whose lines
// come late for as long as that is worth it, and the order is that of writing.
func TestHoldFollowsTheSources(t *testing.T) {
	// Each source writes a line every second, and delivers it so much later.
	type source struct{ phase, late time.Duration }
	for name, x := range map[string]struct {
		sources map[string]source
		wait    time.Duration // the longest from writing to reading
	}{
		"prompt":        {map[string]source{"a": {0, 5 * time.Millisecond}, "b": {300 * time.Millisecond, 8 * time.Millisecond}}, 25 * time.Millisecond},
		"journals":      {map[string]source{"a": {0, 250 * time.Millisecond}, "b": {100 * time.Millisecond, 260 * time.Millisecond}, "c": {200 * time.Millisecond, 250 * time.Millisecond}}, 310 * time.Millisecond},
		"one lags":      {map[string]source{"a": {0, 5 * time.Millisecond}, "b": {20 * time.Millisecond, 90 * time.Millisecond}}, 145 * time.Millisecond},
		"one lags much": {map[string]source{"a": {0, 5 * time.Millisecond}, "b": {500 * time.Millisecond, 3 * time.Second}}, 3050 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := hosts.LogQuery{Follow: true}
				from := map[string]*script{}
				start := time.Now()
				for id, x := range x.sources {
					sc, elapsed := new(script), time.Duration(0)
					for i := range 20 {
						at := time.Duration(i+1)*time.Second + x.phase
						sc.steps = append(sc.steps, step{after: at + x.late - elapsed, line: fmt.Sprint(id, i), at: start.Add(at)})
						elapsed = at + x.late
					}
					from["h/"+id] = sc
					q.Sources = append(q.Sources, container("h", id))
				}
				s := Open(t.Context(), sources(from), q)
				defer s.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				var got []hosts.Entry
				for {
					b, err := s.Next(ctx)
					if err != nil {
						break
					}
					for _, e := range b.Entries {
						// The first two seconds are for learning.
						if wait := time.Since(e.Time); wait > x.wait && e.Time.Sub(start) > 3*time.Second {
							t.Errorf("%s was read %v after it was written, want at most %v", e.Text, wait, x.wait)
						}
						if e.Time.Sub(start) > 3*time.Second {
							got = append(got, e)
						}
					}
				}
				if len(got) < 17*len(x.sources) {
					t.Fatalf("%d lines", len(got))
				}
				if name == "one lags much" {
					return // three seconds are not waited for
				}
				if !slices.IsSortedFunc(got, func(x, y hosts.Entry) int { return x.Time.Compare(y.Time) }) {
					t.Error("the lines are not in the order in which they were written")
				}
			})
		})
	}
}

func TestSourcesJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := map[string]*script{
			"h/a": {steps: []step{{line: "a1"}, {after: 5 * time.Second, line: "a2"}}},
			"h/b": {steps: []step{{line: "b1"}, {after: time.Second, line: "b2"}}},
		}
		s := Open(t.Context(), sources(from), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Follow: true, Tail: 1})
		add := s.(Adder).Add
		<-time.After(2 * time.Second)
		if add(container("h", "a")) || !add(container("h", "b")) || add(container("h", "b")) {
			t.Error("a source is new once")
		}
		g := collect(t, s, 8*time.Second)
		if want := []string{"a1", "b1", "b2", "a2"}; !slices.Equal(g.texts, want) {
			t.Errorf("%v, want %v", g.texts, want)
		}
		if st := g.status["b"]; st.State != "following" || st.Lines != 2 {
			t.Errorf("status %+v", st)
		}
		if o := from["h/b"].opens; len(o) != 1 || o[0].Tail < 100 {
			t.Errorf("the one that joined was opened with %+v: it may have written some lines already", o)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if add(container("h", "c")) {
			t.Error("a closed stream took a source")
		}
	})
}

// A reader that does not read holds its sources back, and nothing is lost.
func TestFollowHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []step
		for i := range 2*maxEntries + 500 {
			steps = append(steps, step{line: fmt.Sprint(i)})
		}
		a := &script{steps: steps}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a")}, Follow: true,
		})
		defer s.Close()
		synctest.Wait() // everything that is taken is pushed before anybody reads
		if left := len(a.steps); left < maxEntries {
			t.Errorf("%d lines are left at the source", left)
		}
		g := collect(t, s, time.Second)
		if g.dropped != 0 || g.status["a"].Dropped != 0 || len(g.texts) != len(steps) {
			t.Errorf("%d lines of %d, %d dropped", len(g.texts), len(steps), g.dropped)
		}
		for i, text := range g.texts {
			if text != fmt.Sprint(i) {
				t.Fatalf("line %d is %s", i, text)
			}
		}
	})
}

// What waits in great number comes in batches of a bounded size, whole, in order and without a pause between
// them: who takes one is busy with it and answers no key.
func TestBatchesAreBounded(t *testing.T) {
	for name, x := range map[string]struct {
		lines int
		text  string
	}{
		"lines": {3*batchEntries + 7, "%d"},
		"bytes": {200, "%d " + strings.Repeat("x", 20_000)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var steps []step
				for i := range x.lines {
					steps = append(steps, step{line: fmt.Sprintf(x.text, i)})
				}
				s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: steps}}), hosts.LogQuery{
					Sources: []hosts.LogSource{container("h", "a")}, Follow: true,
				})
				defer s.Close()
				synctest.Wait() // all of them wait
				begun := time.Now()
				lines, batches := 0, 0
				for lines < x.lines {
					b, err := s.Next(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					bytes := 0
					for i := range b.Entries {
						if want := fmt.Sprint(lines); strings.Fields(b.Entries[i].Text)[0] != want {
							t.Fatalf("line %s is %.20q", want, b.Entries[i].Text)
						}
						bytes += size(&b.Entries[i])
						lines++
					}
					if n := len(b.Entries); n > batchEntries || bytes > batchBytes+docker.MaxLine {
						t.Errorf("a batch of %d lines, %d bytes", n, bytes)
					}
					batches++
				}
				if batches < 4 {
					t.Errorf("%d batches", batches)
				}
				if took := time.Since(begun); took > 0 {
					t.Errorf("full batches are %s apart", took)
				}
			})
		})
	}
}

func TestQueryLosesNothingAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var a, b []step
		for i := range maxEntries {
			a = append(a, step{line: "a", at: now.Add(time.Duration(2*i) * time.Millisecond)})
			b = append(b, step{line: "b", at: now.Add(time.Duration(2*i+1) * time.Millisecond)})
		}
		a, b = append(a, step{fail: io.EOF}), append(b, step{fail: io.EOF})
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: a}, "h/b": {steps: b}}), hosts.LogQuery{
			Sources: []hosts.LogSource{container("h", "a"), container("h", "b"), container("h", "a")},
		})
		defer s.Close()
		g := collect(t, s, time.Minute)
		if !g.done || g.dropped != 0 || len(g.entries) != 2*maxEntries {
			t.Fatalf("done %v, dropped %d, %d lines", g.done, g.dropped, len(g.entries))
		}
		if !slices.IsSortedFunc(g.entries, func(x, y hosts.Entry) int { return x.Time.Compare(y.Time) }) {
			t.Error("lines of two sources are not in the order of their times")
		}
		if st := g.states["a"]; st[len(st)-1] != "ended" {
			t.Errorf("states %v", st)
		}
	})
}

func TestReconnectGoesOnBehindTheLastLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &docker.Error{Op: "logs a", Host: "h", Text: "stream cut"}
		now := time.Now()
		a := &script{steps: []step{
			{line: "1", at: now},
			{after: time.Second, fail: cut},
			{open: errors.New("host not reached")},
			{line: "2"},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Follow: true})
		defer s.Close()
		g := collect(t, s, 20*time.Second)
		if !slices.Equal(g.texts, []string{"1", "2"}) {
			t.Errorf("lines %v", g.texts)
		}
		want := []string{"following", "retrying: docker on h: logs a: stream cut", "retrying: host not reached", "following"}
		if st := g.states["a"]; !slices.Equal(st[len(st)-4:], want) {
			t.Errorf("states %q, want %q at the end", st, want)
		}
		if len(a.opens) != 3 || !a.opens[0].After.At.IsZero() || a.opens[0].Tail != 200 {
			t.Fatalf("opened with %+v", a.opens)
		}
		for _, o := range a.opens[1:] {
			if !o.After.At.Equal(now) || o.After.N != 1 {
				t.Errorf("reopened after %v, want after %v", o.After, now)
			}
		}
	})
}

func TestStoppedContainerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{steps: []step{
			{line: "1"},
			{after: time.Second, fail: io.EOF},
			{fail: io.EOF},
			{fail: io.EOF},
			{after: time.Second, line: "2"},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Follow: true})
		defer s.Close()
		g := collect(t, s, 30*time.Second)
		if !slices.Equal(g.texts, []string{"1", "2"}) {
			t.Errorf("lines %v", g.texts)
		}
		// Looking again must not make the status flicker.
		want := []string{"following", "ended: the container does not run; waiting for it", "following"}
		if st := g.states["a"]; !slices.Equal(st[len(st)-3:], want) {
			t.Errorf("states %q, want %q at the end", st, want)
		}
	})
}

func TestBrokenSourcesAreSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &script{steps: []step{{open: fmt.Errorf("permission denied: %w", hosts.ErrNotAllowed)}}}
		q := hosts.LogQuery{Sources: []hosts.LogSource{
			container("h", "a"), container("h", "nosuch"),
			{Host: "h", Name: "/x"},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/a": a}), q)
		defer s.Close()
		g := collect(t, s, time.Minute)
		if !g.done {
			t.Error("not done although every source failed")
		}
		for name, want := range map[string]string{
			"a": "failed: permission denied: not permitted by the host", "nosuch": "failed: no script for h/nosuch",
			"/x": "failed: no reader for a source of kind unknown",
		} {
			if st := g.states[name]; st[len(st)-1] != want {
				t.Errorf("%s: states %q, want %q", name, st, want)
			}
		}
		none := Open(t.Context(), Sources{}, hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), unit("h", "u")}})
		defer none.Close()
		for name, st := range collect(t, none, time.Minute).status {
			if st.State != "failed" || !strings.Contains(st.Reason, "no way to read") {
				t.Errorf("%s without a way: %+v", name, st)
			}
		}
	})
}

func TestPanicOfOneSourceIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Open(t.Context(), sources(map[string]*script{
			"h/a": {steps: []step{{panic: true}}},
			"h/b": {steps: []step{{after: time.Second, line: "x"}, {fail: io.EOF}}},
		}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a"), container("h", "b")}})
		defer s.Close()
		g := collect(t, s, time.Minute)
		if !slices.Equal(g.texts, []string{"x"}) || !g.done {
			t.Errorf("lines %v, done %v", g.texts, g.done)
		}
		if st := g.status["a"]; st.State != "failed" || !strings.Contains(st.Reason, "scripted at") || !strings.Contains(st.Reason, "fake_test.go") {
			t.Errorf("status %+v", st)
		}
	})
}

func TestGrepIsAPlainText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Open(t.Context(), sources(map[string]*script{
			"h/a": {steps: []step{{line: "a.b"}, {line: "axb"}, {line: "\x1b[31ma.b\x1b[0m!"}, {fail: io.EOF}}},
		}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Grep: "a.b"})
		defer s.Close()
		if g := collect(t, s, time.Minute); !slices.Equal(g.texts, []string{"a.b", "a.b!"}) {
			t.Errorf("lines %q", g.texts)
		}
	})
}

func TestNextHonoursItsContextAndCloseEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Open(t.Context(), sources(map[string]*script{"h/a": {}}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}, Follow: true})
		ctx, cancel := context.WithCancel(t.Context())
		for { // the states of the start
			short, stop := context.WithTimeout(ctx, time.Second)
			_, err := s.Next(short)
			stop()
			if err != nil {
				break
			}
		}
		cancel()
		if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Next with a cancelled context: %v", err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestBlockedQueryEndsOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps []step
		for range 2 * maxEntries {
			steps = append(steps, step{line: "x"})
		}
		s := Open(t.Context(), sources(map[string]*script{"h/a": {steps: steps}}), hosts.LogQuery{Sources: []hosts.LogSource{container("h", "a")}})
		synctest.Wait() // held back, as nobody reads
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
