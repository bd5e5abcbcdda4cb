package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/ops/remote"
)

// The pauses between attempts to reach a host again.
const (
	leastPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
	pingTime   = 15 * time.Second
	gather     = 300 * time.Millisecond // records go to the hosts together
)

// link is a host of a run: what lies on it, its copy of the journal, our lock on it, and whether it is reached.
type link struct {
	d      *driver
	name   string
	host   *remote.Host // waits for the host to come back
	mirror *remote.Mirror
	lock   *remote.Lock
	poked  chan struct{}
	one    chan struct{} // one append at a time

	hearing sync.Mutex // messages are taken once

	mu       sync.Mutex // guards everything below
	since    time.Time  // when the link was lost; zero while it stands
	why      string
	stopHold context.CancelFunc
	released bool
	watches  []*stopwatch // of the steps that are at work there
	sent     int          // lines of the audit log; link.one guards it
}

// newLink is what a run has on a host, before its lock is taken.
func (d *driver) newLink(h *remote.Host) *link {
	l := &link{d: d, name: h.Name, poked: make(chan struct{}, 1), one: make(chan struct{}, 1)}
	patient := *h
	patient.Wait = l.wait
	l.host = &patient
	return l
}

// took is called with the lock.
func (l *link) took(lock *remote.Lock) {
	l.lock = l.host.Held(lock.Record)
	l.mirror = l.host.Mirror(l.d.id, l.lock)
}

// once is the host without the patience.
func (l *link) once() *remote.Host {
	h := *l.host
	h.Wait = nil
	return &h
}

// wait waits until the host answers again; nil says that it does. The error is that of ctx.
func (l *link) wait(ctx context.Context, err error) error {
	l.down(err)
	l.mu.Lock()
	stand := slices.Clone(l.watches)
	l.mu.Unlock()
	for _, w := range stand {
		w.pause()
		defer w.resume()
	}
	pause := leastPause
	for {
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		case <-t.C:
		}
		if err = l.ping(ctx); err == nil {
			l.up()
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.down(err)
		pause = min(pause*2, mostPause)
	}
}

func (l *link) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	res, err := l.host.Conn.Run(ctx, hosts.Cmd{Argv: []string{"true"}, Timeout: pingTime})
	if err == nil && res.Exit != 0 {
		err = fmt.Errorf("%s: true: exit %d", l.name, res.Exit)
	}
	return err
}

// down notes that the host is not reached; the first time it is written down.
func (l *link) down(err error) {
	l.mu.Lock()
	first := l.since.IsZero()
	if first {
		l.since = l.d.r.p.Now()
	}
	l.why = l.d.clean(err.Error())
	why := l.why
	l.mu.Unlock()
	if first {
		_ = l.d.append(KindNote, spot{host: l.name}, 0, noteData{Text: "link lost: " + why})
	}
}

func (l *link) up() {
	l.mu.Lock()
	was := !l.since.IsZero()
	l.since, l.why = time.Time{}, ""
	l.mu.Unlock()
	if was {
		_ = l.d.append(KindNote, spot{host: l.name}, 0, noteData{Text: "link is back"})
	}
}

// lost is a line about a link that is lost; "" while it stands.
func (l *link) lost(now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return ""
	}
	return fmt.Sprintf("link lost %s ago, what was begun goes on there: %s", now.Sub(l.since).Round(time.Second), l.why)
}

func (l *link) poke() {
	select {
	case l.poked <- struct{}{}:
	default:
	}
}

// run keeps the lock fresh and the copy of the journal complete until the driver ends.
func (l *link) run() {
	hold, stop := context.WithCancel(l.d.ctx)
	l.mu.Lock()
	l.stopHold = stop
	l.mu.Unlock()
	l.d.work.Go(func() { l.hold(hold) })
	l.d.work.Go(func() {
		for {
			select {
			case <-l.d.ctx.Done():
				return
			case <-l.poked:
			}
			// What comes in a moment goes along; what must be there before something begins is synced by that.
			t := time.NewTimer(gather)
			select {
			case <-l.d.ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			if l.sync(l.d.ctx) == nil {
				l.sendAudit(l.d.ctx)
			}
		}
	})
}

func (l *link) unhold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopHold != nil {
		l.stopHold()
	}
}

// hold keeps the lock fresh, again after each loss of the link.
func (l *link) hold(ctx context.Context) {
	lock := l.once().Held(l.lock.Record)
	for ctx.Err() == nil {
		err := lock.Hold(ctx, func(b remote.Beat) {
			l.up()
			if b.Messages > 0 {
				l.d.work.Go(func() { l.inbox(ctx) })
			}
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, remote.ErrFenced):
			l.d.cancel(fmt.Errorf("another operator took the run over: %w", err))
			return
		}
		if l.wait(ctx, err) != nil {
			return
		}
	}
}

// sync brings the copy of the journal up to date. It waits for the host; a host whose lock another holds ends the
// driver.
func (l *link) sync(ctx context.Context) error {
	select {
	case l.one <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.one }()
	l.mu.Lock()
	released := l.released
	l.mu.Unlock()
	if released {
		return nil
	}
	if err := l.mirror.Append(ctx, l.d.j.Bytes); err != nil {
		if errors.Is(err, remote.ErrFenced) {
			l.d.cancel(fmt.Errorf("another operator took the run over: %w", err))
		}
		return err
	}
	return nil
}

// sendAudit adds what the audit log says of the run to the host's copy.
func (l *link) sendAudit(ctx context.Context) {
	select {
	case l.one <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-l.one }()
	lines, n := l.d.audit.from(l.sent)
	if len(lines) == 0 {
		return
	}
	if err := l.once().AppendAudit(ctx, l.d.r.p.Who+"@"+machine(l.d.r.p.From), lines); err == nil {
		l.sent = n
	}
}

// farewell writes the last records and gives the lock back.
func (l *link) farewell(ctx context.Context, keep bool) error {
	if err := l.sync(ctx); err != nil {
		return fmt.Errorf("its copy of the journal is not complete: %w", err)
	}
	st, _ := l.d.snapshot()
	if err := putState(ctx, l.once(), st); err != nil {
		return err
	}
	_ = l.host.Sweep(ctx, l.d.id)
	if keep {
		return nil
	}
	select {
	case l.one <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := l.lock.Release(ctx)
	l.mu.Lock()
	l.released = true
	l.mu.Unlock()
	<-l.one
	if err != nil {
		return err
	}
	if err := l.d.append(KindLockReleased, spot{host: l.name}, 0, struct{}{}); err != nil {
		return err
	}
	last := l.host.Mirror(l.d.id, nil)
	if err := last.Append(ctx, l.d.j.Bytes); err != nil {
		return err
	}
	l.sendAudit(ctx)
	return nil
}

// auditLines are the lines of the audit log that belong to a run.
type auditLines struct {
	mu    sync.Mutex
	lines [][]byte
}

func (a *auditLines) add(line []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, line)
}

// from returns the lines from the nth on, and how many there are.
func (a *auditLines) from(n int) ([]byte, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b []byte
	for _, line := range a.lines[n:] {
		b = append(b, line...)
	}
	return b, len(a.lines)
}
