package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// planAtOnce is how many hosts are read at a time.
const planAtOnce = 8

// Errors that decisions are made on.
var (
	// ErrUnknown is a deploy or a run that nobody knows.
	ErrUnknown = errors.New("not known")
	// ErrChanged is a plan whose hosts are not as it saw them any more.
	ErrChanged = errors.New("changed since the plan")
	// ErrFaults is a plan that cannot be run as things are.
	ErrFaults = errors.New("cannot be run")
	// ErrConsent wants the operator to agree to something first.
	ErrConsent = errors.New("not agreed to")
	// ErrEnded is a run that has ended.
	ErrEnded = errors.New("has ended")
)

// definition finds a deploy by its name, or name/environment where several have it.
func (r *Runs) definition(ctx context.Context, name string) (*deploy.Definition, error) {
	all, err := r.p.Definitions(ctx)
	var found []*deploy.Definition
	for _, d := range all {
		if d.Name == name || d.Name+"/"+d.Env == name {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("deploy %q: in several environments, say which: %s/%s, %s/%s", name, name, found[0].Env, name, found[1].Env)
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("deploy %q: %w", name, ErrUnknown)
}

// Plan implements Service.
func (r *Runs) Plan(ctx context.Context, name string, o Options) (*Plan, error) {
	d, err := r.definition(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.PlanDefinition(ctx, d, o)
}

// PlanDefinition is Plan of a definition that is in no file. Start keeps it in the journal of the run.
func (r *Runs) PlanDefinition(ctx context.Context, d *deploy.Definition, o Options) (*Plan, error) {
	p, err := r.read(ctx, d, o)
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", d.Name, err)
	}
	p.Lock = r.lockLines(ctx, d, p.Hosts)
	return p, nil
}

// read is what a deploy would do, as the hosts are now.
func (r *Runs) read(ctx context.Context, d *deploy.Definition, o Options) (*Plan, error) {
	lay, err := r.lay(d, o.Only)
	if err != nil {
		return nil, err
	}
	p := &Plan{Deploy: d, Kind: "deploy", Made: r.p.Now(), Hosts: lay.hosts}
	usual := r.usual(d)
	started := o.FromStep == ""
	for _, u := range lay.units {
		if u.id == o.FromStep || u.step.ID == o.FromStep && u.group == "" {
			started = true
		}
		ps := PlanStep{
			ID: u.id, Kind: u.step.Kind, Title: u.step.Title, Phase: phaseTitle(d, u.step.Phase), Group: u.group,
			Gate: u.step.Gate, NoReturn: u.step.PointOfNoReturn, Usual: usual[u.id],
		}
		for _, h := range u.hosts {
			ps.Hosts = append(ps.Hosts, PlanHost{Host: h})
		}
		switch {
		case !started:
			ps.Skip = "the run begins at " + o.FromStep
		case len(u.hosts) == 0:
			ps.Skip = "none of its hosts was asked for"
		}
		p.Steps = append(p.Steps, ps)
	}
	if !started {
		return nil, fmt.Errorf("no step %q to begin at", o.FromStep)
	}
	r.readHosts(ctx, lay, p, vars(d, o.Vars))
	r.judge(lay, p, o)
	return p, nil
}

func phaseTitle(d *deploy.Definition, id string) string {
	if t := d.Phases[id]; t != "" {
		return t
	}
	return id
}

// readHosts asks every kind what it would change, host by host, several hosts at a time.
func (r *Runs) readHosts(ctx context.Context, lay *layout, p *Plan, vars map[string]string) {
	all := append([]string{""}, lay.hosts...)
	var wg sync.WaitGroup
	places := make(chan struct{}, planAtOnce)
	for _, host := range all {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			gone := r.gone(ctx, host)
			for i, u := range lay.units {
				for j := range p.Steps[i].Hosts {
					if ph := &p.Steps[i].Hosts[j]; ph.Host == host && p.Steps[i].Skip == "" && u.step.Kind != kindGroup {
						if ph.Err = gone; gone == "" {
							r.readOne(ctx, lay, u, ph, vars)
						}
					}
				}
			}
		})
	}
	wg.Wait()
	// When is asked once: for the operator's machine or the first host.
	for i, u := range lay.units {
		if ps := &p.Steps[i]; ps.Skip == "" && u.step.When != "" {
			ps.Skip = r.when(u, r.scope(lay, "", firstOf(u.hosts), vars, nil, true))
		}
	}
}

