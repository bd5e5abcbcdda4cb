package step

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

func needRsync(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("RSYNC IS NOT INSTALLED: nothing about sync is tested here")
	}
}

// trees makes a source and what lies on the host: everything that a sync can meet.
func trees(b *bench) {
	t := b.t
	src, dst := b.src+"/", b.path("to")+"/"
	for p, c := range map[string]string{
		"app/main.py": "new code", "app/same.py": "same", "with space/ü $x 'q\".txt": "odd", "-rf": "dash", `back\slash`: "b", `hash\#012`: "h",
		"run.sh": "#!/bin/sh", "turns/into-file": "now a file", "becomes/dir/in": "now a directory", "node_modules/x.js": "excluded", ".env": "local",
	} {
		write(t, src+p, c, 0o644)
	}
	for p, c := range map[string]string{
		"app/main.py": "old code!", "app/same.py": "same", "old/deep/gone.txt": "gone", "old/keep.me": "x", "turns/into-file/a": "was a directory", "becomes/dir": "was a file",
		"run.sh": "#!/bin/sh", "data/db": "precious", ".env": "of the host", `gone\x`: "g",
	} {
		write(t, dst+p, c, 0o640)
	}
	for _, f := range []string{"app/same.py", "run.sh"} { // the same file, as an earlier sync has left it
		i, err := os.Stat(src + f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dst+f, i.ModTime(), i.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-time.Hour)
	_ = os.Chtimes(dst+"app/main.py", long, long)
	_ = os.Chmod(src+"run.sh", 0o755)
	_ = os.Chmod(dst+"app/same.py", 0o644)
	_ = os.Symlink("app/main.py", src+"link")
	_ = os.Symlink("app/other.py", dst+"link")
	_ = os.Symlink("gone", dst+"old/link")
	_ = os.Chmod(dst+"old/deep", 0o711)
	_ = os.Chmod(dst+"app", 0o750)
	_ = os.Mkdir(src+"empty", 0o700)
	if os.Getuid() == 0 {
		_ = os.Chown(dst+"app/main.py", 12, 34)
		_ = os.Chown(dst+"old/deep", 56, 0)
	}
}

func treeSync(b *bench, mode string) *deploy.Sync {
	s := &deploy.Sync{
		From: "./", To: deploy.Text(b.path("to")), Mode: mode,
		Exclude: argv("node_modules/", "data/", ".env*"), Delete: deploy.Delete{Enabled: true},
	}
	b.Settings = s
	return s
}

// mirrored is what must be on the host after the sync, by path.
func mirrored(t *testing.T, b *bench) {
	t.Helper()
	for p, want := range map[string]string{
		"app/main.py": "new code", "with space/ü $x 'q\".txt": "odd", "-rf": "dash", `back\slash`: "b", `hash\#012`: "h",
		"turns/into-file": "now a file", "becomes/dir/in": "now a directory", "link": "new code", "data/db": "precious", ".env": "of the host",
	} {
		if got := read(t, b.path("to", p)); got != want {
			t.Errorf("%s is %q", p, got)
		}
	}
	for _, p := range []string{"old", `gone\x`, "node_modules"} {
		if _, err := os.Lstat(b.path("to", p)); !os.IsNotExist(err) {
			t.Errorf("%s is there: %v", p, err)
		}
	}
	if i, _ := os.Stat(b.path("to", "run.sh")); i.Mode().Perm() != 0o755 {
		t.Errorf("run.sh has mode %v", i.Mode())
	}
}

func TestSyncForwardAndBack(t *testing.T) {
	needRsync(t)
	for _, mode := range []string{modeStaged, modeInPlace} {
		t.Run(mode, func(t *testing.T) {
			b := newBench(t, nil)
			trees(b)
			treeSync(b, mode)
			before := tree(t, b.dir)
			c := b.plan(syncKind{})
			if c.Nothing || c.Back != BackReversible || !strings.Contains(c.Lines[0], "deleted)") || c.Saw == "" {
				t.Errorf("%+v", c)
			}
			for _, want := range []string{"  app/main.py  (content, size, time, mode)", "+ -rf", "- old/deep/gone.txt", "  run.sh  (mode)", `+ back\slash`, `+ hash\#012`, "+ with space/ü $x 'q\".txt"} {
				if !slices.Contains(strings.Split(c.Detail[0].Text, "\n"), want) {
					t.Errorf("the plan does not list %q:\n%s", want, c.Detail[0].Text)
				}
			}
			if strings.Contains(c.Detail[0].Text, "data/db") || strings.Contains(c.Detail[0].Text, "node_modules") {
				t.Errorf("the plan lists what is excluded:\n%s", c.Detail[0].Text)
			}
			u := b.record(syncKind{})
			if got := tree(t, b.dir); got != before {
				t.Fatalf("planning or recording has an effect: before\n%safter\n%s", before, got)
			}
			if p := b.probe(syncKind{}, u); p != NotStarted {
				t.Errorf("probe before: %v", p)
			}
			u = b.forward(syncKind{})
			mirrored(t, b)
			after := tree(t, b.path("to"))
			if p := b.probe(syncKind{}, u); p != Ended {
				t.Errorf("probe after: %v", p)
			}
			if err := (syncKind{}).Act(t.Context(), b.Env, u); err != nil || tree(t, b.path("to")) != after {
				t.Errorf("acting again: %v", err)
			}
			if d := b.drift(syncKind{}, u); d != nil {
				t.Errorf("drift %q", d)
			}
			if c := b.plan(syncKind{}); !c.Nothing || c.Back != BackNone {
				t.Errorf("a second plan: %+v", c)
			}
			b.Undoing = true
			b.back(syncKind{}, u)
			if got := tree(t, b.dir); got != before {
				t.Errorf("before\n%safter the way back\n%s", before, got)
			}
		})
	}
}

func TestSyncOfNothingNew(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	write(t, b.src+"/a", "x", 0o644)
	b.Settings = &deploy.Sync{From: ".", To: deploy.Text(b.path("to"))}
	before := tree(t, b.dir)
	u := b.forward(syncKind{})
	if got := read(t, b.path("to", "a")); got != "x" {
		t.Fatalf("%q", got)
	}
	b.Step = "again"
	again, seen := b.run(syncKind{})
	if !again.Nothing || !seen.OK || seen.Changed {
		t.Errorf("%+v %+v", again, seen)
	}
	b.back(syncKind{}, again)
	if got := read(t, b.path("to", "a")); got != "x" {
		t.Errorf("undoing nothing did something: %q", got)
	}
	b.Step = "it"
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("the directory that was made stays:\n%s", got)
	}
}

