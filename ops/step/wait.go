package step

import (
	"context"
	"fmt"
	"time"

	"midwatch/ops/deploy"
)

// wait waits a while, or for a probe. It changes nothing.
type wait struct{ lookOnly }

// waitMax is how long a wait for a probe takes at most that says nothing about it.
const waitMax = 10 * time.Minute

func (wait) Record(ctx context.Context, e *Env) (Undo, error) {
	return lookOnly{"wait"}.Record(ctx, e)
}

func (wait) Plan(_ context.Context, e *Env) (Change, error) {
	s, err := settings[deploy.Wait](e)
	if err != nil {
		return Change{}, err
	}
	c := Change{Nothing: true, Back: BackNone, Takes: s.For}
	if s.For > 0 {
		c.Lines = append(c.Lines, fmt.Sprintf("waits %s", s.For))
	}
	if s.Until != nil {
		c.Lines = append(c.Lines, fmt.Sprintf("waits for %s, at most %s", probeName(*s.Until), orElse(s.Max, waitMax)))
	}
	return c, nil
}

// Verify waits.
func (wait) Verify(ctx context.Context, e *Env, _ Undo) (Seen, error) {
	s, err := settings[deploy.Wait](e)
	if err != nil {
		return Seen{}, err
	}
	if s.For > 0 {
		note(e, "waits %s", s.For)
		if err := pause(ctx, s.For); err != nil {
			return Seen{}, err
		}
	}
	if s.Until == nil {
		return Seen{OK: true, Line: fmt.Sprintf("waited %s", s.For)}, nil
	}
	return hold{probes: []deploy.Probe{*s.Until}, within: orElse(s.Max, waitMax)}.wait(ctx, e)
}
