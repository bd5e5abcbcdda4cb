package composerules

import (
	"slices"

	"midwatch/checks"
)

func dependsUndefined() checks.Check {
	return checks.Check{
		ID:        "depends-on-undefined",
		Title:     "it depends on a service that is not there",
		Area:      checks.AreaCompose,
		Severity:  checks.Error,
		Why:       "Compose refuses the whole project: \"depends on undefined service\". A Swarm stack is deployed all the same, because it ignores depends_on.",
		Fix:       "Correct the name, or add the file that has the service.",
		Verify:    "docker compose config -q",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/services/#depends_on"},
		Diagnoses: []string{"unhealthy-gate"},
		Eval:      checks.OnCompose(evalDependsUndefined),
	}
}

func evalDependsUndefined(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for _, d := range s.DependsOn {
			if !d.Required || c.Project.Service(d.Service) != nil {
				continue
			}
			if len(c.Project.Open) > 0 { // it may stand in a file that is included or extended
				out = append(out, checks.Unsure("service "+s.Name, d.Service+" is not in the files at hand, and "+c.Project.Open[0].String()+" takes more from others"))
				continue
			}
			f := c.At(d.Pos, "service "+s.Name)
			f.Title = s.Name + " depends on " + d.Service + ", which is not in the project"
			f.Key = d.Service
			if near := nearest(d.Service, c); near != "" {
				f.Fix = "Did you mean " + near + "? Otherwise add the file that has " + d.Service + "."
			}
			out = append(out, f)
		}
	}
	return out
}

// nearest is the service whose name differs in one or two letters only.
func nearest(name string, c *checks.Compose) string {
	best, least := "", 3
	for _, s := range c.Project.Services {
		if n := distance(name, s.Name); n < least {
			best, least = s.Name, n
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(prev[j+1]+1, row[j]+1, prev[j]+cost)
		}
	}
	return row[len(b)]
}
