package ports

import (
	"cmp"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/ports"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen shows the ports of all hosts or of some, and the details of one.
type Screen struct {
	*ui.Listing[*item]
	hash    *hasher
	of      *hosts.Snapshot // what table was made of
	table   []ports.Row
	items   []item
	counted string
}

// What "b" turns through.
const (
	byHost = iota
	flat
)

// New returns the screen that open asks for: Host narrows it to some hosts, Object opens the details
// of a port ("8002"), or of the first port of a container or unit.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	s := &Screen{hash: new(hasher)}
	s.Listing = ui.NewListing(ui.ListingParams[*item]{
		Deps: d, Open: open, ID: "ports", Title: "Ports", Noun: "port",
		Topics:    []hosts.Topic{hosts.TopicPorts, hosts.TopicContainers, hosts.TopicRoutes},
		Columns:   columns(func() *themes.Styles { return s.Deps.Styles }),
		Groupings: []string{"host", "nothing"},
		GroupCell: func(g string, items []*item) ui.Cell { return s.groupCell(g, items) },
		Rows:      s.rows,
		Trouble:   func(it *item) bool { return it.bad > noted },
		Is:        (*item).is,
		Details:   func(it *item, p *ui.Page) { details(it, s.Snap, s.Now, p) },
		Name:      func(it *item) string { return ui.Clean(it.h.Host.Name) + " / " + it.name() },
		Age:       func(it *item) (string, bool) { return ageOf(it.h, s.Now) },
		Heading:   func() string { return s.counted },
		Note:      s.note, Empty: s.empty, Actions: s.actions,
	})
	s.Table.SortBy("state", true)
	s.Rebuild()
	return s
}

func (s *Screen) rows() []ui.Row[*item] {
	if s.of != s.Snap { // a tick of the clock changes no port
		s.table, s.of = ports.Table(s.Snap), s.Snap
		s.items = itemsOf(s.Deps.Styles, s.Snap, s.table, s.Open)
	}
	out := make([]ui.Row[*item], 0, len(s.items))
	var t tally
	for i := range s.items {
		it := &s.items[i]
		t.add(it)
		it.headed = s.Grouping == byHost
		g := ""
		if it.headed && s.OneHost() == "" {
			g = ui.Clean(it.h.Host.Name)
		}
		out = append(out, ui.Row[*item]{ID: it.id(), Group: g, Version: s.hash.version(it, s.Snap.At), Value: it})
	}
	s.counted = t.text()
	return out
}

// Update takes what the root hands on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(ui.ThemeChangedMsg); ok {
		s.of = nil // glyphs are part of the items
	}
	return s.Listing.Update(msg)
}

// ageOf is how old what is known of a host's ports is: the older of what listens and what is
// published.
func ageOf(h *hosts.HostFacts, now time.Time) (string, bool) {
	switch {
	case !h.Sockets.Known() && h.Host.Kind != hosts.KindDocker:
		note, _ := ui.AgeNote(h.Containers, now)
		return "sockets unknown, " + note, true
	case !h.Containers.Known(), h.Sockets.Known() && h.Sockets.At.Before(h.Containers.At):
		note, stale := ui.AgeNote(h.Sockets, now)
		return note, stale || staleOf(h)
	}
	note, stale := ui.AgeNote(h.Containers, now)
	return note, stale || staleOf(h)
}

// whyStale says why what is known of a host's ports may have changed.
func whyStale(h *hosts.HostFacts, now time.Time) string {
	if h.Sockets.Known() && ui.Old(h, h.Sockets) {
		return ui.WhyOld(h, h.Sockets, now)
	}
	return ui.WhyOld(h, h.Containers, now)
}

func (s *Screen) note() (string, bool) {
	if h := s.Snap.Host(s.OneHost()); h != nil {
		return ageOf(h, s.Now)
	}
	var a ui.Ages
	for _, h := range s.Snap.Hosts {
		switch {
		case s.Open.Narrows(h.Host.Name):
		case h.Host.Kind == hosts.KindDocker:
			ui.AddAge(&a, h, h.Containers, s.Now)
		default:
			ui.AddAge(&a, h, h.Sockets, s.Now)
		}
	}
	return a.Note()
}

func (s *Screen) empty() ui.Notice {
	st := s.Deps.Styles
	switch host := s.OneHost(); {
	case len(s.Snap.Hosts) == 0:
		return ui.Loading(st, "ports")
	case host != "" && s.Snap.Host(host) == nil:
		return ui.Failed(st, "ports", "no host "+ui.Clean(host)+" in the inventory", "")
	}
	return ui.Empty(st, "no ports", "nothing listens, and nothing is published")
}

