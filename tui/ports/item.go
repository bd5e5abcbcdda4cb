package ports

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/checks/ports"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// trouble grades an item for sorting and headings.
type trouble int

const (
	fine trouble = iota
	noted
	uncertain
	odd
	broken
)

// item is one row: a binding of a port on a host, or a host of which something is not known.
type item struct {
	h    *hosts.HostFacts
	r    *ports.Row // nil on a row that stands for what is unknown
	addr string     // "*" for every address, "" where nothing is bound
	// Of the row, what belongs to the binding.
	published []ports.Published
	listening []ports.Listener
	exposure  ports.Exposure

	what, why string // of a row that stands for what is unknown
	state     string
	glyph     string
	role      themes.Role
	bad       trouble
	note      string
	stale     bool
	headed    bool
}

// everyone is the address of a binding to all addresses, of IPv4, IPv6 or both, and local that of one
// to 127.0.0.1, ::1 or both.
const (
	everyone = "*"
	local    = "localhost"
)

func addrOf(a string) string {
	p, err := netip.ParseAddr(a)
	if err != nil || p.IsUnspecified() {
		return everyone
	}
	if a := p.Unmap().String(); a != "127.0.0.1" && a != "::1" {
		return a
	}
	return local
}

// socket reports that the row is a unix socket.
func (it *item) socket() bool { return it.r != nil && it.r.Path != "" }

// port is "443", "53/udp" or the path of a unix socket.
func (it *item) port() string {
	switch {
	case it.r == nil:
		return ""
	case it.socket():
		return ui.Clean(it.r.Path)
	}
	p := strconv.Itoa(int(it.r.Port))
	if it.r.Proto != "tcp" {
		p += "/" + ui.Clean(it.r.Proto)
	}
	return p
}

// name is the port with its address.
func (it *item) name() string {
	switch {
	case it.r == nil:
		return it.what
	case it.addr == "" || it.addr == everyone || it.socket():
		return it.port()
	}
	return joined(it.addr, it.r.Port)
}

func (it *item) id() string {
	if it.r == nil {
		return it.h.Host.Name + "/?/" + it.what
	}
	return it.h.Host.Name + "/" + it.r.Proto + "/" + strconv.Itoa(int(it.r.Port)) + it.r.Path + "/" + it.addr
}

// is reports whether the item is what OpenMsg.Object names: a port, a container or a process on it.
func (it *item) is(object string) bool {
	if it.r == nil {
		return false
	}
	if object == it.port() || object == it.name() {
		return true
	}
	return slices.ContainsFunc(it.published, func(p ports.Published) bool { return p.ID == object || p.Container == object }) ||
		slices.ContainsFunc(it.listening, func(l ports.Listener) bool { return l.Container == object || l.Unit == object })
}

// itemsOf spreads the rows of the table over their bindings.
func itemsOf(st *themes.Styles, snap *hosts.Snapshot, rows []ports.Row, open ui.OpenMsg) []item {
	var out []item
	at := 0
	for _, h := range snap.Hosts {
		from := at
		for at < len(rows) && rows[at].Host == h.Host.Name {
			at++
		}
		if open.Narrows(h.Host.Name) {
			continue
		}
		out = append(out, unknown(st, h)...)
		stale := staleOf(h)
		for i := from; i < at; i++ {
			for _, it := range bindings(h, &rows[i]) {
				it.stale = stale
				it.judge(st)
				out = append(out, it)
			}
		}
	}
	return out
}

// staleOf reports that what is known of a host's ports may have changed.
func staleOf(h *hosts.HostFacts) bool {
	return h.Containers.Known() && ui.Old(h, h.Containers) || h.Sockets.Known() && ui.Old(h, h.Sockets)
}

// unknown are the rows that say what of a host is not known.
func unknown(st *themes.Styles, h *hosts.HostFacts) []item {
	var out []item
	add := func(what, why string, reading bool) {
		if why == "" {
			return
		}
		it := item{h: h, what: what, why: why, note: why, state: "unknown", glyph: st.Glyphs.Unknown, role: themes.Unknown, bad: uncertain}
		if reading {
			it.state, it.glyph, it.role, it.bad = "reading", st.Glyphs.Pending, themes.Info, fine
		}
		out = append(out, it)
	}
	up := h.Link.State <= hosts.StateConnected
	if h.Host.Kind != hosts.KindDocker {
		add("what listens", ui.WhyUnknown(h, h.Sockets), up && h.Sockets.Standing() == hosts.Unasked)
	}
	// A host without an engine publishes nothing; that one is missing is no gap.
	if h.Containers.Needs != "" || h.Engine.Known() || h.Containers.Standing() == hosts.Unasked && !h.Sockets.Known() || h.Host.Kind == hosts.KindDocker {
		add("what is published", ui.WhyUnknown(h, h.Containers), up && h.Containers.Standing() == hosts.Unasked)
	}
	if len(out) == 2 && out[0].why == out[1].why {
		out[0].what, out = "ports", out[:1]
	}
	return out
}

