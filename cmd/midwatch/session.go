package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"midwatch/hosts"
	conf "midwatch/hosts/config"
	"midwatch/hosts/inventory"
	"midwatch/ops/deploy"
	"midwatch/ops/run"
)

// session is a world that commands about runs work with.
type session struct {
	*world
	svc run.Service
}

// openSession opens the hosts without connecting to them: a command reaches those it needs. watch names hosts
// that are read all the time, for the checks of a deploy.
func (a *app) openSession(ctx context.Context, watch []string) (*session, error) {
	inv, err := a.inventory()
	if err != nil {
		return nil, err
	}
	if a.flags.from != "" {
		return nil, wrong("a capture is not deployed to: leave --from out")
	}
	ask := a.askAtTerminal()
	w, err := a.open(ctx, inv, opening{hosts: watch, watch: len(watch) > 0, ask: ask, failFast: true})
	if err != nil {
		return nil, err
	}
	if err := a.operate(ctx, w, ask); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &session{world: w, svc: w.Runs}, nil
}

// definition finds a deploy. One whose file is wrong is told with all of its faults.
func (d *definitions) find(name string) (*deploy.Definition, error) {
	defs, broken, err := d.load()
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	known := []string{}
	for _, def := range defs {
		if def.Name == name || def.Name+"/"+def.Env == name {
			return def, nil
		}
		known = append(known, def.Name)
	}
	for _, b := range broken {
		if b.Name == name {
			return nil, &exitError{exitUsage, b.Err}
		}
		known = append(known, b.Name)
	}
	where := d.dir
	if where == "" {
		where = "the demo"
	}
	switch n := conf.Nearest(name, known); {
	case n != "":
		return nil, wrong("no deploy %q in %s, did you mean %q?", name, where, n)
	case len(known) > 0:
		return nil, wrong("no deploy %q in %s, known are %s", name, where, conf.List(known))
	}
	return nil, wrong("no deploy %q: there are no definitions in %s", name, where)
}

// targetHosts are the hosts that a deploy works on, in the order of the inventory.
func targetHosts(inv *inventory.Inventory, def *deploy.Definition) []string {
	var out []string
	for i := range inv.Hosts {
		h := &inv.Hosts[i]
		for _, t := range def.Targets {
			if slices.Contains(t.Hosts, h.Name) || slices.ContainsFunc(t.Groups, func(g string) bool { return slices.Contains(h.Groups, g) }) {
				out = append(out, h.Name)
				break
			}
		}
	}
	return out
}

// deployHosts are the hosts that any deploy works on, in the order of the inventory; definitions that are wrong
// have none.
func (s *session) deployHosts() []string {
	defs, _, err := s.defs.load()
	if err != nil {
		return nil
	}
	on := map[string]bool{}
	for _, def := range defs {
		for _, name := range targetHosts(s.Inventory, def) {
			on[name] = true
		}
	}
	var out []string
	for i := range s.Inventory.Hosts {
		if name := s.Inventory.Hosts[i].Name; on[name] {
			out = append(out, name)
		}
	}
	return out
}

// wantsChecks reports whether a step asks the console's checks.
func wantsChecks(def *deploy.Definition) bool {
	return slices.ContainsFunc(def.IDs(), func(id string) bool {
		c, ok := def.Find(id).Settings.(*deploy.Check)
		return ok && len(c.Checks) > 0
	})
}

// agreement is what an operator brings along on the command line.
type agreement struct {
	yes     bool
	reason  string
	confirm []string
	word    string
}

// agree gets from the operator what a plan wants before it may be run: the reason, the names of production
// hosts, consent. What was not brought along is asked for at the terminal.
func (a *app) agree(ctx context.Context, s *session, p *run.Plan, env string, g agreement, o *run.Options) error {
	if len(p.Faults) > 0 {
		return fmt.Errorf("cannot be run: %s", strings.Join(p.Faults, "; "))
	}
	if g.yes {
		if err := yesAllowed(s.Inventory, p, env); err != nil {
			return err
		}
	} else if !a.isTerminal(a.stdin) {
		return wrong("nobody can be asked here: use --yes, where [runs] yes of %s allows it for %s", inventoryName(s.Inventory), env)
	}
	o.Yes, o.Reason, o.Typed, o.Word = g.yes, strings.Join(strings.Fields(g.reason), " "), g.confirm, g.word
	if err := a.agreeProduction(ctx, p, g, o); err != nil {
		return err
	}
	if o.Reason == "" {
		if g.yes {
			return wrong("why is this done? give --reason: it goes into the audit log")
		}
		answer, err := a.question(ctx, "reason, for the audit log: ")
		if o.Reason = answer; err != nil || answer == "" {
			return errors.Join(err, wrong("nothing was done: a reason is needed"))
		}
	}
	o.Consent = g.yes
	if !g.yes {
		what := "run it"
		if len(p.Consent) > 0 {
			what = "agree to all of this and run it"
		}
		answer, err := a.question(ctx, what+"? (yes/no): ")
		if err != nil || !strings.EqualFold(answer, "yes") {
			return errors.Join(err, wrong("nothing was done"))
		}
		o.Consent = true
	}
	return nil
}

// agreeProduction asks for the names of production hosts and for the word of a schema that is crossed.
func (a *app) agreeProduction(ctx context.Context, p *run.Plan, g agreement, o *run.Options) error {
	for _, name := range p.TypeNames {
		if slices.Contains(o.Typed, name) {
			continue
		}
		if g.yes {
			return wrong("%s is production: give --confirm %s", name, name)
		}
		answer, err := a.question(ctx, name+" is production: type its name to go on: ")
		if err != nil || answer != name {
			return errors.Join(err, wrong("nothing was done: %s was not typed", name))
		}
		o.Typed = append(o.Typed, name)
	}
	if p.TypeWord != "" && o.Word != p.TypeWord {
		if g.yes {
			return wrong("the schema is crossed: give --word %s when that is meant", p.TypeWord)
		}
		answer, err := a.question(ctx, "the schema is crossed: type "+hosts.CleanLine(p.TypeWord)+" to go on: ")
		if err != nil || answer != p.TypeWord {
			return errors.Join(err, wrong("nothing was done"))
		}
		o.Word = answer
	}
	return nil
}

// yesAllowed holds --yes against the inventory: the environment of the deploy and of every host must be named.
func yesAllowed(inv *inventory.Inventory, p *run.Plan, env string) error {
	refuse := func(what string) error {
		return wrong("--yes is not allowed %s: want [runs] yes = [%q] in %s", what, env, inventoryName(inv))
	}
	if !slices.Contains(inv.Runs.Yes, env) {
		return refuse("in " + env)
	}
	for _, name := range p.Hosts {
		h, ok := inv.Host(name)
		if ok && h.Environment != "" && !slices.Contains(inv.Runs.Yes, h.Environment) {
			env = h.Environment
			return refuse("on " + name + ", which is in " + env)
		}
	}
	return nil
}

func inventoryName(inv *inventory.Inventory) string {
	if inv.File == "" {
		return inventory.FileName
	}
	return inv.File
}

// question asks for a line at the terminal.
func (a *app) question(ctx context.Context, text string) (string, error) {
	line, err := a.prompter.Ask(ctx, text, true)
	return strings.TrimSpace(line), err
}
