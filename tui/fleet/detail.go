package fleet

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// detail writes all that is known of one host, in blocks of lines of at most w cells.
type detail struct {
	st     *themes.Styles
	l      line
	now    time.Time
	w      int
	out    []string // the block that is written
	blocks [][]string
	evts   []hosts.Event
}

// maxEvents bounds the events shown of one host.
const maxEvents = 12

// columnWidth is the least width of a column of the detail; a wide pane has several.
const columnWidth = 56

func detailLines(st *themes.Styles, l line, events []hosts.Event, now time.Time, w int) []string {
	n := max(1, min(3, w/columnWidth))
	const air = 3 // between columns
	d := &detail{st: st, l: l, now: now, w: w/n - air*b2i(n > 1), evts: events}
	d.link()
	d.failing()
	if l.row.Known {
		d.system()
		d.disks()
		d.containers()
		d.gaps()
	} else if l.h.Link.State == hosts.StateConnected {
		d.head("Facts", "reading", false)
	}
	d.events()
	d.end()
	return ui.Columns(d.blocks, n, w/n)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// end closes the block that was written.
func (d *detail) end() {
	if len(d.out) > 0 {
		d.blocks = append(d.blocks, append(d.out, ""))
	}
	d.out = nil
}

func (d *detail) add(role themes.Role, text string) {
	for _, t := range ui.Wrap(clean(text), max(1, d.w)) {
		d.out = append(d.out, d.st.Normal.Render(role, t))
	}
}

// head begins a part, with the age and source of its facts at the right.
func (d *detail) head(title, note string, stale bool) {
	d.end()
	role := themes.Faint
	if stale {
		role = themes.Warn
	}
	room := max(0, d.w-ui.Width(title)-2)
	d.out = append(d.out, ui.Between(d.st.Normal.Render(themes.Title, title), d.st.Normal.Render(role, ui.Trunc(note, room)), d.w))
}

// pair writes a name and a value.
func (d *detail) pair(name, value string, role themes.Role) {
	const nameWidth = 9
	value = clean(value)
	if value == "" {
		return
	}
	lines := ui.Wrap(value, max(1, d.w-nameWidth))
	for i, t := range lines {
		n := ""
		if i == 0 {
			n = name
		}
		d.out = append(d.out, d.st.Normal.Render(themes.Muted, ui.Fit(n, min(nameWidth, d.w)))+d.st.Normal.Render(role, t))
	}
}

func (d *detail) link() {
	h, k := d.l.h.Host, d.l.h.Link
	c := state(d.st, k.State)
	since := ""
	if !k.Since.IsZero() {
		since = " for " + ui.AgeOf(k.Since, d.now)
	}
	line := d.st.Normal.Render(c.GlyphRole, c.Glyph) + " " + d.st.Normal.Render(c.Role, k.State.String()+since)
	if k.RTT > 0 {
		line += d.st.Normal.Render(themes.Muted, "  rtt "+ui.Millis(k.RTT))
	}
	d.out = append(d.out, line)
	if k.State != hosts.StateConnected {
		d.add(d.l.why().Role, k.Reason)
		var more []string
		if k.Failures > 0 {
			more = append(more, ui.Count(k.Failures, "failure")+" in a row")
		}
		if k.Retry.After(d.now) {
			more = append(more, "next try in "+ui.Age(k.Retry.Sub(d.now)))
		}
		if !k.LastSeen.IsZero() {
			more = append(more, "last seen "+ui.AgeOf(k.LastSeen, d.now)+" ago")
		}
		d.add(themes.Muted, strings.Join(more, " · "))
	}
	if h.Maintenance != "" {
		d.add(themes.Muted, d.st.Glyphs.Maintenance+" maintenance: "+h.Maintenance)
	}
	if k.Warning != "" {
		d.add(themes.Warn, d.st.Glyphs.Warn+" "+k.Warning)
	}
	d.pair("via", k.Via, themes.Text)
	env := h.Environment
	if h.Production {
		env = strings.TrimSpace(d.st.Glyphs.Production + " " + cmp.Or(env, "production"))
	}
	d.pair("env", env, themes.Text)
	d.pair("groups", strings.Join(h.Groups, " "), themes.Text)
}

func (d *detail) failing() {
	if d.l.failing() == 0 {
		return
	}
	note := ""
	if d.l.old {
		note = "as of " + ui.Age(d.l.row.Age) + " ago"
	}
	d.head("Failing", note, d.l.old)
	for _, p := range d.l.row.Failing {
		glyph := d.st.Glyphs.Warn
		if p.Level >= hosts.LevelError {
			glyph = d.st.Glyphs.Bad
		}
		if p.Object == "" {
			continue // the link says it, with its reason
		}
		d.add(levelRole(p.Level), glyph+" "+strings.TrimSpace(p.Object+" "+p.Text))
	}
}

// part begins the part of a fact and reports whether there is a value to write.
func part[T any](d *detail, title string, p hosts.Part[T]) bool {
	note, stale := ui.AgeNote(p, d.now)
	d.head(title, note, stale)
	if n, ok := ui.PartNotice(d.st, strings.ToLower(title), p, d.now); ok && p.Standing() != hosts.Stale {
		d.out = append(d.out, n.Line(d.st, d.w))
	}
	return p.Known()
}

func (d *detail) system() {
	if !part(d, "System", d.l.h.System) {
		return
	}
	s := d.l.h.System.Value
	d.pair("os", strings.Join(nonEmpty(s.OS, s.Kernel, s.Arch, s.Virt), " · "), themes.Text)
	if f, ok := d.l.perCPU(); ok {
		text := fmt.Sprintf("%.2f %.2f %.2f on %s", s.Load[0], s.Load[1], s.Load[2], ui.Count(s.CPUs, "CPU"))
		d.pair("load", text, loadRole(f))
	}
	if m := d.l.row.Memory; m >= 0 {
		d.gauge("memory", m, ui.Bytes(s.MemTotal-min(s.MemTotal, s.MemAvailable))+" of "+ui.Bytes(s.MemTotal))
	}
	if s.SwapTotal > 0 {
		used := s.SwapTotal - min(s.SwapTotal, s.SwapFree)
		d.gauge("swap", int(used*100/s.SwapTotal), ui.Bytes(used)+" of "+ui.Bytes(s.SwapTotal))
	}
	if p := s.Pressure; p.Known {
		d.pair("pressure", fmt.Sprintf("cpu %.0f%% · memory %.0f%% · io %.0f%%", p.CPU, p.Memory, p.IO), themes.Text)
	}
	d.pair("uptime", ui.Age(s.Uptime), themes.Text)
	if off := s.ClockOffset; off.Abs() > time.Second && off.Abs() > s.ClockError {
		side := "ahead of"
		if off < 0 {
			side = "behind"
		}
		d.pair("clock", off.Abs().Round(100*time.Millisecond).String()+" "+side+" ours", themes.Warn)
	}
	d.pair("user", userText(s), themes.Text)
	d.pair("systemd", s.Systemd, themes.Text)
	if e := d.l.h.Engine; e.Known() {
		d.pair("docker", strings.Join(nonEmpty(e.Value.Version, e.Value.StorageDriver, swarm(e.Value.Swarm)), " · "), themes.Text)
	}
}

func userText(s hosts.System) string {
	if s.User == "" {
		return ""
	}
	return s.User + " (uid " + strconv.Itoa(s.UID) + ")"
}

func swarm(s string) string {
	if s == "" || s == "inactive" {
		return ""
	}
	return "swarm " + s
}

func nonEmpty(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// gauge writes a percentage as a bar, a number and what it is of.
func (d *detail) gauge(name string, percent int, of string) {
	const nameWidth, barWidth, numberWidth = 9, 12, 5
	room := d.w - nameWidth - barWidth - numberWidth
	role := percentRole(percent)
	line := d.st.Normal.Render(themes.Muted, ui.Fit(clean(name), min(nameWidth, d.w)))
	if room > 0 {
		line += d.st.Normal.Render(role, ui.Gauge(d.st, float64(percent), barWidth)+ui.FitRight(strconv.Itoa(percent)+"%", numberWidth)) +
			d.st.Normal.Render(themes.Muted, ui.Trunc(" "+of, room))
	} else {
		line += d.st.Normal.Render(role, strconv.Itoa(percent)+"%")
	}
	d.out = append(d.out, line)
}

func (d *detail) disks() {
	if !part(d, "Disks", d.l.h.Disks) {
		return
	}
	for _, k := range d.l.h.Disks.Value {
		if k.Problem != "" {
			d.pair(ui.TruncLeft(clean(k.Mount), 8), k.Problem, themes.Warn)
			continue
		}
		of := ui.Bytes(k.Used) + " of " + ui.Bytes(k.Size)
		if k.InodePercent() > k.UsedPercent() {
			of = "of inodes, " + of
		}
		d.gauge(ui.TruncLeft(clean(k.Mount), 8), diskPercent(k), of+" "+clean(k.FSType))
	}
}

func (d *detail) containers() {
	if !part(d, "Containers", d.l.h.Containers) {
		return
	}
	by := map[string]int{}
	var order []string
	for i := range d.l.h.Containers.Value {
		s := d.l.h.Containers.Value[i].State
		if by[s] == 0 {
			order = append(order, s)
		}
		by[s]++
	}
	words := make([]string, 0, len(order))
	for _, s := range order {
		words = append(words, strconv.Itoa(by[s])+" "+s)
	}
	d.add(themes.Text, cmp.Or(strings.Join(words, " · "), "none"))
}

func (d *detail) gaps() {
	var gaps []Gap
	for _, g := range d.l.row.Unknown {
		// The parts that have a section say so themselves, and the link said why there is no link.
		if g.Reason == d.l.h.Link.Reason && d.l.worst == rankDown {
			continue
		}
		if g.Part != "system" && g.Part != "disks" && g.Part != "containers" {
			gaps = append(gaps, g)
		}
	}
	if len(gaps) == 0 {
		return
	}
	d.head("Not known", "", false)
	for _, g := range gaps {
		text := g.Part + ": " + g.Reason
		if g.Needs != "" {
			text += " (needs " + g.Needs + ")"
		}
		d.add(themes.Unknown, d.st.Glyphs.Unknown+" "+text)
	}
}

func (d *detail) events() {
	var mine []hosts.Event
	for i := len(d.evts) - 1; i >= 0 && len(mine) < maxEvents; i-- {
		if d.evts[i].Host == d.l.h.Host.Name {
			mine = append(mine, d.evts[i])
		}
	}
	if len(mine) == 0 {
		return
	}
	d.head("Events", "newest first", false)
	for _, e := range mine {
		text := strings.Join(nonEmpty(e.Object, e.Action, e.Detail), " ")
		d.out = append(d.out, d.st.Normal.Render(themes.Muted, ui.FitRight(ui.AgeOf(e.At, d.now), 6)+" ")+ui.Trunc(clean(text), max(0, d.w-7)))
	}
}
