package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// patch returns the containers as they are after an event, and whether it tells that much. The list
// that follows an event says the same and more, some hundred milliseconds later.
func patch(list []hosts.Container, e hosts.Event) ([]hosts.Container, bool) {
	if e.Kind != "container" {
		return list, false
	}
	i := slices.IndexFunc(list, func(c hosts.Container) bool { return c.ID == e.ID })
	if i < 0 {
		return list, false
	}
	c := list[i]
	action, detail, _ := strings.Cut(e.Action, ":")
	switch action {
	case "die":
		c.State, c.PID, c.Finished = "exited", 0, e.At
		c.Health = hosts.HealthUnknown
		c.Exit, _ = strconv.Atoi(strings.TrimPrefix(e.Detail, "exit "))
		c.Status = "Exited (" + strconv.Itoa(c.Exit) + ")"
	case "start", "unpause":
		c.State, c.Status = "running", "Up"
		if action == "start" {
			c.Started, c.OOMKilled = e.At, false
			if c.Probe != "" {
				c.Health = hosts.HealthStarting
			}
		}
	case "pause":
		c.State, c.Status = "paused", "Paused"
	case "oom":
		c.OOMKilled = true
	case "health_status":
		h, ok := healthOf(strings.TrimSpace(detail))
		if !ok {
			return list, false
		}
		c.Health = h
	case "destroy":
		return slices.Delete(slices.Clone(list), i, i+1), true
	default:
		return list, false
	}
	list = slices.Clone(list)
	list[i] = c
	return list, true
}

func healthOf(s string) (hosts.Health, bool) {
	for _, h := range []hosts.Health{hosts.HealthStarting, hosts.HealthHealthy, hosts.HealthUnhealthy} {
		if h.String() == s {
			return h, true
		}
	}
	return hosts.HealthUnknown, false
}

// recent is an event of which a list may not know yet.
type recent struct {
	e  hosts.Event
	at time.Time // when it came
}

// remember keeps the events that a list may contradict: the engine's list is made of a copy that can be
// some hundred milliseconds behind what its events have told already.
func (m *member) remember(events []hosts.Event, now time.Time) {
	m.recent = slices.DeleteFunc(m.recent, func(r recent) bool { return now.Sub(r.at) >= listSettles })
	for _, e := range events {
		if e.Kind == "container" && (e.Action == "die" || e.Action == "start" || e.Action == "destroy") {
			m.recent = appendBounded(m.recent, []recent{{e, now}}, burstKept)
		}
	}
}

// repatch lays the events that a list is behind over it. All times are of the engine's clock.
func (m *member) repatch(now time.Time) {
	m.remember(nil, now)
	for _, r := range m.recent {
		i := slices.IndexFunc(m.facts.Containers.Value, func(c hosts.Container) bool { return c.ID == r.e.ID })
		if i < 0 {
			continue
		}
		c := &m.facts.Containers.Value[i]
		behind := r.e.Action == "destroy" ||
			r.e.Action == "die" && c.State == "running" && c.Started.Before(r.e.At) ||
			r.e.Action == "start" && c.State != "running" && c.Finished.Before(r.e.At)
		if behind {
			m.patchAll([]hosts.Event{r.e})
		}
	}
}

// patchAll applies events to the containers that are known.
func (m *member) patchAll(events []hosts.Event) {
	p := &m.facts.Containers
	if p.Standing() != hosts.Fresh {
		return
	}
	for _, e := range events {
		if list, ok := patch(p.Value, e); ok {
			p.Value, p.At = list, m.f.p.Now()
			m.facts.Latest = p.At
		}
	}
}
