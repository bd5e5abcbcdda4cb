package services

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Screen shows the services of all hosts or of some, and the details of one.
type Screen struct {
	*ui.Listing[*item]
	store   store
	all     bool   // the quiet ones too
	hiding  int    // how many those are
	counted string // of the items, for the heading
}

// What "b" turns through.
const (
	byTarget = iota
	byTemplate
	byHost
	flat
)

// New returns the screen that open asks for: Host narrows it to some hosts, Object opens the details
// of the unit, service or node of that name.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	s := &Screen{}
	s.Listing = ui.NewListing(ui.ListingParams[*item]{
		Deps: d, Open: open, ID: "services", Title: "Services", Noun: "service",
		Topics:  []hosts.Topic{hosts.TopicUnits, hosts.TopicServices},
		Columns: columns(), GroupCell: groupCell,
		Groupings: []string{"target", "template", "host", "nothing"},
		Rows:      s.rows,
		Trouble:   func(it *item) bool { return it.bad > fine },
		Is:        (*item).is,
		Details:   func(it *item, p *ui.Page) { details(it, s.Snap, p) },
		Name:      func(it *item) string { return ui.Clean(it.h.Host.Name) + " / " + it.name() },
		Age:       (*item).source,
		Heading:   func() string { return s.counted },
		Note:      s.note, Empty: s.empty, Actions: s.actions,
	})
	s.Table.SortBy("state", true)
	s.Rebuild()
	return s
}

func (s *Screen) rows() []ui.Row[*item] {
	items := s.store.of(s.Deps.Styles, s.Snap, s.Open, s.Now)
	rows := make([]ui.Row[*item], 0, len(items))
	var t tally
	s.hiding = 0
	headed := s.Grouping == byTarget || s.Grouping == byHost
	for _, it := range items {
		if it.quiet && !s.all && !it.is(s.Open.Object) {
			s.hiding++
			continue
		}
		t.add(it)
		it.headed = headed
		version := it.version &^ 3
		if headed {
			version |= 2
		}
		rows = append(rows, ui.Row[*item]{ID: it.key, Group: s.groupOf(it), Version: version | 1, Value: it}) // 0 would mean that the row must not be kept
	}
	s.counted = t.text()
	return rows
}

// groupOf is the heading an item stands under.
func (s *Screen) groupOf(it *item) string {
	switch s.Grouping {
	case byTemplate:
		if it.u != nil {
			if t, _ := it.u.Instance(); t != "" {
				return ui.Clean(t)
			}
			return "no template"
		}
		return ui.Clean(it.group)
	case byHost:
		return ui.Clean(it.h.Host.Name)
	case flat:
		return ""
	}
	if s.OneHost() != "" {
		return ui.Clean(it.group)
	}
	return it.place
}

func (s *Screen) note() (string, bool) {
	if h := s.Snap.Host(s.OneHost()); h != nil {
		if h.Host.Kind == hosts.KindDocker {
			return ui.AgeNote(h.Swarm, s.Now)
		}
		return ui.AgeNote(h.Units, s.Now)
	}
	var a ui.Ages
	for _, h := range s.Snap.Hosts {
		if !s.Open.Narrows(h.Host.Name) && h.Host.Kind != hosts.KindDocker {
			ui.AddAge(&a, h, h.Units, s.Now)
		}
	}
	return a.Note()
}

func (s *Screen) empty() ui.Notice {
	st := s.Deps.Styles
	switch host := s.OneHost(); {
	case len(s.Snap.Hosts) == 0:
		return ui.Loading(st, "services")
	case host != "" && s.Snap.Host(host) == nil:
		return ui.Failed(st, "services", "no host "+ui.Clean(host)+" in the inventory", "")
	case s.hiding > 0:
		return ui.Empty(st, "no service of note", ui.Count(s.hiding, "quiet unit")+" left out; a shows them")
	}
	return ui.Empty(st, "no services", "neither systemd nor a Swarm runs here")
}

// actions are what can be done with units and services: look.
func (s *Screen) actions() []ui.Action {
	all := "all units"
	if s.all {
		all = "fewer units"
	}
	list := []ui.Action{
		ui.Act("services.logs", "Service", "logs", s.openLogs, "l"),
		ui.Act("services.copy", "Service", "copy the name", s.copyName, "y"),
		ui.Act("services.compare", "Service", "compare with its copies elsewhere", func() tea.Cmd { return s.openAt("compare") }, "c"),
		ui.Act("services.timeline", "Service", "what happened to it", func() tea.Cmd { return s.openAt("timeline") }, "t"),
	}
	for i := 1; i < len(list); i++ {
		list[i].Hidden = true
	}
	if s.Full() {
		return list
	}
	return append(list, ui.Act("services.all", "Show", all, func() tea.Cmd {
		s.all = !s.all
		s.Rebuild()
		return nil
	}, "a"))
}

func (s *Screen) openLogs() tea.Cmd {
	q := &hosts.LogQuery{Follow: true}
	names := map[string]bool{}
	var on []string
	for _, r := range s.Picked() {
		for _, src := range logsOf(r.Value, s.Snap) {
			q.Sources = append(q.Sources, src)
			if !names[src.Host] {
				names[src.Host] = true
				on = append(on, src.Host)
			}
		}
	}
	if len(q.Sources) == 0 {
		return ui.Toast(hosts.LevelWarn, "logs: nothing here writes any that can be read")
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: strings.Join(on, ","), Logs: q})
}

// openAt opens another screen on the selected unit or service.
func (s *Screen) openAt(screen string) tea.Cmd {
	for _, r := range s.Picked() {
		switch it := r.Value; {
		case it.u != nil:
			return ui.Open(ui.OpenMsg{Screen: screen, Host: it.h.Host.Name, Object: it.u.Name})
		case it.known():
			return ui.Open(ui.OpenMsg{Screen: screen, Host: it.h.Host.Name, Object: it.name()})
		}
	}
	return ui.Toast(hosts.LevelInfo, "no service is selected")
}

func (s *Screen) copyName() tea.Cmd {
	var out []string
	for _, r := range s.Picked() {
		switch it := r.Value; {
		case it.u != nil:
			out = append(out, ui.Clean(it.u.Name))
		case it.known():
			out = append(out, it.name())
		}
	}
	if len(out) == 0 {
		return ui.Toast(hosts.LevelInfo, "no service is selected")
	}
	return ui.Copy(s.Deps, "name", strings.Join(out, "\n"))
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
