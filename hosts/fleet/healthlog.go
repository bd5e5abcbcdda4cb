package fleet

import (
	"slices"

	"midwatch/hosts"
)

// checksKept bounds how many runs of a container's healthcheck are remembered. The engine itself
// keeps five.
const checksKept = 60

// keepChecks puts the runs of healthchecks that the engine has forgotten back in front of those it
// still tells, for containers that were not started anew. What a run that passed printed is not kept.
func keepChecks(list, old []hosts.Container) {
	was := make(map[string]*hosts.Container, len(old))
	for i := range old {
		if c := &old[i]; len(c.HealthLog) > 0 {
			was[c.ID] = c
		}
	}
	for i := range list {
		c := &list[i]
		o := was[c.ID]
		if o == nil || len(c.HealthLog) == 0 || !o.Started.Equal(c.Started) {
			continue
		}
		first := c.HealthLog[0].At
		n := slices.IndexFunc(o.HealthLog, func(r hosts.HealthResult) bool { return !r.At.Before(first) })
		if n < 0 {
			n = len(o.HealthLog)
		}
		if n == 0 {
			continue
		}
		log := make([]hosts.HealthResult, 0, n+len(c.HealthLog))
		for _, r := range o.HealthLog[:n] {
			if r.Exit == 0 {
				r.Output = ""
			}
			log = append(log, r)
		}
		log = append(log, c.HealthLog...)
		c.HealthLog = log[max(0, len(log)-checksKept):]
	}
}
