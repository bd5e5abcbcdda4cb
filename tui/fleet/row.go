package fleet

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Row is what is judged of a host's facts.
type Row struct {
	Memory    int // percent in use, -1 unknown
	Disk      hosts.Disk
	HasDisk   bool // Disk is the fullest file system
	Up, Total int  // containers; -1 unknown
	Failing   []Problem
	Unknown   []Gap
	Age       time.Duration // of the newest fact
	Known     bool          // something was read at least once
}

// Problem is one thing that is wrong on a host.
type Problem struct {
	Level  hosts.Level // LevelWarn, LevelError or LevelFatal
	Object string      // container, unit or mount; "" for the host itself
	Text   string
}

// Gap is a part of a host's facts that is not known.
type Gap struct {
	Part, Reason, Needs string
}

// Judge makes the row of a host. It is pure.
type Judge func(*hosts.HostFacts, time.Time) Row

// line is a row of the table: the facts, what they mean, and how they are told at one moment.
type line struct {
	h     *hosts.HostFacts
	row   Row
	old   bool // the values are from before the link was lost, or overdue
	worst int  // rank of the verdict, see rank
}

// old is how long facts may stand while the host is connected.
const old = 45 * time.Second

func newLine(h *hosts.HostFacts, r Row) line {
	l := line{h: h, row: r}
	l.old = r.Known && (h.Link.State != hosts.StateConnected || r.Age > old)
	l.worst = l.rank()
	return l
}

// The ranks of a host, from good to worst.
const (
	rankGood = iota
	rankPaused
	rankUnknown
	rankWarn
	rankError
	rankDown
)

func (l line) rank() int {
	switch l.h.Link.State {
	case hosts.StateDisconnected, hosts.StateError:
		return rankDown
	case hosts.StateMaintenance:
		return rankPaused
	}
	r := rankGood
	if len(l.row.Unknown) > 0 || !l.row.Known {
		r = rankUnknown
	}
	if l.h.Link.Warning != "" {
		r = rankWarn
	}
	for _, p := range l.row.Failing {
		if p.Level >= hosts.LevelError {
			return rankError
		}
		r = rankWarn
	}
	return r
}

// mark is the verdict on a host as a glyph.
func (l line) mark(st *themes.Styles) (string, themes.Role) {
	g := st.Glyphs
	switch l.worst {
	case rankDown, rankError:
		return g.Bad, themes.Bad
	case rankWarn:
		return g.Warn, themes.Warn
	case rankPaused:
		return g.Maintenance, themes.Muted
	case rankUnknown:
		return g.Unknown, themes.Unknown
	default:
		return g.OK, themes.OK
	}
}

// state is the link in a glyph and a short word.
func state(st *themes.Styles, s hosts.State) ui.Cell {
	g := st.Glyphs
	switch s {
	case hosts.StateConnected:
		return ui.Cell{Text: "up", Glyph: g.Connected, GlyphRole: themes.OK, Role: themes.Text}
	case hosts.StateDisconnected:
		return ui.Cell{Text: "down", Glyph: g.Disconnected, GlyphRole: themes.Bad, Role: themes.Bad}
	case hosts.StateError:
		return ui.Cell{Text: "error", Glyph: g.Failed, GlyphRole: themes.Bad, Role: themes.Bad}
	case hosts.StateMaintenance:
		return ui.Cell{Text: "paused", Glyph: g.Maintenance, GlyphRole: themes.Muted, Role: themes.Muted}
	default:
		return ui.Cell{Text: "pending", Glyph: g.Pending, GlyphRole: themes.Info, Role: themes.Info}
	}
}

