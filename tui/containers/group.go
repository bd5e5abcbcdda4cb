package containers

import (
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// tally counts containers as they are known to be: what is stale is counted apart, because it may
// have changed since.
type tally struct {
	up, broken, odd, stale, down int
}

func count(items []item) tally {
	var t tally
	for i := range items {
		t.add(&items[i])
	}
	return t
}

func (t *tally) add(it *item) {
	if it.c == nil {
		return
	}
	switch bad := it.trouble(); {
	case it.stale:
		t.stale++
	case bad == broken:
		t.broken++
	case bad == odd:
		t.odd++
	case it.c.State == "running":
		t.up++
	default:
		t.down++
	}
}

// text writes what is worth saying: "5 up, 1 failing, 2 stopped".
func (t tally) text() string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+what)
		}
	}
	add(t.broken, "failing")
	add(t.odd, "degraded")
	add(t.up, "up")
	add(t.down, "stopped")
	add(t.stale, "stale")
	return strings.Join(parts, ", ")
}

// role is the worst of what is counted.
func (t tally) role() themes.Role {
	switch {
	case t.broken > 0:
		return themes.Bad
	case t.odd > 0 || t.stale > 0:
		return themes.Warn
	}
	return themes.Strong
}

// groupCell is the heading of a project or host.
func groupCell(group string, items []*item) ui.Cell {
	if len(items) == 0 {
		return ui.Cell{Text: group, Role: themes.Strong}
	}
	h := items[0].h
	mark := ""
	if h.Host.Production {
		mark = " (production)"
	}
	if items[0].c == nil {
		role := themes.Warn
		if h.Containers.Standing() == hosts.Unasked {
			role = themes.Muted
		}
		return ui.Cell{Text: group + mark + "  " + unknownText(h), Role: role}
	}
	var t tally
	for _, it := range items {
		t.add(it)
	}
	text := group + mark + "  " + t.text()
	if items[0].stale {
		text += "  " + staleText(items[0])
	}
	return ui.Cell{Text: text, Role: t.role()}
}
