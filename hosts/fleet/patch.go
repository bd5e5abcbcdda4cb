package fleet

import (
	"slices"
	"strconv"
	"strings"

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
