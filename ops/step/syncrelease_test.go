package step

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// fleet is a release directory with one release that is live.
func fleet(b *bench) *deploy.Sync {
	t := b.t
	write(t, b.src+"/main.py", "new", 0o644)
	write(t, b.src+"/lib/same.py", "same", 0o755)
	write(t, b.src+"/.venv/x", "local", 0o644)
	write(t, b.src+"/var/outbox/mine", "local", 0o644)
	write(t, b.src+"/-x y", "odd", 0o600)
	_ = os.Symlink("main.py", b.src+"/link")
	write(t, b.path("to", "shared", "var", "outbox", "letter"), "kept", 0o600)
	write(t, b.path("to", "shared", ".env"), "KEY=x", 0o600)
	write(t, b.path("to", "releases", "r0", "main.py"), "old", 0o644)
	write(t, b.path("to", "releases", "r0", releaseMark), "{}", 0o644)
	write(t, b.path("to", "releases", "r0", "lib", "same.py"), "same", 0o755)
	i, err := os.Stat(b.src + "/lib/same.py")
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Chtimes(b.path("to", "releases", "r0", "lib", "same.py"), i.ModTime(), i.ModTime())
	long := time.Now().Add(-time.Hour) // rsync compares size and time, to the second
	_ = os.Chtimes(b.path("to", "releases", "r0", "main.py"), long, long)
	_ = os.Symlink("releases/r0", b.path("to", "current"))
	s := &deploy.Sync{
		From: ".", To: deploy.Text(b.path("to")), Mode: modeRelease, Shared: argv("var/outbox", ".env"), Exclude: argv(".venv/"),
		After: [][]deploy.Text{argv("sh", "-c", "pwd >after.txt"), argv("touch", "second.txt")},
	}
	b.Settings = s
	return s
}

func TestSyncReleaseForwardAndBack(t *testing.T) {
	needRsync(t)
	for _, way := range []string{"rsync", "tar"} {
		t.Run(way, func(t *testing.T) {
			b := newBench(t, nil)
			fleet(b)
			if way == "tar" {
				b.Local = noRsync{b.Local}
			}
			before := tree(t, b.dir)
			c := b.plan(syncKind{})
			if c.Nothing || !strings.Contains(c.Lines[0], "release r1") || !strings.Contains(c.Lines[1], "2 commands in it, whose effect is unknown") {
				t.Errorf("%+v", c)
			}
			if way == "rsync" && (!strings.Contains(c.Lines[0], "against the current release") || !strings.Contains(c.Detail[0].Text, "main.py  (content") || strings.Contains(c.Detail[0].Text, "same.py")) {
				t.Errorf("%+v", c)
			}
			if way == "tar" && !strings.Contains(strings.Join(c.Lines, "\n"), "by tar: this machine: rsync is not installed") {
				t.Errorf("%+v", c)
			}
			u := b.record(syncKind{})
			if tree(t, b.dir) != before || b.probe(syncKind{}, u) != NotStarted {
				t.Fatal("planning or recording has an effect")
			}
			u = b.forward(syncKind{})
			checkRelease(t, b, way)
			if b.probe(syncKind{}, u) != Ended || b.drift(syncKind{}, u) != nil {
				t.Error("after")
			}
			if err := (syncKind{}).Act(t.Context(), b.Env, u); err != nil || len(b.jobs.started) != 2 {
				t.Errorf("acting again: %v, jobs %q", err, b.jobs.started)
			}
			live := tree(t, b.path("to", "releases", "r0"))
			b.Run, b.Undoing = "rollback", true
			b.back(syncKind{}, u)
			if tree(t, b.path("to", "releases", "r0")) != live {
				t.Error("the live release was touched")
			}
			if _, err := os.Stat(b.path("to", "releases", "r1", badMark)); err != nil {
				t.Error("it is not marked bad: ", err)
			}
		})
	}
}

func checkRelease(t *testing.T, b *bench, way string) {
	t.Helper()
	rel := b.path("to", "releases", "r1")
	for p, want := range map[string]string{
		"main.py": "new", "lib/same.py": "same", "-x y": "odd", "link": "new", "var/outbox/letter": "kept", ".env": "KEY=x", "after.txt": rel + "\n", "second.txt": "",
	} {
		if got := read(t, filepath.Join(rel, p)); got != want {
			t.Errorf("%s is %q", p, got)
		}
	}
	for _, p := range []string{".venv", "var/outbox/mine"} {
		if _, err := os.Stat(filepath.Join(rel, p)); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", p, err)
		}
	}
	if got := read(t, b.path("to", "current", "main.py")); got != "old" {
		t.Errorf("the live release changed: %q", got)
	}
	if way == "rsync" && inode(t, filepath.Join(rel, "lib/same.py")) != inode(t, b.path("to", "releases", "r0", "lib", "same.py")) {
		t.Error("what is the same is not linked")
	}
	if b.outputs["release"] != rel || b.outputs["previous"] != b.path("to", "releases", "r0") {
		t.Errorf("outputs %v", b.outputs)
	}
}

