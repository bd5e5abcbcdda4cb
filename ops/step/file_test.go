package step

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/ops/deploy"
)

// fileCase is one way a file step can go.
type fileCase struct {
	s     deploy.File
	setup func(b *bench)
	want  string // content afterwards, "-" for none
	mode  os.FileMode
}

func fileCases() map[string]fileCase {
	old := func(b *bench) {
		write(b.t, b.path("f"), "a\nold\nc\n", 0o640)
		if os.Getuid() == 0 {
			_ = os.Chown(b.path("f"), 7, 8)
		}
	}
	return map[string]fileCase{
		"new":      {deploy.File{Content: "x\n"}, func(*bench) {}, "x\n", 0o644},
		"new mode": {deploy.File{Content: "x", Mode: "4750"}, func(*bench) {}, "x", 0o750},
		"change":   {deploy.File{Content: "a\nnew\nc\n"}, old, "a\nnew\nc\n", 0o640},
		"empty":    {deploy.File{}, old, "", 0o640},
		"mode":     {deploy.File{Content: "a\nold\nc\n", Mode: "0600"}, old, "a\nold\nc\n", 0o600},
		"in place": {deploy.File{Content: "new", InPlace: true, Mode: "0604"}, old, "new", 0o604},
		"absent":   {deploy.File{Absent: true}, old, "-", 0},
		"secret":   {deploy.File{Content: "${secret.db}"}, func(b *bench) { b.secrets["db"] = "sentinel-db" }, "sentinel-db", 0o600},
		"secret over what others read": {deploy.File{Content: "${secret.db}"}, func(b *bench) {
			b.secrets["db"] = "sentinel-db"
			write(b.t, b.path("f"), "old", 0o644)
		}, "sentinel-db", 0o640},
		"edit": {deploy.File{Edits: []deploy.Edit{{Line: 2, Old: "old", New: []deploy.Text{"n1", "n2"}}}}, old, "a\nn1\nn2\nc\n", 0o640},
		"src":  {deploy.File{Src: "plain.conf"}, func(b *bench) { write(b.t, b.src+"/plain.conf", "proxy ${secret.db}\x00", 0o600) }, "proxy ${secret.db}\x00", 0o644},
		"template": {deploy.File{Src: "t.tmpl", Validate: argv("grep", "-q", "^pass sent", "%s")}, func(b *bench) {
			old(b)
			b.secrets["db"] = "sentinel-db"
			write(b.t, b.src+"/t.tmpl", "pass ${secret.db} $${host} ${vars.port}\n", 0o600)
			b.Expand = func(text string) (deploy.Sensitive, error) {
				return deploy.Sensitive(strings.ReplaceAll(text, "${vars.port}", "8002")), nil
			}
		}, "pass sentinel-db ${host} 8002\n", 0o640},
	}
}

func TestFileForwardAndBack(t *testing.T) {
	for name, c := range fileCases() {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			c.setup(b)
			s := c.s
			s.Dst = deploy.Text(b.path("f"))
			b.Settings = &s
			before := tree(t, b.dir)
			ch := b.plan(file{})
			if ch.Nothing || len(ch.Lines) == 0 || ch.Back != BackReversible || len(ch.BackLines) == 0 {
				t.Errorf("plan %+v", ch)
			}
			if tree(t, b.dir) != before {
				t.Fatal("planning has an effect")
			}
			u := b.record(file{})
			if tree(t, b.dir) != before {
				t.Fatal("recording has an effect")
			}
			if p := b.probe(file{}, u); p != NotStarted {
				t.Errorf("probe before: %v", p)
			}
			u = b.forward(file{})
			c.check(t, b)
			if p := b.probe(file{}, u); p != Ended {
				t.Errorf("probe after: %v", p)
			}
			after := tree(t, b.dir)
			// After a crash it may be asked to act again, with the same record.
			if err := (file{}).Act(t.Context(), b.Env, u); err != nil || tree(t, b.dir) != after {
				t.Errorf("acting again: %v", err)
			}
			if d := b.drift(file{}, u); d != nil {
				t.Errorf("drift %q", d)
			}
			if name == "edit" { // its line is not what it was any more
				_, err := file{}.Plan(t.Context(), b.Env)
				wantRefused(t, err, "line 2")
			} else if ch := b.plan(file{}); !ch.Nothing || ch.Back != BackNone {
				t.Errorf("a second plan: %+v", ch)
			}
			b.back(file{}, u)
			if got := tree(t, b.dir); got != before {
				t.Errorf("before\n%safter the way back\n%s", before, got)
			}
			b.noSecret("sentinel", u)
		})
	}
}

