package main

import (
	"slices"

	"midwatch/hosts/collect"
	"midwatch/hosts/inventory"
)

// sections are read from the shell of this host beside those of every host, or in place of them.
func (n *node) sections(inv *inventory.Inventory) []collect.Section {
	var out []collect.Section
	for _, x := range n.host.Nginx {
		if x.Container == "" {
			out = append(out, collect.NginxSection(x.Binary, x.Config))
			break // facts know one nginx of a host's own
		}
	}
	for _, g := range inv.Agents {
		if g.VersionFile != "" && slices.Contains(g.Nodes, n.host.Name) {
			out = append(out, collect.AgentSection(g.Name, g.VersionFile))
		}
	}
	return out
}
