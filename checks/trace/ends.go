package trace

import (
	"fmt"
	"net/netip"
	"path"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// containerState judges a container a request arrives at.
func (w *walker) containerState(h *hosts.HostFacts, c *hosts.Container) (Status, string) {
	detail := state(c)
	if c.Restarts > 0 {
		detail += fmt.Sprintf(", %d restarts", c.Restarts)
	}
	if c.OOMKilled {
		detail += ", was killed for memory"
	}
	switch h.Containers.Standing() {
	case hosts.Stale:
		return Unknown, detail + ", last known: " + h.Containers.Reason
	case hosts.Unknown, hosts.Unasked:
		return Unknown, missing(h.Containers.Standing(), h.Containers.Reason)
	}
	switch {
	case c.State != "running":
		return Broken, detail
	case c.Health == hosts.HealthUnhealthy:
		return Broken, detail + lastCheck(c)
	case c.Health == hosts.HealthStarting:
		return Unknown, detail + ": its health is not known yet"
	}
	return OK, detail
}

func state(c *hosts.Container) string {
	s := c.State
	switch {
	case c.State == "exited":
		s = fmt.Sprintf("exited with %d", c.Exit)
	case c.State == "running" && (c.Health == hosts.HealthHealthy || c.Health == hosts.HealthUnhealthy || c.Health == hosts.HealthStarting):
		s = "running, " + c.Health.String()
	}
	if c.Error != "" {
		s += " (" + c.Error + ")"
	}
	return s
}

// socket follows a unix socket: through a bind mount when the proxy is in a container, then to the
// process or unit that listens on it.
func (w *walker) socket(from where, sock string) {
	hostPath := sock
	if from.c != nil {
		hostPath = outside(from.c, sock)
	}
	h := from.h
	hop := Hop{Kind: "socket", Host: h.Host.Name, Object: hostPath, Ask: w.ask(h.Host.Name, "unix", hostPath)}
	if hostPath != sock {
		hop.Match = sock + " in " + from.c.Name
	}
	if h.Sockets.Standing() != hosts.Fresh {
		hop.Status, hop.Detail = Unknown, "the listening sockets are "+missing(h.Sockets.Standing(), h.Sockets.Reason)
		w.add(hop)
		return
	}
	if s := unixAt(h, hostPath); s != nil {
		hop.Detail = owner(s)
		w.add(hop)
		if !w.unixProxy(h, s) {
			w.behind(h, s)
		}
		return
	}
	if c := shares(h, from.c, hostPath); c != nil && h.Sockets.Needs != "" {
		hop.Status = Unknown
		hop.Detail = fmt.Sprintf("who listens on it is not known: sockets of containers are not visible without %s; %s has that folder too", h.Sockets.Needs, c.Name)
		w.add(hop)
		w.inside(h, c, 0)
		return
	}
	hop.Status, hop.Detail, w.refused = Broken, "no process listens on it", true
	w.add(hop)
}

// unixAt finds who listens on a unix socket. One that was made in a container has the path that the
// container sees.
func unixAt(h *hosts.HostFacts, hostPath string) *hosts.Socket {
	for i := range h.Sockets.Value {
		s := &h.Sockets.Value[i]
		if s.Proto != "unix" || path.Base(s.Address) != path.Base(hostPath) {
			continue
		}
		if s.Container == "" && s.Address == hostPath {
			return s
		}
		if c := containerByID(h, s.Container); c != nil && outside(c, s.Address) == hostPath {
			return s
		}
	}
	return nil
}

func containerByID(h *hosts.HostFacts, id string) *hosts.Container {
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; id != "" && sameID(c.ID, id) {
			return c
		}
	}
	return nil
}

// shares finds another running container that has the folder of a path.
func shares(h *hosts.HostFacts, not *hosts.Container, hostPath string) *hosts.Container {
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.State != "running" || not != nil && c.ID == not.ID {
			continue
		}
		for _, m := range c.Mounts {
			if m.Source != "" && strings.HasPrefix(hostPath, strings.TrimSuffix(m.Source, "/")+"/") {
				return c
			}
		}
	}
	return nil
}

