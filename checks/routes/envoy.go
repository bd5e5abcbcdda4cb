package routes

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/traefik"
)

func (b *builder) envoy(parent string, e hosts.Envoy) *Node {
	n := &Node{ID: id(parent, "envoy", e.Admin), Kind: "envoy", Host: b.h.Host.Name, Label: title("Envoy", e.Container), Detail: strings.TrimSpace(e.Info.Version + " " + e.Info.State + " admin " + e.Admin)}
	if e.Config == nil {
		n.Status, n.Detail = trace.Unknown, e.Error
		return n
	}
	for i, l := range e.Config.Listeners {
		n.Children = append(n.Children, b.listener(n.ID, i, e, l))
	}
	if u := e.Config.Unknown(); len(u) > 0 {
		n.Detail += "; types not understood: " + strings.Join(u, ", ")
	}
	n.Status = worst(n.Children)
	return n
}

func (b *builder) listener(parent string, i int, e hosts.Envoy, l *envoy.Listener) *Node {
	n := &Node{ID: id(parent, i, l.Name), Kind: "listener", Host: b.h.Host.Name, Label: l.Name, Path: l.Path, Detail: fmt.Sprintf("%s:%d %s", l.Address, l.Port, l.State)}
	if l.Error != "" {
		n.Detail += "; last update rejected: " + l.Error
	}
	chains := l.Chains
	if l.Default != nil {
		chains = append(chains[:len(chains):len(chains)], l.Default)
	}
	for j, c := range chains {
		n.Children = append(n.Children, b.chain(n.ID, j, e, l, c, c == l.Default))
	}
	n.Status = worst(n.Children)
	if !l.State.Serves() {
		n.Status = trace.Broken
	}
	return n
}

func (b *builder) chain(parent string, j int, e hosts.Envoy, l *envoy.Listener, c *envoy.Chain, def bool) *Node {
	n := &Node{ID: id(parent, j), Kind: "chain", Host: b.h.Host.Name, Label: c.Label(), Path: c.Path, Detail: chainDetail(c)}
	n.about = func() About { return chainAbout(c) }
	if def {
		n.Label, n.Detail = "default chain", "when no other matches; "+n.Detail
	}
	switch {
	case c.HCM == nil && c.TCPCluster != "":
		n.Children = append(n.Children, b.cluster(n.ID, e, c.TCPCluster))
	case c.HCM == nil:
		n.Status, n.Detail = trace.Unknown, n.Detail+"; "+strings.Join(c.Filters, ", ")
		return n
	default:
		rc := c.HCM.Route
		if rc == nil {
			rc = e.Config.RouteConfig(c.HCM.RouteName)
		}
		if rc == nil {
			n.Status, n.Behind = trace.Broken, fmt.Sprintf("route configuration %q is not there", c.HCM.RouteName)
			return n
		}
		for k, v := range rc.VHosts {
			n.Children = append(n.Children, b.vhost(n.ID, k, e, l, c, v))
		}
	}
	n.Status = worst(n.Children)
	return n
}

func chainDetail(c *envoy.Chain) string {
	out := "plain"
	if c.TLS {
		out = "TLS"
		if len(c.Secrets) > 0 {
			out += " " + strings.Join(c.Secrets, ", ")
		}
	}
	return out
}

