package health

import (
	"cmp"
	"strings"
	"time"

	"midwatch/hosts"
)

// probed are the services that the probes of the inventory ask.
func probed(s *hosts.Snapshot, now time.Time) []Service {
	var out []Service
	at := map[string]int{}
	for _, h := range s.Hosts {
		for i := range h.Probes.Value {
			p := &h.Probes.Value[i]
			name := cmp.Or(p.Service, p.Name)
			n, ok := at[name]
			if !ok {
				n = len(out)
				at[name] = n
				out = append(out, Service{ID: "probe/" + name, Name: name, Host: h.Host.Name, Group: Probed})
			}
			e := probe(h, p, now)
			out[n].Endpoints = append(out[n].Endpoints, e)
			if c := capacity(s, h, p, &e); c != nil {
				out[n].Capacity = c
			}
		}
	}
	for i := range out {
		byKind(out[i].Endpoints)
	}
	return out
}

// probe judges one probe by its last answer.
func probe(h *hosts.HostFacts, p *hosts.Probe, now time.Time) Endpoint {
	e := Endpoint{
		Host: h.Host.Name, From: p.From, Name: p.Name, Kind: Kind(p.Kind), Target: p.Target, Origin: p.Origin,
		Every: p.Every, Tolerant: p.Tolerant, History: p.Results,
	}
	if len(p.Results) == 0 {
		e.Why = "not asked yet"
		return e
	}
	e.Last, e.Asked = p.Results[len(p.Results)-1], true
	e.Overdue = overdue(e.Last.At, p.Every, now)
	switch {
	case e.Overdue > 0 && p.From != "" && h.Link.State != hosts.StateConnected:
		e.Why = old(h, hosts.Fresh, "")
	case e.Overdue > 0:
		e.Why = "the next answer is overdue"
	case e.Last.OK:
		e.State = Healthy
		if soft(e.Last.State) {
			e.State, e.Why = Degraded, "its status is "+e.Last.State
		}
	case e.Last.Status >= 200 && e.Last.Status < 300 && soft(e.Last.State):
		e.State, e.Why = Degraded, e.Last.Reason
	default:
		e.State, e.Why = Failing, e.Last.Reason
	}
	return e
}

// soft are the words of services that work and are not well.
func soft(state string) bool {
	switch strings.ToLower(state) {
	case "degraded", "warn", "warning", "partial", "yellow":
		return true
	}
	return false
}
