package nginxrules

import (
	"net/url"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

// probes reports that a health probe asks this nginx: it names a server of it, or asks its host from
// the host itself.
func probes(n *checks.Nginx, h *checks.Host, p hosts.Probe) bool {
	u, err := url.Parse(p.Target)
	if err != nil || u.Host == "" {
		return false
	}
	name := strings.ToLower(u.Hostname())
	for _, s := range n.HTTP.Servers {
		for _, x := range s.Names {
			if strings.ToLower(x.Text) == name {
				return true
			}
		}
	}
	if h != n.Host || n.Container != "" {
		return false
	}
	return name == "127.0.0.1" || name == "localhost" || name == n.Host.Host.Address
}
