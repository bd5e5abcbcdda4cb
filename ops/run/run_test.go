package run

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/step"
)

// TestForwardAndBack runs a deploy with a group in batches and takes it back: everything is as before.
func TestForwardAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1", "h2")
	w.prod["h1"] = true
	os.WriteFile(w.path("h1", "conf"), []byte("old"), 0o644)
	os.WriteFile(w.path("h1", "runs"), []byte("old"), 0o644)
	cmd := commandStep("once", "all", `echo "did ${dir}" >>${dir}/count; echo v42`)
	cmd.Undo = deploy.UndoSpec{Mode: "command", Argv: []deploy.Text{"rm", "${dir}/count"}}
	restart := deploy.Step{ID: "restart", Kind: "container", Settings: &deploy.Container{Name: "${dir}"}}
	w.definition([]string{"h1", "h2"},
		fileStep("here", "", "here", "local"),
		cmd,
		deploy.Step{ID: "roll", Kind: "group", On: "all", Batch: deploy.Batch{Canary: 1}, Steps: []deploy.Step{
			fileStep("conf", "", "conf", "new ${once.last}"), restart, gateStep("ok", "", "conf"),
		}},
		deploy.Step{ID: "no", Kind: "gate", On: "all", When: "false", Settings: &deploy.Gate{Checks: []deploy.Probe{{}}}},
		deploy.Step{ID: "after", Kind: "gate", On: "all", Needs: []string{"no"}, Settings: &deploy.Gate{Checks: []deploy.Probe{{}}}},
	)
	o := w.person(t, "anna", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil || len(p.Faults) > 0 || strings.Join(p.TypeNames, " ") != "h1" || strings.Join(p.Lock, "") != "free" {
		t.Fatalf("plan %+v, %v", p, err)
	}
	if _, err := o.Start(t.Context(), p, Options{}); !errors.Is(err, ops.ErrConfirm) {
		t.Fatalf("started without the typed name: %v", err)
	}
	id, err := o.Start(t.Context(), p, Options{Typed: []string{"h1"}})
	if err != nil {
		t.Fatal(err)
	}
	st := o.wait(t, id)
	if st.Phase != Success {
		t.Fatal(describe(st))
	}
	want := "here=ok once=ok roll=ok roll.conf=ok roll.restart=ok roll.ok=ok_nochange no=skipped after=skipped"
	if got := phases(st); got != want {
		t.Errorf("steps %s\nwant  %s\n%s", got, want, describe(st))
	}
	for _, h := range []string{"h1", "h2"} {
		if got := w.read(t, h, "conf") + "|" + w.read(t, h, "runs") + "|" + w.read(t, h, "count"); got != "new v42|new v42|did "+w.hostDir(h)+"\n" {
			t.Errorf("%s: %q", h, got)
		}
	}
	w.unlocked(t, "h1", "h2")
	out, n, err := o.Output(t.Context(), id, "once", "h2", 0)
	if string(out) != "v42\n" || n != 4 || err != nil {
		t.Errorf("output %q %d %v", out, n, err)
	}
	over, err := o.Overview(t.Context())
	if err != nil || len(over) != 1 || over[0].Last.ID != id || over[0].Hosts[0].Run != id || over[0].Hosts[0].Skew != "ok" {
		t.Errorf("overview %+v, %v", over, err)
	}

	cands, err := o.Candidates(t.Context(), "web")
	if err != nil || len(cands) != 1 || !cands[0].Possible {
		t.Fatalf("candidates %+v, %v", cands, err)
	}
	back, err := o.PlanRollback(t.Context(), id, Options{})
	if err != nil || len(back.Faults) > 0 {
		t.Fatalf("%+v, %v", back, err)
	}
	opt := Options{Typed: []string{"h1"}, Bad: true}
	bid, err := o.Start(t.Context(), back, opt)
	if err != nil {
		t.Fatal(err)
	}
	bst := o.wait(t, bid)
	if bst.Phase != Success || bst.Parent != id || bst.Kind != "rollback" {
		t.Fatal(describe(bst))
	}
	for h, want := range map[string]string{"h1": "old|old|(none)", "h2": "(none)||(none)"} {
		if got := w.read(t, h, "conf") + "|" + w.read(t, h, "runs") + "|" + w.read(t, h, "count"); got != want {
			t.Errorf("%s: %q, want %q", h, got, want)
		}
	}
	if got := w.read(t, "local", "here"); got != "(none)" {
		t.Errorf("local file %q", got)
	}
	w.unlocked(t, "h1", "h2")
	if st, _ = o.Show(t.Context(), id); st.Phase != RolledBack || st.Bad == "" || !strings.Contains(phases(st), "roll.conf=undone") {
		t.Errorf("the run that was taken back: %s", describe(st))
	}
	// Everything of it is on the hosts too, for a colleague.
	for _, run := range []string{id, bid} {
		mine, _ := journal.Load(w.root + "/operators/anna/runs/" + run + "/journal.jsonl")
		for _, h := range []string{"h1", "h2"} {
			g, err := journal.Load(w.path(h, "midwatch/runs/"+run+"/journal.jsonl"))
			if err != nil || g.Fault != nil || len(g.Records) < len(mine.Records)-1 {
				t.Errorf("%s on %s: %d of %d records, %v %v", run, h, len(g.Records), len(mine.Records), g.Fault, err)
			}
		}
	}
	bob := w.person(t, "bob", nil)
	list, err := bob.List(t.Context(), []string{"h1", "h2"})
	if err != nil || len(list) != 2 || list[0].ID != bid || list[1].Phase != RolledBack {
		t.Errorf("a colleague sees %d runs, %v", len(list), err)
	}
	if seen, err := bob.Show(t.Context(), bid); err != nil || seen.Phase != Success || len(seen.Steps) != len(bst.Steps) {
		t.Errorf("a colleague sees %s, %v", describe(seen), err)
	}
}

