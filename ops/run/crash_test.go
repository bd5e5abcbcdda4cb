package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/journal"
)

// The operator that is another process: this test binary, told by its environment where and when to die.
const (
	crashRoot = "MIDWATCH_CRASH_ROOT"
	crashAt   = "MIDWATCH_CRASH_AT" // "after 7": right after the 7th record was written; "before 7"; "never"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(crashRoot); root != "" {
		if err := operate(context.Background(), root, os.Getenv(crashAt)); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// crashWorld is what the operator that dies works on: a file and a job that must not run twice on two hosts, a file
// on the operator's machine.
func crashWorld(root string) *world {
	w := &world{root: root, prod: map[string]bool{}}
	once := commandStep("once", "one", `echo x >>${dir}/count`)
	once.Settings.(*deploy.Command).Repeat = "never"
	once.Undo = deploy.UndoSpec{Mode: "command", Argv: []deploy.Text{"rm", "-f", "${dir}/count"}}
	conf := fileStep("conf", "all", "conf", "new")
	conf.Batch = deploy.Batch{Size: 2}
	d := w.definition([]string{"h1", "h2"}, conf, once, fileStep("here", "", "here", "new"))
	d.Targets["one"] = deploy.Target{Name: "one", Hosts: []string{"h2"}}
	return w
}

// operate runs the whole deploy and dies when it is told to.
func operate(ctx context.Context, root, at string) error {
	how, nth, _ := strings.Cut(at, " ")
	n, _ := strconv.Atoi(nth)
	var count atomic.Int64
	o, err := crashWorld(root).operator(ctx, "anna", func(p *Params) {
		p.OnRecord = func(written bool, _ Record) {
			if written == (how == "after") && count.Add(1) == int64(n) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // until the signal is there
			}
		}
	})
	if err != nil {
		return err
	}
	if _, err := o.gate.Unlock("page", time.Hour); err != nil {
		return err
	}
	p, err := o.Plan(ctx, "web", Options{})
	if err != nil {
		return err
	}
	id, err := o.Start(ctx, p, Options{Yes: true})
	if err != nil {
		return err
	}
	for gen := uint64(0); ; {
		st, g, err := o.Next(ctx, id, gen)
		if err != nil {
			return err
		}
		if gen = g; st.Phase.Ended() {
			break
		}
	}
	if d := o.driver(id); d != nil {
		<-d.done
	}
	return o.Close(ctx)
}

// dies runs the operator in another process until it dies, or ends.
func dies(t *testing.T, root, at string) bool {
	t.Helper()
	for _, h := range []string{"h1", "h2", "local"} {
		if err := os.MkdirAll(filepath.Join(root, h), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "h1", "conf"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashRoot+"="+root, crashAt+"="+at)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", at, err, out)
	}
	return false
}

// TestDiesAtEveryRecord kills the operator at every record of a run, right before and right after it is written. Then
// a colleague, on a machine that never saw the run, goes on with it or takes it back, with what lies on the hosts.
func TestDiesAtEveryRecord(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	if dies(t, whole, "never") {
		t.Fatal("it died")
	}
	ids, _ := filepath.Glob(filepath.Join(whole, "operators/anna/runs/*/journal.jsonl"))
	if len(ids) != 1 {
		t.Fatalf("runs %v", ids)
	}
	g, err := journal.Load(ids[0])
	if err != nil || g.Fault != nil {
		t.Fatal(g.Fault, err)
	}
	total := len(g.Records)
	if total < 20 {
		t.Fatalf("only %d records", total)
	}
	t.Logf("%d records", total)
	done(t, crashWorld(whole), true)
	// After record n is before record n+1: each such moment is met once by going on and once by going back.
	for n := 1; n <= total; n++ {
		for _, how := range []string{"after", "before"} {
			back := (n%2 == 0) == (how == "before")
			name := fmt.Sprintf("%s %d", how, n)
			t.Run(fmt.Sprintf("%s back=%v", name, back), func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				if !dies(t, root, name) {
					return // the records of two hosts come in one order or the other; this one was the last
				}
				afterwards(t, root, back)
			})
		}
	}
}

