package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/journal"
)

// Resume implements Service.
func (r *Runs) Resume(ctx context.Context, id string, o Options) error {
	if err := r.resume(ctx, id, o); err != nil {
		return fmt.Errorf("resume %s: %w", id, err)
	}
	return nil
}

func (r *Runs) resume(ctx context.Context, id string, o Options) error {
	r.mu.Lock()
	here := r.live[id]
	r.mu.Unlock()
	if here != nil {
		return journal.ErrBusy
	}
	led, err := r.fetch(ctx, id, o.Only)
	if err != nil {
		return err
	}
	def, err := r.definitionOf(ctx, led)
	if err != nil {
		return err
	}
	lay, err := r.lay(def, led.open.Only)
	if err != nil {
		return err
	}
	audit := &auditLines{}
	perm, err := r.p.Gate.Begin(ops.Operation{
		Verb: "resume", Object: led.open.Deploy + " in " + led.open.Env, Hosts: led.open.LockHosts, Typed: o.Typed, Run: id,
		Plan: led.plan.Fingerprint, Key: "run " + led.open.Deploy + "." + led.open.Env, Mirror: audit.add,
	})
	if err != nil {
		return err
	}
	d := r.newDriver(id, lay, perm, audit)
	if err = r.goOn(ctx, d, led, o); err != nil {
		_ = perm.End("not resumed", err)
		d.parent.drop()
		d.cancel(errLeft)
		d.work.Wait()
		if d.j != nil {
			_ = d.j.Close()
		}
	}
	return err
}

// goOn takes an interrupted run up again.
func (r *Runs) goOn(ctx context.Context, d *driver, led *ledger, o Options) error {
	var err error
	var g journal.Reading
	if d.j, g, err = journal.Open(filepath.Join(d.dir, journalFile)); err != nil {
		return err
	}
	d.led, d.base = replay(g.Records), led.open.Base
	d.open, d.vars, d.ask = d.led.open, vars(d.lay.def, led.open.Vars), !o.Yes
	if torn := g.Torn + led.torn; torn > 0 {
		d.warn("journal: an unfinished record of %d bytes was cut off", torn)
	}
	if err := d.makeLinks(ctx); err != nil {
		return err
	}
	if d.led.phase.Ended() {
		return d.tidy(ctx, o.Takeover)
	}
	begun := d.led.phase != Pending && d.led.phase != Queued
	if begun {
		if err := d.takeParent(ctx); err != nil {
			return err
		}
	}
	if err := d.takeLocks(ctx, "", o.Takeover); err != nil {
		return err
	}
	who := adoptData{Who: r.p.Who, From: r.p.From, Reason: orText(o.Reason, d.perm.Reason())}
	if err := d.append(KindAdopt, spot{}, 0, who); err != nil {
		return err
	}
	d.open = d.led.open
	if err := d.voidQuestions(); err != nil {
		return err
	}
	if !begun { // since it was planned there was no lock that kept others away
		return r.launch(d, func() error {
			if err := d.asPlanned(d.ctx); err != nil {
				return err
			}
			if err := d.takeParent(d.ctx); err != nil {
				return err
			}
			return d.locked(d.ctx)
		})
	}
	if err := d.locked(ctx); err != nil {
		return err
	}
	return r.launch(d, nil)
}

// tidy gives back the locks of a run that had ended when its driver died.
func (d *driver) tidy(ctx context.Context, takeover bool) error {
	left := 0
	for _, name := range d.open.LockHosts {
		l := d.links[name]
		locks, err := l.once().Locks(ctx)
		if err != nil {
			return err
		}
		for _, k := range locks {
			if k.Run == d.id && k.Deploy == d.open.Deploy && k.Env == d.open.Env {
				left++
			}
		}
	}
	if left == 0 {
		return fmt.Errorf("%w: %s", ErrEnded, d.led.phase)
	}
	if err := d.takeLocks(ctx, "", takeover); err != nil {
		return err
	}
	d.release(ctx, false)
	_ = d.perm.End("its locks were given back", nil)
	d.cancel(errLeft)
	d.work.Wait()
	return d.j.Close()
}

// definitionOf is the definition that a run was begun with, as its journal has it; local files are looked for where
// the same definition lies on this machine.
func (r *Runs) definitionOf(ctx context.Context, led *ledger) (*deploy.Definition, error) {
	def, err := decodeDefinition(led.open.Definition)
	if err != nil {
		return nil, err
	}
	if all, _ := r.p.Definitions(ctx); all != nil {
		for _, d := range all {
			if d.Digest == def.Digest && d.Digest != "" {
				def.File = d.File
				led.open.Base = base(d)
			}
		}
	}
	return def, nil
}

// fetch brings the journal of a run to this machine, from the hosts where a longer one lies.
func (r *Runs) fetch(ctx context.Context, id string, names []string) (*ledger, error) {
	path := filepath.Join(r.runDir(id), journalFile)
	mine, _ := os.ReadFile(path)
	led := replay(journal.Read(mine).Records)
	if len(names) == 0 {
		names = led.open.LockHosts
	}
	if len(names) == 0 {
		var err error
		if names, err = r.everyHost(ctx); err != nil {
			return nil, err
		}
	}
	best, errs := r.longest(ctx, id, names)
	if best == nil && led.records == 0 {
		return nil, errors.Join(append([]error{fmt.Errorf("run %s: %w here and on %s", id, ErrUnknown, strings.Join(names, ", "))}, errs...)...)
	}
	if best == nil {
		return led, nil
	}
	torn, err := adopt(path, best)
	if err != nil {
		return nil, err
	}
	g, err := journal.Load(path)
	if err != nil {
		return nil, err
	}
	led = replay(g.Records)
	led.torn = torn
	return led, nil
}

// adopt takes over the copy of a host. A copy of ours that goes another way is put aside: what it says more was
// never allowed to have an effect, because no host had it.
func adopt(path string, b []byte) (torn int64, err error) {
	torn, err = journal.Adopt(path, b)
	if !errors.Is(err, journal.ErrChain) {
		return torn, err
	}
	aside := path + ".left-" + time.Now().UTC().Format("20060102T150405")
	if err := os.Rename(path, aside); err != nil {
		return torn, err
	}
	return journal.Adopt(path, b)
}

// longest is the longest copy of a journal on hosts.
func (r *Runs) longest(ctx context.Context, id string, names []string) (best []byte, errs []error) {
	for _, name := range names {
		b, err := r.copyOf(ctx, id, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if g := journal.Read(b); g.Good > int64(len(best)) {
			best = b[:g.Good]
		}
	}
	return best, errs
}

// copyOf is the copy of a run's journal on a host; nil when there is none.
func (r *Runs) copyOf(ctx context.Context, id, name string) ([]byte, error) {
	ctx, cancel := looking(ctx)
	defer cancel()
	h, err := r.remote(ctx, name)
	if err != nil {
		return nil, err
	}
	return h.Journal(ctx, id)
}

// everyHost are all hosts that any deploy works on.
func (r *Runs) everyHost(ctx context.Context) ([]string, error) {
	defs, err := r.p.Definitions(ctx)
	if len(defs) == 0 && err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, d := range defs {
		if lay, err := r.lay(d, nil); err == nil {
			for _, h := range lay.locks {
				seen[h] = true
			}
		}
	}
	names := sorted(seen)
	slices.Reverse(names)
	return names, nil
}
