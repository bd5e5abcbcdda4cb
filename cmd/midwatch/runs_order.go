package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/ops"
	"midwatch/ops/run"
)

// orderCommands are what a run on its way can be told, whoever drives it.
func (a *app) orderCommands() []*cobra.Command {
	return []*cobra.Command{
		a.orderCommand(run.Order{Verb: "cancel"}, &cobra.Command{
			Use: "cancel RUN", Short: "End a run, and see that what it started has ended",
			Long: `Tell a run to end: the program at work on a host is stopped, and is seen to have stopped. What was done is
not undone: midwatch rollback does that. It works on a run of another program too.`,
		}),
		a.orderCommand(run.Order{Verb: "pause"}, &cobra.Command{
			Use: "pause RUN", Short: "Hold a run before its next step",
			Long: `Tell a run to wait before its next step: the step at work is finished first. The locks stay. It works on a run
of another program too; midwatch runs continue lets it go on.`,
		}),
		a.orderCommand(run.Order{Verb: "go"}, &cobra.Command{
			Use: "continue RUN", Short: "Let a run go on that was paused",
		}),
		a.orderCommand(run.Order{Verb: "retry"}, &cobra.Command{
			Use: "retry RUN STEP", Short: "Try a step again that failed, in a run that waits for a decision",
			Example: `midwatch runs retry 20261129-2106-hub-4f2a build --host web-2 --reason "the disk was full"`,
		}),
		a.orderCommand(run.Order{Verb: "skip"}, &cobra.Command{
			Use: "skip RUN STEP", Short: "Leave out a step that failed or is still to come",
			Long: `Tell a run to leave out a step that failed or has not begun. The reason is kept with the run. Steps that name
it in needs are left out as well; the others go on.`,
			Example: `midwatch runs skip 20261129-2106-hub-4f2a smoke --reason "known, ticket 71"`,
		}),
	}
}

// orderCommand makes a command of an order: the run, the step where the order is about one, and why.
func (a *app) orderCommand(o run.Order, cmd *cobra.Command) *cobra.Command {
	step := o.Verb == "retry" || o.Verb == "skip"
	cmd.Args = cobra.ExactArgs(len(strings.Fields(cmd.Use)) - 1)
	cmd.ValidArgsFunction = a.completeRuns
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the audit log and whoever watches the run")
	if step {
		cmd.Flags().StringVar(&o.Host, "host", "", "only on this HOST")
		_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	}
	cmd.Run = a.does(func(ctx context.Context, args []string) error {
		if step {
			o.Step = args[1]
		}
		return a.orderRun(ctx, args[0], o)
	})
	return cmd
}

// toldTo says what an order will lead to.
func toldTo(verb string) string {
	switch verb {
	case "cancel":
		return "end"
	case "pause":
		return "wait before its next step"
	case "go":
		return "go on"
	case "retry":
		return "try the step again"
	}
	return "leave the step out"
}

func (a *app) orderRun(ctx context.Context, id string, o run.Order) error {
	if strings.TrimSpace(o.Reason) == "" {
		return wrong("why? give --reason: it goes into the audit log")
	}
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Ops.Unlock(o.Reason, ops.MaxLease); err != nil {
		return err
	}
	if err := s.svc.Order(ctx, id, o); err != nil {
		return err
	}
	return a.printf("run %s was told to %s: midwatch runs follow %s shows how it does\n", id, toldTo(o.Verb), id)
}
