package containers

import (
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// dependsLabel is where compose records what a service waits for: "db:service_healthy:true,redis:…".
const dependsLabel = "com.docker.compose.depends_on"

// dependents says, a line for each kind, what will notice when a container goes: services that wait
// for it, containers in its network namespace or on its networks, and whoever uses its ports.
func dependents(h *hosts.HostFacts, c *hosts.Container, arrow string) []string {
	var waits, shares, peers []string
	for i := range h.Containers.Value {
		o := &h.Containers.Value[i]
		if o.ID == c.ID {
			continue
		}
		if c.Service != "" && o.Project == c.Project && slices.Contains(dependsOn(o), c.Service) {
			waits = append(waits, ui.Clean(o.Name))
		}
		if id, ok := strings.CutPrefix(o.NetMode, "container:"); ok && (id == c.ID || id == c.Name) {
			shares = append(shares, ui.Clean(o.Name))
		}
		if o.State == "running" && sameNetwork(c, o) {
			peers = append(peers, ui.Clean(o.Name))
		}
	}
	var out []string
	if len(waits) > 0 {
		out = append(out, "needed by "+listNames(waits))
	}
	if len(shares) > 0 {
		out = append(out, "its network is also that of "+listNames(shares))
	}
	if p := ports(c.Ports, arrow); p != "" {
		out = append(out, "publishes "+p+": clients and proxies lose it")
	}
	if names := aliases(c); len(peers) > 0 && len(names) > 0 {
		out = append(out, "reached as "+listNames(names)+" by "+listNames(peers))
	}
	return out
}

// dependsOn are the services a container waits for.
func dependsOn(c *hosts.Container) []string {
	var out []string
	for _, d := range strings.Split(c.Labels[dependsLabel], ",") {
		if name, _, _ := strings.Cut(d, ":"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// sameNetwork reports a network of both on which names are resolved: not the default bridge.
func sameNetwork(a, b *hosts.Container) bool {
	for _, x := range a.Networks {
		for _, y := range b.Networks {
			if x.Name == y.Name && x.Name != "bridge" && x.Name != "host" && x.Name != "none" {
				return true
			}
		}
	}
	return false
}

// aliases are the names others reach a container by, without its ID.
func aliases(c *hosts.Container) []string {
	var out []string
	for _, n := range c.Networks {
		if n.Name == "bridge" || n.Name == "host" || n.Name == "none" {
			continue
		}
		for _, a := range n.Aliases {
			if a = ui.Clean(a); a != "" && !strings.HasPrefix(c.ID, a) && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// listNames writes a few names, and how many more there are.
func listNames(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few], ", ") + " and " + strconv.Itoa(len(names)-few) + " more"
}
