package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts/inventory"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/run"
	"midwatch/ops/step"
)

// planned is a plan with every kind of line in it.
func planned() *run.Plan {
	return &run.Plan{
		Deploy: &deploy.Definition{Name: "hub", Env: "production", About: "the hub", File: "deploys/hub.toml"}, Kind: "deploy",
		Fingerprint: "0123456789abcdef0123", Hosts: []string{"web1", "web2"}, TypeNames: []string{"web1"}, Consent: []string{"sync on web1: 30 files are deleted"},
		Steps: []run.PlanStep{
			{ID: "test", Kind: "command", Phase: "Prepare", Hosts: []run.PlanHost{{Change: step.Change{Unknown: true}}}},
			{ID: "sync", Kind: "sync", Phase: "Prepare", Hosts: []run.PlanHost{
				{Host: "web1", Change: step.Change{Lines: []string{"~ 14 files (3 deleted), 1.2 MiB"}, Back: step.BackReversible, BackLines: []string{"14 files from the backup"}}},
				{Host: "web2", Err: "not reached\x1b[2J"},
			}},
			{ID: "roll", Kind: "group", Phase: "Switch", Hosts: []run.PlanHost{{Host: "web1"}}},
			{ID: "roll.swap", Group: "roll", Kind: "swap", Phase: "Switch", NoReturn: true, Gate: true, Hosts: []run.PlanHost{
				{Host: "web1", Change: step.Change{Nothing: true, Back: step.BackManual, BackLines: []string{"ask Ann"}}},
			}},
			{ID: "tidy", Kind: "retain", Skip: "when is no"},
		},
	}
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	got := planText(planned(), 90)
	want := `hub in production
the hub

STEP    HOST  FORWARD                                BACK
── Prepare
test    here  ? effect unknown (command)             -
sync    web1  ~ 14 files (3 deleted), 1.2 MiB        14 files from the backup
        web2  cannot be told: not reached            -
── Switch
roll          one host after the other:
── point of no return: what comes after has effects that an undo does not take back ──
  swap  web1  nothing to change                      by hand: ask Ann
              gate: a failure ends the run here
tidy          not run: when is no

to agree to: sync on web1: 30 files are deleted
production: web1
plan 0123456789abcdef
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, width := range []int{60, 200} {
		for l := range strings.SplitSeq(planText(planned(), width), "\n") {
			if n := len([]rune(l)); n > max(width, 90) {
				t.Errorf("%d cells at %d: %q", n, width, l)
			}
		}
	}
	if code := codeOf(planCode(planned())); code != exitIncomplete {
		t.Errorf("a host that was not read: exit %d", code)
	}
}

func TestAgree(t *testing.T) {
	t.Parallel()
	inv, faults := inventory.Parse("hosts.toml", []byte("[hosts.web1]\naddress = \"a\"\nenvironment = \"production\"\n[hosts.web2]\naddress = \"b\"\nenvironment = \"staging\"\n[runs]\nyes = [\"staging\"]\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	s := &session{world: &world{Inventory: inv}}
	tests := map[string]struct {
		plan run.Plan
		env  string
		g    agreement
		want string // in the error; "" agrees
	}{
		"nobody to ask":         {run.Plan{}, "staging", agreement{reason: "x"}, "nobody can be asked here"},
		"allowed":               {run.Plan{Hosts: []string{"web2"}}, "staging", agreement{yes: true, reason: "x"}, ""},
		"another environment":   {run.Plan{Hosts: []string{"web2"}}, "production", agreement{yes: true, reason: "x"}, `--yes is not allowed in production: want [runs] yes = ["production"] in hosts.toml`},
		"a host of production":  {run.Plan{Hosts: []string{"web1"}}, "staging", agreement{yes: true, reason: "x"}, "--yes is not allowed on web1, which is in production"},
		"no reason":             {run.Plan{Hosts: []string{"web2"}}, "staging", agreement{yes: true, reason: " "}, "give --reason"},
		"a name is not given":   {run.Plan{TypeNames: []string{"web1"}}, "staging", agreement{yes: true, reason: "x"}, "give --confirm web1"},
		"a name is given":       {run.Plan{TypeNames: []string{"web1"}}, "staging", agreement{yes: true, reason: "x", confirm: []string{"web1"}}, ""},
		"a schema is crossed":   {run.Plan{TypeWord: "44"}, "staging", agreement{yes: true, reason: "x"}, "give --word 44"},
		"what cannot be run":    {run.Plan{Faults: []string{"a host is gone"}}, "staging", agreement{yes: true, reason: "x"}, "cannot be run: a host is gone"},
		"the word is the wrong": {run.Plan{TypeWord: "44"}, "staging", agreement{yes: true, reason: "x", word: "43"}, "give --word 44"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, _ := newTestApp(t)
			var o run.Options
			err := a.agree(t.Context(), s, &tc.plan, tc.env, tc.g, &o)
			switch {
			case tc.want == "" && (err != nil || !o.Yes || !o.Consent || o.Reason != "x"):
				t.Errorf("%v %+v", err, o)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// scripted is a run that goes through states.
type scripted struct {
	run.Service
	states []run.State
	output string
}

func (s *scripted) Next(_ context.Context, _ string, gen uint64) (run.State, uint64, error) {
	if int(gen) >= len(s.states) {
		return run.State{}, gen, errors.New("nothing after the end")
	}
	return s.states[gen], gen + 1, nil
}

func (s *scripted) List(context.Context, []string) ([]run.State, error) { return nil, nil }

func (s *scripted) Output(context.Context, string, string, string, int64) ([]byte, int64, error) {
	return []byte(s.output), int64(len(s.output)), nil
}

func TestFollow(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 2, 0, 0, 0, time.Local)
	one := func(phase run.Phase, hosts ...run.HostState) run.State {
		return run.State{ID: "r1", Phase: phase, Started: at, Steps: []run.StepState{{ID: "up", Hosts: hosts}, {ID: "off", State: run.StepSkipped, Line: "when is no"}}}
	}
	failed := one(run.Failure, run.HostState{Host: "web1", State: run.StepFailed, Line: "exit 3\x1b[2J", Started: at, Ended: at.Add(5 * time.Second)}, run.HostState{State: run.StepOK, Line: "done"})
	failed.Note, failed.Ended = "gate up failed", at.Add(9*time.Second)
	svc := &scripted{output: "one\ntwo\x1b]0;x\a\n", states: []run.State{
		one(run.Active, run.HostState{Host: "web1", State: run.StepPending}, run.HostState{State: run.StepPending}),
		one(run.Active, run.HostState{Host: "web1", State: run.StepWaiting, Note: "draining 00:01 / 00:30"}, run.HostState{State: run.StepPending}),
		one(run.Active, run.HostState{Host: "web1", State: run.StepWaiting, Note: "draining 00:02 / 00:30"}, run.HostState{State: run.StepRunning}),
		one(run.Active, run.HostState{Host: "web1", State: run.StepRunning, Try: 2}, run.HostState{State: run.StepRunning}),
		failed,
	}}
	svc.states[2].Questions = []run.OpenQuestion{{ID: "q1", Step: "up", Question: step.Question{Text: "cut the calls?"}}}
	svc.states[3].Questions = svc.states[2].Questions
	a, stdout, stderr := newTestApp(t)
	a.now = func() time.Time { return at }
	err := a.follow(t.Context(), &session{world: &world{ctx: t.Context()}, svc: svc}, "r1", true)
	if codeOf(err) != exitFindings {
		t.Errorf("exit of a failed run: %v", err)
	}
	want := `run r1
02:00:00  running
02:00:00  off  skipped  when is no
02:00:00  up  web1  waiting  draining 00:01 / 00:30
02:00:00  up  here  running
02:00:00  up  web1  running (try 2)
02:00:00  failure, gate up failed
02:00:00  up  web1  failed  exit 3  (5s)
02:00:00  up  here  ok  done
── output of up on web1
   one
   two
run r1: failure, gate up failed after 9s
the way back: midwatch rollback r1 --plan
`
	if diff := cmp.Diff(want, stdout()); diff != "" {
		t.Error(diff)
	}
	// Nobody can answer here; that it waits is said once.
	if got := stderr(); got != "midwatch: r1 waits for an answer: cut the calls?\n" {
		t.Errorf("%q", got)
	}
}

func TestExitOfRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind  string
		phase run.Phase
		want  exitCode
	}{
		{"deploy", run.Success, exitOK},
		{"deploy", run.Failure, exitFindings},
		{"deploy", run.Cancelled, exitFindings},
		{"deploy", run.RolledBack, exitFindings},
		{"rollback", run.RolledBack, exitOK},
		{"rollback", run.Success, exitOK},
		{"rollback", run.RollbackFailed, exitFindings},
	} {
		a, _, _ := newTestApp(t)
		svc := &scripted{states: []run.State{{ID: "r", Kind: tc.kind, Phase: tc.phase}}}
		if got := codeOf(a.follow(t.Context(), &session{world: &world{ctx: t.Context()}, svc: svc}, "r", false)); got != tc.want {
			t.Errorf("%s %s: exit %d, want %d", tc.kind, tc.phase, got, tc.want)
		}
	}
}

// With --json the records of the journal are printed, all of them and each once.
func TestFollowJSON(t *testing.T) {
	t.Parallel()
	a, stdout, stderr := newTestApp(t)
	a.flags.json = true
	dir, err := a.runsDir()
	if err != nil {
		t.Fatal(err)
	}
	j, _, err := journal.Open(filepath.Join(dir, "r1", journalFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{run.KindOpen, run.KindIntent, run.KindResult, run.KindClose} {
		if _, err := j.Append(journal.Record{T: a.now(), Run: "r1", K: k, Step: "<up>"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	svc := &scripted{states: []run.State{{ID: "r1", Phase: run.Active}, {ID: "r1", Phase: run.Success}}}
	if err := a.follow(t.Context(), &session{world: &world{ctx: t.Context()}, svc: svc}, "r1", true); err != nil {
		t.Fatal(err, stderr())
	}
	lines := strings.Split(strings.TrimSpace(stdout()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], `"k":"run.open"`) || !strings.Contains(lines[3], `"k":"run.close"`) || !strings.Contains(lines[3], `"step":"<up>"`) {
		t.Errorf("%s", stdout())
	}
}

func TestVerifyRuns(t *testing.T) {
	t.Parallel()
	a, _, _ := newTestApp(t)
	dir, err := a.runsDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"forged", "torn", "whole"} {
		path := filepath.Join(dir, id, journalFile)
		j, _, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{run.KindOpen, run.KindNote, run.KindClose} {
			if _, err := j.Append(journal.Record{T: a.now(), Run: id, K: k}); err != nil {
				t.Fatal(err)
			}
		}
		_ = j.Close()
		b, _ := os.ReadFile(path)
		switch id {
		case "forged": // a line is taken out
			lines := strings.SplitAfter(string(b), "\n")
			b = []byte(lines[0] + lines[2])
		case "torn":
			b = append(b, `{"v":1,"seq":4,`...)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "others"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := verifyRuns(dir)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	if got[0].Fault == "" || got[1].Fault != "" || !got[1].Torn || got[2].Fault != "" || got[2].Torn || got[2].Records != 3 || got[2].Head == "" {
		t.Errorf("%+v", got)
	}
	if got, err := verifyRuns(filepath.Join(dir, "nothing")); err != nil || len(got) != 0 {
		t.Errorf("no runs: %v %v", got, err)
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	s := run.Scope{
		Run: "r", Host: "b", Outputs: map[string]map[string]map[string]string{"roll.up": {"id": {"b": "2", "a": "1"}}},
		Hosts: map[string][]string{"t": {"a", "b"}},
	}
	d := &definitions{}
	got, err := d.expand(&deploy.Command{Argv: []deploy.Text{"${steps.up.outputs.id}", "${first(steps.roll.up.outputs.id)}", "${run.id}"}}, s)
	if err != nil || cmp.Diff([]deploy.Text{"2", "1", "r"}, got.(*deploy.Command).Argv) != "" {
		t.Errorf("%v %v", got, err)
	}
	def, faults := deploy.Parse("x.toml", []byte("name = \"x\"\nenv = \"s\"\n[vars]\na = \"\"\n[[step]]\nid = \"s\"\nkind = \"command\"\nlocal = true\nargv = [\"${vars.a}\"]\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d.seen = append(d.seen, def)
	if _, err := d.expand(def.Steps[0].Settings, s); err == nil || !strings.HasPrefix(err.Error(), "x.toml:9: ") {
		t.Errorf("what is not defined is told with its line: %v", err)
	}
	if q := rshQuote("/a b/c"); q != "'/a b/c'" {
		t.Error(q)
	}
	if q := rshQuote("/it's"); q != `"/it's"` {
		t.Error(q)
	}
}