// gone says why a host is not asked: it cannot be reached. A plan does not wait for it to come back.
func (r *Runs) gone(ctx context.Context, host string) string {
	if host == "" {
		return ""
	}
	ctx, cancel := looking(ctx)
	defer cancel()
	c, err := r.p.Conn(ctx, host)
	if err == nil {
		_, err = c.Run(ctx, hosts.Cmd{Argv: []string{"true"}, Timeout: lookTime})
	}
	if err != nil {
		return hosts.CleanLine(err.Error())
	}
	return ""
}

func firstOf(hosts []string) string {
	if len(hosts) > 0 {
		return hosts[0]
	}
	return ""
}

// when says why a step is not to run; "" it is.
func (r *Runs) when(u unit, s Scope) string {
	if u.step.When == "" {
		return ""
	}
	v, err := r.p.Text(u.step.When, s)
	if err != nil {
		if s.Planning {
			return ""
		}
		return "when: " + err.Error()
	}
	switch v {
	case "", "false", "no", "0":
		return fmt.Sprintf("when = %q is %q", string(u.step.When), v)
	}
	return ""
}

// readOne is one step on one host. A kind that panics is a fault of ours, said where it happened.
func (r *Runs) readOne(ctx context.Context, lay *layout, u unit, ph *PlanHost, vars map[string]string) {
	defer func() {
		if v := recover(); v != nil {
			ph.Err = fmt.Sprintf("fault of the console, please report: %v", v)
		}
	}()
	kind, ok := r.p.Kinds[u.step.Kind]
	if !ok {
		ph.Err = fmt.Sprintf("kind %q is not known", u.step.Kind)
		return
	}
	sc := r.scope(lay, "", ph.Host, vars, nil, true)
	e, err := r.env(ctx, lay, u, ph.Host, sc)
	if err == nil {
		ph.Change, err = kind.Plan(ctx, e)
	}
	if err != nil {
		ph.Err = hosts.CleanLine(err.Error())
	}
	switch u.step.Undo.Mode {
	case "none":
		if !ph.Change.Nothing {
			ph.Change.Back, ph.Change.BackLines = step.BackIrreversible, []string{orText(u.step.Undo.Note, noWayBack)}
		}
	case "command":
		ph.Change.Back = step.BackCompensating
		ph.Change.BackLines = []string{orText(u.step.Undo.Note, undoByCommand)}
	}
}

