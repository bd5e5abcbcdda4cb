package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

// prepare makes what the kind works with.
func (t *try) prepare(ctx context.Context) error {
	var ok bool
	if t.kind, ok = t.d.r.p.Kinds[t.u.step.Kind]; !ok {
		return fmt.Errorf("%w: kind %q is not known to this midwatch", step.ErrRefused, t.u.step.Kind)
	}
	e, err := t.d.env(ctx, t.u, t.at, t.d.id, fmt.Sprintf("%s.%d", t.at.step, t.n), t.n)
	if err != nil {
		return err
	}
	t.env, t.store, t.jobs = e.Env, e.Store, e.jobs
	t.env.Output = func(name, value string) { t.out[name] = value }
	if !t.known {
		return nil
	}
	// The record of an earlier try, or of one before a crash.
	t.undo, err = readUndo(ctx, t.store, t.before)
	return err
}

// readUndo reads an undo record back; sha is the digest that the journal has of it. Who may write where it lies
// could make the way back do anything, so a record that is not the one of the journal is not followed.
func readUndo(ctx context.Context, s step.Store, sha string) (step.Undo, error) {
	var u step.Undo
	b, err := s.Get(ctx, undoFile)
	switch {
	case err != nil:
		return u, fmt.Errorf("undo record: %w", err)
	case sum(string(b)) != sha:
		return u, fmt.Errorf("%w: %s is not what the journal says was recorded: somebody has changed it", step.ErrRefused,
			hosts.CleanLine(path.Join(s.Dir(), undoFile)))
	}
	return u, unmarshal(b, &u)
}

// environment is a step.Env with what the engine needs of it.
type environment struct {
	*step.Env
	jobs *remote.Jobs
}

// env is what a step of a run has to do with on a host. owner is the run whose records it uses.
func (d *driver) env(ctx context.Context, u unit, at spot, owner, jobs string, n int) (environment, error) {
	sc := d.scope(at.host)
	sc.Run = owner
	e, err := d.r.env(ctx, d.lay, u, at.host, sc)
	if err != nil {
		return environment{}, err
	}
	h := d.r.here()
	if l := d.links[at.host]; l != nil {
		h = l.host
		e.Conn = l.host.Conn
	}
	if e.Store, err = h.Store(ctx, owner, at.step); err != nil {
		return environment{}, err
	}
	if lead := d.lead(); at.host == "" && lead != nil {
		// What a step on this machine left to be undone must be found by a colleague on another.
		far, err := lead.host.Store(ctx, owner, at.step+"@local")
		if err != nil {
			return environment{}, err
		}
		e.Store = twoStores{near: e.Store, far: far}
	}
	j := h.Jobs(d.id, jobs)
	j.Began = func(name string) { d.jobBegan(at, n, name) }
	d.mu.Lock()
	e.Outputs = d.led.flatOutputs(at.host)
	d.mu.Unlock()
	e.Jobs, e.Try, e.Base = j, n, d.base
	e.Emit = func(o step.Output) { d.emit(at, o) }
	e.Started = func(id string) time.Time { return d.began(id, at.host) }
	e.Budget = func(unit string, limit int) bool { return d.budget(at, unit, limit) }
	e.Ask = func(ctx context.Context, q step.Question) (step.Answer, error) {
		var until time.Time
		if u.step.Timeout > 0 && q.Kind == "approve" {
			until = d.r.p.Now().Add(u.step.Timeout)
		}
		return d.question(ctx, at, q, until)
	}
	e.Reveal = func(ctx context.Context, text deploy.Sensitive) (hosts.Secret, error) {
		return d.r.p.Reveal(ctx, d.lay.def, text, sc)
	}
	e.Runs = &runsOn{deploy: d.open.Deploy, env: d.open.Env, host: h}
	return environment{Env: e, jobs: j}, nil
}

// scope is what expressions may refer to on host now.
func (d *driver) scope(host string) Scope {
	d.mu.Lock()
	out := d.led.outputs()
	d.mu.Unlock()
	return d.r.scope(d.lay, d.id, host, d.vars, out, false)
}

// lead is the first host of the run: it keeps what belongs to the operator's machine. nil when there is none.
func (d *driver) lead() *link {
	if len(d.open.LockHosts) == 0 {
		return nil
	}
	return d.links[d.open.LockHosts[0]]
}

// jobBegan records the name of a job before it is started, once a try.
func (d *driver) jobBegan(at spot, n int, name string) {
	was := d.at(at)
	jobs := was.jobs
	if was.undoing {
		jobs = was.undoJobs
	}
	for _, j := range jobs {
		if j == name {
			return
		}
	}
	_ = d.append(KindJob, at, n, jobData{Name: name})
}

