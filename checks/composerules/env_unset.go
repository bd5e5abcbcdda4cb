package composerules

import (
	"slices"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func envUnset() checks.Check {
	return checks.Check{
		ID:       "compose-env-unset",
		Title:    "a variable of the file is not set",
		Area:     checks.AreaCompose,
		Severity: checks.Warning,
		Why: "Compose only warns and puts nothing in its place: an image without a name, a port on any number, a volume at the root of a path, an empty client id " +
			"in a login.",
		Fix:       "Set it in .env beside the file, or write ${NAME:?why it is needed} so that compose stops.",
		Verify:    "docker compose config says nothing of variables that are not set",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/interpolation/"},
		Diagnoses: []string{"oidc-client-id"},
		Eval:      checks.OnCompose(evalEnvUnset),
	}
}

func evalEnvUnset(c *checks.Compose) []checks.Finding {
	if !c.Project.EnvKnown {
		return checks.NotHere("the variables that the files are used with are not known: no .env beside them")
	}
	var out []checks.Finding
	seen := map[string]bool{}
	for _, v := range c.Project.Vars {
		if v.Set || v.HasDef || seen[v.Name] {
			continue
		}
		seen[v.Name] = true
		f := c.At(v.Pos, "variable "+v.Name)
		f.Title = v.Name + " is not set: what stands there is blank"
		if v.Required {
			f.Title = v.Name + " must be set: compose stops without it"
			f.Severity = checks.Error
		} else if what := heavy(c.Project, v.Pos); what != "" {
			f.Title = v.Name + " is not set, and it is part of " + what
			f.Severity = checks.Error
		}
		out = append(out, f)
	}
	return out
}

// heavy names what stands at a place where a blank changes what is run, "" elsewhere.
func heavy(p *compose.Project, at compose.Pos) string {
	for _, s := range p.Services {
		switch {
		case s.Image != nil && s.Image.Pos == at:
			return "the image of " + s.Name
		case slices.ContainsFunc(s.Ports, func(x compose.Port) bool { return x.Pos == at }):
			return "a port of " + s.Name
		case slices.ContainsFunc(s.Mounts, func(m compose.Mount) bool { return m.Pos == at }):
			return "a mount of " + s.Name
		}
	}
	return ""
}
