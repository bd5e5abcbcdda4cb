package envoyrules

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/envoy"
)

const (
	docResponse  = "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags"
	docRoute     = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto"
	docHCM       = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto"
	docHealth    = "https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/health_checking"
	docDynamic   = "https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/mgmt_server"
	docTimeouts  = "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts"
	docAdmin     = "https://www.envoyproxy.io/docs/envoy/latest/operations/admin"
	docChain     = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch"
	docClusters  = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto"
	docHeaders   = "https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers#x-forwarded-proto"
	docUpgrades  = "https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/http/upgrades"
	docHTTP2     = "https://www.rfc-editor.org/rfc/rfc9113#section-9.1.1"
	issueRouting = "https://github.com/envoyproxy/envoy/issues/6767"
)

// place is one route together with the way to it. In a dump without listeners there is only the route.
type place struct {
	listener *envoy.Listener
	chain    *envoy.Chain
	rc       *envoy.RouteConfig
	vhost    *envoy.VHost
	route    *envoy.Route
}

// object names the route in findings: "route ai.example.com /api/".
func (p place) object() string {
	domain := p.vhost.Name
	if len(p.vhost.Domains) > 0 {
		domain = p.vhost.Domains[0]
	}
	name := p.route.Name
	if name == "" {
		name = p.route.Match.String()
	}
	return "route " + domain + " " + name
}

// places lists every route once, whatever leads to it.
func places(e *checks.Envoy) []place {
	var out []place
	seen := map[*envoy.RouteConfig]bool{}
	add := func(l *envoy.Listener, c *envoy.Chain, rc *envoy.RouteConfig) {
		if rc == nil || seen[rc] {
			return
		}
		seen[rc] = true
		for _, v := range rc.VHosts {
			for _, r := range v.Routes {
				out = append(out, place{l, c, rc, v, r})
			}
		}
	}
	eachHCM(e, func(l *envoy.Listener, c *envoy.Chain) { add(l, c, routesOf(e, c.HCM)) })
	for _, rc := range e.Config.Routes {
		if !slices.ContainsFunc(out, func(p place) bool { return p.rc.Name == rc.Name && rc.Name != "" }) {
			add(nil, nil, rc)
		}
	}
	return out
}

// eachHCM visits the chains that speak HTTP, of listeners that take connections.
func eachHCM(e *checks.Envoy, do func(l *envoy.Listener, c *envoy.Chain)) {
	for _, l := range e.Config.Listeners {
		if l.State == envoy.StateDraining {
			continue
		}
		for _, c := range l.Chains {
			if c.HCM != nil {
				do(l, c)
			}
		}
		if l.Default != nil && l.Default.HCM != nil {
			do(l, l.Default)
		}
	}
}

func routesOf(e *checks.Envoy, h *envoy.HCM) *envoy.RouteConfig {
	if h.Route != nil {
		return h.Route
	}
	return e.Config.RouteConfig(h.RouteName)
}

// clusters names the clusters a route goes to, those that its configuration names.
func clusters(r *envoy.Route) []string {
	var out []string
	if r.Cluster != "" {
		out = append(out, r.Cluster)
	}
	for _, w := range r.Weighted {
		out = append(out, w.Cluster)
	}
	return out
}

// used tells for each cluster one route that leads to it; a TCP proxy counts.
func used(e *checks.Envoy) map[string]string {
	out := map[string]string{}
	for _, p := range places(e) {
		for _, c := range clusters(p.route) {
			if out[c] == "" {
				out[c] = p.object()
			}
		}
	}
	for _, l := range e.Config.Listeners {
		for _, c := range l.Chains {
			if c.TCPCluster != "" && out[c.TCPCluster] == "" {
				out[c.TCPCluster] = "TCP proxy of listener " + l.Name
			}
		}
	}
	return out
}

// seenBefore drops what was said of the same thing: dumps repeat listeners and routes.
func seenBefore(seen map[string]bool, parts ...any) bool {
	k := fmt.Sprint(parts...)
	was := seen[k]
	seen[k] = true
	return was
}

func oneOf(name string, words ...string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
}
