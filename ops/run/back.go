package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/step"
)

// pair is a step on a host, in the order of taking back.
type pair struct {
	unit unit
	host string
}

// backOrder is the order in which a run is taken back: the last step first, within a group host by host; what
// starts things again after everything that those things read.
func (r *Runs) backOrder(lay *layout, led *ledger, o Options) []pair {
	owed := func(u unit, host string) bool {
		switch {
		case u.step.Kind == kindGroup, len(o.Only) > 0 && host != "" && !slices.Contains(o.Only, host):
			return false
		case len(o.Steps) > 0 && !slices.Contains(o.Steps, u.id) && !slices.Contains(o.Steps, u.group):
			return false
		}
		s, ok := led.byID[u.id]
		return ok && s.host(host).owed()
	}
	var out []pair
	add := func(units []unit, host string, late bool) {
		for _, u := range slices.Backward(units) {
			if owed(u, host) && r.late(u) == late {
				out = append(out, pair{u, host})
			}
		}
	}
	for _, late := range []bool{false, true} {
		for _, u := range slices.Backward(lay.units) {
			if u.group != "" {
				continue
			}
			for _, host := range slices.Backward(u.hosts) {
				if u.step.Kind != kindGroup {
					add([]unit{u}, host, late)
				} else if !late {
					add(lay.children(u.id), host, false)
					add(lay.children(u.id), host, true)
				}
			}
		}
	}
	return out
}

func (r *Runs) late(u unit) bool {
	k, ok := r.p.Kinds[u.step.Kind]
	return ok && step.IsLate(k, u.step.Settings)
}

// PlanRollback implements Service.
func (r *Runs) PlanRollback(ctx context.Context, id string, o Options) (*Plan, error) {
	p, err := r.readBack(ctx, id, o)
	if err != nil {
		return nil, fmt.Errorf("plan the rollback of %s: %w", id, err)
	}
	p.Lock = r.lockLines(ctx, p.Deploy, p.Hosts)
	return p, nil
}

