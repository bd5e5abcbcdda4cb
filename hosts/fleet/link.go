package fleet

import (
	"errors"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/docker"
)

// initial is what is known of a host before anyone asked it.
func initial(m Member, last *hosts.Snapshot, now time.Time) *hosts.HostFacts {
	f := &hosts.HostFacts{Host: m.Host, Link: hosts.Link{State: hosts.StatePending, Since: now}}
	f.System.Value.FailedUnits = -1
	recall(f, last.Host(m.Host.Name))
	if m.Docker == nil {
		noEngine(f, "no Docker engine is configured", now)
	}
	if m.Conn == nil {
		const why, needs = "only the Docker engine of this host is reached", "a shell on the host"
		markAll(shellParts(f), why, true, now)
		f.System.Needs, f.Disks.Needs, f.Units.Needs = needs, needs, needs
	}
	return f
}

// noEngine records that a host has no containers because it has no engine.
func noEngine(f *hosts.HostFacts, why string, now time.Time) {
	f.Containers = hosts.Read([]hosts.Container{}, sourceList, now)
	f.Images = hosts.Read([]hosts.Image{}, sourceImages, now)
	f.Engine = hosts.Read(hosts.Engine{}, sourceEngine, now)
	f.Stats = hosts.Read(map[string]hosts.Series{}, sourceStats, now)
	f.Volumes = hosts.Read([]hosts.Volume{}, docker.Source(docker.CollectVolumes), now)
	f.Networks = hosts.Read([]hosts.Network{}, docker.Source(docker.CollectNetworks), now)
	f.Swarm = hosts.Read(hosts.Swarm{}, docker.Source(docker.CollectSwarm), now)
	f.Volumes.Needs, f.Networks.Needs, f.Swarm.Needs = why, why, why
	f.Containers.Needs, f.Images.Needs, f.Engine.Needs, f.Stats.Needs = why, why, why, why
}

// marker marks a part as not current.
type marker func(why string, tried bool, now time.Time)

func of[T any](p *hosts.Part[T]) marker {
	return func(why string, tried bool, now time.Time) {
		switch {
		case tried:
			*p = p.Failed(why, "", p.Source, now)
		case p.Known():
			p.Reason = why
		}
	}
}

// shellParts are those that the sections of collect tell.
func shellParts(f *hosts.HostFacts) []marker {
	return []marker{
		of(&f.System), of(&f.Disks), of(&f.Units), of(&f.Addresses), of(&f.Mounts), of(&f.Sockets),
		of(&f.Compose), of(&f.Databases), of(&f.Nginx), of(&f.Symptoms), of(&f.Code),
	}
}

// engineParts are those that the Docker engine tells.
func engineParts(f *hosts.HostFacts) []marker {
	return []marker{of(&f.Engine), of(&f.Containers), of(&f.Images), of(&f.Stats)}
}

// otherParts are those that come from elsewhere, if at all: nothing is said of one nobody asked for.
func otherParts(f *hosts.HostFacts) []marker {
	return []marker{
		of(&f.Volumes), of(&f.Networks), of(&f.Envoy), of(&f.Traefik), of(&f.Swarm), of(&f.Agents),
		of(&f.AgentHub), of(&f.Dokploy), of(&f.Probes), of(&f.ContainerSymptoms), of(&f.CertFiles), of(&f.DiskUsage),
	}
}

func markAll(parts []marker, why string, tried bool, now time.Time) {
	for _, mark := range parts {
		mark(why, tried, now)
	}
}

// staleAll marks what this host can be asked for.
func (m *member) staleAll(why string, now time.Time) {
	if m.Conn != nil {
		markAll(shellParts(&m.facts), why, true, now)
	}
	if m.Docker != nil && m.missing == "" {
		markAll(engineParts(&m.facts), why, true, now)
	}
	markAll(otherParts(&m.facts), why, false, now)
	m.dirty = true
}

// look takes over the state of the link.
func (m *member) look(now time.Time) {
	if m.Link == nil || m.paused != "" {
		return
	}
	was, is := m.facts.Link, m.Link.State()
	if is.State == hosts.StateMaintenance {
		return // our own order, on its way out
	}
	is.Reason, is.Warning = collect.OneLine(is.Reason), collect.OneLine(is.Warning)
	m.setLink(is)
	if was.State == is.State {
		return
	}
	switch is.State {
	case hosts.StateConnected:
		m.shell.fails, m.list.fails, m.stream.fails = 0, 0, 0
		m.askAll()
	case hosts.StateDisconnected, hosts.StateError:
		m.staleAll(is.State.String()+": "+is.Reason, now)
	}
}

// setLink shows a link state, and notes when it is another one.
func (m *member) setLink(is hosts.Link) {
	was := m.facts.Link
	m.facts.Link = is
	if was.State != is.State || was.Reason != is.Reason || was.Failures != is.Failures || was.Warning != is.Warning {
		m.dirty = true
	}
	if was.State != is.State {
		m.note(hosts.Event{At: m.f.p.Now(), Kind: "link", Action: is.State.String(), Detail: is.Reason})
	}
}

// reachable reports whether there is a point in asking.
func (m *member) reachable() bool {
	if m.Link == nil {
		return true
	}
	return m.facts.Link.State == hosts.StateConnected
}

// answered notes that the host said something, err being what the way to it came to. Where nobody
// keeps the link, this is its state.
func (m *member) answered(now time.Time, err error) {
	l := m.facts.Link
	if m.Link != nil || m.paused != "" {
		return
	}
	if err == nil {
		if l.State != hosts.StateConnected {
			l = hosts.Link{State: hosts.StateConnected, Since: now, Via: l.Via}
		}
		l.LastSeen = now
		m.setLink(l)
		return
	}
	l.Failures++
	l.Reason = collect.OneLine(err.Error())
	state := hosts.StateDisconnected
	if l.Failures >= hosts.ErrorAfter || errors.Is(err, hosts.ErrAuth) || errors.Is(err, hosts.ErrHostKey) {
		state = hosts.StateError
	}
	if l.State != state {
		l.State, l.Since = state, now
	}
	l.Retry = now.Add(backoff(l.Failures))
	m.setLink(l)
}
