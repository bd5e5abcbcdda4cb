package ports

import (
	"strings"

	"midwatch/hosts"
)

const protoUnix = "unix"

// unixTarget adds a unix socket that a proxy sends traffic to. What a proxy in a container calls it is
// a path of the host where a mount says so; the rest is the container's own.
func (b *builder) unixTarget(h *hosts.HostFacts, container, path string, t Target) {
	if container != "" {
		p, ok := onHost(h, container, path)
		if !ok {
			return
		}
		path = p
	}
	t.Host, t.Addr = h.Host.Name, path
	r := b.at(key{host: h.Host.Name, proto: protoUnix, path: path})
	r.Targets = append(r.Targets, t)
}

// onHost is the path of the host that a path in a container is, by its bind mounts.
func onHost(h *hosts.HostFacts, container, path string) (string, bool) {
	best, to := "", ""
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.Name != container {
			continue
		}
		for _, m := range c.Mounts {
			if under(path, m.Destination) && len(m.Destination) > len(best) && m.Source != "" {
				best, to = m.Destination, m.Source
			}
		}
	}
	if best == "" {
		return "", false
	}
	return strings.TrimSuffix(to, "/") + strings.TrimPrefix(path, strings.TrimSuffix(best, "/")), true
}

func under(path, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// unixListening adds who listens on the sockets that proxies use; a host has hundreds of others.
func (b *builder) unixListening(h *hosts.HostFacts) {
	for _, s := range h.Sockets.Value {
		if s.Proto != protoUnix {
			continue
		}
		if r := b.rows[key{host: h.Host.Name, proto: protoUnix, path: s.Address}]; r != nil {
			r.Listening = append(r.Listening, Listener{Addr: s.Address, Process: s.Process, Unit: s.Unit, Container: containerName(h, s.Container), PID: s.PID})
		}
	}
}

func containerName(h *hosts.HostFacts, id string) string {
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.ID == id && id != "" {
			return c.Name
		}
	}
	return id
}

// shared reports that a container has the folder of a socket: a process in there may listen on it,
// and the host's own list of sockets does not show those of other network namespaces.
func shared(h *hosts.HostFacts, path string) bool {
	for i := range h.Containers.Value {
		for _, m := range h.Containers.Value[i].Mounts {
			if m.Source != "" && under(path, m.Source) {
				return true
			}
		}
	}
	return false
}
