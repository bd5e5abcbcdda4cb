package containers

import (
	"hash/maphash"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// key names a container in the fleet.
type key struct{ host, id string }

// item is one row: a container with what is known around it at one moment, or, with c nil, a host
// whose containers are not known.
type item struct {
	h     *hosts.HostFacts
	c     *hosts.Container
	stats hosts.Series
	now   time.Time
	stale bool // what is shown is older than it should be: the host is away or the last read failed
	act   *act // an action on it that runs or has ended lately; nil usually
	// headed says that the row stands under a heading, which tells what is true of the whole host.
	headed bool
}

func (it *item) key() key {
	if it.c == nil {
		return key{it.h.Host.Name, ""}
	}
	return key{it.h.Host.Name, it.c.ID}
}

// facts is the container, an empty one where there is none, for comparing.
func (it *item) facts() *hosts.Container {
	if it.c == nil {
		return &hosts.Container{}
	}
	return it.c
}

// id is the row's identity in the table.
func (it *item) id() string {
	k := it.key()
	return k.host + "/" + k.id
}

// isStale reports that a host's containers may have changed since they were read.
func isStale(h *hosts.HostFacts) bool {
	return h.Link.State != hosts.StateConnected || h.Containers.Standing() != hosts.Fresh
}

// asOf is the moment the item's facts are true for: now, or when they were read if that is stale.
func (it *item) asOf() time.Time {
	if it.stale && it.h.Containers.Known() {
		return it.h.Containers.At
	}
	return it.now
}

// running reports that the container was running when it was last seen.
func (it *item) running() bool {
	return it.c != nil && (it.c.State == "running" || it.c.State == "paused" || it.c.State == "restarting")
}

// sample is the newest resource sample, and whether it is recent enough to be called current.
func (it *item) sample() (s hosts.Stats, current, ok bool) {
	s, ok = it.stats.Last()
	if !ok || it.c == nil || it.c.State != "running" {
		return s, false, false
	}
	const fresh = 15 * time.Second
	return s, !it.stale && it.now.Sub(s.At) < fresh, true
}

// trouble grades an item for sorting and headings.
type trouble int

const (
	fine trouble = iota
	uncertain
	odd // paused, being removed, out of memory soon
	broken
)

// trouble is how much is wrong with a container as it was last seen.
func (it *item) trouble() trouble {
	c := it.c
	if c == nil {
		if it.h.Containers.Standing() == hosts.Unasked {
			return fine
		}
		return uncertain
	}
	switch {
	case c.State == "dead", c.State == "restarting", c.State == "exited" && c.Exit != 0, c.OOMKilled && c.State != "running":
		return broken
	case c.State == "running" && c.Health == hosts.HealthUnhealthy:
		return broken
	case c.State == "paused", c.State == "removing", it.memTight():
		return odd
	case it.stale:
		return uncertain
	}
	return fine
}

// memTight reports that a container uses most of the memory it may have.
func (it *item) memTight() bool {
	s, current, ok := it.sample()
	const share = 90
	return ok && current && it.c.MemLimit > 0 && s.Mem*100 >= it.c.MemLimit*share
}

// hasher makes the versions of rows; they compare within its own life only.
type hasher struct{ h maphash.Hash }

// version changes whenever the row would look different. When the containers were read stands for
// the facts that are long to hash; those that tell states apart are hashed all the same.
func (x *hasher) version(it *item) uint64 {
	x.h.Reset()
	num := func(n int64) {
		var b [8]byte
		for i := range b {
			b[i] = byte(n >> (8 * i))
		}
		_, _ = x.h.Write(b[:]) // never fails
	}
	num(int64(it.h.Link.State))
	_, _ = x.h.WriteString(it.h.Link.Reason)
	_, _ = x.h.WriteString(it.h.Containers.Reason)
	num(int64(it.h.Containers.Standing()))
	num(it.h.Containers.At.UnixNano())
	if it.stale {
		num(ageStep(it.now.Sub(it.h.Containers.At)))
	}
	if c := it.c; c != nil {
		_, _ = x.h.WriteString(c.Name)
		_, _ = x.h.WriteString(c.State)
		_, _ = x.h.WriteString(c.Error)
		num(int64(c.Health)<<40 | int64(c.Exit)<<24 | int64(c.Restarts)<<1 | int64(len(c.Ports))<<48)
		num(ageStep(it.now.Sub(c.Started)))
		num(ageStep(it.now.Sub(c.Finished)))
		num(ageStep(it.now.Sub(c.Created)))
		if s, current, ok := it.sample(); ok {
			num(s.At.UnixNano())
			if current {
				num(1)
			}
		}
	}
	if it.headed {
		num(2)
	}
	if it.act != nil {
		num(int64(it.act.state))
		_, _ = x.h.WriteString(it.act.text)
	}
	return x.h.Sum64() | 1 // 0 would mean that the row must not be kept
}

// ageStep is the same number for ages that are written the same way.
func ageStep(d time.Duration) int64 {
	switch {
	case d < time.Minute:
		return int64(d / time.Second)
	default:
		return int64(d/time.Minute) + 60
	}
}

// itemsOf builds the items of a snapshot, host by host in the inventory's order, and within a host
// project by project, the containers of no project last. open narrows them to some hosts.
func itemsOf(snap *hosts.Snapshot, open ui.OpenMsg, now time.Time, acts map[key]*act) []item {
	if snap == nil {
		return nil
	}
	n := 0
	for _, h := range snap.Hosts {
		n += len(h.Containers.Value) + 1
	}
	items := make([]item, 0, n)
	for _, h := range snap.Hosts {
		if open.Narrows(h.Host.Name) {
			continue
		}
		if !h.Containers.Known() {
			items = append(items, item{h: h, now: now, stale: true})
			continue
		}
		from := len(items)
		stale := isStale(h)
		for i := range h.Containers.Value {
			c := &h.Containers.Value[i]
			items = append(items, item{
				h: h, c: c, stats: h.Stats.Value[c.ID], now: now, stale: stale, act: acts[key{h.Host.Name, c.ID}],
			})
		}
		sortItems(items[from:])
	}
	return items
}

// group is the heading an item stands under: its host and project.
func (it *item) group(one bool) string {
	host := ui.Clean(it.h.Host.Name)
	if it.c == nil {
		return host
	}
	project := ui.Clean(it.c.Project)
	if project == "" {
		project = "no project"
	}
	if one {
		return project
	}
	return host + " / " + project
}
