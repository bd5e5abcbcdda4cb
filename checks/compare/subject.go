package compare

import (
	"cmp"
	"slices"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// Subject is what is compared.
type Subject struct{ Kind, Name string }

// The kinds of subjects.
const (
	Service = "service" // PROJECT/SERVICE of compose, STACK/SERVICE of a swarm
	Image   = "image"   // a repository, without the tag
	Unit    = "unit"    // a unit, or a template: worker@.service
	Server  = "server"  // a server_name of nginx
)

// String is the subject as Parse takes it: "service:shop/web".
func (s Subject) String() string { return s.Kind + ":" + s.Name }

// Parse reads what String wrote.
func Parse(text string) (Subject, bool) {
	kind, name, ok := strings.Cut(text, ":")
	return Subject{kind, name}, ok && name != "" && slices.Contains([]string{Service, Image, Unit, Server}, kind)
}

// Find makes a subject of what another screen has selected: a container's ID or name, a service of a
// swarm, a unit, a server_name, or a subject as it is.
func Find(s *hosts.Snapshot, host, object string) (Subject, bool) {
	if subject, ok := Parse(object); ok {
		return subject, true
	}
	for _, h := range s.Hosts {
		if host != "" && h.Host.Name != host || object == "" {
			continue
		}
		for i := range h.Containers.Value {
			c := &h.Containers.Value[i]
			if c.ID != object && c.Name != object && c.Service != object {
				continue
			}
			if k := serviceOf(c); k != "" {
				return Subject{Service, k}, true
			}
			return Subject{Image, repository(c.Image)}, true
		}
		for i := range h.Units.Value {
			if u := &h.Units.Value[i]; u.Name == object {
				return Subject{Unit, u.Name}, true
			}
		}
		for _, n := range h.Nginx.Value {
			if n.HTTP != nil && slices.ContainsFunc(n.HTTP.Servers, func(v *nginx.Server) bool { return v.Name() == object }) {
				return Subject{Server, object}, true
			}
		}
	}
	return Subject{}, false
}

func serviceOf(c *hosts.Container) string {
	if c.Service == "" {
		return ""
	}
	return c.Project + "/" + c.Service
}

// repository is an image without its tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		image = image[:i]
	}
	return image
}

// tag is the tag of an image, "latest" where none is written.
func tag(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if rest := name[len(repository(name)):]; rest != "" {
		return rest[1:]
	}
	if pinned {
		return digest
	}
	return "latest"
}

// Summary is one subject that has more than one copy.
type Summary struct {
	Subject
	Hosts     []string // that have it, each once, in the order of the snapshot
	Copies    int
	Different int // properties that are not the same everywhere, those of the machines aside
	Odd       int // of those, the ones with a majority
}

// Subjects lists all that can be compared: what has at least two copies, the most different first.
func Subjects(s *hosts.Snapshot) []Summary {
	found := map[Subject][]copyOf{}
	for _, h := range s.Hosts {
		collect(h, func(k Subject, c copyOf) { found[k] = append(found[k], c) })
	}
	var out []Summary
	for k, copies := range found {
		if len(copies) < 2 {
			continue
		}
		sum := Summary{Subject: k, Copies: len(copies)}
		for _, c := range copies {
			if !slices.Contains(sum.Hosts, c.host.Host.Name) {
				sum.Hosts = append(sum.Hosts, c.host.Host.Name)
			}
		}
		sheet := build(k, copies)
		for _, r := range sheet.Rows {
			if r.Differs && r.Group != hostGroup { // machines differ without anything being wrong
				sum.Different++
				if !r.Tie {
					sum.Odd++
				}
			}
		}
		out = append(out, sum)
	}
	slices.SortFunc(out, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(b.Odd, a.Odd), cmp.Compare(b.Different, a.Different), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return out
}

// copyOf is one copy of a subject; one of the pointers is set.
type copyOf struct {
	host      *hosts.HostFacts
	container *hosts.Container
	unit      *hosts.Unit
	nginx     *hosts.Nginx
	server    *nginx.Server
}

// collect hands out every copy a host has, under every subject it belongs to.
func collect(h *hosts.HostFacts, add func(Subject, copyOf)) {
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if k := serviceOf(c); k != "" {
			add(Subject{Service, k}, copyOf{host: h, container: c})
		}
		if r := repository(c.Image); r != "" && !strings.HasPrefix(r, "sha256") {
			add(Subject{Image, r}, copyOf{host: h, container: c})
		}
	}
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		if !strings.HasSuffix(u.Name, ".service") && !strings.HasSuffix(u.Name, ".target") && !strings.HasSuffix(u.Name, ".timer") || u.Load == "not-found" {
			continue
		}
		add(Subject{Unit, u.Name}, copyOf{host: h, unit: u})
		if template, _ := u.Instance(); template != "" {
			add(Subject{Unit, template}, copyOf{host: h, unit: u})
		}
	}
	for i := range h.Nginx.Value {
		n := &h.Nginx.Value[i]
		if n.HTTP == nil {
			continue
		}
		for _, v := range n.HTTP.Servers {
			if v.Name() != "(no name)" && v.Name() != "_" { // what has no name is another server everywhere
				add(Subject{Server, v.Name()}, copyOf{host: h, nginx: n, server: v})
			}
		}
	}
}
