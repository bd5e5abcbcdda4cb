package envoyrules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/checks/ports"
	"midwatch/hosts"
)

func portMismatch() checks.Check {
	return checks.Check{
		ID:       "envoy-endpoint-port-mismatch",
		Title:    "an endpoint names a port that the service does not have",
		Area:     checks.AreaEnvoy,
		Severity: checks.Error,
		Why: "The cluster points to an address and port where nothing listens, or where another program does. " +
			"Envoy answers 503 (UF, connection refused), or 404 from a program that is not meant.",
		Fix:       "Change port_value of the endpoint to the published port, in what the control plane sends.",
		Verify:    "curl -si -H 'Host: NAME' http://ADDRESS:PORT/ from the host of Envoy gets an answer of the service",
		Sources:   []string{docClusters, docResponse},
		Diagnoses: []string{"envoy-route", "reachability"},
		Eval:      checks.OnEnvoy(evalPortMismatch),
	}
}

func evalPortMismatch(e *checks.Envoy) []checks.Finding {
	if e.Host == nil {
		return checks.NotHere("a dump alone does not tell who listens")
	}
	var out []checks.Finding
	seen := map[string]bool{}
	for _, x := range endpoints(e) {
		h := owner(e, x.endpoint.Address)
		if h == nil || seenBefore(seen, x.cluster.Name, x.endpoint.Label()) {
			continue
		}
		object := "cluster " + x.cluster.Name
		if p := h.Part(checks.NeedContainers); !p.Known {
			out = append(out, checks.Unsure(object, fmt.Sprintf("who has %s on %s: %s", x.endpoint.Label(), h.Name, p.Why())))
			continue
		}
		if f, ok := judgeEndpoint(e, x, h); ok {
			f.Object, f.Key = object, x.endpoint.Label()
			f.Fix = fixFor(x, f.Fix)
			out = append(out, f)
		}
	}
	return out
}

// owner is the host of the fleet that an address means; a loopback address is Envoy's own, and that of
// its container when it runs in one.
func owner(e *checks.Envoy, addr string) *checks.Host {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return nil
	}
	if a.IsLoopback() {
		if c := e.Host.Container(e.Facts.Container); c != nil && c.NetMode != "host" {
			return nil
		}
		return e.Host
	}
	for _, h := range e.World.Hosts {
		if h.HostFacts.Host.Address == addr {
			return h
		}
	}
	for _, h := range e.World.Hosts {
		for _, x := range h.Addresses.Value {
			if own, _, _ := strings.Cut(x, "/"); own == addr && !bridge(h)[addr] {
				return h
			}
		}
	}
	return nil
}

// bridge are the addresses of docker's own networks: every host has the same.
func bridge(h *checks.Host) map[string]bool {
	out := map[string]bool{}
	for _, c := range h.Containers.Value {
		for _, n := range c.Networks {
			out[n.Gateway] = true
		}
	}
	return out
}

// judgeEndpoint compares an endpoint with who has its port, and with the container it is named after.
func judgeEndpoint(e *checks.Envoy, x live, h *checks.Host) (checks.Finding, bool) {
	var meant *hosts.Container
	var meantPort hosts.Port
	want := ports.Bind{Addr: x.endpoint.Address, Port: uint16(x.endpoint.Port), Proto: "tcp"}
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		for _, p := range c.Ports {
			if p.HostPort == 0 || p.Proto != "tcp" || c.State != "running" {
				continue
			}
			if ports.Collide(want, ports.Bind{Addr: p.HostIP, Port: p.HostPort, Proto: "tcp"}) != ports.Apart {
				return checks.Finding{}, false // a container has it: whether it is the right one, nobody can say
			}
			if meant == nil && akin(x.cluster.Name, c) {
				meant, meantPort = c, p
			}
		}
	}
	sockets := h.Part(checks.NeedSockets)
	if !sockets.Known {
		return checks.Unsure("cluster "+x.cluster.Name, fmt.Sprintf("who has %s on %s: %s", x.endpoint.Label(), h.Name, sockets.Why())), true
	}
	taken := ""
	for _, s := range h.Sockets.Value {
		if ports.Collide(want, ports.Bind{Addr: s.Address, Port: s.Port, Proto: s.Proto, V6Only: s.V6Only}) != ports.Apart {
			taken = s.Process
			if taken == "" {
				taken = "a process that only root may see"
			}
			break
		}
	}
	switch {
	case taken == "":
		f := e.At(x.endpoint.Path, "", x.endpoint.Label())
		f.Title = fmt.Sprintf("nothing listens at %s of %s, where cluster %s sends", x.endpoint.Label(), h.Name, x.cluster.Name)
		f.Evidence = append(f.Evidence, h.Find("", checks.NeedSockets, fmt.Sprintf("no listener on port %d", x.endpoint.Port)).Evidence...)
		f.Evidence = append(f.Evidence, published(h, meant, meantPort)...)
		if meant != nil {
			f.Fix = fmt.Sprintf("%d", meantPort.HostPort)
		}
		return f, true
	case meant != nil:
		f := e.At(x.endpoint.Path, "", x.endpoint.Label())
		f.Title = fmt.Sprintf("cluster %s sends to %s, which is %s; container %s is at port %d", x.cluster.Name, x.endpoint.Label(), taken, meant.Name, meantPort.HostPort)
		f.Evidence = append(f.Evidence, h.Find("", checks.NeedSockets, fmt.Sprintf("port %d: %s", x.endpoint.Port, taken)).Evidence...)
		f.Evidence = append(f.Evidence, published(h, meant, meantPort)...)
		f.Severity = checks.Warning // the names are all that says who is meant
		f.Fix = fmt.Sprintf("%d", meantPort.HostPort)
		return f, true
	}
	return checks.Finding{}, false
}

func published(h *checks.Host, c *hosts.Container, p hosts.Port) []checks.Evidence {
	if c == nil {
		return nil
	}
	return h.Find("", checks.NeedContainers, fmt.Sprintf("%s publishes %s:%d->%d/tcp", c.Name, p.HostIP, p.HostPort, p.ContainerPort)).Evidence
}

// fixFor says which value to change, by its path in the dump.
func fixFor(x live, port string) string {
	if port == "" {
		return fmt.Sprintf("Change %s.endpoint.address.socket_address.port_value to the published port of the service, in what the control plane sends.", x.endpoint.Path)
	}
	return fmt.Sprintf("Change port_value at %s from %d to %s, in what the control plane sends.", x.endpoint.Path, x.endpoint.Port, port)
}

// akin reports that a container is named like a cluster: they share a word of some length.
func akin(cluster string, c *hosts.Container) bool {
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !(r >= 'a' && r <= 'z') })
	}
	common := []string{"service", "cluster", "server", "app", "web", "api", "prod", "production", "backend", "frontend", "envoy", "docker", "local"}
	theirs := append(words(c.Name), words(c.Service)...)
	return slices.ContainsFunc(words(cluster), func(w string) bool {
		return len(w) > 2 && !slices.Contains(common, w) && slices.Contains(theirs, w)
	})
}
