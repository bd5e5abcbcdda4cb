package endpoint

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx/read"
	"midwatch/hosts/redact"
)

// Exec runs a command inside a container and returns what it printed.
type Exec func(ctx context.Context, containerID string, argv ...string) (hosts.Result, error)

// nginxRaw is the evidence of one nginx in a container.
type nginxRaw struct {
	Container string `json:"container"`
	ID        string `json:"id"`
	Version   string `json:"version,omitempty"`
	Stdout    string `json:"stdout,omitempty"`
	Stderr    string `json:"stderr,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Nginx reads "nginx -v -T" inside every running container that looks like nginx, or that is named: one
// command says the version as well.
func Nginx(host string, exec Exec, named []string, now func() time.Time) Reader {
	r := Reader{ID: CollectNginx, Source: "docker exec CONTAINER nginx -T", Every: 30 * time.Second, Ready: byContainers}
	r.Read = func(ctx context.Context, h *hosts.HostFacts) hosts.Evidence {
		at := now()
		var found []hosts.Container
		for _, c := range h.Containers.Value {
			if c.State == "running" && (LooksLikeNginx(c) || contains(named, c.Name)) {
				found = append(found, c)
			}
		}
		out := make([]nginxRaw, len(found))
		var wg sync.WaitGroup
		for i, c := range found {
			wg.Go(func() { out[i] = readNginx(ctx, exec, c) })
		}
		wg.Wait()
		return evidence(host, r.ID, r.Source, at, since(now, at), out, nil)
	}
	return r
}

// LooksLikeNginx goes by the image's name and by the command that runs.
func LooksLikeNginx(c hosts.Container) bool {
	name, _, _ := strings.Cut(path.Base(c.Image), ":")
	if strings.Contains(name, "nginx") || name == "openresty" {
		return true
	}
	for _, a := range c.Command {
		if path.Base(a) == "nginx" || strings.HasPrefix(a, "nginx -g") {
			return true
		}
	}
	return false
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func readNginx(ctx context.Context, exec Exec, c hosts.Container) nginxRaw {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw := nginxRaw{Container: c.Name, ID: c.ID}
	res, err := exec(ctx, c.ID, "nginx", "-v", "-T")
	if err != nil {
		raw.Error = hosts.Clean(err.Error())
		return raw
	}
	if res.Truncated {
		raw.Error = "nginx -T printed more than is read of it"
		return raw
	}
	for line := range strings.Lines(string(res.Stderr)) {
		if strings.HasPrefix(line, "nginx version:") {
			raw.Version = strings.TrimSpace(line)
		}
	}
	raw.Stdout, raw.Stderr = redact.Nginx(string(res.Stdout)), redact.Text(string(res.Stderr))
	return raw
}

// applyNginx replaces the nginx of containers and keeps the host's own, which another collector
// reads.
func applyNginx(f *hosts.HostFacts, ev hosts.Evidence) {
	p := hosts.Part[[]nginxRaw]{}
	fill(&p, ev, func(data []byte) ([]nginxRaw, error) { return parseJSON[[]nginxRaw](data, "evidence of nginx") })
	if !p.Known() {
		if !f.Nginx.Known() {
			f.Nginx = f.Nginx.Failed(p.Reason, p.Needs, ev.Source, ev.At)
			return
		}
		list := slices.Clone(f.Nginx.Value)
		for i := range list {
			if list[i].Container != "" && list[i].HTTP != nil {
				list[i].Stale = p.Reason
			}
		}
		f.Nginx.Value = list
		return
	}
	var out []hosts.Nginx
	for _, n := range f.Nginx.Value {
		if n.Container == "" {
			out = append(out, n)
		}
	}
	if !f.Nginx.Known() && f.Nginx.Reason != "" {
		// The host's own could not be read: that must not be lost because others could.
		out = append(out, hosts.Nginx{Error: f.Nginx.Reason, Needs: f.Nginx.Needs})
	}
	for _, r := range p.Value {
		if r.Error != "" {
			out = append(out, hosts.Nginx{Container: r.Container, ContainerID: r.ID, Version: read.Version(r.Version), Error: r.Error, Read: ev.At})
			continue
		}
		n := read.Instance(r.Container, r.ID, r.Version, r.Stdout, r.Stderr)
		n.Read = ev.At
		out = append(out, n)
	}
	f.Nginx = hosts.ReadNginx(out, ev.Source, ev.At)
}
