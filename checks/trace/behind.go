package trace

import (
	"midwatch/hosts"
)

// Behind says what takes connections to a target that a proxy names: target is "host:port", a bare
// name or "unix:/path", as seen from a container of the host, or from the host itself when container
// is "". It stops at the container, unit or process that takes the connection.
func Behind(s *hosts.Snapshot, host, container, target string, defaultPort uint16) []Hop {
	h := s.Host(host)
	if h == nil {
		return nil
	}
	from := where{h: h}
	if container != "" {
		if from.c = containerNamed(h, container); from.c == nil {
			return []Hop{{Kind: "container", Host: host, Object: container, Status: Unknown, Detail: "the proxy's own container is not known"}}
		}
	}
	w := &walker{s: s, t: &Trace{}, seen: map[string]bool{}, shallow: true, r: request{scheme: "http", method: "GET", uri: "/", header: map[string]string{}}}
	w.goTo(from, target, defaultPort)
	return w.t.Hops
}

// Summary puts the end of a way in one line: its last hop, or the first that is broken.
func Summary(hops []Hop) (Status, string) {
	if len(hops) == 0 {
		return Unknown, "not known"
	}
	h := hops[len(hops)-1]
	st := OK
	for _, x := range hops {
		if x.Status == Broken {
			h, st = x, Broken
			break
		}
		if x.Status == Unknown && st == OK {
			h, st = x, Unknown
		}
	}
	text := h.Kind + " " + h.Object
	if h.Detail != "" {
		text += ": " + h.Detail
	}
	return st, text
}

// ContainerState judges a container traffic is sent to.
func ContainerState(h *hosts.HostFacts, c *hosts.Container) (Status, string) {
	st, detail := (&walker{}).containerState(h, c)
	return st, "container " + c.Name + ": " + detail
}

// TraefikIn is the container a host's Traefik runs in, as it resolves names; "" where there is none.
func TraefikIn(h *hosts.HostFacts) string {
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.State == "running" && isTraefik(c) {
			return c.Name
		}
	}
	return ""
}
