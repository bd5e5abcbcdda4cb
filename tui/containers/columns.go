package containers

import (
	"cmp"
	"strconv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// sparkW is the cells of a sparkline in the table.
const sparkW = 10

// The note gives way to the image, but not while there is an action to report on.
const (
	noteIdle   = 6
	noteActing = 4
)

// name is what a row is called: the container, or the host whose containers are not known.
func (it *item) name() string {
	if it.c == nil {
		return "containers"
	}
	return ui.Clean(it.c.Name)
}

// columns are those of the table. st returns the theme that is in force.
func columns(st func() *themes.Styles) []ui.Column[*item] {
	arrow := func() string {
		if st().ASCII {
			return "->"
		}
		return "→"
	}
	none := ui.Cell{}
	known := func(it *item) bool { return it.c != nil }
	sampled := func(it *item) bool { _, _, ok := it.sample(); return ok }
	return []ui.Column[*item]{
		{
			ID: "name", Title: "name", Min: 16, Max: 44, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(it *item) ui.Cell { return nameCell(st(), it) },
			Compare: func(a, b *item) int { return naturalCompare(a.name(), b.name()) },
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 18, Priority: 10, Filter: true, Cut: ui.CutMiddle,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: ui.Clean(it.h.Host.Name), Role: themes.Muted} },
			Compare: func(a, b *item) int { return naturalCompare(a.h.Host.Name, b.h.Host.Name) },
		},
		{
			ID: "state", Title: "state", Min: 16, Max: 17, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell { return stateWord(st(), it).cell() },
			Compare: func(a, b *item) int {
				return cmp.Or(cmp.Compare(a.trouble(), b.trouble()), cmp.Compare(stateWord(st(), a).text, stateWord(st(), b).text))
			},
		},
		{
			ID: "for", Title: "for", Min: 7, Max: 10, Priority: 1, Right: true,
			Cell:    func(it *item) ui.Cell { return ui.Cell{Text: sinceText(it), Role: themes.Muted} },
			Compare: func(a, b *item) int { return cmp.Compare(a.stateAge(), b.stateAge()) }, Known: known,
		},
		{
			ID: "health", Title: "health", Min: 11, Max: 11, Priority: 1, Filter: true, Desc: true,
			Cell: func(it *item) ui.Cell { return healthWord(st(), it).cell() },
			Compare: func(a, b *item) int {
				return cmp.Compare(a.facts().Health, b.facts().Health)
			},
			Known: known,
		},
		{
			ID: "restarts", Title: "rst", Min: 3, Max: 5, Priority: 3, Right: true, Desc: true,
			Cell:    restartsCell,
			Compare: func(a, b *item) int { return cmp.Compare(a.facts().Restarts, b.facts().Restarts) },
			Known:   func(it *item) bool { return it.c != nil && it.c.Inspected },
		},
		{
			ID: "cpu", Title: "cpu", Min: 5, Max: 5, Priority: 2, Right: true, Desc: true,
			Cell:    cpuCell,
			Compare: func(a, b *item) int { x, _ := a.stats.Last(); y, _ := b.stats.Last(); return cmp.Compare(x.CPU, y.CPU) },
			Known:   sampled,
		},
		{
			ID: "cpu_trend", Title: "", Min: sparkW, Max: sparkW, Priority: 8,
			Cell: func(it *item) ui.Cell {
				return sparkCell(st(), it, func(s hosts.Stats) float64 { return s.CPU }, 100)
			},
		},
		{
			ID: "mem", Title: "mem", Min: 5, Max: 5, Priority: 2, Right: true, Desc: true,
			Cell:    memCell,
			Compare: func(a, b *item) int { x, _ := a.stats.Last(); y, _ := b.stats.Last(); return cmp.Compare(x.Mem, y.Mem) },
			Known:   sampled,
		},
		{
			ID: "mem_trend", Title: "", Min: sparkW, Max: sparkW, Priority: 9,
			Cell: func(it *item) ui.Cell {
				limit := float64(0)
				if it.c != nil {
					limit = float64(it.c.MemLimit)
				}
				return sparkCell(st(), it, func(s hosts.Stats) float64 { return float64(s.Mem) }, limit)
			},
		},
		{
			ID: "ports", Title: "ports", Min: 9, Max: 26, Priority: 4, Filter: true,
			Cell: func(it *item) ui.Cell {
				if it.c == nil {
					return none
				}
				if len(it.c.Ports) == 0 && !it.running() { // what it will ask for when it is started
					return ui.Cell{Text: ports(it.c.Bindings, arrow()), Role: themes.Faint}
				}
				return ui.Cell{Text: ports(it.c.Ports, arrow())}
			},
		},
		{
			ID: "image", Title: "image", Min: 12, Max: 34, Priority: 5, Filter: true, Cut: ui.CutStart,
			Cell: func(it *item) ui.Cell {
				if it.c == nil {
					return none
				}
				return ui.Cell{Text: imageName(it.c.Image), Role: themes.Muted}
			},
			Compare: func(a, b *item) int { return cmp.Compare(imageName(a.facts().Image), imageName(b.facts().Image)) }, Known: known,
		},
		{
			ID: "age", Title: "age", Min: 6, Max: 6, Priority: 7, Right: true,
			Cell: func(it *item) ui.Cell {
				if it.c == nil {
					return none
				}
				return ui.Cell{Text: ui.AgeOf(it.c.Created, it.now), Role: themes.Faint}
			},
			Compare: func(a, b *item) int { return b.facts().Created.Compare(a.facts().Created) }, Known: known,
		},
		{
			ID: "note", Title: "note", Min: 14, Priority: noteIdle, Grow: true, Filter: true,
			Cell: func(it *item) ui.Cell { return note(st(), it) },
		},
	}
}

