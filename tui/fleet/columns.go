package fleet

import (
	"cmp"
	"strconv"
	"strings"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// trendWidth is the cells of the load's course.
const trendWidth = 10

// columns are those of the list, the first to last as they are read; the priorities say which go
// when there is no room.
func (s *Screen) columns() []ui.Column[line] {
	st := func() *themes.Styles { return s.d.Styles }
	return []ui.Column[line]{
		{
			ID: "host", Title: "HOST", Min: 14, Max: 30, Filter: true, Cut: ui.CutMiddle, Compare: byName,
			Cell: func(l line) ui.Cell {
				g, role := l.mark(st())
				return ui.Cell{Text: clean(l.h.Host.Name), Role: themes.Text, Glyph: g, GlyphRole: role}
			},
		},
		{
			ID: "production", Title: "P", Min: 1, Max: 1, Optional: true,
			Cell: func(l line) ui.Cell {
				if !l.h.Host.Production {
					return ui.Cell{}
				}
				return ui.Cell{Text: st().Glyphs.Production, Role: themes.Warn}
			},
		},
		{
			ID: "state", Title: "STATE", Min: 9, Filter: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(a.worst, b.worst) },
			Cell:    func(l line) ui.Cell { return state(st(), l.h.Link.State) },
		},
		{
			ID: "why", Title: "WHY", Min: 24, Ease: 44, Priority: 1, Grow: true, Filter: true,
			Cell: func(l line) ui.Cell { return l.why() },
		},
		{
			ID: "load", Title: "LOAD", Min: 5, Priority: 3, Right: true, Desc: true, Compare: byLoad, Known: hasLoad,
			Cell: func(l line) ui.Cell {
				f, ok := l.perCPU()
				return l.value(st(), strconv.FormatFloat(f, 'f', 2, 64), ok, loadRole(f))
			},
		},
		{
			ID: "trend", Title: "TREND", Min: trendWidth, Max: trendWidth, Priority: 8, Optional: true,
			Cell: func(l line) ui.Cell {
				if len(l.h.LoadTrend) == 0 {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Spark(st(), l.h.LoadTrend, trendWidth, float64(max(1, l.h.System.Value.CPUs))), Role: themes.Muted}
			},
		},
		{
			ID: "mem", Title: "MEM", Min: 4, Priority: 3, Right: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(a.row.Memory, b.row.Memory) },
			Known:   func(l line) bool { return l.row.Memory >= 0 },
			Cell: func(l line) ui.Cell {
				return l.value(st(), strconv.Itoa(l.row.Memory)+"%", l.row.Memory >= 0, percentRole(l.row.Memory))
			},
		},
		{
			ID: "disk", Title: "DISK", Min: 4, Priority: 2, Right: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(diskPercent(a.row.Disk), diskPercent(b.row.Disk)) },
			Known:   func(l line) bool { return l.row.HasDisk },
			Cell: func(l line) ui.Cell {
				p := diskPercent(l.row.Disk)
				return l.value(st(), strconv.Itoa(p)+"%", l.row.HasDisk, percentRole(p))
			},
		},
		{
			ID: "mount", Title: "MOUNT", Min: 6, Max: 16, Priority: 7, Optional: true, Cut: ui.CutStart,
			Cell: func(l line) ui.Cell { return ui.Cell{Text: clean(l.row.Disk.Mount), Role: themes.Muted} },
		},
		{
			ID: "containers", Title: "CTRS", Min: 5, Priority: 2, Right: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(a.row.Total, b.row.Total) },
			Known:   func(l line) bool { return l.row.Total >= 0 },
			Cell:    func(l line) ui.Cell { return containers(st(), l) },
		},
		{
			ID: "failing", Title: "FAIL", Min: 4, Priority: 1, Right: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(a.failing(), b.failing()) },
			Cell: func(l line) ui.Cell {
				n := l.failing()
				role := themes.Faint
				if n > 0 {
					role = themes.Bad
				}
				return l.value(st(), strconv.Itoa(n), l.row.Known, role)
			},
		},
		{
			ID: "age", Title: "AGE", Min: 3, Right: true,
			Compare: func(a, b line) int { return cmp.Compare(a.row.Age, b.row.Age) },
			Known:   func(l line) bool { return l.row.Known },
			Cell: func(l line) ui.Cell {
				role := themes.Muted
				if l.old {
					role = themes.Warn
				}
				if !l.row.Known {
					return ui.Cell{Text: "-", Role: themes.Faint}
				}
				return ui.Cell{Text: ui.Age(l.row.Age), Role: role}
			},
		},
		{
			ID: "rtt", Title: "RTT", Min: 5, Priority: 6, Right: true, Desc: true,
			Compare: func(a, b line) int { return cmp.Compare(a.h.Link.RTT, b.h.Link.RTT) },
			Known:   func(l line) bool { return l.h.Link.RTT > 0 },
			Cell: func(l line) ui.Cell {
				return ui.Cell{Text: ui.Millis(l.h.Link.RTT), Role: themes.Muted}
			},
		},
		{
			ID: "env", Title: "ENV", Min: 10, Max: 12, Priority: 8, Filter: true, Optional: true,
			Compare: func(a, b line) int { return cmp.Compare(a.h.Host.Environment, b.h.Host.Environment) },
			Cell: func(l line) ui.Cell {
				return ui.Cell{Text: clean(l.h.Host.Environment), Role: themes.Muted}
			},
		},
		{
			ID: "group", Title: "GROUPS", Min: 6, Max: 20, Priority: 9, Filter: true, Optional: true,
			Cell: func(l line) ui.Cell {
				groups := l.h.Host.Groups
				if s.group == byGroup && len(groups) > 0 {
					groups = groups[1:] // the first is the heading
				}
				return ui.Cell{Text: clean(strings.Join(groups, " ")), Role: themes.Muted}
			},
		},
	}
}

func byName(a, b line) int { return cmp.Compare(a.h.Host.Name, b.h.Host.Name) }

func byLoad(a, b line) int {
	x, _ := a.perCPU()
	y, _ := b.perCPU()
	return cmp.Compare(x, y)
}

func hasLoad(l line) bool {
	_, ok := l.perCPU()
	return ok
}

func containers(st *themes.Styles, l line) ui.Cell {
	r := l.row
	role := themes.Text
	if r.Total >= 0 && r.Up < r.Total {
		role = themes.Warn
	}
	return l.value(st, strconv.Itoa(r.Up)+"/"+strconv.Itoa(r.Total), r.Total >= 0, role)
}
