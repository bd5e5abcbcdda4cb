package services

import (
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// store keeps the items of each host while nothing changes there: a fleet has ten thousand units, and
// a second passes for a few of them only.
type store struct {
	hash  hasher
	kept  map[string]*chunk
	st    *themes.Styles // what the kept ones were made with
	items []*item
}

// chunk is the items of one host.
type chunk struct {
	of       facts
	at       time.Time
	restless bool // something in it looks different a second later
	items    []item
}

// facts tell whether what is known of a host's services is the same. Facts are never changed, so it is
// enough to know where they lie.
type facts struct {
	unit             *hosts.Unit
	units            int
	unitsAt, swarmAt time.Time
	reasons          [3]string
	link             hosts.State
	manager          bool
}

func factsOf(h *hosts.HostFacts, manager bool) facts {
	f := facts{
		units: len(h.Units.Value), unitsAt: h.Units.At, swarmAt: h.Swarm.At,
		reasons: [3]string{h.Units.Reason, h.Swarm.Reason, h.Link.Reason}, link: h.Link.State, manager: manager,
	}
	if f.units > 0 {
		f.unit = &h.Units.Value[0]
	}
	return f
}

const (
	// settled is how long the items of a quiet host stand: their ages are minutes and more.
	settled = 10 * time.Second
	// young is how long a state is so new that its age is written in seconds.
	young = time.Minute
)

// of returns the items of a snapshot at a moment, host by host in the inventory's order.
func (x *store) of(st *themes.Styles, snap *hosts.Snapshot, open ui.OpenMsg, now time.Time) []*item {
	if x.st != st || len(x.kept) > 2*len(snap.Hosts) {
		x.kept, x.st = map[string]*chunk{}, st
	}
	x.items = x.items[:0]
	managers := managersOf(snap, open)
	for _, h := range snap.Hosts {
		if open.Narrows(h.Host.Name) {
			continue
		}
		c := x.chunk(h, managers[h.Host.Name], now)
		for i := range c.items {
			c.items[i].now = now
			x.items = append(x.items, &c.items[i])
		}
	}
	return x.items
}

func (x *store) chunk(h *hosts.HostFacts, manager bool, now time.Time) *chunk {
	f := factsOf(h, manager)
	if c := x.kept[h.Host.Name]; c != nil && c.of == f && (now.Equal(c.at) || !c.restless && now.Sub(c.at) < settled) {
		return c
	}
	b := &build{st: x.st, now: now}
	b.units(h)
	if manager {
		b.swarm(h)
	}
	c := &chunk{of: f, at: now, items: b.items}
	for i := range c.items {
		it := &c.items[i]
		it.version = x.hash.version(it)
		c.restless = c.restless || it.bad == busy || it.u != nil && (it.u.Draining() || it.bad == odd || now.Sub(it.u.Since) < young)
	}
	x.kept[h.Host.Name] = c
	return c
}
