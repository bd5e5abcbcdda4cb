package main

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	t.Run("the first ends the context and says why", func(t *testing.T) {
		t.Parallel()
		var s signals
		ctx, cancel := context.WithCancelCause(t.Context())
		if s.got(syscall.SIGTERM, at(0), cancel) {
			t.Error("the first signal forced")
		}
		var i interruption
		if !errors.As(context.Cause(ctx), &i) || i.signal != syscall.SIGTERM || codeOf(context.Cause(ctx)) != exitInterrupted {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		if s.got(syscall.SIGTERM, at(3), cancel) {
			t.Error("the same press forced")
		}
		if !s.got(syscall.SIGINT, at(900), cancel) {
			t.Error("the second did not force")
		}
	})
	t.Run("the console is asked first", func(t *testing.T) {
		t.Parallel()
		var s signals
		var asked []os.Signal
		forced := 0
		release := s.route(func(sig os.Signal) { asked = append(asked, sig) }, func() { forced++ })
		ctx, cancel := context.WithCancelCause(t.Context())
		s.got(syscall.SIGHUP, at(0), cancel)
		s.got(syscall.SIGTERM, at(10), cancel)
		if len(asked) != 1 || asked[0] != syscall.SIGHUP || ctx.Err() != nil || s.received() != syscall.SIGHUP {
			t.Errorf("asked %v, context %v, received %v", asked, ctx.Err(), s.received())
		}
		s.got(syscall.SIGTERM, at(1000), cancel)
		if forced != 1 || ctx.Err() == nil {
			t.Errorf("forced %d times, context %v", forced, ctx.Err())
		}
		release()
		s.got(syscall.SIGTERM, at(2000), cancel)
		if len(asked) != 1 || forced != 1 {
			t.Error("the console was asked after it had ended")
		}
	})
}
