package collect

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"midwatch/hosts"
)

// composeEntry is a service as the files of a project define it, the last file winning.
type composeEntry struct {
	file     string
	line     int
	image    string
	built    bool // has a build section: the image is made here
	optional bool // behind a profile, or scaled to nothing
}

// joinServices fills the services and the drift of a project.
func joinServices(p *hosts.ComposeProject, members []*hosts.Container) {
	defined := map[string]composeEntry{}
	whole := len(p.Files) > 0 // every file was read and none pulls in others
	for _, f := range p.Files {
		if f.Error != "" {
			whole = false
			if f.Error == "missing" {
				p.Drift = append(p.Drift, hosts.Drift{Kind: "file-missing", File: f.Path, Detail: "the file the containers were made from is gone"})
			}
			continue
		}
		if !readCompose(f, defined) {
			whole = false
		}
	}
	services := map[string]*hosts.ComposeService{}
	for name, d := range defined {
		services[name] = &hosts.ComposeService{Name: name, InFiles: true, Image: d.image}
	}
	for _, c := range members {
		name := c.Labels[labelService]
		if name == "" || c.Labels[labelOneoff] == "True" {
			continue
		}
		s := services[name]
		if s == nil {
			s = &hosts.ComposeService{Name: name}
			services[name] = s
		}
		s.Containers = append(s.Containers, c.ID)
		s.ConfigHash = c.Labels[labelHash]
		drift(p, defined, c, whole)
	}
	for name, s := range services {
		if d := defined[name]; len(s.Containers) == 0 && !d.optional {
			p.Drift = append(p.Drift, hosts.Drift{Service: name, Kind: "no-container", File: d.file, Line: d.line, Detail: "the files define it and no container was made of it"})
		}
		p.Services = append(p.Services, *s)
	}
	slices.SortFunc(p.Services, func(a, b hosts.ComposeService) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Drift, func(a, b hosts.Drift) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), strings.Compare(a.Kind, b.Kind), strings.Compare(a.File, b.File), strings.Compare(a.Detail, b.Detail))
	})
	p.Drift = slices.Compact(p.Drift)
}

// drift compares one container with the files.
func drift(p *hosts.ComposeProject, defined map[string]composeEntry, c *hosts.Container, whole bool) {
	name := c.Labels[labelService]
	d, known := defined[name]
	if !known {
		if whole {
			p.Drift = append(p.Drift, hosts.Drift{Service: name, Kind: "not-in-files", Detail: "container " + c.Name + " belongs to a service the files do not define"})
		}
		return
	}
	if d.image != "" && !d.built && c.Image != "" && !strings.Contains(d.image, "$") && !sameImage(d.image, c.Image) {
		p.Drift = append(p.Drift, hosts.Drift{
			Service: name, Kind: "image", File: d.file, Line: d.line,
			Detail: "container " + c.Name + " runs " + c.Image + ", the file says " + d.image,
		})
	}
	for _, f := range p.Files {
		if !c.Created.IsZero() && f.MTime.After(c.Created.Add(time.Second)) {
			p.Drift = append(p.Drift, hosts.Drift{
				Service: name, Kind: "file-newer", File: f.Path,
				Detail: "changed " + f.MTime.UTC().Format(time.DateTime) + ", container " + c.Name + " is from " + c.Created.UTC().Format(time.DateTime),
			})
		}
	}
}

// sameImage compares references with what they leave out filled in.
func sameImage(a, b string) bool { return fullImage(a) == fullImage(b) }

func fullImage(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "docker.io/"), "library/")
	if !strings.ContainsAny(s[strings.LastIndexByte(s, '/')+1:], ":@") {
		s += ":latest"
	}
	return s
}

// readCompose adds the services of a file; it reports false when the file is not all there is to it.
func readCompose(f hosts.ComposeFile, into map[string]composeEntry) bool {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(f.Text), &doc); err != nil || len(doc.Content) == 0 {
		return false
	}
	whole := true
	root := doc.Content[0]
	if child(root, "include") != nil {
		whole = false
	}
	services := child(root, "services")
	if services == nil || services.Kind != yaml.MappingNode {
		return whole
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		k, v := services.Content[i], services.Content[i+1]
		name := hosts.CleanLine(k.Value)
		e, had := into[name]
		if !had {
			e = composeEntry{file: f.Path, line: k.Line}
		}
		if img := child(v, "image"); img != nil {
			e.image, e.file, e.line = hosts.CleanLine(img.Value), f.Path, img.Line
		}
		e.built = e.built || child(v, "build") != nil
		e.optional = e.optional || child(v, "profiles") != nil || zero(child(v, "scale")) || zero(child(child(v, "deploy"), "replicas"))
		into[name] = e
	}
	return whole
}

// child returns the value of a key of a mapping, through aliases and merges, or nil.
func child(n *yaml.Node, key string) *yaml.Node { return childAt(n, key, 0) }

func childAt(n *yaml.Node, key string, depth int) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode || depth > 10 {
		return nil
	}
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case key:
			return n.Content[i+1]
		case "<<":
			if m := childAt(n.Content[i+1], key, depth+1); m != nil {
				merged = m
			}
		}
	}
	return merged
}

func zero(n *yaml.Node) bool { return n != nil && n.Value == "0" }
