package past

import (
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// settled is how long after a boot units still start because of it.
const settled = 5 * time.Minute

// Stamps returns what the facts of a host say of when things happened, in no order. What was not read
// has no past.
func Stamps(h *hosts.HostFacts) []hosts.Event {
	s := stamps{host: h.Host.Name}
	boot := time.Time{}
	if sys := h.System; sys.Known() && sys.Value.Uptime > 0 {
		boot = sys.At.Add(-sys.Value.Uptime).Truncate(time.Second)
		s.add(hosts.Event{At: boot, Kind: "system", Action: "booted", Detail: sys.Value.Kernel})
	}
	s.containers(h.Containers.Value)
	s.units(h.Units.Value, boot)
	for i := range h.Probes.Value {
		for _, e := range h.Probes.Value[i].Flips() {
			s.add(e)
		}
	}
	s.compose(h.Compose.Value)
	s.swarm(h.Swarm.Value)
	s.dokploy(h.Dokploy.Value)
	if l := h.Link; l.State != hosts.StatePending && l.State != hosts.StateConnected {
		s.add(hosts.Event{At: l.Since, Kind: "link", Action: l.State.String(), Detail: l.Reason})
	}
	return s.out
}

type stamps struct {
	host string
	out  []hosts.Event
}

func (s *stamps) add(e hosts.Event) {
	if e.At.IsZero() || e.At.Unix() <= 0 {
		return
	}
	e.Host = s.host
	s.out = append(s.out, e)
}

func (s *stamps) containers(list []hosts.Container) {
	for i := range list {
		c := &list[i]
		e := hosts.Event{Kind: "container", Object: c.Name, ID: c.ID}
		e.At, e.Action, e.Detail = c.Created, "create", c.Image
		s.add(e)
		e.At, e.Action, e.Detail = c.Started, "start", c.Image
		s.add(e)
		switch {
		case c.State == "exited" || c.State == "dead":
			e.At, e.Action, e.Detail = c.Finished, "die", "exit "+strconv.Itoa(c.Exit)
			s.add(e)
			if c.OOMKilled {
				e.Action, e.Detail = "oom", "killed: out of memory"
				s.add(e)
			}
		case c.Restarts > 0 && c.Finished.Before(c.Started):
			e.At, e.Action, e.Detail = c.Finished, "die", "was restarted, "+strconv.Itoa(c.Restarts)+" times so far"
			s.add(e)
		}
	}
}

func (s *stamps) units(list []hosts.Unit, boot time.Time) {
	for i := range list {
		u := &list[i]
		kind := u.Name[strings.LastIndexByte(u.Name, '.')+1:]
		if u.Active != "failed" && (kind != "service" && kind != "target" || u.Since.Before(boot.Add(settled)) || u.Enabled == "transient") {
			continue
		}
		detail := u.Sub
		if u.Active == "failed" {
			detail = u.Result
		}
		s.add(hosts.Event{At: u.Since, Kind: "unit", Object: u.Name, Action: u.Active, Detail: detail})
	}
}

func (s *stamps) compose(list []hosts.ComposeProject) {
	for _, p := range list {
		for _, f := range p.Files {
			s.add(hosts.Event{At: f.MTime, Kind: "config", Object: f.Path, Action: "written", Detail: "project " + p.Name})
		}
	}
}

func (s *stamps) swarm(sw hosts.Swarm) {
	for _, v := range sw.Services {
		if v.UpdateState != "" {
			s.add(hosts.Event{At: v.Updated, Kind: "deploy", Object: v.Name, ID: v.ID, Action: "update " + v.UpdateState, Detail: v.UpdateInfo})
		}
	}
	for _, t := range sw.Tasks {
		if t.State == "failed" || t.State == "rejected" {
			s.add(hosts.Event{At: t.At, Kind: "service", Object: t.Service, ID: t.ID, Action: "task " + t.State, Detail: t.Error})
		}
	}
}

func (s *stamps) dokploy(d hosts.Dokploy) {
	for _, p := range d.Projects {
		for _, a := range p.Apps {
			for _, x := range a.Deployments {
				at := x.Created
				if !x.Finished.IsZero() {
					at = x.Finished
				}
				s.add(hosts.Event{
					At: at, Kind: "deploy", Object: p.Name + "/" + a.Name, ID: x.ID, Action: "deployment " + x.Status,
					Detail: strings.Trim(x.Title+": "+x.Error, ": "),
				})
			}
		}
	}
}
