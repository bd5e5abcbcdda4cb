package timeline

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Actions are what can be done on the axis and with the selected event, or with the marked ones.
func (s *Screen) Actions() []ui.Action {
	hide := func(a ui.Action) ui.Action { a.Hidden = true; return a }
	now := func(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }
	event := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("timeline."+id, "Event", title, run, keys...)
		a.Disabled = func() string {
			if len(s.table.Chosen()) == 0 {
				return "no event is selected"
			}
			return ""
		}
		return a
	}
	axis := func(id, title string, run func() tea.Cmd, keys ...string) ui.Action {
		return ui.Act("timeline."+id, "Axis", title, run, keys...)
	}
	say := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	list := []ui.Action{
		event("open", "open", s.openObject, "enter"),
		event("logs", "logs of that minute", func() tea.Cmd { return s.openLogs(false) }, "l"),
		axis("zoom_in", "nearer", now(func() { s.zoom(-1) }), "+", "="),
		axis("zoom_out", "farther", now(func() { s.zoom(1) }), "-"),
		axis("trouble", say(s.only.trouble, "all events", "only trouble"), now(func() { s.only.trouble = !s.only.trouble; s.rows() }), "e"),
		axis("kind", "next kind", now(s.nextKind), "c"),
		axis("lanes", "lanes by "+say(s.byKind, "host", "kind"), now(func() { s.byKind = !s.byKind; s.countLanes() }), "b"),
		event("detail", say(s.full, "list", "details"), now(func() { s.full = !s.full; s.fit() }), "d"),
		hide(event("host", say(s.only.host != s.from.Host, "all hosts", "only this host"), now(s.onlyHost), "o")),
		hide(event("object", say(s.only.object != s.from.Object, "all objects", "only this object"), now(s.onlyObject), "O")),
		hide(event("logs_since", "logs from then on", func() tea.Cmd { return s.openLogs(true) }, "F")),
		hide(axis("older", "event before", func() tea.Cmd { return s.step(false) }, "left", "h")),
		hide(axis("newer", "event after", func() tea.Cmd { return s.step(true) }, "right")),
		hide(axis("back", "earlier", now(func() { s.pan(-1) }), "<", ",")),
		hide(axis("forward", "later", now(func() { s.pan(1) }), ">", ".")),
		hide(axis("now", "now", now(func() { s.end = time.Time{}; s.rows() }), "n")),
		hide(axis("all", "all that is known", s.fitAll, "f")),
		hide(axis("pane", "show or hide the details beside", now(func() { s.hidden = !s.hidden; s.fit() }), "v")),
		hide(event("copy", "copy the lines", s.copyLines, "y")),
		hide(event("pane_down", "details down", now(func() { s.pane.ScrollBy(3, 0) }), "J", "ctrl+d")),
		hide(event("pane_up", "details up", now(func() { s.pane.ScrollBy(-3, 0) }), "K", "ctrl+u")),
	}
	for _, a := range s.table.Actions() {
		switch a.ID {
		case "list.left", "list.right", "list.sort", "list.reverse", "list.fold", "list.fold_all":
			continue // time goes left and right here, and the order is that of time
		}
		run := a.Run
		a.Run = func() tea.Cmd {
			cmd := run()
			s.detail()
			return cmd
		}
		list = append(list, a)
	}
	return list
}

// nextKind goes through the kinds that there are, and back to all.
func (s *Screen) nextKind() {
	there := map[string]bool{}
	for _, e := range s.entries {
		there[kindOf(e)] = true
	}
	names := append([]string{""}, kindNames()...)
	at := 0
	for i, n := range names {
		if n == s.only.kind {
			at = i
		}
	}
	for range names {
		at = (at + 1) % len(names)
		if names[at] == "" || there[names[at]] {
			break
		}
	}
	s.only.kind = names[at]
	s.rows()
}

func (s *Screen) onlyHost() {
	if s.only.host != s.from.Host {
		s.only.host = s.from.Host
	} else if r, ok := s.table.Selected(); ok {
		s.only.host = hostOf(r.Value)
	}
	s.rows()
}

func (s *Screen) onlyObject() {
	if s.only.object != s.from.Object {
		s.only.object = s.from.Object
	} else if r, ok := s.table.Selected(); ok {
		s.only.object = r.Value.Object
	}
	s.rows()
}

