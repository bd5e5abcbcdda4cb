package trace

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// start resolves the name and enters the fleet.
func (w *walker) start(name string, port uint16) {
	if w.q.Start != "" {
		h := w.s.Host(w.q.Start)
		if h == nil {
			w.add(Hop{Kind: "dns", Object: name, Status: Unknown, Detail: "no host named " + w.q.Start + " in the inventory"})
			return
		}
		w.add(Hop{Kind: "dns", Object: name, Target: h.Host.Name, Match: "the trace was told to start there"})
		w.arrive(h, netip.Addr{}, port)
		return
	}
	addrs, source, err := w.resolve(name)
	if h, to := w.edge(name, addrs, port); h != nil {
		w.add(Hop{Kind: "dns", Object: name, Target: fmt.Sprintf("%s:%d", h.Host.Name, to), Match: fmt.Sprintf("forward of port %d in hosts.toml", port), Detail: "host " + h.Host.Name})
		w.arrive(h, firstAddress(h), to)
		return
	}
	if err != nil {
		if h := w.servesName(name, port); h != nil {
			w.add(Hop{
				Kind: "dns", Object: name, Target: h.Host.Name, Status: Unknown, Match: "a proxy there has that name",
				Detail: fmt.Sprintf("the name was not resolved (%v); taken as %s, whose proxy has that name", err, h.Host.Name),
			})
			w.arrive(h, netip.Addr{}, port)
			return
		}
		w.add(Hop{Kind: "dns", Object: name, Status: Unknown, Detail: err.Error()})
		return
	}
	h, addr := w.owner(addrs)
	if h == nil {
		w.add(Hop{
			Kind: "dns", Object: name, Target: list(addrs), Match: source, Status: Unknown,
			Detail: list(addrs) + " belongs to no host of the inventory that was read",
		})
		return
	}
	hop := Hop{Kind: "dns", Object: name, Target: addr.String(), Match: source, Detail: "host " + h.Host.Name}
	if len(addrs) > 1 {
		hop.Detail += fmt.Sprintf("; %d addresses: %s", len(addrs), list(addrs))
	}
	w.add(hop)
	w.arrive(h, addr, port)
}

// edge finds the forward for a public name or address.
func (w *walker) edge(name string, addrs []netip.Addr, port uint16) (*hosts.HostFacts, uint16) {
	for _, e := range w.q.Edges {
		hit := strings.EqualFold(e.Public, name) || strings.HasPrefix(e.Public, "*.") && strings.HasSuffix(strings.ToLower(name), strings.ToLower(e.Public[1:]))
		for _, a := range addrs {
			hit = hit || e.Public == a.String()
		}
		if hit && e.Port == port {
			return w.s.Host(e.Host), e.To
		}
	}
	return nil, 0
}

func firstAddress(h *hosts.HostFacts) netip.Addr {
	if as := addresses(h); len(as) > 0 {
		return as[0]
	}
	return netip.Addr{}
}

