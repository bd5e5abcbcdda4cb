package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
)

// The times of watching an effect.
const (
	look       = 250 * time.Millisecond // between two looks
	steady     = 2 * time.Second        // a container without a healthcheck must run this long
	healthWait = 90 * time.Second       // a healthcheck must have decided by then
	stopWait   = 30 * time.Second       // after the API said that it is stopped
	blind      = 15 * time.Second       // without being able to look
)

// containerVerb is one verb on containers.
type containerVerb struct {
	name string
	do   func(Containers, context.Context, string) error
	// seen judges what a look shows; took is the time since the API returned.
	seen func(before, now hosts.Container, took time.Duration) verdict
}

// verdict is a look's answer: not decided yet, or a line and whether it is what was ordered.
type verdict struct {
	done, good bool
	line       string
}

// containerVerbs lists the verbs; the tests walk it.
func containerVerbs() []containerVerb {
	return []containerVerb{
		{"start", Containers.Start, seenRunning},
		{"stop", Containers.Stop, seenStopped},
		{"restart", Containers.Restart, seenRestarted},
	}
}

// Verbs are the names of the container verbs.
func Verbs() []string {
	var out []string
	for _, v := range containerVerbs() {
		out = append(out, v.name)
	}
	return out
}

// Container does verb (start, stop, restart) to a container and waits until its effect was seen:
// the line says what is the case now, "running, healthy after 4 s". An effect other than the one
// ordered is ErrEffect. typed is the host's name where the host is marked as production.
func (m *Manager) Container(ctx context.Context, verb, host, id, typed string) (string, error) {
	for _, v := range containerVerbs() {
		if v.name == verb {
			return m.gate(ctx, m.containerOrder(v, host, id, typed))
		}
	}
	return "", fmt.Errorf("%q: %w", verb, ErrVerb)
}

func (m *Manager) containerOrder(v containerVerb, host, id, typed string) order {
	var target Containers
	var before hosts.Container
	return order{
		verb: v.name, host: host, object: id, typed: typed,
		before: func(ctx context.Context) (string, string, error) {
			var err error
			if target, err = m.p.Containers(ctx, host); err != nil {
				return "", "", err
			}
			if before, err = target.Container(ctx, id); err != nil {
				return "", "", err
			}
			return stateOf(before), before.Name + " " + short(before.ID), nil
		},
		do: func(ctx context.Context) (string, string, error) {
			// By ID: the name may pass to another container while we work.
			if err := v.do(target, ctx, before.ID); err != nil {
				return "", "", err
			}
			return m.watch(ctx, target, before, v)
		},
	}
}

// watch looks at the container until the verb's effect is decided.
func (m *Manager) watch(ctx context.Context, target Containers, before hosts.Container, v containerVerb) (string, string, error) {
	start := m.p.Now()
	sighted := start
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		now, err := target.Container(ctx, before.ID)
		switch {
		case err == nil:
			sighted = m.p.Now()
			if d := v.seen(before, now, sighted.Sub(start)); d.done {
				if !d.good {
					return stateOf(now), d.line, fmt.Errorf("%w: %s", ErrEffect, d.line)
				}
				return stateOf(now), d.line, nil
			}
		case ctx.Err() != nil:
			return "", "", fmt.Errorf("ordered, and cut off before its effect was seen: %w", ctx.Err())
		case m.p.Now().Sub(sighted) > blind:
			return "", "", fmt.Errorf("ordered, but its effect cannot be seen: %w", err)
		}
		select {
		case <-ctx.Done():
		case <-again.C:
		}
	}
}

func seenRunning(before, now hosts.Container, took time.Duration) verdict {
	if before.State == "running" && now.State == "running" && now.Started.Equal(before.Started) {
		return verdict{true, true, "was running already, since " + before.Started.Format(time.RFC3339)}
	}
	switch now.State {
	case "running":
		return running(now, took)
	case "restarting":
		if took < healthWait {
			return verdict{}
		}
		return verdict{true, false, fmt.Sprintf("restarting again and again, last exit %d%s", now.Exit, oom(now))}
	case "paused":
		return verdict{true, false, "paused: unpause it first"}
	case "created":
		if took < blind {
			return verdict{}
		}
		return verdict{true, false, "still not started" + cause(now)}
	default:
		return verdict{true, false, fmt.Sprintf("%s %d%s %s after the start%s", now.State, now.Exit, oom(now), seconds(took), cause(now))}
	}
}

// running judges a container that runs: by its healthcheck, or by lasting.
func running(now hosts.Container, took time.Duration) verdict {
	switch now.Health {
	case hosts.HealthHealthy:
		return verdict{true, true, "running, healthy after " + seconds(took)}
	case hosts.HealthUnhealthy:
		return verdict{true, false, "running, but unhealthy after " + seconds(took) + probe(now)}
	case hosts.HealthStarting:
		if took < healthWait {
			return verdict{}
		}
		return verdict{true, false, "running, but its healthcheck has not decided after " + seconds(took) + probe(now)}
	default:
		if took < steady {
			return verdict{}
		}
		return verdict{true, true, "running for " + seconds(took) + ", no healthcheck"}
	}
}

func seenRestarted(before, now hosts.Container, took time.Duration) verdict {
	if now.State == "running" && !now.Started.After(before.Started) {
		if took < blind {
			return verdict{}
		}
		return verdict{true, false, "still running since before, " + before.Started.Format(time.RFC3339)}
	}
	// For the judgement it is a start: that it ran before does not count.
	before.State = "exited"
	return seenRunning(before, now, took)
}

func seenStopped(before, now hosts.Container, took time.Duration) verdict {
	switch now.State {
	case "exited", "dead", "created":
		if before.State == now.State && before.Finished.Equal(now.Finished) {
			return verdict{true, true, "was not running"}
		}
		line := fmt.Sprintf("stopped, exit %d%s", now.Exit, oom(now))
		if now.Exit == 137 && !now.OOMKilled {
			line += ": killed, it did not end within its grace period"
		}
		return verdict{true, true, line}
	default:
		if took < stopWait {
			return verdict{}
		}
		line := "still " + now.State
		if now.Started.After(before.Started) {
			line = "running again, something started it"
		}
		return verdict{true, false, line}
	}
}

// stateOf is a container's state for the audit log.
func stateOf(c hosts.Container) string {
	s := c.State
	if c.Health > hosts.HealthNone {
		s += ", " + c.Health.String()
	}
	if c.State == "exited" || c.State == "dead" {
		s += fmt.Sprintf(" %d", c.Exit)
	}
	return s
}

func oom(c hosts.Container) string {
	if c.OOMKilled {
		return " (out of memory)"
	}
	return ""
}

func cause(c hosts.Container) string {
	if c.Error == "" {
		return ""
	}
	return ": " + hosts.CleanLine(c.Error)
}

// probe quotes the last run of the healthcheck.
func probe(c hosts.Container) string {
	if len(c.HealthLog) == 0 {
		return ""
	}
	out := strings.Join(strings.Fields(hosts.CleanLine(c.HealthLog[len(c.HealthLog)-1].Output)), " ")
	if r := []rune(out); len(r) > 120 {
		out = string(r[:120]) + "…"
	}
	if out == "" {
		return ""
	}
	return ": " + out
}

func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// IsRefusal reports errors that mean nothing was done.
func IsRefusal(err error) bool {
	return errors.Is(err, hosts.ErrReadOnly) || errors.Is(err, ErrConfirm) || errors.Is(err, ErrBusy) ||
		errors.Is(err, ErrVerb) || errors.Is(err, ErrClosed)
}