func (b *builder) vhost(parent string, k int, e hosts.Envoy, l *envoy.Listener, c *envoy.Chain, v *envoy.VHost) *Node {
	n := &Node{ID: id(parent, k, v.Name), Kind: "vhost", Host: b.h.Host.Name, Label: v.Name, Path: v.Path, Detail: strings.Join(v.Domains, ", ")}
	n.about = func() About { return About{Match: []string{"domains " + strings.Join(v.Domains, ", ")}} }
	base := ""
	for _, d := range v.Domains {
		if strings.Contains(d, "*") {
			continue
		}
		if name, text, ok := strings.Cut(d, ":"); ok {
			port, _ := strconv.ParseUint(text, 10, 16)
			base = urlBase(name, uint16(port), c.TLS)
		} else {
			base = b.base(d, b.hostPort(e.Container, uint16(l.Port)), c.TLS) //nolint:gosec // a port
		}
		break
	}
	for i, r := range v.Routes {
		x := &Node{ID: id(n.ID, i), Kind: "route", Host: n.Host, Path: r.Path, Label: r.Match.String()}
		if p := r.Match.Prefix + r.Match.Exact + r.Match.Separated; base != "" && p != "" {
			x.URL = base + p
		}
		x.about = func() About { return routeAbout(c, r) }
		b.route(x, e, r)
		n.Children = append(n.Children, x)
	}
	n.Status, n.URL = worst(n.Children), base
	return n
}

func (b *builder) route(x *Node, e hosts.Envoy, r *envoy.Route) {
	switch {
	case r.Direct != nil:
		x.Detail = fmt.Sprintf("answers %d", r.Direct.Status)
	case r.Redirect != nil:
		x.Detail = "redirects"
		if r.Redirect.HTTPS {
			x.Detail += " to https"
		}
		if r.Redirect.Host != "" {
			x.Detail += " to " + r.Redirect.Host
		}
	case r.Other != "":
		x.Detail, x.Status = r.Other, trace.Unknown
	case r.ClusterHeader != "":
		x.Detail, x.Status = "cluster named by header "+r.ClusterHeader, trace.Unknown
	case len(r.Weighted) > 0:
		for _, w := range r.Weighted {
			c := b.cluster(x.ID, e, w.Cluster)
			c.Detail = fmt.Sprintf("%d of the traffic; %s", w.Weight, c.Detail)
			x.Children = append(x.Children, c)
		}
		x.Status = worst(x.Children)
	default:
		if r.Timeout != "" {
			x.Detail = "timeout " + r.Timeout
		}
		x.Children = append(x.Children, b.cluster(x.ID, e, r.Cluster))
		x.Status = worst(x.Children)
	}
}

func (b *builder) cluster(parent string, e hosts.Envoy, name string) *Node {
	n := &Node{ID: id(parent, "cluster", name), Kind: "cluster", Host: b.h.Host.Name, Label: name}
	c := e.Config.Cluster(name)
	if c == nil {
		n.Status, n.Behind = trace.Broken, "there is no such cluster: Envoy answers 503"
		return n
	}
	n.about = func() About { return clusterAbout(c) }
	n.Path, n.Detail = c.Path, fmt.Sprintf("%s %s", c.Type, c.State)
	for i, ep := range c.Endpoints {
		x := &Node{ID: id(n.ID, i), Kind: "endpoint", Host: n.Host, Label: ep.Label(), Path: ep.Path, Detail: strings.ToLower(ep.Health)}
		if ep.Pipe == "" {
			b.behind(x, hostNetOnly(b.h, e.Container), ep.Label(), uint16(ep.Port)) //nolint:gosec // a port
		} else {
			b.behind(x, hostNetOnly(b.h, e.Container), "unix:"+ep.Pipe, 0)
		}
		flags(x, c, ep)
		n.Children = append(n.Children, x)
	}
	n.Status = worst(n.Children)
	if len(c.Endpoints) == 0 {
		n.Status, n.Behind = trace.Broken, "no endpoints"
		if c.Type == "ORIGINAL_DST" || c.Type == "EDS" && c.Live == nil {
			n.Status, n.Behind = trace.Unknown, "endpoints are not listed"
		}
	}
	return n
}

// hostNetOnly gives the container a proxy resolves names from, "" where it shares the host's network
// or is not known.
func hostNetOnly(h *hosts.HostFacts, container string) string {
	for _, c := range h.Containers.Value {
		if c.Name == container && c.NetMode != "host" {
			return container
		}
	}
	return ""
}