func phases(st State) string {
	var out []string
	for _, s := range st.Steps {
		out = append(out, s.ID+"="+string(s.State))
	}
	return strings.Join(out, " ")
}

// TestChangedSincePlan: somebody changes what the plan saw.
func TestChangedSincePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(w.path("h1", "conf"), []byte("another"), 0o644)
	if _, err := o.Start(t.Context(), p, Options{}); !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "conf on h1") {
		t.Errorf("%v", err)
	}
	if list, _ := o.List(t.Context(), nil); len(list) != 0 || w.read(t, "h1", "conf") != "another" {
		t.Errorf("%d runs, conf %q", len(list), w.read(t, "h1", "conf"))
	}
	w.unlocked(t, "h1")
}

// TestGateFailure goes through every answer to a step that failed.
func TestGateFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, onFailure, answer string
		yes                     bool
		phase, parent           Phase
		conf                    string
	}{
		{name: "stop", answer: choiceStop, phase: Failure, conf: "new"},
		{name: "roll back", answer: choiceRollback, phase: RolledBack, conf: "(none)"},
		{name: "skip", answer: choiceSkip, phase: Success, conf: "new"},
		{name: "retry", answer: choiceRetry, phase: Success, conf: "new"},
		{name: "nobody there", yes: true, phase: Failure, conf: "new"},
		{name: "definition says stop", onFailure: "stop", phase: Failure, conf: "new"},
		{name: "definition says rollback", onFailure: "rollback", phase: RolledBack, conf: "(none)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "h1", "h2")
			d := w.definition([]string{"h1", "h2"}, fileStep("conf", "all", "conf", "new"), gateStep("ok", "all", "flag"), fileStep("last", "all", "last", "x"))
			if c.onFailure != "" {
				d.OnFailure = c.onFailure
			}
			o := w.person(t, "anna", nil)
			id := o.begin(t, Options{Yes: c.yes})
			if c.answer != "" {
				for _, host := range []string{"h1", "h2"} {
					st := o.until(t, id, func(st State) bool { return len(st.Questions) > 0 && strings.Contains(st.Questions[0].Text, host) })
					if st.Phase != AwaitingApproval {
						t.Errorf("while it asks: %s", describe(st))
					}
					if c.answer == choiceRetry {
						os.WriteFile(w.path(host, "flag"), nil, 0o644)
					}
					a := step.Answer{Choice: c.answer, Comment: "known trouble"}
					if err := o.Answer(t.Context(), id, st.Questions[0].ID, a); err != nil {
						t.Fatal(err)
					}
					if c.answer == choiceStop || c.answer == choiceRollback {
						break
					}
				}
			}
			st := o.wait(t, id)
			if c.phase == RolledBack {
				for st.Phase == Failure || st.Phase == RollingBack {
					st, _ = o.Show(t.Context(), id)
				}
				back := func(x State) bool { return x.Parent == id && x.Phase.Ended() && o.driver(x.ID) == nil }
				for list, _ := o.List(t.Context(), nil); !slices.ContainsFunc(list, back); list, _ = o.List(t.Context(), nil) {
				}
			}
			if st.Phase != c.phase {
				t.Errorf("%s", describe(st))
			}
			if got := w.read(t, "h1", "conf"); got != c.conf {
				t.Errorf("conf %q, want %q", got, c.conf)
			}
			if st.Phase == Success != (w.read(t, "h2", "last") == "x") {
				t.Errorf("last %q", w.read(t, "h2", "last"))
			}
			if st.Phase == Failure && !strings.Contains(st.Note, "flag is missing") {
				t.Errorf("note %q", st.Note)
			}
			w.unlocked(t, "h1", "h2")
		})
	}
}

