package services

import (
	"slices"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func servicePage(it *item, p *ui.Page) {
	v := it.v
	if it.stale {
		p.Field("stale", ui.WhyOld(it.h, it.h.Swarm, it.now), themes.Warn)
	}
	p.Field("state", it.glyph+" "+it.text, it.role)
	c := replicasCell(it)
	p.Field("replicas", strconv.Itoa(v.Running)+" running of "+strconv.Itoa(v.Wanted)+" wanted ("+v.Mode+")", c.Role)
	role := themes.Text
	if it.bad == broken {
		role = themes.Bad
	}
	p.Field("why", it.note, role)
	p.Field("update", join(v.UpdateState, v.UpdateInfo), themes.Text)
	p.Field("changed", moment(v.Updated, it.now), themes.Text)
	p.Field("image", v.Image, themes.Text)
	taskTable(it, p, true)
	p.Head("Service", "", false)
	p.Field("stack", v.Stack, themes.Text)
	p.Field("command", strings.Join(v.Command, " "), themes.Text)
	for _, x := range v.Ports {
		p.Field("port", strconv.Itoa(int(x.HostPort))+" to "+strconv.Itoa(int(x.ContainerPort))+"/"+x.Proto+" ("+v.PublishMode+")", themes.Text)
	}
	p.Field("healthcheck", v.HealthCmd, themes.Text)
	restart := v.Restart
	if v.MaxAttempts > 0 {
		restart += ", at most " + strconv.Itoa(v.MaxAttempts) + " times"
	}
	p.Field("restart", restart, themes.Text)
	p.Field("on update", join(v.UpdateOrder, prefixed("on failure ", v.OnFailure)), themes.Text)
	p.Field("placement", strings.Join(v.Constraints, ", "), themes.Text)
	p.Field("networks", strings.Join(v.Networks, ", "), themes.Text)
	for _, m := range v.Mounts {
		from := m.Name
		if from == "" {
			from = m.Source
		}
		p.Field("mount", from+" at "+m.Destination, themes.Text)
	}
	p.Field("id", v.ID, themes.Faint)
	if len(v.EnvNames) > 0 {
		p.Head("Environment", "values are never read", false)
		for _, n := range v.EnvNames {
			p.Line(themes.Muted, "  "+n+"="+hosts.Dots)
		}
	}
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// taskTable lists tasks, those that run and then those that ended, newest first.
func taskTable(it *item, p *ui.Page, ofService bool) {
	if len(it.tasks) == 0 {
		return
	}
	tasks := slices.Clone(it.tasks)
	slices.SortStableFunc(tasks, func(a, b hosts.SwarmTask) int {
		if x, y := a.State == "running", b.State == "running"; x != y {
			if x {
				return -1
			}
			return 1
		}
		return b.At.Compare(a.At)
	})
	p.Head("Tasks", "", false)
	title := "node"
	if !ofService {
		title = "service"
	}
	rows := [][]ui.Cell{{{Text: "slot"}, {Text: "state"}, {Text: "for"}, {Text: title}, {Text: "message"}}}
	const most = 20
	for i, t := range tasks {
		if i == most {
			break
		}
		g := &p.Styles().Glyphs
		state := ui.Cell{Text: t.State, Glyph: g.Pending, GlyphRole: themes.Info}
		switch t.State {
		case "running":
			state.Glyph, state.GlyphRole = g.Running, themes.OK
			if it.stale {
				state.Glyph, state.GlyphRole = g.Stale, themes.Muted
			}
		case "failed", "rejected", "orphaned":
			state.Glyph, state.GlyphRole, state.Role = g.Bad, themes.Bad, themes.Bad
		case "shutdown", "complete", "remove":
			state.Glyph, state.GlyphRole, state.Role = g.Stopped, themes.Muted, themes.Muted
		}
		text, role := t.Message, themes.Muted
		if t.Error != "" {
			text, role = t.Error, themes.Bad
		}
		where := t.Node
		if !ofService {
			where = t.Service
		}
		rows = append(rows, []ui.Cell{{Text: slot(t)}, state, {Text: ui.AgeOf(t.At, it.now), Role: themes.Muted}, {Text: where}, {Text: text, Role: role}})
	}
	p.Grid(rows)
	if n := len(tasks) - most; n > 0 {
		p.Line(themes.Muted, strconv.Itoa(n)+" older")
	}
}

func slot(t hosts.SwarmTask) string {
	if t.Slot == 0 {
		return "-"
	}
	return strconv.Itoa(t.Slot)
}

func nodePage(it *item, p *ui.Page) {
	n := it.n
	if it.stale {
		p.Field("stale", ui.WhyOld(it.h, it.h.Swarm, it.now), themes.Warn)
	}
	p.Field("state", it.glyph+" "+it.text, it.role)
	p.Field("role", join(n.Role, leader(n), n.Reachability), themes.Text)
	p.Field("availability", n.Availability, themes.Text)
	p.Field("address", n.Addr, themes.Text)
	p.Field("engine", n.EngineVersion, themes.Text)
	for _, k := range sortedKeys(n.Labels) {
		p.Field("label", k+"="+n.Labels[k], themes.Text)
	}
	p.Field("id", n.ID, themes.Faint)
	taskTable(it, p, false)
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
