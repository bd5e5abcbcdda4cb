package step

import (
	"errors"
	"os"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// alike makes the file of the host one of the same size and time as the source's, with another content.
func alike(b *bench, source, there string) {
	b.t.Helper()
	write(b.t, source, "other!!!", 0o644)
	write(b.t, there, "NEW CODE", 0o644)
	i, err := os.Stat(source)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.Chtimes(there, i.ModTime(), i.ModTime()); err != nil {
		b.t.Fatal(err)
	}
}

// rsync by itself goes by size and second, and would leave the file.
func TestSyncSeesWhatSizeAndSecondHide(t *testing.T) {
	needRsync(t)
	for _, mode := range []string{modeStaged, modeInPlace} {
		t.Run(mode, func(t *testing.T) {
			b := newBench(t, nil)
			trees(b)
			alike(b, b.src+"/app/same.py", b.path("to", "app/same.py"))
			before := tree(t, b.dir)
			treeSync(b, mode)
			if c := b.plan(syncKind{}); !strings.Contains(c.Detail[0].Text, "app/same.py  (content)") {
				t.Errorf("the plan overlooks it:\n%s", c.Detail[0].Text)
			}
			u := b.forward(syncKind{})
			if got := read(t, b.path("to", "app/same.py")); got != "other!!!" {
				t.Errorf("it is %q", got)
			}
			b.Undoing = true
			b.back(syncKind{}, u)
			if got := tree(t, b.dir); got != before {
				t.Errorf("before\n%safter the way back\n%s", before, got)
			}
		})
	}
	t.Run("release", func(t *testing.T) {
		b := newBench(t, nil)
		s := fleet(b)
		s.After = nil
		alike(b, b.src+"/lib/same.py", b.path("to", "releases", "r0", "lib", "same.py"))
		b.forward(syncKind{})
		if got := read(t, b.path("to", "releases", "r1", "lib", "same.py")); got != "other!!!" {
			t.Errorf("it was linked to the old one: %q", got)
		}
	})
}

// Without checksum the sync overlooks the file, and what decides that it worked does not.
func TestSyncBySizeAndSecondIsSeenToFail(t *testing.T) {
	needRsync(t)
	quick := false
	for _, mode := range []string{modeStaged, modeRelease} {
		b := newBench(t, nil)
		var s *deploy.Sync
		if mode == modeRelease {
			s = fleet(b)
			s.After = nil
			alike(b, b.src+"/lib/same.py", b.path("to", "releases", "r0", "lib", "same.py"))
		} else {
			trees(b)
			s = treeSync(b, mode)
			alike(b, b.src+"/app/same.py", b.path("to", "app/same.py"))
		}
		s.Checksum = &quick
		u := b.record(syncKind{})
		err := syncKind{}.Act(t.Context(), b.Env, u)
		text := ""
		if mode == modeRelease {
			if !errors.Is(err, ErrNotDone) {
				t.Fatalf("release: %v", err)
			}
			text = err.Error()
		} else {
			if err != nil {
				t.Fatal(err)
			}
			seen, err := syncKind{}.Verify(t.Context(), b.Env, u)
			if err != nil || seen.OK {
				t.Fatalf("%s: it is taken for done: %+v, %v", mode, seen, err)
			}
			text = seen.Line
		}
		if !strings.Contains(text, "a second look still finds ~ 1 files (1 changed") || !strings.Contains(text, "want checksum = true") {
			t.Errorf("%s: %q", mode, text)
		}
	}
}

// A sync that ends half way leaves a mix of before and after, and that is no drift; what is neither is named.
func TestSyncHalfDoneHasNoDrift(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	treeSync(b, modeInPlace)
	before := tree(t, b.dir)
	u := b.record(syncKind{})
	if d := b.drift(syncKind{}, u); d != nil {
		t.Errorf("nothing was done, and the drift is %q", d)
	}
	write(t, b.path("to", "app/main.py"), "new code", 0o600) // as it comes, before it gets its mode and owner
	_ = os.RemoveAll(b.path("to", "old", "deep"))
	_ = os.Remove(b.path("to", "becomes/dir"))
	_ = os.Mkdir(b.path("to", "becomes/dir"), 0o700)
	write(t, b.path("to", "app", ".~tmp~", "main.py"), "half", 0o600)
	if d := b.drift(syncKind{}, u); d != nil {
		t.Errorf("half of it was done, and the drift is %q", d)
	}
	write(t, b.path("to", "run.sh"), "#!/bin/another", 0o640)
	d := b.drift(syncKind{}, u)
	if len(d) != 1 || !strings.HasPrefix(d[0], "run.sh has another content, and is not what this run puts there") {
		t.Errorf("drift %q", d)
	}
	write(t, b.path("to", "run.sh"), "#!/bin/sh", 0o640)
	b.Undoing = true
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
	for _, name := range []string{blobBefore, blobWanted} {
		was := read(t, b.store.dir+"/"+name)
		write(t, b.store.dir+"/"+name, "{}", 0o600)
		_, err := syncKind{}.Drift(t.Context(), b.Env, u)
		wantRefused(t, err, name, "is not what was recorded")
		write(t, b.store.dir+"/"+name, was, 0o600)
	}
}

// What is sent is what the plan showed: a source that changes in between is refused, also where names stay.
func TestSyncRefusesAnotherSource(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	treeSync(b, modeStaged)
	u := b.record(syncKind{})
	before := tree(t, b.dir)
	write(t, b.src+"/app/main.py", "NEW CODE", 0o644)
	wantRefused(t, syncKind{}.Act(t.Context(), b.Env, u), "app/main.py", "has changed since the plan")
	if got := tree(t, b.dir); got != before {
		t.Error("a refused sync did something")
	}
}

func TestReleaseThatNeverWasWholeHasNoDrift(t *testing.T) {
	needRsync(t)
	for _, way := range []string{"rsync", "tar"} {
		b := newBench(t, nil)
		s := fleet(b)
		if way == "tar" {
			b.Local = noRsync{b.Local}
		}
		s.After = [][]deploy.Text{argv("false")}
		u := b.record(syncKind{})
		if err := (syncKind{}).Act(t.Context(), b.Env, u); err == nil {
			t.Fatal("it did not fail")
		}
		if d := b.drift(syncKind{}, u); d != nil {
			t.Errorf("%s: drift %q", way, d)
		}
		s.After, b.Try = nil, 2
		b.forward(syncKind{})
		if d := b.drift(syncKind{}, u); d != nil {
			t.Errorf("%s: drift %q", way, d)
		}
		write(t, b.path("to", "releases", "r1", "main.py"), "hot fix", 0o644)
		if seen, err := (syncKind{}).Verify(t.Context(), b.Env, u); err != nil || seen.OK {
			t.Errorf("%s: another content is not seen: %+v %v", way, seen, err)
		}
		_ = os.RemoveAll(b.path("to", "releases", "r1"))
		if d := b.drift(syncKind{}, u); len(d) != 1 || !strings.Contains(d[0], "is gone") {
			t.Errorf("%s: drift %q", way, d)
		}
	}
}
