// Package hostrules holds the checks about what a snapshot of the fleet tells beside configurations:
// containers, units, disks, clocks, swarm, certificates, logs. One rule is one file; its samples are
// in testdata/ID.
package hostrules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{
		diskFull(),
		containerOOM(),
	}
}
