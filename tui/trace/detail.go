package trace

import (
	"strings"
	"time"

	"midwatch/checks/routes"
	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

const nameWidth = 20

// lastWords bounds how many signs of trouble are shown of one target.
const lastWords = 6

// detail writes the pane again: of another hop from its beginning.
func (s *Screen) detail() {
	r, ok := s.table.Selected()
	if !ok {
		s.of = ""
		s.pane.SetLines(nil)
		return
	}
	if s.of != r.ID {
		s.of = r.ID
		s.pane.Top()
	}
	if l := s.layout(); l.paneW > 0 {
		s.pane.SetLines(detailLines(s.d.Styles, s.now, r.Value.i, s.d.Now(), max(1, l.paneW-ui.FrameW-2)))
	}
}

// detailLines is all that is known of a hop.
func detailLines(st *themes.Styles, r result, i int, now time.Time, w int) []string {
	h := r.shown.Hops[i]
	sh := ui.NewSheet(st, w, min(nameWidth, w/3))
	g, word, role := mark(st, h.Status)
	text := word
	if h.Detail != "" {
		text += ": " + h.Detail
	}
	sh.Sign(g, role, text)
	sh.Pair("goes on to", themes.Text, h.Target)
	sh.Pair("at", themes.Text, place(h))
	switch {
	case h.Match == "":
	case h.Kind == "container":
		sh.Pair("image", themes.Text, h.Match)
	default:
		sh.Head("Why this one", "", false)
		for _, m := range strings.Split(h.Match, "; ") {
			sh.Text(themes.Text, m)
		}
	}
	if words := chk.LastWords(r.snap, h, lastWords); len(words) > 0 {
		sh.Head("Its last signs of trouble", "", false)
		for _, x := range words {
			sh.Pair(ui.AgeOf(x.At, now)+" ago", themes.Warn, x.Text)
		}
	}
	asked(sh, h)
	if len(h.Passes) > 0 {
		sh.Head("What is passed on", "", false)
		for _, p := range h.Passes {
			v := p.Value
			if strings.TrimSpace(v) == "" || strings.HasPrefix(v, "  (") {
				v = "nothing" + v
			}
			sh.Pair(p.Name, themes.Text, v)
		}
	}
	if lines := routes.Around(r.snap, h.Host, within(r.shown, i), h.File, h.Line); len(lines) > 0 {
		sh.Head("Configuration", h.File, false)
		for _, l := range lines {
			sh.Code(l.No, l.Text, l.Here)
		}
	}
	return sh.Lines()
}

// asked says how the hop is asked for real, and what it answered.
func asked(sh *ui.Sheet, h chk.Hop) {
	if h.Ask == nil {
		return
	}
	note := ""
	if h.Live == "" {
		note = "not asked"
	}
	sh.Head("Asked for real", note, false)
	sh.Pair("answer", themes.Strong, h.Live)
	a := h.Ask
	from := a.From
	if from == "" {
		from = "this machine"
	}
	scheme := "http"
	if a.TLS {
		scheme = "https"
	}
	sh.Pair("request", themes.Text, a.Method+" "+a.URI+" by "+scheme)
	sh.Pair("to", themes.Text, a.Address+" from "+from)
	sh.Pair("Host", themes.Text, a.Host)
	if a.SNI != a.Host {
		sh.Pair("server name", themes.Text, a.SNI)
	}
}

// within is the container that the hop is in: the one the request entered last on that host.
func within(t *chk.Trace, i int) string {
	if t.Hops[i].Container != "" {
		return t.Hops[i].Container
	}
	for j := i - 1; j >= 0; j-- {
		switch h := t.Hops[j]; {
		case h.Host != t.Hops[i].Host:
			return ""
		case h.Kind == "container":
			return h.Object
		}
	}
	return ""
}

// target is the container or unit of the hop, or the next one behind it on the way.
func target(t *chk.Trace, i int) (host string, kind hosts.LogKind, name string) {
	if t == nil {
		return "", hosts.LogUnknown, ""
	}
	for ; i >= 0 && i < len(t.Hops); i++ {
		switch h := t.Hops[i]; h.Kind {
		case "container":
			return h.Host, hosts.LogContainer, h.Object
		case "unit":
			return h.Host, hosts.LogUnit, h.Object
		}
	}
	return "", hosts.LogUnknown, ""
}