// actions lead to what stands behind a port and in front of it.
func (s *Screen) actions() []ui.Action {
	none := func() string {
		if r, ok := s.Table.Selected(); !ok || r.Value.r == nil {
			return "no port is selected"
		}
		return ""
	}
	act := func(id, title string, run func(*item) tea.Cmd, keys ...string) ui.Action {
		a := ui.Act("ports."+id, "Port", title, func() tea.Cmd {
			r, _ := s.Table.Selected()
			return run(r.Value)
		}, keys...)
		a.Disabled = none
		return a
	}
	list := []ui.Action{
		act("container", "container", openContainer, "c"),
		act("logs", "logs", openLogs, "l"),
		act("routes", "routes", openRoutes, "o"),
		act("trace", "trace", openTrace, "t"),
		act("copy", "copy address and port", func(it *item) tea.Cmd { return ui.Copy(s.Deps, "address", it.dial()) }, "y"),
	}
	list[4].Hidden = true
	return list
}

// container is the ID or name of the container that has the port, or wants it.
func (it *item) container() string {
	for _, p := range it.published {
		if !p.Swarm {
			return cmp.Or(p.ID, p.Container)
		}
	}
	for _, l := range it.listening {
		if l.Container != "" {
			return l.Container
		}
	}
	for _, w := range it.r.Wanted {
		return cmp.Or(w.ID, w.Container)
	}
	return ""
}

func openContainer(it *item) tea.Cmd {
	if c := it.container(); c != "" {
		return ui.Open(ui.OpenMsg{Screen: "containers", Host: it.h.Host.Name, Object: c})
	}
	for _, l := range it.listening {
		if l.Unit != "" {
			return ui.Open(ui.OpenMsg{Screen: "services", Host: it.h.Host.Name, Object: l.Unit})
		}
	}
	return ui.Toast(hosts.LevelWarn, "port "+it.name()+": no container has it")
}

func openLogs(it *item) tea.Cmd {
	q := &hosts.LogQuery{Follow: true}
	add := func(kind hosts.LogKind, name string) {
		for _, s := range q.Sources {
			if s.Name == name {
				return
			}
		}
		q.Sources = append(q.Sources, hosts.LogSource{Host: it.h.Host.Name, Kind: kind, Name: name})
	}
	for _, p := range it.published {
		if !p.Swarm {
			add(hosts.LogContainer, p.Container)
		}
	}
	for _, l := range it.listening {
		switch {
		case l.Proxy:
		case l.Container != "":
			add(hosts.LogContainer, l.Container)
		case strings.HasSuffix(l.Unit, ".service") || strings.HasSuffix(l.Unit, ".socket"):
			add(hosts.LogUnit, l.Unit)
		}
	}
	if len(q.Sources) == 0 {
		return ui.Toast(hosts.LevelWarn, "port "+it.name()+": whose logs is not known")
	}
	return ui.Open(ui.OpenMsg{Screen: "logs", Host: it.h.Host.Name, Logs: q})
}

// openRoutes goes to the first proxy that sends traffic here, or to the proxy that listens here.
func openRoutes(it *item) tea.Cmd {
	for _, t := range it.r.Targets {
		switch {
		case t.File != "":
			return ui.Open(ui.OpenMsg{Screen: "routes", Host: t.Host, Object: t.File + ":" + itoa(t.Line)})
		case t.Path != "":
			return ui.Open(ui.OpenMsg{Screen: "routes", Host: t.Host, Object: t.Path})
		}
	}
	if c := it.owner(); proxy(it) && c != "" {
		return ui.Open(ui.OpenMsg{Screen: "routes", Host: it.h.Host.Name, Object: c})
	}
	return ui.Toast(hosts.LevelInfo, "port "+it.name()+": no proxy whose configuration is known sends traffic here")
}

// proxy reports that a proxy has the port.
func proxy(it *item) bool {
	for _, n := range it.h.Nginx.Value {
		if n.Container != "" && n.Container == it.owner() {
			return true
		}
	}
	for _, e := range it.h.Envoy.Value {
		if e.Container != "" && e.Container == it.owner() {
			return true
		}
	}
	return false
}

// dial is an address at which the port may be reached.
func (it *item) dial() string {
	addr := it.addr
	if it.socket() {
		return it.port()
	}
	if addr == local {
		addr = "127.0.0.1"
	}
	if addr == "" || addr == everyone {
		addr = cmp.Or(it.h.Host.Address, "127.0.0.1")
	}
	return joined(addr, it.r.Port)
}

// url is a request for the port.
func (it *item) url() string {
	scheme := "http"
	if it.r.Port == 443 || it.r.Port == 8443 {
		scheme = "https"
	}
	return scheme + "://" + it.dial() + "/"
}

func openTrace(it *item) tea.Cmd {
	if it.r.Proto != "tcp" {
		return ui.Toast(hosts.LevelInfo, "port "+it.name()+": only what goes over TCP is traced")
	}
	return ui.Open(ui.OpenMsg{Screen: "trace", Object: it.url()})
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