// unixProxy enters an nginx that listens on a unix socket.
func (w *walker) unixProxy(h *hosts.HostFacts, s *hosts.Socket) bool {
	if w.shallow {
		return false
	}
	c := containerByID(h, s.Container)
	at := nginx.Socket{Unix: s.Address}
	for i := range h.Nginx.Value {
		n := &h.Nginx.Value[i]
		if n.HTTP == nil || (c == nil) != (n.Container == "") || c != nil && c.Name != n.Container {
			continue
		}
		if _, ok := n.HTTP.ChooseServer(at, w.r.host); !ok {
			continue
		}
		if w.depth++; w.depth > maxHops {
			return false
		}
		w.nginx(where{h: h, c: c}, n, at)
		return true
	}
	return false
}

func owner(s *hosts.Socket) string {
	if s.Process == "" && s.Container != "" {
		return "a process of its container"
	}
	if s.Process == "" {
		return "its process is not known (root is needed to see it)"
	}
	return fmt.Sprintf("%s (pid %d)", s.Process, s.PID)
}

// outside maps a path inside a container to the host, by the longest mount that holds it.
func outside(c *hosts.Container, p string) string {
	best := hosts.ContainerMount{}
	for _, m := range c.Mounts {
		if (p == m.Destination || strings.HasPrefix(p, strings.TrimSuffix(m.Destination, "/")+"/")) && len(m.Destination) > len(best.Destination) {
			best = m
		}
	}
	if best.Destination == "" {
		return p
	}
	return path.Join(best.Source, strings.TrimPrefix(p, best.Destination))
}

// process ends at a listening process of the host.
func (w *walker) process(h *hosts.HostFacts, s *hosts.Socket, object string) {
	hop := Hop{Kind: "port", Host: h.Host.Name, Object: object, Match: fmt.Sprintf("listening on %s:%d", s.Address, s.Port), Detail: owner(s)}
	if a, err := netip.ParseAddrPort(object); err == nil {
		hop.Ask = w.ask(h.Host.Name, "tcp", a.String())
	} else {
		hop.Ask = w.ask(h.Host.Name, "tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
	}
	w.add(hop)
	w.behind(h, s)
}

// behind goes from a socket to the container or unit of its process.
func (w *walker) behind(h *hosts.HostFacts, s *hosts.Socket) {
	if s.Container != "" {
		for i := range h.Containers.Value {
			c := &h.Containers.Value[i]
			if sameID(c.ID, s.Container) {
				w.inside(h, c, s.Port)
				return
			}
		}
	}
	if s.Unit == "" {
		if s.Process == "" {
			w.add(Hop{Kind: "process", Host: h.Host.Name, Object: "unknown", Status: Unknown, Detail: orText(h.Sockets.Needs, "root is needed to see the process")})
		}
		return
	}
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		if u.Name == s.Unit {
			st, detail := unitState(h, u)
			w.add(Hop{Kind: "unit", Host: h.Host.Name, Object: u.Name, File: u.Fragment, Status: st, Detail: detail, Match: owner(s)})
			w.unread(h, nil, s.Process)
			return
		}
	}
	w.add(Hop{Kind: "unit", Host: h.Host.Name, Object: s.Unit, Status: Unknown, Detail: "the state of the unit is " + missing(h.Units.Standing(), h.Units.Reason)})
}

func unitState(h *hosts.HostFacts, u *hosts.Unit) (Status, string) {
	detail := u.Active + "/" + u.Sub
	if u.Restarts > 0 {
		detail += fmt.Sprintf(", %d restarts", u.Restarts)
	}
	if u.Result != "" && u.Result != "success" {
		detail += ", result " + u.Result
	}
	switch {
	case h.Units.Standing() == hosts.Stale:
		return Unknown, detail + ", last known: " + h.Units.Reason
	case u.Active == "failed" || u.Active == "inactive" || u.Sub == "auto-restart":
		return Broken, detail
	case u.Active == "deactivating":
		return Unknown, detail + ": draining"
	case u.Active == "activating":
		return Unknown, detail + ": starting"
	}
	return OK, detail
}
