package tui

import (
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/tui/ui"
)

// Reach is one more thing that the palette reaches.
type Reach struct {
	Kind, Title, Detail string // "check", "tls.expiry", "a certificate runs out"
	Open                ui.OpenMsg
}

// paletteEntries lists what can be reached from here: screens, actions of the screen and the root,
// themes, then hosts, what the program adds, containers, units and routes.
func (r *Root) paletteEntries() []*paletteEntry {
	out := r.actionEntries()
	for _, f := range r.p.Screens {
		if f.Takes != "" {
			e := newEntry("screen", strings.ToLower(f.Title)+" "+f.Takes, "")
			e.open = ui.OpenMsg{Screen: f.ID, Object: AskObject}
			out = append(out, e)
		}
	}
	for _, st := range r.p.Themes {
		e := newEntry("theme", "theme "+st.Name, "")
		e.run = func(r *Root) tea.Cmd { return r.retheme(st) }
		out = append(out, e)
	}
	for _, x := range r.p.Reach {
		if r.nav.factory(x.Open.Screen) >= 0 {
			e := newEntry(x.Kind, ui.Clean(x.Title), ui.Clean(x.Detail))
			e.key = strings.ToLower(e.key + " " + e.detail) // what a check is about is found too
			e.open = x.Open
			out = append(out, e)
		}
	}
	if r.snap == nil {
		return out
	}
	for _, h := range r.snap.Hosts {
		e := newEntry("host", ui.Clean(h.Host.Name), h.Link.State.String())
		e.open = ui.OpenMsg{Screen: "fleet", Host: h.Host.Name}
		out = append(out, e)
	}
	return append(out, r.objectEntries()...)
}

func (r *Root) actionEntries() []*paletteEntry {
	var out []*paletteEntry
	readOnly := r.p.Deps.ReadOnly()
	actions := append(r.screenActions(), r.rootActions()...)
	slices.SortStableFunc(actions, func(a, b ui.Action) int {
		return b2i(strings.HasPrefix(b.ID, "app.tab.")) - b2i(strings.HasPrefix(a.ID, "app.tab."))
	})
	for _, a := range actions {
		if a.ID == "app.palette" || strings.HasPrefix(a.ID, "list.") || strings.HasPrefix(a.ID, "view.") {
			continue
		}
		kind := "action"
		if strings.HasPrefix(a.ID, "app.tab.") {
			kind = "screen"
		}
		key := ""
		if a.Key.Enabled() {
			key = a.Key.Help().Key
		}
		e := newEntry(kind, a.Title, key)
		e.reason = a.Reason(readOnly)
		e.run = func(r *Root) tea.Cmd { return a.Do(r.p.Deps.ReadOnly()) }
		out = append(out, e)
	}
	return out
}

// objects are the entries of one host, and what they were made of.
type objects struct {
	facts   *hosts.HostFacts
	entries []*paletteEntry
}

// objectEntries are those of all hosts. A host's are made again only when its facts are others, so
// that opening the palette on a large fleet is quick from the second time on.
func (r *Root) objectEntries() []*paletteEntry {
	services := r.nav.factory("services") >= 0
	routes := r.nav.factory("routes") >= 0
	kept := make(map[string]objects, len(r.snap.Hosts))
	n := 0
	for _, h := range r.snap.Hosts {
		o, ok := r.objects[h.Host.Name]
		if !ok || !sameObjects(o.facts, h) {
			o.entries = hostObjects(h, services, routes)
		}
		o.facts = h
		kept[h.Host.Name] = o
		n += len(o.entries)
	}
	r.objects = kept
	out := make([]*paletteEntry, 0, n)
	for _, h := range r.snap.Hosts {
		out = append(out, kept[h.Host.Name].entries...)
	}
	return out
}

// sameObjects reports facts of which nothing that the palette lists was read again.
func sameObjects(a, b *hosts.HostFacts) bool {
	return a.Containers.At.Equal(b.Containers.At) && a.Units.At.Equal(b.Units.At) && a.Swarm.At.Equal(b.Swarm.At) && a.Nginx.At.Equal(b.Nginx.At) &&
		a.Envoy.At.Equal(b.Envoy.At) && a.Traefik.At.Equal(b.Traefik.At)
}

func hostObjects(h *hosts.HostFacts, services, routes bool) []*paletteEntry {
	name := h.Host.Name
	out := make([]*paletteEntry, 0, len(h.Containers.Value)+len(h.Units.Value))
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		e := newEntry("container", ui.Clean(c.Name+" on "+name), ui.Clean(c.State))
		e.open = ui.OpenMsg{Screen: "containers", Host: name, Object: c.ID}
		out = append(out, e)
	}
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		e := newEntry("unit", ui.Clean(u.Name+" on "+name), ui.Clean(u.Active))
		e.open = ui.OpenMsg{Screen: "services", Host: name, Object: u.Name}
		if !services {
			e.open.Screen = "logs"
			e.logs = &hosts.LogSource{Host: name, Kind: hosts.LogUnit, Name: u.Name}
		}
		out = append(out, e)
	}
	for i := range h.Swarm.Value.Services {
		v := &h.Swarm.Value.Services[i]
		e := newEntry("service", ui.Clean(v.Name+" on "+name), strconv.Itoa(v.Running)+"/"+strconv.Itoa(v.Wanted))
		e.open = ui.OpenMsg{Screen: "services", Host: name, Object: v.Name}
		out = append(out, e)
	}
	if routes {
		out = append(out, routeEntries(h)...)
	}
	return out
}

// routeEntries are servers and locations of nginx, routes of Envoy, and routers of Traefik.
func routeEntries(h *hosts.HostFacts) []*paletteEntry {
	var out []*paletteEntry
	add := func(title, detail, object string) {
		e := newEntry("route", ui.Clean(title+" on "+h.Host.Name), ui.Clean(detail))
		e.open = ui.OpenMsg{Screen: "routes", Host: h.Host.Name, Object: object}
		out = append(out, e)
	}
	for i := range h.Nginx.Value {
		if x := h.Nginx.Value[i].HTTP; x != nil {
			for _, s := range x.Servers {
				add(s.Name(), s.D.At(), s.D.At())
				locationEntries(s.Name(), s.Locs, add)
			}
		}
	}
	for i := range h.Envoy.Value {
		c := h.Envoy.Value[i].Config
		if c == nil {
			continue
		}
		for _, rc := range c.Routes {
			for _, v := range rc.VHosts {
				for _, x := range v.Routes {
					add(strings.Join(v.Domains, " ")+" "+x.Match.String(), "envoy "+v.Name, x.Path)
				}
			}
		}
	}
	for i := range h.Traefik.Value {
		for _, x := range h.Traefik.Value[i].Routers {
			add(x.Rule, "traefik "+x.Name, x.Name)
		}
	}
	return out
}

func locationEntries(server string, list []*nginx.Location, add func(title, detail, object string)) {
	for _, l := range list {
		add(server+" "+strings.Join(l.D.Args, " "), l.D.At(), l.D.At())
		locationEntries(server, l.Locs, add)
	}
}
