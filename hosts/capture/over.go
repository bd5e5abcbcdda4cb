package capture

import (
	"slices"
	"strings"

	"midwatch/hosts"
)

// Over returns c with what old knows and c does not: of hosts that c is of too, the evidence of
// collectors that said nothing since, or nothing but errors. Neither is changed.
func (c *Capture) Over(old *Capture) *Capture {
	out := *c
	if old == nil {
		return &out
	}
	same := map[string]bool{}
	for _, h := range c.Hosts {
		same[h.Name] = slices.ContainsFunc(old.Hosts, func(o hosts.Host) bool {
			return o.Name == h.Name && o.Address == h.Address && o.Kind == h.Kind
		})
	}
	type part struct{ host, collector string }
	said := map[part]bool{}
	for _, e := range c.Evidence {
		if len(e.Data) == 0 && e.Error != "" {
			continue
		}
		said[part{e.Host, e.Collector}] = true
		if strings.HasPrefix(e.Collector, "docker.") { // an engine that is not there any more has no containers either
			said[part{e.Host, "docker.absent"}] = true
		}
		if e.Collector == "docker.absent" {
			for _, o := range old.Evidence {
				if strings.HasPrefix(o.Collector, "docker.") {
					said[part{e.Host, o.Collector}] = true
				}
			}
		}
	}
	var evidence []hosts.Evidence
	for _, e := range old.Evidence {
		if same[e.Host] && !said[part{e.Host, e.Collector}] && (len(e.Data) > 0 || e.Error == "") {
			evidence = append(evidence, e)
		}
	}
	out.Evidence = append(evidence, c.Evidence...) // later evidence counts more
	return &out
}
