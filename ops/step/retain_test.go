package step

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

// shelf is Runs in memory.
type shelf struct {
	open, ended, removed []string
}

func (s *shelf) Open(context.Context) ([]string, error)  { return s.open, nil }
func (s *shelf) Ended(context.Context) ([]string, error) { return s.ended, nil }
func (s *shelf) Remove(_ context.Context, run string) error {
	s.removed = append(s.removed, run)
	return nil
}

// aged makes releases, the first of them the oldest.
func aged(b *bench, whole ...string) {
	releases(b, whole)
	for i, r := range whole {
		at := time.Now().Add(time.Duration(i-100) * time.Hour)
		_ = os.Chtimes(b.path("releases", r, releaseMark), at, at)
	}
}

func left(b *bench) string {
	all, _ := filepath.Glob(b.path("releases", "*"))
	for i := range all {
		all[i] = filepath.Base(all[i])
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestRetainKeepsWhatIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		keep      int
		current   string
		open      []string
		previous  string
		bad, half string
		want      string
	}{
		"newest":           {3, "r7", nil, "", "", "", "r5 r6 r7"},
		"default":          {0, "r7", nil, "", "", "", "r3 r4 r5 r6 r7"},
		"never fewer":      {1, "r7", nil, "", "", "", "r6 r7"},
		"current is old":   {2, "r2", nil, "", "", "", "r1 r2 r6 r7"},
		"open run":         {2, "r7", []string{"r1"}, "", "", "", "r1 r6 r7"},
		"swapped from":     {2, "r7", nil, "r3", "", "", "r3 r6 r7"},
		"bad goes":         {2, "r6", nil, "", "r7", "", "r5 r6"},
		"half goes":        {3, "r7", nil, "", "", "r6", "r4 r5 r7"},
		"another's":        {5, "r7", nil, "", "", "", "r3 r4 r5 r6 r7"},
		"half of open run": {2, "r7", []string{"r5"}, "", "", "r5", "r5 r6 r7"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, &deploy.Retain{Keep: c.keep, To: ""})
			b.Settings.(*deploy.Retain).To = deploy.Text(b.dir)
			aged(b, "r1", "r2", "r3", "r4", "r5", "r6", "r7")
			if c.bad != "" {
				write(t, b.path("releases", c.bad, badMark), "{}", 0o644)
			}
			if c.half != "" {
				_ = os.Remove(b.path("releases", c.half, releaseMark))
				write(t, b.path("releases", c.half, partMark), "", 0o644)
			}
			if name == "another's" { // without a mark, and as old as it says
				_ = os.Remove(b.path("releases", "r5", releaseMark))
				at := time.Now().Add(-96 * time.Hour)
				_ = os.Chtimes(b.path("releases", "r5"), at, at)
			}
			if c.previous != "" {
				b.Outputs["swap.previous"] = b.path("releases", c.previous)
			}
			_ = os.Symlink("releases/"+c.current, b.path("current"))
			b.Runs, b.Run = &shelf{open: c.open}, "this"
			before := tree(t, b.dir)
			ch := b.plan(retain{})
			if b.record(retain{}); tree(t, b.dir) != before || ch.Back != BackIrreversible {
				t.Errorf("planning has an effect, or a way back: %+v", ch)
			}
			u := b.forward(retain{})
			if got := left(b); got != c.want {
				t.Errorf("left are %s, want %s", got, c.want)
			}
			if err := (retain{}).Act(t.Context(), b.Env, u); err != nil || left(b) != c.want {
				t.Errorf("again: %v, %s", err, left(b))
			}
			wantRefused(t, retain{}.Undo(t.Context(), b.Env, u), "gone")
			if again, seen := b.run(retain{}); !again.Nothing || seen.Changed {
				t.Errorf("%+v %+v", again, seen)
			}
		})
	}
}

func TestRetainRemovesRecordsOfEndedRuns(t *testing.T) {
	s := &shelf{open: []string{"r9"}, ended: []string{"r8", "r7", "r9", "r6", "r5"}}
	b := newBench(t, &deploy.Retain{Keep: 2})
	b.Runs = s
	u := b.forward(retain{})
	if strings.Join(s.removed, " ") != "r6 r5" || !strings.Contains(strings.Join(u.Lines, ""), "gone") {
		t.Errorf("removed %q, %+v", s.removed, u)
	}
	b.Runs = nil
	_, err := retain{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "open", "nothing is removed")
	if c := b.plan(retain{}); !c.Unknown {
		t.Errorf("%+v", c)
	}
	b.Runs, b.Settings = s, &deploy.Retain{To: "/srv"}
	_, err = retain{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "no directory of releases")
}

func TestRetainLeavesWhatBecameCurrent(t *testing.T) {
	b := newBench(t, &deploy.Retain{Keep: 2})
	b.Settings.(*deploy.Retain).To = deploy.Text(b.dir)
	aged(b, "r1", "r2", "r3", "r4")
	_ = os.Symlink("releases/r4", b.path("current"))
	b.Runs = &shelf{}
	u := b.record(retain{})
	_ = os.Remove(b.path("current"))
	_ = os.Symlink("releases/r1", b.path("current"))
	if err := (retain{}).Act(t.Context(), b.Env, u); err != nil {
		t.Fatal(err)
	}
	if got := left(b); got != "r1 r3 r4" {
		t.Errorf("left are %s", got)
	}
	if seen, err := (retain{}).Verify(t.Context(), b.Env, u); err != nil || !seen.OK {
		t.Errorf("%+v, %v", seen, err)
	}
}
