package composerules

import (
	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts"
)

func missingHealthcheck() checks.Check {
	return checks.Check{
		ID:       "missing-healthcheck",
		Title:    "a service that others wait for has no healthcheck",
		Area:     checks.AreaCompose,
		Severity: checks.Warning,
		Why: "condition: service_healthy waits for a healthcheck. Without one in the file or in the image compose stops with \"has no healthcheck " +
			"configured\", and nothing after it is started.",
		Fix:       "Add healthcheck: to the service, with a command that exists in its image.",
		Verify:    "docker inspect -f '{{.State.Health.Status}}' CONTAINER says healthy",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/services/#healthcheck"},
		Diagnoses: []string{"unhealthy-gate"},
		Eval:      checks.OnCompose(evalMissingHealthcheck),
	}
}

func evalMissingHealthcheck(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	waited := map[string]bool{}
	for _, s := range c.Project.Services {
		for _, d := range s.DependsOn {
			to := c.Project.Service(d.Service)
			if d.Condition != "service_healthy" || to == nil || waited[d.Service] || hasCheck(to) {
				continue
			}
			waited[d.Service] = true
			f := c.At(d.Pos, "service "+d.Service)
			f.Title = s.Name + " waits until " + d.Service + " is healthy, and nothing in the files checks that"
			f.Evidence = append(f.Evidence, c.Line(to.Pos))
			switch has, known := deployedCheck(c, d.Service); {
			case known && has:
				continue // the image brings one
			case known:
				f.Severity = checks.Error
				f.Title = d.Service + " has no healthcheck, in the files or in its image, and " + s.Name + " waits for it"
			case disabled(to):
				f.Severity = checks.Error
				f.Title = "the healthcheck of " + d.Service + " is switched off, and " + s.Name + " waits for it"
			}
			out = append(out, f)
		}
	}
	return out
}

// hasCheck reports a healthcheck in the files that is not switched off.
func hasCheck(s *compose.Service) bool { return s.Root.Has("healthcheck", "test") && !disabled(s) }

func disabled(s *compose.Service) bool {
	h := s.Root.Get("healthcheck")
	test := h.Get("test")
	return h.Get("disable").Bool() || test.Str() == "NONE" || len(test.Strs()) > 0 && test.Strs()[0] == "NONE"
}

// deployedCheck says whether the service's container has a healthcheck, its image's included.
func deployedCheck(c *checks.Compose, service string) (has, known bool) {
	if c.Host == nil || c.Deployed == nil {
		return false, false
	}
	for i := range c.Host.Containers.Value {
		x := &c.Host.Containers.Value[i]
		if x.Project == c.Deployed.Name && x.Service == service && x.Inspected {
			return x.Health != hosts.HealthNone || x.Probe != "", true
		}
	}
	return false, false
}
