package traefik

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"midwatch/hosts"
)

// Choice is the router of a request, and why.
type Choice struct {
	Router  *hosts.Router
	Service *hosts.ProxyService
	Why     string
	Unknown string
}

// Route picks the router for a request that came in by an entry point ("" when it is not known):
// the highest priority first, which without a setting is the length of the rule.
func Route(t *hosts.Traefik, entry string, tls bool, q Request) Choice {
	order := make([]*hosts.Router, 0, len(t.Routers))
	for i := range t.Routers {
		order = append(order, &t.Routers[i])
	}
	sort.SliceStable(order, func(i, j int) bool { return priority(order[i]) > priority(order[j]) })
	unknown := ""
	for _, r := range order {
		if entry != "" && len(r.EntryPoints) > 0 && !slices.Contains(r.EntryPoints, entry) {
			continue
		}
		if r.TLS && !tls || r.Status == "disabled" {
			continue
		}
		rule, err := ParseRule(r.Rule)
		if err != nil {
			continue
		}
		yes, known := rule.Match(q)
		if !known {
			unknown = "router " + r.Name + " has a matcher that the request does not decide"
			continue
		}
		if yes {
			return Choice{
				Router: r, Service: ServiceOf(t, r), Unknown: unknown,
				Why: fmt.Sprintf("router %s: %s (priority %d)", r.Name, r.Rule, priority(r)),
			}
		}
	}
	return Choice{Unknown: unknown, Why: fmt.Sprintf("none of the %d routers takes %s%s; Traefik answers 404", len(t.Routers), q.Host, q.Path)}
}

func priority(r *hosts.Router) int {
	if r.Priority > 0 {
		return r.Priority
	}
	return len(r.Rule)
}

// ServiceOf finds the service of a router; a name without provider is of the router's own provider.
func ServiceOf(t *hosts.Traefik, r *hosts.Router) *hosts.ProxyService {
	want, _, _ := strings.Cut(r.Service, "@")
	var found *hosts.ProxyService
	for i := range t.Services {
		name, provider, _ := strings.Cut(t.Services[i].Name, "@")
		if name != want {
			continue
		}
		if found == nil || provider == r.Provider {
			found = &t.Services[i]
		}
	}
	return found
}

// EntryOf names the entry point that listens on a port, "" when none is known to.
func EntryOf(t *hosts.Traefik, port uint16) string {
	for _, e := range t.EntryPoints {
		if i := strings.LastIndexByte(e.Address, ':'); i >= 0 {
			p, _, _ := strings.Cut(e.Address[i+1:], "/")
			if p == fmt.Sprint(port) {
				return e.Name
			}
		}
	}
	return ""
}
