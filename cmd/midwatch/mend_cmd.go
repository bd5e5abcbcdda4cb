package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/mend"
	"midwatch/checks/report"
	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/themes"
)

type mendFlags struct {
	hosts  []string
	object string
	plan   bool
	wait   time.Duration
	queue  bool
	agreement
}

func (a *app) mendCommand() *cobra.Command {
	var f mendFlags
	cmd := &cobra.Command{
		Use:   "mend [CHECK]",
		Short: "Take a finding away: the change as a plan, then the check asked anew",
		Long: `Without a CHECK: list what the checks find and can be mended from here, and change nothing.

With one, the change that takes its finding away is planned like a deploy: a line of a file as a diff with
nginx -t and a reload that is confirmed, a cluster sent to Envoy's control plane, a unit started under the
drain rules, a compose port. Nothing is done before you agreed. Afterwards the check is asked anew; when it
still finds the same, the change is taken back. "midwatch rollback" takes it back later.`,
		Example: `midwatch mend
midwatch mend xfp-overwritten-behind-tls-proxy --host prod-113 --plan
midwatch mend nginx-hardcoded-connection-upgrade --host prod-113 --reason "POST answers 400"`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return mend.Checks(), cobra.ShellCompDirectiveNoFileComp
		},
		Run: a.does(func(ctx context.Context, args []string) error { return a.runMend(ctx, args, f) }),
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&f.hosts, "host", nil, "only this HOST; may be given several times")
	fl.StringVar(&f.object, "object", "", "only findings whose object or file has this TEXT in it")
	fl.BoolVar(&f.plan, "plan", false, "print what would be done and undone, and do nothing")
	fl.BoolVar(&f.queue, "queue", false, "wait while another run holds the lock")
	fl.DurationVar(&f.wait, "timeout", 20*time.Second, "how long hosts may take")
	f.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	return cmd
}

