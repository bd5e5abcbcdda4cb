package engine

import (
	"net/http"
	"strings"

	"midwatch/hosts/demo/sim"
)

func imageSummary(h *sim.Host, im *sim.Image) map[string]any {
	n := 0
	for _, c := range h.Containers {
		if c.Image == im {
			n++
		}
	}
	tags, digests := im.Tags, im.Digests
	if tags == nil {
		tags = []string{}
	}
	if digests == nil {
		digests = []string{}
	}
	return map[string]any{
		"Id": im.ID, "ParentId": "", "RepoTags": tags, "RepoDigests": digests, "Created": im.Created.Unix(), "Size": im.Size,
		"SharedSize": -1, "Labels": im.Labels, "Containers": n,
	}
}

func (s *Server) images(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, im := range s.h.Images {
		dangling := "false"
		if len(im.Tags) == 0 {
			dangling = "true"
		}
		named := f.any("reference", func(v string) bool {
			for _, t := range im.Tags {
				if t == sim.Tagged(v) || sim.Repo(t) == v {
					return true
				}
			}
			return false
		})
		if named && f.is("dangling", dangling) && f.labels(im.Labels) {
			out = append(out, imageSummary(s.h, im))
		}
	}
	return out, nil
}

func (s *Server) image(r *http.Request) (any, error) {
	name, ok := strings.CutSuffix(r.PathValue("name"), "/json")
	if !ok {
		return nil, fail(http.StatusNotFound, "page not found")
	}
	im := s.h.ImageBy(name)
	if im == nil {
		return nil, fail(http.StatusNotFound, "No such image: %s", sim.Tagged(name))
	}
	return ImageDoc(s.h, im), nil
}

// ImageDoc is the document of GET /images/{name}/json; the site is locked.
func ImageDoc(h *sim.Host, im *sim.Image) map[string]any {
	ex := map[string]any{}
	for _, p := range im.Ports {
		ex[p] = struct{}{}
	}
	conf := map[string]any{
		"Hostname": "", "Domainname": "", "User": im.User, "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
		"ExposedPorts": ex, "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": im.Env, "Cmd": im.Cmd, "Image": "",
		"Volumes": nil, "WorkingDir": im.WorkDir, "Entrypoint": im.Entry, "OnBuild": nil, "Labels": im.Labels,
	}
	if im.Health != nil {
		conf["Healthcheck"] = healthcheck(im.Health)
	}
	tags, digests := im.Tags, im.Digests
	if tags == nil {
		tags = []string{}
	}
	if digests == nil {
		digests = []string{}
	}
	return map[string]any{
		"Id": im.ID, "RepoTags": tags, "RepoDigests": digests, "Parent": "", "Comment": "buildkit.dockerfile.v0",
		"Created": stamp(im.Created), "DockerVersion": "", "Author": "", "Config": conf, "Architecture": GoArch(h.Spec.Arch),
		"Os": im.OS, "Size": im.Size, "GraphDriver": map[string]any{"Name": "overlay2", "Data": map[string]string{}},
		"RootFS":   map[string]any{"Type": "layers", "Layers": []string{"sha256:" + h.Site.Hex("layer "+im.ID, 64)}},
		"Metadata": map[string]any{"LastTagTime": stamp(im.Created)},
	}
}

func networkDoc(h *sim.Host, n *sim.Network, full bool) map[string]any {
	conf := []any{}
	if n.Subnet != "" {
		conf = append(conf, map[string]string{"Subnet": n.Subnet, "Gateway": n.Gateway})
	}
	boxes := map[string]any{}
	if full {
		for _, c := range h.Containers {
			if ip := c.IPs[n.Name]; ip != "" && c.Running() {
				boxes[c.ID] = map[string]any{
					"Name": c.Spec.Name, "EndpointID": h.Site.Hex("endpoint "+c.ID+n.Name, 64),
					"MacAddress": "02:42:ac:12:00:" + c.ID[:2], "IPv4Address": ip + "/16", "IPv6Address": "",
				}
			}
		}
	}
	return map[string]any{
		"Name": n.Name, "Id": n.ID, "Created": stamp(n.Created), "Scope": n.Scope, "Driver": n.Driver, "EnableIPv6": false,
		"IPAM":     map[string]any{"Driver": "default", "Options": nil, "Config": conf},
		"Internal": n.Internal, "Attachable": n.Attachable, "Ingress": n.Name == "ingress",
		"ConfigFrom": map[string]string{"Network": ""}, "ConfigOnly": false, "Containers": boxes, "Options": map[string]string{},
		"Labels": labels(n.Labels),
	}
}

func (s *Server) networks(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, n := range s.h.Networks {
		if f.labels(n.Labels) && f.is("driver", n.Driver) && f.is("scope", n.Scope) &&
			f.any("name", func(v string) bool { return strings.Contains(n.Name, v) }) &&
			f.any("id", func(v string) bool { return strings.HasPrefix(n.ID, v) }) {
			out = append(out, networkDoc(s.h, n, false))
		}
	}
	return out, nil
}

func (s *Server) network(r *http.Request) (any, error) {
	n := s.h.Network(r.PathValue("id"))
	if n == nil {
		return nil, fail(http.StatusNotFound, "network %s not found", r.PathValue("id"))
	}
	return networkDoc(s.h, n, true), nil
}

func volumeDoc(h *sim.Host, v *sim.Volume) map[string]any {
	root := "/var/lib/docker"
	if h.Spec.Engine.RootDir != "" {
		root = h.Spec.Engine.RootDir
	}
	return map[string]any{
		"CreatedAt": v.Created.UTC().Format("2006-01-02T15:04:05Z07:00"), "Driver": v.Driver, "Labels": v.Labels,
		"Mountpoint": root + "/volumes/" + v.Name + "/_data", "Name": v.Name, "Options": v.Options, "Scope": "local",
	}
}

// users counts the containers that mount a volume.
func users(h *sim.Host, volume string) int {
	n := 0
	for _, c := range h.Containers {
		for _, m := range c.Spec.Mounts {
			if m.Name == volume {
				n++
			}
		}
	}
	return n
}

func (s *Server) volumes(r *http.Request) (any, error) {
	f, err := parseFilters(r)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, v := range s.h.Volumes {
		if f.labels(v.Labels) && f.is("driver", v.Driver) &&
			f.any("name", func(want string) bool { return strings.Contains(v.Name, want) }) &&
			f.any("dangling", func(want string) bool { return truth(want) == (users(s.h, v.Name) == 0) }) {
			out = append(out, volumeDoc(s.h, v))
		}
	}
	return map[string]any{"Volumes": out, "Warnings": nil}, nil
}

func (s *Server) volume(r *http.Request) (any, error) {
	v := s.h.Volume(r.PathValue("name"))
	if v == nil {
		return nil, fail(http.StatusNotFound, "get %s: no such volume", r.PathValue("name"))
	}
	return volumeDoc(s.h, v), nil
}