// readBack is what taking a run back would do, as its hosts are now.
func (r *Runs) readBack(ctx context.Context, id string, o Options) (*Plan, error) {
	led, err := r.fetch(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	if led.open.Kind == kindRollback {
		return nil, errors.New("it is a rollback: deploy again to go forward")
	}
	def, err := r.definitionOf(ctx, led)
	if err != nil {
		return nil, err
	}
	lay, err := r.lay(def, led.open.Only)
	if err != nil {
		return nil, err
	}
	p := &Plan{Deploy: def, Kind: kindRollback, Parent: id, Made: r.p.Now(), Hosts: led.open.Hosts}
	if busy, _ := journal.Busy(filepath.Join(r.runDir(id), journalFile)); busy {
		p.Faults = append(p.Faults, "the run is at work: cancel it first")
	}
	saw := []string{id}
	reader := &backReader{r: r, lay: lay, led: led, plan: p, ctx: ctx}
	for _, pr := range r.backOrder(lay, led, o) {
		saw = append(saw, pr.unit.id, pr.host, reader.one(pr))
	}
	if len(p.Steps) == 0 {
		p.Faults = append(p.Faults, "nothing of it can or has to be taken back")
	}
	p.Fingerprint = sum(saw...)
	for _, name := range p.Hosts {
		if h, _ := r.p.Host(name); h.Production {
			p.TypeNames = append(p.TypeNames, name)
		}
	}
	return p, nil
}

// backReader reads what undoing the steps of a run would do.
type backReader struct {
	r    *Runs
	lay  *layout
	led  *ledger
	plan *Plan
	ctx  context.Context //nolint:containedctx // of one reading
}

// one adds a step on a host to the plan and returns what the plan depends on.
func (b *backReader) one(pr pair) string {
	h := b.led.byID[pr.unit.id].host(pr.host)
	ch := step.Change{Lines: h.undo.Lines, Back: h.undo.Way, BackLines: h.undo.Lines, Takes: h.ended.Sub(h.first)}
	if h.ended.IsZero() || ch.Takes < 0 {
		ch.Takes = 0
	}
	ph := PlanHost{Host: pr.host}
	saw := h.undo.SHA
	switch mode := pr.unit.step.Undo.Mode; {
	case mode == "command":
	case mode == "none" || ch.Back == step.BackIrreversible || ch.Back == step.BackManual:
		ch.Lines = []string{"by hand: " + strings.Join(h.undo.Lines, "; ")}
		ch.Back = max(ch.Back, step.BackIrreversible)
	default:
		drift, err := b.drift(pr)
		if err != nil {
			ph.Err = err.Error()
			b.plan.Faults = append(b.plan.Faults, where(pr.unit.id, pr.host)+": "+err.Error())
		}
		for _, line := range drift {
			ch.Asks = append(ch.Asks, line)
			b.plan.Consent = append(b.plan.Consent, where(pr.unit.id, pr.host)+": changed since the run: "+line)
		}
		saw += strings.Join(drift, "\n")
	}
	b.schema(pr, h, &ch)
	ph.Change = ch
	b.add(pr, ph)
	return saw + ph.Err
}

// drift asks the kind what somebody else changed since.
func (b *backReader) drift(pr pair) (lines []string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fault of the console, please report: %v", v)
		}
	}()
	kind, ok := b.r.p.Kinds[pr.unit.step.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q is not known", pr.unit.step.Kind)
	}
	sc := b.r.scope(b.lay, b.led.id, pr.host, vars(b.lay.def, b.led.open.Vars), b.led.outputs(), false)
	e, err := b.r.env(b.ctx, b.lay, pr.unit, pr.host, sc)
	if err != nil {
		return nil, err
	}
	s, err := b.r.storeOf(b.ctx, b.led, pr.unit.id, pr.host)
	if err != nil {
		return nil, err
	}
	u, err := readUndo(b.ctx, s, b.led.byID[pr.unit.id].host(pr.host).undo.SHA)
	if err != nil {
		return nil, fmt.Errorf("not possible any more: %w", err)
	}
	h := b.r.here()
	if pr.host != "" {
		if h, err = b.r.remote(b.ctx, pr.host); err != nil {
			return nil, err
		}
	}
	e.Try = b.led.byID[pr.unit.id].host(pr.host).try
	e.Jobs = h.Jobs(b.led.id, fmt.Sprintf("%s.%d", pr.unit.id, e.Try))
	e.Store, e.Undoing, e.Outputs = s, true, b.led.flatOutputs(pr.host)
	return kind.Drift(b.ctx, e, u)
}

// storeOf is where the undo record of a step of a run lies.
func (r *Runs) storeOf(ctx context.Context, led *ledger, id, host string) (step.Store, error) {
	if host != "" {
		h, err := r.remote(ctx, host)
		if err != nil {
			return nil, err
		}
		return h.StoreOf(led.id, id), nil
	}
	near := r.here().StoreOf(led.id, id)
	if len(led.open.LockHosts) == 0 {
		return near, nil
	}
	h, err := r.remote(ctx, led.open.LockHosts[0])
	if err != nil {
		return nil, err
	}
	return twoStores{near: near, far: h.StoreOf(led.id, id+"@local")}, nil
}

// schema asks for the typed version where code goes back over a schema that stays.
func (b *backReader) schema(pr pair, h *hostLedger, ch *step.Change) {
	m, ok := pr.unit.step.Settings.(*deploy.Migrate)
	if !ok || ch.Back != step.BackIrreversible && ch.Back != step.BackManual {
		return
	}
	before, after := h.outputs["before"], h.outputs["after"]
	if before == after {
		return
	}
	line := fmt.Sprintf("schema %s → %s stays as it is; declared reversible: %s", before, after, orText(m.Reversible, "no"))
	ch.Lines = append(ch.Lines, line)
	b.plan.Warnings = append(b.plan.Warnings, line)
	if m.Reversible != "expand-contract" {
		b.plan.TypeWord = orText(after, "unknown")
	}
}

