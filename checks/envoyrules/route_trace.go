package envoyrules

import (
	"fmt"

	"midwatch/checks"
	"midwatch/hosts/envoy"
)

func routeTrace() checks.Check {
	return checks.Check{
		ID:       "envoy-route-trace",
		Title:    "a route leads to nothing",
		Area:     checks.AreaEnvoy,
		Severity: checks.Error,
		Why: "Envoy answers by itself: 404 (NR) when the route configuration is not there, 503 (NC) when the cluster is not. " +
			"The body of such a 404 is empty, and no x-envoy-upstream-service-time is in the answer.",
		Fix:       "Send the missing cluster or route configuration to the control plane, or correct the name in the route.",
		Verify:    "midwatch trace URL goes through; curl -si URL shows x-envoy-upstream-service-time",
		Sources:   []string{docRoute, docResponse, issueRouting},
		Diagnoses: []string{"envoy-route"},
		After:     []string{"envoy-config-stale-or-rejected"},
		Eval:      checks.OnEnvoy(evalRouteTrace),
	}
}

func evalRouteTrace(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	if len(e.Config.Routes) > 0 { // a partial dump proves nothing
		eachHCM(e, func(l *envoy.Listener, c *envoy.Chain) {
			if c.HCM.RouteName == "" || c.HCM.Route != nil || e.Config.RouteConfig(c.HCM.RouteName) != nil || seenBefore(seen, "rds", c.HCM.RouteName) {
				return
			}
			f := e.At(c.HCM.Path, "listener "+l.Name, "rds route_config_name "+c.HCM.RouteName)
			f.Title = fmt.Sprintf("route configuration %q is not there: every request of %s gets 404", c.HCM.RouteName, c.Label())
			f.Key = c.HCM.RouteName
			out = append(out, f)
		})
	}
	if len(e.Config.Clusters) == 0 {
		return out
	}
	if named, missing := targets(e); e.Host == nil && missing > named/4 && missing > 1 {
		return append(out, checks.Unsure("", fmt.Sprintf("%d of %d clusters that routes name are not in the dump: it is not the whole of it", missing, named)))
	}
	for _, p := range places(e) {
		for _, name := range clusters(p.route) {
			c := e.Config.Cluster(name)
			if c != nil && c.State.Serves() || seenBefore(seen, p.object(), name) {
				continue
			}
			f := e.At(p.route.Path, p.object(), "cluster "+name)
			f.Title, f.Key = fmt.Sprintf("cluster %q is not there: 503", name), name
			if e.Host == nil {
				f.Severity = checks.Warning // a file may have been cut
			}
			if c != nil {
				f.Title = fmt.Sprintf("cluster %q is %s and serves nothing yet: 503", name, c.State)
			}
			out = append(out, f)
		}
	}
	return out
}

// targets counts the clusters that routes name, and those of them that are not there.
func targets(e *checks.Envoy) (named, missing int) {
	seen := map[string]bool{}
	for _, p := range places(e) {
		for _, name := range clusters(p.route) {
			if seenBefore(seen, name) {
				continue
			}
			named++
			if e.Config.Cluster(name) == nil {
				missing++
			}
		}
	}
	return named, missing
}
