package containers

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// page makes the lines of a page, w cells wide.
func page(t tab, st *themes.Styles, it *item, snap *hosts.Snapshot, d *detail, w int) doc {
	switch t {
	case tabInspect:
		return inspectPage(st, d)
	case tabEnv:
		return envPage(st, it)
	case tabMounts:
		return mountsPage(it)
	case tabNetworks:
		return networksPage(st, it)
	case tabLabels:
		return labelsPage(it)
	case tabEvents:
		return eventsPage(it, snap)
	case tabHealth:
		return healthPage(st, it, w)
	case tabTop:
		return topPage(st, d)
	default:
		return overviewPage(st, it, w)
	}
}

// headW is the width of the headings of a page with names and values.
const headW = 13

// writer builds a page of headings and values.
type writer struct {
	doc doc
	w   int
}

func (p *writer) line(role themes.Role, text string) {
	p.doc = append(p.doc, docLine{text: ui.Clean(text), role: role})
}

// field writes a value under its heading, wrapped at the page's width; an empty one is not written.
func (p *writer) field(head, text string, role themes.Role) {
	text = ui.Clean(text)
	if text == "" {
		return
	}
	head = ui.Fit(head, headW)
	for _, l := range ui.Wrap(text, max(8, p.w-headW-2)) {
		p.doc = append(p.doc, docLine{head, l, role})
		head = ui.Spaces(headW)
	}
}

func (p *writer) blank() { p.doc = append(p.doc, docLine{}) }

// none is a page that has nothing to show.
func none(what string) doc { return doc{{text: what, role: themes.Muted}} }

// uninspected is the page of facts that only an inspect tells, when there was none.
func uninspected(st *themes.Styles, what string) doc {
	return doc{{text: st.Glyphs.Unknown + " " + what + " unknown: the container was not inspected; r reads the host again", role: themes.Unknown}}
}

func overviewPage(st *themes.Styles, it *item, w int) doc {
	p := &writer{w: w}
	c, h := it.c, it.h
	when := func(at time.Time) string {
		if at.IsZero() || at.Year() < 2000 { // the engine's "never" is the year 1
			return ""
		}
		return at.In(it.now.Location()).Format("2006-01-02 15:04:05 MST") + ", " + ui.Age(it.now.Sub(at)) + " ago"
	}
	if it.act != nil {
		a := it.act.cell(st)
		p.field("action", a.Glyph+" "+a.Text, a.Role)
	}
	if it.stale {
		p.field("stale", staleText(it), themes.Warn)
	}
	state := stateWord(st, it)
	p.field("state", state.glyph+" "+state.text+", "+sinceText(it), state.role)
	health := healthWord(st, it)
	p.field("health", strings.TrimSpace(health.glyph+" "+health.text), health.role)
	p.field("engine says", c.Status, themes.Text)
	p.field("error", c.Error, themes.Bad)
	r := restartsCell(it)
	p.field("restarts", r.Text+restartPolicy(c), r.Role)
	p.usage(st, it)
	p.blank()
	p.field("image", c.Image, themes.Text)
	p.field("image id", c.ImageID, themes.Text)
	p.field("digests", strings.Join(digests(h, c.ImageID), " "), themes.Text)
	p.field("command", strings.Join(c.Command, " "), themes.Text)
	p.field("user", c.User, themes.Text)
	p.field("ports", ports(c.Ports, arrowOf(st)), themes.Text)
	p.field("project", c.Project, themes.Text)
	p.field("service", c.Service, themes.Text)
	p.field("waits for", strings.Join(dependsOn(c), ", "), themes.Text)
	for _, d := range dependents(h, c, arrowOf(st)) {
		p.field("matters to", d, themes.Text)
	}
	p.blank()
	p.field("id", c.ID, themes.Text)
	p.field("created", when(c.Created), themes.Text)
	p.field("started", when(c.Started), themes.Text)
	if !it.running() {
		p.field("finished", when(c.Finished), themes.Text)
	}
	p.field("log driver", c.LogDriver, themes.Text)
	p.field("network mode", c.NetMode, themes.Text)
	if c.PID > 0 {
		p.field("pid", strconv.Itoa(c.PID), themes.Text)
	}
	p.field("read", h.Containers.Source, themes.Faint)
	return p.doc
}

func arrowOf(st *themes.Styles) string {
	if st.ASCII {
		return "->"
	}
	return "→"
}

func restartPolicy(c *hosts.Container) string {
	if c.Policy == "" {
		return ""
	}
	return ", policy " + c.Policy
}

