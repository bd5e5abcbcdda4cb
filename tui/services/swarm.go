package services

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// replicas writes "2/3": running of wanted.
func replicas(v *hosts.SwarmService) string {
	return strconv.Itoa(v.Running) + "/" + strconv.Itoa(v.Wanted)
}

func job(v *hosts.SwarmService) bool { return strings.HasSuffix(v.Mode, "-job") }

// failedTasks are the tasks of a service that ended badly, the newest first. A task that was stopped
// because another one took its place did not fail.
func failedTasks(tasks []hosts.SwarmTask) []hosts.SwarmTask {
	var out []hosts.SwarmTask
	for _, t := range tasks {
		if t.State == "failed" || t.State == "rejected" || t.State == "orphaned" || t.Error != "" && t.State != "running" && t.State != "complete" {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b hosts.SwarmTask) int { return b.At.Compare(a.At) })
	return out
}

// taskTrouble is what is wrong with the tasks of a service, by the newest of them.
func taskTrouble(tasks []hosts.SwarmTask) string {
	f := failedTasks(tasks)
	if len(f) == 0 {
		return ""
	}
	last := cmp.Or(f[0].Error, f[0].Message)
	if f[0].State == "pending" {
		return "a task cannot be placed: " + last
	}
	return ui.Count(len(f), "failed task") + ", the last: " + last
}

// judgeService decides what a service of a Swarm is called. tasks are its own.
func judgeService(st *themes.Styles, v *hosts.SwarmService, tasks []hosts.SwarmTask) judged {
	g := &st.Glyphs
	why := taskTrouble(tasks)
	info := ui.Clean(v.UpdateInfo)
	if v.Running == 0 && v.Wanted > 0 && !job(v) {
		return judged{word{"down", g.Bad, themes.Bad}, broken, join(info, why)}
	}
	switch v.UpdateState {
	case "paused":
		return judged{word{"update paused", g.Bad, themes.Bad}, broken, join(info, why)}
	case "rollback_paused":
		return judged{word{"rollback paused", g.Bad, themes.Bad}, broken, join(info, why)}
	}
	missing := v.Running < v.Wanted && !job(v)
	switch {
	case v.UpdateState == "rollback_started":
		return judged{word{"rolling back", g.Restarting, themes.Warn}, odd, join(info, why)}
	case v.UpdateState == "updating":
		return judged{word{"updating", g.Pending, themes.Info}, busy, join(info, why)}
	case missing:
		return judged{word{"short of replicas", g.Warn, themes.Bad}, broken, why}
	case v.Wanted == 0 && !job(v):
		return judged{word{"scaled to 0", g.Stopped, themes.Muted}, fine, ""}
	case v.UpdateState == "rollback_completed":
		return judged{word{"rolled back", g.Warn, themes.Warn}, odd, join("the last update was taken back", info)}
	}
	if job(v) {
		return judged{word{"job", g.Running, themes.OK}, fine, why}
	}
	j := judged{word{"running", g.Running, themes.OK}, fine, ""}
	if why != "" {
		j.note = why
	}
	return j
}

// judgeNode decides what a node of a Swarm is called.
func judgeNode(st *themes.Styles, n *hosts.SwarmNode) judged {
	g := &st.Glyphs
	role := join(n.Role, leader(n))
	switch {
	case n.State != "ready":
		return judged{word{"node " + ui.Clean(n.State), g.Bad, themes.Bad}, broken, role}
	case n.Reachability == "unreachable":
		return judged{word{"manager unreachable", g.Bad, themes.Bad}, broken, role}
	case n.Availability == "drain":
		return judged{word{"drained", g.Paused, themes.Warn}, odd, join(role, "takes no tasks: it was drained by hand")}
	case n.Availability == "pause":
		return judged{word{"paused", g.Paused, themes.Warn}, odd, join(role, "takes no new tasks")}
	}
	return judged{word{"ready", g.Running, themes.OK}, fine, role}
}

func leader(n *hosts.SwarmNode) string {
	if n.Leader {
		return "leader"
	}
	return ""
}