func (c fileCase) check(t *testing.T, b *bench) {
	t.Helper()
	if c.want == "-" {
		if _, err := os.Lstat(b.path("f")); !os.IsNotExist(err) {
			t.Errorf("still there: %v", err)
		}
		return
	}
	if got := read(t, b.path("f")); got != c.want {
		t.Errorf("content %q", got)
	}
	i, err := os.Stat(b.path("f"))
	if err != nil || i.Mode().Perm() != c.mode {
		t.Errorf("mode %v, %v", i.Mode(), err)
	}
	if left, _ := filepath.Glob(b.path(".*")); len(left) > 0 {
		t.Errorf("left behind %q", left)
	}
}

func TestFileThatIsAsWantedIsLeftAlone(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "x", 0o600)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Content: "x", Mode: "0600"}
	before, ino := tree(t, b.dir), inode(t, b.path("f"))
	u, seen := b.run(file{})
	if !u.Nothing || !seen.OK || seen.Changed || tree(t, b.dir) != before || inode(t, b.path("f")) != ino {
		t.Errorf("%+v %+v", u, seen)
	}
	b.back(file{}, u)
	if tree(t, b.dir) != before {
		t.Error("undoing nothing did something")
	}
}

func TestFileShowsADiffButNoSecret(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "a\nold sentinel-old\n", 0o600)
	b.secrets["db"] = "sentinel-new"
	s := &deploy.File{Dst: deploy.Text(b.path("f")), Content: "a\n${secret.db}\n"}
	b.Settings = s
	if c := b.plan(file{}); strings.Contains(c.Detail[0].Text+strings.Join(c.Lines, ""), "sentinel") {
		t.Errorf("%+v", c)
	}
	s.Content = "a\nnew\n"
	if c := b.plan(file{}); !c.Detail[0].Diff || !strings.Contains(c.Detail[0].Text, "+new") || !strings.Contains(c.Lines[0], "+1 -1 lines") {
		t.Errorf("%+v", c)
	}
	delete(b.secrets, "db")
	s.Content = "${secret.db}"
	if _, err := (file{}).Plan(t.Context(), b.Env); err == nil {
		t.Error("a secret that is not there is planned over")
	}
}

// A diff has lines around the change, and those may hold what nobody should see.
func TestFileDiffMasksWhatStandsThere(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "a: 1\n  DB_PASSWORD: sentinel-yaml\nTOKEN=sentinel-env\nurl: pg://u:sentinel-url@db/x\n", 0o600)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Edits: []deploy.Edit{{Line: 1, Old: "a: 1", New: []deploy.Text{"a: 2"}}, {Line: 2, Old: "  DB_PASSWORD: sentinel-yaml", New: []deploy.Text{"  DB_PASSWORD: sentinel-new"}}}}
	c := b.plan(file{})
	if strings.Contains(c.Detail[0].Text, "sentinel") || !strings.Contains(c.Detail[0].Text, "+a: 2") || !strings.Contains(c.Lines[0], "+2 -2 lines") {
		t.Errorf("%+v", c)
	}
}

func TestFileRefusals(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "x", 0o644)
	if err := os.Symlink("f", b.path("l")); err != nil {
		t.Fatal(err)
	}
	for words, s := range map[string]deploy.File{
		"is not an absolute path":            {Dst: "f"},
		"is a symlink to f":                  {Dst: deploy.Text(b.path("l"))},
		"is a directory":                     {Dst: deploy.Text(b.dir)},
		"directory of":                       {Dst: deploy.Text(b.path("no/f"))},
		"is not octal":                       {Dst: deploy.Text(b.path("f")), Mode: "rw"},
		"cannot be read":                     {Dst: deploy.Text(b.path("f")), Src: "gone"},
		"was changed since the plan":         {Dst: deploy.Text(b.path("f")), Was: digest([]byte("y"))},
		"f was changed since the plan":       {Dst: deploy.Text(b.path("f")), Was: "absent"},
		"line 1 is not as it was when":       {Dst: deploy.Text(b.path("f")), Edits: []deploy.Edit{{Line: 1, Old: "z"}}},
		"new was changed since the plan: lo": {Dst: deploy.Text(b.path("new")), Was: digest([]byte("y"))},
	} {
		b.Settings = &s
		_, err := file{}.Plan(t.Context(), b.Env)
		wantRefused(t, err, words)
	}
}

