package ops

import (
	"errors"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/audit"
)

// TestBeginRefuses walks the reasons to refuse an operation of several steps; the audit log has none of it.
func TestBeginRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		o       Operation
		prepare func(m *Manager, b *book)
		want    error
	}{
		"no lease":       {Operation{Hosts: []string{"plain"}}, func(m *Manager, _ *book) { m.Lock() }, hosts.ErrReadOnly},
		"lease, no host": {Operation{}, func(m *Manager, _ *book) { m.Lock() }, hosts.ErrReadOnly},
		"not typed":      {Operation{Hosts: []string{"plain", "prod"}}, nil, ErrConfirm},
		"wrong typed":    {Operation{Hosts: []string{"prod"}, Typed: []string{"plain"}}, nil, ErrConfirm},
		"unknown":        {Operation{Hosts: []string{"nosuch"}}, nil, ErrVerb},
		"maintenance":    {Operation{Hosts: []string{"away"}}, nil, ErrVerb},
		"closed":         {Operation{}, func(m *Manager, _ *book) { _ = m.Close(m.ctx) }, ErrClosed},
		"no audit log":   {Operation{Key: "k"}, func(_ *Manager, b *book) { b.fail = errBook }, errBook},
	} {
		b := &book{}
		m := manager(t, &engine{}, b)
		if _, err := m.Unlock("why", time.Hour); err != nil {
			t.Fatal(err)
		}
		if c.prepare != nil {
			c.prepare(m, b)
		}
		n := len(b.recs)
		if p, err := m.Begin(c.o); !errors.Is(err, c.want) || p != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if len(b.recs) != n || len(m.Busy()) != 0 {
			t.Errorf("%s: records %q, busy %q", name, b.phases(), m.Busy())
		}
	}
}

// TestPermit: a permit keeps others with its key out, outlives the lease, and is in the audit log from its begin to
// its end; what follows from it takes its place.
func TestPermit(t *testing.T) {
	b := &book{}
	m := manager(t, &engine{}, b)
	if _, err := m.Unlock("page", time.Hour); err != nil {
		t.Fatal(err)
	}
	p, err := m.Begin(Operation{Verb: "deploy", Object: "web", Hosts: []string{"prod"}, Typed: []string{"prod"}, Run: "r1", Plan: "f", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Begin(Operation{Verb: "deploy", Key: "k"}); !errors.Is(err, ErrBusy) {
		t.Errorf("a second one: %v", err)
	}
	m.Lock()
	done, err := p.Act("file", "prod", "conf", "before")
	if err != nil {
		t.Fatal(err)
	}
	if err := done("after", "placed", nil); err != nil {
		t.Fatal(err)
	}
	back, err := p.Then(Operation{Verb: "rollback", Object: "web", Key: "k"})
	if err != nil || back.Reason() != "page" {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.End("failure", errBook); err != nil {
			t.Error(err)
		}
	}
	if got := m.Busy(); len(got) != 1 || got[0] != "rollback web" {
		t.Errorf("busy %q", got)
	}
	if err := back.End("success", nil); err != nil {
		t.Error(err)
	}
	if got := b.phases(); got != "unlock begin lock begin end begin end end " || len(m.Busy()) != 0 {
		t.Errorf("records %q, busy %q", got, m.Busy())
	}
	act := b.recs[3]
	if act.Run != "r1" || act.Plan != "f" || act.Host != "prod" || act.Object != "conf" || act.Before != "before" || act.Reason != "page" || b.recs[4].After != "after" || b.recs[4].ID != act.ID {
		t.Errorf("%+v %+v", act, b.recs[4])
	}
	if end := b.recs[6]; end.Phase != audit.PhaseEnd || end.Error == "" || end.ID != p.ID() {
		t.Errorf("%+v", end)
	}
	b.fail = errBook
	if _, err := back.Act("file", "plain", "x", ""); !errors.Is(err, errBook) {
		t.Errorf("not recorded, and let through: %v", err)
	}
}
