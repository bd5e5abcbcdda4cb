package sim

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Sockets lists what listens on the host now: units, containers with a published port or the host's
// network, and the rest.
func (h *Host) Sockets() []Listener {
	if h.listen != nil {
		return h.listen
	}
	out := []Listener{}
	for _, u := range h.Units {
		if !u.listening() {
			continue
		}
		for _, l := range u.Spec.Listen {
			l.Unit, l.User = u, u.Spec.User
			if l.PID = u.PID; l.PID == 0 {
				l.PID = 1
			}
			if l.Process == "" {
				l.Process = u.ident()
			}
			out = append(out, l)
		}
	}
	for _, c := range h.Containers {
		out = append(out, c.sockets()...)
	}
	for _, l := range h.Listeners {
		out = append(out, *l)
	}
	h.listen = out
	return out
}

func (u *Unit) listening() bool {
	if u.Suffix() == "socket" {
		return u.Active == "active"
	}
	return u.Running() && !u.Deaf
}

// sockets lists what the engine opens on the host for the container.
func (c *Container) sockets() []Listener {
	if !c.Running() {
		return nil
	}
	var out []Listener
	for _, p := range c.Spec.Ports {
		l := Listener{
			Proto: p.proto(), IP: p.IP, Port: p.Host, C: c, CPort: p.Port,
			Process: "docker-proxy", PID: c.PID + 1, Handler: c.Handler(p.Port), Banner: c.Spec.Banner[p.Port], TLS: c.Spec.TLS[p.Port],
		}
		if l.IP != "" {
			out = append(out, l)
			continue
		}
		l.IP = "0.0.0.0"
		out = append(out, l)
		l.IP, l.PID = "::", l.PID+1
		out = append(out, l)
	}
	if c.NetMode() == "host" {
		for _, port := range slices.Sorted(maps.Keys(c.Spec.HTTP)) {
			hd := c.Spec.HTTP[port]
			if port == 0 {
				continue
			}
			ip := "0.0.0.0"
			if slices.Contains(c.Spec.Loopback, port) {
				ip = "127.0.0.1"
			}
			out = append(out, Listener{
				Proto: "tcp", IP: ip, Port: port, C: c, CPort: port, Process: c.process(), PID: c.PID, Handler: hd, TLS: c.Spec.TLS[port],
			})
		}
	}
	return out
}

func (c *Container) process() string {
	a := c.Args()
	if len(a) == 0 {
		return "app"
	}
	return a[0][strings.LastIndexByte(a[0], '/')+1:]
}

// Handler is what answers HTTP on a port inside the container, nil when nothing does.
func (c *Container) Handler(port int) http.Handler {
	if h := c.Spec.HTTP[port]; h != nil {
		return h
	}
	return c.Spec.HTTP[0]
}

// Find returns what a connection to ip:port made on host from reaches on h, and whether anything
// listens there. Loopback addresses are only seen from h itself.
func (h *Host) Find(ip string, port int, local bool) (Listener, bool) {
	loop := ip == "127.0.0.1" || ip == "::1" || ip == "localhost"
	if loop && !local {
		return Listener{}, false
	}
	for _, l := range h.Sockets() {
		if l.Proto != "tcp" || l.Port != port {
			continue
		}
		switch l.IP {
		case "0.0.0.0", "*", "::":
			return l, true
		case ip:
			return l, true
		case "127.0.0.1", "::1":
			if loop && (ip == "localhost" || l.IP == ip) {
				return l, true
			}
		}
	}
	return Listener{}, false
}

// FindUnix returns what listens on a unix socket of the host.
func (h *Host) FindUnix(path string) (Listener, bool) {
	for _, l := range h.Sockets() {
		if l.Proto == "unix" && l.Path == path {
			return l, true
		}
	}
	return Listener{}, false
}

// FindInside returns what listens on a container's own address.
func (h *Host) FindInside(ip string, port int) (Listener, bool) {
	for _, c := range h.Containers {
		for _, a := range c.IPs {
			if a != ip || !c.Running() {
				continue
			}
			hd := c.Handler(port)
			banner, greets := c.Spec.Banner[port]
			if hd == nil && !greets {
				return Listener{}, false
			}
			return Listener{Proto: "tcp", IP: ip, Port: port, C: c, CPort: port, PID: c.PID, Process: c.process(), Handler: hd, Banner: banner, TLS: c.Spec.TLS[port]}, true
		}
	}
	return Listener{}, false
}
