package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks/trace"
	"midwatch/hosts"
)

// contained are the containers of a host that have a healthcheck and run.
func contained(h *hosts.HostFacts) []Service {
	var out []Service
	stale := old(h, h.Containers.Standing(), h.Containers.Reason)
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.State != "running" || c.Health == hosts.HealthNone || c.Health == hosts.HealthUnknown && c.Probe == "" {
			continue
		}
		e := Endpoint{
			Host: h.Host.Name, From: h.Host.Name, Name: c.Name, Kind: Healthcheck, Target: c.Probe, Origin: "healthcheck of " + c.Name,
			Container: c.ID, History: checkHistory(c),
		}
		if n := len(e.History); n > 0 {
			e.Last, e.Asked = e.History[n-1], true
			e.Every = interval(e.History)
		}
		switch {
		case stale != "":
			e.Why = stale
		case c.Health == hosts.HealthHealthy:
			e.State = Healthy
		case c.Health == hosts.HealthStarting:
			e.State, e.Why = Starting, "in its start period"
			if e.Asked && !e.Last.OK {
				e.Why += ": " + e.Last.Reason
			}
		case c.Health == hosts.HealthUnhealthy:
			e.State, e.Why = Failing, cmp.Or(e.Last.Reason, "the healthcheck fails")
		default:
			e.Why = "the engine did not say"
		}
		if e.State == Healthy && e.Asked && !e.Last.OK { // one failure of several that are allowed
			e.State, e.Why = Degraded, "the last check failed: "+e.Last.Reason
		}
		out = append(out, Service{ID: "container/" + h.Host.Name + "/" + c.ID, Name: c.Name, Host: h.Host.Name, Group: Contained, Endpoints: []Endpoint{e}})
	}
	slices.SortStableFunc(out, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// checkHistory turns the engine's log of a healthcheck into answers.
func checkHistory(c *hosts.Container) []hosts.ProbeResult {
	out := make([]hosts.ProbeResult, 0, len(c.HealthLog))
	for _, r := range c.HealthLog {
		p := hosts.ProbeResult{At: r.At, Took: r.End.Sub(r.At), OK: r.Exit == 0, Body: r.Output, Capacity: -1, Workers: -1, Busy: -1}
		if r.Exit != 0 {
			p.Reason = fmt.Sprintf("exit %d", r.Exit)
			if l := lastLine(r.Output); l != "" {
				p.Reason += ": " + l
			}
		}
		out = append(out, p)
	}
	return out
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return hosts.CleanLine(strings.TrimSpace(s))
}

func interval(rs []hosts.ProbeResult) time.Duration {
	if n := len(rs); n > 1 {
		return rs[n-1].At.Sub(rs[n-2].At)
	}
	return 0
}

// swarmed are the services of Swarms that have a healthcheck: a task counts as running only once its
// check passes.
func swarmed(s *hosts.Snapshot) []Service {
	var out []Service
	seen := map[string]bool{}
	for _, h := range s.Hosts {
		if !h.Swarm.Value.Manager {
			continue
		}
		stale := old(h, h.Swarm.Standing(), h.Swarm.Reason)
		for _, v := range h.Swarm.Value.Services {
			if v.HealthCmd == "" || v.Wanted == 0 || seen[v.ID] {
				continue
			}
			seen[v.ID] = true // several managers tell the same
			e := Endpoint{
				Host: h.Host.Name, From: h.Host.Name, Name: v.Name, Kind: Replicas, Target: v.HealthCmd, Origin: "healthcheck of service " + v.Name,
				Why: fmt.Sprintf("%d of %d replicas run", v.Running, v.Wanted), Short: fmt.Sprintf("%d/%d", v.Running, v.Wanted),
			}
			switch {
			case stale != "":
				e.Why = stale
			case v.Running == 0:
				e.State = Failing
			case v.Running < v.Wanted:
				e.State = Degraded
			default:
				e.State = Healthy
			}
			out = append(out, Service{ID: "swarm/" + v.ID, Name: v.Name, Host: h.Host.Name, Group: Clustered, Endpoints: []Endpoint{e}})
		}
	}
	return out
}

// proxied are the upstreams of nginx and the clusters of Envoy, with what stands behind each place
// they send traffic to.
func proxied(s *hosts.Snapshot) []Service {
	var out []Service
	for _, h := range s.Hosts {
		nginxStale := old(h, h.Nginx.Standing(), h.Nginx.Reason)
		for _, n := range h.Nginx.Value {
			if n.HTTP == nil {
				continue
			}
			for _, name := range sorted(n.HTTP.Upstreams) {
				u := n.HTTP.Upstreams[name]
				v := Service{ID: "nginx/" + h.Host.Name + "/" + n.Container + "/" + name, Name: name, Host: h.Host.Name, Group: Proxied}
				for _, m := range u.Members {
					e := Endpoint{Host: h.Host.Name, From: h.Host.Name, Name: m.Address, Kind: Upstream, Target: m.Address, Origin: m.D.At()}
					behind(s, &e, n.Container, m.Address, 80, nginxStale)
					if m.Down && nginxStale == "" {
						e.State, e.Why = Present, "marked down in the configuration"
					}
					v.Endpoints = append(v.Endpoints, e)
				}
				out = append(out, v)
			}
		}
		envoyStale := old(h, h.Envoy.Standing(), h.Envoy.Reason)
		for _, x := range h.Envoy.Value {
			if x.Config == nil {
				continue
			}
			for _, c := range x.Config.Clusters {
				v := Service{ID: "envoy/" + h.Host.Name + "/" + x.Container + "/" + c.Name, Name: c.Name, Host: h.Host.Name, Group: Proxied}
				for _, ep := range c.Endpoints {
					e := Endpoint{Host: h.Host.Name, From: h.Host.Name, Name: ep.Label(), Kind: Upstream, Target: ep.Label(), Origin: ep.Path}
					port := uint16(max(0, min(ep.Port, 65535))) //nolint:gosec // bounded here
					behind(s, &e, ownNetwork(h, x.Container), ep.Label(), port, envoyStale)
					if c.Live != nil && envoyStale == "" {
						for _, l := range c.Live.Hosts {
							if l.Label() == ep.Label() && !l.Healthy() {
								e.State, e.Why = Failing, "Envoy: "+strings.TrimSpace(strings.Join(l.Flags, ", ")+" "+strings.ToLower(l.EDS))
							}
						}
					}
					v.Endpoints = append(v.Endpoints, e)
				}
				out = append(out, v)
			}
		}
	}
	return out
}

// behind says what stands at a place that a proxy sends traffic to.
func behind(s *hosts.Snapshot, e *Endpoint, container, target string, port uint16, stale string) {
	if stale != "" {
		e.Why = stale
		return
	}
	st, text := trace.Summary(trace.Behind(s, e.Host, container, target, port))
	e.Why = text
	switch st {
	case trace.OK:
		e.State = Present
	case trace.Broken:
		e.State = Failing
	}
}

// ownNetwork is the container a proxy resolves names from, "" where it shares the host's network.
func ownNetwork(h *hosts.HostFacts, container string) string {
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.Name == container && c.NetMode != "host" {
			return container
		}
	}
	return ""
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
