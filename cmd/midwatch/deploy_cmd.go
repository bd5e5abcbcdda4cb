package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/tui/ui"
)

type deployFlags struct {
	list, plan bool
	explain    string
	from       string
	vars       []string
	hosts      []string
	queue      bool
	takeover   bool
	agreement
}

func (a *app) deployCommand() *cobra.Command {
	var f deployFlags
	cmd := &cobra.Command{
		Use:   "deploy [NAME]",
		Short: "Deploy in visible steps, with the way back shown first",
		Long: `Plan a deploy and run it. Deploys are defined in deploys/*.toml beside the inventory.

The plan shows for each step and host what would change and what undoing it would do. Nothing is done
before you agreed: with a reason, and with the name of each production host. --yes answers in your
place, where the inventory allows it for the environment ([runs] yes). The run goes on by itself on the
hosts when this program ends; "midwatch runs resume" goes on with it.

Ctrl-c does not cancel a run: it asks.

The exit code is 1 when the run failed or was cancelled, 2 when a definition is wrong, 3 when a host could
not be read for the plan.`,
		Example: `midwatch deploy --list
midwatch deploy hub --plan
midwatch deploy hub --explain build
midwatch deploy hub --var tag=v1.4 --reason "CVE in the parser"
midwatch deploy site --yes --reason "pipeline 812" --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeDeploys,
		Run:               a.does(func(ctx context.Context, args []string) error { return a.runDeploy(ctx, f, args) }),
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.list, "list", false, "list the deploys, and what is wrong in their files")
	fl.BoolVar(&f.plan, "plan", false, "print what would be done and undone, and do nothing")
	fl.StringVar(&f.explain, "explain", "", "print all that is known of a STEP: what it is, changes, and how it is undone")
	fl.StringVar(&f.from, "from-step", "", "begin at this STEP")
	fl.StringArrayVar(&f.vars, "var", nil, "set a variable of the definition, NAME=VALUE; may be given several times")
	fl.StringSliceVar(&f.hosts, "host", nil, "only this HOST; may be given several times")
	fl.BoolVar(&f.queue, "queue", false, "wait while another run holds the lock")
	fl.BoolVar(&f.takeover, "takeover", false, "take over a lock whose holder is gone")
	f.register(cmd)
	cmd.MarkFlagsMutuallyExclusive("list", "plan", "explain")
	_ = cmd.RegisterFlagCompletionFunc("host", a.completeHosts)
	_ = cmd.RegisterFlagCompletionFunc("explain", a.completeSteps)
	_ = cmd.RegisterFlagCompletionFunc("from-step", a.completeSteps)
	return cmd
}

// register adds the flags of what an operator agrees to.
func (g *agreement) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&g.yes, "yes", false, "agree to the plan and to what the run asks, where the inventory allows it")
	fl.StringVar(&g.reason, "reason", "", "why, for the audit log; asked for without it")
	fl.StringSliceVar(&g.confirm, "confirm", nil, "the name of a production HOST; may be given several times")
	fl.StringVar(&g.word, "word", "", "the version of the schema, when a plan crosses one")
}

func (a *app) runDeploy(ctx context.Context, f deployFlags, args []string) error {
	if f.list {
		return a.listDeploys(args)
	}
	if len(args) == 0 {
		return wrong("which deploy? midwatch deploy --list names them")
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	def, err := a.definitionsOf(inv).find(args[0])
	if err != nil {
		return err
	}
	vars, err := parseVars(def, f.vars)
	if err != nil {
		return err
	}
	if f.explain != "" && def.Find(f.explain) == nil {
		return wrong("%s has no step %q, known are %s", def.Name, f.explain, strings.Join(def.IDs(), ", "))
	}
	var watch []string
	if wantsChecks(def) {
		watch = targetHosts(inv, def)
	}
	s, err := a.openSession(ctx, watch)
	if err != nil {
		return err
	}
	defer s.Close()
	o := run.Options{Vars: vars, FromStep: f.from, Only: f.hosts, Queue: f.queue, Takeover: f.takeover}
	plan, err := s.svc.Plan(ctx, args[0], o)
	switch {
	case err != nil:
		return unplanned(err)
	case f.explain != "":
		return a.explainStep(plan, def.Find(f.explain), f.explain)
	case f.plan:
		return errors.Join(a.printPlan(plan), planCode(plan))
	}
	return a.carryOut(ctx, s, plan, def.Env, f.agreement, o)
}

// carryOut shows a plan, gets it agreed to, runs it and follows it.
func (a *app) carryOut(ctx context.Context, s *session, plan *run.Plan, env string, g agreement, o run.Options) error {
	if !a.flags.json {
		if err := a.printPlan(plan); err != nil {
			return err
		}
	}
	if err := a.agree(ctx, s, plan, env, g, &o); err != nil {
		return err
	}
	if _, err := s.Ops.Unlock(o.Reason, ops.MaxLease); err != nil {
		return err
	}
	id, err := s.svc.Start(ctx, plan, o)
	if err != nil {
		return err
	}
	return a.follow(ctx, s, id, true)
}

// unplanned is the exit of a plan that could not be made.
func unplanned(err error) error {
	if errors.Is(err, hosts.ErrUnreached) || errors.Is(err, hosts.ErrTimeout) {
		return &exitError{exitIncomplete, err}
	}
	var faults deploy.Faults
	if errors.As(err, &faults) {
		return &exitError{exitUsage, err}
	}
	return err
}

// planCode is the exit of a plan that was printed: what it could not read makes it incomplete.
func planCode(p *run.Plan) error {
	for _, st := range p.Steps {
		for _, h := range st.Hosts {
			if h.Err != "" {
				return silently(exitIncomplete)
			}
		}
	}
	if len(p.Faults) > 0 {
		return silently(exitFindings)
	}
	return nil
}

// parseVars reads NAME=VALUE. A name that the definition does not have is a mistake.
func parseVars(def *deploy.Definition, words []string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, wrong("--var %s: want NAME=VALUE", w)
		}
		if _, ok := def.Vars[name]; !ok {
			return nil, wrong("--var %s: %s has no such variable, known are %s", name, def.Name, orNone(slices.Sorted(maps.Keys(def.Vars))))
		}
		out[name] = value
	}
	return out, nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// deployJSON is one deploy of "midwatch deploy --list --json".
type deployJSON struct {
	Name   string   `json:"name"`
	Env    string   `json:"env"`
	About  string   `json:"about"`
	File   string   `json:"file"`
	Hosts  []string `json:"hosts"`
	Steps  []string `json:"steps"`
	Faults []string `json:"faults"` // why it cannot be run
}

func (a *app) listDeploys(args []string) error {
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		return wrong("--list takes no name")
	}
	d := a.definitionsOf(inv)
	defs, broken, err := d.load()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	list := []deployJSON{}
	for _, def := range defs {
		list = append(list, deployJSON{
			Name: def.Name, Env: def.Env, About: def.About, File: def.File, Hosts: orEmpty(targetHosts(inv, def)), Steps: orEmpty(def.IDs()), Faults: missingHosts(inv, def),
		})
	}
	for _, b := range broken {
		list = append(list, deployJSON{Name: b.Name, File: b.File, Hosts: []string{}, Steps: []string{}, Faults: strings.Split(b.Err.Error(), "\n")})
	}
	if a.flags.json {
		err = a.printJSON(struct {
			Deploys []deployJSON `json:"deploys"`
		}{list})
	} else {
		err = a.printDeploys(d, list)
	}
	if err == nil && len(broken) > 0 {
		return silently(exitUsage)
	}
	return err
}

// missingHosts says which hosts and groups of a deploy the inventory does not have.
func missingHosts(inv *inventory.Inventory, def *deploy.Definition) []string {
	out := []string{}
	for _, name := range slices.Sorted(maps.Keys(def.Targets)) {
		t := def.Targets[name]
		for _, h := range t.Hosts {
			if _, ok := inv.Host(h); !ok {
				out = append(out, fmt.Sprintf("%s:%d: target %q names the host %q, which is not in %s", def.File, t.Line, name, h, inventoryName(inv)))
			}
		}
		for _, g := range t.Groups {
			if len(members(inv, g)) == 0 {
				out = append(out, fmt.Sprintf("%s:%d: target %q names the group %q, which has no hosts in %s", def.File, t.Line, name, g, inventoryName(inv)))
			}
		}
	}
	return out
}

func (a *app) printDeploys(d *definitions, list []deployJSON) error {
	if len(list) == 0 {
		a.warn("no deploys: there are no definitions in %s", d.dir)
		return nil
	}
	rows := [][]string{{"DEPLOY", "ENVIRONMENT", "HOSTS", "STEPS", "ABOUT"}}
	for _, x := range list {
		env, about := x.Env, x.About
		if len(x.Steps) == 0 {
			env, about = "-", fmt.Sprintf("%d faults", len(x.Faults))
		}
		rows = append(rows, []string{x.Name, env, strings.Join(x.Hosts, " "), fmt.Sprint(len(x.Steps)), about})
	}
	if err := a.printf("%s", columns(rows)); err != nil {
		return err
	}
	for _, x := range list {
		for _, f := range x.Faults {
			if err := a.printf("%s\n", hosts.CleanLine(f)); err != nil {
				return err
			}
		}
	}
	return nil
}

// columns aligns rows of words; the last column is as long as it is.
func columns(rows [][]string) string {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], ui.Width(hosts.CleanLine(c)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		line := ""
		for i, c := range r {
			c = hosts.CleanLine(c)
			line += c
			if i < len(r)-1 {
				line += strings.Repeat(" ", width[i]-ui.Width(c)+2)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// completeDeploys offers the names of deploys.
func (a *app) completeDeploys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.names(func(inv *inventory.Inventory) (out []string) {
		defs, _, _ := a.definitionsOf(inv).load()
		for _, d := range defs {
			out = append(out, d.Name)
		}
		return out
	})
}

// completeSteps offers the steps of the deploy that was named.
func (a *app) completeSteps(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.names(func(inv *inventory.Inventory) []string {
		if len(args) == 0 {
			return nil
		}
		def, err := a.definitionsOf(inv).find(args[0])
		if err != nil {
			return nil
		}
		return def.IDs()
	})
}
