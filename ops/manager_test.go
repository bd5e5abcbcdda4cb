package ops

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/ops/audit"
)

func works(c hosts.Container, verb string, took time.Duration) hosts.Container {
	if verb == "stop" {
		c.State, c.Finished = "exited", time.Now()
		return c
	}
	return became(c, took)
}

// TestReadOnlyNeverReachesTheTarget walks every verb through every way of having no lease.
func TestReadOnlyNeverReachesTheTarget(t *testing.T) {
	ways := map[string]func(m *Manager){
		"never unlocked": func(*Manager) {},
		"locked": func(m *Manager) {
			_, _ = m.Unlock("why", time.Hour)
			m.Lock()
		},
		"ran out": func(m *Manager) {
			_, _ = m.Unlock("why", time.Minute)
			<-time.After(time.Minute) // of the test's own clock
		},
		"unlock refused": func(m *Manager) { _, _ = m.Unlock(" ", time.Hour); _, _ = m.Unlock("why", MaxLease+1) },
		"not recorded": func(m *Manager) {
			b := m.p.Audit.(*book)
			b.fail = errors.New("disk full")
			_, _ = m.Unlock("why", time.Hour)
			b.fail = nil
		},
	}
	if len(Verbs()) < 3 {
		t.Fatalf("verbs %v", Verbs())
	}
	for name, way := range ways {
		for _, verb := range Verbs() {
			synctest.Test(t, func(t *testing.T) {
				e := &engine{c: web("running"), react: works}
				m := manager(t, e, &book{})
				way(m)
				_, err := m.Container(t.Context(), verb, "plain", "web", "plain")
				if !errors.Is(err, hosts.ErrReadOnly) || !IsRefusal(err) {
					t.Errorf("%s, %s: error %v, want read-only", name, verb, err)
				}
				if len(e.changes) > 0 {
					t.Errorf("%s, %s: the target was told to %v", name, verb, e.changes)
				}
				if l := m.Lease(); l != (hosts.Lease{}) {
					t.Errorf("%s: lease %+v", name, l)
				}
			})
		}
	}
}

// TestGateRefuses walks every verb through every other reason to refuse.
func TestGateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		host, typed string
		prepare     func(m *Manager, b *book)
		want        error
	}{
		"production, nothing typed": {host: "prod", want: ErrConfirm},
		"production, wrong name":    {host: "prod", typed: "plain", want: ErrConfirm},
		"unknown host":              {host: "nosuch", typed: "nosuch", want: ErrVerb},
		"maintenance":               {host: "away", want: ErrVerb},
		"closed":                    {host: "plain", prepare: func(m *Manager, _ *book) { _ = m.Close(m.ctx) }, want: ErrClosed},
		"no audit log":              {host: "plain", prepare: func(_ *Manager, b *book) { b.fail = errBook }, want: errBook},
	} {
		for _, verb := range Verbs() {
			synctest.Test(t, func(t *testing.T) {
				e, b := &engine{c: web("running"), react: works}, &book{}
				m := manager(t, e, b)
				if _, err := m.Unlock("why", time.Hour); err != nil {
					t.Fatal(err)
				}
				if c.prepare != nil {
					c.prepare(m, b)
				}
				if _, err := m.Container(t.Context(), verb, c.host, "web", c.typed); !errors.Is(err, c.want) {
					t.Errorf("%s, %s: error %v, want %v", name, verb, err, c.want)
				}
				if len(e.changes) > 0 {
					t.Errorf("%s, %s: the target was told to %v", name, verb, e.changes)
				}
			})
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m := manager(t, &engine{}, &book{})
		_, _ = m.Unlock("why", time.Hour)
		if _, err := m.Container(t.Context(), "erase", "plain", "web", ""); !errors.Is(err, ErrVerb) {
			t.Errorf("unknown verb: %v", err)
		}
	})
}

var errBook = errors.New("disk full")

func TestProductionWithItsNameTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{c: web("running"), react: works}
		m := manager(t, e, &book{})
		_, _ = m.Unlock("why", time.Hour)
		line, err := m.Container(t.Context(), "restart", "prod", "web", "prod")
		if err != nil || !strings.HasPrefix(line, "running for") {
			t.Errorf("%q, %v", line, err)
		}
	})
}

