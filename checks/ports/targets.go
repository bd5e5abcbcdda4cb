package ports

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// targets adds what the proxies of h send traffic to, as far as an address and a port say it.
func (b *builder) targets(h *hosts.HostFacts) {
	for _, n := range h.Nginx.Value {
		if n.HTTP != nil {
			b.nginxTargets(h, n)
		}
	}
	for _, e := range h.Envoy.Value {
		if e.Config == nil {
			continue
		}
		for _, c := range e.Config.Clusters {
			for _, ep := range c.Endpoints {
				t := Target{From: "envoy cluster " + c.Name, Path: ep.Path}
				if ep.Pipe != "" {
					b.unixTarget(h, e.Container, ep.Pipe, t)
					continue
				}
				b.target(h, e.Container, ep.Address, ep.Port, t)
			}
		}
	}
	for _, t := range h.Traefik.Value {
		for _, s := range t.Services {
			for _, v := range s.Servers {
				if u, err := url.Parse(v.URL); err == nil {
					port, _ := strconv.Atoi(u.Port())
					b.target(h, "traefik", u.Hostname(), port, Target{From: "traefik service " + s.Name})
				}
			}
		}
	}
}

func (b *builder) nginxTargets(h *hosts.HostFacts, n hosts.Nginx) {
	label := "nginx"
	if n.Container != "" {
		label += "[" + n.Container + "]"
	}
	for _, u := range n.HTTP.Upstreams {
		for _, m := range u.Members {
			t := Target{From: label + " upstream " + u.Name, File: m.D.File, Line: m.D.Line}
			if m.Down {
				continue // nginx sends it nothing
			}
			if path, ok := strings.CutPrefix(m.Address, "unix:"); ok {
				b.unixTarget(h, n.Container, path, t)
				continue
			}
			host, port := hostPort(m.Address, 80)
			b.target(h, n.Container, host, port, t)
		}
	}
	for _, s := range n.HTTP.Servers {
		b.passes(h, n, label+" "+s.Name(), s.Locs)
	}
}

func (b *builder) passes(h *hosts.HostFacts, n hosts.Nginx, label string, ls []*nginx.Location) {
	for _, l := range ls {
		for _, d := range l.D.Block {
			if !strings.HasSuffix(d.Name, "_pass") || len(d.Args) == 0 || strings.Contains(d.Args[0], "$") {
				continue
			}
			text, def := d.Args[0], 80
			if _, rest, ok := strings.Cut(text, "://"); ok {
				if strings.HasPrefix(text, "https") {
					def = 443
				}
				text = rest
			}
			t := Target{From: label + " " + strings.Join(l.D.Args, " "), File: d.File, Line: d.Line}
			if path, ok := strings.CutPrefix(text, "unix:"); ok {
				path, _, _ = strings.Cut(path, ":") // what follows is the URI
				b.unixTarget(h, n.Container, path, t)
				continue
			}
			text, _, _ = strings.Cut(text, "/")
			if n.HTTP.Upstreams[text] != nil {
				continue
			}
			host, port := hostPort(text, def)
			b.target(h, n.Container, host, port, t)
		}
		b.passes(h, n, label, l.Locs)
	}
}

func hostPort(text string, def int) (string, int) {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		return strings.Trim(text, "[]"), def
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return host, def
	}
	return host, port
}

// target adds one, when its address belongs to a host: loopback of a container is the container's
// own and is no port of the host.
func (b *builder) target(h *hosts.HostFacts, container, host string, port int, t Target) {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if host == "host.docker.internal" {
		host, container = "127.0.0.1", ""
	}
	a, err := netip.ParseAddr(host)
	if err != nil || port <= 0 || port > 65535 || a.IsLoopback() && container != "" && !hostNet(h, container) {
		return
	}
	o := b.owner(h, host)
	if o == nil {
		return
	}
	t.Host, t.Addr = h.Host.Name, host
	r := b.row(o.Host.Name, "tcp", uint16(port))
	r.Targets = append(r.Targets, t)
}

func hostNet(h *hosts.HostFacts, container string) bool {
	for _, c := range h.Containers.Value {
		if c.Name == container {
			return c.NetMode == "host"
		}
	}
	return false
}

func probeTarget(p hosts.Probe) (string, uint16) {
	text, def := p.Target, 0
	if u, err := url.Parse(p.Target); err == nil && u.Host != "" {
		text, def = u.Host, 80
		if u.Scheme == "https" {
			def = 443
		}
	}
	host, port := hostPort(text, def)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if _, err := netip.ParseAddr(host); err != nil || port <= 0 || port > 65535 {
		return "", 0
	}
	return host, uint16(port)
}
