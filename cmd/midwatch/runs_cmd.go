package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/run"
)

func (a *app) runsCommand() *cobra.Command {
	var only []string
	var far bool
	list := func(cmd *cobra.Command) *cobra.Command {
		cmd.Flags().StringSliceVar(&only, "host", nil, "also the runs that lie on this HOST; may be given several times")
		cmd.Flags().BoolVar(&far, "hosts", false, "also the runs that lie on the hosts of all deploys")
		cmd.MarkFlagsMutuallyExclusive("host", "hosts")
		_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
		return cmd
	}
	cmd := list(&cobra.Command{
		Use:   "runs",
		Short: "List runs, show, follow, resume, pause and cancel them",
		Long: `List the runs of this machine, newest first. With --host also those that others started, from what lies on
that host; with --hosts from all hosts that a deploy works on. A machine that never saw a run asks them by itself.`,
		Example: `midwatch runs
midwatch runs --hosts
midwatch runs show 20261129-2106-hub-4f2a
midwatch runs resume 20261129-2106-hub-4f2a --reason "link was cut"
midwatch runs retry 20261129-2106-hub-4f2a build --reason "the disk was full"`,
		Args: cobra.NoArgs,
		Run:  a.does(func(ctx context.Context, _ []string) error { return a.listRuns(ctx, only, far) }),
	})
	cmd.AddCommand(
		list(&cobra.Command{
			Use: "list", Short: "List runs, newest first", Args: cobra.NoArgs,
			Run: a.does(func(ctx context.Context, _ []string) error { return a.listRuns(ctx, only, far) }),
		}),
		&cobra.Command{
			Use: "show RUN", Short: "Print a run step by step", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeRuns,
			Run: a.does(func(ctx context.Context, args []string) error { return a.showRun(ctx, args[0]) }),
		},
		a.followCommand(),
		a.resumeCommand("resume", "Go on with a run that was interrupted",
			`Go on with a run whose program ended, from its journal: what is finished is not done again, what runs on a
host is attached to, and what nobody can tell is asked.`),
		a.resumeCommand("adopt", "Go on with a run that another operator started",
			`Go on with the run of another operator, from what lies on the hosts. It is refused while that operator's
program is alive.`),
	)
	cmd.AddCommand(a.orderCommands()...)
	return cmd
}

func (a *app) listRuns(ctx context.Context, only []string, far bool) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	names := []string{}
	if len(only) > 0 {
		if names, err = s.Inventory.Names(only...); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	if far {
		names = s.deployHosts()
	}
	list, err := s.svc.List(ctx, names)
	if len(list) == 0 && len(names) == 0 && err == nil {
		// This machine never saw a run; what others did lies on the hosts.
		if names = s.deployHosts(); len(names) > 0 {
			list, err = s.svc.List(ctx, names)
		}
	}
	if err != nil && len(list) == 0 {
		return err
	}
	s.askAbout(ctx, list)
	if len(list) == 0 && len(names) > 0 && !a.flags.json {
		a.warn("no runs are known here, nor on %s", strings.Join(names, ", "))
		return nil
	}
	if perr := a.printRuns(list); perr != nil {
		return perr
	}
	if err != nil { // some hosts could not be asked
		return &exitError{exitIncomplete, err}
	}
	return nil
}

// askedAbout is how many runs that look interrupted from here the hosts are asked about.
const askedAbout = 5

// askAbout asks the hosts about the newest runs that no program of this machine drives: a colleague may have
// adopted them.
func (s *session) askAbout(ctx context.Context, list []run.State) {
	var wg sync.WaitGroup
	asked := 0
	for i := range list {
		if st := &list[i]; st.Phase == run.Interrupted && asked < askedAbout {
			asked++
			wg.Go(func() {
				if now, err := s.svc.Show(ctx, st.ID); err == nil {
					*st = now
				}
			})
		}
	}
	wg.Wait()
}

func (a *app) printRuns(list []run.State) error {
	if a.flags.json {
		out := []runJSON{}
		for i := range list {
			out = append(out, runDocument(&list[i]))
		}
		return a.printJSON(struct {
			Runs []runJSON `json:"runs"`
		}{out})
	}
	if len(list) == 0 {
		a.warn("no runs are known here")
		return nil
	}
	rows := [][]string{{"RUN", "DEPLOY", "ENVIRONMENT", "STARTED", "TOOK", "WHO", "STATE"}}
	for i := range list {
		st := &list[i]
		took := "-"
		if !st.Ended.IsZero() {
			took = st.Ended.Sub(st.Started).Round(time.Second).String()
		}
		name := st.Deploy
		if st.Kind == "rollback" {
			name += " back"
		}
		rows = append(rows, []string{st.ID, name, st.Env, started(st), took, st.Who, phraseOf(st)})
	}
	return a.printf("%s", columns(rows))
}

