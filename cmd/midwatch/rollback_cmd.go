package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/ops/run"
)

type rollbackFlags struct {
	plan         bool
	hosts, steps []string
	bad          bool
	queue        bool
	takeover     bool
	agreement
}

func (a *app) rollbackCommand() *cobra.Command {
	var f rollbackFlags
	cmd := &cobra.Command{
		Use:   "rollback [RUN]",
		Short: "Take a run back, with the difference shown first",
		Long: `Take back what a run did, from the records it left on the hosts: whole, or by host and step. Without a
RUN the runs that can be taken back are listed, newest first, with why others cannot be.

The plan shows what would change, what somebody else has changed since, and what has to be agreed to. A
rollback is a run of its own.

The exit code is 1 when the rollback failed, 3 when a host could not be read for the plan.`,
		Example: `midwatch rollback
midwatch rollback 20261129-2106-hub-4f2a --plan
midwatch rollback 20261129-2106-hub-4f2a --host web-1 --reason "canary is slow" --bad`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		Run:               a.does(func(ctx context.Context, args []string) error { return a.runRollback(ctx, f, args) }),
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.plan, "plan", false, "print what would be done, and do nothing")
	fl.StringSliceVar(&f.hosts, "host", nil, "only on this HOST; may be given several times")
	fl.StringSliceVar(&f.steps, "step", nil, "only this STEP; may be given several times")
	fl.BoolVar(&f.bad, "bad", false, "mark what is left behind as bad: it is not offered again")
	fl.BoolVar(&f.queue, "queue", false, "wait while another run holds the lock")
	fl.BoolVar(&f.takeover, "takeover", false, "take over a lock whose holder is gone")
	f.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	return cmd
}

func (a *app) runRollback(ctx context.Context, f rollbackFlags, args []string) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if len(args) == 0 {
		return a.listCandidates(ctx, s)
	}
	o := run.Options{Only: f.hosts, Steps: f.steps, Bad: f.bad, Queue: f.queue, Takeover: f.takeover}
	plan, err := s.svc.PlanRollback(ctx, args[0], o)
	if err != nil {
		return unplanned(err)
	}
	if f.plan {
		return errors.Join(a.printPlan(plan), planCode(plan))
	}
	return a.carryOut(ctx, s, plan, plan.Deploy.Env, f.agreement, o)
}

// candidateJSON is one run of "midwatch rollback --json".
type candidateJSON struct {
	Run      runJSON  `json:"run"`
	Possible bool     `json:"possible"`
	Why      string   `json:"why,omitempty"`
	Changes  []string `json:"changes"`
	Risk     string   `json:"risk,omitempty"`
	Seconds  float64  `json:"seconds,omitempty"`
	Bad      bool     `json:"bad"`
}

func (a *app) listCandidates(ctx context.Context, s *session) error {
	defs, _, err := s.defs.load()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var list []run.Candidate
	var errs []error
	for _, def := range defs {
		some, err := s.svc.Candidates(ctx, def.Name+"/"+def.Env)
		list = append(list, some...)
		errs = append(errs, err)
	}
	slices.SortStableFunc(list, func(x, y run.Candidate) int { return strings.Compare(y.Run.ID, x.Run.ID) }) // ids begin with the time
	if err := a.printCandidates(list); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil { // some hosts could not be asked
		return &exitError{exitIncomplete, err}
	}
	return nil
}

func (a *app) printCandidates(list []run.Candidate) error {
	if a.flags.json {
		out := []candidateJSON{}
		for _, c := range list {
			out = append(out, candidateJSON{runDocument(&c.Run), c.Possible, c.Why, orEmpty(c.Changes), c.Risk, c.Takes.Seconds(), c.Bad})
		}
		return a.printJSON(struct {
			Candidates []candidateJSON `json:"candidates"`
		}{out})
	}
	if len(list) == 0 {
		a.warn("no run is known that could be taken back")
		return nil
	}
	rows := [][]string{{"RUN", "DEPLOY", "STARTED", "STATE", "BACK"}}
	for _, c := range list {
		back := "possible"
		if !c.Possible {
			back = "no: " + c.Why
		} else if c.Takes > 0 {
			back += fmt.Sprintf(", about %s", c.Takes)
		}
		if c.Bad {
			back += ", was left behind as bad"
		}
		if len(c.Changes) > 0 {
			back += ": " + strings.Join(c.Changes, "; ")
		}
		rows = append(rows, []string{c.Run.ID, c.Run.Deploy, started(&c.Run), phraseOf(&c.Run), back})
	}
	return a.printf("%s", columns(rows))
}
