package run

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

const (
	kindDeploy   = "deploy"
	kindRollback = "rollback"
)

// newID is the id of a run: ids sort by time.
func (r *Runs) newID() string {
	now := r.p.Now().UTC()
	// Two digits of base 36 hold a thousand milliseconds: a run and its way back may begin in the same second.
	ms := strconv.FormatInt(int64(now.Nanosecond())/int64(time.Millisecond), 36)
	return now.Format("20060102-150405-") + strings.Repeat("0", 2-len(ms)) + ms + strings.ToLower(rand.Text()[:4])
}

// Start implements Service.
func (r *Runs) Start(ctx context.Context, p *Plan, o Options) (string, error) {
	id := r.newID()
	if err := r.start(ctx, id, p, o); err != nil {
		return "", fmt.Errorf("%s %s: %w", p.Kind, p.Deploy.Name, err)
	}
	return id, nil
}

func (r *Runs) start(ctx context.Context, id string, p *Plan, o Options) error {
	if err := agreed(p, o); err != nil {
		return err
	}
	lay, err := r.lay(p.Deploy, o.Only)
	if err != nil {
		return err
	}
	audit := &auditLines{}
	perm, err := r.p.Gate.Begin(ops.Operation{
		Verb: p.Kind, Object: p.Deploy.Name + " in " + p.Deploy.Env, Hosts: lay.locks, Typed: o.Typed, Run: id, Plan: p.Fingerprint,
		Key: "run " + p.Deploy.Name + "." + p.Deploy.Env, Mirror: audit.add,
	})
	if err != nil {
		return err
	}
	d := r.newDriver(id, lay, perm, audit)
	if err = r.begin(ctx, d, p, o); err != nil {
		_ = perm.End("not begun", err)
		d.discard(ctx)
	}
	return err
}

// agreed refuses a plan that cannot be run, or to which the operator did not agree.
func agreed(p *Plan, o Options) error {
	switch {
	case len(p.Faults) > 0:
		return fmt.Errorf("%w: %s", ErrFaults, strings.Join(p.Faults, "; "))
	case len(p.Consent) > 0 && !o.Consent:
		return fmt.Errorf("%w: %s", ErrConsent, strings.Join(p.Consent, "; "))
	case p.TypeWord != "" && o.Word != p.TypeWord:
		return fmt.Errorf("%w: the schema is crossed: type %q to go on", ErrConsent, p.TypeWord)
	}
	return nil
}

// newDriver makes a driver that holds nothing but its permit.
func (r *Runs) newDriver(id string, lay *layout, perm *ops.Permit, audit *auditLines) *driver {
	ctx, cancel := context.WithCancelCause(r.p.Context)
	d := &driver{
		r: r, id: id, dir: r.runDir(id), lay: lay, perm: perm, audit: audit, ctx: ctx, cancel: cancel, done: make(chan struct{}),
		links: map[string]*link{}, lives: map[spot]*live{}, changed: make(chan struct{}), answers: map[string]chan step.Answer{},
		led: newLedger(),
	}
	d.outs = newOutputs(d.dir)
	context.AfterFunc(perm.Context(), func() { cancel(errLeft) })
	return d
}

// discard forgets a run of which nothing but its beginning was written, here and on its hosts.
func (d *driver) discard(ctx context.Context) {
	d.letGo(ctx)
	d.parent.drop()
	d.cancel(errLeft)
	d.work.Wait()
	if d.j != nil {
		_ = d.j.Close()
		_ = os.RemoveAll(d.dir)
	}
}

// letGo leaves the hosts of a run under which nothing was done.
func (d *driver) letGo(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer stop()
	for _, l := range d.links {
		if l.lock != nil {
			_ = l.once().Held(l.lock.Record).Release(ctx)
			_ = l.once().Remove(ctx, d.id)
		}
	}
}

// begin looks again whether the hosts are as planned, opens the journal, takes the locks, and drives.
func (r *Runs) begin(ctx context.Context, d *driver, p *Plan, o Options) error {
	if err := r.same(ctx, p, o); err != nil {
		return err
	}
	def, err := encodeDefinition(p.Deploy)
	if err != nil {
		return err
	}
	d.open = openData{
		Deploy: p.Deploy.Name, Env: p.Deploy.Env, Kind: p.Kind, Parent: p.Parent, Who: r.p.Who, From: r.p.From,
		Reason: d.perm.Reason(), Base: base(p.Deploy), Definition: def, Vars: o.Vars, Hosts: d.lay.hosts, LockHosts: d.lay.locks,
		Only: o.Only, FromStep: o.FromStep, Yes: o.Yes, Bad: o.Bad, Production: p.TypeNames,
	}
	d.vars, d.ask, d.base = vars(p.Deploy, o.Vars), !o.Yes, base(p.Deploy)
	if d.j, _, err = journal.Open(filepath.Join(d.dir, journalFile)); err != nil {
		return err
	}
	if err := d.append(KindOpen, spot{}, 0, d.open); err != nil {
		return err
	}
	if err := d.append(KindPlan, spot{}, 0, planRecord(p, d.lay)); err != nil {
		return err
	}
	if err := d.makeLinks(ctx); err != nil {
		return err
	}
	if err := d.takeParent(ctx); err != nil {
		return err
	}
	over := ""
	if p.Kind == kindRollback {
		over = p.Parent
	}
	err = d.takeLocks(ctx, over, o.Takeover)
	if errors.Is(err, remote.ErrHeld) && o.Queue {
		if err := d.phase(Queued, d.clean(err.Error()), ""); err != nil {
			return err
		}
		d.parent.drop() // to plan again is to read it again
		d.parent = nil
		return r.launch(d, func() error {
			if err := d.queue(over, o.Takeover); err != nil {
				return err
			}
			// Whoever held the locks may have changed what was planned for.
			if err := r.same(d.ctx, p, o); err != nil {
				return err
			}
			if err := d.takeParent(d.ctx); err != nil {
				return err
			}
			return d.locked(d.ctx)
		})
	}
	if err != nil {
		return err
	}
	if err := d.locked(ctx); err != nil {
		return err
	}
	return r.launch(d, nil)
}

