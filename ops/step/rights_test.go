package step

import (
	"os"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// Where root is allowed here and not to be had there, looks are made and files written without it.
func TestWithoutSudoOnTheHost(t *testing.T) {
	b := newBench(t, nil)
	b.asNobody(false)
	b.Sudo = true
	write(t, b.path("mine"), "old", 0o600)
	_ = os.Chown(b.path("mine"), nobody, nobody)
	before := tree(t, b.dir)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("mine")), Content: "new", Owner: "65534:65534"}
	u := b.forward(file{})
	b.back(file{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
	b.Settings = &deploy.Check{FileMatches: []deploy.FileMatch{{Path: deploy.Text(b.path("mine")), Must: "old"}}, PortOwner: []deploy.PortOwner{{Port: "1"}}}
	if _, seen := b.run(check{}); !seen.OK {
		t.Errorf("%+v", seen)
	}
	b.Settings = &deploy.Snapshot{Files: argv(b.path("mine"))}
	b.forward(snapshot{})
	b.Settings = &deploy.Check{Sudo: true}
	if _, seen := b.run(check{}); seen.OK || !strings.Contains(seen.Line, "root") {
		t.Errorf("%+v", seen)
	}
}

// A login that is not root: with sudo everything works and belongs to whom it belonged; without, what cannot be
// brought back is refused before anything happens.
func TestFileWithoutRoot(t *testing.T) {
	b := newBench(t, nil)
	b.asNobody(true)
	write(t, b.path("roots", "f"), "old", 0o600) // a directory and a file of root
	write(t, b.path("mine"), "old", 0o600)
	_ = os.Chown(b.path("mine"), nobody, nobody)
	before := tree(t, b.dir)
	for _, p := range []string{"roots/f", "mine", "new", "roots/new"} {
		b.Step = plainName(p)
		b.Settings = &deploy.File{Dst: deploy.Text(b.path(p)), Content: "new"}
		u := b.forward(file{})
		owner := map[bool]string{true: "0:0", false: "65534:65534"}[strings.HasPrefix(p, "roots")]
		if got := tree(t, b.path(p)); !strings.Contains(got, owner+" 3 ") {
			t.Errorf("%s: %s", p, got)
		}
		if d := b.drift(file{}, u); d != nil || b.probe(file{}, u) != Ended {
			t.Errorf("%s: %q", p, d)
		}
		b.back(file{}, u)
		if got := tree(t, b.dir); got != before {
			t.Errorf("%s: before\n%safter\n%s", p, before, got)
		}
	}
}

func TestFileIsRefusedWhereRootIsNot(t *testing.T) {
	b := newBench(t, nil)
	b.asNobody(false)
	write(t, b.path("roots", "f"), "old", 0o644)
	_ = os.Chmod(b.path("roots"), 0o755)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("roots", "f")), Content: "new"}
	u, err := file{}.Record(t.Context(), b.Env)
	if err == nil {
		err = file{}.Act(t.Context(), b.Env, u)
	}
	wantRefused(t, err, "box", "allow sudo")
	if got := read(t, b.path("roots", "f")); got != "old" {
		t.Errorf("%q", got)
	}
	// Allowed by the definition, refused by the host.
	b.Sudo = true
	_, err = file{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "box: root is needed", "not allowed")
}

func TestSyncWithoutRoot(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	b.asNobody(true)
	trees(b) // belongs to root and others
	treeSync(b, modeStaged)
	before := tree(t, b.dir)
	if c := b.plan(syncKind{}); c.Nothing {
		t.Errorf("%+v", c)
	}
	u := b.forward(syncKind{})
	mirrored(t, b)
	if got := tree(t, b.path("to")); !strings.Contains(got, "app/main.py -rw-r--r-- 12:34") || !strings.Contains(got, "\n-rf -rw-r--r-- 0:0") {
		t.Errorf("%s", got)
	}
	b.Undoing = true
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

func TestSyncOfOnesOwnTreeNeedsNoRoot(t *testing.T) {
	needRsync(t)
	for _, may := range [][2]bool{{true, true}, {false, false}, {true, false}} { // allowed here, allowed by the host
		b, sudo := newBench(t, nil), may
		b.asNobody(may[1])
		b.Sudo = may[0]
		write(t, b.src+"/a", "new", 0o644)
		write(t, b.src+"/b", "b", 0o644)
		write(t, b.path("to", "a"), "old!", 0o640)
		for _, p := range []string{"to", "to/a"} {
			_ = os.Chown(b.path(p), nobody, nobody)
		}
		b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to"))}
		before := tree(t, b.dir)
		u := b.forward(syncKind{})
		if got := tree(t, b.path("to")); strings.Count(got, "65534:65534") != 3 || strings.Contains(string(u.Data), `"sudo"`) {
			t.Errorf("sudo %v: %s%s", sudo, got, u.Data)
		}
		b.back(syncKind{}, u)
		if got := tree(t, b.dir); got != before {
			t.Errorf("before\n%safter\n%s", before, got)
		}
	}
}

func TestSyncIsRefusedWhereRootIsNot(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	b.asNobody(false)
	write(t, b.src+"/a", "new", 0o644)
	write(t, b.path("to", "a"), "old!", 0o644)
	_ = os.Chown(b.path("to"), nobody, nobody)
	b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to"))}
	before := tree(t, b.dir)
	_, err := syncKind{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "belongs to another user", "allow sudo")
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

func TestSwapWithoutRoot(t *testing.T) {
	b := newBench(t, nil)
	b.asNobody(true)
	releases(b, []string{"r0", "r1"})
	_ = os.Symlink("releases/r0", b.path("current"))
	_ = os.Chown(b.dir, 0, 0)
	before := tree(t, b.dir)
	b.Settings = &deploy.Swap{Link: deploy.Text(b.path("current"))}
	u := b.forward(swap{})
	b.back(swap{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}