func started(st *run.State) string {
	if st.Started.IsZero() {
		return "-"
	}
	return st.Started.Local().Format("2006-01-02 15:04:05")
}

func (a *app) showRun(ctx context.Context, id string) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	st, err := s.svc.Show(ctx, id)
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(runDocument(&st))
	}
	return a.printf("%s", runText(&st))
}

// runText is a run for people.
func runText(st *run.State) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(hosts.CleanLine(fmt.Sprintf(format, args...)) + "\n") }
	what := st.Deploy + " in " + st.Env
	if st.Kind == "rollback" {
		what = "taking back " + st.Parent + ", " + what
	}
	line("%s: %s", st.ID, what)
	line("%s", phraseOf(st))
	line("by %s, from %s", st.Who, st.From)
	if st.Reason != "" {
		line("reason: %s", st.Reason)
	}
	line("started %s, %d records, plan %s", started(st), st.Records, short(st.Plan))
	if st.Bad != "" {
		line("left behind as bad: %s", st.Bad)
	}
	for _, w := range st.Warnings {
		line("warning: %s", w)
	}
	b.WriteString("\n")
	rows := [][]string{{"STEP", "HOST", "STATE", "TOOK", "SEEN"}}
	for _, s := range st.Steps {
		if len(s.Hosts) == 0 {
			rows = append(rows, []string{s.ID, "", strings.ReplaceAll(string(s.State), "_", " "), "", s.Line})
		}
		for i, h := range s.Hosts {
			name := s.ID
			if i > 0 {
				name = ""
			}
			took := ""
			if !h.Ended.IsZero() && !h.Started.IsZero() {
				took = h.Ended.Sub(h.Started).Round(time.Second).String()
			}
			said := h.Line
			if said == "" {
				said = h.Note
			}
			rows = append(rows, []string{name, hostName(h.Host), strings.ReplaceAll(string(h.State), "_", " "), took, said})
		}
	}
	b.WriteString(columns(rows))
	for _, q := range st.Questions {
		line("waits for an answer: %s: %s", q.Step, q.Text)
	}
	return b.String()
}

func (a *app) followCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "follow RUN", Short: "Follow a run to its end", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeRuns,
		Long: `Follow a run that is on its way, of this program or another's. With --reason, what it asks can be answered
here; without one it is only watched. --json prints the records of its journal as they are written.

The exit code is that of the run: 0 when it succeeded, else 1.`,
		Run: a.does(func(ctx context.Context, args []string) error { return a.followRun(ctx, args[0], reason) }),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why you answer, for the audit log")
	return cmd
}

func (a *app) followRun(ctx context.Context, id, reason string) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	st, err := s.svc.Show(ctx, id)
	if err != nil {
		return err
	}
	if strings.TrimSpace(reason) != "" {
		if _, err := s.Ops.Unlock(reason, ops.MaxLease); err != nil {
			return err
		}
	}
	return a.follow(ctx, s, st.ID, false)
}

func (a *app) resumeCommand(name, short, long string) *cobra.Command {
	var g agreement
	var takeover bool
	cmd := &cobra.Command{
		Use: name + " RUN", Short: short, Long: long, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeRuns,
		Run: a.does(func(ctx context.Context, args []string) error {
			return a.resumeRun(ctx, args[0], g, takeover, name == "adopt")
		}),
	}
	g.register(cmd)
	cmd.Flags().BoolVar(&takeover, "takeover", false, "take over the lock of a holder that is gone")
	return cmd
}

func (a *app) resumeRun(ctx context.Context, id string, g agreement, takeover, adopt bool) error {
	s, err := a.openSession(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Close()
	st, err := s.svc.Show(ctx, id)
	switch {
	case err != nil:
		return err
	case st.Phase.Ended():
		return wrong("run %s has ended: %s", st.ID, phraseOf(&st))
	case !adopt && st.Who != a.who():
		return wrong("run %s is %s's: midwatch runs adopt %s goes on with it", st.ID, st.Who, st.ID)
	}
	o := run.Options{Takeover: takeover || adopt}
	p := &run.Plan{Hosts: st.Hosts}
	for _, name := range st.Hosts {
		if h, ok := s.Inventory.Host(name); ok && h.Production {
			p.TypeNames = append(p.TypeNames, name)
		}
	}
	if !a.flags.json {
		if err := a.printf("%s\n", runText(&st)); err != nil {
			return err
		}
	}
	if err := a.agree(ctx, s, p, st.Env, g, &o); err != nil {
		return err
	}
	if _, err := s.Ops.Unlock(o.Reason, ops.MaxLease); err != nil {
		return err
	}
	if err := s.svc.Resume(ctx, st.ID, o); err != nil {
		return err
	}
	return a.follow(ctx, s, st.ID, true)
}

// completeRuns offers the runs of this machine, newest first.
func (a *app) completeRuns(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	dir, err := a.runsDir()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	slices.Reverse(out) // ids begin with the time
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
