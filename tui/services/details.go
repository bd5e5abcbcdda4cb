package services

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// details writes what is known of an item.
func details(it *item, snap *hosts.Snapshot, p *ui.Page) {
	switch {
	case it.u != nil:
		unitPage(it, snap, p)
	case it.v != nil:
		servicePage(it, p)
	case it.n != nil:
		nodePage(it, p)
	default:
		p.Field("units", it.why, themes.Warn)
		p.Line(themes.Muted, "Nothing is said of what runs there: unknown is not well.")
	}
}

// moment writes a time and how long ago it was.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	text := at.In(now.Location()).Format("2006-01-02 15:04:05 MST")
	if at.After(now) {
		return text + ", in " + ui.Age(at.Sub(now))
	}
	return text + ", " + ui.Age(now.Sub(at)) + " ago"
}

func unitPage(it *item, snap *hosts.Snapshot, p *ui.Page) {
	u := it.u
	if it.stale {
		p.Field("stale", ui.WhyOld(it.h, it.h.Units, it.now), themes.Warn)
	}
	raw := u.Active
	if u.Sub != u.Active {
		raw += ", " + u.Sub
	}
	p.Field("state", it.glyph+" "+it.text+" ("+raw+")", it.role)
	p.Field("since", moment(u.Since, it.now), themes.Text)
	role := themes.Text
	if it.bad == broken {
		role = themes.Bad
	}
	p.Field("why", it.note, role)
	unitEnd(it, p)
	unitRestarts(it, p)
	p.Field("next step", advice(u, it.now), themes.Accent)
	p.Field("job", u.Job, themes.Info)
	p.Field("description", u.Description, themes.Text)
	p.Head("Unit", "", false)
	p.Field("name", u.Name, themes.Text)
	p.Field("load", join(u.Load, u.Enabled), themes.Text)
	if u.MainPID > 0 {
		p.Field("main pid", strconv.Itoa(u.MainPID), themes.Text)
	}
	if u.Memory > 0 {
		p.Field("memory", ui.Bytes(u.Memory), themes.Text)
	}
	switch {
	case u.StopTimeout > 0:
		p.Field("stop timeout", span(u.StopTimeout), themes.Text)
	case u.StopTimeout < 0:
		p.Field("stop timeout", "none: it may drain for ever", themes.Warn)
	}
	p.Field("listens on", strings.Join(u.Listen, ", "), themes.Text)
	p.Field("last run", moment(u.LastRun, it.now), themes.Text)
	p.Field("next run", moment(u.NextRun, it.now), themes.Text)
	p.Field("unit file", u.Fragment, themes.Text)
	for _, d := range u.DropIns {
		p.Field("drop-in", d, themes.Text)
	}
	p.Field("part of", strings.Join(u.PartOf, ", "), themes.Text)
	p.Field("invocation", u.InvocationID, themes.Faint)
	envFiles(u, p)
	members(it, p)
	siblings(it, snap, p)
	happened(it, snap, p)
}

// unitEnd says how it ended last, for what the note does not say already.
func unitEnd(it *item, p *ui.Page) {
	u := it.u
	if u.Result != "" && u.Result != "success" {
		text := u.Result
		if r := resultText(u.Result); r != "" {
			text += ": " + r
		}
		p.Field("result", text, themes.Text)
	}
	if t := exitText(u); t != "" && (u.ExitStatus != 0 || u.Active != "active") {
		p.Field("ended with", t, themes.Text)
	}
}

func unitRestarts(it *item, p *ui.Page) {
	u := it.u
	if !strings.HasSuffix(u.Name, ".service") {
		return
	}
	recent, storms := storm(u, it.asOf())
	text, role := strconv.Itoa(u.Restarts), themes.Text
	if recent > 0 {
		text += ", " + strconv.Itoa(recent) + " of them in the last " + ui.Age(stormWindow)
		role = themes.Warn
	}
	if n := len(u.Counts); n > 0 {
		text += " (watched for " + ui.AgeOf(u.Counts[0].At, it.now) + ")"
	}
	if storms {
		role = themes.Bad
	}
	p.Field("restarts", text, role)
	for i := len(u.Counts) - 1; i > 0 && i > len(u.Counts)-6; i-- {
		c := u.Counts[i]
		p.Field("", moment(c.At, it.now)+": the "+strconv.Itoa(c.N)+".", themes.Muted)
	}
}