func (b *backReader) add(pr pair, ph PlanHost) {
	i := slices.IndexFunc(b.plan.Steps, func(s PlanStep) bool { return s.ID == pr.unit.id })
	if i < 0 {
		u := pr.unit
		b.plan.Steps = append(b.plan.Steps, PlanStep{
			ID: u.id, Kind: u.step.Kind, Title: u.step.Title, Phase: phaseTitle(b.lay.def, u.step.Phase), Group: u.group,
		})
		i = len(b.plan.Steps) - 1
	}
	b.plan.Steps[i].Hosts = append(b.plan.Steps[i].Hosts, ph)
}

// backward takes the parent back.
func (d *driver) backward() error {
	if err := d.parent.begin(d.ctx, d); err != nil {
		return err
	}
	o := Options{Only: d.open.Only}
	for _, s := range d.led.plan.Steps {
		o.Steps = append(o.Steps, s.ID)
	}
	var failed *failedError
	broken := map[string]bool{} // hosts where something is not as before
	for _, pr := range d.r.backOrder(d.lay, d.parent.led, o) {
		if err := d.point(); err != nil {
			return err
		}
		if !d.planned(pr) {
			continue
		}
		at := spot{pr.unit.id, pr.host}
		if was := d.at(at); was.undone == StepUndone || was.undone == StepManual {
			continue
		}
		if d.r.late(pr.unit) && broken[pr.host] {
			line := "not started again: an earlier step could not be taken back on this host"
			if err := d.undoResult(at, resultData{State: StepUndoFailed, Line: line}); err != nil {
				return err
			}
			continue
		}
		err := d.undoUntilDecided(pr)
		var f *failedError
		switch {
		case errors.As(err, &f):
			broken[pr.host] = true
			if failed == nil {
				failed = f
			}
		case err != nil:
			return err
		}
	}
	if failed != nil {
		return failed
	}
	return nil
}

// planned reports whether the plan that was agreed to has the step on the host.
func (d *driver) planned(pr pair) bool {
	for _, s := range d.led.plan.Steps {
		if s.ID == pr.unit.id {
			return slices.ContainsFunc(s.Hosts, func(h planHostData) bool { return h.Host == pr.host })
		}
	}
	return false
}

// undoUntilDecided undoes a step, and asks what to do when that fails.
func (d *driver) undoUntilDecided(pr pair) error {
	for {
		err := d.undoOne(pr)
		var f *failedError
		if !errors.As(err, &f) || !d.ask {
			return err
		}
		a, qerr := d.question(d.ctx, spot{pr.unit.id, pr.host}, step.Question{
			Kind: "choose", Text: "Not taken back: " + f.Error(), Choices: []string{choiceRetry, choiceSkip, choiceStop},
		}, time.Time{})
		if qerr != nil {
			return qerr
		}
		switch a.Choice {
		case choiceRetry:
			continue
		case choiceStop:
			return fmt.Errorf("stopped by %s after: %s", orText(a.Who, d.open.Who), f.Error())
		}
		return err
	}
}

