package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/journal"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

// Why a driver ends before its run does.
var (
	errLeft      = errors.New("the console was closed; the run can be resumed")
	errCancelled = errors.New("cancelled")
	errTimeout   = errors.New("took too long")
)

// failedError is a step that failed, and what is to be done about it.
type failedError struct {
	step     string
	line     string
	rollback bool
}

func (e *failedError) Error() string { return e.step + ": " + e.line }

// spot is a step on a host.
type spot struct{ step, host string }

// live is what a step on a host says of itself now; it is not kept.
type live struct {
	note        string
	done, total int64
}

// driver is a run that this process drives. One goroutine decides (drive); hosts of a batch work beside it.
type driver struct {
	r    *Runs
	id   string
	dir  string // of the run, on this machine
	lay  *layout
	open openData
	vars map[string]string
	base string // directory that local files of the definition are relative to
	ask  bool   // an operator is there to be asked
	perm *ops.Permit

	ctx    context.Context //nolint:containedctx // the life of the driver
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the driver has ended
	work   sync.WaitGroup

	j     *journal.Journal
	wmu   sync.Mutex // one record after the other, in the journal and in the ledger
	links map[string]*link
	audit *auditLines
	outs  *outputs

	mu      sync.Mutex // guards everything below
	led     *ledger
	lives   map[spot]*live
	gen     uint64
	changed chan struct{}
	answers map[string]chan step.Answer
	retries []spot
	stops   []context.CancelCauseFunc // of the steps that are at work
	warns   []string

	parent *parent // of a rollback
}

// bump wakes who waits for news; mu is held.
func (d *driver) bump() {
	d.gen++
	close(d.changed)
	d.changed = make(chan struct{})
}

// append writes a record and then knows of it. When it cannot be written, the driver ends: what cannot be recorded
// is not done.
func (d *driver) append(k string, at spot, try int, v any) error {
	d.wmu.Lock()
	defer d.wmu.Unlock()
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record %s: %w", k, err)
	}
	rec := Record{T: d.r.p.Now().UTC().Round(time.Millisecond), Run: d.id, K: k, Step: at.step, Host: at.host, Try: try, D: b}
	if d.r.p.OnRecord != nil {
		d.r.p.OnRecord(false, rec)
	}
	if rec, err = d.j.Append(rec); err != nil {
		err = fmt.Errorf("nothing more is done: %w", err)
		d.cancel(err)
		return err
	}
	if d.r.p.OnRecord != nil {
		d.r.p.OnRecord(true, rec)
	}
	d.mu.Lock()
	d.led.apply(rec)
	d.bump()
	d.mu.Unlock()
	for _, l := range d.links {
		l.poke()
	}
	return nil
}

// at returns a copy of what is known of a step on a host.
func (d *driver) at(s spot) hostLedger {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.led.step(s.step).host(s.host)
}

// say sets what a step on a host does now; "" takes it away.
func (d *driver) say(s spot, note string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lives[s] == nil {
		d.lives[s] = &live{}
	}
	if d.lives[s].note != note {
		d.lives[s].note = note
		d.bump()
	}
}

func (d *driver) quiet(s spot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lives, s)
	d.bump()
}

func (d *driver) warn(format string, a ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.warns = append(d.warns, fmt.Sprintf(format, a...))
	d.bump()
}

// clean makes text of hosts and people fit for records: without secrets, on one line.
func (d *driver) clean(s string) string {
	if d.r.p.Redact != nil {
		s = d.r.p.Redact(s)
	}
	return hosts.CleanLine(s)
}

func (d *driver) cleanMap(m map[string]string) map[string]string {
	for k, v := range m {
		if d.r.p.Redact != nil {
			v = d.r.p.Redact(v)
		}
		m[k] = v
	}
	return m
}

// snapshot is the state of the run with what is only known while it is driven.
func (d *driver) snapshot() (State, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st := d.led.state()
	st.Warnings = slices.Clone(d.warns)
	if !st.Phase.Ended() {
		st.Beat = d.r.p.Now()
	}
	for i := range st.Steps {
		for j := range st.Steps[i].Hosts {
			h := &st.Steps[i].Hosts[j]
			if v := d.lives[spot{st.Steps[i].ID, h.Host}]; v != nil && !settled(h.State) {
				h.Done, h.Total = v.done, v.total
				if h.Note == "" {
					h.Note = v.note
				}
			}
			if l := d.links[h.Host]; l != nil && (h.State == StepRunning || h.State == StepUndoing) {
				if why := l.lost(d.r.p.Now()); why != "" {
					h.State, h.Note = StepWaiting, why
					st.Steps[i].State = StepWaiting
				}
			}
		}
	}
	for _, name := range d.led.open.LockHosts {
		if l := d.links[name]; l != nil {
			if why := l.lost(d.r.p.Now()); why != "" {
				st.Warnings = append(st.Warnings, name+": "+why)
			}
		}
	}
	return st, d.gen
}

