package nginxrules

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// front is something in the fleet that ends TLS and sends requests on in the clear.
type front struct {
	what     string
	evidence checks.Evidence
}

// socket is a port as who listens on it sees it: the machine's own, or one of a container.
type socket struct {
	host, container string
	port            uint16
}

type frontsKey struct{}

// fronts finds what ends TLS and sends requests on to a plain socket of a server. There is none for
// files: they do not know their neighbours.
func fronts(n *checks.Nginx, s *nginx.Server) []front {
	if n.Host == nil {
		return nil
	}
	all, _ := n.World.Once(frontsKey{}, func() any { return allFronts(n.World) }).(map[socket][]front)
	var out []front
	for _, l := range s.Listens {
		if !l.SSL && l.Unix == "" {
			out = append(out, all[socket{n.Host.Name, n.Container, l.Port}]...)
		}
	}
	return out
}

// allFronts joins every TLS edge of the fleet with the sockets it sends to.
func allFronts(w *checks.World) map[socket][]front {
	out := map[socket][]front{}
	add := func(from *checks.Host, container, address string, port int, f front) {
		for _, s := range takers(w, from, container, address, port) {
			out[s] = append(out[s], f)
		}
	}
	for _, e := range w.Envoy {
		if e.Host != nil && e.Config != nil {
			envoyFronts(e, add)
		}
	}
	for _, h := range w.Hosts {
		traefikFronts(h, add)
	}
	for _, n := range w.Nginx {
		if n.Host != nil && n.HTTP != nil {
			nginxFronts(n, add)
		}
	}
	return out
}

type addFront func(from *checks.Host, container, address string, port int, f front)

func envoyFronts(e *checks.Envoy, add addFront) {
	behind := map[string]bool{}
	for _, l := range e.Config.Listeners {
		for _, c := range append(slices.Clone(l.Chains), l.Default) {
			if c == nil || !c.TLS || !l.State.Serves() {
				continue
			}
			for _, name := range clustersOf(e.Config, c) {
				behind[name] = true
			}
		}
	}
	for _, c := range e.Config.Clusters {
		if !behind[c.Name] || c.TLS {
			continue
		}
		for _, ep := range c.Endpoints {
			add(e.Host, e.Facts.Container, ep.Address, ep.Port, front{
				what:     "Envoy",
				evidence: checks.Evidence{Source: e.Source + " " + ep.Path, Text: "cluster " + c.Name + " behind a TLS chain: endpoint " + ep.Label(), Host: e.Host.Name, At: e.ReadAt},
			})
		}
	}
}

// clustersOf lists the clusters that requests of a filter chain can reach.
func clustersOf(c *envoy.Config, chain *envoy.Chain) []string {
	var out []string
	if chain.TCPCluster != "" {
		// TLS ends at the chain; the bytes inside go on as they are.
		out = append(out, chain.TCPCluster)
	}
	if chain.HCM == nil {
		return out
	}
	rc := chain.HCM.Route
	if rc == nil {
		rc = c.RouteConfig(chain.HCM.RouteName)
	}
	if rc == nil {
		return out
	}
	for _, v := range rc.VHosts {
		for _, r := range v.Routes {
			out = append(out, r.Cluster)
			for _, w := range r.Weighted {
				out = append(out, w.Cluster)
			}
		}
	}
	return out
}

func traefikFronts(h *checks.Host, add addFront) {
	for _, t := range h.Traefik.Value {
		for _, r := range t.Routers {
			if !r.TLS {
				continue
			}
			for _, s := range t.Services {
				if strings.Split(s.Name, "@")[0] != strings.Split(r.Service, "@")[0] {
					continue
				}
				f := front{what: "Traefik", evidence: checks.Evidence{
					Source: h.Traefik.Source, Text: "router " + r.Name + " (" + r.Rule + ") has TLS and sends to service " + s.Name, Host: h.Name, At: h.Traefik.At,
				}}
				for _, v := range s.Servers {
					if u, err := url.Parse(v.URL); err == nil && u.Scheme == "http" {
						port, _ := strconv.Atoi(orElse(u.Port(), "80"))
						add(h, "traefik", u.Hostname(), port, f)
					}
				}
				if len(s.Servers) == 0 && s.Container != "" && s.Port > 0 {
					add(h, "traefik", s.Container, s.Port, f)
				}
			}
		}
	}
}

func nginxFronts(n *checks.Nginx, add addFront) {
	for _, l := range passes(n) {
		ssl, _ := l.tls()
		arg := l.pass().Arg(0)
		if len(ssl) == 0 || !strings.HasPrefix(arg, "http://") || strings.Contains(arg, "$") {
			continue
		}
		f := front{what: "another nginx", evidence: n.Line(l.pass())}
		f.evidence.Host, f.evidence.At = n.Host.Name, n.ReadAt
		addresses := []string{passAddress(arg)}
		if u := n.HTTP.Upstreams[addresses[0]]; u != nil {
			addresses = nil
			for _, m := range u.Members {
				addresses = append(addresses, m.Address)
			}
		}
		for _, a := range addresses {
			host, p, err := net.SplitHostPort(a)
			if err != nil {
				host, p = a, "80"
			}
			if port, err := strconv.Atoi(p); err == nil {
				add(n.Host, n.Container, host, port, f)
			}
		}
	}
}

// takers finds the sockets that a connection from a host, or from one of its containers, to an
// address ends at.
func takers(w *checks.World, from *checks.Host, container, address string, port int) []socket {
	if port < 1 || port > 65535 {
		return nil
	}
	p := uint16(port)
	own := from.Container(container)
	local := own == nil || own.NetMode == "host"
	ip, err := netip.ParseAddr(address)
	if err == nil && ip.IsLoopback() || address == "localhost" {
		if local {
			return published(from, p)
		}
		return []socket{{from.Name, container, p}}
	}
	for i := range from.Containers.Value {
		c := &from.Containers.Value[i]
		for _, x := range c.Networks {
			if x.IP == address && err == nil || err != nil && (c.Name == address || c.Service == address || slices.Contains(x.Aliases, address)) {
				return []socket{{from.Name, c.Name, p}}
			}
			if x.Gateway == address && err == nil {
				return published(from, p)
			}
		}
	}
	if address == "host.docker.internal" {
		return published(from, p)
	}
	for _, h := range w.Hosts {
		if h.Host.Address == address || err == nil && has(h.Addresses.Value, address) {
			return published(h, p)
		}
	}
	return nil
}

// has reports that an address is among those of a host, which may be written with a prefix length.
func has(addresses []string, ip string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return a == ip || strings.HasPrefix(a, ip+"/") })
}

// published finds who takes a port of a machine: the container that publishes it, and those that share
// the machine's network.
func published(h *checks.Host, port uint16) []socket {
	out := []socket{{h.Name, "", port}}
	for i := range h.Containers.Value {
		c := &h.Containers.Value[i]
		if c.NetMode == "host" {
			out = append(out, socket{h.Name, c.Name, port})
		}
		for _, p := range c.Ports {
			if p.HostPort == port && p.Proto != "udp" {
				return []socket{{h.Name, c.Name, p.ContainerPort}}
			}
		}
	}
	return out
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