// bindings are the items of one port: one for each address it is bound to, or one where it is only
// wanted or targeted.
func bindings(h *hosts.HostFacts, r *ports.Row) []item {
	if r.Path != "" {
		it := item{h: h, r: r, listening: r.Listening}
		if r.Bound {
			it.addr = local
		}
		return []item{it}
	}
	var out []item
	at := func(addr string) *item {
		for i := range out {
			if out[i].addr == addr {
				return &out[i]
			}
		}
		out = append(out, item{h: h, r: r, addr: addr})
		return &out[len(out)-1]
	}
	for _, p := range r.Published {
		it := at(addrOf(p.Addr))
		if !slices.ContainsFunc(it.published, func(x ports.Published) bool {
			return x.ID == p.ID && x.ContainerPort == p.ContainerPort && x.Container == p.Container
		}) {
			it.published = append(it.published, p) // IPv4 and IPv6 are two entries of one binding
		}
		it.exposure = max(it.exposure, ports.ExposureOf(p.Addr))
	}
	for _, l := range r.Listening {
		it := at(addrOf(l.Addr))
		it.listening = append(it.listening, l)
		it.exposure = max(it.exposure, ports.ExposureOf(l.Addr))
	}
	if len(out) == 0 {
		out = append(out, item{h: h, r: r})
	}
	slices.SortStableFunc(out, func(a, b item) int { return cmp.Compare(a.addr, b.addr) })
	return out
}

// faults are those of the port that concern this binding.
func (it *item) faults() []ports.Fault {
	var out []ports.Fault
	for _, f := range it.r.Faults {
		if f.Kind == "exposed" && it.exposure != ports.Everyone {
			continue
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b ports.Fault) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// stateOf is what a kind of fault is called.
func stateOf(kind string) string {
	switch kind {
	case "nothing-listening":
		return "nothing listens"
	case "wrong-address":
		return "wrong address"
	case "collision":
		return "collision"
	case "will-collide":
		return "will collide"
	}
	return kind
}

// judge decides what the binding is called.
func (it *item) judge(st *themes.Styles) {
	g := &st.Glyphs
	defer func() {
		it.note = ui.Clean(it.note)
		if !it.stale {
			return
		}
		it.bad, it.glyph = max(it.bad, uncertain), g.Stale
		if it.role == themes.OK || it.role == themes.Text {
			it.role = themes.Muted
		}
	}()
	fs := it.faults()
	if len(fs) > 0 {
		f := fs[0]
		it.state, it.note = stateOf(f.Kind), f.Text
		switch f.Severity {
		case ports.Critical:
			it.glyph, it.role, it.bad = g.Bad, themes.Bad, broken
		case ports.Warning:
			it.glyph, it.role, it.bad = g.Warn, themes.Warn, odd
		default:
			it.glyph, it.role, it.bad = g.Info, themes.Muted, noted
		}
		if n := len(fs) - 1; n > 0 {
			it.note += " (and " + strconv.Itoa(n) + " more)"
		}
		return
	}
	switch {
	case it.r.Reach == ports.NotReached:
		it.state, it.glyph, it.role, it.bad = "not reached", g.Bad, themes.Bad, broken
		it.note = "a probe got no connection here"
	case !it.r.Bound && len(it.r.Wanted) > 0:
		it.state, it.glyph, it.role = "wanted", g.Stopped, themes.Muted
		it.note = "by " + it.r.Wanted[0].Container + " (" + it.r.Wanted[0].State + ")"
	case !it.r.Bound:
		it.state, it.glyph, it.role, it.bad = "not known", g.Unknown, themes.Unknown, uncertain
		it.note = "a proxy sends traffic here; whether something listens is not known"
		if it.socket() && it.h.Sockets.Standing() == hosts.Fresh {
			it.note = "a proxy sends traffic here; who listens is in a container, out of sight"
		}
	case it.published != nil:
		it.state, it.glyph, it.role, it.note = "published", g.Running, themes.OK, it.sentBy()
	default:
		it.state, it.glyph, it.role, it.note = "listens", g.Running, themes.OK, it.sentBy()
	}
}

// owner is who has the binding: the containers, else the processes.
func (it *item) owner() string {
	var names []string
	add := func(n string) {
		if n = ui.TaskName(ui.Clean(n)); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	mesh := false
	for _, p := range it.published {
		add(p.Container)
		mesh = mesh || p.Swarm
	}
	for _, l := range it.listening {
		switch {
		case l.Proxy && len(it.published) > 0, mesh && l.Process == "dockerd": // they stand for a published port
		case l.Container != "":
			add(l.Container)
		default:
			add(processOf(l))
		}
	}
	if len(names) == 0 && len(it.listening) > 0 {
		return "? (needs root)"
	}
	return strings.Join(names, ", ")
}

// processOf names a process by its unit where there is one that says more.
func processOf(l ports.Listener) string {
	unit := strings.TrimSuffix(l.Unit, ".service")
	if unit == "" || strings.HasPrefix(unit, "docker-") || strings.HasPrefix(unit, "session-") || strings.HasPrefix(unit, "user@") || strings.HasPrefix(l.Process, unit) {
		return l.Process
	}
	return unit
}

// inside are the container ports behind the binding: "→80".
func (it *item) inside(arrow string) string {
	var out []string
	for _, p := range it.published {
		if t := arrow + strconv.Itoa(int(p.ContainerPort)); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return strings.Join(out, ", ")
}

// hasher makes the versions of rows.
type hasher struct{ h maphash.Hash }

func (x *hasher) version(it *item, at time.Time) uint64 {
	x.h.Reset()
	maphash.WriteComparable(&x.h, [...]any{it.h, it.r, it.addr, it.bad, it.stale, it.headed, at})
	_, _ = x.h.WriteString(it.state) // never fails
	_, _ = x.h.WriteString(it.note)
	return x.h.Sum64() | 1 // 0 would mean that the row must not be kept
}

// joined is "address:port", an IPv6 address in brackets.
func joined(addr string, port uint16) string {
	if strings.Contains(addr, ":") {
		addr = "[" + addr + "]"
	}
	return ui.Clean(addr) + ":" + strconv.Itoa(int(port))
}
