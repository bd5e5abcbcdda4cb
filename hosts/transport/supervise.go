package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"midwatch/hosts"
)

// supervise is the one goroutine that connects, watches and changes the state.
func (l *Link) supervise(ctx context.Context) {
	defer close(l.done)
	defer l.end()
	for l.await(ctx) {
		ln, err := l.attempt(ctx)
		if ctx.Err() != nil {
			if ln != nil {
				ln.shut(hosts.ErrClosed)
			}
			return
		}
		if err != nil {
			l.failed(err)
			continue
		}
		l.live(ctx, ln)
	}
}

// end leaves the link closed for good.
func (l *Link) end() {
	l.update(func() { l.closed, l.lane = true, nil })
}

// await waits until there is a reason to connect; false means that the link is over.
func (l *Link) await(ctx context.Context) bool {
	for {
		l.mu.Lock()
		wanted, kicked, paused, changed, retry := l.wanted, l.kicked, l.paused, l.changed, l.state.Retry
		shown := l.state.State == hosts.StateMaintenance
		l.mu.Unlock()
		if shown != (paused != "") {
			l.maintain(paused)
			continue
		}
		left := time.Until(retry)
		if paused == "" && wanted && (kicked || left <= 0) {
			return ctx.Err() == nil
		}
		var due <-chan time.Time
		var t *time.Timer
		if paused == "" && wanted {
			t = time.NewTimer(left)
			due = t.C
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return false
		}
		if t != nil {
			t.Stop()
		}
	}
}

// maintain enters or leaves maintenance.
func (l *Link) maintain(reason string) {
	l.set(func(s *hosts.Link) {
		s.Failures, s.Retry = 0, time.Time{}
		s.State, s.Reason = hosts.StatePending, ""
		if reason != "" {
			s.State, s.Reason = hosts.StateMaintenance, reason
		}
		l.fault = nil
	})
}

// set changes the state, notes since when it stands, and tells.
func (l *Link) set(f func(*hosts.Link)) {
	var now hosts.Link
	l.update(func() {
		before := l.state.State
		f(&l.state)
		if l.state.State != before {
			l.state.Since = time.Now()
		}
		now = l.state
	})
	if l.params.OnChange != nil {
		l.params.OnChange(now)
	}
}

// attempt connects once.
func (l *Link) attempt(ctx context.Context) (lane, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.update(func() { l.kicked = false })
	stop := l.whenPaused(ctx, cancel)
	defer stop()
	l.params.Log.Debug("connecting", "host", l.target.Name)
	return l.connect(ctx)
}

// whenPaused calls f when the operator pauses the host; the returned function ends the watch.
func (l *Link) whenPaused(ctx context.Context, f func()) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			l.mu.Lock()
			paused, changed := l.paused, l.changed
			l.mu.Unlock()
			if paused != "" {
				f()
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}

// failed records a failure and plans the next attempt.
func (l *Link) failed(err error) {
	l.mu.Lock()
	paused := l.paused != ""
	l.mu.Unlock()
	if paused {
		return // it failed because it was stopped
	}
	l.params.Log.Info("not connected", "host", l.target.Name, "error", err.Error())
	l.set(func(s *hosts.Link) {
		l.fault = err
		s.Failures++
		s.State = hosts.StateDisconnected
		if s.Failures >= hosts.ErrorAfter {
			s.State = hosts.StateError
		}
		s.Reason, s.RTT = err.Error(), 0
		s.Retry = time.Now().Add(l.backoff(s.Failures, err))
	})
}

// live serves one connection until it is lost, the host is paused, or the link is over.
func (l *Link) live(ctx context.Context, ln lane) {
	start := time.Now()
	info := ln.info()
	l.run.sudo.connected(strings.Contains(info.Server, endsCommands))
	l.set(func(s *hosts.Link) {
		l.lane, l.facts, l.fault = ln, info, nil
		s.State, s.Reason, s.Retry, s.Via = hosts.StateConnected, "", time.Time{}, info.Via
	})
	l.params.Log.Info("connected", "host", l.target.Name, "via", info.Via, "auth", info.Auth)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		ln.watch(l.answered)
	}()
	paused := make(chan struct{})
	stop := l.whenPaused(ctx, func() { close(paused) })
	var why error
	select {
	case <-ln.lostC():
		why = ln.why()
	case <-paused:
	case <-ctx.Done():
	}
	stop()
	seen := ln.heard()
	l.update(func() { l.lane, l.facts, l.state.LastSeen = nil, ln.info(), seen })
	ln.shut(hosts.ErrClosed)
	<-watched
	if why == nil {
		return
	}
	if time.Since(start) > settled {
		l.update(func() { l.state.Failures = 0 })
	}
	l.failed(&connectError{text: lostText(info, why), kind: hosts.ErrUnreached, cause: why})
}

// lostText is the reason of a lost connection.
func lostText(f Facts, why error) string {
	text := cleanLine(why.Error())
	var op *net.OpError
	if errors.As(why, &op) {
		text = dialReason(why)
	}
	return fmt.Sprintf("%s: %s", f.HostName(), text)
}

// answered notes a sign of life.
func (l *Link) answered(rtt time.Duration) {
	l.update(func() {
		l.state.RTT, l.state.LastSeen = rtt, time.Now()
		if time.Since(l.state.Since) > settled {
			l.state.Failures = 0
		}
	})
}