// why is the one thing to know of a host: what keeps us from it, else the worst that fails, else
// what could not be read.
func (l line) why() ui.Cell {
	link := l.h.Link
	switch {
	case link.State == hosts.StateMaintenance:
		return ui.Cell{Text: clean("maintenance: " + cmp.Or(l.h.Host.Maintenance, link.Reason)), Role: themes.Muted}
	case link.State != hosts.StateConnected && link.Reason != "":
		role := themes.Bad
		if link.State == hosts.StatePending {
			role = themes.Info
		}
		return ui.Cell{Text: clean(link.Reason), Role: role}
	case link.State == hosts.StatePending:
		return ui.Cell{Text: "connecting", Role: themes.Info}
	case len(l.row.Failing) > 0:
		p := l.row.Failing[0]
		return ui.Cell{Text: clean(p.Object + " " + p.Text), Role: levelRole(p.Level)}
	case link.Warning != "":
		return ui.Cell{Text: clean(link.Warning), Role: themes.Warn}
	case !l.row.Known:
		return ui.Cell{Text: "reading", Role: themes.Info}
	case len(l.row.Unknown) > 0:
		g := l.row.Unknown[0]
		return ui.Cell{Text: clean(g.Part + " unknown: " + g.Reason), Role: themes.Unknown}
	}
	return ui.Cell{}
}

func levelRole(l hosts.Level) themes.Role {
	if l >= hosts.LevelError {
		return themes.Bad
	}
	return themes.Warn
}

// clean is ui.Clean on one trimmed line.
func clean(s string) string { return strings.TrimSpace(ui.Clean(s)) }

// value is a cell of a fact: plain while it is fresh, marked and faint when it is old, "?" when it
// was to be read and could not be, "-" when nobody has answered yet.
func (l line) value(st *themes.Styles, text string, known bool, role themes.Role) ui.Cell {
	switch {
	case !l.row.Known:
		return ui.Cell{Text: "-", Role: themes.Faint}
	case !known:
		return ui.Cell{Text: st.Glyphs.Unknown, Role: themes.Unknown}
	case l.old:
		return ui.Cell{Text: st.Glyphs.Stale + text, Role: themes.Faint}
	}
	return ui.Cell{Text: text, Role: role}
}

// Where numbers begin to be marked.
const (
	highPercent, fullPercent = 80, 90
	busyLoad, overLoad       = 1.0, 2.0
)

func percentRole(p int) themes.Role {
	switch {
	case p >= fullPercent:
		return themes.Bad
	case p >= highPercent:
		return themes.Warn
	default:
		return themes.Text
	}
}

// perCPU is the load of one minute for each processor; what counts is whether they have more to do
// than they can.
func (l line) perCPU() (float64, bool) {
	s := l.h.System
	if !s.Known() || s.Value.CPUs <= 0 {
		return 0, false
	}
	return s.Value.Load[0] / float64(s.Value.CPUs), true
}

func loadRole(f float64) themes.Role {
	switch {
	case f >= overLoad:
		return themes.Bad
	case f >= busyLoad:
		return themes.Warn
	default:
		return themes.Text
	}
}

// failing counts what fails besides the host itself.
func (l line) failing() int {
	n := 0
	for _, p := range l.row.Failing {
		if p.Object != "" {
			n++
		}
	}
	return n
}

// hash makes a version of what a row shows, so that a row is rendered again only when it changed.
func (l line) hash() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	add(l.h.Host.Name)
	add(l.why().Text)
	add(ui.Age(l.row.Age))
	add(ui.Millis(l.h.Link.RTT))
	add(strconv.Itoa(l.worst) + " " + strconv.Itoa(int(l.h.Link.State)) + " " + strconv.FormatBool(l.old) + " " + strconv.Itoa(l.row.Memory) +
		" " + strconv.Itoa(l.row.Up) + "/" + strconv.Itoa(l.row.Total) + " " + strconv.Itoa(l.failing()))
	f, _ := l.perCPU()
	add(strconv.FormatFloat(f, 'f', 2, 64))
	add(strconv.Itoa(diskPercent(l.row.Disk)) + l.row.Disk.Mount)
	for _, v := range l.h.LoadTrend {
		add(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return h | 1 // never 0, which would mean that there is no version
}

func diskPercent(d hosts.Disk) int { return max(d.UsedPercent(), d.InodePercent()) }
