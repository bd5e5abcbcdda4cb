package diff

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"midwatch/hosts"
)

// Change is one difference.
type Change struct {
	Host   string `json:"host"`
	Kind   string `json:"kind"` // host, container, image, unit, port, route, mount, volume, file, service
	Object string `json:"object"`
	Op     string `json:"op"` // added, removed, changed, unknown
	Field  string `json:"field,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// The operations.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	// NotComparable means that one side is unknown, so nothing can be said.
	NotComparable = "unknown"
)

// String gives the change on one line.
func (c Change) String() string {
	switch {
	case c.Op == NotComparable:
		return fmt.Sprintf("%s: %s cannot be compared: %s", c.Host, c.Kind, c.After)
	case c.Op != Changed && c.After+c.Before == "":
		return fmt.Sprintf("%s: %s %s %s", c.Host, c.Kind, c.Object, c.Op)
	case c.Op != Changed:
		return fmt.Sprintf("%s: %s %s %s: %s", c.Host, c.Kind, c.Object, c.Op, c.Before+c.After)
	}
	return fmt.Sprintf("%s: %s %s: %s %s → %s", c.Host, c.Kind, c.Object, c.Field, orNone(c.Before), orNone(c.After))
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// Compare lists what changed from a to b, by host in the order of b, then a's hosts that are gone.
func Compare(a, b *hosts.Snapshot) []Change {
	var out []Change
	for _, h := range b.Hosts {
		old := a.Host(h.Host.Name)
		if old == nil {
			out = append(out, Change{Host: h.Host.Name, Kind: "host", Object: h.Host.Name, Op: Added})
			continue
		}
		d := &differ{host: h.Host.Name}
		d.compare(old, h)
		out = append(out, d.out...)
	}
	for _, h := range a.Hosts {
		if b.Host(h.Host.Name) == nil {
			out = append(out, Change{Host: h.Host.Name, Kind: "host", Object: h.Host.Name, Op: Removed})
		}
	}
	return out
}

type differ struct {
	host string
	out  []Change
}

// fields are the comparable properties of one object, by name.
type fields map[string]string

func (d *differ) compare(a, b *hosts.HostFacts) {
	d.field("host", d.host, "state", a.Link.State.String(), b.Link.State.String())
	if a.System.Known() && b.System.Known() {
		d.field("host", d.host, "kernel", a.System.Value.Kernel, b.System.Value.Kernel)
		d.field("host", d.host, "os", a.System.Value.OS, b.System.Value.OS)
	}
	if a.Engine.Known() && b.Engine.Known() {
		set(d, "engine", a.Engine, b.Engine, engineFields)
	}
	set(d, "container", a.Containers, b.Containers, containerFields)
	set(d, "image", a.Images, b.Images, imageFields)
	set(d, "unit", a.Units, b.Units, unitFields)
	set(d, "port", a.Sockets, b.Sockets, socketFields)
	set(d, "mount", a.Mounts, b.Mounts, mountFields)
	set(d, "volume", a.Volumes, b.Volumes, volumeFields)
	set(d, "service", a.Swarm, b.Swarm, swarmFields)
	set(d, "route", a.Nginx, b.Nginx, nginxRoutes)
	set(d, "route", a.Envoy, b.Envoy, envoyRoutes)
	set(d, "route", a.Traefik, b.Traefik, traefikRoutes)
	set(d, "file", a.Compose, b.Compose, composeFiles)
	d.nginxFiles(a.Nginx, b.Nginx)
}

func (d *differ) field(kind, object, field, before, after string) {
	if before != after {
		d.out = append(d.out, Change{Host: d.host, Kind: kind, Object: object, Op: Changed, Field: field, Before: before, After: after})
	}
}

// set compares two parts as objects with fields.
func set[T any](d *differ, kind string, a, b hosts.Part[T], of func(T) map[string]fields) {
	switch {
	case !a.Known() && !b.Known():
		return
	case !a.Known() || !b.Known():
		why, side := b.Reason, "after"
		if !a.Known() {
			why, side = a.Reason, "before"
		}
		if a.Standing() == hosts.Unasked || b.Standing() == hosts.Unasked {
			why = "was not asked"
		}
		d.out = append(d.out, Change{Host: d.host, Kind: kind, Object: kind, Op: NotComparable, After: side + ": " + why})
		return
	}
	d.objects(kind, of(a.Value), of(b.Value))
}

// objects compares the fields of objects by their names.
func (d *differ) objects(kind string, x, y map[string]fields) {
	for _, name := range keys(x, y) {
		old, had := x[name]
		now, has := y[name]
		switch {
		case !had:
			d.out = append(d.out, Change{Host: d.host, Kind: kind, Object: name, Op: Added, After: summary(now)})
		case !has:
			d.out = append(d.out, Change{Host: d.host, Kind: kind, Object: name, Op: Removed, Before: summary(old)})
		default:
			for _, f := range keys(old, now) {
				d.field(kind, name, f, old[f], now[f])
			}
		}
	}
}

func keys[V any](a, b map[string]V) []string {
	seen := map[string]bool{}
	for k := range a {
		seen[k] = true
	}
	for k := range b {
		seen[k] = true
	}
	out := make([]string, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// summary names what an added or removed object was, by its most telling fields.
func summary(f fields) string {
	var out []string
	for _, k := range []string{"image", "state", "active", "process", "target", "type", "tags"} {
		if f[k] != "" {
			out = append(out, f[k])
		}
	}
	return strings.Join(out, ", ")
}

func engineFields(e hosts.Engine) map[string]fields {
	return map[string]fields{"docker": {"version": e.Version, "swarm": e.Swarm, "storage driver": e.StorageDriver}}
}

func containerFields(cs []hosts.Container) map[string]fields {
	out := map[string]fields{}
	for _, c := range cs {
		out[c.Name] = fields{
			"image": c.Image, "image id": short(c.ImageID), "state": c.State, "health": healthText(c.Health), "restart policy": c.Policy,
			"ports": ports(c.Ports), "env names": strings.Join(sorted(c.EnvNames), " "), "command": strings.Join(c.Command, " "), "mounts": containerMounts(c.Mounts),
			"networks": networks(c.Networks), "id": short(c.ID), "exit": exit(c),
		}
	}
	return out
}

func exit(c hosts.Container) string {
	if c.State == "running" || c.State == "created" {
		return ""
	}
	return fmt.Sprint(c.Exit)
}

func healthText(h hosts.Health) string {
	if h == hosts.HealthUnknown || h == hosts.HealthNone {
		return ""
	}
	return h.String()
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

func ports(ps []hosts.Port) string {
	var out []string
	for _, p := range ps {
		if p.HostPort != 0 {
			out = append(out, fmt.Sprintf("%s:%d->%d/%s", p.HostIP, p.HostPort, p.ContainerPort, p.Proto))
		}
	}
	return strings.Join(sorted(out), " ")
}

func containerMounts(ms []hosts.ContainerMount) string {
	var out []string
	for _, m := range ms {
		src := m.Name
		if src == "" {
			src = m.Source
		}
		out = append(out, src+":"+m.Destination)
	}
	return strings.Join(sorted(out), " ")
}

func networks(ns []hosts.ContainerNetwork) string {
	var out []string
	for _, n := range ns {
		out = append(out, n.Name)
	}
	return strings.Join(sorted(out), " ")
}

func sorted(in []string) []string {
	out := slices.Clone(in)
	sort.Strings(out)
	return out
}

func imageFields(is []hosts.Image) map[string]fields {
	out := map[string]fields{}
	for _, i := range is {
		for _, t := range i.Tags {
			out[t] = fields{"id": short(i.ID), "digest": strings.Join(sorted(i.Digests), " ")}
		}
		if len(i.Tags) == 0 {
			out[short(i.ID)] = fields{"digest": strings.Join(sorted(i.Digests), " ")}
		}
	}
	return out
}

func unitFields(us []hosts.Unit) map[string]fields {
	out := map[string]fields{}
	for _, u := range us {
		out[u.Name] = fields{
			"load": u.Load, "active": u.Active, "sub": u.Sub, "result": u.Result, "enabled": u.Enabled,
			"restarts": fmt.Sprint(u.Restarts), "file": u.Fragment, "drop-ins": strings.Join(u.DropIns, " "), "invocation": short(u.InvocationID),
		}
	}
	return out
}

func socketFields(ss []hosts.Socket) map[string]fields {
	out := map[string]fields{}
	for _, s := range ss {
		name := fmt.Sprintf("%s %s:%d", s.Proto, s.Address, s.Port)
		if s.Proto == "unix" {
			name = "unix " + s.Address
		}
		out[name] = fields{"process": s.Process, "unit": s.Unit, "container": short(s.Container)}
	}
	return out
}

func mountFields(ms []hosts.Mount) map[string]fields {
	out := map[string]fields{}
	for _, m := range ms {
		out[m.Point] = fields{"type": m.FSType, "source": m.Source, "options": m.Options}
	}
	return out
}

func volumeFields(vs []hosts.Volume) map[string]fields {
	out := map[string]fields{}
	for _, v := range vs {
		var o []string
		for k, x := range v.Options {
			o = append(o, k+"="+x)
		}
		out[v.Name] = fields{"driver": v.Driver, "options": strings.Join(sorted(o), " ")}
	}
	return out
}

func swarmFields(s hosts.Swarm) map[string]fields {
	out := map[string]fields{}
	for _, v := range s.Services {
		out[v.Name] = fields{"image": v.Image, "wanted": fmt.Sprint(v.Wanted), "running": fmt.Sprint(v.Running), "update": v.UpdateState, "ports": ports(v.Ports)}
	}
	for _, n := range s.Nodes {
		out["node "+n.Hostname] = fields{"state": n.State, "availability": n.Availability, "role": n.Role, "engine": n.EngineVersion}
	}
	return out
}
