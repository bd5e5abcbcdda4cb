// Package envoyrules holds the checks about Envoy: what its configuration would do with a request and
// what its admin pages say. One rule is one file; its samples are in testdata/ID.
package envoyrules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{}
}