func list(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// resolve turns a name into addresses: an address literal, the inventory's own names, then Lookup.
func (w *walker) resolve(name string) ([]netip.Addr, string, error) {
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return []netip.Addr{a.Unmap()}, "an address", nil
	}
	if h := w.byName(name); h != nil {
		if as := addresses(h); len(as) > 0 {
			return as[:1], "name of a host of the inventory", nil
		}
	}
	if w.q.Lookup == nil {
		return nil, "", fmt.Errorf("%s was not resolved: names are not asked for here; say at which host to begin", name)
	}
	addrs, source, err := w.q.Lookup(name)
	if err != nil {
		return nil, "", fmt.Errorf("resolve %s: %w", name, err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, source, nil
}

func (w *walker) byName(name string) *hosts.HostFacts {
	for _, h := range w.s.Hosts {
		if strings.EqualFold(h.Host.Name, name) || strings.EqualFold(h.Host.Address, name) || strings.EqualFold(h.System.Value.Hostname, name) && name != "" {
			return h
		}
	}
	return nil
}

// addresses are all addresses known for a host: the one it is reached by first, then those of its
// interfaces.
func addresses(h *hosts.HostFacts) []netip.Addr {
	var out []netip.Addr
	add := func(text string) {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(out, a.Unmap()) {
			out = append(out, a.Unmap())
		}
	}
	add(h.Host.Address)
	for _, a := range h.Addresses.Value {
		text, _, _ := strings.Cut(a, "/")
		add(text)
	}
	return out
}

// owner finds the host that has one of the addresses. Loopback and the bridges of Docker are on
// every host and do not count.
func (w *walker) owner(addrs []netip.Addr) (*hosts.HostFacts, netip.Addr) {
	for _, a := range addrs {
		if a.IsLoopback() {
			for _, h := range w.s.Hosts {
				if h.Host.Kind == hosts.KindLocal {
					return h, a
				}
			}
			continue
		}
		for _, h := range w.s.Hosts {
			if hostHas(h, a) {
				return h, a
			}
		}
	}
	return nil, netip.Addr{}
}

func hostHas(h *hosts.HostFacts, a netip.Addr) bool {
	for _, n := range h.Networks.Value {
		for _, s := range n.Subnets {
			if p, err := netip.ParsePrefix(s); err == nil && p.Contains(a) && n.Driver == "bridge" {
				return false
			}
		}
	}
	return slices.Contains(addresses(h), a)
}

// servesName finds a host whose proxy has the name configured on that port, for when nobody can be
// asked what the name resolves to.
func (w *walker) servesName(name string, port uint16) *hosts.HostFacts {
	for _, h := range w.s.Hosts {
		for _, e := range h.Envoy.Value {
			if e.Config == nil {
				continue
			}
			for _, l := range e.Config.Listeners {
				for _, c := range l.Chains {
					if l.Port == int(port) && slices.Contains(c.Match.ServerNames, name) {
						return h
					}
				}
			}
		}
	}
	for _, h := range w.s.Hosts {
		for _, n := range h.Nginx.Value {
			if n.HTTP != nil && (n.Container == "" || publishes(h, n.Container, port)) && named(n.HTTP, name) {
				return h
			}
		}
		for _, t := range h.Traefik.Value {
			for _, r := range t.Routers {
				if strings.Contains(strings.ToLower(r.Rule), "host(`"+strings.ToLower(name)+"`)") {
					return h
				}
			}
		}
	}
	return nil
}

// named reports whether a server of an nginx has the name.
func named(h *nginx.HTTP, name string) bool {
	for _, s := range h.Servers {
		for _, sn := range s.Names {
			if strings.EqualFold(sn.Text, name) {
				return true
			}
		}
	}
	return false
}

// publishes reports whether a container has the port of its host.
func publishes(h *hosts.HostFacts, container string, port uint16) bool {
	c := containerNamed(h, container)
	if c == nil {
		return false
	}
	return c.NetMode == "host" || slices.ContainsFunc(c.Ports, func(p hosts.Port) bool { return p.HostPort == port && p.Proto == "tcp" })
}

// where names the place a target is resolved from: a host, or a container on it.
type where struct {
	h *hosts.HostFacts
	c *hosts.Container
}

func (p where) label() string {
	if p.c != nil {
		return "container " + p.c.Name
	}
	return "host " + p.h.Host.Name
}

// hostNet reports that the place shares the host's network.
func (p where) hostNet() bool { return p.c == nil || p.c.NetMode == "host" }

// goTo follows a target "host:port", "unix:/path" or a bare name from a place.
func (w *walker) goTo(from where, target string, defaultPort uint16) {
	if path, ok := strings.CutPrefix(target, "unix:"); ok {
		w.socket(from, path)
		return
	}
	name, port := splitTarget(target, defaultPort)
	if strings.EqualFold(name, "localhost") {
		name = "127.0.0.1"
	}
	if a, err := netip.ParseAddr(name); err == nil {
		w.address(from, a.Unmap(), port)
		return
	}
	if !from.hostNet() {
		if w.containerName(from, name, port) {
			return
		}
	}
	if name == "host.docker.internal" || name == "gateway.docker.internal" {
		w.arrive(from.h, netip.Addr{}, port)
		return
	}
	addrs, source, err := w.resolve(name)
	if err != nil {
		st, why := Unknown, err.Error()
		if !from.hostNet() && from.h.Containers.Standing() == hosts.Fresh {
			if c := stoppedNamed(from.h, name); c != nil {
				st, why = Broken, fmt.Sprintf("container %s is %s: %s does not resolve", c.Name, state(c), name)
			} else if !strings.Contains(name, ".") && !w.swarmUnread(from.h) {
				st, why = Broken, fmt.Sprintf("no running container on the networks of %s answers to %s", from.c.Name, name)
			}
			w.refused = st == Broken
		}
		w.add(Hop{Kind: "dns", Host: from.h.Host.Name, Object: name, Status: st, Detail: why, Match: "asked from " + from.label()})
		return
	}
	h, addr := w.owner(addrs)
	if h == nil {
		w.add(Hop{
			Kind: "dns", Host: from.h.Host.Name, Object: name, Target: list(addrs), Match: source, Status: Unknown,
			Detail: list(addrs) + " belongs to no host of the inventory that was read",
		})
		return
	}
	w.add(Hop{Kind: "dns", Host: from.h.Host.Name, Object: name, Target: addr.String(), Match: source})
	w.arrive(h, addr, port)
}

func splitTarget(target string, def uint16) (string, uint16) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return strings.Trim(target, "[]"), def
	}
	if n, perr := strconv.ParseUint(port, 10, 16); perr == nil {
		return host, uint16(n)
	}
	return host, def
}