// TestAuditComesFirst: the begin of every verb is recorded before the target hears of it, and its
// end after.
func TestAuditComesFirst(t *testing.T) {
	for _, verb := range Verbs() {
		synctest.Test(t, func(t *testing.T) {
			e, b := &engine{c: web("running"), react: works}, &book{}
			if verb == "start" {
				e.c.State = "exited"
			}
			b.when = func(r audit.Record) {
				e.mu.Lock()
				defer e.mu.Unlock()
				if did := len(e.changes); r.Phase == audit.PhaseBegin && did != 0 || r.Phase == audit.PhaseEnd && did != 1 {
					t.Errorf("%s: record %q with %d changes made", verb, r.Phase, did)
				}
			}
			m := manager(t, e, b)
			_, _ = m.Unlock("page 3141", time.Hour)
			if _, err := m.Container(t.Context(), verb, "plain", "web", ""); err != nil {
				t.Errorf("%s: %v", verb, err)
			}
			if got := b.phases(); got != "unlock begin end " {
				t.Fatalf("%s: records %q", verb, got)
			}
			begin, end := b.recs[1], b.recs[2]
			if begin.ID == "" || begin.ID != end.ID || begin.Reason != "page 3141" || begin.Who != "ops" || begin.From != "desk" ||
				begin.Verb != verb || begin.Host != "plain" || begin.Object != "web 0123456789ab" || begin.Before == "" {
				t.Errorf("%s: begin %+v", verb, begin)
			}
			if end.After == "" || end.Result == "" || end.Error != "" || end.At.Before(begin.At) {
				t.Errorf("%s: end %+v", verb, end)
			}
		})
	}
}

func TestLeaseRunsOutAndIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		m := manager(t, &engine{c: web("running"), react: works}, b)
		l, err := m.Unlock("  a\nreason ", time.Hour)
		if err != nil || l.Reason != "a reason" || l.Until.Sub(l.From) != time.Hour || m.Lease() != l {
			t.Fatalf("lease %+v, %v", l, err)
		}
		<-time.After(time.Hour - 1)
		if m.Lease() != l {
			t.Error("gone too early")
		}
		<-time.After(1)
		if m.Lease() != (hosts.Lease{}) {
			t.Error("still there at its end")
		}
		if got := b.phases(); got != "unlock " {
			t.Errorf("asking for the lease wrote %q", got)
		}
		b.fail = errBook
		_, _ = m.Container(t.Context(), "stop", "plain", "web", "")
		m.Lock()
		b.fail = nil
		if _, err := m.Unlock("again", time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := b.phases(); got != "unlock lock unlock " || b.recs[1].Result != "ran out" || b.recs[1].Reason != "a reason" {
			t.Errorf("records %q: %+v", got, b.recs[1])
		}
		_, _ = m.Unlock("longer", time.Hour)
		m.Lock()
		m.Lock()
		if got := b.phases(); got != "unlock lock unlock lock unlock lock " || b.recs[3].Result != "replaced" || b.recs[5].Result != "locked" {
			t.Errorf("records %q", got)
		}
	})
}

func TestOneOperationPerObject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{c: web("running"), react: works}
		m := manager(t, e, &book{})
		_, _ = m.Unlock("why", time.Hour)
		first := make(chan error, 1)
		go func() {
			_, err := m.Container(t.Context(), "restart", "plain", "web", "")
			first <- err
		}()
		synctest.Wait()
		if got := m.Busy(); len(got) != 1 || got[0] != "restart web on plain" {
			t.Errorf("busy %q", got)
		}
		if _, err := m.Container(t.Context(), "stop", "plain", "web", ""); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "restart web on plain") {
			t.Errorf("second operation: %v", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		if len(m.Busy()) != 0 || len(e.changes) != 1 {
			t.Errorf("busy %v, changes %v", m.Busy(), e.changes)
		}
	})
}

// TestOperationOutlivesWhoAsked: leaving the screen neither stops the verb nor its record.
func TestOperationOutlivesWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := &engine{c: web("running"), react: works}, &book{}
		changed := ""
		m := manager(t, e, b)
		m.p.Changed = func(host string) { changed = host }
		_, _ = m.Unlock("why", time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.Container(ctx, "restart", "plain", "web", ""); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "goes on") {
			t.Errorf("error %v", err)
		}
		m.Lock() // does not touch what runs
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := b.phases(); got != "unlock begin lock end " || b.recs[3].Error != "" || changed != "plain" {
			t.Errorf("records %q, changed %q", got, changed)
		}
	})
}

func TestCloseCutsOffAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := &engine{c: web("running"), hang: true}, &book{}
		m := manager(t, e, b)
		_, _ = m.Unlock("why", time.Hour)
		go func() { _, _ = m.Container(t.Context(), "stop", "plain", "web", "") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		if last := b.recs[len(b.recs)-1]; last.Phase != audit.PhaseEnd || last.Error == "" {
			t.Errorf("last record %+v", last)
		}
	})
}

func TestPanicIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := &engine{c: web("running")}, &book{} // no react: looking panics
		m := manager(t, e, b)
		_, _ = m.Unlock("why", time.Hour)
		if _, err := m.Container(t.Context(), "stop", "plain", "web", ""); err == nil || !strings.Contains(err.Error(), "please report") {
			t.Errorf("error %v", err)
		}
		if got := b.phases(); got != "unlock begin end " || len(m.Busy()) != 0 {
			t.Errorf("records %q, busy %v", got, m.Busy())
		}
	})
}