// emit takes what a step says.
func (d *driver) emit(at spot, o step.Output) {
	if o.Line != "" {
		line := o.Line
		if d.r.p.Redact != nil {
			line = d.r.p.Redact(line)
		}
		d.outs.add(at, line)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	v := d.lives[at]
	if v == nil {
		v = &live{}
		d.lives[at] = v
	}
	if o.Note != "" {
		v.note = hosts.CleanLine(o.Note)
	}
	if o.Done != 0 || o.Total != 0 {
		v.done, v.total = o.Done, o.Total
	}
	d.bump()
}

// began is when a step of this run began on a host, by the host's clock.
func (d *driver) began(id, host string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	ahead := d.led.locked[host].Clock
	if id == "" {
		return d.led.started.Add(ahead)
	}
	s, ok := d.led.byID[id]
	if !ok {
		return time.Time{}
	}
	for _, h := range s.hosts {
		if h.host == host && !h.first.IsZero() {
			return h.first.Add(ahead)
		}
	}
	return time.Time{}
}

// budget counts restarts of a unit, across crashes.
func (d *driver) budget(at spot, name string, limit int) bool {
	key := at.host + "\x00" + name
	d.mu.Lock()
	used := d.led.budget[key]
	d.mu.Unlock()
	if used >= max(limit, 1) {
		return false
	}
	return d.append(KindNote, at, 0, noteData{Budget: name}) == nil
}

// twoStores keeps what belongs to the operator's machine on a host as well.
type twoStores struct{ near, far step.Store }

func (s twoStores) Dir() string { return s.near.Dir() }

func (s twoStores) Put(ctx context.Context, name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.near.Put(ctx, name, bytes.NewReader(b)); err != nil {
		return err
	}
	return s.far.Put(ctx, name, bytes.NewReader(b))
}

func (s twoStores) Get(ctx context.Context, name string) ([]byte, error) {
	b, err := s.near.Get(ctx, name)
	if err == nil || !errors.Is(err, remote.ErrMissing) {
		return b, err
	}
	return s.far.Get(ctx, name)
}

// here is the operator's machine, where the records of steps without a host lie.
func (r *Runs) here() *remote.Host {
	return &remote.Host{Name: "local", Conn: r.p.Local, Root: filepath.Join(filepath.Dir(r.p.Dir), "local")}
}

// compiled is a pattern of a definition.
func compiled(pattern string) (*regexp.Regexp, error) { return regexp.Compile(pattern) }

// runsOn are the runs whose records lie on a host.
type runsOn struct {
	deploy, env string
	host        *remote.Host
}

// keptRuns is how many runs are looked at on a host.
const keptRuns = 200

func (r *runsOn) states(ctx context.Context) (map[string]State, error) {
	metas, err := r.host.Metas(ctx, keptRuns)
	if err != nil {
		return nil, err
	}
	all := map[string]State{}
	for id, b := range metas {
		var st State
		if unmarshal(b, &st) == nil {
			all[id] = st
		}
	}
	return all, nil
}

// Open implements step.Runs.
func (r *runsOn) Open(ctx context.Context) ([]string, error) {
	all, err := r.states(ctx)
	if err != nil {
		return nil, err
	}
	locks, err := r.host.Locks(ctx)
	if err != nil {
		return nil, err
	}
	open := map[string]bool{}
	for id, st := range all {
		if !st.Phase.Ended() {
			open[id] = true
		}
	}
	for _, l := range locks {
		if l.Run != "" {
			open[l.Run] = true
		}
	}
	return sorted(open), nil
}

// Ended implements step.Runs.
func (r *runsOn) Ended(ctx context.Context) ([]string, error) {
	all, err := r.states(ctx)
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for id, st := range all {
		if st.Phase.Ended() && st.Deploy == r.deploy && st.Env == r.env {
			done[id] = true
		}
	}
	return sorted(done), nil
}

// sorted are names of a set, the greatest first: of runs, the newest.
func sorted(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for n := range maps.Keys(set) {
		names = append(names, n)
	}
	sortNewest(names)
	return names
}

// Remove implements step.Runs.
func (r *runsOn) Remove(ctx context.Context, run string) error {
	open, err := r.Open(ctx)
	if err != nil {
		return err
	}
	for _, id := range open {
		if id == run {
			return fmt.Errorf("%w: run %s has no end yet", step.ErrRefused, run)
		}
	}
	return r.host.Remove(ctx, strings.TrimSpace(run))
}
