package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:6])
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// count votes for none or some: that one copy restarted twice and another three times is no odd one.
func count(n int) value {
	v := value{text: strconv.Itoa(n), vote: "some"}
	if n == 0 {
		v.vote = "none"
	}
	return v
}

func (w *writer) containers() {
	one := func(f func(*hosts.Container) string) func(copyOf) value {
		return func(c copyOf) value { return text(f(c.container)) }
	}
	// inspect is for what only an inspected container tells.
	inspect := func(f func(*hosts.Container) string) func(copyOf) value {
		return func(c copyOf) value { return known(c.container.Inspected, "not inspected", f(c.container)) }
	}
	words := func(f func(*hosts.Container) []string) func(copyOf) ([]string, string) {
		return func(c copyOf) ([]string, string) {
			if !c.container.Inspected {
				return nil, "not inspected"
			}
			return f(c.container), ""
		}
	}
	w.group = "image"
	w.row("repository", one(func(c *hosts.Container) string { return repository(c.Image) }))
	w.row("tag", one(func(c *hosts.Container) string { return tag(c.Image) }))
	w.row("digest", digest)
	w.row("image id", one(func(c *hosts.Container) string { return short(c.ImageID) }))
	w.row("version label", one(func(c *hosts.Container) string { return c.Labels["org.opencontainers.image.version"] }))
	w.group = "state"
	w.row("state", one(func(c *hosts.Container) string { return c.State }))
	w.row("health", one(func(c *hosts.Container) string { return c.Health.String() }))
	w.row("restarts", func(c copyOf) value {
		if !c.container.Inspected {
			return value{unknown: "not inspected"}
		}
		return count(c.container.Restarts)
	})
	w.info("started", inspect(func(c *hosts.Container) string { return day(c.Started) }))
	w.group = "configuration"
	w.list("env names", words(func(c *hosts.Container) []string { return c.EnvNames }))
	w.list("ports", func(c copyOf) ([]string, string) { return ports(c.container.Ports), "" })
	w.list("mounts", func(c copyOf) ([]string, string) { return mounts(c.container.Mounts), "" })
	w.list("networks", func(c copyOf) ([]string, string) { return networks(c.container.Networks), "" })
	w.row("network mode", inspect(func(c *hosts.Container) string { return c.NetMode }))
	w.row("command", one(func(c *hosts.Container) string { return strings.Join(c.Command, " ") }))
	w.row("user", inspect(func(c *hosts.Container) string { return c.User }))
	w.row("restart policy", inspect(func(c *hosts.Container) string { return c.Policy }))
	w.row("healthcheck", inspect(func(c *hosts.Container) string { return c.Probe }))
	w.row("memory limit", inspect(func(c *hosts.Container) string { return limit(c.MemLimit) }))
	w.row("cpu limit", inspect(func(c *hosts.Container) string {
		if c.CPULimit == 0 {
			return ""
		}
		return strconv.FormatFloat(c.CPULimit, 'f', -1, 64)
	}))
	w.row("log driver", inspect(func(c *hosts.Container) string { return c.LogDriver }))
	w.group = "files"
	w.row("config hash", one(func(c *hosts.Container) string { return short(c.Labels["com.docker.compose.config-hash"]) }))
	w.composeFiles()
}

// digest is what the registry calls the image; without one there is only its ID.
func digest(c copyOf) value {
	if !c.host.Images.Known() {
		return value{unknown: orNotRead(c.host.Images.Reason)}
	}
	for i := range c.host.Images.Value {
		im := &c.host.Images.Value[i]
		if im.ID != c.container.ImageID {
			continue
		}
		for _, d := range im.Digests {
			if _, sum, ok := strings.Cut(d, "@"); ok {
				return text(short(sum))
			}
		}
		return text("(built here)")
	}
	return value{unknown: "its image is not in the list of images"}
}

func orNotRead(reason string) string {
	if reason == "" {
		return "not read yet"
	}
	return reason
}

func limit(n uint64) string {
	if n == 0 {
		return ""
	}
	if n%(1<<20) == 0 {
		return strconv.FormatUint(n>>20, 10) + "M"
	}
	return strconv.FormatUint(n, 10)
}

func ports(ps []hosts.Port) []string {
	var out []string
	for _, p := range ps {
		if p.HostPort != 0 {
			out = append(out, fmt.Sprintf("%s:%d->%d/%s", p.HostIP, p.HostPort, p.ContainerPort, p.Proto))
		}
	}
	return out
}

func mounts(ms []hosts.ContainerMount) []string {
	var out []string
	for _, m := range ms {
		src := m.Name
		if src == "" {
			src = m.Source
		}
		one := src + ":" + m.Destination
		if !m.RW {
			one += ":ro"
		}
		out = append(out, one)
	}
	return out
}

func networks(ns []hosts.ContainerNetwork) []string {
	var out []string
	for _, n := range ns {
		out = append(out, n.Name)
	}
	return out
}

