package runs

import (
	"errors"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/step"
)

func definition() *deploy.Definition {
	return &deploy.Definition{
		File: "~/.config/midwatch/deploys/cortex-hub.toml", Name: "cortex-hub", Env: "production", About: "Workspace to prod host, image built there, edge route checked",
		Targets: map[string]deploy.Target{"hub": {Name: "hub", Hosts: []string{"prod-113"}}, "edge": {Name: "edge", Groups: []string{"edges"}}},
		Secrets: map[string]deploy.SecretSource{"api": {Name: "api", From: "env"}},
		Steps: []deploy.Step{
			{ID: "preflight", Kind: "check", On: "hub"},
			{ID: "sync", Kind: "sync", On: "hub", Title: "copy the workspace"},
			{ID: "roll", Kind: "group", On: "edge", Steps: []deploy.Step{{ID: "drain", Kind: "drain", On: "edge"}, {ID: "up", Kind: "systemd", On: "edge", Gate: true}}},
			{ID: "tell", Kind: "notify", Local: true},
		},
	}
}

func overview() []run.Overview {
	last := finished(run.Success)
	return []run.Overview{
		{
			Name: "cortex-hub", Env: "production", Last: &last,
			Hosts: []run.HostVersion{
				{Host: "prod-113", Release: "2026-11-28-7f31c", Wanted: "2026-11-28-7f31c", Run: "r-0042", At: ago(3 * time.Hour), Skew: "ok", Detail: []string{"ai_unified_frontend: sha256:97c39 since 00:12"}},
				{Host: "edge-90", Release: "2026-11-27-1aa02", Wanted: "2026-11-28-7f31c", Run: "r-0039", At: ago(28 * time.Hour), Skew: "behind"},
				{Host: "stage-1", Err: "dial 10.0.0.9:22: no route to host"},
			},
			Lock: &run.LockState{Deploy: "cortex-hub", Host: "prod-113", Run: "r-0041", Owner: "anna@laptop", Reason: "INC-6", Since: 40 * time.Minute, Beat: 22 * time.Minute, State: "stale"},
		},
		{Name: "legacy", Env: "staging", Hosts: []run.HostVersion{{Host: "stage-1", Release: "v1", Skew: "ok"}}},
	}
}

func finished(p run.Phase) run.State {
	return run.State{
		ID: "r-0042", Deploy: "cortex-hub", Env: "production", Kind: "deploy", Phase: p, Who: "anna", From: "laptop", Reason: "INC-6",
		Started: ago(3 * time.Hour), Ended: ago(3*time.Hour - 4*time.Minute), Hosts: []string{"prod-113", "edge-90"},
		Steps: []run.StepState{
			{ID: "sync", Kind: "sync", Title: "copy the workspace", State: run.StepOK, Line: "14 files", Started: ago(3 * time.Hour), Ended: ago(3*time.Hour - 20*time.Second)},
			{ID: "up", Kind: "compose", State: run.StepOK, Line: "4 services run", Started: ago(3*time.Hour - 20*time.Second), Ended: ago(3*time.Hour - 4*time.Minute)},
		},
	}
}

// going is a run in the middle of its work on two hosts.
func going() run.State {
	return run.State{
		ID: "r-0043", Deploy: "cortex-hub", Env: "production", Kind: "deploy", Phase: run.Active, Who: "ben", From: "nightdesk", Reason: "INC-7", Plan: "8f3a2c",
		File: "cortex-hub.toml", Started: ago(97 * time.Second), Beat: ago(time.Second), Hosts: []string{"prod-113", "edge-90"}, Records: 31,
		Steps: []run.StepState{
			{
				ID: "preflight", Kind: "check", Phase: "Prepare", State: run.StepOK, Line: "docker 27, 41 GiB free", Started: ago(97 * time.Second), Ended: ago(94 * time.Second), Usual: 4 * time.Second,
				Hosts: []run.HostState{{Host: "prod-113", State: run.StepOK, Line: "docker 27, 41 GiB free", Started: ago(97 * time.Second), Ended: ago(94 * time.Second)}},
			},
			{
				ID: "sync", Kind: "sync", Title: "copy the workspace", Phase: "Prepare", State: run.StepRunning, Started: ago(42 * time.Second), Usual: 30 * time.Second, Way: step.BackReversible,
				Undo: []string{"14 files copied back"},
				Hosts: []run.HostState{
					{Host: "prod-113", State: run.StepRunning, Note: "sending", Started: ago(42 * time.Second), Done: 31 << 20, Total: 64 << 20},
					{Host: "edge-90", State: run.StepOK, Line: "14 files, 3 deleted", Started: ago(42 * time.Second), Ended: ago(12 * time.Second)},
				},
			},
			{ID: "go", Kind: "approve", Phase: "Switch", State: run.StepPending},
			{
				ID: "up", Kind: "compose", Title: "start the new images", Phase: "Switch", Gate: true, NoReturn: true, State: run.StepPending, Usual: 80 * time.Second, Way: step.BackCompensating,
				Undo: []string{"images pinned to the recorded ids", "up --no-build"}, Hosts: []run.HostState{{Host: "prod-113", State: run.StepPending}, {Host: "edge-90", State: run.StepPending}},
			},
			{ID: "verify", Kind: "verify", Phase: "Verify", State: run.StepPending},
		},
	}
}

