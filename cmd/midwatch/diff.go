package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/capture"
	"midwatch/hosts/diff"
)

func (a *app) diffCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "diff CAPTURE [CAPTURE]",
		Short: "What changed between two captures, or since one",
		Long: `Print what changed from the first capture to the second, or to the fleet as it is now: hosts,
containers, images by digest, units, ports, routes, mounts and configuration files. What is unknown on
one side is said to be so and never counts as removed.

The exit code is 0 when nothing changed, 1 when something did, and 3 when the fleet was not read as a
whole.`,
		Example: "midwatch diff before.mwc after.mwc\nmidwatch diff before.mwc",
		Args:    cobra.RangeArgs(1, 2),
		Run:     a.does(func(ctx context.Context, args []string) error { return a.runDiff(ctx, args, wait) }),
	}
	cmd.Flags().DurationVar(&wait, "timeout", 20*time.Second, "how long hosts may take, when compared with now")
	return cmd
}

func (a *app) runDiff(ctx context.Context, args []string, wait time.Duration) error {
	first, err := capture.Load(args[0])
	if err != nil {
		return &exitError{exitUsage, err}
	}
	before := first.Snapshot()
	var after *hosts.Snapshot
	var missing error
	if len(args) == 2 {
		second, err := capture.Load(args[1])
		if err != nil {
			return &exitError{exitUsage, err}
		}
		after = second.Snapshot()
	} else {
		w, snap, names, err := a.observe(ctx, nil, wait)
		if err != nil {
			return err
		}
		defer w.Close()
		after, missing = snap, w.unreached(snap, names)
	}
	changes := diff.Compare(before, after)
	if err := a.printChanges(changes); err != nil {
		return errors.Join(err, missing)
	}
	if missing != nil {
		return missing
	}
	if len(changes) > 0 {
		return &exitError{code: exitFindings}
	}
	return nil
}

func (a *app) printChanges(changes []diff.Change) error {
	if a.flags.json {
		if changes == nil {
			changes = []diff.Change{}
		}
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Changes []diff.Change `json:"changes"`
		}{changes})
	}
	for _, c := range changes {
		if err := a.printf("%s\n", hosts.CleanLine(c.String())); err != nil {
			return err
		}
	}
	if len(changes) == 0 {
		return a.printf("nothing changed\n")
	}
	return nil
}