// noRsync is a machine without it.
type noRsync struct{ hosts.Conn }

func (n noRsync) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	if c.Argv[0] == "rsync" {
		return hosts.Result{Exit: 127, Stderr: []byte("rsync: not found\n")}, nil
	}
	return n.Conn.Run(ctx, c)
}

func TestSyncWithoutRsyncIsRefusedWhereNothingElseWillDo(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.src+"/a", "x", 0o644)
	b.Local = noRsync{b.Local}
	for _, mode := range []string{modeStaged, modeInPlace} {
		b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to")), Mode: mode}
		_, err := syncKind{}.Plan(t.Context(), b.Env)
		wantRefused(t, err, "this machine: rsync is not installed", "mode release")
	}
}

func TestReleaseThatFailsHalfIsNotOneToSwapTo(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	s := fleet(b)
	s.After = [][]deploy.Text{argv("sh", "-c", "echo no such package >&2; exit 4")}
	before := tree(t, b.dir)
	u := b.record(syncKind{})
	err := syncKind{}.Act(t.Context(), b.Env, u)
	if err == nil || !strings.Contains(err.Error(), "exit 4: no such package; nothing live has changed") {
		t.Fatal(err)
	}
	if seen, _ := (syncKind{}).Verify(t.Context(), b.Env, u); seen.OK {
		t.Error("a half release is verified")
	}
	b.Settings = &deploy.Swap{Link: deploy.Text(b.path("to", "current"))}
	_, err = swap{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "is not complete")
	b.Settings = s
	// Another attempt goes on with the same directory.
	s.After[0], b.Try = argv("true"), 2
	if err := (syncKind{}).Act(t.Context(), b.Env, u); err != nil {
		t.Error(err)
	}
	// A half one is no evidence: it goes.
	_ = os.Remove(b.path("to", "releases", "r1", releaseMark))
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

func TestReleaseIsNotTakenFromUnderTheLiveLink(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	s := fleet(b)
	u := b.forward(syncKind{})
	b.Settings, b.Step = &deploy.Swap{Link: deploy.Text(b.path("to", "current"))}, "swap"
	b.forward(swap{})
	b.Settings, b.Step = s, "it"
	wantRefused(t, syncKind{}.Undo(t.Context(), b.Env, u), "is current: swap back first")
	_ = os.RemoveAll(b.path("to", "shared", ".env"))
	b.Run = "r2"
	_, err := syncKind{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "shared/.env", "put it there first")
}

func TestFirstRelease(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	write(t, b.src+"/a", "x", 0o644)
	b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to")), Mode: modeRelease}
	before := tree(t, b.dir)
	if c := b.plan(syncKind{}); !strings.Contains(c.Lines[0], "against nothing: ~ 1 files (0 changed, 1 new, 0 deleted), 1 B") {
		t.Errorf("%+v", c)
	}
	u := b.forward(syncKind{})
	_ = os.Remove(b.path("to", "releases", "r1", releaseMark))
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

// The patterns of the tar fallback against rsync itself.
func TestExcludesAreRsyncs(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	for _, p := range []string{
		"a.pyc", "x/a.pyc", "x/y/a.pyc", "node_modules/m.js", "x/node_modules/m.js", "x/data/db", "data/db", ".env", ".env.local", "x/.env",
		"build/out/1", "x/build/out/1", "file1", "file2", "fileab", "x/foo/bar/baz", "foo/bar", "star*", "b[1]", "node_modules_not/x", "deep/a/b/c/d.log",
	} {
		write(t, b.src+"/"+p, "x", 0o644)
	}
	write(t, b.src+"/z/node_modules", "a file", 0o644)
	for _, x := range []string{
		"*.pyc", "node_modules/", "node_modules", "/data/", "data/", ".env*", "/.env", "build/out", "/build/*", "file?", "file[1-2]", "file[!1]", "x/**/baz", "foo/bar", "**/c", "deep/**",
		`star\*`, "x/", "/x/y/", "**.log", "*",
	} {
		s := &deploy.Sync{From: ".", To: deploy.Text(b.path("to")), Mode: modeInPlace, Exclude: argv(x)}
		b.Settings = s
		tr, err := newTransfer(t.Context(), b.Env)
		if err != nil {
			t.Fatal(err)
		}
		items, err := tr.diff(t.Context(), b.Env, tr.to)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{}
		for _, i := range items {
			if i.Path != "./" {
				want[key(i.Path)] = true
			}
		}
		got, err := tr.list(t.Context(), b.Env)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if !want[p] {
				t.Errorf("%s: %s is sent, rsync excludes it", x, p)
			}
			delete(want, p)
		}
		for p := range want {
			t.Errorf("%s: %s is excluded, rsync sends it", x, p)
		}
	}
}
