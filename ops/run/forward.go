package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/ops/step"
)

// forward goes over the steps of a deploy.
func (d *driver) forward() error {
	for _, u := range d.lay.units {
		if u.group != "" {
			continue
		}
		if err := d.point(); err != nil {
			return err
		}
		if skipped, err := d.skipWhole(u); skipped || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if err := d.whole(u); err != nil {
			return err
		}
	}
	return d.point()
}

// skipWhole records a step that is not to be run at all, and reports whether it is one.
func (d *driver) skipWhole(u unit) (bool, error) {
	d.mu.Lock()
	s := d.led.step(u.id)
	planned, skipped := s.plan.Skip, s.state == StepSkipped
	begun := slices.ContainsFunc(s.hosts, func(h *hostLedger) bool { return h.try > 0 })
	needs := ""
	for _, n := range u.step.Needs {
		if got := d.led.step(n).stepState(Active).State; !strings.HasPrefix(string(got), "ok") && needs == "" {
			needs = fmt.Sprintf("it needs %s, which is %s", n, got)
		}
	}
	d.mu.Unlock()
	if skipped || begun {
		return skipped, nil
	}
	why := ""
	switch {
	case planned != "" && u.step.When == "":
		why = planned
	case len(u.hosts) == 0:
		why = "none of its hosts was asked for"
	case planned != "" && !strings.HasPrefix(planned, "when"):
		why = planned
	case needs != "":
		why = needs
	default:
		why = d.r.when(u, d.scope(firstOf(u.hosts)))
	}
	if why == "" {
		return false, nil
	}
	return true, d.append(KindState, spot{step: u.id}, 0, stateData{State: StepSkipped, Note: why, By: wholeStep})
}

// point is where a run may pause, and where it is cancelled between two steps.
func (d *driver) point() error {
	for {
		d.mu.Lock()
		paused, cancelled, changed := d.led.paused != "", d.led.cancelled != "", d.changed
		d.mu.Unlock()
		switch {
		case d.ctx.Err() != nil:
			return context.Cause(d.ctx)
		case cancelled:
			return errCancelled
		case !paused:
			return nil
		}
		select {
		case <-changed:
		case <-d.ctx.Done():
		}
	}
}

// whole runs a step on all of its hosts, batch after batch.
func (d *driver) whole(u unit) error {
	units := []unit{u}
	if u.step.Kind == kindGroup {
		units = d.lay.children(u.id)
	}
	failed := d.failedSoFar(units)
	all := batches(u.hosts, u.step.Batch)
	for i, batch := range all {
		todo := slices.DeleteFunc(slices.Clone(batch), func(h string) bool { return failed[h] != nil || d.finished(units, h) })
		if len(todo) == 0 && len(failed) <= u.step.Batch.MaxFailures {
			continue
		}
		if err := d.point(); err != nil {
			return err
		}
		for {
			if err := d.batch(units, todo, failed); err != nil {
				return err
			}
			todo = d.takeRetries(units, failed)
			if len(todo) > 0 {
				continue
			}
			if len(failed) <= u.step.Batch.MaxFailures {
				break
			}
			var err error
			if todo, err = d.decide(u, units, failed); err != nil {
				return err
			}
		}
		if i < len(all)-1 && u.step.Batch.Pause > 0 {
			if err := d.rest(u, u.step.Batch.Pause); err != nil {
				return err
			}
		}
	}
	return d.leaveOut(units, failed)
}

// failedSoFar are the hosts on which a unit failed before a crash.
func (d *driver) failedSoFar(units []unit) map[string]error {
	failed := map[string]error{}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range units {
		for _, h := range d.led.step(u.id).hosts {
			if h.state == StepFailed && failed[h.host] == nil {
				failed[h.host] = &failedError{step: where(u.id, h.host), line: h.line}
			}
		}
	}
	return failed
}

// finished reports whether every unit has a result on host that is not a failure to be tried again.
func (d *driver) finished(units []unit, host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range units {
		switch d.led.step(u.id).host(host).state {
		case StepOK, StepNoChange, StepSkipped:
		default:
			return false
		}
	}
	return true
}

