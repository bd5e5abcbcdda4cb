package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

const (
	undoFile = "undo.json"
	// sameFault is how often an error of the way to a host is believed though the host answers at once.
	sameFault = 3
	// maxEvidence is how many lines of what a step saw are kept.
	maxEvidence = 50
)

// defaultTimeout bounds a step that says nothing; 0 is no bound. Those that wait for people or things have limits
// of their own.
func defaultTimeout(s deploy.Step) time.Duration {
	switch s.Kind {
	case "approve", "wait", "drain":
		return 0
	case "verify", "gate":
		if g, ok := s.Settings.(*deploy.Gate); ok && len(g.Manual) > 0 {
			return 0
		}
	case "systemd", "nginx":
		return 2 * time.Hour // drains have limits of their own
	}
	return 30 * time.Minute
}

// try is one attempt of a step on a host.
type try struct {
	d      *driver
	u      unit
	at     spot
	n      int
	kind   step.Kind
	env    *step.Env
	store  step.Store
	undo   step.Undo
	out    map[string]string
	watch  *stopwatch
	jobs   *remote.Jobs
	before string // digest of the undo record, for the audit log
	known  bool   // undo was recorded before
	faults int    // errors of the way to the host in a row, though it answered
}

// stage is what a try does next.
type stage int

const (
	recording stage = iota
	acting
	verifying
	probing
)

// one runs a step on a host to its result, from the start or from where a crash left it. The error is nil for a
// step that is done, a *failedError when it is not, or why the driver ends.
func (d *driver) one(u unit, host string) error {
	at := spot{u.id, host}
	was := d.at(at)
	switch {
	case was.skip != "":
		return d.result(at, max(was.try, 1), resultData{State: StepSkipped, Line: "skipped: " + was.skip})
	case d.skippedByWhen(u, host):
		return nil
	}
	t := &try{d: d, u: u, at: at, n: was.try, out: map[string]string{}}
	first := recording
	// A record that says that nothing has to be done is made again: nothing was done under it.
	t.known = was.undo != nil && !was.undo.Nothing
	unknown := was.state == StepUnknown
	switch {
	case t.known && (was.begun || unknown):
		first = probing
	case t.known:
		first = acting
	}
	if !was.begun {
		if !unknown {
			t.n++ // the jobs of a try of which nobody knows how it ended have its number
		}
		if err := d.append(KindIntent, at, t.n, struct{}{}); err != nil {
			return err
		}
	}
	if t.known {
		t.before = was.undo.SHA
	}
	ctx, cancel := context.WithCancelCause(d.ctx)
	defer cancel(nil)
	d.mu.Lock()
	d.stops = append(d.stops, cancel)
	stopped := d.led.cancelled != ""
	d.mu.Unlock()
	if stopped {
		cancel(errCancelled)
	}
	t.watch = newStopwatch(orDefault(u.step.Timeout, defaultTimeout(u.step)), func() { cancel(errTimeout) })
	defer t.watch.stop()
	defer d.watched(host, t.watch)()
	defer d.quiet(at)
	seen, err := t.run(ctx, first)
	return t.end(ctx, seen, err)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// skippedByWhen records a step of a group whose when says no on this host.
func (d *driver) skippedByWhen(u unit, host string) bool {
	why := d.r.when(u, d.scope(host))
	if why == "" {
		return false
	}
	_ = d.result(spot{u.id, host}, 1, resultData{State: StepSkipped, Line: why})
	return true
}

// run goes through the stages; a host that cannot be reached is waited for, and then it is looked how far the step
// got there.
func (t *try) run(ctx context.Context, s stage) (seen step.Seen, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fault of the console, please report: %v", v)
		}
	}()
	if err := t.prepare(ctx); err != nil {
		return seen, err
	}
	var audited func(after, result string, err error) error
	defer func() {
		if audited != nil {
			if aerr := audited(seen.Line, t.d.clean(resultLine(seen, err)), err); aerr != nil && err == nil {
				err = aerr
			}
		}
	}()
	for {
		if s == acting && audited == nil {
			// The record is on the host, and so is the journal that speaks of it: now, and only now, it may begin.
			if err := t.reach(ctx); err != nil {
				return seen, err
			}
			if audited, err = t.d.perm.Act(t.u.step.Kind, hostName(t.at.host), t.at.step, t.before); err != nil {
				return seen, err
			}
		}
		next, err := t.stage(ctx, s, &seen)
		switch {
		case err == nil && next < 0:
			return seen, nil
		case err == nil:
			if s != probing { // looking how far it got is no progress: what always fails would be tried for ever
				t.faults = 0
			}
			s = next
			continue
		case ctx.Err() != nil:
			return seen, context.Cause(ctx)
		case !remote.Unreached(err):
			return seen, err
		case s == acting && t.lostAnswer():
			// There is no host to be waited for. What was sent may have arrived: it is looked for, or asked about.
			s = probing
			continue
		}
		if err := t.await(ctx, err); err != nil {
			return seen, err
		}
		if s == acting {
			s = probing
		}
	}
}