// undoOne undoes one step on one host.
func (d *driver) undoOne(pr pair) error {
	at := spot{pr.unit.id, pr.host}
	was := d.at(at)
	old := d.parentAt(at)
	if d.byHand(pr, old) {
		line := "by hand: " + strings.Join(old.undo.Lines, "; ")
		return d.undoResult(at, resultData{State: StepManual, Line: line})
	}
	n := was.undoTry
	resumed := was.undoing
	if !resumed {
		n++
		if err := d.append(KindUndoIntent, at, n, struct{}{}); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(d.ctx)
	defer cancel(nil)
	d.mu.Lock()
	d.stops = append(d.stops, cancel)
	d.mu.Unlock()
	watch := newStopwatch(orDefault(pr.unit.step.Timeout, defaultTimeout(pr.unit.step)), func() { cancel(errTimeout) })
	defer watch.stop()
	defer d.watched(pr.host, watch)()
	defer d.quiet(at)
	u := &undoing{d: d, pr: pr, at: at, n: n, old: old, watch: watch}
	seen, err := u.run(ctx, resumed)
	res := resultData{State: StepUndone, Line: d.clean(seen.Line)}
	for _, l := range seen.Lines[:min(len(seen.Lines), maxEvidence)] {
		res.Lines = append(res.Lines, d.clean(l))
	}
	cause := context.Cause(ctx)
	switch {
	case err == nil:
		return d.undoResult(at, res)
	case d.ctx.Err() != nil && !errors.Is(cause, errCancelled):
		return context.Cause(d.ctx)
	case errors.Is(cause, errCancelled):
		err = errCancelled
	case errors.Is(cause, errTimeout):
		err = fmt.Errorf("took longer than %v", watch.limit)
	}
	res.State, res.Line = StepUndoFailed, d.clean(err.Error())
	if rerr := d.undoResult(at, res); rerr != nil {
		return rerr
	}
	if errors.Is(cause, errCancelled) {
		return errCancelled
	}
	return &failedError{step: where(at.step, at.host), line: res.Line}
}

func (d *driver) parentAt(at spot) hostLedger {
	return *d.parent.led.step(at.step).host(at.host)
}

// byHand reports a step that only a person can take back.
func (d *driver) byHand(pr pair, old hostLedger) bool {
	switch {
	case pr.unit.step.Undo.Mode == "command":
		return false
	case pr.unit.step.Undo.Mode == "none":
		return true
	}
	return old.undo.Way == step.BackIrreversible || old.undo.Way == step.BackManual
}

func (d *driver) undoResult(at spot, res resultData) error {
	return d.append(KindUndoResult, at, d.at(at).undoTry, res)
}

// backOperation is the operation of a rollback.
func (r *Runs) backOperation(lay *layout, parent string, audit *auditLines) ops.Operation {
	return ops.Operation{
		Verb: kindRollback, Object: lay.def.Name + " in " + lay.def.Env + ", run " + parent, Hosts: lay.locks,
		Key: "run " + lay.def.Name + "." + lay.def.Env, Mirror: audit.add,
	}
}

// rollbackNow takes a run back that failed, as it was agreed when it was started. What a person has to decide is
// left to one: then the run stays as it is, and its locks are given back.
func (r *Runs) rollbackNow(failed *driver, perm *ops.Permit, lines *auditLines) {
	ctx := context.WithoutCancel(failed.ctx)
	p, err := r.readBack(ctx, failed.id, Options{})
	if err == nil {
		err = agreed(p, Options{})
	}
	var d *driver
	if err == nil {
		d = r.newDriver(r.newID(), failed.lay, perm, lines)
		err = r.begin(ctx, d, p, Options{Yes: !failed.ask})
	}
	if err == nil {
		return
	}
	_ = perm.End("not begun", err)
	if d != nil {
		d.discard(ctx)
	}
	r.p.Log.Error("the way back was not begun", "run", failed.id, "err", err)
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if err := r.notBegun(ctx, failed, err); err != nil {
		r.p.Log.Error("nor could that be written down", "run", failed.id, "err", err)
	}
	for _, l := range failed.links {
		_ = l.once().Held(l.lock.Record).Release(ctx)
	}
}

// notBegun writes into the journal of a run that failed why it was not taken back by itself, so that whoever
// reads the run learns of it.
func (r *Runs) notBegun(ctx context.Context, failed *driver, why error) error {
	p, err := r.openParent(ctx, failed, failed.id)
	if err != nil {
		return err
	}
	defer p.drop()
	note := p.led.note + "; it was not taken back by itself: " + failed.clean(why.Error())
	if err := p.append(KindState, spot{}, 0, stateData{Phase: Failure, Note: strings.TrimPrefix(note, "; "), By: failed.open.Who}); err != nil {
		return err
	}
	return p.tell(ctx, failed)
}