// nameCell is the name, with a sign for an action that failed: the note that says why may have no
// room on a narrow screen.
func nameCell(st *themes.Styles, it *item) ui.Cell {
	c := ui.Cell{Text: it.name()}
	if it.act != nil && it.act.state == actFailed {
		c.Glyph, c.GlyphRole = st.Glyphs.Bad, themes.Bad
	}
	switch {
	case it.c == nil:
		c.Role = themes.Muted
	case it.trouble() == broken:
		c.Role = themes.Strong
	}
	return c
}

// stateAge is how long the state lasts, for sorting.
func (it *item) stateAge() int64 {
	at := it.facts().Finished
	if it.running() {
		at = it.facts().Started
	}
	return int64(it.now.Sub(at))
}

func restartsCell(it *item) ui.Cell {
	switch {
	case it.c == nil:
		return ui.Cell{}
	case !it.c.Inspected:
		return ui.Cell{Text: "?", Role: themes.Unknown}
	case it.c.Restarts == 0:
		return ui.Cell{Text: "0", Role: themes.Faint}
	}
	role := themes.Warn
	const storm = 5
	if it.c.Restarts >= storm {
		role = themes.Bad
	}
	return ui.Cell{Text: strconv.Itoa(it.c.Restarts), Role: role}
}

func cpuCell(it *item) ui.Cell {
	s, current, ok := it.sample()
	switch {
	case !ok:
		return ui.Cell{Text: "-", Role: themes.Faint}
	case !current:
		return ui.Cell{Text: cpu(s.CPU), Role: themes.Faint}
	case it.c.CPULimit > 0 && s.CPU >= it.c.CPULimit*90:
		return ui.Cell{Text: cpu(s.CPU), Role: themes.Warn}
	}
	return ui.Cell{Text: cpu(s.CPU)}
}

func memCell(it *item) ui.Cell {
	s, current, ok := it.sample()
	switch {
	case !ok:
		return ui.Cell{Text: "-", Role: themes.Faint}
	case !current:
		return ui.Cell{Text: ui.Bytes(s.Mem), Role: themes.Faint}
	case it.memTight():
		return ui.Cell{Text: ui.Bytes(s.Mem), Role: themes.Warn}
	}
	return ui.Cell{Text: ui.Bytes(s.Mem)}
}

// sparkCell draws the recent samples against top. Where there is none they are drawn against half as
// much again as their largest, so that a use that never changes does not look like a full one.
func sparkCell(st *themes.Styles, it *item, value func(hosts.Stats) float64, top float64) ui.Cell {
	if _, _, ok := it.sample(); !ok {
		return ui.Cell{}
	}
	role := themes.Accent
	if it.stale {
		role = themes.Faint
	}
	return ui.Cell{Text: trend(st, it.stats, sparkW, value, top), Role: role}
}

func trend(st *themes.Styles, s hosts.Series, w int, value func(hosts.Stats) float64, top float64) string {
	s = s[max(0, len(s)-w):]
	values := make([]float64, len(s))
	most := 0.0
	for i := range s {
		values[i] = value(s[i])
		most = max(most, values[i])
	}
	const headroom = 1.5
	if top <= 0 {
		top = most * headroom
	}
	return ui.Spark(st, values, w, max(top, most))
}
