package ops

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops/audit"
)

// MaxLease is the longest write lease: a watch of eight hours.
const MaxLease = 8 * time.Hour

// Sentinels of refusals; compare with errors.Is. A missing lease is hosts.ErrReadOnly.
var (
	// ErrConfirm wants the name of a production host to be typed.
	ErrConfirm = errors.New("not confirmed")
	// ErrBusy is an object that another operation is at work on.
	ErrBusy = errors.New("another operation is at work on it")
	// ErrEffect is a verb whose effect was not seen: the target took the order and is not as it
	// should be.
	ErrEffect = errors.New("not as ordered")
	// ErrVerb is a verb that does not exist, or a host that has no target for it.
	ErrVerb = errors.New("no such operation")
	// ErrClosed is a Manager that takes no more operations.
	ErrClosed = errors.New("the console is closing")
)

// Containers is a target of the container verbs; *docker.Client is one.
type Containers interface {
	Container(ctx context.Context, id string) (hosts.Container, error)
	Start(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Restart(ctx context.Context, id string) error
}

// Params is what a Manager is made of; everything but Changed is required.
type Params struct {
	// Context is the life of operations. It is not the one that ends when a person quits: Close
	// waits for what runs.
	Context context.Context //nolint:containedctx // see above
	Now     func() time.Time
	Audit   interface{ Append(audit.Record) error }
	// Who is the operator's login and From the machine and the session, as the audit log has them.
	Who, From string
	// Host looks a host up in the inventory.
	Host func(name string) (hosts.Host, bool)
	// Containers finds the engine of a host.
	Containers func(ctx context.Context, host string) (Containers, error)
	// Changed, when not nil, is called after an operation on a host, so that its facts are read anew.
	Changed func(host string)
}

// Manager does what operators order, one gate for all of it.
type Manager struct {
	p    Params
	ctx  context.Context //nolint:containedctx // the life of operations, which outlive who asked
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex // guards everything below
	lease  hosts.Lease
	owed   []audit.Record // ends of leases that could not be written down yet
	busy   map[string]string
	closed bool
}

// New returns a Manager that is read-only.
func New(p Params) *Manager {
	if p.Context == nil || p.Now == nil || p.Audit == nil || p.Host == nil || p.Containers == nil || p.Who == "" {
		panic("ops.New: Context, Now, Audit, Host, Containers and Who are required")
	}
	ctx, stop := context.WithCancel(p.Context)
	return &Manager{p: p, ctx: ctx, stop: stop, busy: map[string]string{}}
}

// Lease returns the write lease, or the zero Lease when there is none or it has run out.
func (m *Manager) Lease() hosts.Lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.lease.Active(m.p.Now()) {
		return hosts.Lease{}
	}
	return m.lease
}

// Unlock takes the write lease for d, at most MaxLease, with a reason that goes into the audit log.
// A lease that stands is replaced. It writes to the disk.
func (m *Manager) Unlock(reason string, d time.Duration) (hosts.Lease, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	switch {
	case reason == "":
		return hosts.Lease{}, errors.New("unlock: a reason is needed; it is kept in the audit log")
	case d <= 0 || d > MaxLease:
		return hosts.Lease{}, fmt.Errorf("unlock: for %v: a lease lasts more than nothing and at most %v", d, MaxLease)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return hosts.Lease{}, fmt.Errorf("unlock: %w", ErrClosed)
	}
	if err := m.endLease("replaced"); err != nil {
		return hosts.Lease{}, fmt.Errorf("unlock: %w", err)
	}
	now := m.p.Now()
	l := hosts.Lease{Reason: reason, From: now, Until: now.Add(d)}
	r := m.record(audit.PhaseUnlock)
	r.Reason, r.Until = l.Reason, l.Until
	if err := m.p.Audit.Append(r); err != nil {
		return hosts.Lease{}, fmt.Errorf("unlock: %w", err) // what cannot be recorded is not allowed
	}
	m.lease = l
	return l, nil
}

// Lock gives the lease back. Operations that run go on.
func (m *Manager) Lock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.endLease("locked") // what cannot be written now is written before the next record
}

// endLease ends the lease, if there is one, and writes that down; why is what ended it, if time did
// not. The lease is gone even when it returns an error.
func (m *Manager) endLease(why string) error {
	if m.lease.Reason != "" {
		r := m.record(audit.PhaseLock)
		r.Reason, r.Until, r.Result = m.lease.Reason, m.lease.Until, why
		if !m.lease.Active(r.At) {
			r.Result = "ran out"
		}
		m.lease = hosts.Lease{}
		m.owed = append(m.owed, r)
	}
	for len(m.owed) > 0 {
		if err := m.p.Audit.Append(m.owed[0]); err != nil {
			return err
		}
		m.owed = m.owed[1:]
	}
	return nil
}

