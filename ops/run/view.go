package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/journal"
	"midwatch/ops/remote"
)

const (
	// listed is how many runs of a place are looked at.
	listed = 100
	// watchEvery is how often a run that another process drives is looked at: here, and on a host.
	watchEvery    = 300 * time.Millisecond
	watchFarEvery = 2 * time.Second
	// usualRuns is how many earlier runs the usual time of a step is taken from.
	usualRuns = 10
)

// lookTime bounds how long a host is waited for that is only looked at.
const lookTime = 15 * time.Second

// looking is ctx for looking at one host: one that cannot be reached is not waited for.
func looking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, lookTime)
}

// drivenHere reports whether a process of this machine drives a run.
func (r *Runs) drivenHere(id string) bool {
	busy, _ := journal.Busy(filepath.Join(r.runDir(id), journalFile))
	return busy
}

// ids are the runs on this machine, the newest first.
func (r *Runs) ids() []string {
	entries, err := os.ReadDir(r.p.Dir)
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(r.p.Dir, e.Name(), journalFile)); e.IsDir() && err == nil {
			ids = append(ids, e.Name())
		}
	}
	sortNewest(ids)
	return ids[:min(len(ids), listed)]
}

// local is the state of a run as this machine knows it.
func (r *Runs) local(id string) (State, bool) {
	if d := r.driver(id); d != nil {
		st, _ := d.snapshot()
		return st, true
	}
	path := filepath.Join(r.runDir(id), journalFile)
	busy, _ := journal.Busy(path)
	g, err := journal.Load(path)
	if err != nil {
		return State{}, false
	}
	st := Fold(g.Records)
	if g.Fault != nil && !busy {
		st.Warnings = append(st.Warnings, "journal: "+g.Fault.Error())
	}
	if !busy {
		st = st.interrupted("no program of this machine drives it")
	}
	return st, st.ID != ""
}