// address follows an IP address from a place.
func (w *walker) address(from where, a netip.Addr, port uint16) {
	switch {
	case a.IsLoopback() && from.hostNet():
		w.arrive(from.h, a, port)
		return
	case a.IsLoopback():
		w.inside(from.h, from.c, port)
		return
	}
	if c := containerAt(from.h, a); c != nil {
		w.inside(from.h, c, port)
		return
	}
	if gateway(from.h, a) {
		w.arrive(from.h, a, port)
		return
	}
	if h, addr := w.owner([]netip.Addr{a}); h != nil {
		w.arrive(h, addr, port)
		return
	}
	w.add(Hop{
		Kind: "address", Host: from.h.Host.Name, Object: netip.AddrPortFrom(a, port).String(), Status: Unknown,
		Detail: a.String() + " belongs to no host or container that was read",
	})
}

func containerAt(h *hosts.HostFacts, a netip.Addr) *hosts.Container {
	cs := h.Containers.Value
	for i := range cs {
		for _, n := range cs[i].Networks {
			if n.IP == a.String() {
				return &cs[i]
			}
		}
	}
	return nil
}

func gateway(h *hosts.HostFacts, a netip.Addr) bool {
	for _, c := range h.Containers.Value {
		for _, n := range c.Networks {
			if n.Gateway == a.String() {
				return true
			}
		}
	}
	return false
}

// containerName follows a name that Docker's own resolver answers: a container, an alias or a
// service on a network that both ends share, then a Swarm service.
func (w *walker) containerName(from where, name string, port uint16) bool {
	var hits []*hosts.Container
	cs := from.h.Containers.Value
	for i := range cs {
		if cs[i].State == "running" && answersTo(&cs[i], from.c, name) {
			hits = append(hits, &cs[i])
		}
	}
	if len(hits) == 0 {
		return w.swarmName(from, name, port)
	}
	hop := Hop{Kind: "dns", Host: from.h.Host.Name, Object: name, Target: hits[0].Name, Match: "Docker's resolver, network shared with " + from.c.Name}
	if len(hits) > 1 {
		var names []string
		projects := map[string]bool{}
		for _, c := range hits {
			names = append(names, c.Name)
			projects[c.Project] = true
		}
		hop.Detail = fmt.Sprintf("%d containers answer in turn: %s", len(hits), strings.Join(names, ", "))
		if len(projects) > 1 {
			hop.Status = Broken
			hop.Detail += "; they belong to different projects, so requests reach the wrong one in turn"
		}
	}
	w.add(hop)
	w.inside(from.h, hits[0], port)
	return true
}

func answersTo(c, from *hosts.Container, name string) bool {
	if from.NetMode != "" && strings.HasPrefix(from.NetMode, "container:") {
		return false
	}
	for _, n := range c.Networks {
		shared := false
		for _, m := range from.Networks {
			shared = shared || m.Name == n.Name
		}
		// Names are not resolved on the default bridge.
		if !shared || n.Name == "bridge" {
			continue
		}
		if c.Name == name || c.Service == name || slices.Contains(n.Aliases, name) || strings.HasPrefix(c.ID, name) && len(name) == 12 {
			return true
		}
	}
	return false
}

func stoppedNamed(h *hosts.HostFacts, name string) *hosts.Container {
	cs := h.Containers.Value
	for i := range cs {
		if cs[i].State != "running" && (cs[i].Name == name || cs[i].Service == name) {
			return &cs[i]
		}
	}
	return nil
}
