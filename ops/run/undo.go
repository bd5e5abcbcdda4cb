package run

import (
	"context"
	"fmt"

	"midwatch/ops/remote"
	"midwatch/ops/step"
)

// undoing is one attempt to undo a step on a host.
type undoing struct {
	d     *driver
	pr    pair
	at    spot
	n     int
	old   hostLedger
	watch *stopwatch
	env   environment
	rec   step.Undo
}

func (u *undoing) run(ctx context.Context, resumed bool) (seen step.Seen, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fault of the console, please report: %v", v)
		}
	}()
	if err := u.reach(ctx); err != nil {
		return seen, err
	}
	if err := u.prepare(ctx); err != nil {
		return seen, err
	}
	done, err := u.d.perm.Act("undo "+u.pr.unit.step.Kind, hostName(u.at.host), u.at.step, u.old.undo.SHA)
	if err != nil {
		return seen, err
	}
	defer func() {
		if aerr := done(seen.Line, u.d.clean(resultLine(seen, err)), err); aerr != nil && err == nil {
			err = aerr
		}
	}()
	for faults := 0; ; {
		if !resumed {
			err = u.act(ctx)
		}
		if err == nil {
			seen, err = u.look(ctx)
		}
		switch {
		case err == nil && seen.OK:
			return seen, nil
		case err == nil && resumed:
			resumed = false // it was begun before a crash, and it is not done
			continue
		case err == nil:
			return seen, fmt.Errorf("%w: %s", step.ErrNotDone, orText(seen.Line, "it is not as it was before"))
		case ctx.Err() != nil:
			return seen, context.Cause(ctx)
		case !remote.Unreached(err):
			return seen, err
		}
		if faults++; faults > sameFault {
			return seen, err
		}
		if err := u.await(ctx, err); err != nil {
			return seen, err
		}
		resumed = true
	}
}

func (u *undoing) await(ctx context.Context, err error) error {
	u.watch.pause()
	defer u.watch.resume()
	if l := u.d.links[u.at.host]; l != nil {
		return l.wait(ctx, err)
	}
	return err
}

func (u *undoing) reach(ctx context.Context) error {
	u.watch.pause()
	defer u.watch.resume()
	l := u.d.links[u.at.host]
	if l == nil {
		l = u.d.lead()
	}
	if l == nil {
		return nil
	}
	return l.sync(ctx)
}

// prepare reads the record, and stops what the parent left running there.
func (u *undoing) prepare(ctx context.Context) error {
	d := u.d
	var err error
	u.env, err = d.env(ctx, u.pr.unit, u.at, d.parent.id, fmt.Sprintf("undo.%s.%d", u.at.step, u.n), u.n)
	if err != nil {
		return err
	}
	u.env.Undoing = true
	u.env.Outputs = d.parent.led.flatOutputs(u.at.host)
	if u.rec, err = readUndo(ctx, u.env.Store, u.old.undo.SHA); err != nil {
		return fmt.Errorf("not possible any more: %w", err)
	}
	if !u.old.begun && u.old.state != StepUnknown {
		return nil
	}
	h := d.r.here()
	if l := d.links[u.at.host]; l != nil {
		h = l.host
	}
	jobs := h.Jobs(d.parent.id, fmt.Sprintf("%s.%d", u.at.step, u.old.try))
	for _, name := range u.old.jobs {
		if err := jobs.Stop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (u *undoing) act(ctx context.Context) error {
	u.d.outs.rewind(u.at)
	if u.pr.unit.step.Undo.Mode != "command" {
		return u.kind().Undo(ctx, u.env.Env, u.rec)
	}
	argv, err := u.argv()
	if err != nil {
		return err
	}
	exit, err := u.env.Jobs.Run(ctx, "undo", step.Job{Argv: argv}, func(line string, stderr bool) {
		u.env.Emit(step.Output{Line: line, Stderr: stderr})
	})
	if err == nil && exit != 0 {
		err = fmt.Errorf("%w: the undo command ended with exit %d", step.ErrNotDone, exit)
	}
	return err
}

func (u *undoing) argv() ([]string, error) {
	sc := u.d.scope(u.at.host)
	sc.Run, sc.Outputs = u.d.parent.id, u.d.parent.led.outputs()
	var argv []string
	for _, a := range u.pr.unit.step.Undo.Argv {
		s, err := u.d.r.p.Text(a, sc)
		if err != nil {
			return nil, err
		}
		argv = append(argv, s)
	}
	return argv, nil
}

func (u *undoing) kind() step.Kind { return u.d.r.p.Kinds[u.pr.unit.step.Kind] }

// look observes whether the effect is gone.
func (u *undoing) look(ctx context.Context) (step.Seen, error) {
	if u.pr.unit.step.Undo.Mode != "command" {
		return u.kind().Undone(ctx, u.env.Env, u.rec)
	}
	p, exit, err := u.env.Jobs.Find(ctx, "undo")
	if err != nil {
		return step.Seen{}, err
	}
	return step.Seen{OK: p == step.Ended && exit == 0, Changed: true, Line: fmt.Sprintf("the undo command ended with exit %d", exit)}, nil
}