func TestFileThatDoesNotValidateStaysAsItIs(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "good\n", 0o644)
	before := tree(t, b.dir)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Content: "bad\n", Validate: argv("sh", "-c", `grep -q good "$1" || { echo "line 1: not good" >&2; exit 1; }`, "sh", "%s")}
	u := b.record(file{})
	wantRefused(t, file{}.Act(t.Context(), b.Env, u), b.path("f"), "line 1: not good", "left as it is")
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}

func TestFileChangedByAnotherIsNotOverwritten(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "old", 0o644)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Content: "new"}
	u := b.record(file{})
	write(t, b.path("f"), "another's", 0o644)
	wantRefused(t, file{}.Act(t.Context(), b.Env, u), "changed by someone else")
	if p := b.probe(file{}, u); p != Unclear || read(t, b.path("f")) != "another's" {
		t.Errorf("probe %v", p)
	}
	// And when it changes in the very moment: after it was looked at, before it is replaced.
	write(t, b.path("f"), "old", 0o644)
	u = b.record(file{})
	b.conn.meddle = func(argv []string) {
		if len(argv) > 2 && argv[2] == scriptPlace {
			write(t, b.path("f"), "another's", 0o644)
		}
	}
	wantRefused(t, file{}.Act(t.Context(), b.Env, u), "changed by someone else")
	if got := read(t, b.path("f")); got != "another's" {
		t.Errorf("overwritten: %q", got)
	}
}

func TestFileDriftIsSeen(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "old", 0o644)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Content: "new"}
	u := b.forward(file{})
	if err := os.Chmod(b.path("f"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d := b.drift(file{}, u); len(d) != 1 || !strings.Contains(d[0], "has mode 0600, not 0644") {
		t.Errorf("%q", d)
	}
	write(t, b.path("f"), "edited", 0o644)
	if d := b.drift(file{}, u); len(d) != 1 || !strings.Contains(d[0], "another content") {
		t.Errorf("%q", d)
	}
	if seen, _ := (file{}).Verify(t.Context(), b.Env, u); seen.OK {
		t.Error("an edited file is verified")
	}
	_ = os.Remove(b.path("f"))
	if d := b.drift(file{}, u); len(d) != 1 || !strings.Contains(d[0], "is absent") {
		t.Errorf("%q", d)
	}
	// A damaged copy is not put back.
	write(t, filepath.Join(b.store.dir, "before"), "damaged", 0o644)
	if err := (file{}).Undo(t.Context(), b.Env, u); err == nil || !strings.Contains(err.Error(), "not what was recorded") {
		t.Errorf("%v", err)
	}
}

func TestOwnersAreLookedUpOnTheHost(t *testing.T) {
	m := target(newBench(t, nil).Env)
	for owner, want := range map[string][2]int{
		"root": {0, -1}, "root:root": {0, 0}, ":root": {-1, 0}, "root:": {0, 0}, "1234": {1234, -1}, "1234:77": {1234, 77}, "1234:root": {1234, 0},
	} {
		uid, gid, err := m.ownerOf(t.Context(), owner)
		if err != nil || uid != want[0] || gid != want[1] {
			t.Errorf("%s: %d:%d, %v", owner, uid, gid, err)
		}
	}
	for _, owner := range []string{"midwatch-nobody-here", "root:midwatch-nobody-here"} {
		_, _, err := m.ownerOf(t.Context(), owner)
		wantRefused(t, err, owner, "not known there")
	}
}

func TestFileOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("giving files away takes root")
	}
	b := newBench(t, nil)
	write(t, b.path("f"), "x", 0o644)
	before := tree(t, b.dir)
	b.Settings = &deploy.File{Dst: deploy.Text(b.path("f")), Content: "x", Owner: "daemon:bin"}
	if c := b.plan(file{}); c.Nothing || !strings.Contains(c.Lines[0], "owner daemon:bin") {
		t.Errorf("%+v", c)
	}
	u := b.forward(file{})
	if c := b.plan(file{}); !c.Nothing {
		t.Errorf("again: %+v", c)
	}
	if err := os.Chown(b.path("f"), 0, 0); err != nil {
		t.Fatal(err)
	}
	if seen, _ := (file{}).Verify(t.Context(), b.Env, u); seen.OK {
		t.Error("another owner is verified")
	}
	b.back(file{}, u)
	if got := tree(t, b.dir); got != before {
		t.Errorf("before\n%safter\n%s", before, got)
	}
}