func (m *Manager) record(phase string) audit.Record {
	return audit.Record{At: m.p.Now(), Phase: phase, Who: m.p.Who, From: m.p.From}
}

// Busy lists the operations that are running, as "restart web on db1".
func (m *Manager) Busy() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]string, 0, len(m.busy))
	for _, what := range m.busy {
		out = append(out, what)
	}
	return out
}

// Close gives the lease back, takes no more orders and waits for what is running until the context
// ends; then it cuts that off.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	err := m.endLease("closed")
	m.mu.Unlock()
	done := make(chan struct{})
	go func() { m.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		m.stop()
		<-done
		err = errors.Join(err, ctx.Err())
	}
	m.stop()
	return err
}

// order is one verb on one object, on its way through the gate.
type order struct {
	verb, host, object, typed string
	// before reads what the audit log says of the object, and its name.
	before func(ctx context.Context) (state, name string, err error)
	// do has the effect and watches it; it returns the object's state and the line for people.
	do func(ctx context.Context) (after, result string, err error)
}

// gate is the only way to an effect. It refuses without a lease, without a confirmation where one
// is due, and when the audit log cannot be written.
func (m *Manager) gate(ctx context.Context, o order) (string, error) {
	what := o.verb + " " + o.object + " on " + o.host
	refuse := func(err error) (string, error) { return "", fmt.Errorf("%s: %w", what, err) }
	key := o.host + "\x00" + o.object
	m.mu.Lock()
	lease, err := m.admit(o, key, what)
	m.mu.Unlock()
	if err != nil {
		return refuse(err)
	}
	// The order is carried out on the Manager's time from here on: who asked may leave.
	type outcome struct {
		line string
		err  error
	}
	got := make(chan outcome, 1)
	go func() {
		defer m.work.Done()
		defer m.release(key)
		line, err := m.carryOut(o, lease)
		if m.p.Changed != nil {
			m.p.Changed(o.host)
		}
		got <- outcome{line, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return r.line, fmt.Errorf("%s: %w", what, r.err)
		}
		return r.line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s: goes on without you watching: %w", what, ctx.Err())
	}
}

// admit decides, with mu held, and counts the operation in when it may go on.
func (m *Manager) admit(o order, key, what string) (hosts.Lease, error) {
	if m.closed {
		return hosts.Lease{}, ErrClosed
	}
	if !m.lease.Active(m.p.Now()) {
		_ = m.endLease("ran out") // the log learns of it now; the refusal does not depend on that
		return hosts.Lease{}, hosts.ErrReadOnly
	}
	h, ok := m.p.Host(o.host)
	switch {
	case !ok:
		return hosts.Lease{}, fmt.Errorf("%w: no host of that name in the inventory", ErrVerb)
	case h.Maintenance != "":
		return hosts.Lease{}, fmt.Errorf("%w: the host is in maintenance: %s", ErrVerb, h.Maintenance)
	case h.Production && o.typed != o.host:
		return hosts.Lease{}, fmt.Errorf("%w: %s is production: type its name to go on", ErrConfirm, o.host)
	}
	if by, taken := m.busy[key]; taken {
		return hosts.Lease{}, fmt.Errorf("%w: %s", ErrBusy, by)
	}
	m.busy[key] = what
	m.work.Add(1)
	return m.lease, nil
}

func (m *Manager) release(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.busy, key)
}

// carryOut reads the state before, announces, does, and records how it ended.
func (m *Manager) carryOut(o order, lease hosts.Lease) (line string, err error) {
	defer func() {
		if p := recover(); p != nil {
			line, err = "", fmt.Errorf("fault of the console, please report: %v", p)
		}
	}()
	before, name, err := o.before(m.ctx)
	if err != nil {
		return "", err
	}
	r := m.record(audit.PhaseBegin)
	r.ID, r.Reason = rand.Text()[:12], lease.Reason
	r.Verb, r.Host, r.Object, r.Before = o.verb, o.host, name, before
	if err := m.p.Audit.Append(r); err != nil {
		return "", fmt.Errorf("nothing was done: %w", err)
	}
	after, line, err := m.effect(o)
	r.At, r.Phase, r.After, r.Result = m.p.Now(), audit.PhaseEnd, after, line
	if err != nil {
		r.Error = err.Error()
	}
	if aerr := m.p.Audit.Append(r); aerr != nil {
		err = errors.Join(err, fmt.Errorf("done, and its end is not in the audit log: %w", aerr))
	}
	return line, err
}

// effect runs the order and turns a panic into an error, so that the end is recorded all the same.
func (m *Manager) effect(o order) (after, line string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fault of the console, please report: %v", p)
		}
	}()
	return o.do(m.ctx)
}
