package fleet

import (
	"slices"

	"midwatch/hosts"
)

// Recall shows what was known in another run, wherever nothing is known yet: the late form of
// Params.Last, for a memory that takes a while to read.
func (f *Fleet) Recall(last *hosts.Snapshot) {
	if last == nil {
		return
	}
	f.board.recall(remembered(last))
	for _, m := range f.members {
		if old := last.Host(m.Host.Name); old != nil {
			m.order(func() { m.last = old })
		}
	}
}

// KindWatch is the kind of the event that says that nobody was watching from here on.
const KindWatch = "watch"

// remembered are the events of another run, with its end: between that and now nobody watched.
func remembered(last *hosts.Snapshot) []hosts.Event {
	if last == nil || last.At.IsZero() {
		return nil
	}
	return append(slices.Clip(last.Events), hosts.Event{At: last.At, Kind: KindWatch, Action: "ended", Detail: "what happened from here to the next start was not seen"})
}

// recall puts events of another run before those of this one.
func (b *board) recall(events []hosts.Event) {
	if len(events) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.cur.Load()
	next := &hosts.Snapshot{Gen: old.Gen + 1, At: b.now(), Hosts: old.Hosts}
	since := b.events
	b.events = appendBounded(nil, events, eventsKept)
	b.add(next, since)
	b.cur.Store(next)
	b.arm()
}

// recall fills the parts of f that nobody has read yet with what old knows, as stale, and reports
// whether there was any. A host that stands elsewhere now is another machine, of which old says
// nothing.
func recall(f, old *hosts.HostFacts) bool {
	if old == nil || old.Latest.IsZero() || old.Host.Address != f.Host.Address || old.Host.Kind != f.Host.Kind {
		return false
	}
	why := "not asked yet: this is from " + old.Latest.Local().Format("2006-01-02 15:04:05")
	some := false
	for _, one := range []bool{
		fill(&f.System, old.System, why), fill(&f.Disks, old.Disks, why), fill(&f.Units, old.Units, why), fill(&f.Engine, old.Engine, why),
		fill(&f.Containers, old.Containers, why), fill(&f.Images, old.Images, why), fill(&f.Stats, old.Stats, why),
		fill(&f.Addresses, old.Addresses, why), fill(&f.Mounts, old.Mounts, why), fill(&f.Sockets, old.Sockets, why),
		fill(&f.Volumes, old.Volumes, why), fill(&f.Networks, old.Networks, why), fill(&f.Compose, old.Compose, why),
		fill(&f.Nginx, old.Nginx, why), fill(&f.Envoy, old.Envoy, why), fill(&f.Traefik, old.Traefik, why), fill(&f.Swarm, old.Swarm, why),
		fill(&f.Databases, old.Databases, why), fill(&f.Agents, old.Agents, why), fill(&f.AgentHub, old.AgentHub, why),
		fill(&f.Dokploy, old.Dokploy, why), fill(&f.Probes, old.Probes, why),
		fill(&f.Symptoms, old.Symptoms, why), fill(&f.ContainerSymptoms, old.ContainerSymptoms, why),
	} {
		some = some || one
	}
	if f.Latest.IsZero() {
		f.Latest = old.Latest
	}
	if f.Link.LastSeen.IsZero() {
		f.Link.LastSeen = old.Link.LastSeen
	}
	if len(f.LoadTrend) == 0 {
		f.LoadTrend = old.LoadTrend
	}
	return some
}

// fill gives a part without a value the old one; why it has none of its own stays its reason.
func fill[T any](p *hosts.Part[T], old hosts.Part[T], why string) bool {
	if p.Known() || !old.Known() {
		return false
	}
	reason, needs, tried := p.Reason, p.Needs, p.Tried
	*p = old
	p.Reason, p.Needs = why, ""
	if reason != "" {
		p.Reason, p.Needs, p.Tried = reason, needs, tried
	}
	return true
}
