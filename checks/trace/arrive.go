package trace

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// arrive finds what takes a connection to an address and port of a host.
func (w *walker) arrive(h *hosts.HostFacts, addr netip.Addr, port uint16) {
	key := fmt.Sprintf("%s %s %d %s %s", h.Host.Name, addr, port, w.r.uri, w.r.host)
	if w.depth++; w.depth > maxHops || w.seen[key] {
		w.add(Hop{Kind: "port", Host: h.Host.Name, Object: fmt.Sprint(port), Status: Broken, Detail: "the request comes back to where it was: the configuration sends it in a circle"})
		return
	}
	w.seen[key] = true
	if c, p := published(h, addr, port); c != nil {
		w.add(Hop{
			Kind: "port", Host: h.Host.Name, Object: addrPort(addr, port), Target: fmt.Sprintf("%s:%d", c.Name, p.ContainerPort),
			Match: fmt.Sprintf("published %s:%d to container port %d", bindAddr(p.HostIP), p.HostPort, p.ContainerPort),
			Ask:   w.ask(h.Host.Name, "tcp", dialAddr(addr, port)),
		})
		w.insidePublished(h, c, p)
		return
	}
	place := where{h: h}
	if !w.shallow && w.proxyAt(place, addr, port, func(container string) bool { return onHostNet(h, container) }) {
		return
	}
	if w.swarmPort(h, port) {
		return
	}
	if s := listening(h, addr, port); s != nil {
		w.process(h, s, addrPort(addr, port))
		return
	}
	if w.depth == 1 && !w.shallow && w.behindForward(h, addr, port) {
		return
	}
	w.nobody(h, addr, port)
}

// behindForward goes on when nothing takes the public port but an Envoy of the host has the name on
// another one: most likely something in front forwards, and the operator is told to say so.
func (w *walker) behindForward(h *hosts.HostFacts, addr netip.Addr, port uint16) bool {
	for _, e := range h.Envoy.Value {
		if e.Config == nil {
			continue
		}
		for _, l := range e.Config.Listeners {
			for _, c := range l.Chains {
				if w.r.sni == "" || !slices.Contains(c.Match.ServerNames, w.r.sni) || !l.State.Serves() {
					continue
				}
				w.add(Hop{Kind: "port", Host: h.Host.Name, Object: addrPort(addr, port), Target: addrPort(addr, uint16(l.Port)), Status: Unknown, //nolint:gosec // a port
					Detail: fmt.Sprintf("nothing listens on %d, but Envoy has %s on %d; taken as a forward in front (tell it in hosts.toml as an edge)", port, w.r.sni, l.Port)})
				w.arrive(h, addr, uint16(l.Port)) //nolint:gosec // a port
				return true
			}
		}
	}
	return false
}

// proxyAt enters an Envoy, nginx or Traefik of a place that listens there. ours says whether a
// proxy's container is of this place.
func (w *walker) proxyAt(place where, addr netip.Addr, port uint16, ours func(container string) bool) bool {
	h := place.h
	for i := range h.Envoy.Value {
		e := &h.Envoy.Value[i]
		if e.Config == nil || !ours(e.Container) {
			continue
		}
		if l, idle := e.Config.ListenerFor(w.connection(addr, port)); l != nil || len(idle) > 0 {
			w.envoyListener(place, e, l, idle, addr, port)
			return true
		}
	}
	for i := range h.Nginx.Value {
		n := &h.Nginx.Value[i]
		if n.HTTP == nil || !ours(n.Container) || !holds(place, addr, port, n.Container) {
			continue
		}
		at := nginx.Socket{Addr: addr, Port: port}
		if _, ok := n.HTTP.ChooseServer(at, w.r.host); ok {
			w.nginx(place, n, at)
			return true
		}
	}
	if t := h.Traefik; !t.Known() && place.c != nil && isTraefik(place.c) {
		w.add(Hop{Kind: "router", Host: h.Host.Name, Object: w.r.host, Status: Unknown, Detail: "Traefik goes on with the request; its routers are " + missing(t.Standing(), t.Reason)})
		return true
	}
	if t := h.Traefik; t.Known() && place.c != nil && isTraefik(place.c) {
		for i := range t.Value {
			w.traefik(place, &t.Value[i], port)
			return true
		}
	}
	return false
}

// holds reports that an nginx whose configuration has a port may hold it as well: what is known of the
// host's sockets does not say that nobody or somebody else listens there. Its configuration is that of
// the files, which may wait for a process to read them; an Envoy tells what it runs with.
func holds(place where, addr netip.Addr, port uint16, container string) bool {
	if place.c != nil || place.h.Sockets.Standing() != hosts.Fresh {
		return true // sockets of other network namespaces are not in the list
	}
	s := listening(place.h, addr, port)
	switch {
	case s == nil:
		return false
	case s.Process == "":
		return true
	case container == "":
		return s.Container == "" && strings.Contains(s.Process, "nginx")
	case s.Container == "":
		return false
	}
	c := containerNamed(place.h, container)
	return c == nil || sameID(c.ID, s.Container)
}

