package routes

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// rects are the parts of the screen; a width or height of 0 is a part that is not there.
type rects struct {
	tableW, tableH int
	paneX, paneY   int
	paneW, paneH   int
}

const (
	// wide is where the details stand at the right, tall where they stand below.
	wide, tall = 150, 34
	paneRight  = 66
	paneBelow  = 15
	leastW     = 30
	leastH     = 5
)

// layout divides w by h cells.
func layout(w, h int, full, hidden bool) rects {
	switch {
	case full:
		return rects{paneW: w, paneH: h}
	case hidden:
	case w >= wide:
		return rects{tableW: w - paneRight, tableH: h, paneX: w - paneRight, paneW: paneRight, paneH: h}
	case h >= tall:
		return rects{tableW: w, tableH: h - paneBelow, paneY: h - paneBelow, paneW: w, paneH: paneBelow}
	}
	return rects{tableW: w, tableH: h}
}

func (s *Screen) layout() rects { return layout(s.w, s.h, s.full, s.hidden) }

// View draws the screen.
func (s *Screen) View() string {
	if s.w <= 0 || s.h <= 0 {
		return ui.Join(nil, s.w, s.h)
	}
	if s.w < leastW || s.h < leastH {
		return ui.TooSmall(s.w, s.h, leastW, leastH)
	}
	l := s.layout()
	var lines []string
	if l.tableH > 0 {
		f := ui.Frame{Title: s.heading(), Focus: true, Footer: s.footer()}
		f.Note, f.Stale = s.age()
		lines = f.Lines(s.d.Styles, l.tableW, l.tableH, s.table.Lines())
	}
	switch {
	case l.paneW == 0:
	case l.paneX > 0:
		lines = ui.Beside(lines, s.paneLines(l))
	default:
		lines = append(lines, s.paneLines(l)...)
	}
	return ui.Join(lines, s.w, s.h)
}

func (s *Screen) paneLines(l rects) []string {
	f := ui.Frame{Title: "route", Focus: s.full, Footer: s.pane.Position()}
	var body []string
	if s.of != nil {
		f.Title = name(s.of)
		if s.of.Kind != "host" {
			f.Note = ui.Clean(s.of.Host)
		}
		for _, line := range s.pane.Lines() {
			body = append(body, " "+line)
		}
	} else {
		body = []string{s.d.Styles.Normal.Render(themes.Muted, " no route is selected")}
	}
	return f.Lines(s.d.Styles, l.paneW, l.paneH, body)
}

// heading counts the ends of all ways.
func (s *Screen) heading() string {
	title := s.Title()
	if s.tree.snap == nil {
		return title
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{s.tree.broken, "broken"}, {s.tree.unknown, "unknown"}, {s.tree.ok, "ok"}} {
		if p.n > 0 {
			parts = append(parts, strconv.Itoa(p.n)+" "+p.what)
		}
	}
	return strings.TrimRight(title+"  "+strings.Join(parts, " "+s.d.Styles.Glyphs.Separator+" "), " ")
}

func (s *Screen) footer() string {
	if s.trouble {
		return "only trouble (e)"
	}
	return ""
}

// age says how old what is shown is: the oldest reading of a proxy, and how many hosts have none.
func (s *Screen) age() (string, bool) {
	if s.tree.snap == nil {
		return "", false
	}
	now := s.d.Now()
	var oldest time.Duration
	n, reading, unknown, stale := 0, 0, 0, 0
	for _, h := range s.tree.snap.Hosts {
		if s.from.Narrows(h.Host.Name) {
			continue
		}
		n++
		// A kind of proxy that nothing speaks of on a host is never asked for.
		all := []hosts.Standing{h.Nginx.Standing(), h.Envoy.Standing(), h.Traefik.Standing()}
		switch {
		case slices.Contains(all, hosts.Unknown):
			unknown++
		case slices.Contains(all, hosts.Stale):
			stale++
		case !slices.Contains(all, hosts.Fresh):
			reading++
		}
		oldest = max(oldest, h.Nginx.Age(now), h.Envoy.Age(now), h.Traefik.Age(now))
	}
	note := ui.Count(n, "host")
	for _, x := range []struct {
		n    int
		what string
	}{{reading, "reading"}, {unknown, "unknown"}, {stale, "stale"}} {
		if x.n > 0 {
			note += ", " + strconv.Itoa(x.n) + " " + x.what
		}
	}
	if oldest > 0 {
		note += ", oldest " + ui.Age(oldest)
	}
	return note, unknown+stale > 0
}

// empty is what stands in place of rows.
func (s *Screen) empty() ui.Notice {
	st := s.d.Styles
	if s.d.Fleet == nil {
		return ui.Failed(st, "routes", "nothing is connected to this screen", "")
	}
	if s.tree.snap == nil || s.tree.snap.Gen == 0 && len(s.tree.snap.Hosts) == 0 {
		return ui.Loading(st, "routes")
	}
	reading, asked, there := 0, 0, false
	for _, h := range s.tree.snap.Hosts {
		if s.from.Narrows(h.Host.Name) {
			continue
		}
		there = true
		if h.Nginx.Standing() == hosts.Unasked && h.Envoy.Standing() == hosts.Unasked && h.Traefik.Standing() == hosts.Unasked {
			reading++
		} else {
			asked++
		}
	}
	switch {
	case !there && s.from.Host != "":
		return ui.Failed(st, "routes", "no host "+ui.Clean(s.from.Host)+" in the inventory", "")
	case reading > 0:
		n := ui.Loading(st, "routes")
		n.Hint = ui.Count(reading, "host") + " not answered yet"
		return n
	case s.trouble && s.tree.total > 0:
		return ui.Notice{Role: themes.OK, Glyph: st.Glyphs.OK, Title: "no route is in trouble", Hint: "e shows all of them again"}
	}
	return ui.Empty(st, "no routes", "no nginx, Envoy or Traefik was found on "+ui.Count(asked, "host"))
}
