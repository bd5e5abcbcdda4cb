package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

// linkLost reports an error that says nothing about the host but that it is not reached now.
func linkLost(err error) bool {
	return errors.Is(err, hosts.ErrUnreached) || errors.Is(err, hosts.ErrTimeout) || errors.Is(err, hosts.ErrClosed)
}

// again calls look every while until it is done. What is under way on the host goes on without us: while the
// host is not reached, it waits, as long as the step's own time lasts.
func again(ctx context.Context, e *Env, every time.Duration, look func() (done bool, err error)) error {
	for {
		done, err := look()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && linkLost(err):
			note(e, "the host is not reached; what was begun goes on there, trying again")
		case err != nil || done:
			return err
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}

// must runs an argv that has to end with exit 0 and returns what it printed. what says for people what it
// does.
func (m machine) must(ctx context.Context, what string, argv ...string) (string, error) {
	res, err := m.run(ctx, nil, argv...)
	if err != nil {
		return "", err
	}
	if res.Exit != 0 || res.Signal != "" {
		return string(res.Stdout), m.explain(&failure{m.name, what, res})
	}
	return string(res.Stdout), nil
}

// sayAll puts the lines of a text into the step's output.
func sayAll(e *Env, text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			say(e, line, false)
		}
	}
}

// hostClock is what time it is on the host.
func hostClock(ctx context.Context, e *Env) (time.Time, error) {
	out, err := login(e).script(ctx, "read the clock", nil, `date -u +%Y-%m-%dT%H:%M:%S.%NZ`)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(out))
	if err != nil {
		return t, fmt.Errorf("%s: what date prints is no time: %q", hostName(e), brief(out))
	}
	return t, nil
}
