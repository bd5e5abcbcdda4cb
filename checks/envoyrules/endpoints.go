package envoyrules

import (
	"fmt"
	"slices"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/envoy"
)

func noHealthyUpstream() checks.Check {
	return checks.Check{
		ID:       "envoy-no-healthy-upstream",
		Title:    "no endpoint of a cluster is healthy",
		Area:     checks.AreaEnvoy,
		Severity: checks.Error,
		Why: "Envoy answers 503 \"no healthy upstream\" (UH). With panic mode, from under half healthy hosts on, it sends to unhealthy ones all the same: 503 with a connection failure (UF). " +
			"EDS may call a host healthy while Envoy's own health check fails.",
		Fix:       "Repair what the flag names: failed_active_health_check is the health check of the cluster (path, port, expected status), failed_outlier_check ejects after errors of real requests.",
		Verify:    "curl -s 'ADMIN/clusters?format=json' shows a host without flags; the request gets an answer of the application",
		Sources:   []string{docHealth, docResponse},
		Diagnoses: []string{"envoy-route"},
		After:     []string{"envoy-endpoint-port-mismatch"},
		Eval:      checks.OnEnvoy(evalNoHealthy),
	}
}

func evalNoHealthy(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	routes := used(e)
	seen := map[string]bool{}
	for _, c := range e.Config.Clusters {
		if !c.State.Serves() || seenBefore(seen, c.Name) {
			continue
		}
		healthy, total, why := 0, 0, ""
		if c.Live != nil {
			for _, h := range c.Live.Hosts {
				total++
				if h.Healthy() {
					healthy++
				} else if why == "" {
					why = h.Label() + " " + strings.Join(append(h.Flags, "eds "+orText(h.EDS, "-")), " ")
				}
			}
		} else {
			for _, x := range c.Endpoints {
				total++
				if x.Health == "" || x.Health == "HEALTHY" || x.Health == "UNKNOWN" || x.Health == "DEGRADED" {
					healthy++
				} else if why == "" {
					why = x.Label() + " health_status " + x.Health
				}
			}
		}
		if total == 0 || healthy > 0 {
			continue
		}
		f := e.At(c.Path, "cluster "+c.Name, why)
		f.Title = fmt.Sprintf("none of %d endpoints of cluster %s is healthy", total, c.Name)
		if by := routes[c.Name]; by != "" {
			f.Title += "; " + by + " leads there"
		} else {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

func clusterEmpty() checks.Check {
	return checks.Check{
		ID:        "envoy-cluster-empty",
		Title:     "a cluster has no endpoints",
		Area:      checks.AreaEnvoy,
		Severity:  checks.Error,
		Why:       "Envoy answers 503 \"no healthy upstream\" (UH): there is nobody to send to. For STRICT_DNS and LOGICAL_DNS the name did not resolve; for EDS the control plane sent no host.",
		Fix:       "Add the endpoint to the cluster; for DNS, see that the name resolves where Envoy runs; for EDS, see what the control plane knows of the service.",
		Verify:    "curl -s 'ADMIN/clusters?format=json' lists a host of the cluster",
		Sources:   []string{docClusters, docResponse},
		Diagnoses: []string{"envoy-route"},
		After:     []string{"envoy-config-stale-or-rejected"},
		Eval:      checks.OnEnvoy(evalClusterEmpty),
	}
}

func evalClusterEmpty(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	routes := used(e)
	seen := map[string]bool{}
	untold := 0
	for _, c := range e.Config.Clusters {
		// A black hole is empty on purpose.
		if !c.State.Serves() || len(c.Endpoints) > 0 || routes[c.Name] == "" || oneOf(c.Name, "blackhole") || seenBefore(seen, c.Name) {
			continue
		}
		switch strings.ToUpper(c.Type) {
		case "STATIC", "STRICT_DNS", "LOGICAL_DNS":
			if c.Live != nil && len(c.Live.Hosts) > 0 {
				continue
			}
		case "EDS":
			if c.Live == nil {
				untold++
				continue
			}
			if len(c.Live.Hosts) > 0 {
				continue
			}
		default:
			continue // ORIGINAL_DST and custom types have none of their own
		}
		f := e.At(c.Path, "cluster "+c.Name, c.Type+" without endpoints")
		f.Title = fmt.Sprintf("cluster %s has no endpoints; %s leads there", c.Name, routes[c.Name])
		out = append(out, f)
	}
	if untold > 0 {
		out = append(out, checks.Unsure("", fmt.Sprintf("the endpoints of %d EDS clusters are not in the dump: take /config_dump?include_eds", untold)))
	}
	return out
}

func outlierEjected() checks.Check {
	return checks.Check{
		ID:        "envoy-outlier-ejected",
		Title:     "an endpoint was ejected for its errors",
		Area:      checks.AreaEnvoy,
		Severity:  checks.Warning,
		Why:       "Outlier detection took the host out after errors or timeouts of real requests. Each time it is ejected it stays out longer; the others carry its load.",
		Fix:       "Look at what the host answered (rq_error, cx_connect_fail) and at its log; it comes back by itself when it answers.",
		Verify:    "curl -s 'ADMIN/clusters?format=json' shows the host without failed_outlier_check",
		Sources:   []string{"https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier"},
		Diagnoses: []string{"envoy-route"},
		Eval:      checks.OnEnvoy(evalOutlier),
	}
}

func evalOutlier(e *checks.Envoy) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	for _, c := range e.Config.Clusters {
		if c.Live == nil || seenBefore(seen, c.Name) {
			continue
		}
		for _, h := range c.Live.Hosts {
			if !slices.Contains(h.Flags, "failed_outlier_check") {
				continue
			}
			text := fmt.Sprintf("%s failed_outlier_check, rq_error %d of %d, cx_connect_fail %d", h.Label(), h.Stats["rq_error"], h.Stats["rq_total"], h.Stats["cx_connect_fail"])
			f := e.At(c.Live.Path, "cluster "+c.Name, text)
			f.Title, f.Key = h.Label()+" of cluster "+c.Name+" is ejected", h.Label()
			out = append(out, f)
		}
	}
	return out
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// live is one endpoint with its address, for joins.
type live struct {
	cluster  *envoy.Cluster
	endpoint envoy.Endpoint
}

func endpoints(e *checks.Envoy) []live {
	var out []live
	for _, c := range e.Config.Clusters {
		if !c.State.Serves() {
			continue
		}
		for _, x := range c.Endpoints {
			if x.Pipe == "" && x.Port > 0 {
				out = append(out, live{c, x})
			}
		}
	}
	return out
}