// openObject opens what the event is of.
func (s *Screen) openObject() tea.Cmd {
	r, ok := s.table.Selected()
	if !ok {
		return nil
	}
	e := r.Value
	m := ui.OpenMsg{Screen: "fleet", Host: e.Host}
	switch e.Kind {
	case "container", "network":
		m.Screen, m.Object = "containers", e.ID
		if s.container(e) == nil {
			return ui.Toast(hosts.LevelWarn, clean(e.Object)+" is not there any more; l shows the logs of that minute")
		}
	case "deploy", "action":
		if c := s.container(e); c != nil {
			m.Screen, m.Object = "containers", c.ID
		} else if e.Kind == "deploy" && strings.HasPrefix(e.ID, "run ") {
			return ui.Open(ui.OpenMsg{Screen: "deploys", Object: e.ID})
		}
	case "unit":
		m.Screen, m.Object = "services", e.Object
	case "service":
		m.Screen, m.Object = "services", e.Object
	case "config":
		m.Screen = "routes"
	}
	if m.Host == "" {
		return ui.Toast(hosts.LevelWarn, "this was done to no host in particular")
	}
	return ui.Open(m)
}

// container finds the container an event is of, by ID or by name.
func (s *Screen) container(e past.Entry) *hosts.Container {
	h := s.snap.Host(e.Host)
	if h == nil {
		return nil
	}
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.ID == e.ID || e.Object != "" && c.Name == e.Object {
			return c
		}
	}
	return nil
}

// aside is how far before and after an event its logs are shown.
const aside = time.Minute

// openLogs shows what was written around the chosen events by what they are of, or with on from then to now
// and further. The events themselves are among the lines.
func (s *Screen) openLogs(on bool) tea.Cmd {
	q := &hosts.LogQuery{}
	var names []string
	var events []hosts.LogSource
	seen := map[hosts.LogSource]bool{}
	for _, r := range s.table.Chosen() {
		e := r.Value
		if q.Since.IsZero() || e.At.Add(-aside).Before(q.Since) {
			q.Since = e.At.Add(-aside)
		}
		if e.At.Add(aside).After(q.Until) {
			q.Until = e.At.Add(aside)
		}
		if src, ok := s.logOf(e); ok && !seen[src] {
			seen[src] = true
			q.Sources = append(q.Sources, src)
			names = append(names, src.Host)
			if own := (hosts.LogSource{Host: src.Host, Kind: hosts.LogEvents}); !seen[own] {
				seen[own] = true
				events = append(events, own)
			}
		}
	}
	if len(q.Sources) == 0 {
		return ui.Toast(hosts.LevelWarn, "logs: what happened here writes none")
	}
	q.Sources = append(q.Sources, events...)
	if on {
		q.Since = q.Since.Add(aside - time.Second) // from the first of them
	}
	if on || q.Until.After(s.d.Now()) {
		q.Until, q.Follow = time.Time{}, true
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: strings.Join(dedupe(names), ","), Object: q.Sources[0].Name, Logs: q})
}

func dedupe(in []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// logOf is the log that tells most about an event: of its container or unit, else the journal.
func (s *Screen) logOf(e past.Entry) (hosts.LogSource, bool) {
	h := s.snap.Host(e.Host)
	if h == nil {
		return hosts.LogSource{}, false
	}
	if c := s.container(e); c != nil {
		return hosts.LogSource{Host: e.Host, Kind: hosts.LogContainer, Name: c.Name}, true
	}
	switch {
	case e.Kind == "unit":
		return hosts.LogSource{Host: e.Host, Kind: hosts.LogUnit, Name: e.Object}, true
	case h.Host.Kind == hosts.KindDocker, h.System.Known() && h.System.Value.Systemd == "":
		return hosts.LogSource{}, false
	}
	return hosts.LogSource{Host: e.Host, Kind: hosts.LogJournal}, true
}

func (s *Screen) copyLines() tea.Cmd {
	var lines []string
	for _, r := range s.table.Chosen() {
		e := r.Value
		lines = append(lines, strings.Join(strings.Fields(e.At.UTC().Format(time.RFC3339)+" "+hostOf(e)+" "+kindOf(e)+" "+clean(e.Object)+" "+what(e)), " "))
	}
	return ui.Copy(s.d, ui.Count(len(lines), "event"), strings.Join(lines, "\n"))
}
