package health

import (
	"cmp"
	"strconv"
	"strings"

	"midwatch/checks/health"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func columns(st func() *themes.Styles) []ui.Column[*item] {
	kind := func(k health.Kind, title string, priority int) ui.Column[*item] {
		return ui.Column[*item]{
			ID: string(k), Title: title, Min: 7, Max: 11, Priority: priority, Optional: true, Filter: true,
			Cell: func(it *item) ui.Cell { return it.cell(st(), k) },
		}
	}
	return []ui.Column[*item]{
		{
			ID: "service", Title: "service", Min: 14, Max: 24, Filter: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				c := ui.Cell{Text: it.name()}
				switch {
				case it.v == nil:
					c.Role = themes.Muted
				case it.bad == broken:
					c.Role = themes.Strong
				}
				return c
			},
			Compare: func(a, b *item) int { return strings.Compare(a.name(), b.name()) },
		},
		{
			ID: "state", Title: "state", Min: 15, Max: 18, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell {
				return ui.Cell{Text: it.text, Role: it.role, Glyph: it.sign, GlyphRole: it.role}
			},
			Compare: func(a, b *item) int { return cmp.Compare(a.bad, b.bad) },
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 16, Priority: 8, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: ui.Clean(it.from()), Role: themes.Muted} },
			Compare: func(a, b *item) int { return strings.Compare(a.host(), b.host()) },
		},
		kind(health.Basic, "basic", 2),
		kind(health.Detailed, "detailed", 1),
		kind(health.Ready, "ready", 2),
		kind(health.Live, "live", 3),
		kind(other, "check", 2),
		{
			ID: "trend", Title: "latency", Min: sparkW, Max: sparkW, Priority: 5, Optional: true,
			Cell: func(it *item) ui.Cell { return it.sparkCell(st()) },
		},
		{
			ID: "cert", Title: "cert", Min: 5, Max: 7, Priority: 3, Optional: true,
			Cell:    func(it *item) ui.Cell { return it.certCell(st()) },
			Compare: func(a, b *item) int { return a.service().Ends.Compare(b.service().Ends) },
			Known:   func(it *item) bool { return it.v != nil && !it.v.Ends.IsZero() },
		},
		{
			ID: "note", Title: "note", Min: 14, Ease: 18, Priority: 4, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell {
				c := ui.Cell{Text: it.note, Role: themes.Muted}
				switch it.bad {
				case broken:
					c.Role = themes.Bad
				case odd, uncertain:
					c.Role = themes.Warn
				}
				return c
			},
		},
	}
}

// service is the item's service, an empty one where there is none, for comparing.
func (it *item) service() *health.Service {
	if it.v == nil {
		return &health.Service{}
	}
	return it.v
}

// from is where a service is, or where it is asked from.
func (it *item) from() string {
	if it.v == nil || it.v.Group != health.Probed {
		return it.host()
	}
	for _, e := range it.v.Endpoints {
		if e.From != "" {
			return "from " + e.From
		}
	}
	return "from here"
}

// tally counts items.
type tally struct{ broken, odd, unknown, busy, healthy, there, tolerated int }

func (t *tally) add(it *item) {
	switch {
	case it.bad == broken:
		t.broken++
	case it.bad == odd:
		t.odd++
	case it.bad == uncertain:
		t.unknown++
	case it.bad == busy:
		t.busy++
	case it.v != nil && it.v.State == health.Healthy:
		t.healthy++
	case it.v != nil && it.v.State == health.Present:
		t.there++
	}
	if it.v != nil && it.v.Tolerated != "" {
		t.tolerated++
	}
}

func (t *tally) text() string {
	var parts []string
	for _, x := range [...]struct {
		n    int
		what string
	}{{t.broken, "failing"}, {t.odd, "doubtful"}, {t.unknown, "unknown"}, {t.busy, "starting"}, {t.healthy, "healthy"}, {t.there, "there"}} {
		if x.n > 0 {
			parts = append(parts, strconv.Itoa(x.n)+" "+x.what)
		}
	}
	if t.tolerated > 0 {
		parts = append(parts, ui.Count(t.tolerated, "BAD CERT")+" TOLERATED")
	}
	return strings.Join(parts, ", ")
}

// groupCell is the heading of a group.
func groupCell(group string, items []*item) ui.Cell {
	var t tally
	for _, it := range items {
		t.add(it)
	}
	c := ui.Cell{Text: group + "  " + t.text(), Role: themes.Strong}
	switch {
	case t.broken > 0:
		c.Role = themes.Bad
	case t.odd+t.unknown > 0:
		c.Role = themes.Warn
	}
	return c
}

// ageOf is how old what is said of a service is.
func ageOf(it *item) (string, bool) {
	if it.v == nil {
		return "unknown", true
	}
	switch it.v.Group {
	case health.Contained:
		return aged(it.h, func(h *hosts.HostFacts) hosts.Part[[]hosts.Container] { return h.Containers }, it)
	case health.Clustered:
		return aged(it.h, func(h *hosts.HostFacts) hosts.Part[hosts.Swarm] { return h.Swarm }, it)
	case health.Proxied:
		if strings.HasPrefix(it.v.ID, "envoy/") {
			return aged(it.h, func(h *hosts.HostFacts) hosts.Part[[]hosts.Envoy] { return h.Envoy }, it)
		}
		return aged(it.h, func(h *hosts.HostFacts) hosts.Part[[]hosts.Nginx] { return h.Nginx }, it)
	}
	l := it.v.Lead()
	if l == nil || !l.Asked {
		return "not asked yet", false
	}
	return ui.AgeOf(l.Last.At, it.now), l.Overdue > 0
}

func aged[T any](h *hosts.HostFacts, part func(*hosts.HostFacts) hosts.Part[T], it *item) (string, bool) {
	if h == nil {
		return "unknown", true
	}
	note, stale := ui.AgeNote(part(h), it.now)
	return note, stale || ui.Old(h, part(h))
}