func (a *app) runMend(ctx context.Context, args []string, f mendFlags) error {
	if len(args) > 0 && !slices.Contains(mend.Checks(), args[0]) {
		if _, err := selectChecks(args); err != nil {
			return err
		}
		return wrong("findings of %s take a person; mended from here are those of %s", args[0], strings.Join(mend.Checks(), ", "))
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	names, err := inv.Names()
	if err != nil {
		return err
	}
	for _, h := range f.hosts {
		if !slices.Contains(names, h) {
			return wrong("no host %q in the inventory", h)
		}
	}
	s, err := a.openSession(ctx, names)
	if err != nil {
		return err
	}
	defer s.Close()
	list, _ := catalog.Select(catalog.All(), orAll(args)...)
	snap, err := s.settleAll(ctx, f.wait, names)
	if err == nil {
		snap, err = s.settleChecks(ctx, snap, names, list, f.wait)
	}
	if err != nil {
		return err
	}
	found := f.narrow(mendable(checks.FromSnapshot(snap), list))
	if len(args) == 0 {
		return a.printMends(found)
	}
	m, err := theOne(args[0], found)
	if err != nil {
		if missing := s.unreached(snap, orNames(f.hosts, names)); missing != nil && len(found) == 0 {
			return missing
		}
		return err
	}
	plan, err := s.planMend(ctx, m, run.Options{Queue: f.queue})
	switch {
	case err != nil:
		return unplanned(err)
	case f.plan:
		return errors.Join(a.printPlan(plan), a.printDiffs(plan), planCode(plan))
	}
	if err := a.printDiffs(plan); err != nil {
		return err
	}
	return a.carryOut(ctx, s, plan, plan.Deploy.Env, f.agreement, run.Options{Queue: f.queue})
}

// printDiffs prints the lines that a plan changes: a mend is agreed to by its diff.
func (a *app) printDiffs(p *run.Plan) error {
	if a.flags.json {
		return nil // the document of the plan has them
	}
	var b strings.Builder
	for _, s := range p.Steps {
		for _, h := range s.Hosts {
			for _, d := range h.Change.Detail {
				if !d.Diff {
					continue
				}
				b.WriteString(hosts.CleanLine(d.Title) + "\n")
				for line := range strings.Lines(d.Text) {
					b.WriteString("  " + hosts.CleanLine(strings.TrimRight(line, "\r\n")) + "\n")
				}
			}
		}
	}
	return a.printf("%s", b.String())
}

// orAll are the checks that a list of mends is made of.
func orAll(args []string) []string {
	if len(args) == 0 {
		return mend.Checks()
	}
	return args
}

func orNames(some, all []string) []string {
	if len(some) > 0 {
		return some
	}
	return all
}

// offer is a finding with its mend, or why it has none.
type offer struct {
	finding checks.Finding
	mend    *mend.Mend
	why     string
}

// mendable asks checks and forms the mends of what they find.
func mendable(w *checks.World, list []checks.Check) []offer {
	var out []offer
	for _, f := range checks.Run(w, list, checks.Options{}).Shown() {
		o := offer{finding: f}
		m, err := mend.For(w, &f)
		if err != nil {
			o.why = err.Error()
		}
		o.mend = m
		out = append(out, o)
	}
	return out
}

func (f *mendFlags) narrow(list []offer) []offer {
	return slices.DeleteFunc(list, func(o offer) bool {
		return len(f.hosts) > 0 && !slices.Contains(f.hosts, o.finding.Host) ||
			f.object != "" && !strings.Contains(report.Place(&o.finding), f.object)
	})
}

// theOne is the mend that is meant: a change is never chosen by chance.
func theOne(check string, found []offer) (*mend.Mend, error) {
	var can []offer
	for _, o := range found {
		if o.mend != nil {
			can = append(can, o)
		}
	}
	switch {
	case len(can) == 1:
		return can[0].mend, nil
	case len(can) > 1:
		var places []string
		for _, o := range can {
			places = append(places, report.Place(&o.finding))
		}
		return nil, wrong("%s finds this in %d places; say which with --host and --object: %s", check, len(can), strings.Join(places, "; "))
	case len(found) > 0:
		return nil, &exitError{exitFindings, fmt.Errorf("%s: %s", report.Place(&found[0].finding), found[0].why)}
	}
	return nil, wrong("%s finds nothing there", check)
}

func (a *app) printMends(found []offer) error {
	if a.flags.json {
		type mendJSON struct {
			report.Finding
			Mend *mend.Mend `json:"mend"` // null where it takes a person
			Why  string     `json:"by_hand,omitempty"`
		}
		out := []mendJSON{}
		for _, o := range found {
			out = append(out, mendJSON{report.JSON(&o.finding), o.mend, o.why})
		}
		return a.printJSON(map[string]any{"mends": out})
	}
	st := a.styles(a.stdout)
	var b strings.Builder
	for _, o := range found {
		b.WriteString(st.Normal.Render(severityRole(o.finding.Severity), o.finding.Severity.String()) + " " + report.Place(&o.finding) +
			st.Normal.Render(themes.Muted, "  "+o.finding.Check) + "\n  " + hosts.CleanLine(o.finding.Title) + "\n")
		if o.mend == nil {
			b.WriteString("  " + st.Normal.Render(themes.Muted, "by hand: "+hosts.CleanLine(o.why)) + "\n")
			continue
		}
		b.WriteString("  mend: " + hosts.CleanLine(o.mend.Title) + "\n")
	}
	if len(found) == 0 {
		b.WriteString("nothing is found that could be mended from here\n")
	}
	return a.printf("%s", b.String())
}

// planMend plans a mend.
func (w *world) planMend(ctx context.Context, m *mend.Mend, o run.Options) (*run.Plan, error) {
	h, ok := w.Inventory.Host(m.Host)
	if !ok {
		return nil, fmt.Errorf("no host %q in the inventory", m.Host)
	}
	d, err := mendDeploy(m, h.Host)
	if err != nil {
		return nil, err
	}
	return w.Runs.PlanDefinition(ctx, d, o)
}

// mender is runs that also plan the mend of a finding, by a name that begins with mendName.
type mender struct {
	run.Service
	w *world
}

// Plan implements run.Service.
func (m mender) Plan(ctx context.Context, name string, o run.Options) (*run.Plan, error) {
	id, ok := strings.CutPrefix(name, mendName)
	if !ok {
		return m.Service.Plan(ctx, name, o)
	}
	check, _, _ := strings.Cut(id, "|")
	list, _ := catalog.Select(catalog.All(), check)
	for _, x := range mendable(checks.FromSnapshot(m.w.Fleet.Snapshot()), list) {
		switch {
		case x.finding.ID() != id:
		case x.mend == nil:
			return nil, errors.New(x.why)
		default:
			return m.w.planMend(ctx, x.mend, o)
		}
	}
	return nil, errors.New("the finding is gone: there is nothing to mend")
}
