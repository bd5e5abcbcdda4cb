package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts/docker"
)

// readLog reads a log to its end.
func readLog(t *testing.T, f Fixture, name string, o docker.LogOptions) []docker.LogLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := f.Client.Logs(ctx, name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var out []docker.LogLine
	for {
		l, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
}

// texts marks standard error with "!".
func texts(lines []docker.LogLine) []string {
	var out []string
	for _, l := range lines {
		if l.Stderr {
			out = append(out, "!"+l.Text)
		} else {
			out = append(out, l.Text)
		}
	}
	return out
}

// written is a container that has ended after writing.
func written(t *testing.T, f Fixture, s Spec) string {
	t.Helper()
	name := f.Create(t, s)
	eventually(t, func(ctx context.Context) error { return state(ctx, f, name, "exited") })
	return name
}

func equal(t *testing.T, what string, got []docker.LogLine, want ...string) {
	t.Helper()
	if !slices.Equal(texts(got), want) {
		t.Errorf("%s: %q, want %q", what, texts(got), want)
	}
}

func testLogs(t *testing.T, f Fixture) {
	before := time.Now().Add(-time.Minute)
	name := written(t, f, Spec{Out: []string{"one", "", "three tabs\t\tand ünïcode"}, Err: []string{"first", "second"}})
	all := readLog(t, f, name, docker.LogOptions{})
	// Two streams have no order between them but that of their times.
	slices.SortStableFunc(all, func(a, b docker.LogLine) int { return a.Time.Compare(b.Time) })
	equal(t, "all", all, "one", "!first", "", "!second", "three tabs\t\tand ünïcode")
	if t.Failed() {
		return
	}
	for i, l := range all {
		if l.Time.Before(before) || i > 0 && !l.Time.After(all[i-1].Time) || l.Cursor.At.IsZero() {
			t.Errorf("line %d: time %v, cursor %v", i, l.Time, l.Cursor)
		}
	}
	equal(t, "tail", readLog(t, f, name, docker.LogOptions{Tail: 1}), "three tabs\t\tand ünïcode")
	equal(t, "since", readLog(t, f, name, docker.LogOptions{Since: all[3].Time}), "!second", "three tabs\t\tand ünïcode")
	equal(t, "until", readLog(t, f, name, docker.LogOptions{Until: all[1].Time}), "one", "!first")
	equal(t, "follow of a stopped one", readLog(t, f, name, docker.LogOptions{Follow: true, Tail: 1}), "three tabs\t\tand ünïcode")
	equal(t, "nothing written", readLog(t, f, written(t, f, Spec{}), docker.LogOptions{}))
}

func testLogsTerm(t *testing.T, f Fixture) {
	name := written(t, f, Spec{Term: true, Out: []string{"one", "two"}, Err: []string{"error"}})
	got := readLog(t, f, name, docker.LogOptions{})
	equal(t, "terminal", got, "one", "error", "two")
	for _, l := range got {
		if l.Time.IsZero() {
			t.Errorf("line %q has no time", l.Text)
		}
	}
}

func testLogsFollow(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true, Out: []string{"hello"}, Tick: 200 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := f.Client.Logs(ctx, name, docker.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for _, want := range []string{"hello", "tick 1", "tick 2", "tick 3"} {
		l, err := r.Next()
		if err != nil || l.Text != want {
			t.Fatalf("line %q, %v; want %q", l.Text, err, want)
		}
	}
	// A stop ends the stream by itself.
	if err := f.Client.Stop(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = r.Next(); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("after the stop: %v, want the end", err)
	}
	// A silent container is followed without a complaint, and Close ends the waiting.
	quiet := f.Create(t, Spec{Stays: true})
	r, err = f.Client.Logs(ctx, quiet, docker.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := r.Next(); ended <- err }()
	_ = r.Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a line of a silent container")
		}
	case <-time.After(patience):
		t.Error("Next did not end with Close")
	}
}

// testLogsResume: whatever line a reader stopped at, the next one goes on with the one behind it.
func testLogsResume(t *testing.T, f Fixture) {
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	name := written(t, f, Spec{Out: lines})
	all := readLog(t, f, name, docker.LogOptions{})
	equal(t, "all", all, lines...)
	for i, l := range all {
		cur, err := docker.ParseLogCursor(l.Cursor.String())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "after "+l.Text, readLog(t, f, name, docker.LogOptions{After: cur}), lines[i+1:]...)
	}
}

// testLongLine: engines cut lines at 16 KiB; here they are whole again.
func testLongLine(t *testing.T, f Fixture) {
	const n = 100_000
	for _, term := range []bool{false, true} {
		name := written(t, f, Spec{Long: n, Term: term})
		got := readLog(t, f, name, docker.LogOptions{})
		if len(got) != 1 || got[0].Text != strings.Repeat("x", n) {
			var lens []int
			for _, l := range got {
				lens = append(lens, len(l.Text))
			}
			t.Errorf("terminal %v: lines of %v bytes, want one of %d", term, lens, n)
		}
	}
}
