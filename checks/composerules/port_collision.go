package composerules

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/checks/ports"
	"midwatch/hosts"
)

func portCollision() checks.Check {
	return checks.Check{
		ID:       "port-collision-deploy",
		Title:    "two want the same port",
		Area:     checks.AreaPorts,
		Severity: checks.Error,
		Why: "Only one can have a port of an address. The second container is created and not started, with the error in its state; docker does not try again, " +
			"whatever the restart policy says. A wildcard address overlaps every other one, loopback too.",
		Fix:       "Give one of the two another published port, or an address of its own, and change everything that names the old port (nginx, Envoy endpoints, health checks).",
		Verify:    "ss -lntp 'sport = :PORT' names one owner; docker compose up -d starts everything",
		Sources:   []string{"https://docs.docker.com/engine/network/port-publishing/", "https://docs.docker.com/reference/compose-file/services/#ports"},
		Diagnoses: []string{"port-collision"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnCompose(evalPortCollision),
	}
}

// want is a port that a service would bind.
type want struct {
	service *compose.Service
	port    compose.Port
}

func (w want) label() string {
	addr := w.port.HostIP
	if addr == "" {
		addr = "*"
	}
	return fmt.Sprintf("%s:%d/%s", addr, w.port.Published, w.port.Proto)
}

// key names the port without the address: "8080/tcp".
func (w want) key() string { return fmt.Sprintf("%d/%s", w.port.Published, w.port.Proto) }

// binds are the sockets docker opens: without an address, one for each family.
func (w want) binds() []ports.Bind {
	b := ports.Bind{Addr: w.port.HostIP, Port: uint16(w.port.Published), Proto: w.port.Proto, V6Only: true}
	if w.port.HostIP != "" {
		return []ports.Bind{b}
	}
	v6 := b
	b.Addr, v6.Addr = "0.0.0.0", "::"
	return []ports.Bind{b, v6}
}

// wants lists the ports a project would bind: those with a number of their own, of services that use
// a network of docker.
func wants(p *compose.Project) []want {
	var out []want
	for _, s := range p.Services {
		if s.NetworkMode == "host" || strings.HasPrefix(s.NetworkMode, "service:") || strings.HasPrefix(s.NetworkMode, "container:") || s.NetworkMode == "none" {
			continue
		}
		for _, x := range s.Ports {
			// Of a range for one target docker takes a port that is free.
			if x.Published != 0 && x.PublishedTo == 0 {
				out = append(out, want{s, x})
			}
		}
	}
	return out
}

// overlap is the worst that two lists of sockets do to each other.
func overlap(a, b []ports.Bind) ports.Overlap {
	worst := ports.Apart
	for _, x := range a {
		for _, y := range b {
			switch ports.Collide(x, y) {
			case ports.Certain:
				return ports.Certain
			case ports.Perhaps:
				// Docker binds UDP without SO_REUSEADDR: two of its own cannot share.
				worst = ports.Perhaps
			}
		}
	}
	return worst
}

func evalPortCollision(c *checks.Compose) []checks.Finding {
	list := wants(c.Project)
	var out []checks.Finding
	for i, w := range list {
		for _, other := range list[:i] {
			if f, ok := twice(c, other, w); ok {
				out = append(out, f)
			}
		}
		if f, ok := scaled(c, w); ok {
			out = append(out, f)
		}
		for _, live := range c.World.Live {
			out = append(out, againstLive(c, w, live)...)
		}
		if c.Host != nil {
			out = append(out, againstHost(c, w)...)
		}
	}
	return out
}

// twice is a port that two services of one project want. Services that are never started together do
// not meet.
func twice(c *checks.Compose, a, b want) (checks.Finding, bool) {
	if overlap(a.binds(), b.binds()) == ports.Apart || exclusive(a.service, b.service) {
		return checks.Finding{}, false
	}
	if a.service == b.service && a.port.Target == b.port.Target && a.port.HostIP == b.port.HostIP {
		return checks.Finding{}, false // written twice, bound once
	}
	f := c.At(b.port.Pos, "service "+b.service.Name)
	f.Key = b.key()
	f.Title = fmt.Sprintf("%s is wanted by %s and by %s", b.key(), a.service.Name, b.service.Name)
	f.Evidence = append(f.Evidence, c.Line(a.port.Pos))
	return f, true
}

// exclusive reports that two services have profiles and none in common.
func exclusive(a, b *compose.Service) bool {
	if len(a.Profiles) == 0 || len(b.Profiles) == 0 {
		return false
	}
	return !slices.ContainsFunc(a.Profiles, func(p string) bool { return slices.Contains(b.Profiles, p) })
}

// scaled is a service with several containers and one port; Swarm shares it through its mesh.
func scaled(c *checks.Compose, w want) (checks.Finding, bool) {
	s := w.service.Root
	n := s.Get("scale").Int(s.Get("deploy", "replicas").Int(1))
	if n < 2 || swarm(c.Project) {
		return checks.Finding{}, false
	}
	f := c.At(w.port.Pos, "service "+w.service.Name)
	f.Key = w.key() + " scaled"
	f.Title = fmt.Sprintf("%d containers of %s want %s", n, w.service.Name, w.key())
	f.Severity = checks.Warning
	f.Fix = "Publish a range of ports, or let a proxy in front have the port."
	return f, true
}

// swarm reports that the files are written for docker stack deploy.
func swarm(p *compose.Project) bool {
	for _, s := range p.Services {
		d := s.Root.Get("deploy")
		for _, k := range []string{"placement", "update_config", "rollback_config", "endpoint_mode", "mode", "restart_policy"} {
			if d.Has(k) {
				return true
			}
		}
	}
	return false
}

// againstLive compares with a project that somebody says is running.
func againstLive(c *checks.Compose, w want, live *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, l := range wants(live.Project) {
		how := overlap(w.binds(), l.binds())
		if how == ports.Apart {
			continue
		}
		f := c.At(w.port.Pos, "service "+w.service.Name)
		f.Key = fmt.Sprintf("%s live %s %s", w.key(), live.Source, l.service.Name)
		f.Title = fmt.Sprintf("%s is taken by %s of %s (%s)", w.label(), l.service.Name, live.Source, l.label())
		f.Evidence = append(f.Evidence, live.Line(l.port.Pos))
		out = append(out, f)
	}
	return out
}

// againstHost compares with what is bound on the host. The service's own containers do not count: they
// are replaced.
func againstHost(c *checks.Compose, w want) []checks.Finding {
	h := c.Host
	own, project := false, c.Deployed.Name
	for _, k := range h.Containers.Value {
		if k.Project != project || k.Service != w.service.Name || !up(k.State) {
			continue
		}
		for _, p := range k.Ports {
			own = own || int(p.HostPort) == w.port.Published && p.Proto == w.port.Proto
		}
	}
	if own {
		return nil
	}
	owner, how, from := "", ports.Apart, checks.NeedContainers
	for _, k := range h.Containers.Value {
		if !up(k.State) || k.Project == project && k.Service == w.service.Name {
			continue
		}
		for _, p := range k.Ports {
			if x := overlap(w.binds(), []ports.Bind{{Addr: p.HostIP, Port: p.HostPort, Proto: p.Proto, V6Only: true}}); p.HostPort != 0 && x > ports.Apart && how != ports.Certain {
				owner, how = "container "+k.Name, x
			}
		}
	}
	if owner == "" {
		if owner, how = socketOwner(h, w); owner == "" {
			return nil
		}
		from = checks.NeedSockets
	}
	f := h.Find("service "+w.service.Name, from, fmt.Sprintf("%s has %s", owner, w.key()))
	f.Evidence = append(f.Evidence, c.Line(w.port.Pos))
	f.File, f.Line, f.Key = w.port.Pos.File, w.port.Pos.Line, w.key()+" host"
	f.Title = fmt.Sprintf("%s of %s is taken by %s", w.label(), w.service.Name, owner)
	if len(w.service.Profiles) > 0 || how == ports.Perhaps {
		f.Severity = checks.Warning // not known to be started, or may share
	}
	return []checks.Finding{f}
}

// socketOwner finds a process of the host itself that has the port.
func socketOwner(h *checks.Host, w want) (string, ports.Overlap) {
	for _, s := range h.Sockets.Value {
		if s.Process == "docker-proxy" || s.Container != "" {
			continue // stands for a container, which was looked at
		}
		how := overlap(w.binds(), []ports.Bind{{Addr: s.Address, Port: s.Port, Proto: s.Proto, V6Only: s.V6Only}})
		if how == ports.Apart {
			continue
		}
		return processLabel(s), how
	}
	return "", ports.Apart
}

func processLabel(s hosts.Socket) string {
	name := "process " + s.Process
	if s.Process == "" {
		name = "a process that only root may see"
	}
	if s.Unit != "" {
		name += " of " + s.Unit
	}
	return name
}

func up(state string) bool { return state == "running" || state == "paused" || state == "restarting" }