// List implements Service.
func (r *Runs) List(ctx context.Context, names []string) ([]State, error) {
	all := map[string]State{}
	for _, id := range r.ids() {
		if st, ok := r.local(id); ok {
			all[id] = st
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	for _, name := range names {
		wg.Go(func() {
			far, err := r.onHost(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			for id, st := range far {
				if have, ok := all[id]; !ok || better(st, have) {
					all[id] = st
				}
			}
		})
	}
	wg.Wait()
	out := make([]State, 0, len(all))
	for _, st := range all {
		out = append(out, st)
	}
	// Two may begin within the second that an ID tells: a run, and the way back that follows it by itself.
	slices.SortFunc(out, func(a, b State) int { return cmp.Or(b.Started.Compare(a.Started), strings.Compare(b.ID, a.ID)) })
	return out, errors.Join(errs...)
}

// better reports whether another copy of a run's state says more: it is longer, or somebody drives it.
func better(st, have State) bool {
	if (have.Phase == Interrupted) != (st.Phase == Interrupted) {
		return have.Phase == Interrupted
	}
	return st.Records > have.Records
}

// onHost are the runs that lie on a host.
func (r *Runs) onHost(ctx context.Context, name string) (map[string]State, error) {
	ctx, cancel := looking(ctx)
	defer cancel()
	h, err := r.remote(ctx, name)
	if err != nil {
		return nil, err
	}
	metas, err := h.Metas(ctx, listed)
	if err != nil {
		return nil, err
	}
	locks, err := h.Locks(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]State{}
	for id, b := range metas {
		var st State
		if unmarshal(b, &st) != nil || st.ID != id {
			continue
		}
		all[id] = r.driven(st, locks)
	}
	return all, nil
}

// driven marks a state by what the locks say of who drives it.
func (r *Runs) driven(st State, locks []remote.LockLook) State {
	if st.Phase.Ended() || st.Phase == RollingBack {
		return st
	}
	for _, l := range locks {
		if l.Run != st.ID {
			continue
		}
		st.Beat = r.p.Now().Add(-l.Beat)
		switch {
		case l.Token == readToken(r.runDir(st.ID)) && !r.drivenHere(st.ID):
			return st.interrupted("its driver on this machine has ended")
		case !l.Quiet():
			return st
		}
		why := fmt.Sprintf("its driver %s@%s gave no sign for %v", l.User, l.Machine, l.Beat.Round(time.Second))
		if l.Jobs > 0 {
			why += fmt.Sprintf("; %d of its jobs are alive", l.Jobs)
		}
		return st.interrupted(why)
	}
	if st.Phase == Queued || st.Phase == Pending {
		return st
	}
	return st.interrupted("nobody holds its lock")
}

// Show implements Service.
func (r *Runs) Show(ctx context.Context, id string) (State, error) {
	st, ok := r.local(id)
	if ok && st.Phase != Interrupted {
		return st, nil
	}
	names := st.Hosts
	if !ok {
		var err error
		if names, err = r.everyHost(ctx); err != nil {
			return State{}, err
		}
	}
	far, err := r.far(ctx, id, names)
	switch {
	case far.ID != "" && (!ok || better(far, st)):
		return far, nil
	case ok:
		return st, nil
	}
	return State{}, errors.Join(fmt.Errorf("run %s: %w", id, ErrUnknown), err)
}

// far is the state of a run as the hosts know it.
func (r *Runs) far(ctx context.Context, id string, names []string) (State, error) {
	best, errs := r.longest(ctx, id, names)
	if best == nil {
		return State{}, errors.Join(errs...)
	}
	st := Fold(journal.Read(best).Records)
	var locks []remote.LockLook
	seen := false
	for _, name := range names {
		got, err := r.looks(ctx, name)
		if err == nil {
			seen = true
			locks = append(locks, got...)
		}
	}
	if seen {
		st = r.driven(st, locks)
	}
	return st, nil
}

// Next implements Service.
func (r *Runs) Next(ctx context.Context, id string, gen uint64) (State, uint64, error) {
	for {
		if d := r.driver(id); d != nil {
			if st, g, ok := d.next(ctx, gen); ok {
				return st, g, nil
			}
			if ctx.Err() != nil {
				return State{}, gen, context.Cause(ctx)
			}
			continue // it has ended meanwhile
		}
		st, err := r.Show(ctx, id)
		if err != nil {
			return State{}, gen, err
		}
		// A run that others drive is told by how much is known of it; such numbers are never those of a driver.
		g := uint64(1)<<63 | uint64(st.Records)<<8 | uint64(len(st.Phase))
		if g != gen {
			return st, g, nil
		}
		wait := watchEvery
		if !r.drivenHere(id) {
			wait = watchFarEvery
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return State{}, gen, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// next waits until the driver knows more than gen; false when it ended first.
func (d *driver) next(ctx context.Context, gen uint64) (State, uint64, bool) {
	for {
		d.mu.Lock()
		now, changed := d.gen, d.changed
		d.mu.Unlock()
		if now > gen || gen>>63 == 1 {
			st, g := d.snapshot()
			return st, g, true
		}
		tick := time.NewTimer(time.Second) // notes that count time
		select {
		case <-changed:
		case <-d.done:
			tick.Stop()
			return State{}, gen, false
		case <-tick.C:
			for _, l := range d.links {
				if l.lost(d.r.p.Now()) != "" {
					st, g := d.snapshot()
					return st, g, true
				}
			}
		case <-ctx.Done():
			tick.Stop()
			return State{}, gen, false
		}
		tick.Stop()
	}
}

// usual is how long the steps of a deploy took in earlier runs that went well: the median.
func (r *Runs) usual(d *deploy.Definition) map[string]time.Duration {
	took := map[string][]time.Duration{}
	n := 0
	for _, id := range r.ids() {
		if n >= usualRuns {
			break
		}
		g, err := journal.Load(filepath.Join(r.runDir(id), journalFile))
		if err != nil {
			continue
		}
		st := Fold(g.Records)
		if st.Deploy != d.Name || st.Env != d.Env || st.Kind != kindDeploy || st.Phase != Success && st.Phase != RolledBack {
			continue
		}
		n++
		for _, s := range st.Steps {
			if s.State == StepOK && s.Ended.After(s.Started) {
				took[s.ID] = append(took[s.ID], s.Ended.Sub(s.Started))
			}
		}
	}
	out := map[string]time.Duration{}
	for id, all := range took {
		slices.Sort(all)
		out[id] = all[len(all)/2]
	}
	return out
}

// Candidates implements Service.
func (r *Runs) Candidates(ctx context.Context, name string) ([]Candidate, error) {
	d, err := r.definition(ctx, name)
	if err != nil {
		return nil, err
	}
	lay, err := r.lay(d, nil)
	if err != nil {
		return nil, err
	}
	all, listErr := r.List(ctx, lay.locks)
	var out []Candidate
	above := "" // a newer run that lies over those below it
	for _, st := range all {
		if st.Deploy != d.Name || st.Env != d.Env || st.Kind != kindDeploy {
			continue
		}
		c := candidate(st)
		if c.Possible && above != "" {
			c.Possible, c.Why = false, "run "+above+" lies over it: take that back first"
		}
		out = append(out, c)
		if above == "" && c.Possible {
			above = st.ID
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	return nil, listErr
}

// candidate is what taking a run back would change, by its records.
func candidate(st State) Candidate {
	c := Candidate{Run: st, Bad: st.Bad != ""}
	byHost := map[string][]string{}
	worst := ""
	for _, s := range slices.Backward(st.Steps) {
		for _, h := range s.Hosts {
			if s.Way == 0 || len(s.Undo) == 0 || h.Started.IsZero() || h.State == StepUndone || h.State == StepNoChange || h.State == StepSkipped {
				continue
			}
			byHost[hostName(h.Host)] = append(byHost[hostName(h.Host)], s.Undo...)
			if h.Ended.After(h.Started) {
				c.Takes += h.Ended.Sub(h.Started)
			}
			if s.Way >= 3 {
				worst = "step " + s.ID + " has no way back by itself"
			}
		}
	}
	hosts := make([]string, 0, len(byHost))
	for h := range byHost {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	for _, h := range hosts {
		c.Changes = append(c.Changes, h+": "+strings.Join(byHost[h], "; "))
	}
	c.Risk = worst
	switch {
	case len(c.Changes) == 0:
		c.Why = "nothing of it has to be taken back"
	case !st.Phase.Ended() && st.Phase != Interrupted:
		c.Why = "it is " + string(st.Phase)
	default:
		c.Possible = true
	}
	return c
}
