package history

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/diff"
	"midwatch/hosts/redact"
)

// The kinds of events that this package makes, beside those of the engine ("container", …) and of
// the link.
const (
	KindContainer = "container"
	KindUnit      = "unit"
	KindProbe     = "probe"
	KindConfig    = "config"
	KindDeploy    = "deploy"
	KindService   = "service" // of a swarm
	KindMount     = "mount"
	KindSystem    = "system"
)

// Between returns what happened from a to b, two states of one host, other than to its containers:
// those have events of their own. at is when b was seen.
func Between(a, b *hosts.HostFacts, at time.Time) []hosts.Event {
	var out []hosts.Event
	if renewed(a.Units, b.Units) {
		out = append(out, Units(a.Units.Value, b.Units.Value, Look{a.Units.At, at})...)
		out = append(out, unitFiles(a.Units.Value, b.Units.Value, at)...)
	}
	if renewed(a.System, b.System) {
		out = append(out, system(a.System, b.System)...)
	}
	if renewed(a.Probes, b.Probes) {
		out = append(out, probes(a.Probes.Value, b.Probes.Value)...)
	}
	if renewed(a.Mounts, b.Mounts) {
		out = append(out, mounts(a.Mounts.Value, b.Mounts.Value, at)...)
	}
	if renewed(a.Swarm, b.Swarm) {
		out = append(out, swarm(a.Swarm.Value, b.Swarm.Value, Look{a.Swarm.At, at})...)
	}
	if renewed(a.Dokploy, b.Dokploy) {
		out = append(out, dokploy(a.Dokploy.Value, b.Dokploy.Value, Look{a.Dokploy.At, at})...)
	}
	if renewed(a.Agents, b.Agents) {
		out = append(out, agents(a.Agents.Value, b.Agents.Value, at)...)
	}
	if renewed(a.Compose, b.Compose) || renewed(a.Nginx, b.Nginx) || renewed(a.Envoy, b.Envoy) || renewed(a.Traefik, b.Traefik) {
		out = append(out, config(diff.Config(a, b), at)...)
	}
	return out
}

// renewed reports that a part was read on both sides and again since the first.
func renewed[T any](a, b hosts.Part[T]) bool {
	return a.Known() && b.Standing() == hosts.Fresh && !a.At.Equal(b.At)
}

// shownLines bounds how much of a change stands in its event.
const shownLines = 3

// config makes one event of all changes of one object.
func config(changes []diff.Change, at time.Time) []hosts.Event {
	var out []hosts.Event
	for i := 0; i < len(changes); {
		c := changes[i]
		n := 1
		for i+n < len(changes) && changes[i+n].Kind == c.Kind && changes[i+n].Object == c.Object {
			n++
		}
		var what []string
		for _, one := range changes[i : i+min(n, shownLines)] {
			what = append(what, told(one))
		}
		if n > shownLines {
			what = append(what, fmt.Sprintf("and %d more", n-shownLines))
		}
		out = append(out, hosts.Event{At: at, Kind: KindConfig, Object: c.Object, Action: c.Op, Detail: redact.Text(strings.Join(what, "; "))})
		i += n
	}
	return out
}

// told is one change without its object.
func told(c diff.Change) string {
	const most = 120
	short := func(s string) string {
		if r := []rune(s); len(r) > most {
			return string(r[:most]) + "…"
		}
		return cmp.Or(s, "(none)")
	}
	switch {
	case c.Op != diff.Changed:
		return strings.TrimSpace(c.Before + c.After)
	case c.Before == "":
		return c.Field + ": + " + short(c.After)
	case c.After == "":
		return c.Field + ": - " + short(c.Before)
	}
	return c.Field + ": " + short(c.Before) + " → " + short(c.After)
}

