package history

import (
	"strconv"
	"time"

	"midwatch/hosts"
)

// Look is when a host was looked at, and when it was before: what changed happened in between.
type Look struct{ Before, At time.Time }

// when is the moment a host gives for a change, when that can be, and else that of the look.
func (l Look) when(said time.Time) time.Time {
	if said.IsZero() || said.After(l.At) || said.Before(l.Before.Add(-clocks)) {
		return l.At
	}
	return said
}

// clocks may differ by so much.
const clocks = 10 * time.Second

// Units returns what happened to units between two looks. Sub-states come and go all the time and
// count only when the unit failed or is being restarted.
func Units(old, now []hosts.Unit, at Look) []hosts.Event {
	was := make(map[string]*hosts.Unit, len(old))
	for i := range old {
		was[old[i].Name] = &old[i]
	}
	var out []hosts.Event
	for i := range now {
		u := &now[i]
		o, known := was[u.Name]
		delete(was, u.Name)
		switch {
		case !known && u.Active == "failed":
			out = append(out, unitEvent(u, at, u.Active, u.Result))
		case !known:
		case o.Active != u.Active:
			out = append(out, unitEvent(u, at, u.Active, "was "+o.Active+", now "+u.Sub))
		case o.Sub != u.Sub && u.Sub == "auto-restart":
			out = append(out, unitEvent(u, at, u.Sub, "was "+o.Sub))
		case u.Restarts > o.Restarts && len(o.Counts) > 0: // before that the counter was not read
			out = append(out, unitEvent(u, at, "restarted", plural(u.Restarts, "restart")+" since it was started"))
		}
	}
	return out
}

func unitEvent(u *hosts.Unit, at Look, action, detail string) hosts.Event {
	return hosts.Event{At: at.when(u.Since), Kind: "unit", Object: u.Name, Action: action, Detail: detail}
}

// Containers returns what happened to containers between two lists, for when there are no events to
// be had.
func Containers(old, now []hosts.Container, at Look) []hosts.Event {
	was := make(map[string]*hosts.Container, len(old))
	for i := range old {
		was[old[i].ID] = &old[i]
	}
	var out []hosts.Event
	add := func(c *hosts.Container, action, detail string) {
		when := at.At
		switch action {
		case "start", "restart":
			when = at.when(c.Started)
		case "die":
			when = at.when(c.Finished)
		case "create":
			when = at.when(c.Created)
		}
		out = append(out, hosts.Event{At: when, Kind: "container", Object: c.Name, ID: c.ID, Action: action, Detail: detail})
	}
	for i := range now {
		c := &now[i]
		o, known := was[c.ID]
		delete(was, c.ID)
		switch {
		case !known:
			add(c, "create", c.Image)
		case o.State != c.State:
			add(c, stateAction(c), stateDetail(c))
		case c.Restarts > o.Restarts || c.Started.After(o.Started):
			add(c, "restart", plural(c.Restarts, "restart")+" so far")
		case o.Health != c.Health && c.Health != hosts.HealthUnknown && o.Health != hosts.HealthUnknown:
			add(c, "health_status: "+c.Health.String(), "was "+o.Health.String())
		}
	}
	for i := range old {
		if c, gone := was[old[i].ID]; gone {
			add(c, "destroy", "")
		}
	}
	return out
}

// stateAction is the action Docker's own event has for a change to this state.
func stateAction(c *hosts.Container) string {
	switch c.State {
	case "running":
		return "start"
	case "exited", "dead":
		return "die"
	case "paused":
		return "pause"
	default:
		return c.State
	}
}

func stateDetail(c *hosts.Container) string {
	if c.State == "exited" || c.State == "dead" {
		return "exit " + strconv.Itoa(c.Exit)
	}
	return ""
}

// plural is "1 event" or "3 events".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
