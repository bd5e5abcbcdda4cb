package hostrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func taskPending() checks.Check {
	return checks.Check{
		ID:        "swarm-task-pending",
		Title:     "a service has fewer tasks than it should",
		Area:      checks.AreaSwarm,
		Severity:  checks.Error,
		Why:       "The Swarm cannot place a task, cannot pull its image, or the task ends at once. The last error says which.",
		Fix:       "Mend what the error names: free a node or a port, correct the constraint, log in to the registry (docker stack deploy --with-registry-auth).",
		Verify:    "docker service ls shows all replicas",
		Sources:   []string{"https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/"},
		Diagnoses: []string{"swarm-policy"},
		Needs:     []checks.Need{checks.NeedSwarm},
		Eval:      checks.OnHost(evalTaskPending),
	}
}

func evalTaskPending(h *checks.Host) []checks.Finding {
	s := h.Swarm.Value
	if !s.Manager || !speaksForSwarm(h) {
		return checks.NotHere("no manager of a Swarm, or another one speaks for it")
	}
	var out []checks.Finding
	for _, v := range s.Services {
		if v.Running >= v.Wanted || strings.HasSuffix(v.Mode, "-job") {
			continue
		}
		last := lastError(s.Tasks, v)
		f := h.Find("service "+v.Name, checks.NeedSwarm, fmt.Sprintf("%s: %d of %d running", v.Name, v.Running, v.Wanted))
		f.Title = fmt.Sprintf("%s has %d of %d tasks", v.Name, v.Running, v.Wanted)
		if last.Error != "" {
			f.Title += ": " + last.Error
			f.Evidence = append(f.Evidence, checks.Evidence{Source: "docker service ps --no-trunc " + v.Name, Text: last.State + " on " + orElse(last.Node, "no node") + ": " + last.Error, Host: h.Name, At: h.Swarm.At})
		}
		if v.Running > 0 {
			f.Severity = checks.Warning
		} else {
			f.Severity = checks.Critical
		}
		if v.UpdateState == "updating" && v.Running > 0 {
			f.Severity = checks.Info
			f.Title = v.Name + " is being updated: " + fmt.Sprintf("%d of %d tasks", v.Running, v.Wanted)
		}
		out = append(out, f)
	}
	return out
}

func lastError(tasks []hosts.SwarmTask, v hosts.SwarmService) hosts.SwarmTask {
	var last hosts.SwarmTask
	for _, t := range tasks {
		if (t.Service == v.ID || t.Service == v.Name) && t.Error != "" && !t.At.Before(last.At) {
			last = t
		}
	}
	return last
}

// speaksForSwarm picks one manager of each Swarm, so that a finding is told once.
func speaksForSwarm(h *checks.Host) bool {
	for _, x := range h.World.Hosts {
		if x.Swarm.Known() && x.Swarm.Value.Manager && x.Swarm.Value.ClusterID == h.Swarm.Value.ClusterID {
			return x == h
		}
	}
	return true
}

func swarmQuorum() checks.Check {
	return checks.Check{
		ID:        "swarm-quorum",
		Title:     "the managers of the Swarm are not enough, or one of its nodes is down",
		Area:      checks.AreaSwarm,
		Severity:  checks.Critical,
		Why:       "Without more than half of the managers nothing can be deployed, moved or scaled; what runs goes on. An even number bears no more losses than one fewer.",
		Fix:       "Bring the manager back; if it is lost for good: docker node demote, docker node rm, and promote another. Keep an odd number.",
		Verify:    "docker node ls shows all managers as Reachable",
		Sources:   []string{"https://docs.docker.com/engine/swarm/admin_guide/"},
		Diagnoses: []string{"swarm-policy"},
		Needs:     []checks.Need{checks.NeedSwarm},
		Eval:      checks.OnHost(evalQuorum),
	}
}

func evalQuorum(h *checks.Host) []checks.Finding {
	s := h.Swarm.Value
	if !s.Manager || !speaksForSwarm(h) {
		return checks.NotHere("no manager of a Swarm, or another one speaks for it")
	}
	managers, reachable := 0, 0
	var out []checks.Finding
	for _, n := range s.Nodes {
		if n.Role == "manager" {
			managers++
			if n.Reachability == "reachable" || n.Leader {
				reachable++
			}
		}
		if n.State == "down" || n.State == "disconnected" {
			f := h.Find("node "+n.Hostname, checks.NeedSwarm, fmt.Sprintf("%s: %s, %s, %s", n.Hostname, n.Role, n.State, n.Availability))
			f.Title = "node " + n.Hostname + " is " + n.State
			f.Severity = checks.Error
			out = append(out, f)
		}
	}
	if managers == 0 {
		return out
	}
	need := managers/2 + 1
	line := fmt.Sprintf("%d managers, %d reachable, %d needed", managers, reachable, need)
	f := h.Find("managers", checks.NeedSwarm, line)
	switch {
	case reachable < need:
		f.Title = "the Swarm has lost its quorum: " + line
	case reachable == need && managers > 1:
		f.Title = "one more manager lost and the Swarm can no longer be changed: " + line
		f.Severity = checks.Warning
	case managers%2 == 0:
		f.Title = fmt.Sprintf("%d managers bear no more losses than %d", managers, managers-1)
		f.Severity = checks.Info
	default:
		return out
	}
	return append(out, f)
}

func swarmUpdate() checks.Check {
	return checks.Check{
		ID:        "swarm-update-paused",
		Title:     "an update of a service has stopped half-way",
		Area:      checks.AreaSwarm,
		Severity:  checks.Error,
		Why:       "A new task failed and the update was paused or rolled back: old and new code run beside each other until somebody decides.",
		Fix:       "docker service ps --no-trunc SERVICE for the error; then docker service update SERVICE with what mends it, or docker service rollback SERVICE.",
		Verify:    "docker service inspect -f '{{.UpdateStatus.State}}' SERVICE says completed",
		Sources:   []string{"https://docs.docker.com/engine/swarm/swarm-tutorial/rolling-update/"},
		Diagnoses: []string{"swarm-policy"},
		Needs:     []checks.Need{checks.NeedSwarm},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			if !h.Swarm.Value.Manager || !speaksForSwarm(h) {
				return checks.NotHere("no manager of a Swarm, or another one speaks for it")
			}
			var out []checks.Finding
			for _, v := range h.Swarm.Value.Services {
				switch v.UpdateState {
				case "paused", "rollback_paused", "rollback_completed":
				default:
					continue
				}
				f := h.Find("service "+v.Name, checks.NeedSwarm, v.Name+": "+v.UpdateState+": "+v.UpdateInfo)
				f.Title = "the update of " + v.Name + " is " + strings.ReplaceAll(v.UpdateState, "_", " ")
				if v.UpdateState == "rollback_completed" {
					f.Severity = checks.Warning
					f.Title = v.Name + " was rolled back by the Swarm: " + v.UpdateInfo
				}
				out = append(out, f)
			}
			return out
		}),
	}
}
