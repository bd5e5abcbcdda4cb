package health

import (
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/health"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen shows how the services of all hosts or of some are, and the details of one.
type Screen struct {
	*ui.Listing[*item]
	hash    *hasher
	of      *hosts.Snapshot  // what behind was made of
	behind  []health.Service // what stands behind proxies; it changes with the snapshot only
	asked   []health.Service
	items   []item
	counted string
}

// What "b" turns through.
const (
	bySort = iota
	byHost
	flat
)

// New returns the screen that open asks for: Host narrows it to some hosts, Object opens the details
// of a service, of the one a probe belongs to, or of a container's healthcheck.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	s := &Screen{hash: new(hasher)}
	s.Listing = ui.NewListing(ui.ListingParams[*item]{
		Deps: d, Open: open, ID: "health", Title: "Health", Noun: "service",
		Topics:    []hosts.Topic{hosts.TopicProbes, hosts.TopicContainers, hosts.TopicRoutes, hosts.TopicServices},
		Columns:   columns(func() *themes.Styles { return s.Deps.Styles }),
		Groupings: []string{"kind", "host", "nothing"},
		GroupCell: groupCell,
		Rows:      s.rows,
		Trouble:   func(it *item) bool { return it.bad > fine },
		Is:        (*item).is,
		Details:   func(it *item, p *ui.Page) { details(it, p) },
		Name:      func(it *item) string { return it.name() },
		Age:       ageOf,
		Heading:   func() string { return s.counted },
		Note:      s.note, Empty: s.empty, Actions: s.actions,
	})
	s.Table.SortBy("state", true)
	s.Rebuild()
	return s
}

func (s *Screen) rows() []ui.Row[*item] {
	if s.of != s.Snap {
		s.behind, s.of = health.Behind(s.Snap), s.Snap
	}
	s.asked = health.Asked(s.Snap, s.Now)
	s.items = s.items[:0:0]
	byName := make(map[string]*hosts.HostFacts, len(s.Snap.Hosts))
	for _, h := range s.Snap.Hosts {
		byName[h.Host.Name] = h
	}
	st, at := s.Deps.Styles, health.Moment(s.Snap, s.Now)
	for _, list := range [...][]health.Service{s.asked, s.behind} {
		for i := range list {
			if v := &list[i]; s.wants(v) {
				s.items = append(s.items, newItem(st, v, byName[v.Host], s.Now, at))
			}
		}
	}
	for _, h := range s.Snap.Hosts {
		if it, ok := gap(st, h, s.Now); ok && !s.Open.Narrows(h.Host.Name) {
			s.items = append(s.items, it)
		}
	}
	out := make([]ui.Row[*item], 0, len(s.items))
	var t tally
	for i := range s.items {
		it := &s.items[i]
		t.add(it)
		out = append(out, ui.Row[*item]{ID: it.id(), Group: s.groupOf(it), Version: s.hash.version(it, st), Value: it})
	}
	s.counted = t.text()
	return out
}

// wants says whether a service belongs to the hosts the screen is narrowed to: where its facts are
// kept, or where one of its endpoints is asked from.
func (s *Screen) wants(v *health.Service) bool {
	if s.Open.Host == "" {
		return true
	}
	for i := range v.Endpoints {
		e := &v.Endpoints[i]
		if v.Group == health.Probed && e.From != "" && !s.Open.Narrows(e.From) || v.Group != health.Probed && !s.Open.Narrows(e.Host) {
			return true
		}
	}
	return v.Capacity != nil && v.Capacity.Host != "" && !s.Open.Narrows(v.Capacity.Host)
}

func (s *Screen) groupOf(it *item) string {
	switch s.Grouping {
	case byHost:
		if it.v != nil && it.v.Group == health.Probed {
			return it.from()
		}
		return ui.Clean(it.host())
	case flat:
		return ""
	}
	if it.v == nil {
		return health.Contained.String()
	}
	return it.v.Group.String()
}

func (s *Screen) note() (string, bool) {
	var a ui.Ages
	for _, h := range s.Snap.Hosts {
		if !s.Open.Narrows(h.Host.Name) {
			ui.AddAge(&a, h, h.Containers, s.Now)
		}
	}
	return a.Note()
}

