package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// signals turns SIGINT, SIGTERM and SIGHUP into the end of one context, or, while the console runs,
// into its question whether to quit. The second one does not ask any more.
type signals struct {
	mu      sync.Mutex // guards everything below
	console func(os.Signal)
	forced  func()
	last    os.Signal // the first that came, nil before
	since   time.Time
}

// watchSignals starts the watch; stop ends it.
func (a *app) watchSignals() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// Without this, writing to a pipe nobody reads ends the program before anything is put back.
	// It is not ignored: what we start would inherit that.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-ch:
				if a.signals.got(s, a.now(), cancel) {
					a.die(exitInterrupted)
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		signal.Stop(broken)
		close(done)
		cancel(nil)
	}
}

// onePress is how long several signals count as one: timeout(1) sends its signal to the process and
// to its group, and a terminal that goes away may send two kinds.
const onePress = 500 * time.Millisecond

// got takes a signal and reports whether it was one too many.
func (s *signals) got(sig os.Signal, now time.Time, cancel context.CancelCauseFunc) (force bool) {
	s.mu.Lock()
	console, forced := s.console, s.forced
	first := s.last == nil
	force = !first && now.Sub(s.since) > onePress
	if first {
		s.last, s.since = sig, now
	}
	s.mu.Unlock()
	switch {
	case force:
		cancel(interruption{sig})
		if forced != nil {
			forced()
		}
	case !first:
	case console != nil:
		console(sig)
	default:
		cancel(interruption{sig})
	}
	return force
}

// again makes the next signal the first one: what came before was answered.
func (s *signals) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = nil
}

// route sends signals to the console until release is called. ask is the first signal, force the
// second.
func (s *signals) route(ask func(os.Signal), force func()) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console, s.forced = ask, force
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.console, s.forced = nil, nil
	}
}

// received is the signal that came, nil without one.
func (s *signals) received() os.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
