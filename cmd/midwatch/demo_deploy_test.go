package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/run"
	"midwatch/ops/step"
)

// ending drives a plan to its end; whatever it asks is agreed to.
func ending(t *testing.T, s *session, plan *run.Plan) run.State {
	t.Helper()
	if len(plan.Faults) > 0 {
		t.Fatalf("%s cannot be run: %q", plan.Kind, plan.Faults)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	id, err := s.svc.Start(ctx, plan, run.Options{Consent: true, Reason: "test", Word: plan.TypeWord, Typed: plan.TypeNames})
	if err != nil {
		t.Fatal(err)
	}
	answered := map[string]bool{}
	for gen := uint64(0); ; {
		st, next, err := s.svc.Next(ctx, id, gen)
		if err != nil {
			t.Fatalf("%v\n%s", err, runText(&st))
		}
		gen = next
		for _, q := range st.Questions {
			if answered[q.ID] {
				continue
			}
			answered[q.ID] = true
			if err := s.svc.Answer(ctx, id, q.ID, step.Answer{Yes: true, Comment: "seen", Who: "test"}); err != nil {
				t.Fatal(err)
			}
		}
		if st.Phase.Ended() {
			return st
		}
	}
}

// The deploys of the demo run on its hosts through SSH as anywhere, mend what they say, and can be taken back.
func TestDeploysOfTheDemo(t *testing.T) {
	t.Parallel()
	const env = "/home/coder/project/cortex-hub/deployment/jerxie-prod/.env"
	capacity := []string{"curl", "-s", "--unix-socket", "/run/cxb/core-4.sock", "http://x/health/fleet"}
	for name, c := range map[string]struct {
		world, host    string
		look           []string
		before, after  string // what look says
		taken          string // after the way back
		steps, backTo  int
		asks, mistaken string
	}{
		"cxb-capacity":  {world: "cxb", host: "cxb-fleet-2", look: capacity, before: `"capacity":5`, after: `"capacity":4`, taken: `"capacity":5`, steps: 9, backTo: 5, asks: "Restart the others?"},
		"cortex-login":  {world: "cortex", host: "prod-113", look: []string{"cat", env}, before: "SUPER_ADMINS", after: "OIDC_CLIENT_ID=cortex-server", taken: "SUPER_ADMINS", steps: 6, backTo: 2, mistaken: "OIDC_CLIENT_ID"},
		"cortex-agents": {world: "cortex", host: "vm-agent-2", look: []string{"systemctl", "is-active", "cortex-agent.service"}, before: "active", after: "active", taken: "active", steps: 4, backTo: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _, _ := newTestApp(t)
			a.demoWish = demoFlags{worlds: []string{c.world}, calm: true}
			t.Cleanup(func() {
				for _, x := range slices.Backward(a.closers) {
					_ = x.Close()
				}
			})
			inv, err := a.inventory()
			if err != nil {
				t.Fatal(err)
			}
			w, err := a.open(t.Context(), inv, opening{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			if err := a.operate(t.Context(), w, nil); err != nil {
				t.Fatal(err)
			}
			s := &session{world: w, svc: w.Runs}
			if _, err := w.Ops.Unlock("test", ops.MaxLease); err != nil {
				t.Fatal(err)
			}
			says := func(want, not string) {
				t.Helper()
				conn, err := w.conn(c.host)
				if err != nil {
					t.Fatal(err)
				}
				res, err := conn.Run(t.Context(), hosts.Cmd{Argv: c.look, Sudo: true, Timeout: time.Minute})
				if got := string(res.Stdout); err != nil || !strings.Contains(got, want) || not != "" && strings.Contains(got, not) {
					t.Errorf("%s says %q (%v), want %q", c.host, got, err, want)
				}
			}
			says(c.before, c.mistaken)
			for n := 1; c.world == "cxb" && n <= 4; n++ { // a call that runs lasts up to two minutes
				h := a.demoNow.fleet.Host(c.host)
				h.Site.Lock()
				h.Unit(fmt.Sprintf("cxbcore@%d.service", n)).Spec.Drain = 2 * time.Second
				h.Site.Unlock()
			}
			plan, err := s.svc.Plan(t.Context(), name, run.Options{})
			if err != nil {
				t.Fatal(err)
			}
			st := ending(t, s, plan)
			if st.Phase != run.Success || len(st.Steps) < c.steps {
				t.Fatalf("%s", runText(&st))
			}
			says(c.after, "")
			back, err := s.svc.PlanRollback(t.Context(), st.ID, run.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(back.Consent) > 0 || len(back.Steps) < c.backTo {
				t.Errorf("the way back: %q, %d steps", back.Consent, len(back.Steps))
			}
			if st = ending(t, s, back); st.Phase != run.Success && st.Phase != run.RolledBack {
				t.Fatalf("%s", runText(&st))
			}
			says(c.taken, c.mistaken)
			if list, err := s.svc.List(t.Context(), nil); err != nil || len(list) != 2 {
				t.Errorf("%d runs, %v", len(list), err)
			}
			if _, err := s.svc.Plan(t.Context(), "none", run.Options{}); err == nil || errors.Is(err, context.Canceled) {
				t.Errorf("a deploy that is not there: %v", err)
			}
		})
	}
}