// composeFiles compares the files of the projects by their place in the project.
func (w *writer) composeFiles() {
	of := func(c copyOf) map[string]value {
		out := map[string]value{}
		for _, p := range c.host.Compose.Value {
			if p.Name != c.container.Project || c.container.Project == "" {
				continue
			}
			for _, f := range p.Files {
				v := text(hash(f.Text))
				if f.Error != "" {
					v = value{unknown: f.Error}
				}
				out[path.Base(f.Path)] = v
			}
		}
		return out
	}
	names := map[string]bool{}
	for _, c := range w.copies {
		for n := range of(c) {
			names[n] = true
		}
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		w.row(n, func(c copyOf) value {
			if !c.host.Compose.Known() {
				return value{unknown: orNotRead(c.host.Compose.Reason)}
			}
			return of(c)[n]
		})
	}
}

func (w *writer) units() {
	one := func(f func(*hosts.Unit) string) func(copyOf) value {
		return func(c copyOf) value { return text(f(c.unit)) }
	}
	w.group = "state"
	w.row("load", one(func(u *hosts.Unit) string { return u.Load }))
	w.row("active", one(func(u *hosts.Unit) string { return u.Active }))
	w.row("sub", one(func(u *hosts.Unit) string { return u.Sub }))
	w.row("result", one(func(u *hosts.Unit) string { return u.Result }))
	w.row("enabled", one(func(u *hosts.Unit) string { return u.Enabled }))
	w.row("restarts", func(c copyOf) value { return count(c.unit.Restarts) })
	w.info("since", one(func(u *hosts.Unit) string { return day(u.Since) }))
	w.group = "configuration"
	w.row("unit file", one(func(u *hosts.Unit) string { return u.Fragment }))
	w.list("drop-ins", func(c copyOf) ([]string, string) { return w.general(c.unit, c.unit.DropIns), "" })
	w.list("env files", func(c copyOf) ([]string, string) {
		var out []string
		for _, f := range c.unit.EnvFiles {
			out = append(out, f.Path)
		}
		return w.general(c.unit, out), ""
	})
	w.list("env names", func(c copyOf) ([]string, string) {
		var out []string
		for _, f := range c.unit.EnvFiles {
			if !f.Read && f.Error != "" && !f.Optional {
				return nil, f.Path + ": " + f.Error
			}
			out = append(out, f.Names...)
		}
		return out, ""
	})
	w.list("listens", func(c copyOf) ([]string, string) { return w.general(c.unit, c.unit.Listen), "" })
	w.list("wants", func(c copyOf) ([]string, string) { return w.general(c.unit, c.unit.Wants), "" })
	w.list("part of", func(c copyOf) ([]string, string) { return w.general(c.unit, c.unit.PartOf), "" })
	w.row("stop timeout", one(func(u *hosts.Unit) string {
		switch {
		case u.StopTimeout < 0:
			return "for ever"
		case u.StopTimeout == 0:
			return ""
		}
		return u.StopTimeout.String()
	}))
}

// general writes the name of an instance as systemd's specifier, where instances are compared.
func (w *writer) general(u *hosts.Unit, in []string) []string {
	_, name := u.Instance()
	if !w.template || name == "" {
		return in
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ReplaceAll(s, name, "%i")
	}
	return out
}

func (w *writer) servers() {
	w.group = "nginx"
	w.row("version", func(c copyOf) value { return text(c.nginx.Version) })
	w.info("stands at", func(c copyOf) value { return text(c.server.D.At()) })
	w.row("file hash", func(c copyOf) value {
		for _, f := range c.nginx.Config.Files {
			if f.Name == c.server.D.File {
				return text(hash(string(f.Text)))
			}
		}
		return value{unknown: "the file was not read"}
	})
	w.group = "server"
	w.list("listen", func(c copyOf) ([]string, string) {
		var out []string
		for _, l := range c.server.Listens {
			out = append(out, l.String())
		}
		return out, ""
	})
	w.list("server_name", func(c copyOf) ([]string, string) {
		var out []string
		for _, n := range c.server.Names {
			out = append(out, n.Text)
		}
		return out, ""
	})
	w.directives("", func(c copyOf) *nginx.Directive { return c.server.D })
	labels := map[string]bool{}
	var order []string
	for _, c := range w.copies {
		for _, l := range c.server.Locs {
			if !labels[l.Label()] {
				labels[l.Label()] = true
				order = append(order, l.Label())
			}
		}
	}
	for _, label := range order {
		w.group = label
		at := func(c copyOf) *nginx.Directive {
			for _, l := range c.server.Locs {
				if l.Label() == label {
					return l.D
				}
			}
			return nil
		}
		w.row("location", func(c copyOf) value {
			if at(c) == nil {
				return text("")
			}
			return text("there")
		})
		w.directives("", at)
	}
}

// directives compares the settings of a block, by name; several of one name are one value.
func (w *writer) directives(prefix string, at func(copyOf) *nginx.Directive) {
	names := map[string]bool{}
	of := func(c copyOf, name string) string {
		d := at(c)
		if d == nil {
			return ""
		}
		var out []string
		for _, x := range d.Block {
			if x.Name == name {
				out = append(out, strings.Join(x.Args, " "))
			}
		}
		return strings.Join(out, "; ")
	}
	for _, c := range w.copies {
		if d := at(c); d != nil {
			for _, x := range d.Block {
				if !x.IsBlock() && x.Name != "listen" && x.Name != "server_name" {
					names[x.Name] = true
				}
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(names)) {
		w.row(prefix+n, func(c copyOf) value { return text(of(c, n)) })
	}
}