// afterwards is what the colleague does.
func afterwards(t *testing.T, root string, back bool) {
	t.Helper()
	w := crashWorld(root)
	tokens := func() []string {
		all, _ := filepath.Glob(filepath.Join(root, "h?", "midwatch/locks/*.mine"))
		return all
	}
	// Time passes: no sign of the holder for an hour.
	then := time.Now().Add(-time.Hour)
	for _, f := range tokens() {
		if err := os.Chtimes(f, then, then); err != nil {
			t.Fatal(err)
		}
	}
	bob := w.person(t, "bob", nil)
	runs, err := bob.List(t.Context(), []string{"h1", "h2"})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) == 0 {
		// It had not come so far as to leave word on a host, so it must not have changed anything.
		done(t, w, false)
		id := bob.begin(t, Options{Takeover: true})
		if st := bob.wait(t, id); st.Phase != Success {
			t.Fatal(describe(st))
		}
		done(t, w, true)
		w.unlocked(t, "h1", "h2")
		return
	}
	id := runs[0].ID
	if back {
		goBack(t, w, bob, id)
	} else {
		goOn(t, w, bob, id)
	}
	w.unlocked(t, "h1", "h2")
	for _, f := range []string{"operators/bob/runs/*/journal.jsonl", "h1/midwatch/runs/*/journal.jsonl", "h2/midwatch/runs/*/journal.jsonl"} {
		files, _ := filepath.Glob(filepath.Join(root, f))
		for _, name := range files {
			if g, err := journal.Load(name); err != nil || g.Fault != nil {
				t.Errorf("%s: %v %v", name, g.Fault, err)
			}
		}
	}
}

func goOn(t *testing.T, w *world, bob *operator, id string) {
	t.Helper()
	switch err := bob.Resume(t.Context(), id, Options{}); {
	case errors.Is(err, ErrEnded):
	case err != nil:
		st, _ := bob.Show(t.Context(), id)
		t.Fatalf("%v\n%s", err, describe(st))
	}
	st, err := bob.Show(t.Context(), id)
	if d := bob.driver(id); d != nil {
		st = bob.wait(t, id)
	}
	if err != nil || st.Phase != Success {
		t.Fatalf("%v\n%s", err, describe(st))
	}
	done(t, w, true)
	if len(st.Steps) > 0 && st.Records%3 == 0 {
		goBack(t, w, bob, id) // and what was recorded before the crash is still what was there before the run
	}
}

func goBack(t *testing.T, w *world, bob *operator, id string) {
	t.Helper()
	p, err := bob.PlanRollback(t.Context(), id, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Steps) == 0 {
		done(t, w, false)
		if err := bob.ReleaseLock(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		return
	}
	rid, err := bob.Start(t.Context(), p, Options{Consent: true, Takeover: true})
	if err != nil {
		t.Fatalf("%v\n%+v", err, p)
	}
	if st := bob.wait(t, rid); st.Phase != Success {
		t.Fatal(describe(st))
	}
	if st, err := bob.Show(t.Context(), id); err != nil || st.Phase != RolledBack {
		t.Errorf("%v\n%s", err, describe(st))
	}
	done(t, w, false)
}

// done wants all effects to be there once, or none of them.
func done(t *testing.T, w *world, all bool) {
	t.Helper()
	got := fmt.Sprintf("%s %s %q %s", w.read(t, "h1", "conf"), w.read(t, "h2", "conf"), w.read(t, "h2", "count"), w.read(t, "local", "here"))
	want := `old (none) "(none)" (none)`
	if all {
		want = `new new "x\n" new`
	}
	if got != want {
		t.Errorf("effects %s, want %s", got, want)
	}
}