// unitFiles tells that a unit is made of other files than before.
func unitFiles(old, now []hosts.Unit, at time.Time) []hosts.Event {
	was := make(map[string]*hosts.Unit, len(old))
	for i := range old {
		was[old[i].Name] = &old[i]
	}
	var out []hosts.Event
	for i := range now {
		u := &now[i]
		o, ok := was[u.Name]
		if !ok || o.Load != "loaded" || u.Load != "loaded" || o.Fragment == "" || u.Fragment == "" {
			continue // lists of states alone name no files
		}
		before, after := strings.Join(append([]string{o.Fragment}, o.DropIns...), " "), strings.Join(append([]string{u.Fragment}, u.DropIns...), " ")
		if before != after {
			out = append(out, hosts.Event{At: at, Kind: KindConfig, Object: u.Name, Action: diff.Changed, Detail: "files: " + before + " → " + after})
		}
	}
	return out
}

func system(a, b hosts.Part[hosts.System]) []hosts.Event {
	var out []hosts.Event
	x, y := a.Value, b.Value
	// The uptime of the one that was not restarted grows as the clock does; a minute is for clocks.
	if y.Uptime > 0 && x.Uptime > 0 && y.Uptime < x.Uptime-time.Minute {
		out = append(out, hosts.Event{At: b.At.Add(-y.Uptime), Kind: KindSystem, Action: "booted", Detail: kernels(x.Kernel, y.Kernel)})
	}
	return out
}

func kernels(before, after string) string {
	if before == after || before == "" || after == "" {
		return after
	}
	return "kernel " + before + " → " + after
}

func probes(old, now []hosts.Probe) []hosts.Event {
	var out []hosts.Event
	for i := range now {
		p := &now[i]
		since := time.Time{}
		for j := range old {
			if o := &old[j]; o.Name == p.Name && o.From == p.From && o.Target == p.Target && len(o.Results) > 0 {
				since = o.Results[len(o.Results)-1].At
			}
		}
		for _, e := range p.Flips() {
			if e.At.After(since) {
				out = append(out, e)
			}
		}
	}
	return out
}

// mounts tells of disks and network file systems; those of containers come and go with them.
func mounts(old, now []hosts.Mount, at time.Time) []hosts.Event {
	x, y := kept(old), kept(now)
	var out []hosts.Event
	add := func(m hosts.Mount, action, detail string) {
		out = append(out, hosts.Event{At: at, Kind: KindMount, Object: m.Point, Action: action, Detail: detail})
	}
	for _, m := range now {
		o, had := x[m.Point]
		_, mine := y[m.Point]
		switch {
		case !mine:
		case !had:
			add(m, "mounted", m.FSType+" "+m.Source)
		case o.Source != m.Source || o.FSType != m.FSType:
			add(m, "changed", o.FSType+" "+o.Source+" → "+m.FSType+" "+m.Source)
		case o.Options != m.Options:
			add(m, "changed", "options "+o.Options+" → "+m.Options)
		}
	}
	for _, o := range old {
		if _, had := x[o.Point]; !had {
			continue
		}
		if _, has := y[o.Point]; !has {
			add(o, "unmounted", o.FSType+" "+o.Source)
		}
	}
	return out
}

func kept(ms []hosts.Mount) map[string]hosts.Mount {
	out := map[string]hosts.Mount{}
	for _, m := range ms {
		if (m.Network() || strings.HasPrefix(m.Source, "/dev/")) && m.FSType != "squashfs" &&
			!strings.HasPrefix(m.Point, "/var/lib/docker/") && !strings.HasPrefix(m.Point, "/run/") && !strings.HasPrefix(m.Point, "/proc/") {
			out[m.Point] = m
		}
	}
	return out
}

func agents(old, now []hosts.Agent, at time.Time) []hosts.Event {
	was := map[string]hosts.Agent{}
	for _, a := range old {
		was[a.Name] = a
	}
	var out []hosts.Event
	for _, a := range now {
		if o, ok := was[a.Name]; ok && o.Version != a.Version && o.Version != "" && a.Version != "" {
			out = append(out, hosts.Event{At: at, Kind: KindDeploy, Object: a.Name, Action: "updated", Detail: "version " + o.Version + " → " + a.Version})
		}
	}
	return out
}
