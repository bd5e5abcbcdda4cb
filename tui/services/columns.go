package services

import (
	"cmp"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

func columns() []ui.Column[*item] {
	unit := func(it *item) bool { return it.u != nil }
	return []ui.Column[*item]{
		{
			ID: "name", Title: "name", Min: 18, Max: 44, Filter: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				c := ui.Cell{Text: it.name()}
				switch {
				case it.bad == broken:
					c.Role = themes.Strong
				case it.u == nil && it.v == nil:
					c.Role = themes.Muted
				}
				return c
			},
			Compare: func(a, b *item) int { return compareNames(a.name(), b.name()) },
		},
		{
			ID: "host", Title: "host", Min: 6, Max: 18, Priority: 9, Filter: true, Optional: true, Cut: ui.CutMiddle,
			Cell: func(it *item) ui.Cell {
				if it.headed {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Clean(it.h.Host.Name), Role: themes.Muted}
			},
			Compare: func(a, b *item) int { return compareNames(a.h.Host.Name, b.h.Host.Name) },
		},
		{
			ID: "state", Title: "state", Min: 16, Max: 20, Filter: true, Desc: true,
			Cell:    func(it *item) ui.Cell { return it.cell() },
			Compare: func(a, b *item) int { return cmp.Compare(a.bad, b.bad) },
		},
		{
			ID: "replicas", Title: "run", Min: 3, Max: 7, Priority: 1, Right: true, Optional: true, Desc: true,
			Cell:    replicasCell,
			Compare: func(a, b *item) int { return cmp.Compare(a.missing(), b.missing()) },
			Known:   func(it *item) bool { return it.v != nil },
		},
		{
			ID: "for", Title: "for", Min: 5, Max: 8, Priority: 2, Right: true,
			Cell: func(it *item) ui.Cell {
				if it.since().IsZero() {
					return ui.Cell{Text: "-", Role: themes.Faint}
				}
				return ui.Cell{Text: ui.AgeOf(it.since(), it.asOf()), Role: themes.Muted}
			},
			Compare: func(a, b *item) int { return b.since().Compare(a.since()) },
			Known:   func(it *item) bool { return !it.since().IsZero() },
		},
		{
			ID: "restarts", Title: "rst", Min: 3, Max: 8, Priority: 3, Right: true, Desc: true,
			Cell:    restartsCell,
			Compare: func(a, b *item) int { return cmp.Compare(a.unit().Restarts, b.unit().Restarts) }, Known: unit,
		},
		{
			ID: "mem", Title: "mem", Min: 5, Max: 5, Priority: 6, Right: true, Desc: true, Optional: true,
			Cell: func(it *item) ui.Cell {
				if it.u == nil || it.u.Memory == 0 {
					return ui.Cell{}
				}
				return ui.Cell{Text: ui.Bytes(it.u.Memory), Role: themes.Muted}
			},
			Compare: func(a, b *item) int { return cmp.Compare(a.unit().Memory, b.unit().Memory) }, Known: unit,
		},
		{
			ID: "note", Title: "note", Min: 14, Ease: 24, Priority: 4, Grow: true, Filter: true,
			Cell: noteCell,
		},
	}
}

// unit is the item's unit, an empty one where there is none, for comparing.
func (it *item) unit() *hosts.Unit {
	if it.u == nil {
		return &hosts.Unit{}
	}
	return it.u
}

// missing is how many replicas lack.
func (it *item) missing() int {
	if it.v == nil {
		return 0
	}
	return it.v.Wanted - it.v.Running
}

func replicasCell(it *item) ui.Cell {
	if it.v == nil {
		return ui.Cell{}
	}
	c := ui.Cell{Text: replicas(it.v)}
	switch {
	case it.stale:
		c.Role = themes.Muted
	case it.v.Running < it.v.Wanted && !job(it.v):
		c.Role = themes.Bad
	}
	return c
}

// restartsCell is the counter, and how much of it is of the last minutes.
func restartsCell(it *item) ui.Cell {
	switch {
	case it.u == nil || !strings.HasSuffix(it.u.Name, ".service"):
		return ui.Cell{}
	case it.u.Restarts == 0:
		return ui.Cell{Text: "0", Role: themes.Faint}
	}
	recent, storms := storm(it.u, it.asOf())
	c := ui.Cell{Text: strconv.Itoa(it.u.Restarts), Role: themes.Warn}
	if recent > 0 {
		c.Text += " +" + strconv.Itoa(recent)
	}
	if storms {
		c.Role = themes.Bad
	}
	return c
}

func noteCell(it *item) ui.Cell {
	c := ui.Cell{Text: it.note, Role: themes.Muted}
	switch {
	case it.bad == broken:
		c.Role = themes.Bad
	case it.bad == odd, it.bad == uncertain && it.note != "" && !it.known():
		c.Role = themes.Warn
	case it.note == "":
		c.Text, c.Role = it.idle(), themes.Faint
	}
	return c
}