// advice is the next step of somebody who looks at the unit at night.
func advice(u *hosts.Unit, now time.Time) string {
	_, storms := storm(u, now)
	switch {
	case u.Result == "start-limit-hit":
		return "read its log for the first failure and mend that; then systemctl reset-failed " + u.Name + ", and start it"
	case u.Active == "failed" && u.ExitCode == "exited" && setup[u.ExitStatus] != "":
		return "the unit file asks for something this host does not have; its log says nothing of the program, which never ran"
	case u.Active == "failed":
		return "l shows its log"
	case storms:
		return "l shows its log: the lines before each start say why it ends"
	case u.Draining():
		return "wait: a unit that drains finishes its work first. Restarting it again makes it start over"
	}
	return ""
}

// envFiles names the variables. Values are never read.
func envFiles(u *hosts.Unit, p *ui.Page) {
	if len(u.EnvFiles) == 0 {
		return
	}
	p.Head("Environment files", "values are never read", false)
	for _, f := range u.EnvFiles {
		switch {
		case f.Error == "missing" && !f.Optional:
			p.Line(themes.Bad, f.Path+": missing, and the unit does not start without it")
		case f.Error != "" && f.Optional:
			p.Line(themes.Muted, f.Path+": "+f.Error+" (optional)")
		case f.Error != "":
			p.Line(themes.Warn, f.Path+": "+f.Error)
		case !f.Read:
			p.Line(themes.Unknown, f.Path+": not read yet")
		default:
			p.Line(themes.Text, f.Path)
			for _, n := range f.Names {
				p.Line(themes.Muted, "  "+n+"="+hosts.Dots)
			}
		}
	}
}

// member reports that a unit belongs to a target.
func member(target, u *hosts.Unit) bool {
	return slices.Contains(target.Wants, u.Name) || slices.Contains(target.ConsistsOf, u.Name) || slices.Contains(u.PartOf, target.Name)
}

// members lists what belongs to a target.
func members(it *item, p *ui.Page) {
	if !strings.HasSuffix(it.u.Name, ".target") || isSpecial(it.u.Name) {
		return
	}
	rows := [][]ui.Cell{{{Text: "unit"}, {Text: "state"}, {Text: "for"}}}
	for i := range it.h.Units.Value {
		if u := &it.h.Units.Value[i]; member(it.u, u) {
			rows = append(rows, unitLine(it, u, u.Name, p))
		}
	}
	if len(rows) > 1 {
		p.Head("Members", "", false)
		p.Grid(rows)
	}
}

func unitLine(it *item, u *hosts.Unit, name string, p *ui.Page) []ui.Cell {
	w := judgeUnit(p.Styles(), u, it.asOf()).word
	if it.stale {
		w = w.aged(p.Styles())
	}
	return []ui.Cell{{Text: name}, w.cell(), {Text: ui.AgeOf(u.Since, it.asOf()), Role: themes.Muted}}
}

// siblings lists the other instances of a template, on every host.
func siblings(it *item, snap *hosts.Snapshot, p *ui.Page) {
	t, _ := it.u.Instance()
	if t == "" {
		return
	}
	rows := [][]ui.Cell{{{Text: "instance"}, {Text: "state"}, {Text: "for"}}}
	for _, h := range snap.Hosts {
		for i := range h.Units.Value {
			u := &h.Units.Value[i]
			if x, inst := u.Instance(); x == t && (h.Host.Name != it.h.Host.Name || u.Name != it.u.Name) {
				other := item{h: h, u: u, now: it.now, stale: ui.Old(h, h.Units)}
				rows = append(rows, unitLine(&other, u, h.Host.Name+" @"+inst, p))
			}
		}
	}
	if len(rows) > 1 {
		p.Head("Other instances of "+t, "", false)
		p.Grid(rows)
	}
}

// happened lists the newest events of a unit.
func happened(it *item, snap *hosts.Snapshot, p *ui.Page) {
	const most = 8
	rows := [][]ui.Cell{{{Text: "when"}, {Text: "what"}, {Text: ""}}}
	for i := len(snap.Events) - 1; i >= 0 && len(rows) <= most; i-- {
		if e := snap.Events[i]; e.Kind == "unit" && e.Host == it.h.Host.Name && e.Object == it.u.Name {
			rows = append(rows, []ui.Cell{{Text: ui.AgeOf(e.At, it.now) + " ago", Role: themes.Muted}, {Text: e.Action}, {Text: e.Detail, Role: themes.Muted}})
		}
	}
	if len(rows) > 1 {
		p.Head("Events", "", false)
		p.Grid(rows)
	}
}