// TestLease: without one, no order reaches a host; reading does.
func TestNoLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"))
	o := w.person(t, "anna", nil)
	p, err := o.Plan(t.Context(), "web", Options{})
	if err != nil {
		t.Fatal(err)
	}
	o.gate.Lock()
	if _, err := o.Start(t.Context(), p, Options{}); !errors.Is(err, hosts.ErrReadOnly) {
		t.Errorf("start: %v", err)
	}
	if err := o.TakeLock(t.Context(), "web", "why", true, nil); !errors.Is(err, hosts.ErrReadOnly) {
		t.Errorf("lock: %v", err)
	}
	if _, err := os.Stat(w.path("h1", "midwatch")); err == nil {
		t.Error("something was left on the host")
	}
}

// TestWayBackNotBegun: what somebody changed since stands against taking a run back by itself; whoever reads the
// run learns why it stayed.
func TestWayBackNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	d := w.definition([]string{"h1"}, fileStep("conf", "all", "conf", "new"), gateStep("ok", "all", "flag"))
	d.OnFailure = "rollback"
	o := w.person(t, "anna", func(p *Params) {
		p.OnRecord = func(written bool, r Record) {
			if written && r.K == KindIntent && r.Step == "ok" {
				_ = os.WriteFile(w.path("h1", "conf"), []byte("somebody else's"), 0o644)
			}
		}
	})
	id := o.begin(t, Options{})
	st := o.wait(t, id)
	for range 200 {
		if st, _ = o.Show(t.Context(), id); strings.Contains(st.Note, "not taken back by itself") {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if st.Phase != Failure || !strings.Contains(st.Note, "flag is missing") || !strings.Contains(st.Note, "not taken back by itself: ") {
		t.Errorf("%s", describe(st))
	}
	if got := w.read(t, "h1", "conf"); got != "somebody else's" {
		t.Errorf("conf %q", got)
	}
	w.unlocked(t, "h1")
}

// TestIDsSortByTime: a run and the way back that follows it by itself may begin within one second.
func TestIDsSortByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &Runs{p: Params{Now: func() time.Time { return at }}}
	last := ""
	for range 3000 {
		id := r.newID()
		if id <= last || len(id) != len("20260102-030405-abcdef") {
			t.Fatalf("%q after %q", id, last)
		}
		last, at = id, at.Add(time.Millisecond)
	}
}