// usage writes what the container uses, with the recent past of it.
func (p *writer) usage(st *themes.Styles, it *item) {
	s, current, ok := it.sample()
	if !ok {
		if it.c.State == "running" {
			p.field("cpu, memory", "no sample yet", themes.Muted)
		}
		return
	}
	role := themes.Text
	age := ""
	if !current {
		role, age = themes.Faint, ", "+ui.Age(it.now.Sub(s.At))+" ago"
	}
	n := max(0, min(len(it.stats), p.w-headW-30))
	limit := ""
	if it.c.CPULimit > 0 {
		limit = " of " + cpu(it.c.CPULimit*100)
	}
	p.doc = append(p.doc, docLine{ui.Fit("cpu", headW), ui.Fit(cpu(s.CPU)+limit+age, 26) + " " + trend(st, it.stats, n, func(x hosts.Stats) float64 { return x.CPU }, 100), role})
	limit = ""
	if it.c.MemLimit > 0 {
		limit = " of " + ui.Bytes(it.c.MemLimit) + ", " + ui.Percent(share(s.Mem, it.c.MemLimit))
	}
	if it.memTight() {
		role = themes.Warn
	}
	p.doc = append(p.doc, docLine{ui.Fit("memory", headW), ui.Fit(ui.Bytes(s.Mem)+limit+age, 26) + " " + trend(st, it.stats, n, func(x hosts.Stats) float64 { return float64(x.Mem) }, float64(it.c.MemLimit)), role})
	p.field("network", ui.Bytes(s.RxBytes)+" in, "+ui.Bytes(s.TxBytes)+" out", role)
	p.field("disk", ui.Bytes(s.BlkRead)+" read, "+ui.Bytes(s.BlkWrite)+" written", role)
	p.field("processes", strconv.FormatUint(s.PIDs, 10), role)
}

// digests are the repository digests of an image, by which it can be pulled again.
func digests(h *hosts.HostFacts, id string) []string {
	for i := range h.Images.Value {
		if h.Images.Value[i].ID == id {
			return h.Images.Value[i].Digests
		}
	}
	return nil
}

// notRead is what stands on, or above, a page of what is read on demand while it was not.
func notRead(st *themes.Styles, d *detail) doc {
	switch {
	case d.read.Known() && d.read.Reason == "":
		return nil
	case d.read.Known():
		return doc{
			{text: st.Glyphs.Stale + " " + d.read.Reason, role: themes.Warn},
			{text: "what follows was read before; r tries again", role: themes.Muted},
			{},
		}
	case d.loading:
		return doc{{text: st.Glyphs.Pending + " reading", role: themes.Info}}
	case d.read.Reason != "":
		return doc{
			{text: st.Glyphs.Bad + " unknown: " + d.read.Reason, role: themes.Bad},
			{text: "r tries again", role: themes.Muted},
		}
	}
	return none("r reads it")
}

func inspectPage(st *themes.Styles, d *detail) doc {
	out := notRead(st, d)
	if !d.read.Known() {
		return out
	}
	for _, l := range strings.Split(strings.TrimRight(d.read.Value.Inspect, "\n"), "\n") {
		out = append(out, docLine{text: ui.Clean(l)})
	}
	return out
}

func topPage(st *themes.Styles, d *detail) doc {
	out := notRead(st, d)
	if !d.read.Known() {
		return out
	}
	v := &d.read.Value
	if len(v.Top) == 0 {
		reason := v.TopErr
		if reason == "" {
			reason = "no process"
		}
		return append(out, docLine{text: ui.Clean(reason), role: themes.Muted})
	}
	return append(out, tabulate(v.Top)...)
}

// tabulate aligns rows of words; the last column, usually a command, is as long as it likes.
func tabulate(rows [][]string) doc {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			const most = 40
			widths[i] = max(widths[i], min(most, ui.Width(ui.Clean(c))))
		}
	}
	out := make(doc, 0, len(rows))
	for n, r := range rows {
		var b strings.Builder
		for i, c := range r {
			c = ui.Clean(c)
			if i < len(r)-1 {
				c = ui.Fit(c, widths[i]) + "  "
			}
			b.WriteString(c)
		}
		l := docLine{text: b.String()}
		if n == 0 {
			l.role = themes.Faint
		}
		out = append(out, l)
	}
	return out
}

// envPage names the variables. Values are not facts: they are where secrets live, so none are ever
// fetched into a snapshot, and dots stand for them.
func envPage(st *themes.Styles, it *item) doc {
	if !it.c.Inspected {
		return uninspected(st, "environment")
	}
	if len(it.c.EnvNames) == 0 {
		return none("no variables")
	}
	names := slices.Sorted(slices.Values(it.c.EnvNames))
	out := make(doc, 0, len(names)+2)
	for _, n := range names {
		out = append(out, docLine{head: ui.Clean(n) + "=", text: hosts.Dots, role: themes.Muted})
	}
	return append(out, docLine{}, docLine{text: "values are never read", role: themes.Faint})
}

