package composerules

import (
	"fmt"
	"slices"

	"midwatch/checks"
	"midwatch/checks/compose"
)

func mergeSurprise() checks.Check {
	return checks.Check{
		ID:       "compose-merge-surprise",
		Title:    "an override adds where it was meant to replace",
		Area:     checks.AreaCompose,
		Severity: checks.Warning,
		Why: "Ports of several files are added up: the one of the base file stays published beside the one of the override, " +
			"reachable for everybody who knew it, and in the way of others. Volumes merge by target, environment by key, commands are replaced.",
		Fix:       "ports: !override [...] in the later file, or keep the ports in one file only.",
		Verify:    "docker compose -f A -f B config shows one port for the target",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/merge/"},
		Diagnoses: []string{"port-collision"},
		Eval:      checks.OnCompose(evalMergeSurprise),
	}
}

func evalMergeSurprise(c *checks.Compose) []checks.Finding {
	if len(c.Project.Files) < 2 {
		return nil
	}
	var out []checks.Finding
	for _, s := range c.Project.Services {
		for i, p := range s.Ports {
			if p.Published == 0 {
				continue
			}
			j := slices.IndexFunc(s.Ports[:i], func(q compose.Port) bool {
				return q.Target == p.Target && q.Proto == p.Proto && q.Published != 0 && q.Published != p.Published && q.Pos.File != p.Pos.File
			})
			if j < 0 {
				continue
			}
			q := s.Ports[j]
			f := c.At(p.Pos, "service "+s.Name)
			f.Title = fmt.Sprintf("%s publishes %d as %d and still as %d", s.Name, p.Target, p.Published, q.Published)
			f.Key = fmt.Sprintf("%d/%s", p.Target, p.Proto)
			f.Evidence = append(f.Evidence, c.Line(q.Pos))
			out = append(out, f)
		}
	}
	return out
}

func networkMissing() checks.Check {
	return checks.Check{
		ID:        "docker-network-missing",
		Title:     "an external network is not there",
		Area:      checks.AreaCompose,
		Severity:  checks.Error,
		Why:       "The project cannot be started: docker compose stops with \"network declared as external, but could not be found\". What runs of it still has the network it was made with.",
		Fix:       "docker network create NAME, with the options it had, or take external: true out.",
		Verify:    "docker network inspect NAME; docker compose up -d --dry-run",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/networks/#external"},
		Diagnoses: []string{"reachability"},
		Needs:     []checks.Need{checks.NeedNetworks},
		Eval:      checks.OnCompose(evalNetworkMissing),
	}
}

func evalNetworkMissing(c *checks.Compose) []checks.Finding {
	if c.Host == nil {
		return checks.NotHere("a file does not tell which networks there are")
	}
	var out []checks.Finding
	for _, n := range c.Project.Networks {
		name := n.Name
		for _, keys := range [][]string{{"name"}, {"external", "name"}} {
			if v := n.Root.Get(keys...).Str(); v != "" {
				name = v
			}
		}
		has := false
		for _, x := range c.Host.Networks.Value {
			has = has || x.Name == name
		}
		if !n.External || has {
			continue
		}
		f := c.At(n.Pos, "network "+name)
		f.Title = fmt.Sprintf("the external network %s is not on %s", name, c.Host.Name)
		f.Evidence = append(f.Evidence, c.Host.Find("", checks.NeedNetworks, "no network "+name).Evidence...)
		out = append(out, f)
	}
	return out
}

func privileged() checks.Check {
	return checks.Check{
		ID:       "privileged",
		Title:    "a container may do everything to its host",
		Area:     checks.AreaHardening,
		Severity: checks.Info,
		Why:      "privileged takes all limits off: devices, kernel settings, the other containers. Whoever gets into the container has the machine.",
		Fix:      "Name what it needs: cap_add for single abilities, devices for single devices.",
		Verify:   "docker inspect -f '{{.HostConfig.Privileged}}' CONTAINER is false",
		Sources:  []string{"https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities"},
		Eval:     checks.OnCompose(evalPrivileged),
	}
}

func evalPrivileged(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if v := s.Root.Get("privileged"); v.Bool() {
			out = append(out, c.At(v.Pos, "service "+s.Name))
		}
	}
	return out
}