// drive goes over the run to its end, or to that of the driver.
func (d *driver) drive() {
	defer close(d.done)
	for _, l := range d.links {
		l.run()
	}
	err := d.guard(func() error {
		if d.open.Kind == kindRollback {
			return d.backward()
		}
		return d.forward()
	})
	d.finish(err)
}

// guard makes an error of a panic: the journal says what was begun.
func (d *driver) guard(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("fault of the console, please report: %v", v)
		}
	}()
	return do()
}

// finish closes the run when it came to an end, and leaves it as it is when only its driver did.
func (d *driver) finish(err error) {
	var failed *failedError
	phase, note := Success, ""
	cause := context.Cause(d.ctx)
	switch {
	case err == nil:
	case errors.Is(err, errCancelled):
		phase, note = Cancelled, d.cancelReason()
	case errors.As(err, &failed):
		phase, note = Failure, failed.Error()
	case cause != nil:
		d.leave(cause)
		return
	default:
		phase, note = Failure, d.clean(err.Error())
	}
	ctx := context.WithoutCancel(d.ctx)
	if d.parent != nil {
		if err := d.parent.close(ctx, d, phase == Success); err != nil {
			d.warn("the run that was taken back: %v", err)
		}
	}
	note = d.owing(phase, note)
	if err := d.append(KindClose, spot{}, 0, closeData{Phase: phase, Note: note}); err != nil {
		d.leave(err)
		return
	}
	d.current(ctx, phase)
	back := failed != nil && failed.rollback && d.parent == nil
	d.release(ctx, back)
	var next *ops.Permit
	lines := &auditLines{}
	if back {
		var err error
		if next, err = d.perm.Then(d.r.backOperation(d.lay, d.id, lines)); err != nil {
			d.warn("the way back: %v", err)
		}
	}
	result := string(phase)
	if note != "" {
		result += ": " + note
	}
	if err := d.perm.End(result, nil); err != nil {
		d.warn("%v", err)
	}
	d.end()
	if next != nil {
		d.r.rollbackNow(d, next, lines)
	}
}

// owing adds to the note of a run that did not succeed what it left behind.
func (d *driver) owing(phase Phase, note string) string {
	if phase == Success || d.open.Kind == kindRollback {
		return note
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, s := range d.led.steps {
		if slices.ContainsFunc(s.hosts, (*hostLedger).owed) {
			n++
		}
	}
	switch n {
	case 0:
		return strings.TrimPrefix(note+"; nothing has to be taken back", "; ")
	case 1:
		return strings.TrimPrefix(note+"; 1 step can be taken back", "; ")
	}
	return strings.TrimPrefix(fmt.Sprintf("%s; %d steps can be taken back", note, n), "; ")
}

func (d *driver) cancelReason() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.led.cancelled
}

// leave ends the driver and nothing else: the locks stay, and go stale.
func (d *driver) leave(why error) {
	if d.j != nil && !errors.Is(why, remote.ErrFenced) {
		_ = d.append(KindNote, spot{}, 0, noteData{Text: "left: " + d.clean(why.Error())})
		d.meta(context.WithoutCancel(d.ctx))
	}
	_ = d.perm.End("interrupted", why)
	d.end()
}

// end stops everything that runs beside the driver and gives the journal back.
func (d *driver) end() {
	d.cancel(errLeft)
	d.work.Wait()
	d.outs.close()
	if err := d.j.Close(); err != nil {
		d.r.p.Log.Error("close a journal", "run", d.id, "err", err)
	}
	d.r.forget(d)
}

// release gives the locks back, and says so. keep leaves them for the rollback that follows.
func (d *driver) release(ctx context.Context, keep bool) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	d.cancelHolders()
	var wg sync.WaitGroup
	for _, l := range d.links {
		wg.Go(func() {
			if err := l.farewell(ctx, keep); err != nil {
				d.warn("%s: %v", l.name, err)
			}
		})
	}
	wg.Wait()
}

func (d *driver) cancelHolders() {
	for _, l := range d.links {
		l.unhold()
	}
}

// farewell is how long the end of a run waits for hosts that do not answer: their locks go stale by themselves.
const farewell = 20 * time.Second

// meta puts the summary of the run on the hosts that are reached.
func (d *driver) meta(ctx context.Context) {
	st, _ := d.snapshot()
	b, err := json.Marshal(st)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, l := range d.links {
		wg.Go(func() {
			if err := l.once().PutMeta(ctx, d.id, b); err != nil {
				d.r.p.Log.Debug("summary of a run", "run", d.id, "host", l.name, "err", err)
			}
		})
	}
	wg.Wait()
}

// phase records a state of the run.
func (d *driver) phase(p Phase, note, by string) error {
	if err := d.append(KindState, spot{}, 0, stateData{Phase: p, Note: note, By: by}); err != nil {
		return err
	}
	d.work.Go(func() { d.meta(d.ctx) })
	return nil
}

func (r *Runs) runDir(id string) string { return filepath.Join(r.p.Dir, filepath.Base(id)) }