// reach waits until every host of a batch has the journal: no step begins while it is not known how one of them is.
func (d *driver) reach(batch []string) error {
	var wg sync.WaitGroup
	errs := make([]error, len(batch))
	for i, h := range batch {
		l := d.links[h]
		if l == nil {
			l = d.lead()
		}
		if l != nil {
			wg.Go(func() { errs[i] = l.sync(d.ctx) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// batch runs the units on each of the hosts at once. Hosts that failed are added to failed.
func (d *driver) batch(units []unit, batch []string, failed map[string]error) error {
	if err := d.reach(batch); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(batch))
	for i, h := range batch {
		wg.Go(func() { errs[i] = d.host(units, h) })
	}
	wg.Wait()
	var stop error
	for i, err := range errs {
		var f *failedError
		switch {
		case err == nil:
			delete(failed, batch[i])
		case errors.As(err, &f):
			failed[batch[i]] = err
		case stop == nil || errors.Is(err, errCancelled):
			stop = err
		}
	}
	return stop
}

// host runs the units one after the other on a host, each as often as it may be tried.
func (d *driver) host(units []unit, host string) error {
	for _, u := range units {
		if d.finished([]unit{u}, host) {
			continue
		}
		for attempt := 1; ; attempt++ {
			err := d.one(u, host)
			if err == nil {
				break
			}
			var f *failedError
			if !errors.As(err, &f) || attempt >= max(u.step.Retry.Attempts, 1) {
				return err
			}
			d.say(spot{u.id, host}, fmt.Sprintf("failed, tried again in %v (%d of %d)", u.step.Retry.Delay, attempt+1, u.step.Retry.Attempts))
			if err := d.sleep(u.step.Retry.Delay); err != nil {
				return err
			}
		}
	}
	return nil
}

// sleep waits, and ends with the driver or when the run is cancelled.
func (d *driver) sleep(long time.Duration) error {
	t := time.NewTimer(long)
	defer t.Stop()
	for {
		d.mu.Lock()
		cancelled, changed := d.led.cancelled != "", d.changed
		d.mu.Unlock()
		if cancelled {
			return errCancelled
		}
		select {
		case <-t.C:
			return nil
		case <-changed:
		case <-d.ctx.Done():
			return context.Cause(d.ctx)
		}
	}
}

// rest is the pause between two batches.
func (d *driver) rest(u unit, long time.Duration) error {
	at := spot{step: u.id, host: firstOf(u.hosts)}
	d.say(at, fmt.Sprintf("pause of %v before the next hosts", long))
	defer d.quiet(at)
	return d.sleep(long)
}

// takeRetries are the hosts that an operator wants to be tried again.
func (d *driver) takeRetries(units []unit, failed map[string]error) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var todo []string
	d.retries = slices.DeleteFunc(d.retries, func(s spot) bool {
		mine := slices.ContainsFunc(units, func(u unit) bool { return u.id == s.step })
		if mine && failed[s.host] != nil && !slices.Contains(todo, s.host) {
			todo = append(todo, s.host)
		}
		return mine
	})
	return todo
}

// decide is what happens when more hosts failed than may: it returns the hosts to be tried again, or the end.
func (d *driver) decide(u unit, units []unit, failed map[string]error) ([]string, error) {
	names := make([]string, 0, len(failed))
	for h := range failed {
		names = append(names, h)
	}
	slices.Sort(names)
	var f *failedError
	_ = errors.As(failed[names[0]], &f)
	end := &failedError{step: f.step, line: f.line}
	if len(names) > 1 {
		end.line = fmt.Sprintf("%s (and on %d more hosts)", f.line, len(names)-1)
	}
	switch {
	case d.lay.def.OnFailure == "rollback":
		end.rollback = true
		return nil, end
	case d.lay.def.OnFailure == "stop", !d.ask:
		return nil, end
	}
	var lines []string
	for _, h := range names {
		lines = append(lines, failed[h].Error())
	}
	a, err := d.question(d.ctx, spot{step: u.id}, step.Question{
		Kind: "choose", Text: "Failed: " + end.Error(), Lines: lines, Choices: []string{choiceRetry, choiceSkip, choiceRollback, choiceStop},
	}, time.Time{})
	if err != nil {
		return nil, err
	}
	if err := d.point(); err != nil {
		return nil, err
	}
	switch a.Choice {
	case choiceRetry:
		if some := d.takeRetries(units, failed); len(some) > 0 {
			return some, nil
		}
		return names, nil
	case choiceSkip:
		return names, d.skipFailed(units, failed, a)
	}
	end.rollback = a.Choice == choiceRollback
	return nil, end
}

// skipFailed leaves out what failed, with the operator's reason; what comes after it on those hosts goes on.
func (d *driver) skipFailed(units []unit, failed map[string]error, a step.Answer) error {
	reason := orText(a.Comment, "no reason given") + " (" + orText(a.Who, d.open.Who) + ")"
	for host := range failed {
		for _, u := range units {
			at := spot{u.id, host}
			if was := d.at(at); was.state == StepFailed || was.state == StepUnknown {
				if err := d.result(at, was.try, resultData{State: StepSkipped, Line: "skipped after it failed: " + reason + "; " + was.line, Outputs: was.outputs}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// leaveOut says of what comes after a failure that the batch may have, that it was not run.
func (d *driver) leaveOut(units []unit, failed map[string]error) error {
	for host := range failed {
		for _, u := range units {
			at := spot{u.id, host}
			if d.at(at).state == StepPending {
				if err := d.result(at, 1, resultData{State: StepSkipped, Line: "an earlier step failed on this host"}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
