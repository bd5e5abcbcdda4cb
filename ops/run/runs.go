package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops"
	"midwatch/ops/deploy"
	"midwatch/ops/remote"
	"midwatch/ops/step"
)

// Runs plans runs and drives them. It implements Service. Close must be called before the gate is closed.
type Runs struct {
	p    Params
	work sync.WaitGroup // the runs that are driven

	mu     sync.Mutex // guards everything below
	live   map[string]*driver
	hosts  map[string]remote.Host // where things lie, by name
	closed bool
}

var _ Service = (*Runs)(nil)

// New returns a Runs that drives nothing yet.
func New(p Params) *Runs {
	switch {
	case p.Context == nil, p.Dir == "", p.Definitions == nil, p.Host == nil, p.Conn == nil, p.Local == nil, p.Kinds == nil,
		p.Expand == nil, p.Text == nil, p.Reveal == nil, p.Gate == nil, p.Now == nil, p.Who == "", p.Log == nil:
		panic("run.New: a required parameter is missing")
	}
	if p.Group == nil {
		p.Group = func(string) []string { return nil }
	}
	return &Runs{p: p, live: map[string]*driver{}, hosts: map[string]remote.Host{}}
}

// Close stops driving and waits for that until ctx ends: runs stay as they are, their jobs go on, and they can be
// resumed.
func (r *Runs) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	for _, d := range r.live {
		d.cancel(errLeft)
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("leave the runs: %w", ctx.Err())
	}
}

// forget takes a driver out that has ended.
func (r *Runs) forget(d *driver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, d.id)
}

func (r *Runs) driver(id string) *driver {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// Definitions implements Service.
func (r *Runs) Definitions(ctx context.Context) ([]*deploy.Definition, error) {
	return r.p.Definitions(ctx)
}

// Order implements Service.
func (r *Runs) Order(ctx context.Context, id string, o Order) error {
	if err := r.order(ctx, id, o); err != nil {
		return fmt.Errorf("%s run %s: %w", o.Verb, id, err)
	}
	return nil
}

func (r *Runs) order(ctx context.Context, id string, o Order) error {
	switch o.Verb {
	case verbPause, verbGo, verbCancel, verbRetry, verbSkip:
	default:
		return fmt.Errorf("%w: one of %s", ops.ErrVerb, strings.Join([]string{verbPause, verbGo, verbCancel, verbRetry, verbSkip}, ", "))
	}
	return r.told(ctx, id, o.Verb, strings.TrimSpace(o.Step+" "+o.Host), message{Order: &o, Who: r.p.Who}, hosts.Secret{})
}

// Answer implements Service.
func (r *Runs) Answer(ctx context.Context, id, question string, a step.Answer) error {
	if a.Who == "" {
		a.Who = r.p.Who
	}
	m := message{Answer: &answerData{ID: question, Yes: a.Yes, Choice: a.Choice, Comment: a.Comment}, Who: a.Who}
	if err := r.told(ctx, id, "answer", question, m, a.Secret); err != nil {
		return fmt.Errorf("answer run %s: %w", id, err)
	}
	return nil
}

// told takes a message to whoever drives a run, through the gate. A secret goes with it only within this process.
func (r *Runs) told(ctx context.Context, id, verb, object string, m message, secret hosts.Secret) error {
	d := r.driver(id)
	var st State
	if d == nil {
		var err error
		if st, err = r.Show(ctx, id); err != nil {
			return err
		}
		switch {
		case st.Phase.Ended():
			return fmt.Errorf("%w: %s", ErrEnded, st.Phase)
		case st.Phase == Interrupted:
			return fmt.Errorf("%s: resume it first", st.Note)
		case !secret.Empty():
			return errors.New("a secret is given only where the run is driven")
		}
	}
	perm, err := r.p.Gate.Begin(ops.Operation{Verb: verb, Object: strings.TrimSpace("run " + id + " " + object), Run: id})
	if err != nil {
		return err
	}
	switch {
	case d != nil && !secret.Empty():
		err = d.answer(m.Answer.ID, step.Answer{Yes: true, Who: m.Who, Secret: secret})
	case d != nil:
		err = d.deal(m)
	case m.Order != nil && !m.Order.fits(st):
		err = fmt.Errorf("%s: it is neither failed nor still to come there", where(m.Order.Step, m.Order.Host))
	default:
		err = r.send(ctx, st, m)
	}
	if aerr := perm.End("told", err); err == nil {
		err = aerr
	}
	return err
}

// send takes a message to a process of this machine, or leaves it on a host of the run.
func (r *Runs) send(ctx context.Context, st State, m message) error {
	if r.drivenHere(st.ID) {
		return r.tell(st.ID, m)
	}
	b, err := marshal(m)
	if err != nil {
		return err
	}
	errs := make([]error, 0, len(st.Hosts))
	for _, name := range st.Hosts {
		h, err := r.remote(ctx, name)
		if err == nil {
			err = h.Tell(ctx, st.ID, time.Now().UTC().Format("20060102T150405.000000000"), b)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errors.New("no host of the run can be reached"))...)
}

// Output implements Service. Who is not on the machine that drives the run sees what the jobs of the step print.
func (r *Runs) Output(ctx context.Context, id, stepID, host string, from int64) ([]byte, int64, error) {
	b, err := readFrom(outputFile(r.runDir(id), spot{stepID, host}), from)
	if err == nil || !errors.Is(err, os.ErrNotExist) || host == "" {
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return b, from + int64(len(b)), err
	}
	if r.drivenHere(id) {
		return nil, from, nil
	}
	h, err := r.remote(ctx, host)
	if err != nil {
		return nil, from, err
	}
	if b, err = h.Output(ctx, id, stepID, from); err != nil {
		return nil, from, err
	}
	next := from + int64(len(b))
	if r.p.Redact != nil {
		b = []byte(r.p.Redact(string(b)))
	}
	return b, next, nil
}

// maxOutput bounds what one call of Output returns.
const maxOutput = 1 << 20

func readFrom(name string, from int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || from < 0 || from >= st.Size() {
		return nil, err
	}
	b := make([]byte, min(st.Size()-from, maxOutput))
	n, err := f.ReadAt(b, from)
	if n > 0 {
		err = nil
	}
	return b[:n], err
}