// lostAnswer reports a step without a host whose order may have had an effect that cannot be told from here; one
// that may be repeated, or was repeated too often, has failed.
func (t *try) lostAnswer() bool {
	if t.d.links[t.at.host] != nil || t.kind.Class(t.env.Settings) == step.Repeat {
		return false
	}
	t.faults++
	return t.faults < sameFault
}

func hostName(h string) string {
	if h == "" {
		return "local"
	}
	return h
}

func resultLine(seen step.Seen, err error) string {
	if err != nil {
		return "not done"
	}
	return seen.Line
}

// ended is no stage.
const ended stage = -1

func (t *try) stage(ctx context.Context, s stage, seen *step.Seen) (stage, error) {
	switch s {
	case recording:
		u, err := t.kind.Record(ctx, t.env)
		if err != nil {
			return 0, err
		}
		t.undo = asDeclared(u, t.u.step.Undo)
		if err := t.keep(ctx); err != nil {
			return 0, err
		}
		if u.Nothing {
			return verifying, nil
		}
		return acting, nil
	case acting:
		if t.undo.Nothing {
			return verifying, nil
		}
		t.d.outs.rewind(t.at)
		return verifying, t.kind.Act(ctx, t.env, t.undo)
	case probing:
		return t.probe(ctx)
	}
	got, err := t.kind.Verify(ctx, t.env, t.undo)
	if err != nil {
		return 0, err
	}
	if *seen = got; !got.OK {
		return 0, fmt.Errorf("%w: %s", step.ErrNotDone, orText(got.Line, "what was to be seen is not there"))
	}
	return ended, nil
}

// asDeclared is an undo record with the way back that the definition names instead of the kind's own.
func asDeclared(u step.Undo, spec deploy.UndoSpec) step.Undo {
	if u.Nothing {
		return u
	}
	switch spec.Mode {
	case "command":
		u.Way, u.Lines = step.BackCompensating, []string{orText(spec.Note, undoByCommand)}
	case "none":
		if u.Way != step.BackNone {
			u.Way, u.Lines = step.BackIrreversible, []string{orText(spec.Note, noWayBack)}
		}
	}
	return u
}

// What is said of a way back that the definition names.
const (
	undoByCommand = "runs the command that the definition names"
	noWayBack     = "no way back: the definition says so"
)

// keep makes the undo record durable on the host, then says so in the journal, there as well.
func (t *try) keep(ctx context.Context) error {
	b, err := json.Marshal(t.undo)
	if err != nil {
		return err
	}
	if err := t.store.Put(ctx, undoFile, bytes.NewReader(b)); err != nil {
		return err
	}
	t.before = sum(string(b))
	d := undoData{Undo: t.undo, SHA: t.before}
	d.Data = nil // it lies on the host
	return t.d.append(KindUndoSaved, t.at, t.n, d)
}

// probe decides what becomes of a step that was begun.
func (t *try) probe(ctx context.Context) (stage, error) {
	p, err := t.kind.Probe(ctx, t.env, t.undo)
	if err != nil {
		return 0, err
	}
	class := t.kind.Class(t.env.Settings)
	switch {
	case p == step.NotStarted, p == step.Running:
		return acting, nil
	case p == step.Ended:
		return verifying, nil
	case class == step.Repeat:
		return acting, nil
	}
	t.watch.pause()
	defer t.watch.resume()
	a, err := t.d.question(ctx, t.at, step.Question{
		Kind: "choose", Text: "It was begun, and nobody can tell how it ended. What is the case?",
		Lines: t.undo.Lines, Choices: []string{choiceDone, choiceRedo, choiceFailed},
	}, time.Time{})
	if err != nil {
		return 0, fmt.Errorf("it was begun, and nobody can tell how it ended: %w", err)
	}
	switch a.Choice {
	case choiceDone:
		return verifying, nil
	case choiceRedo:
		return acting, nil
	}
	return 0, fmt.Errorf("%w: %s says that it was not done", step.ErrNotDone, orText(a.Who, "the operator"))
}

