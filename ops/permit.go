package ops

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"

	"midwatch/hosts"
	"midwatch/ops/audit"
)

// Operation is something of several steps that passes the gate as one: a run, a rollback, a lock taken by hand,
// an order to a run.
type Operation struct {
	Verb   string   // "deploy", "rollback", "resume", "lock", "skip"
	Object string   // what it is done to, for people: "cxb-fleet in production"
	Hosts  []string // every host that it may change
	Typed  []string // names of production hosts as the operator typed them
	Run    string   // id of the run; "" for none
	Plan   string   // fingerprint of the plan that was agreed to
	// Key keeps a second operation with the same key out while this one is at work; "" keeps nobody out.
	Key string
	// Mirror, when not nil, is given every line of the audit log that belongs to the operation.
	Mirror func(line []byte)
}

// Permit is an Operation that was let through. It holds until End, also when the lease runs out before: what has
// begun is finished.
type Permit struct {
	m     *Manager
	o     Operation
	lease hosts.Lease
	id    string
	end   sync.Once
}

// Begin is the gate for an Operation. It refuses without a write lease, for a host that is unknown or in
// maintenance, when the name of a production host was not typed, and when the audit log cannot be written.
// End must be called on what it returns.
func (m *Manager) Begin(o Operation) (*Permit, error) {
	refuse := func(err error) (*Permit, error) { return nil, fmt.Errorf("%s %s: %w", o.Verb, o.Object, err) }
	m.mu.Lock()
	lease, err := m.admitOperation(o)
	m.mu.Unlock()
	if err != nil {
		return refuse(err)
	}
	p := &Permit{m: m, o: o, lease: lease, id: rand.Text()[:12]}
	if err := p.write(p.record(audit.PhaseBegin)); err != nil {
		p.free()
		return refuse(fmt.Errorf("nothing was done: %w", err))
	}
	return p, nil
}

// admitOperation decides, with mu held, and counts the operation in when it may go on.
func (m *Manager) admitOperation(o Operation) (hosts.Lease, error) {
	if m.closed {
		return hosts.Lease{}, ErrClosed
	}
	if !m.lease.Active(m.p.Now()) {
		_ = m.endLease("ran out")
		return hosts.Lease{}, hosts.ErrReadOnly
	}
	var untyped []string
	for _, name := range o.Hosts {
		h, ok := m.p.Host(name)
		switch {
		case !ok:
			return hosts.Lease{}, fmt.Errorf("%w: no host %q in the inventory", ErrVerb, name)
		case h.Maintenance != "":
			return hosts.Lease{}, fmt.Errorf("%w: %s is in maintenance: %s", ErrVerb, name, h.Maintenance)
		case h.Production && !slices.Contains(o.Typed, name):
			untyped = append(untyped, name)
		}
	}
	if len(untyped) > 0 {
		return hosts.Lease{}, fmt.Errorf("%w: production: type %s to go on", ErrConfirm, strings.Join(untyped, ", "))
	}
	if o.Key != "" {
		if by, taken := m.busy[o.Key]; taken {
			return hosts.Lease{}, fmt.Errorf("%w: %s", ErrBusy, by)
		}
		m.busy[o.Key] = o.Verb + " " + o.Object
	}
	m.work.Add(1)
	return m.lease, nil
}

// Then is Begin of what follows from an operation that is at work and was agreed to with it: the way back of a
// deploy that failed. It holds under the same lease, and takes over the key.
func (p *Permit) Then(o Operation) (*Permit, error) {
	m := p.m
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, fmt.Errorf("%s %s: %w", o.Verb, o.Object, ErrClosed)
	}
	delete(m.busy, p.o.Key)
	p.o.Key = ""
	if o.Key != "" {
		m.busy[o.Key] = o.Verb + " " + o.Object
	}
	m.work.Add(1)
	m.mu.Unlock()
	n := &Permit{m: m, o: o, lease: p.lease, id: rand.Text()[:12]}
	if err := n.write(n.record(audit.PhaseBegin)); err != nil {
		n.free()
		return nil, fmt.Errorf("%s %s: nothing was done: %w", o.Verb, o.Object, err)
	}
	return n, nil
}

// Reason is why the operator holds the write lease.
func (p *Permit) Reason() string { return p.lease.Reason }

// ID joins the records of the operation in the audit log.
func (p *Permit) ID() string { return p.id }

// Context ends when the Manager cuts its operations off.
func (p *Permit) Context() context.Context { return p.m.ctx }

// Act announces one change of the operation in the audit log: verb on object of host, which looks like before.
// The change may begin when Act returned no error; done records how it ended.
func (p *Permit) Act(verb, host, object, before string) (done func(after, result string, err error) error, err error) {
	r := p.record(audit.PhaseBegin)
	r.ID, r.Verb, r.Host, r.Object, r.Before = rand.Text()[:12], verb, host, object, before
	if err := p.write(r); err != nil {
		return nil, fmt.Errorf("%s %s on %s: nothing was done: %w", verb, object, host, err)
	}
	return func(after, result string, err error) error {
		r.At, r.Phase, r.After, r.Result = p.m.p.Now(), audit.PhaseEnd, after, result
		if err != nil {
			r.Error = err.Error()
		}
		return p.write(r)
	}, nil
}

// End records how the operation ended and lets the next one in. Only the first call counts.
func (p *Permit) End(result string, err error) error {
	var werr error
	p.end.Do(func() {
		r := p.record(audit.PhaseEnd)
		r.Result = result
		if err != nil {
			r.Error = err.Error()
		}
		if werr = p.write(r); werr != nil {
			werr = fmt.Errorf("%s %s: its end is not in the audit log: %w", p.o.Verb, p.o.Object, werr)
		}
		p.free()
		if p.m.p.Changed != nil {
			for _, h := range p.o.Hosts {
				p.m.p.Changed(h)
			}
		}
	})
	return werr
}

func (p *Permit) free() {
	p.m.mu.Lock()
	if p.o.Key != "" {
		delete(p.m.busy, p.o.Key)
	}
	p.m.mu.Unlock()
	p.m.work.Done()
}

func (p *Permit) record(phase string) audit.Record {
	r := p.m.record(phase)
	r.ID, r.Reason, r.Verb, r.Object = p.id, p.lease.Reason, p.o.Verb, p.o.Object
	r.Host, r.Run, r.Plan = strings.Join(p.o.Hosts, " "), p.o.Run, p.o.Plan
	return r
}

// write appends a record, and gives its line to the mirror.
func (p *Permit) write(r audit.Record) error {
	lines, ok := p.m.p.Audit.(interface {
		AppendLine(audit.Record) ([]byte, error)
	})
	if !ok || p.o.Mirror == nil {
		return p.m.p.Audit.Append(r)
	}
	line, err := lines.AppendLine(r)
	if err != nil {
		return err
	}
	p.o.Mirror(line)
	return nil
}