func flags(x *Node, c *envoy.Cluster, ep envoy.Endpoint) {
	if c.Live == nil {
		return
	}
	for _, h := range c.Live.Hosts {
		if h.Label() == ep.Label() && !h.Healthy() {
			x.Status = trace.Broken
			x.Detail = strings.TrimSpace(strings.Join(h.Flags, ", ") + " " + strings.ToLower(h.EDS))
		}
	}
}

func (b *builder) traefik(parent string, t hosts.Traefik) *Node {
	n := &Node{ID: id(parent, "traefik"), Kind: "traefik", Host: b.h.Host.Name, Label: "Traefik", Detail: strings.TrimSpace(t.Version + " from " + t.From)}
	if t.Error != "" {
		n.Detail += "; " + t.Error
	}
	for i, r := range t.Routers {
		x := &Node{ID: id(n.ID, i, r.Name), Kind: "router", Host: n.Host, Label: r.Name, Detail: r.Rule}
		if len(r.EntryPoints) > 0 {
			x.Detail += " on " + strings.Join(r.EntryPoints, ", ")
		}
		x.about, x.URL = func() About { return routerAbout(&t, r) }, routerURL(r)
		if len(r.Errors) > 0 {
			x.Status, x.Behind = trace.Broken, strings.Join(r.Errors, "; ")
		} else {
			b.routerTarget(x, &t, r)
		}
		n.Children = append(n.Children, x)
	}
	n.Status = worst(n.Children)
	return n
}

var (
	ruleHost = regexp.MustCompile("\\bHost\\(`([^`]+)`")
	rulePath = regexp.MustCompile("\\bPath(?:Prefix)?\\(`([^`]+)`")
)

// routerURL is a request for the first host and path that a rule names.
func routerURL(r hosts.Router) string {
	m := ruleHost.FindStringSubmatch(r.Rule)
	if m == nil {
		return ""
	}
	u := "http://" + m[1] + "/"
	if r.TLS {
		u = "https://" + m[1] + "/"
	}
	if p := rulePath.FindStringSubmatch(r.Rule); p != nil {
		u += strings.TrimPrefix(p[1], "/")
	}
	return u
}

func (b *builder) routerTarget(x *Node, t *hosts.Traefik, r hosts.Router) {
	s := traefik.ServiceOf(t, &r)
	switch {
	case s == nil:
		x.Status, x.Behind = trace.Broken, "service "+r.Service+" does not exist"
	case len(s.Servers) > 0:
		for i, v := range s.Servers {
			c := &Node{ID: id(x.ID, i), Kind: "service", Host: x.Host, Label: v.URL, Detail: strings.ToLower(v.Status)}
			_, rest, _ := strings.Cut(v.URL, "://")
			rest, _, _ = strings.Cut(rest, "/")
			port := uint16(80)
			if strings.HasPrefix(v.URL, "https://") {
				port = 443
			}
			b.behind(c, hostNetOnly(b.h, trace.TraefikIn(b.h)), rest, port)
			if v.Status == "DOWN" {
				c.Status = trace.Broken
			}
			x.Children = append(x.Children, c)
		}
		x.Status = worst(x.Children)
	case s.Container != "":
		x.Status, x.Behind = b.container(s.Container)
		x.Way = []trace.Hop{{Kind: "container", Host: x.Host, Object: s.Container, Status: x.Status, Detail: x.Behind}}
	default:
		x.Status, x.Behind = trace.Broken, "Traefik has no server for it: it answers 503"
	}
}

func (b *builder) container(name string) (trace.Status, string) {
	for _, c := range b.h.Containers.Value {
		if c.Name == name {
			return trace.ContainerState(b.h, &c)
		}
	}
	for _, v := range b.h.Swarm.Value.Services {
		if v.Name == name {
			text := fmt.Sprintf("service %s: %d of %d replicas run", name, v.Running, v.Wanted)
			switch {
			case v.Running == 0:
				return trace.Broken, text
			case v.Running < v.Wanted:
				return trace.Unknown, text
			}
			return trace.OK, text
		}
	}
	return trace.Unknown, name + " is not known"
}