// The answers about a step of which nobody knows how it ended.
const (
	choiceDone   = "look whether it is done"
	choiceRedo   = "do it again"
	choiceFailed = "take it as failed"
)

// await waits for the host of the step to answer again. An error that comes again and again from a host that
// answers is not one of the way to it.
func (t *try) await(ctx context.Context, err error) error {
	t.watch.pause()
	defer t.watch.resume()
	l := t.d.links[t.at.host]
	if l == nil {
		return err
	}
	if l.ping(ctx) == nil {
		if t.faults++; t.faults >= sameFault {
			return fmt.Errorf("the host answers, and still: %w", errors.New(err.Error()))
		}
		return nil
	}
	return l.wait(ctx, err)
}

// reach brings the journal to the host of the step, or for a step on the operator's machine to the first host.
func (t *try) reach(ctx context.Context) error {
	t.watch.pause()
	defer t.watch.resume()
	if l := t.d.links[t.at.host]; l != nil {
		return l.sync(ctx)
	}
	if l := t.d.lead(); l != nil {
		return l.sync(ctx)
	}
	return nil
}

// end records how the try ended.
func (t *try) end(ctx context.Context, seen step.Seen, err error) error {
	res := resultData{
		State: StepOK, Line: t.d.clean(seen.Line), Outputs: t.d.cleanMap(t.out), Output: t.d.outs.size(t.at),
	}
	for _, l := range seen.Lines[:min(len(seen.Lines), maxEvidence)] {
		res.Lines = append(res.Lines, t.d.clean(l))
	}
	cause := context.Cause(ctx)
	switch {
	case err == nil && (t.undo.Nothing || !seen.Changed):
		res.State = StepNoChange
	case err == nil:
	case t.d.ctx.Err() != nil && !errors.Is(cause, errCancelled):
		return context.Cause(t.d.ctx) // nothing is said: nobody saw how it ended
	case errors.Is(cause, errCancelled), errors.Is(cause, errTimeout):
		res.State, res.Line = t.cutOff(cause)
	default:
		res.State, res.Line = StepFailed, t.d.clean(err.Error())+t.d.hint(err.Error())
	}
	if rerr := t.d.result(t.at, t.n, res); rerr != nil {
		return rerr
	}
	switch {
	case res.State == StepOK, res.State == StepNoChange:
		return nil
	case errors.Is(cause, errCancelled):
		return errCancelled
	}
	return &failedError{step: where(t.at.step, t.at.host), line: res.Line}
}

// cutOff ends the jobs of a try that was cancelled or took too long, and says what was seen of that.
func (t *try) cutOff(cause error) (StepPhase, string) {
	state, line := StepCancelled, "cancelled"
	if errors.Is(cause, errTimeout) {
		state, line = StepFailed, "took longer than "+t.watch.limit.String()
	}
	jobs := t.d.at(t.at).jobs
	if t.jobs == nil || len(jobs) == 0 {
		return state, line
	}
	for _, name := range jobs {
		// The driver's time: a host that cannot be reached is waited for, because only it can tell.
		if err := t.jobs.Stop(t.d.ctx, name); err != nil {
			return StepUnknown, line + ", and it cannot be told whether it has ended: " + t.d.clean(err.Error())
		}
	}
	return state, line + "; what it had started was stopped, as seen on " + hostName(t.at.host)
}

// hint is what the definition says about a failure.
func (d *driver) hint(text string) string {
	for _, h := range d.lay.def.Hints {
		if re, err := compiled(h.Match); err == nil && re.MatchString(text) {
			return " — " + d.clean(h.Say)
		}
	}
	return ""
}

// result records how a step ended on a host.
func (d *driver) result(at spot, n int, res resultData) error {
	res.Line = strings.TrimSpace(res.Line)
	if err := d.append(KindResult, at, n, res); err != nil {
		return err
	}
	return nil
}
