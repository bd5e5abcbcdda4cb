package ops

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/audit"
)

// engine is a target whose container does what a test says. It counts every call that changes
// something.
type engine struct {
	mu      sync.Mutex
	c       hosts.Container
	changes []string
	refuse  error
	blindAt error
	hang    bool
	// react is called after a change and returns how the container looks a while after it.
	react func(c hosts.Container, verb string, took time.Duration) hosts.Container
	did   string
	at    time.Time
	base  hosts.Container
}

func (e *engine) Container(ctx context.Context, id string) (hosts.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id != e.c.ID && id != e.c.Name {
		return hosts.Container{}, errors.New("no such container")
	}
	if e.did == "" {
		return e.c, nil
	}
	if e.blindAt != nil {
		return hosts.Container{}, e.blindAt
	}
	return e.react(e.base, e.did, time.Since(e.at)), nil
}

func (e *engine) change(ctx context.Context, verb string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes = append(e.changes, verb)
	if e.refuse != nil {
		return e.refuse
	}
	if e.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	e.did, e.at, e.base = verb, time.Now(), e.c
	return nil
}

func (e *engine) Start(ctx context.Context, _ string) error   { return e.change(ctx, "start") }
func (e *engine) Stop(ctx context.Context, _ string) error    { return e.change(ctx, "stop") }
func (e *engine) Restart(ctx context.Context, _ string) error { return e.change(ctx, "restart") }

// book is an audit log in memory.
type book struct {
	mu   sync.Mutex
	recs []audit.Record
	fail error
	// when is called before each record is taken.
	when func(audit.Record)
}

func (b *book) Append(r audit.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.when != nil {
		b.when(r)
	}
	if b.fail != nil {
		return b.fail
	}
	b.recs = append(b.recs, r)
	return nil
}

func (b *book) phases() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := ""
	for _, r := range b.recs {
		s += r.Phase + " "
	}
	return s
}

// manager is a Manager over one engine on three hosts: plain, prod (production), away (maintenance).
func manager(t *testing.T, e *engine, b *book) *Manager {
	t.Helper()
	m := New(Params{
		Context: context.Background(), Now: time.Now, Audit: b, Who: "ops", From: "desk",
		Host: func(name string) (hosts.Host, bool) {
			h := hosts.Host{Name: name, Production: name == "prod"}
			if name == "away" {
				h.Maintenance = "new disk"
			}
			return h, name == "plain" || name == "prod" || name == "away"
		},
		Containers: func(context.Context, string) (Containers, error) { return e, nil },
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = m.Close(ctx)
	})
	return m
}

func web(state string) hosts.Container {
	return hosts.Container{ID: "0123456789abcdef", Name: "web", State: state, Health: hosts.HealthNone, Started: time.Now().Add(-time.Hour)}
}

// became returns c after a start.
func became(c hosts.Container, took time.Duration) hosts.Container {
	c.State, c.Started = "running", time.Now().Add(-took)
	return c
}