func (it *item) known() bool { return it.u != nil || it.v != nil || it.n != nil }

// idle is what the note says when nothing is to be said.
func (it *item) idle() string {
	switch {
	case it.u != nil && !it.u.NextRun.IsZero():
		text := "next in " + ui.Age(it.u.NextRun.Sub(it.now))
		if !it.u.LastRun.IsZero() {
			text += ", last " + ui.AgeOf(it.u.LastRun, it.now) + " ago"
		}
		return text
	case it.u != nil && len(it.u.Listen) > 0:
		return ui.Clean(it.u.Listen[0])
	case it.u != nil:
		return ui.Clean(it.u.Description)
	case it.v != nil:
		return image(it.v.Image)
	}
	return ""
}

// image is an image without its digest.
func image(s string) string {
	name, _, _ := strings.Cut(ui.Clean(s), "@")
	return name
}

// tally counts items as they are known to be; what is stale is counted apart.
type tally struct{ broken, odd, draining, up, down, stale, unknown int }

func (t *tally) add(it *item) {
	switch {
	case !it.known() && it.bad == fine: // nobody has answered yet
	case !it.known():
		t.unknown++
	case it.stale && it.bad < odd:
		t.stale++
	case it.bad == broken:
		t.broken++
	case it.bad == odd:
		t.odd++
	case it.u != nil && it.u.Draining():
		t.draining++
	case it.u != nil && it.u.Active == "inactive":
		t.down++
	default:
		t.up++
	}
}

// text writes what is worth saying: "1 failing, 2 odd, 1 draining, 12 up".
func (t *tally) text() string {
	var parts []string
	for _, x := range [...]struct {
		n    int
		what string
	}{{t.broken, "failing"}, {t.odd, "odd"}, {t.draining, "draining"}, {t.up, "up"}, {t.down, "stopped"}, {t.stale, "stale"}, {t.unknown, "unknown"}} {
		if x.n > 0 {
			parts = append(parts, strconv.Itoa(x.n)+" "+x.what)
		}
	}
	return strings.Join(parts, ", ")
}

func (t *tally) role() themes.Role {
	switch {
	case t.broken > 0:
		return themes.Bad
	case t.odd+t.stale+t.unknown > 0:
		return themes.Warn
	}
	return themes.Strong
}

// groupCell is the heading of a group.
func groupCell(group string, items []*item) ui.Cell {
	var t tally
	for _, it := range items {
		t.add(it)
	}
	if len(items) == 0 {
		return ui.Cell{Text: group, Role: themes.Strong}
	}
	h := items[0].h
	if it := items[0]; !it.known() && len(items) == 1 { // why is worth more than a count
		return ui.Cell{Text: group + "  " + it.why, Role: t.role()}
	}
	text := group + "  " + t.text()
	if it := items[0]; it.headed && it.stale && it.known() {
		if it.u != nil {
			text += "  " + ui.WhyOld(h, h.Units, it.now)
		} else {
			text += "  " + ui.WhyOld(h, h.Swarm, it.now)
		}
	}
	return ui.Cell{Text: text, Role: t.role()}
}

// source is where an item's facts are from, and how old.
func (it *item) source() (string, bool) {
	if it.u != nil || !it.known() {
		note, stale := ui.AgeNote(it.h.Units, it.now)
		return note, stale || it.stale
	}
	note, stale := ui.AgeNote(it.h.Swarm, it.now)
	return note, stale || it.stale
}

// logsOf are the sources of an item's lines.
func logsOf(it *item, snap *hosts.Snapshot) []hosts.LogSource {
	switch {
	case it.u != nil && strings.HasSuffix(it.u.Name, ".target"):
		var out []hosts.LogSource
		for i := range it.h.Units.Value {
			u := &it.h.Units.Value[i]
			if strings.HasSuffix(u.Name, ".service") && member(it.u, u) {
				out = append(out, hosts.LogSource{Host: it.h.Host.Name, Kind: hosts.LogUnit, Name: u.Name})
			}
		}
		return out
	case it.u != nil:
		return []hosts.LogSource{{Host: it.h.Host.Name, Kind: hosts.LogUnit, Name: it.u.Name}}
	case it.v != nil:
		ids := map[string]bool{}
		for _, t := range it.tasks {
			ids[t.ContainerID] = t.ContainerID != ""
		}
		var out []hosts.LogSource
		for _, h := range snap.Hosts {
			for i := range h.Containers.Value {
				if c := &h.Containers.Value[i]; ids[c.ID] {
					out = append(out, hosts.LogSource{Host: h.Host.Name, Kind: hosts.LogContainer, Name: c.Name})
				}
			}
		}
		return out
	}
	return nil
}