func TestSyncDeletesOnlyWhatItMay(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	s := treeSync(b, modeStaged)
	s.Delete = deploy.Delete{Enabled: true, Max: 2}
	_, err := syncKind{}.Plan(t.Context(), b.Env)
	wantRefused(t, err, "box", "would delete", "2 are allowed")
	_, err = syncKind{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "would delete")
	s.Delete = deploy.Delete{Enabled: true, ConfirmOver: 3, Max: 100}
	if c := b.plan(syncKind{}); len(c.Asks) != 1 || !strings.Contains(c.Asks[0], "are deleted (more than 3)") {
		t.Errorf("%+v", c.Asks)
	}
	s.Delete = deploy.Delete{}
	_ = os.RemoveAll(b.src + "/turns") // what is in the way of a file cannot go without delete
	if c := b.plan(syncKind{}); strings.Contains(c.Detail[0].Text, "- ") || len(c.Asks) != 0 {
		t.Errorf("without delete: %+v", c)
	}
	b.forward(syncKind{})
	if got := read(t, b.path("to", "old", "keep.me")); got != "x" {
		t.Errorf("%q", got)
	}
}

// E1: deleting and excluding are the system rsync's, they are not silently left out.
func TestSyncReallyDeletesAndExcludes(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	treeSync(b, modeInPlace)
	b.forward(syncKind{})
	mirrored(t, b)
	var over bool
	for _, a := range b.Local.(*spyConn).argvs {
		if a[0] == "rsync" && slices.Contains(a, "--delete-delay") && slices.Contains(a, "--exclude=data/") && slices.Contains(a, "-e") {
			over = true // E2: through the connection that is open
		}
	}
	if !over {
		t.Error("rsync was not run with its options over the connection")
	}
}