func (s *Screen) empty() ui.Notice {
	st := s.Deps.Styles
	host := s.OneHost()
	if host != "" && s.Snap.Host(host) == nil && len(s.Snap.Hosts) > 0 {
		return ui.Failed(st, "health", "no host "+ui.Clean(host)+" in the inventory", "")
	}
	for _, h := range s.Snap.Hosts {
		if !h.Latest.IsZero() || h.Containers.Known() {
			return ui.Empty(st, "nobody says how they are", "no probe is configured and no container has a healthcheck: add [probes.NAME] to hosts.toml")
		}
	}
	return ui.Loading(st, "health")
}

// actions lead to what stands behind a service.
func (s *Screen) actions() []ui.Action {
	none := func() string {
		if r, ok := s.Table.Selected(); !ok || r.Value.v == nil {
			return "no service is selected"
		}
		return ""
	}
	act := func(id, title string, run func(*item) tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("health."+id, "Service", title, func() tea.Cmd {
			r, _ := s.Table.Selected()
			return run(r.Value)
		}, keys...)
		a.Disabled = none
		return a
	}
	list := []ui.Action{
		act("trace", "trace", openTrace, "t"),
		act("container", "container", openContainer, "c"),
		act("logs", "logs", s.openLogs, "l"),
		act("routes", "routes", openRoutes, "o"),
		act("copy", "copy what is asked", func(it *item) tea.Cmd {
			return ui.Copy(s.Deps, "target", ui.Clean(it.v.Lead().Target))
		}, "y"),
	}
	list[4].Hidden = true
	return list
}

// openTrace follows the request of the leading endpoint.
func openTrace(it *item) tea.Cmd {
	best := it.v.Lead()
	for i := range it.v.Endpoints {
		if e := &it.v.Endpoints[i]; !strings.Contains(best.Target, "://") {
			best = e
		}
	}
	if !strings.HasPrefix(best.Target, "http") || strings.Contains(best.Target, " ") {
		return ui.Toast(hosts.LevelInfo, it.name()+": no URL is asked, so there is no request to follow")
	}
	return ui.Open(ui.OpenMsg{Screen: "trace", Host: best.From, Object: best.Target})
}

func openContainer(it *item) tea.Cmd {
	for _, e := range it.v.Endpoints {
		if e.Container != "" {
			return ui.Open(ui.OpenMsg{Screen: "containers", Host: e.Host, Object: e.Container})
		}
	}
	if it.v.Group == health.Clustered {
		return ui.Open(ui.OpenMsg{Screen: "services", Host: it.v.Host, Object: it.v.Name})
	}
	return ui.Toast(hosts.LevelInfo, it.name()+": o shows the routes, t follows a request to what answers")
}

func (s *Screen) openLogs(it *item) tea.Cmd {
	q := &hosts.LogQuery{Follow: true}
	host := ""
	for _, e := range it.v.Endpoints {
		if e.Container != "" {
			q.Sources = append(q.Sources, hosts.LogSource{Host: e.Host, Kind: hosts.LogContainer, Name: e.Name})
			host = e.Host
		}
	}
	if c := it.v.Capacity; c != nil && c.Template != "" {
		host = c.Host
		if h := s.Snap.Host(c.Host); h != nil {
			for i := range h.Units.Value {
				if t, _ := h.Units.Value[i].Instance(); t == c.Template {
					q.Sources = append(q.Sources, hosts.LogSource{Host: c.Host, Kind: hosts.LogUnit, Name: h.Units.Value[i].Name})
				}
			}
		}
	}
	if len(q.Sources) == 0 {
		return ui.Toast(hosts.LevelInfo, it.name()+": whose logs is not known; t follows a request to what answers")
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: host, Logs: q})
}

// openRoutes goes to the configuration that sends traffic to a service behind a proxy.
func openRoutes(it *item) tea.Cmd {
	if it.v.Group == health.Proxied {
		if l := it.v.Lead(); l != nil && l.Origin != "" {
			return ui.Open(ui.OpenMsg{Screen: "routes", Host: it.v.Host, Object: l.Origin})
		}
	}
	return ui.Toast(hosts.LevelInfo, it.name()+": it is not behind a proxy whose configuration is known; t follows a request")
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