func orText(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// scope is what the expressions of a step on host may refer to.
func (r *Runs) scope(lay *layout, run, host string, vars map[string]string, out map[string]map[string]map[string]string, planning bool) Scope {
	return Scope{
		Run: run, Host: host, HostVars: hostVars(lay.def, host), Vars: vars, Outputs: out, Hosts: lay.byTgt, Planning: planning,
	}
}

// env is what reads have to do with: no store, no jobs, no operator.
func (r *Runs) env(ctx context.Context, lay *layout, u unit, host string, sc Scope) (*step.Env, error) {
	settings, err := r.p.Expand(u.step.Settings, sc)
	if err != nil {
		return nil, err
	}
	conn := r.p.Local
	if host != "" {
		if conn, err = r.p.Conn(ctx, host); err != nil {
			return nil, err
		}
	}
	e := &step.Env{
		Run: sc.Run, Step: u.id, Settings: settings, Host: host, Conn: conn, Local: r.p.Local, Base: base(lay.def), Sudo: true,
		Vars: func(name string) string { return sc.Vars[name] },
		Emit: func(step.Output) {}, Output: func(string, string) {},
		Reveal: func(ctx context.Context, t deploy.Sensitive) (hosts.Secret, error) {
			return r.p.Reveal(ctx, lay.def, t, sc)
		},
		Ask: func(context.Context, step.Question) (step.Answer, error) {
			return step.Answer{}, fmt.Errorf("%w: nobody is asked while planning", step.ErrDeclined)
		},
		Outputs: map[string]string{}, Now: r.p.Now, Checks: r.p.Checks, HTTP: r.p.HTTP,
		Started: func(string) time.Time { return time.Time{} }, Budget: func(string, int) bool { return true },
	}
	e.Expand = func(text string) (deploy.Sensitive, error) { // as a file's content is: a template is one
		f, err := r.p.Expand(&deploy.File{Content: deploy.Sensitive(text)}, sc)
		if err != nil {
			return "", err
		}
		expanded, ok := f.(*deploy.File)
		if !ok {
			return "", fmt.Errorf("a template was expanded to %T", f)
		}
		return expanded.Content, nil
	}
	if host != "" && r.p.Rsh != nil {
		e.Rsh = func(ctx context.Context) (string, string, func(), error) { return r.p.Rsh(ctx, host) }
	}
	if host != "" && r.p.RshRoot != nil {
		e.RshRoot = func(ctx context.Context) (string, string, func(), error) { return r.p.RshRoot(ctx, host) }
	}
	if host == "" {
		return e, nil
	}
	if h, err := r.remote(ctx, host); err == nil {
		e.Runs = &runsOn{deploy: lay.def.Name, env: lay.def.Env, host: h}
	}
	return e, nil
}

// judge makes the fingerprint and what the operator has to know and to agree to.
func (r *Runs) judge(lay *layout, p *Plan, o Options) {
	saw := []string{lay.def.Digest, p.Kind, p.Parent}
	all := vars(lay.def, o.Vars)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		saw = append(saw, k, all[k])
	}
	saw = append(saw, lay.hosts...)
	for _, s := range p.Steps {
		saw = append(saw, s.ID, s.Skip)
		for _, h := range s.Hosts {
			saw = append(saw, h.Host, h.Change.Saw, h.Err)
			if h.Err != "" {
				p.Faults = append(p.Faults, where(s.ID, h.Host)+": "+h.Err)
			}
			for _, a := range h.Change.Asks {
				p.Consent = append(p.Consent, where(s.ID, h.Host)+": "+a)
			}
		}
	}
	p.Fingerprint = sum(saw...)
	for _, name := range lay.hosts {
		h, _ := r.p.Host(name)
		if h.Production {
			p.TypeNames = append(p.TypeNames, name)
		}
		if h.Maintenance != "" {
			p.Faults = append(p.Faults, name+": in maintenance: "+h.Maintenance)
		}
	}
}

func where(step, host string) string {
	if host == "" {
		return step
	}
	return step + " on " + host
}

// differences says what two plans of the same deploy saw differently.
func differences(was, is *Plan) []string {
	old := map[string]PlanHost{}
	for _, s := range was.Steps {
		for _, h := range s.Hosts {
			old[s.ID+"\x00"+h.Host] = h
		}
	}
	var out []string
	for _, s := range is.Steps {
		for _, h := range s.Hosts {
			before, ok := old[s.ID+"\x00"+h.Host]
			switch {
			case !ok:
				out = append(out, where(s.ID, h.Host)+": not in the plan")
			case before.Change.Saw != h.Change.Saw || before.Err != h.Err:
				line := where(s.ID, h.Host)
				if h.Err != "" {
					line += ": " + h.Err
				} else if len(h.Change.Lines) > 0 {
					line += ": now " + h.Change.Lines[0]
				}
				out = append(out, line)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, "the definition or its variables")
	}
	return out
}