func sameID(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

func isTraefik(c *hosts.Container) bool {
	name, _, _ := strings.Cut(path.Base(c.Image), ":")
	return name == "traefik" || c.Service == "traefik"
}

func (w *walker) connection(addr netip.Addr, port uint16) envoy.Connection {
	alpn := []string{"http/1.1"}
	if strings.HasPrefix(w.r.get("Content-Type"), "application/grpc") {
		alpn = []string{"h2"}
	}
	return envoy.Connection{Dest: addr, DestPort: int(port), TLS: w.r.tls, SNI: w.r.sni, ALPN: alpn}
}

// published finds the running container whose published port takes the connection.
func published(h *hosts.HostFacts, addr netip.Addr, port uint16) (*hosts.Container, hosts.Port) {
	cs := h.Containers.Value
	for i := range cs {
		if cs[i].State != "running" && cs[i].State != "paused" {
			continue
		}
		for _, p := range cs[i].Ports {
			if p.HostPort == port && p.Proto == "tcp" && takes(p.HostIP, addr) {
				return &cs[i], p
			}
		}
	}
	return nil, hosts.Port{}
}

// takes reports whether a binding takes connections to addr; the zero Addr is "some address of the
// host from outside", which a loopback binding does not take.
func takes(bind string, addr netip.Addr) bool {
	b, err := netip.ParseAddr(bind)
	if err != nil || b.IsUnspecified() {
		return !addr.IsValid() || !b.IsValid() || b.Is4() == addr.Is4() || b.Is6()
	}
	if !addr.IsValid() {
		return !b.IsLoopback()
	}
	return b.Unmap() == addr.Unmap()
}

func bindAddr(ip string) string {
	if ip == "" {
		return "0.0.0.0"
	}
	return ip
}

func addrPort(a netip.Addr, port uint16) string {
	if !a.IsValid() {
		return fmt.Sprintf("*:%d", port)
	}
	return netip.AddrPortFrom(a, port).String()
}

func dialAddr(a netip.Addr, port uint16) string {
	if !a.IsValid() || a.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
	return netip.AddrPortFrom(a, port).String()
}

// onHostNet reports that a proxy named by its container shares the host's network; "" is the host.
func onHostNet(h *hosts.HostFacts, container string) bool {
	if container == "" {
		return true
	}
	for _, c := range h.Containers.Value {
		if c.Name == container {
			return c.NetMode == "host"
		}
	}
	return false
}

// listening finds the socket that takes a connection; the kernel prefers one with the very address.
func listening(h *hosts.HostFacts, addr netip.Addr, port uint16) *hosts.Socket {
	var wild *hosts.Socket
	ss := h.Sockets.Value
	for i := range ss {
		a := strings.Trim(ss[i].Address, "[]")
		if a == "*" {
			a = "0.0.0.0"
		}
		if ss[i].Proto != "tcp" || ss[i].Port != port || !takes(a, addr) {
			continue
		}
		if b, err := netip.ParseAddr(a); err == nil && !b.IsUnspecified() {
			return &ss[i]
		}
		if wild == nil {
			wild = &ss[i]
		}
	}
	return wild
}

// nobody says why nothing takes the connection, and what is near.
func (w *walker) nobody(h *hosts.HostFacts, addr netip.Addr, port uint16) {
	hop := Hop{Kind: "port", Host: h.Host.Name, Object: addrPort(addr, port), Ask: w.ask(h.Host.Name, "tcp", dialAddr(addr, port))}
	if h.Sockets.Standing() != hosts.Fresh || h.Containers.Standing() == hosts.Unasked {
		hop.Status = Unknown
		hop.Detail = fmt.Sprintf("nothing known listens on port %d, but the listening sockets of %s are %s", port, h.Host.Name, missing(h.Sockets.Standing(), h.Sockets.Reason))
		w.add(hop)
		return
	}
	hop.Status, w.refused = Broken, true
	hop.Detail = fmt.Sprintf("nothing listens on %s: the connection is refused", addrPort(addr, port))
	if near := w.near(h, port); near != "" {
		hop.Detail += "; " + near
	}
	w.add(hop)
}

func missing(s hosts.Standing, reason string) string {
	if reason == "" {
		return s.String()
	}
	return s.String() + " (" + reason + ")"
}

// near names what probably was meant: the port on another address, a stopped container that wants
// it, or other published ports of the host.
func (w *walker) near(h *hosts.HostFacts, port uint16) string {
	var others []string
	for _, c := range h.Containers.Value {
		for _, p := range c.Ports {
			switch {
			case p.HostPort == port && c.State == "running":
				return fmt.Sprintf("container %s publishes %d only on %s", c.Name, port, bindAddr(p.HostIP))
			case p.HostPort == port:
				return fmt.Sprintf("container %s wants it and is %s", c.Name, state(&c))
			case p.HostPort != 0 && p.Proto == "tcp" && c.State == "running":
				if t := fmt.Sprintf("%s publishes %d", c.Name, p.HostPort); !slices.Contains(others, t) { // IPv4 and IPv6
					others = append(others, t)
				}
			}
		}
	}
	for _, s := range h.Sockets.Value {
		if s.Proto == "tcp" && s.Port == port {
			return fmt.Sprintf("%s listens on %s:%d only", orText(s.Process, "a process"), s.Address, port)
		}
	}
	for _, n := range h.Nginx.Value {
		if n.HTTP == nil || !onHostNet(h, n.Container) {
			continue
		}
		for _, s := range n.HTTP.Servers {
			for _, l := range s.Listens {
				if l.Port == port && l.Unix == "" {
					return fmt.Sprintf("nginx has it in its configuration (%s): it does not run, or has not read that", l.D.At())
				}
			}
		}
	}
	if len(others) > 4 {
		others = append(others[:4], "…")
	}
	return strings.Join(others, ", ")
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// insidePublished follows a connection through a published port, and says when the container that has
// the port may not be the one that was meant.
func (w *walker) insidePublished(h *hosts.HostFacts, c *hosts.Container, p hosts.Port) {
	doubt, at := w.doubt(h, c, p.HostPort), len(w.t.Hops)
	w.inside(h, c, p.ContainerPort)
	if doubt == "" || at >= len(w.t.Hops) {
		return
	}
	hop := &w.t.Hops[at]
	if hop.Kind == "container" && hop.Status == OK {
		hop.Status, hop.Detail = Unknown, hop.Detail+"; "+doubt
	}
}

// inside follows a connection to a port of a container.
func (w *walker) inside(h *hosts.HostFacts, c *hosts.Container, port uint16) {
	key := fmt.Sprintf("in %s %s %d %s %s", h.Host.Name, c.ID, port, w.r.uri, w.r.host)
	if w.depth++; w.depth > maxHops || w.seen[key] {
		w.add(Hop{Kind: "container", Host: h.Host.Name, Object: c.Name, Status: Broken, Detail: "the request comes back to where it was: the configuration sends it in a circle"})
		return
	}
	w.seen[key] = true
	st, detail := w.containerState(h, c)
	hop := Hop{Kind: "container", Host: h.Host.Name, Object: c.Name, Target: fmt.Sprintf("port %d", port), Match: c.Image, Status: st, Detail: detail}
	ip := containerIP(c)
	if ip.IsValid() {
		hop.Ask = w.ask(h.Host.Name, "tcp", netip.AddrPortFrom(ip, port).String())
	}
	at := len(w.t.Hops)
	w.add(hop)
	if st == Broken && c.State != "running" {
		w.refused = true
		return
	}
	if w.shallow {
		return
	}
	if w.proxyAt(where{h: h, c: c}, ip, port, func(container string) bool { return container == c.Name || sharesNet(h, c, container) }) {
		return
	}
	if t := exposure(c, port); t != "" && st == OK {
		w.t.Hops[at].Status, w.t.Hops[at].Detail = Unknown, detail+"; "+t
	}
	w.unread(h, c, "")
}

// unread says that a request ends at a proxy whose configuration is not known: where it goes from there
// cannot be told, so the way is not known to be whole.
func (w *walker) unread(h *hosts.HostFacts, c *hosts.Container, process string) {
	container := ""
	if c != nil {
		container = c.Name
	}
	for _, n := range h.Nginx.Value {
		if n.Container != container || n.HTTP != nil {
			continue
		}
		w.add(Hop{
			Kind: "server", Host: h.Host.Name, Object: "nginx", Container: container, Status: Unknown,
			Detail: "its configuration was not read: " + orText(n.Error, "no reason given"),
		})
		return
	}
	if c == nil && strings.Contains(process, "nginx") && !hasNginx(h, "") {
		w.add(Hop{
			Kind: "server", Host: h.Host.Name, Object: "nginx", Status: Unknown,
			Detail: "its configuration was not read: " + missing(h.Nginx.Standing(), orText(h.Nginx.Reason, h.Nginx.Needs)),
		})
	}
}

func hasNginx(h *hosts.HostFacts, container string) bool {
	for _, n := range h.Nginx.Value {
		if n.Container == container {
			return true
		}
	}
	return false
}

// sharesNet reports that a proxy's container lives in the network of c (network_mode: container:…).
func sharesNet(h *hosts.HostFacts, c *hosts.Container, container string) bool {
	if container == "" {
		return false
	}
	for _, x := range h.Containers.Value {
		if x.Name == container {
			to, ok := strings.CutPrefix(x.NetMode, "container:")
			return ok && (to == c.ID || to == c.Name)
		}
	}
	return false
}

func containerIP(c *hosts.Container) netip.Addr {
	for _, n := range c.Networks {
		if a, err := netip.ParseAddr(n.IP); err == nil {
			return a
		}
	}
	return netip.Addr{}
}
