package routes

import (
	"slices"
	"strings"
	"time"

	"midwatch/checks/routes"
	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

const nameWidth = 20

// detail writes the pane again: of another node from its beginning.
func (s *Screen) detail() {
	r, ok := s.table.Selected()
	if !ok {
		s.of = nil
		s.pane.SetLines(nil)
		return
	}
	if s.of == nil || s.of.ID != r.ID {
		s.pane.Top()
	}
	s.of = r.Value.n
	if l := s.layout(); l.paneW > 0 {
		s.pane.SetLines(detailLines(s.d.Styles, s.tree.snap, s.of, s.d.Now(), max(1, l.paneW-ui.FrameW-2)))
	}
}

// word is a status in words; nothing for a node that judges nothing.
func word(s trace.Status) string {
	if s == trace.OK {
		return "reached"
	}
	return string(s)
}

// detailLines is all that is known of a node.
func detailLines(st *themes.Styles, snap *hosts.Snapshot, n *routes.Node, now time.Time, w int) []string {
	sh := ui.NewSheet(st, w, min(nameWidth, w/3))
	g, gr := mark(st, n.Status)
	if n.Status != "" {
		text := word(n.Status)
		if n.Behind != "" {
			text += ": " + n.Behind
		} else if unread(n) {
			text += ": " + n.Detail
		}
		sh.Sign(g, gr, text)
	}
	if !unread(n) {
		sh.Pair("does", themes.Text, n.Detail)
	}
	sh.Pair("at", themes.Text, place(n))
	if n.In != "" {
		sh.Pair(n.Proxy+" in", themes.Text, n.In)
	}
	sh.Pair("request", themes.Text, n.URL)
	below(sh, st, n)
	about := n.About()
	if len(about.Match) > 0 {
		sh.Head("What comes here", "", false)
		for _, m := range about.Match {
			sh.Text(themes.Text, m)
		}
	}
	if len(n.Way) > 1 {
		sh.Head("What takes it", "", false)
		way(sh, st, n.Way)
	}
	if len(about.Passes) > 0 {
		sh.Head("What is passed on", "", false)
		for _, p := range about.Passes {
			r := themes.Text
			if p.Name == "lost" {
				r = themes.Warn
			}
			sh.Pair(p.Name, r, p.Value)
		}
	}
	if len(about.Lines) > 0 {
		sh.Head("Configuration", n.File, false)
		for _, l := range about.Lines {
			sh.Code(l.No, l.Text, l.Here)
		}
	}
	read(sh, snap.Host(n.Host), n.Proxy, now)
	return sh.Lines()
}

// maxBelow bounds the problems that are listed of a node.
const maxBelow = 30

// below lists what is broken or unknown under a node, where it begins.
func below(sh *ui.Sheet, st *themes.Styles, n *routes.Node) {
	var list []*routes.Node
	var walk func(ns []*routes.Node)
	walk = func(ns []*routes.Node) {
		for _, c := range ns {
			if (c.Status == trace.Broken || c.Status == trace.Unknown) && !inherits(c) {
				list = append(list, c)
			}
			walk(c.Children)
		}
	}
	walk(n.Children)
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b *routes.Node) int { return strings.Compare(string(a.Status), string(b.Status)) }) // broken, unknown
	sh.Head("Trouble below", ui.Count(len(list), "place"), false)
	for _, c := range list[:min(len(list), maxBelow)] {
		g, gr := mark(st, c.Status)
		text := name(c)
		if t := behind(c, true); t != "" {
			text += ": " + t
		} else if c.Detail != "" {
			text += ": " + c.Detail
		}
		sh.Sign(g, gr, text)
	}
}

func way(sh *ui.Sheet, st *themes.Styles, hops []trace.Hop) {
	for _, h := range hops {
		g, gr := mark(st, h.Status)
		text := h.Kind + " " + h.Object
		if h.Host != "" {
			text += " on " + h.Host
		}
		if h.Target != "" {
			text += " " + "→ " + h.Target
		}
		if h.Detail != "" {
			text += ": " + h.Detail
		}
		sh.Sign(g, gr, text)
	}
}

// read says where the configuration came from and how old it is.
func read(sh *ui.Sheet, h *hosts.HostFacts, proxy string, now time.Time) {
	if h == nil {
		return
	}
	note, stale, reason := "", false, ""
	switch proxy {
	case "nginx":
		note, stale = ui.AgeNote(h.Nginx, now)
		reason = h.Nginx.Reason
	case "envoy":
		note, stale = ui.AgeNote(h.Envoy, now)
		reason = h.Envoy.Reason
	case "traefik":
		note, stale = ui.AgeNote(h.Traefik, now)
		reason = h.Traefik.Reason
	default:
		return
	}
	sh.Head("Read", note, stale)
	if reason != "" {
		sh.Text(themes.Warn, reason)
	}
}
