package trace

import (
	"fmt"
	"regexp"
	"strings"

	"midwatch/hosts"
)

// A container that runs and is healthy can still be the wrong one: the port that a proxy names is
// taken by something else. Nothing proves that from the configuration alone, so these are doubts: the
// hop becomes unknown and says why.

// doubt says why a container that takes a published port may not be the one that was meant.
func (w *walker) doubt(h *hosts.HostFacts, owner *hosts.Container, port uint16) string {
	if t := contested(h, owner, port); t != "" {
		return t
	}
	return w.otherMeant(h, owner, port)
}

// contested names a container that wants the same port and could not have it.
func contested(h *hosts.HostFacts, owner *hosts.Container, port uint16) string {
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.ID == owner.ID || c.State == "running" || c.State == "paused" || c.Error == "" && c.State != "restarting" {
			continue
		}
		for _, p := range append(c.Bindings[:len(c.Bindings):len(c.Bindings)], c.Ports...) {
			if p.HostPort == port && (p.Proto == "tcp" || p.Proto == "") {
				return fmt.Sprintf("it may be the wrong one: %s wants port %d as well and is %s", c.Name, port, briefly(c))
			}
		}
	}
	return ""
}

// briefly is the state of a container with the end of its error, where the reason stands.
func briefly(c *hosts.Container) string {
	x := *c
	if i := strings.LastIndex(x.Error, "): "); i >= 0 {
		x.Error = x.Error[i+len("): "):]
	}
	return state(&x)
}

// otherMeant names a container whose name reads like what the proxy calls its target, when the one
// that has the port does not.
func (w *walker) otherMeant(h *hosts.HostFacts, owner *hosts.Container, port uint16) string {
	meant := telling(w.via)
	if len(meant) == 0 || reads(meant, owner) {
		return ""
	}
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.ID == owner.ID || c.State != "running" || !reads(meant, c) {
			continue
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 && p.HostPort != port && p.Proto == "tcp" {
				return fmt.Sprintf("it may be the wrong one: nothing of %s reads like %s, while %s publishes %d", owner.Name, w.via, c.Name, p.HostPort)
			}
		}
	}
	return ""
}

var nameWords = regexp.MustCompile(`[a-z0-9]+`)

// telling are the words of a name that tell one service from another.
func telling(name string) map[string]bool {
	out := map[string]bool{}
	for _, s := range nameWords.FindAllString(strings.ToLower(name), -1) {
		switch s {
		case "server", "service", "services", "cluster", "upstream", "backend", "http", "https", "grpc", "tcp", "app", "apps", "web", "www", "api",
			"default", "local", "localhost", "prod", "production", "staging", "docker", "compose", "latest", "com", "org", "net", "main", "the", "public", "internal":
			continue
		}
		if len(s) > 2 && strings.ContainsFunc(s, func(r rune) bool { return r >= 'a' }) {
			out[s] = true
		}
	}
	return out
}

func reads(words map[string]bool, c *hosts.Container) bool {
	for s := range telling(strings.Join([]string{c.Name, c.Project, c.Service, c.Image}, " ")) {
		if words[s] {
			return true
		}
	}
	return false
}

// exposure says that a container does not expose the port traffic is sent to, though it exposes
// others. An image may listen on what it does not declare, so it is a doubt.
func exposure(c *hosts.Container, port uint16) string {
	var others []string
	for _, p := range c.Ports {
		if p.Proto != "tcp" {
			continue
		}
		if p.ContainerPort == port {
			return ""
		}
		if t := fmt.Sprint(p.ContainerPort); len(others) == 0 || others[len(others)-1] != t {
			others = append(others, t)
		}
	}
	if len(others) == 0 || port == 0 {
		return ""
	}
	return fmt.Sprintf("it exposes port %s, not %d: perhaps nothing listens there", strings.Join(others, ", "), port)
}