func TestSyncRefusals(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	write(t, b.src+"/full/a", "x", 0o644)
	write(t, b.path("file"), "x", 0o644)
	_ = os.Mkdir(b.src+"/empty", 0o755)
	_ = os.Symlink("full", b.path("link"))
	for words, s := range map[string]deploy.Sync{
		"is not a directory: correct from":  {From: "none", To: "/srv/x"},
		"is empty: nothing is synced":       {From: "empty", To: "/srv/x"},
		"does not hold pyproject.toml":      {From: "full", To: "/srv/x", Marker: "pyproject.toml"},
		"is not an absolute path":           {From: "full", To: "srv/x"},
		"not a directory to sync to":        {From: "full", To: "/"},
		"/etc is not a directory to sync":   {From: "full", To: "/etc/../etc/"},
		"make it first":                     {From: "full", To: deploy.Text(b.path("no/way"))},
		"file is not a directory":           {From: "full", To: deploy.Text(b.path("file"))},
		"is a symlink":                      {From: "full", To: deploy.Text(b.path("link"))},
		`mode "live" is none of`:            {From: "full", To: "/srv/x", Mode: "live"},
		"line break in its name: rename it": {From: "odd", To: deploy.Text(b.path("to"))},
	} {
		if s.From == "odd" {
			write(t, b.src+"/odd/a\nb", "x", 0o644)
		}
		b.Settings = &s
		_, err := syncKind{}.Plan(t.Context(), b.Env)
		wantRefused(t, err, words)
	}
	home, err := os.UserHomeDir()
	if err == nil && home != "/" {
		b.Settings = &deploy.Sync{From: "full", To: deploy.Text(home)}
		_, err := syncKind{}.Plan(t.Context(), b.Env)
		wantRefused(t, err, "not a directory to sync to")
	}
}

func TestSyncRefusesWhatChangedSinceTheRecord(t *testing.T) {
	needRsync(t)
	for _, mode := range []string{modeStaged, modeInPlace} {
		b := newBench(t, nil)
		trees(b)
		treeSync(b, mode)
		u := b.record(syncKind{})
		write(t, b.src+"/later", "x", 0o644)
		before := tree(t, b.path("to"))
		wantRefused(t, syncKind{}.Act(t.Context(), b.Env, u), "later", "plan again")
		_ = os.Remove(b.src + "/later")
		write(t, b.path("to", "app/main.py"), "hot fix by another", 0o644)
		wantRefused(t, syncKind{}.Act(t.Context(), b.Env, u), "app/main.py", "changed by someone else")
		write(t, b.path("to", "app/main.py"), "old code!", 0o640)
		if got := read(t, b.path("to", "old/keep.me")); got != "x" || before == "" {
			t.Errorf("a refused sync did something: %q", got)
		}
	}
}

// dying fails the connection at the n-th command, as a laptop does that is closed.
type dying struct {
	hosts.Conn
	left int
}

func (d *dying) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	if d.left--; d.left < 0 {
		return hosts.Result{}, hosts.ErrClosed
	}
	return d.Conn.Run(ctx, c)
}

// The connection dies at every command of an act; the next one goes on with the same record, or takes it back.
func TestSyncDiesAtEveryCommand(t *testing.T) {
	needRsync(t)
	for _, mode := range []string{modeStaged, modeInPlace} {
		step := map[string]int{modeStaged: 1, modeInPlace: 3}[mode] // the commands are much the same
		for n, done := 0, false; !done; n += step {
			b := newBench(t, nil)
			trees(b)
			treeSync(b, mode)
			before := tree(t, b.dir)
			u := b.record(syncKind{})
			whole := b.Conn
			b.Conn = &dying{whole, n}
			done = (syncKind{}).Act(t.Context(), b.Env, u) == nil
			b.Conn = whole
			if n%2 == 0 {
				if err := (syncKind{}).Act(t.Context(), b.Env, u); err != nil {
					t.Fatalf("%s, died at %d: %v", mode, n, err)
				}
				if seen, err := (syncKind{}).Verify(t.Context(), b.Env, u); err != nil || !seen.OK {
					t.Fatalf("%s, died at %d: %+v, %v", mode, n, seen, err)
				}
				mirrored(t, b)
			}
			b.Undoing = true
			b.back(syncKind{}, u)
			if got := tree(t, b.dir); got != before {
				t.Fatalf("%s, died at %d: before\n%safter\n%s", mode, n, before, got)
			}
		}
	}
}

