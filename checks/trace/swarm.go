package trace

import (
	"fmt"
	"strings"

	"midwatch/hosts"
)

// swarm returns the Swarm the host belongs to, as a manager of the fleet tells it.
func (w *walker) swarm(h *hosts.HostFacts) *hosts.Swarm {
	if h.Swarm.Known() && h.Swarm.Value.Manager {
		return &h.Swarm.Value
	}
	for _, x := range w.s.Hosts {
		if !x.Swarm.Known() || !x.Swarm.Value.Manager {
			continue
		}
		if h.Swarm.Value.ClusterID != "" && x.Swarm.Value.ClusterID == h.Swarm.Value.ClusterID {
			return &x.Swarm.Value
		}
		for _, n := range x.Swarm.Value.Nodes {
			if n.Hostname == h.Host.Name || n.Hostname == h.System.Value.Hostname && n.Hostname != "" || n.Addr == h.Host.Address && n.Addr != "" {
				return &x.Swarm.Value
			}
		}
	}
	return nil
}

// swarmPort follows a port that the routing mesh publishes on every node.
func (w *walker) swarmPort(h *hosts.HostFacts, port uint16) bool {
	s := w.swarm(h)
	if s == nil {
		return false
	}
	for i := range s.Services {
		for _, p := range s.Services[i].Ports {
			if p.HostPort == port && p.Proto == "tcp" {
				w.add(Hop{Kind: "port", Host: h.Host.Name, Object: fmt.Sprintf("*:%d", port), Target: fmt.Sprintf("%s:%d", s.Services[i].Name, p.ContainerPort), Match: "published by the routing mesh"})
				w.service(h, s, &s.Services[i], p.ContainerPort)
				return true
			}
		}
	}
	return false
}

// swarmName follows the name of a Swarm service, short or with its stack.
func (w *walker) swarmName(from where, name string, port uint16) bool {
	s := w.swarm(from.h)
	if s == nil {
		return false
	}
	name = strings.TrimPrefix(name, "tasks.")
	for i := range s.Services {
		v := &s.Services[i]
		if v.Name == name || v.Stack != "" && v.Name == v.Stack+"_"+name && (from.c == nil || strings.HasPrefix(from.c.Service, v.Stack+"_")) {
			w.service(from.h, s, v, port)
			return true
		}
	}
	return false
}

func (w *walker) service(h *hosts.HostFacts, s *hosts.Swarm, v *hosts.SwarmService, port uint16) {
	hop := Hop{Kind: "service", Host: h.Host.Name, Object: v.Name, Match: v.Image, Detail: fmt.Sprintf("%d of %d replicas run", v.Running, v.Wanted)}
	if v.UpdateState != "" {
		hop.Detail += ", update " + v.UpdateState
	}
	switch {
	case v.Running == 0:
		hop.Status = Broken
		if e := lastTaskError(s, v); e != "" {
			hop.Detail += ": " + e
		}
	case v.Running < v.Wanted:
		hop.Status = Unknown
	}
	w.add(hop)
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if !taskOf(t, v) || t.State != "running" {
			continue
		}
		for _, x := range w.s.Hosts {
			for j := range x.Containers.Value {
				if c := &x.Containers.Value[j]; t.ContainerID != "" && c.ID == t.ContainerID {
					w.inside(x, c, port)
					return
				}
			}
		}
	}
	if v.Running > 0 {
		w.add(Hop{Kind: "container", Object: v.Name, Status: Unknown, Detail: "its tasks run on nodes that were not read"})
	}
}

// taskOf reports whether a task is of a service, which it names by its name, or by its ID when the
// manager did not list it.
func taskOf(t *hosts.SwarmTask, v *hosts.SwarmService) bool {
	return t.Service == v.Name || t.Service == v.ID
}

func lastTaskError(s *hosts.Swarm, v *hosts.SwarmService) string {
	last := hosts.SwarmTask{}
	for _, t := range s.Tasks {
		if taskOf(&t, v) && t.Error != "" && t.At.After(last.At) {
			last = t
		}
	}
	return last.Error
}

// swarmUnread reports a host in a Swarm of which no manager was read: any name may be a service there.
func (w *walker) swarmUnread(h *hosts.HostFacts) bool {
	return (h.Swarm.Known() && h.Swarm.Value.ClusterID != "" || h.Engine.Value.Swarm == "active") && w.swarm(h) == nil
}