func mountsPage(it *item) doc {
	if len(it.c.Mounts) == 0 {
		return none("no mounts")
	}
	rows := [][]string{{"type", "mode", "in the container", "driver", "from"}}
	for _, m := range it.c.Mounts {
		mode := "rw"
		if !m.RW {
			mode = "ro"
		}
		from := m.Source
		if m.Name != "" {
			from = m.Name + " (" + m.Source + ")"
		}
		rows = append(rows, []string{m.Type, mode, m.Destination, m.Driver, from})
	}
	return tabulate(rows)
}

func networksPage(st *themes.Styles, it *item) doc {
	p := &writer{w: 1 << 10}
	p.field("mode", it.c.NetMode, themes.Text)
	for _, n := range it.c.Networks {
		p.blank()
		p.line(themes.Strong, n.Name)
		p.field("address", n.IP, themes.Text)
		p.field("gateway", n.Gateway, themes.Text)
		p.field("reached as", strings.Join(n.Aliases, ", "), themes.Text)
	}
	if len(it.c.Networks) == 0 {
		p.line(themes.Muted, "on no network")
	}
	p.blank()
	if len(it.c.Ports) == 0 {
		p.line(themes.Muted, "no ports")
	}
	for _, x := range it.c.Ports {
		text := strconv.Itoa(int(x.ContainerPort)) + "/" + x.Proto
		if x.HostPort > 0 {
			ip := x.HostIP
			if strings.Contains(ip, ":") {
				ip = "[" + ip + "]"
			}
			p.field("published", ip+":"+strconv.Itoa(int(x.HostPort))+" "+arrowOf(st)+" "+text, themes.Text)
		} else {
			p.field("exposed", text+", not published", themes.Muted)
		}
	}
	return p.doc
}

func labelsPage(it *item) doc {
	if len(it.c.Labels) == 0 {
		return none("no labels")
	}
	names := make([]string, 0, len(it.c.Labels))
	for n := range it.c.Labels {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make(doc, 0, len(names))
	for _, n := range names {
		out = append(out, docLine{head: ui.Clean(n) + "=", text: ui.Clean(it.c.Labels[n])})
	}
	return out
}

// eventsPage lists what happened to the container, newest first.
func eventsPage(it *item, snap *hosts.Snapshot) doc {
	var out doc
	for _, e := range slices.Backward(snap.Events) {
		if e.Host != it.h.Host.Name || e.ID != it.c.ID && (e.ID != "" || e.Object != it.c.Name || e.Kind == "unit") {
			continue
		}
		role := themes.Text
		switch {
		case strings.HasPrefix(e.Action, "die"), e.Action == "oom", strings.Contains(e.Action, "unhealthy"):
			role = themes.Bad
		case e.Action == "kill", e.Action == "stop", e.Action == "restart":
			role = themes.Warn
		}
		head := e.At.In(it.now.Location()).Format("Jan 02 15:04:05") + "  " + ui.FitRight(ui.AgeOf(e.At, it.now), 6) + " ago  "
		out = append(out, docLine{head: head, text: ui.Clean(strings.TrimSpace(e.Action + "  " + e.Detail)), role: role})
	}
	if len(out) == 0 {
		return none("nothing happened to it since we watch")
	}
	return out
}

// healthPage shows the check and its last runs, newest first.
func healthPage(st *themes.Styles, it *item, w int) doc {
	c := it.c
	if !c.Inspected && c.Health == hosts.HealthUnknown {
		return uninspected(st, "health")
	}
	p := &writer{w: w}
	hw := healthWord(st, it)
	p.field("now", strings.TrimSpace(hw.glyph+" "+hw.text), hw.role)
	if c.Probe == "" && c.Health == hosts.HealthNone {
		p.line(themes.Muted, "the container has no healthcheck: running says nothing about working")
		return p.doc
	}
	p.field("check", c.Probe, themes.Text)
	runs := slices.Clone(c.HealthLog)
	slices.SortStableFunc(runs, func(a, b hosts.HealthResult) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	for _, r := range runs {
		role, word := themes.OK, st.Glyphs.OK+" exit 0"
		if r.Exit != 0 {
			role, word = themes.Bad, st.Glyphs.Bad+" exit "+strconv.Itoa(r.Exit)
		}
		p.blank()
		p.line(role, word+", "+ui.AgeOf(r.At, it.now)+" ago, took "+ui.Millis(r.End.Sub(r.At)))
		for _, l := range strings.Split(strings.TrimSpace(r.Output), "\n") {
			for _, x := range ui.Wrap(ui.Clean(l), max(8, w-2)) {
				p.line(themes.Muted, x)
			}
		}
	}
	return p.doc
}