// takeParent opens the run that this one takes back, when it is a rollback.
func (d *driver) takeParent(ctx context.Context) (err error) {
	if d.open.Kind == kindRollback {
		d.parent, err = d.r.openParent(ctx, d, d.open.Parent)
	}
	return err
}

// same reads the plan again and compares.
func (r *Runs) same(ctx context.Context, p *Plan, o Options) error {
	now, err := r.readAgain(ctx, p.Kind, p.Parent, p.Deploy, o)
	if err != nil {
		return err
	}
	if now.Fingerprint != p.Fingerprint {
		return fmt.Errorf("%w: %s", ErrChanged, strings.Join(differences(p, now), "; "))
	}
	return nil
}

func (r *Runs) readAgain(ctx context.Context, kind, parent string, def *deploy.Definition, o Options) (*Plan, error) {
	if kind == kindRollback {
		return r.readBack(ctx, parent, o)
	}
	return r.read(ctx, def, o)
}

// asPlanned is same for a run that was planned by a program that has ended since: only the fingerprint of the plan
// is left.
func (d *driver) asPlanned(ctx context.Context) error {
	o := Options{Only: d.open.Only, FromStep: d.open.FromStep, Vars: d.open.Vars}
	now, err := d.r.readAgain(ctx, d.open.Kind, d.open.Parent, d.lay.def, o)
	if err != nil {
		return err
	}
	if now.Fingerprint != d.led.plan.Fingerprint {
		return fmt.Errorf("%w: what it would do is not what was agreed to: plan again", ErrChanged)
	}
	return nil
}

func planRecord(p *Plan, lay *layout) planData {
	rec := planData{Fingerprint: p.Fingerprint}
	for _, s := range p.Steps {
		ps := planStepData{
			ID: s.ID, Kind: s.Kind, Title: s.Title, Phase: s.Phase, Group: s.Group, Gate: s.Gate, NoReturn: s.NoReturn,
			Skip: s.Skip, Usual: s.Usual,
		}
		if p.Kind == kindDeploy {
			ps.MaxFailures = maxFailures(lay, s)
		}
		for _, h := range s.Hosts {
			if s.Kind != kindGroup {
				ps.Hosts = append(ps.Hosts, planHostData{Host: h.Host, Way: h.Change.Back, Back: h.Change.BackLines})
			}
		}
		rec.Steps = append(rec.Steps, ps)
	}
	return rec
}

// maxFailures is how many hosts may fail a step: its own number, or that of its group.
func maxFailures(lay *layout, s PlanStep) int {
	for _, u := range lay.units {
		if u.group == "" && (u.id == s.ID || u.id == s.Group) {
			return u.step.Batch.MaxFailures
		}
	}
	return 0
}

// makeLinks opens every host that the lock lies on.
func (d *driver) makeLinks(ctx context.Context) error {
	for _, name := range d.open.LockHosts {
		h, err := d.r.remote(ctx, name)
		if err != nil {
			return err
		}
		d.links[name] = d.newLink(h)
	}
	return nil
}

// remote is a host on which midwatch keeps things.
func (r *Runs) remote(ctx context.Context, name string) (*remote.Host, error) {
	c, err := r.p.Conn(ctx, name)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	known, ok := r.hosts[name]
	r.mu.Unlock()
	if ok {
		h := known
		h.Conn = c
		return &h, nil
	}
	root := r.p.Root
	if r.p.RootOf != nil {
		root = r.p.RootOf(name)
	}
	h, err := remote.Open(ctx, name, c, root, true)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	h.Now = r.p.Now
	r.hosts[name] = *h
	r.mu.Unlock()
	return h, nil
}

// queue waits for the locks.
func (d *driver) queue(over string, takeover bool) error {
	const least, most = 500 * time.Millisecond, 5 * time.Second
	pause := least
	for {
		if err := d.sleep(pause); err != nil {
			return err
		}
		err := d.takeLocks(d.ctx, over, takeover)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, remote.ErrHeld) && !remote.Unreached(err):
			return err
		}
		if why := d.clean(err.Error()); why != d.noted() {
			if err := d.append(KindState, spot{}, 0, stateData{Phase: Queued, Note: why}); err != nil {
				return err
			}
		}
		pause = min(pause*2, most)
	}
}

func (d *driver) noted() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.led.note
}

// launch drives the run beside who started it; first waits for what is still missing.
func (r *Runs) launch(d *driver, first func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ops.ErrClosed
	}
	r.live[d.id] = d
	// One reader: a message is heard once, while the run waits for its locks as well.
	d.work.Go(func() { d.watchInbox() })
	r.work.Go(func() {
		if first == nil {
			d.drive()
			return
		}
		if err := first(); err != nil {
			defer close(d.done)
			d.unlocked(err)
			return
		}
		d.drive()
	})
	return nil
}

// unlocked ends a run that had to wait for its locks and does nothing.
func (d *driver) unlocked(err error) {
	d.letGo(d.ctx)
	d.parent.drop()
	phase := Failure
	if errors.Is(err, errCancelled) {
		phase = Cancelled
	}
	if d.ctx.Err() == nil {
		_ = d.append(KindClose, spot{}, 0, closeData{Phase: phase, Note: "nothing was done: " + d.clean(err.Error())})
	}
	_ = d.perm.End("nothing was done", err)
	d.end()
}