// A rsync that is killed in the middle leaves a mix of old and new; the record covers all of it.
func TestSyncKilledInTheMiddleComesBack(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	treeSync(b, modeInPlace)
	before := tree(t, b.dir)
	u := b.record(syncKind{})
	// Half of the work, by hand, with the leavings of --delay-updates.
	write(t, b.path("to", "app/main.py"), "new code", 0o644)
	_ = os.RemoveAll(b.path("to", "old", "deep"))
	write(t, b.path("to", "app", ".~tmp~", "main.py"), "half", 0o600)
	b.back(syncKind{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

func TestSyncDrift(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	treeSync(b, modeStaged)
	u := b.record(syncKind{})
	if err := (syncKind{}).Act(t.Context(), b.Env, u); err != nil {
		t.Fatal(err)
	}
	if d := b.drift(syncKind{}, u); d != nil { // done and not verified: all is as the source has it
		t.Errorf("%q", d)
	}
	if _, err := (syncKind{}).Verify(t.Context(), b.Env, u); err != nil {
		t.Fatal(err)
	}
	write(t, b.path("to", "app/main.py"), "hot fix", 0o644)
	write(t, b.path("to", "old/deep/gone.txt"), "back", 0o644)
	write(t, b.path("to", "data/db"), "its own business", 0o644)
	_ = os.Remove(b.path("to", "-rf"))
	d := strings.Join(b.drift(syncKind{}, u), "\n")
	for _, want := range []string{"-rf is absent", "app/main.py has another content", "old/deep/gone.txt is a file, was absent"} {
		if !strings.Contains(d, want) {
			t.Errorf("drift does not say %q:\n%s", want, d)
		}
	}
	if strings.Contains(d, "data/db") {
		t.Errorf("drift tells what the sync never touched:\n%s", d)
	}
	// A saved copy that was tampered with is not put back.
	write(t, filepath.Join(b.store.dir, dirSaved, "app/main.py"), "evil", 0o640)
	wantRefused(t, syncKind{}.Undo(t.Context(), b.Env, u), "not what was recorded", "app/main.py")
}

func TestSyncKeepsPermissionsAndOwners(t *testing.T) {
	needRsync(t)
	b := newBench(t, nil)
	trees(b)
	s := treeSync(b, modeStaged)
	s.Keep = true
	b.forward(syncKind{})
	i, err := os.Stat(b.path("to", "app/main.py"))
	if err != nil || i.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", i.Mode(), err)
	}
	if got := read(t, b.path("to", "app/main.py")); got != "new code" {
		t.Errorf("%q", got)
	}
	if os.Getuid() == 0 && !strings.Contains(tree(t, b.path("to")), "app/main.py -rw-r----- 12:34") {
		t.Errorf("the owner has changed:\n%s", tree(t, b.path("to")))
	}
}

func TestSyncGivesNewFilesToTheOwner(t *testing.T) {
	needRsync(t)
	if os.Getuid() != 0 {
		t.Skip("giving files away takes root")
	}
	b := newBench(t, nil)
	trees(b)
	s := treeSync(b, modeInPlace)
	s.Owner = "daemon:bin"
	b.forward(syncKind{})
	got := tree(t, b.path("to"))
	if !strings.Contains(got, "-rf -rw-r--r-- 1:2 ") || !strings.Contains(got, "app/main.py -rw-r--r-- 1:2 ") || !strings.Contains(got, "data/db -rw-r----- 0:0") {
		t.Errorf("%s", got)
	}
}

func TestItemsAreRead(t *testing.T) {
	for line, want := range map[string]item{
		`mw:>f+++++++++ 12 a b`:              {Path: "a b", What: ">f+++++++++", Size: 12, Created: true},
		`mw:*deleting   0 old/`:              {Path: "old/", What: "*deleting  ", Deleted: true},
		`mw:<f.st...... 7 back\slash`:        {Path: `back\slash`, What: "<f.st......", Size: 7},
		`mw:>f+++++++++ 1 line\#012break`:    {Path: "line\nbreak", What: ">f+++++++++", Size: 1, Created: true},
		`mw:>f+++++++++ 1 hash\#134#012`:     {Path: `hash\#012`, What: ">f+++++++++", Size: 1, Created: true},
		`mw:cd+++++++++ 4,096 ./`:            {Path: "./", What: "cd+++++++++", Created: true},
		`mw:.d...p..... 4096 app/`:           {Path: "app/", What: ".d...p....."},
		`mw:cLc.t...... 5 link`:              {Path: "link", What: "cLc.t......", Size: 5},
		`mw:>f..t......    3  leading blank`: {Path: " leading blank", What: ">f..t......", Size: 3},
	} {
		if got, ok := parseItem(line); !ok || got != want {
			t.Errorf("%q is %+v, %v", line, got, ok)
		}
	}
	for _, line := range []string{"", "mw:", "mw:short", "     1,234  10%   1.2MB/s", "mw:>f+++++++++ 12"} {
		if got, ok := parseItem(line); ok {
			t.Errorf("%q is %+v", line, got)
		}
	}
	if got := itemWords(">fcstpog.ax"); got != "content, size, time, mode, owner, group, acl, attributes" {
		t.Error(got)
	}
}
