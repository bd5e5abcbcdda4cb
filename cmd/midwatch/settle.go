package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"midwatch/hosts"
)

// settle waits until the named hosts (nil: all) have said what they have, or cannot, and returns the
// snapshot then. It waits at most for wait; the error is that of the context only.
func (w *world) settle(ctx context.Context, wait time.Duration, names []string) (*hosts.Snapshot, error) {
	return w.until(ctx, wait, func(snap *hosts.Snapshot) bool { return settled(snap, names) })
}

// until waits until a snapshot is good enough, at most for wait, and returns the last one.
func (w *world) until(ctx context.Context, wait time.Duration, enough func(*hosts.Snapshot) bool) (*hosts.Snapshot, error) {
	if w.live == nil {
		return w.Fleet.Snapshot(), nil // a capture has said all it will
	}
	limit, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	snap := w.Fleet.Snapshot()
	for !enough(snap) {
		next, err := w.Fleet.Next(limit, snap.Gen)
		switch {
		case err == nil:
			snap = next
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			return w.Fleet.Snapshot(), nil
		default:
			return nil, err
		}
	}
	return snap, nil
}

func settled(snap *hosts.Snapshot, names []string) bool {
	for _, h := range snap.Hosts {
		if (names == nil || slices.Contains(names, h.Host.Name)) && !hostSettled(h) {
			return false
		}
	}
	return true
}

// membersKnown reports whether the named hosts have told which units belong together, or cannot. They tell
// the states of units first.
func membersKnown(snap *hosts.Snapshot, names []string) bool {
	for _, h := range snap.Hosts {
		if (names == nil || slices.Contains(names, h.Host.Name)) && h.Host.Kind != hosts.KindDocker &&
			h.Link.State == hosts.StateConnected && !h.Answered["units"] {
			return false
		}
	}
	return true
}

// hostSettled reports whether nothing more is to be expected of a host soon: it is out of service,
// its first attempt failed, or every part was asked for.
func hostSettled(h *hosts.HostFacts) bool {
	switch h.Link.State {
	case hosts.StateMaintenance, hosts.StateDisconnected, hosts.StateError:
		return true
	case hosts.StatePending:
		return false
	default:
	}
	shell := h.Host.Kind == hosts.KindDocker || asked(h.System) && asked(h.Disks) && asked(h.Units) && (!failing(h) || h.Answered["units"])
	return shell && asked(h.Containers)
}

// failing reports that a unit has failed: why it did is in the answer after the one that tells the states.
func failing(h *hosts.HostFacts) bool {
	return slices.ContainsFunc(h.Units.Value, func(u hosts.Unit) bool { return u.Active == "failed" })
}

func asked[T any](p hosts.Part[T]) bool { return p.Standing() != hosts.Unasked }

// unreached is the error of an answer without some of the named hosts; nil when all are there or out
// of service on purpose.
func (w *world) unreached(snap *hosts.Snapshot, names []string) error {
	for _, h := range snap.Hosts {
		if !slices.Contains(names, h.Host.Name) {
			continue
		}
		if h.Link.State != hosts.StateConnected && h.Link.State != hosts.StateMaintenance || !hostSettled(h) {
			return silently(exitIncomplete)
		}
	}
	return nil
}

// warn tells something beside the output.
func (a *app) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.log.Warn("told", "text", text)
	_, _ = fmt.Fprintln(a.stderr, "midwatch: "+hosts.CleanLine(text))
}
