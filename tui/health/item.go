package health

import (
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"midwatch/checks/health"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// trouble grades an item for sorting and headings.
type trouble int

const (
	fine trouble = iota
	busy
	uncertain
	odd
	broken
)

// item is one row: a service, or a host of which the containers are not known.
type item struct {
	v    *health.Service // nil on a row that stands for what is unknown
	h    *hosts.HostFacts
	why  string // of a row that stands for what is unknown
	now  time.Time
	at   time.Time // what is judged is judged for: now, but in a capture
	bad  trouble
	text string // the state in a word
	sign string
	role themes.Role
	note string
}

func (it *item) name() string {
	if it.v == nil {
		return "on " + ui.Clean(it.h.Host.Name)
	}
	return ui.TaskName(ui.Clean(it.v.Name))
}

func (it *item) host() string {
	if it.v != nil {
		return it.v.Host
	}
	return it.h.Host.Name
}

func (it *item) id() string {
	if it.v == nil {
		return "?/" + it.h.Host.Name
	}
	return it.v.ID
}

// is reports whether the item is what OpenMsg.Object names: a service, one of its probes, or a
// container by ID or name.
func (it *item) is(object string) bool {
	if it.v == nil {
		return false
	}
	if it.v.Name == object || it.v.ID == object {
		return true
	}
	for i := range it.v.Endpoints {
		if e := &it.v.Endpoints[i]; e.Name == object || e.Container != "" && e.Container == object {
			return true
		}
	}
	return false
}

// newItem decides what a service is called at a moment.
func newItem(st *themes.Styles, v *health.Service, h *hosts.HostFacts, now, at time.Time) item {
	g := &st.Glyphs
	it := item{v: v, h: h, now: now, at: at, note: ui.Clean(v.Why)}
	set := func(text, sign string, role themes.Role, bad trouble) {
		it.text, it.sign, it.role, it.bad = text, sign, role, bad
	}
	switch v.State {
	case health.Failing:
		set("failing", g.Bad, themes.Bad, broken)
	case health.Degraded:
		set("degraded", g.Warn, themes.Warn, odd)
	case health.Starting:
		set("starting", g.Pending, themes.Info, busy)
	case health.Present:
		set("there", g.Info, themes.Muted, fine)
	case health.Healthy:
		set("healthy", g.OK, themes.OK, fine)
	default:
		set("unknown", g.Unknown, themes.Unknown, uncertain)
		if l := v.Lead(); l != nil && !l.Asked && l.Why == "not asked yet" {
			set("reading", g.Pending, themes.Info, fine)
		}
	}
	left := v.Ends.Sub(at)
	switch {
	case v.Shallow:
		set("deep check fails", g.Bad, themes.Bad, broken)
	case v.Capacity != nil && v.Capacity.Wrong() && v.State == health.Degraded:
		set("wrong capacity", g.Warn, themes.Warn, odd)
	case v.Tolerated != "" && v.State == health.Healthy:
		set("ok, BAD CERT", g.Warn, themes.Warn, odd)
		it.note = "a bad certificate is tolerated: " + ui.Clean(v.Tolerated)
	case v.State == health.Healthy && !v.Ends.IsZero() && left < health.CertSoon:
		set("cert ends soon", g.Warn, themes.Warn, odd)
	}
	if it.note == "" && v.Capacity != nil {
		it.note = v.Capacity.Text()
	}
	return it
}

// gap is the row of a host whose healthchecks are not known.
func gap(st *themes.Styles, h *hosts.HostFacts, now time.Time) (item, bool) {
	if h.Containers.Known() || h.Containers.Standing() == hosts.Unasked && h.Latest.IsZero() && h.Link.State <= hosts.StateConnected {
		return item{}, false // not yet asked is not worth a row: the note counts it
	}
	why := ui.WhyUnknown(h, h.Containers)
	return item{h: h, why: why, now: now, bad: uncertain, text: "unknown", sign: st.Glyphs.Unknown, role: themes.Unknown, note: why}, true
}

// column is where an endpoint is shown.
func column(k health.Kind) health.Kind {
	switch k {
	case health.Basic, health.Detailed, health.Ready, health.Live:
		return k
	}
	return other
}

// other is the column of all kinds that have none of their own.
const other health.Kind = "other"

// cell shows the endpoints of one kind: how long the answer took, or what is wrong with it.
func (it *item) cell(st *themes.Styles, k health.Kind) ui.Cell {
	if it.v == nil {
		return ui.Cell{}
	}
	var found []*health.Endpoint
	for i := range it.v.Endpoints {
		if e := &it.v.Endpoints[i]; column(e.Kind) == k {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return ui.Cell{}
	case 1:
		return endpointCell(st, found[0])
	}
	worst, good := found[0], 0
	for _, e := range found {
		if e.State == health.Healthy || e.State == health.Present {
			good++
		}
		if e.State == health.Failing || e.State == health.Unknown && worst.State != health.Failing {
			worst = e
		}
	}
	c := endpointCell(st, worst)
	c.Text = strconv.Itoa(good) + "/" + strconv.Itoa(len(found))
	return c
}

func endpointCell(st *themes.Styles, e *health.Endpoint) (c ui.Cell) {
	g := &st.Glyphs
	c = ui.Cell{Text: "ok", Glyph: g.OK, GlyphRole: themes.OK, Role: themes.Muted}
	if e.Last.Took > 0 {
		c.Text = ui.Millis(e.Last.Took)
	}
	defer func() {
		if e.Short != "" && e.State != health.Unknown {
			c.Text = e.Short
		}
	}()
	switch e.State {
	case health.Failing:
		c.Glyph, c.GlyphRole, c.Role, c.Text = g.Bad, themes.Bad, themes.Bad, failText(e)
	case health.Degraded:
		c.Glyph, c.GlyphRole, c.Role = g.Warn, themes.Warn, themes.Warn
		if e.Last.State != "" {
			c.Text = ui.Clean(e.Last.State)
		}
	case health.Starting:
		c.Glyph, c.GlyphRole, c.Text = g.Pending, themes.Info, "starts"
	case health.Present:
		c.Glyph, c.GlyphRole, c.Text = g.Info, themes.Muted, "there"
	case health.Unknown:
		c.Glyph, c.GlyphRole, c.Role, c.Text = g.Unknown, themes.Unknown, themes.Muted, "?"
		switch {
		case !e.Asked && e.Origin == "inventory":
			c.Text = "unasked"
		case e.Overdue > 0:
			c.Text = "late"
		default:
			c.Text = "unknown"
		}
	}
	if e.Last.Tolerated != "" && e.State == health.Healthy {
		c.Glyph, c.GlyphRole, c.Role = g.Warn, themes.Warn, themes.Warn
	}
	return c
}

// failText is a failure in a few cells: the HTTP status, or the beginning of what it is.
func failText(e *health.Endpoint) string {
	why := strings.ToLower(e.Last.Reason)
	switch {
	case e.Kind == health.Upstream:
		return "broken"
	case e.Last.Status >= 400 || e.Last.Status >= 300 && e.Last.Status != 304:
		return strconv.Itoa(e.Last.Status)
	case e.Last.State != "" && e.Last.Status > 0:
		return ui.Clean(e.Last.State)
	case strings.HasPrefix(why, "certificate"):
		return "cert"
	case strings.Contains(why, "refused"):
		return "refused"
	case strings.Contains(why, "no answer") || strings.Contains(why, "timeout"):
		return "timeout"
	case strings.Contains(why, "no such host"):
		return "no DNS"
	case strings.HasPrefix(why, "exit "):
		word, _, _ := strings.Cut(why, ":")
		return word
	}
	return "fails"
}

// certCell says when the first certificate ends.
func (it *item) certCell(st *themes.Styles) ui.Cell {
	switch {
	case it.v == nil || it.v.Ends.IsZero():
		return ui.Cell{}
	case it.v.Tolerated != "":
		return ui.Cell{Text: "BAD", Glyph: st.Glyphs.Warn, GlyphRole: themes.Warn, Role: themes.Warn}
	}
	left := it.v.Ends.Sub(it.at)
	c := ui.Cell{Text: strconv.Itoa(int(left.Hours()/24)) + "d", Role: themes.Muted}
	switch {
	case left <= 0:
		c.Text, c.Role = "ENDED", themes.Bad
	case left < health.CertSoon:
		c.Role = themes.Warn
	}
	return c
}

// sparkCell draws how long the leading endpoint took; a failure is as high as it gets.
func (it *item) sparkCell(st *themes.Styles) ui.Cell {
	if it.v == nil {
		return ui.Cell{}
	}
	l := it.spoken()
	if l == nil || len(l.History) < 2 {
		return ui.Cell{}
	}
	rs := l.History[max(0, len(l.History)-sparkW):]
	values := make([]float64, len(rs))
	most := 0.0
	for i := range rs {
		if rs[i].OK {
			values[i] = float64(rs[i].Took)
			most = max(most, values[i])
		}
	}
	const headroom = 1.5 // a latency that never changes does not look like a full one
	top := most * headroom
	for i := range rs {
		if !rs[i].OK {
			values[i] = max(top, 1)
		}
	}
	role := themes.Accent
	switch {
	case l.State == health.Unknown:
		role = themes.Faint
	case l.State == health.Failing:
		role = themes.Bad
	}
	return ui.Cell{Text: ui.Spark(st, values, sparkW, max(top, 1)), Role: role}
}

const sparkW = 10

// spoken is the endpoint whose latency stands for the service: the leading one, or the first that has
// a history.
func (it *item) spoken() *health.Endpoint {
	l := it.v.Lead()
	if l != nil && len(l.History) > 1 {
		return l
	}
	for i := range it.v.Endpoints {
		if len(it.v.Endpoints[i].History) > 1 {
			return &it.v.Endpoints[i]
		}
	}
	return l
}

// hasher makes the versions of rows.
type hasher struct{ h maphash.Hash }

func (x *hasher) version(it *item, st *themes.Styles) uint64 {
	x.h.Reset()
	for _, t := range [...]string{it.name(), it.text, it.note, it.certCell(st).Text} {
		_, _ = x.h.WriteString(t) // never fails
		_ = x.h.WriteByte(0)
	}
	maphash.WriteComparable(&x.h, it.bad)
	if it.v != nil {
		for i := range it.v.Endpoints {
			e := &it.v.Endpoints[i]
			maphash.WriteComparable(&x.h, [...]any{e.State, e.Last.At, e.Last.Took, e.Last.Status, e.Asked, e.Overdue > 0, len(e.History)})
		}
	}
	return x.h.Sum64() | 1 // 0 would mean that the row must not be kept
}
