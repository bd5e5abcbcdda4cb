package nginxrules

import (
	"midwatch/checks"
	"midwatch/checks/live"
	"midwatch/hosts"
)

// settle raises or lowers a finding about some levels by what live probes of a diagnosis showed there.
func settle(n *checks.Nginx, f *checks.Finding, diagnosis, variant string, levels ...level) {
	if n.Host == nil || len(live.Proofs(n.World)) == 0 {
		return
	}
	var lines []hosts.Place
	for _, l := range levels {
		d := l.server.D
		if l.loc != nil {
			d = l.loc.D
		}
		lines = append(lines, hosts.Place{File: d.File, Line: d.Line})
	}
	live.Settle(f, n.World, n.Host.Name, n.Container, diagnosis, variant, lines...)
}
