package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/run"
)

func (a *app) lockCommand() *cobra.Command {
	show := a.does(func(ctx context.Context, args []string) error { return a.showLocks(ctx, args) })
	cmd := &cobra.Command{
		Use:   "lock [DEPLOY]",
		Short: "Show, take and release the locks of deploys on hosts",
		Long: `Show who holds a deploy on which host, for how long by the host's clock, and whether its holder is alive.

A lock that is taken by hand keeps runs out until it is released: for maintenance.`,
		Example: `midwatch lock
midwatch lock take hub --reason "disk is being replaced"
midwatch lock take hub --takeover --reason "the laptop that held it is gone"
midwatch lock release hub`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeDeploys, Run: show,
	}
	var reason string
	var confirm []string
	var force bool
	take := &cobra.Command{
		Use: "take DEPLOY", Short: "Hold a deploy by hand", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeDeploys,
		Run: a.does(func(ctx context.Context, args []string) error {
			return a.takeLock(ctx, args[0], reason, force, confirm)
		}),
	}
	take.Flags().StringVar(&reason, "reason", "", "why, for the audit log and whoever meets the lock")
	take.Flags().BoolVar(&force, "takeover", false, "take over a lock whose holder is gone")
	take.Flags().StringSliceVar(&confirm, "confirm", nil, "the name of a production HOST; may be given several times")
	var releaseReason string
	release := &cobra.Command{
		Use: "release DEPLOY", Short: "Release a lock that was taken by hand", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeDeploys,
		Run: a.does(func(ctx context.Context, args []string) error { return a.releaseLock(ctx, args[0], releaseReason) }),
	}
	release.Flags().StringVar(&releaseReason, "reason", "done", "why, for the audit log")
	cmd.AddCommand(&cobra.Command{
		Use: "show [DEPLOY]", Short: "Show locks", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeDeploys, Run: show,
	}, take, release)
	return cmd
}

// lockJSON is one lock of "midwatch lock --json".
type lockJSON struct {
	Deploy      string  `json:"deploy"`
	Env         string  `json:"env"`
	Host        string  `json:"host"`
	Run         string  `json:"run,omitempty"`
	Owner       string  `json:"owner"`
	Reason      string  `json:"reason"`
	Seconds     float64 `json:"seconds"`      // since it was taken, by the host's clock
	BeatSeconds float64 `json:"beat_seconds"` // since the last sign of its holder
	State       string  `json:"state"`        // live, stale, frozen
	Mine        bool    `json:"mine"`
}

func (a *app) showLocks(ctx context.Context, args []string) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if len(args) > 0 {
		if _, err := s.defs.find(args[0]); err != nil {
			return err
		}
	}
	all, err := s.svc.Locks(ctx)
	list := []run.LockState{}
	for _, l := range all {
		if len(args) == 0 || l.Deploy == args[0] {
			list = append(list, l)
		}
	}
	if perr := a.printLocks(list, err == nil); perr != nil {
		return perr
	}
	if err != nil { // some hosts could not be asked
		return &exitError{exitIncomplete, err}
	}
	return nil
}

func (a *app) printLocks(list []run.LockState, whole bool) error {
	if a.flags.json {
		out := []lockJSON{}
		for _, l := range list {
			out = append(out, lockJSON{l.Deploy, l.Env, l.Host, l.Run, l.Owner, l.Reason, l.Since.Seconds(), l.Beat.Seconds(), l.State, l.Mine})
		}
		return a.printJSON(struct {
			Locks []lockJSON `json:"locks"`
		}{out})
	}
	if len(list) == 0 {
		if whole {
			a.warn("no deploy is locked")
		}
		return nil
	}
	rows := [][]string{{"DEPLOY", "HOST", "STATE", "OWNER", "SINCE", "SIGN", "RUN", "REASON"}}
	for _, l := range list {
		sign := l.Beat.Round(time.Second).String() + " ago"
		if l.State == "frozen" {
			sign = "-"
		}
		owner := l.Owner
		if l.Mine {
			owner += " (you)"
		}
		rows = append(rows, []string{l.Deploy + "/" + l.Env, l.Host, l.State, owner, l.Since.Round(time.Second).String(), sign, orDash(l.Run), l.Reason})
	}
	return a.printf("%s", columns(rows))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) takeLock(ctx context.Context, name, reason string, force bool, typed []string) error {
	if strings.TrimSpace(reason) == "" {
		return wrong("why is it locked? give --reason: whoever meets the lock reads it")
	}
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	def, err := s.defs.find(name)
	if err != nil {
		return err
	}
	p := &run.Plan{Deploy: def, Hosts: targetHosts(s.Inventory, def)}
	for _, h := range p.Hosts {
		if host, ok := s.Inventory.Host(h); ok && host.Production {
			p.TypeNames = append(p.TypeNames, h)
		}
	}
	o := run.Options{Typed: typed}
	// Without a terminal a name that is not given is refused, as with --yes.
	if err := a.agreeProduction(ctx, p, agreement{yes: !a.isTerminal(a.stdin)}, &o); err != nil {
		return err
	}
	if _, err := s.Ops.Unlock(reason, ops.MaxLease); err != nil {
		return err
	}
	if err := s.svc.TakeLock(ctx, name, reason, force, o.Typed); err != nil {
		return err
	}
	return a.printf("%s is locked on %s\n", hosts.CleanLine(name), strings.Join(p.Hosts, ", "))
}

func (a *app) releaseLock(ctx context.Context, name, reason string) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.defs.find(name); err != nil {
		return err
	}
	if _, err := s.Ops.Unlock(reason, ops.MaxLease); err != nil {
		return err
	}
	if err := s.svc.ReleaseLock(ctx, name); err != nil {
		return err
	}
	return a.printf("%s is released\n", hosts.CleanLine(name))
}
