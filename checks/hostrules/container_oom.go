package hostrules

import (
	"fmt"

	"midwatch/checks"
)

func containerOOM() checks.Check {
	return checks.Check{
		ID:        "container-oom",
		Title:     "the kernel killed the container for its memory",
		Area:      checks.AreaContainer,
		Severity:  checks.Error,
		Why:       "The container went over its memory limit, or the machine had none left. What it was doing is lost, and with a restart policy it will come to the same end again.",
		Fix:       "Raise the limit (deploy.resources.limits.memory, mem_limit) if the use is honest; otherwise find what grows.",
		Verify:    "docker inspect -f '{{.State.OOMKilled}}' CONTAINER stays false; memory.events shows no new oom_kill",
		Sources:   []string{"https://docs.docker.com/engine/containers/resource_constraints/"},
		Diagnoses: []string{"oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedContainers},
		Eval:      checks.OnHost(evalContainerOOM),
	}
}

func evalContainerOOM(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, c := range h.Containers.Value {
		if !c.OOMKilled {
			continue
		}
		limit := "no memory limit"
		if c.MemLimit > 0 {
			limit = fmt.Sprintf("memory limit %d MiB", c.MemLimit>>20)
		}
		out = append(out, h.Find("container "+c.Name, checks.NeedContainers, fmt.Sprintf("%s: OOMKilled true, exit %d, %s, state %s", c.Name, c.Exit, limit, c.State)))
	}
	return out
}
