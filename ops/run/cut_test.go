package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// TestNetworkCut cuts the way to a host at every kind of record of every class of step. The run waits, says so, and
// is never green while nobody sees the host; when the host is back it goes on, and everything has happened once.
func TestNetworkCut(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"conf", "once", "ok"} {
		for _, k := range []string{KindIntent, KindUndoSaved, KindJob, KindResult} {
			if k == KindJob && id != "once" {
				continue
			}
			t.Run(id+" "+k, func(t *testing.T) {
				t.Parallel()
				cutAt(t, id, k)
			})
		}
	}
}

func cutAt(t *testing.T, id, k string) {
	t.Helper()
	w := newWorld(t, "h1", "h2")
	wire := &cut{}
	w.wrap = func(h string, c hosts.Conn) hosts.Conn {
		if h != "h1" {
			return c
		}
		wire.Conn = c
		return wire
	}
	w.definition([]string{"h1", "h2"}, fileStep("conf", "all", "conf", "new"), commandStep("once", "all", "echo x >>${dir}/count"), gateStep("ok", "all", "conf"), fileStep("last", "all", "last", "x"))
	o := w.person(t, "anna", func(p *Params) {
		p.OnRecord = func(written bool, r Record) {
			if written && r.K == k && r.Step == id && r.Host == "h1" {
				wire.set(true)
			}
		}
	})
	run := o.begin(t, Options{Yes: true})
	st := o.until(t, run, func(st State) bool { return len(st.Warnings) > 0 && strings.Contains(st.Warnings[0], "link lost") })
	// The link is lost: nothing that begins now may be said to be done on h1, and nothing may begin anywhere else.
	seen := phases(st)
	for range 5 {
		var err error
		if st, err = o.Show(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		for _, s := range st.Steps {
			for _, h := range s.Hosts {
				if h.Host == "h1" && s.ID == id && k != KindResult && settled(h.State) {
					t.Fatalf("%s on h1 is %s, and nobody saw it", s.ID, h.State)
				}
				if s.ID == "last" && h.State != StepPending && id != "last" {
					t.Fatalf("%s began while the link is lost:\n%s", s.ID, describe(st))
				}
			}
		}
		if st.Phase != Active {
			t.Fatalf("the run is %s (%s)", st.Phase, seen)
		}
	}
	wire.set(false)
	st = o.wait(t, run)
	if st.Phase != Success {
		t.Fatal(describe(st))
	}
	for _, h := range []string{"h1", "h2"} {
		if got := w.read(t, h, "conf") + w.read(t, h, "count") + w.read(t, h, "last"); got != "newx\nx" {
			t.Errorf("%s: %q", h, got)
		}
	}
	w.unlocked(t, "h1", "h2")
}

// TestCancel stops a job on its host, as seen there, and leaves a run that can be taken back.
func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"), commandStep("long", "all", `echo $$ >${dir}/pid; echo up; sleep 1000; touch ${dir}/over`))
	o := w.person(t, "anna", nil)
	run := o.begin(t, Options{})
	for out := []byte(nil); len(out) == 0; {
		out, _, _ = o.Output(t.Context(), run, "long", "h1", 0)
	}
	// By another process of the same machine, as the command line does it.
	cli := New(o.p)
	if err := cli.Order(t.Context(), run, Order{Verb: "cancel", Reason: "wrong tag"}); err != nil {
		t.Fatal(err)
	}
	st := o.wait(t, run)
	if st.Phase != Cancelled || !strings.Contains(st.Note, "wrong tag") || st.Steps[1].State != StepCancelled || !strings.Contains(st.Steps[1].Line, "was stopped, as seen on h1") {
		t.Error(describe(st))
	}
	pid := strings.TrimSpace(w.read(t, "h1", "pid"))
	if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the job is alive: %s", stat)
	}
	w.unlocked(t, "h1")
	if c, err := o.Candidates(t.Context(), "web"); err != nil || len(c) != 1 || !c[0].Possible {
		t.Errorf("candidates %+v, %v", c, err)
	}
}

// TestTimeout ends a step that takes too long.
func TestTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	long := commandStep("long", "all", `sleep 1000`)
	long.Timeout = 1
	w.definition([]string{"h1"}, long)
	o := w.person(t, "anna", nil)
	st := o.wait(t, o.begin(t, Options{Yes: true}))
	if st.Phase != Failure || !strings.Contains(st.Note, "took longer than 1ns") {
		t.Error(describe(st))
	}
}

