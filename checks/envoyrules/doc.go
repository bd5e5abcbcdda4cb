// Package envoyrules holds the checks about Envoy: what its configuration would do with a request and
// what its admin pages say. Rules about one matter share a file; their samples are in testdata/ID.
package envoyrules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{
		routeTrace(),
		listenerRejected(),
		configStale(),
		noFilterChain(),
		noHealthyUpstream(),
		clusterEmpty(),
		outlierEjected(),
		portMismatch(),
		streamTimeout(),
		xfpHandling(),
		coalescing(),
		adminExposed(),
	}
}
