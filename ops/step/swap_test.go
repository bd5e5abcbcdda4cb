package step

import (
	"os"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// releases makes release directories, the last of them without its mark.
func releases(b *bench, whole []string, part ...string) {
	for _, r := range whole {
		write(b.t, b.path("releases", r, "app"), r, 0o644)
		write(b.t, b.path("releases", r, releaseMark), "{}", 0o644)
	}
	for _, r := range part {
		write(b.t, b.path("releases", r, "app"), r, 0o644)
	}
}

func TestSwapForwardAndBack(t *testing.T) {
	for name, old := range map[string]string{"absolute": "/releases/r0", "relative": "releases/r0", "first": ""} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			releases(b, []string{"r1"}, "r0") // the old one was not made by us
			if old != "" {
				if name == "absolute" {
					old = b.dir + old
				}
				if err := os.Symlink(old, b.path("current")); err != nil {
					t.Fatal(err)
				}
			}
			b.Settings = &deploy.Swap{Link: deploy.Text(b.path("current"))}
			before := tree(t, b.dir)
			if c := b.plan(swap{}); c.Nothing || !strings.HasSuffix(c.Lines[0], "→ releases/r1") {
				t.Errorf("%+v", c)
			}
			u := b.record(swap{})
			if tree(t, b.dir) != before || b.probe(swap{}, u) != NotStarted {
				t.Error("recording has an effect")
			}
			u = b.forward(swap{})
			if got := read(t, b.path("current", "app")); got != "r1" {
				t.Errorf("current is %s", got)
			}
			if err := (swap{}).Act(t.Context(), b.Env, u); err != nil || b.probe(swap{}, u) != Ended {
				t.Errorf("again: %v", err)
			}
			if c := b.plan(swap{}); !c.Nothing {
				t.Errorf("a second plan: %+v", c)
			}
			if u2, seen := b.run(swap{}); !u2.Nothing || seen.Changed {
				t.Errorf("again: %+v %+v", u2, seen)
			}
			if d := b.drift(swap{}, u); d != nil {
				t.Errorf("drift %q", d)
			}
			if old != "" && b.outputs["previous"] != b.path("releases", "r0") {
				t.Errorf("outputs %v", b.outputs)
			}
			b.Run = "rollback"
			b.back(swap{}, u)
			if got := tree(t, b.dir); got != before {
				t.Errorf("before\n%safter\n%s", before, got)
			}
		})
	}
}

func TestSwapRefusals(t *testing.T) {
	b := newBench(t, nil)
	releases(b, []string{"r0"}, "r1")
	if err := os.Symlink("releases/r0", b.path("current")); err != nil {
		t.Fatal(err)
	}
	s := &deploy.Swap{Link: deploy.Text(b.path("current"))}
	b.Settings = s
	_, err := swap{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "is not complete")
	b.Run = "r9"
	_, err = swap{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "no directory", "r9")
	s.Link = deploy.Text(b.path("releases"))
	_, err = swap{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "is a directory, not a symlink")
	s.Link = "current"
	_, err = swap{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "absolute")
}

func TestSwapChangedByAnother(t *testing.T) {
	b := newBench(t, nil)
	releases(b, []string{"r0", "r1", "r2"})
	link := b.path("current")
	_ = os.Symlink("releases/r0", link)
	b.Settings = &deploy.Swap{Link: deploy.Text(link)}
	u := b.record(swap{})
	_ = os.Remove(link)
	_ = os.Symlink("releases/r2", link)
	wantRefused(t, swap{}.Act(t.Context(), b.Env, u), "changed by someone else", "releases/r2")
	if b.probe(swap{}, u) != Unclear {
		t.Error("somebody else's link is clear")
	}
	_ = os.Remove(link)
	_ = os.Symlink("releases/r0", link)
	u = b.forward(swap{})
	_ = os.Remove(link)
	_ = os.Symlink("releases/r2", link)
	if d := b.drift(swap{}, u); len(d) != 1 || !strings.Contains(d[0], "releases/r2") {
		t.Errorf("drift %q", d)
	}
	// The old release is gone: the link is not pointed at nothing.
	if err := os.RemoveAll(b.path("releases", "r0")); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, swap{}.Undo(t.Context(), b.Env, u), "the way back is gone", "no directory")
}

func TestSwapIsNeverWithoutATarget(t *testing.T) {
	b := newBench(t, nil)
	releases(b, []string{"r0", "r1"})
	link := b.path("current")
	_ = os.Symlink("releases/r0", link)
	b.Settings = &deploy.Swap{Link: deploy.Text(link)}
	done := make(chan struct{})
	broken := make(chan error, 1)
	go func() {
		defer close(broken)
		for {
			select {
			case <-done:
				return
			default:
				if _, err := os.ReadFile(link + "/app"); err != nil {
					broken <- err
					return
				}
			}
		}
	}()
	for range 5 {
		u := b.forward(swap{})
		b.back(swap{}, u)
	}
	close(done)
	if err := <-broken; err != nil {
		t.Errorf("for a moment: %v", err)
	}
}

// The first release of all: when it is planned, not even the directory of the link is there.
func TestFirstReleaseIsPlannedAndSwapped(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	write(t, b.src+"/app", "x", 0o644)
	link := &deploy.Swap{Link: deploy.Text(b.path("to", "current"))}
	push := &deploy.Sync{From: ".", To: deploy.Text(b.path("to")), Mode: modeRelease}
	before := tree(t, b.dir)
	run := b.Run
	b.Settings, b.Run = link, ""
	if c := b.plan(swap{}); c.Nothing || c.Lines[0] != "current: absent → releases/‹this run›" || len(c.BackLines) != 1 {
		t.Errorf("%+v", c)
	}
	b.Run = run
	_, err := swap{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "does not exist: make it first")
	b.Settings = &deploy.Swap{Link: deploy.Text(b.path("elsewhere", "current")), To: deploy.Text(b.path("to"))}
	_, err = swap{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "does not exist: make it first")
	b.Settings = push
	pushed := b.forward(syncKind{})
	b.Settings = link
	swapped := b.forward(swap{})
	if got := read(t, b.path("to", "current", "app")); got != "x" {
		t.Errorf("current is %q", got)
	}
	b.back(swap{}, swapped)
	b.Settings = push
	_ = os.Remove(b.path("to", "releases", "r1", releaseMark)) // as one that never was whole: it goes without a trace
	b.back(syncKind{}, pushed)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}