// TestPauseRetrySkip is told to a run from elsewhere on the hosts: by a colleague who sees it only there.
func TestColleagueOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	d := w.definition([]string{"h1", "h2"}, fileStep("conf", "all", "conf", "new"), deploy.Step{ID: "go", Kind: "approve", Settings: &deploy.Approve{}},
		gateStep("ok", "all", "flag"), fileStep("last", "all", "last", "x"))
	d.Lock.TTL = 1e9 // the colleague is heard with the heartbeat
	o, bob := w.person(t, "anna", nil), w.person(t, "bob", nil)
	run := o.begin(t, Options{})
	st := bob.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if st.Phase != AwaitingApproval || st.Who != "anna" {
		t.Fatal(describe(st))
	}
	if err := bob.Order(t.Context(), run, Order{Verb: "skip", Step: "ok", Host: "h1"}); err != nil {
		t.Fatal(err) // told, and refused where it is driven: there is no reason
	}
	if err := bob.Order(t.Context(), run, Order{Verb: "skip", Step: "ok", Host: "h1", Reason: "known"}); err != nil {
		t.Fatal(err)
	}
	o.until(t, run, func(st State) bool { return strings.Contains(st.Steps[2].Hosts[0].Note, "known (bob)") })
	if err := bob.Answer(t.Context(), run, st.Questions[0].ID, step.Answer{Yes: true}); err != nil {
		t.Fatal(err)
	}
	st = bob.until(t, run, func(st State) bool { return len(st.Questions) == 1 && st.Questions[0].Kind == "choose" })
	os.WriteFile(w.path("h2", "flag"), nil, 0o600)
	if err := bob.Order(t.Context(), run, Order{Verb: "retry", Step: "ok", Host: "h2"}); err != nil {
		t.Fatal(err)
	}
	st = o.wait(t, run)
	if st.Phase != Success || st.Steps[2].Hosts[0].State != StepSkipped || st.Steps[2].Hosts[1].Try != 2 {
		t.Error(describe(st))
	}
	if len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "a reason is needed") {
		t.Errorf("warnings %q", st.Warnings)
	}
}

// TestAdopt: a driver leaves; the state is interrupted for everybody, a colleague goes on, and the first one learns
// of it when he tries to.
func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	d := w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"), deploy.Step{ID: "go", Kind: "approve", Settings: &deploy.Approve{}}, fileStep("last", "all", "last", "x"))
	d.Lock.TTL = 1e9
	o, bob := w.person(t, "anna", nil), w.person(t, "bob", nil)
	run := o.begin(t, Options{})
	o.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if err := bob.Resume(t.Context(), run, Options{}); err == nil {
		t.Fatal("taken from a driver that is alive")
	}
	o.Close(t.Context())
	if st, _ := o.Show(t.Context(), run); st.Phase != Interrupted || st.Steps[1].State != StepUnknown {
		t.Errorf("left: %s", describe(st))
	}
	for err := bob.Resume(t.Context(), run, Options{Reason: "anna is at lunch"}); err != nil; err = bob.Resume(t.Context(), run, Options{}) {
	}
	st := bob.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if st.Who != "bob" {
		t.Error(describe(st))
	}
	again := New(o.p)
	if err := again.Resume(t.Context(), run, Options{}); err == nil {
		t.Error("driven by two")
	}
	if err := bob.Answer(t.Context(), run, st.Questions[0].ID, step.Answer{Yes: true}); err != nil {
		t.Fatal(err)
	}
	if st := bob.wait(t, run); st.Phase != Success || w.read(t, "h1", "last") != "x" {
		t.Error(describe(st))
	}
	w.unlocked(t, "h1")
}

// TestQueue: a run waits for a lock that is held, and says who holds it.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o, bob := w.person(t, "anna", nil), w.person(t, "bob", nil)
	if err := bob.TakeLock(t.Context(), "web", "migration by hand", false, nil); err != nil {
		t.Fatal(err)
	}
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil || !strings.Contains(strings.Join(p.Lock, ""), "by hand by bob") {
		t.Fatalf("%v %v", p.Lock, err)
	}
	if _, err := o.Start(t.Context(), p, Options{}); err == nil || !strings.Contains(err.Error(), "migration by hand") {
		t.Errorf("started: %v", err)
	}
	run, err := o.Start(t.Context(), p, Options{Queue: true})
	if err != nil {
		t.Fatal(err)
	}
	if st := o.until(t, run, func(st State) bool { return st.Phase == Queued }); !strings.Contains(st.Note, "bob") {
		t.Error(describe(st))
	}
	locks, err := o.Locks(t.Context())
	if err != nil || len(locks) != 1 || locks[0].State != "frozen" || locks[0].Mine || w.read(t, "h1", "conf") != "(none)" {
		t.Errorf("%+v %v", locks, err)
	}
	if err := bob.ReleaseLock(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if st := o.wait(t, run); st.Phase != Success {
		t.Error(describe(st))
	}
}

