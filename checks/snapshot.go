package checks

import (
	"strings"

	"midwatch/checks/compose"
	"midwatch/hosts"
)

// FromSnapshot makes the world of a snapshot. Compose files are parsed here; everything else has been.
func FromSnapshot(s *hosts.Snapshot) *World {
	w := &World{Now: s.At, Snapshot: s, byName: map[string]*Host{}}
	for _, f := range s.Hosts {
		h := &Host{HostFacts: f, Name: f.Host.Name, World: w}
		w.Hosts = append(w.Hosts, h)
		w.byName[h.Name] = h
		w.addNginx(h)
		w.addCompose(h)
		w.addEnvoy(h)
	}
	return w
}

func (w *World) addNginx(h *Host) {
	if !h.Nginx.Known() {
		return
	}
	for i := range h.Nginx.Value {
		x := &h.Nginx.Value[i]
		n := &Nginx{
			World: w, Host: h, Container: x.Container, Config: x.Config, HTTP: x.HTTP, Notes: x.Notes,
			Source: "nginx -T", ReadAt: h.Nginx.At,
		}
		if !x.Read.IsZero() {
			n.ReadAt = x.Read
		}
		if x.Container != "" {
			n.Source = "docker exec " + x.Container + " nginx -T"
		}
		if x.Config == nil || x.HTTP == nil {
			n.Unread, n.Needs = orElse(x.Error, "its configuration was not read"), x.Needs
		}
		w.Nginx = append(w.Nginx, n)
	}
}

func (w *World) addCompose(h *Host) {
	if !h.Compose.Known() {
		return
	}
	for i := range h.Compose.Value {
		p := &h.Compose.Value[i]
		c := &Compose{World: w, Host: h, Deployed: p, Source: "compose files of project " + p.Name, ReadAt: h.Compose.At}
		var files []compose.File
		var bad []string
		for _, f := range p.Files {
			if f.Error != "" {
				bad = append(bad, f.Path+": "+f.Error)
				continue
			}
			files = append(files, compose.File{Name: f.Path, Text: []byte(f.Text)})
		}
		c.Project = compose.Load(files, compose.Options{Name: p.Name})
		for _, f := range c.Project.Faults {
			bad = append(bad, f.Error())
		}
		// Judged in part, a project would be called good for what its missing file says.
		if len(bad) > 0 {
			c.Unread, c.Needs = strings.Join(bad, "; "), h.Compose.Needs
		}
		w.Compose = append(w.Compose, c)
	}
}

func (w *World) addEnvoy(h *Host) {
	if !h.Envoy.Known() {
		return
	}
	for i := range h.Envoy.Value {
		x := &h.Envoy.Value[i]
		e := &Envoy{World: w, Host: h, Facts: x, Config: x.Config, Source: x.Admin + "/config_dump", ReadAt: h.Envoy.At}
		if x.Config == nil {
			e.Unread = orElse(x.Error, "its admin interface was not read")
		}
		w.Envoy = append(w.Envoy, e)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