// asking waits for an approval and a tick.
func asking() run.State {
	st := going()
	st.Phase = run.AwaitingApproval
	st.Steps[1].State, st.Steps[1].Line, st.Steps[1].Ended = run.StepOK, "28 files", ago(5*time.Second)
	st.Steps[1].Hosts[0] = run.HostState{Host: "prod-113", State: run.StepOK, Line: "14 files", Started: ago(42 * time.Second), Ended: ago(5 * time.Second)}
	st.Steps[2].State, st.Steps[2].Started, st.Steps[2].Line = run.StepWaiting, ago(5*time.Second), "waits for an approval"
	st.Questions = []run.OpenQuestion{
		{ID: "q1", Step: "go", Question: step.Question{Kind: "approve", Text: "switch to the new images?", Lines: []string{"plan 8f3a2c", "28 files differ", "no health check has failed"}, Comment: true}, Asked: ago(5 * time.Second), Until: ago(0).Add(29 * time.Minute)},
		{ID: "q2", Step: "go", Host: "edge-90", Question: step.Question{Kind: "choose", Text: "who drains the edge?", Choices: []string{"force", "skip"}}, Asked: ago(4 * time.Second)},
	}
	return st
}

// failedRun is a run whose gate was not passed.
func failedRun() run.State {
	st := going()
	st.Phase, st.Note, st.Ended = run.Failure, "gate up was not passed", ago(0)
	st.Steps[1] = finished(run.Success).Steps[0]
	st.Steps[2].State = run.StepOK
	st.Steps[3].State, st.Steps[3].Line, st.Steps[3].Started, st.Steps[3].Ended = run.StepFailed, "prod-113: api exited 1 after 5 s", ago(30*time.Second), ago(0)
	st.Steps[3].Hosts = []run.HostState{
		{Host: "prod-113", State: run.StepFailed, Line: "api exited 1 after 5 s: no such column", Try: 2, Started: ago(30 * time.Second), Ended: ago(0)},
		{Host: "edge-90", State: run.StepUnknown, Line: "begun, and nobody knows how it ended"},
	}
	return st
}

func interrupted() run.State {
	st := going()
	st.Phase, st.Note, st.Beat = run.Interrupted, "no sign of ben@nightdesk for 4m", ago(4*time.Minute)
	st.Steps[1].State = run.StepUnknown
	st.Steps[1].Hosts[0].State = run.StepUnknown
	return st
}

func thePlan() *run.Plan {
	return &run.Plan{
		Deploy: definition(), Kind: "deploy", Made: ago(4 * time.Second), Fingerprint: "8f3a2c77aa01", Hosts: []string{"prod-113", "edge-90"}, Lock: []string{"free"},
		Warnings:  []string{"edge-90: clock is 4 s behind"},
		Consent:   []string{"sync deletes 26 files on prod-113", "units were changed by hand since the last run"},
		TypeNames: []string{"prod-113", "edge-90"},
		Steps: []run.PlanStep{
			{ID: "preflight", Kind: "check", Phase: "Prepare", Usual: 4 * time.Second, Hosts: []run.PlanHost{{Host: "prod-113", Change: step.Change{Nothing: true}}}},
			{ID: "sync", Kind: "sync", Title: "copy the workspace", Phase: "Prepare", Hosts: []run.PlanHost{
				{Host: "prod-113", Change: step.Change{
					Lines: []string{"~ 14 files (3 deleted)"}, Back: step.BackReversible, BackLines: []string{"copy 14 files back", "delete 2 created files"}, Takes: 28 * time.Second,
					Asks: []string{"26 files are deleted"}, Detail: []step.Detail{{Title: "nginx.conf", Diff: true, Text: "@@ -1,3 +1,3 @@\n server {\n-\tlisten 80;\n+\tlisten 8080;\n }"}},
				}},
				{Host: "edge-90", Err: "rsync: connection reset"},
			}},
			{ID: "build", Kind: "command", Phase: "Switch", Hosts: []run.PlanHost{{Host: "prod-113", Change: step.Change{Unknown: true, Lines: []string{"make image"}, Back: step.BackManual, BackLines: []string{"rebuild by hand"}}}}},
			{ID: "migrate", Kind: "migrate", Phase: "Switch", NoReturn: true, Gate: true, Hosts: []run.PlanHost{{Host: "prod-113", Change: step.Change{Lines: []string{"schema 41 → 44"}, Back: step.BackIrreversible}}}},
			{ID: "tell", Kind: "notify", Skip: "when is false"},
		},
	}
}

func candidates() []run.Candidate {
	a, b, c := finished(run.Success), finished(run.Failure), finished(run.Success)
	b.ID, b.Started = "r-0040", ago(26*time.Hour)
	c.ID, c.Started = "r-0031", ago(200*time.Hour)
	return []run.Candidate{
		{Run: a, Possible: true, Changes: []string{"prod-113: image 7f31c → 1aa02", "edge-90: 14 files back"}, Risk: "restarts 4 services", Takes: 70 * time.Second},
		{Run: b, Possible: true, Why: "edge-90: not reached", Changes: []string{"prod-113: image 1aa02 → 0e771"}, Risk: "crosses schema 41", Bad: true},
		{Run: c, Why: "release 0b1 was removed by retain"},
	}
}

func history() []run.State {
	a, b, c := going(), finished(run.Failure), finished(run.RolledBack)
	b.ID, b.Note = "r-0041", "gate up was not passed"
	c.ID, c.Kind, c.Parent, c.Bad, c.Started = "r-0040", "rollback", "r-0039", "2026-11-27-1aa02", ago(28*time.Hour)
	c.Ended = c.Started.Add(time.Minute)
	return []run.State{a, b, c}
}

func brokenFiles() error {
	return errors.Join(errors.New("shop.toml:12: unknown key \"stepp\""), errors.New("shop.toml:19: step up: no kind \"kompose\""))
}