// TestQueueChanged: what was planned for is looked at again once the lock is free, and a plan that does not fit any
// more is not carried out. A way back waits and goes on like a deploy.
func TestQueueChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o, bob := w.person(t, "anna", nil), w.person(t, "bob", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	queued := func(p *Plan, change string) State {
		t.Helper()
		if err := bob.TakeLock(t.Context(), "web", "by hand", false, nil); err != nil {
			t.Fatal(err)
		}
		run, err := o.Start(t.Context(), p, Options{Queue: true})
		if err != nil {
			t.Fatal(err)
		}
		o.until(t, run, func(st State) bool { return st.Phase == Queued })
		if change != "" {
			if err := os.WriteFile(w.path("h1", "conf"), []byte(change), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := bob.ReleaseLock(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		st := o.wait(t, run)
		w.unlocked(t, "h1")
		return st
	}
	if st := queued(p, "by bob"); st.Phase != Failure || !strings.Contains(st.Note, "nothing was done: changed since the plan: conf on h1") {
		t.Error(describe(st))
	}
	if got := w.read(t, "h1", "conf"); got != "by bob" {
		t.Errorf("conf is %q", got)
	}
	if left, _ := filepath.Glob(w.path("h1", "midwatch/runs/*")); len(left) > 0 {
		t.Errorf("left on the host: %q", left)
	}
	if p, err = o.Plan(t.Context(), "web", Options{}); err != nil {
		t.Fatal(err)
	}
	forward := queued(p, "")
	if forward.Phase != Success || w.read(t, "h1", "conf") != "new" {
		t.Error(describe(forward))
	}
	back, err := o.PlanRollback(t.Context(), forward.ID, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if st := queued(back, ""); st.Phase != Success || w.read(t, "h1", "conf") != "by bob" {
		t.Error(describe(st))
	}
}

// TestResumeQueued: the console is closed while a run waits for its locks. Who resumes it has no plan but its
// fingerprint, and that has to fit.
func TestResumeQueued(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]Phase{"": Success, "by bob": Failure} {
		w := newWorld(t, "h1")
		w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
		o, bob := w.person(t, "anna", nil), w.person(t, "bob", nil)
		p, err := o.Plan(t.Context(), "web", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := bob.TakeLock(t.Context(), "web", "by hand", false, nil); err != nil {
			t.Fatal(err)
		}
		run, err := o.Start(t.Context(), p, Options{Queue: true})
		if err != nil {
			t.Fatal(err)
		}
		o.until(t, run, func(st State) bool { return st.Phase == Queued })
		o.Close(t.Context())
		if change != "" {
			if err := os.WriteFile(w.path("h1", "conf"), []byte(change), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := bob.ReleaseLock(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		again := w.person(t, "anna", nil)
		if err := again.Resume(t.Context(), run, Options{}); err != nil {
			t.Fatal(err)
		}
		if st := again.wait(t, run); st.Phase != want || want == Failure && !strings.Contains(st.Note, "nothing was done: changed since the plan") {
			t.Error(describe(st))
		}
		if got := w.read(t, "h1", "conf"); (got == "new") != (want == Success) {
			t.Errorf("conf is %q", got)
		}
		w.unlocked(t, "h1")
	}
}

// TestUndoTampered: an undo record that is not what the journal says is not followed.
func TestUndoTampered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	run := o.begin(t, Options{})
	if st := o.wait(t, run); st.Phase != Success {
		t.Fatal(describe(st))
	}
	name := w.path("h1", "midwatch/runs/"+run+"/undo/conf/undo.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(b, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := o.PlanRollback(t.Context(), run, Options{})
	if err != nil || len(back.Faults) != 1 || !strings.Contains(back.Faults[0], "is not what the journal says was recorded") {
		t.Errorf("faults %q, %v", back.Faults, err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if back, err = o.PlanRollback(t.Context(), run, Options{}); err != nil || len(back.Faults) > 0 {
		t.Errorf("faults %q, %v", back.Faults, err)
	}
}

// TestCancelWhileAsked: a run that waits for an operator can be cancelled.
func TestCancelWhileAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, gateStep("ok", "all", "flag"))
	o := w.person(t, "anna", nil)
	run := o.begin(t, Options{})
	o.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if err := o.Order(t.Context(), run, Order{Verb: "cancel"}); err != nil {
		t.Fatal(err)
	}
	if st := o.wait(t, run); st.Phase != Cancelled || len(st.Questions) != 0 {
		t.Error(describe(st))
	}
	w.unlocked(t, "h1")
}

// TestPlanWithoutAHost: a host that cannot be reached is a fault of the plan, and nothing is waited for.
func TestPlanWithoutAHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	wire := &cut{down: true}
	w.wrap = func(h string, c hosts.Conn) hosts.Conn {
		if h == "h1" {
			wire.Conn = c
			return wire
		}
		return c
	}
	w.definition([]string{"h1", "h2"}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil || len(p.Faults) != 1 || !strings.Contains(p.Faults[0], "conf on h1: h1: host not reached") {
		t.Fatalf("%q %v", p.Faults, err)
	}
	if _, err := o.Start(t.Context(), p, Options{}); !errors.Is(err, ErrFaults) {
		t.Errorf("started: %v", err)
	}
	p, err = o.Plan(t.Context(), "web", Options{Only: []string{"h2"}})
	if err != nil || len(p.Faults) != 0 {
		t.Errorf("without it: %q %v", p.Faults, err)
	}
}
