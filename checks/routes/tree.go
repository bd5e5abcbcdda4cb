package routes

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"midwatch/checks/trace"
	"midwatch/hosts"
)

// Node is one line of the tree.
type Node struct {
	ID       string // stable within a snapshot of the same configuration
	Kind     string // host, nginx, server, location, upstream, member, envoy, listener, chain, vhost, route, cluster, endpoint, traefik, router, service
	Host     string
	Label    string
	Detail   string // what follows from the configuration: "proxy_pass http://app"
	File     string
	Line     int
	Path     string // JSON path in Envoy's dump
	Behind   string // what takes the traffic, "container hub: running, healthy"; "" where nothing does
	Status   trace.Status
	Children []*Node
	// Proxy is what the node is part of, "nginx", "envoy" or "traefik", and In the container that one
	// runs in, "" for the host itself.
	Proxy, In string
	// Way is how a target is reached from here, up to what takes the connection.
	Way []trace.Hop
	// URL is a request that takes this way, for opening a trace; "" where none can be formed.
	URL string

	about  func() About
	passes bool // a *_pass directive stands here
}

// Tree is all routes of all hosts. edges are the forwards in front of the fleet: with them the URLs
// are those that clients use.
func Tree(s *hosts.Snapshot, edges ...trace.Edge) []*Node {
	var out []*Node
	for _, h := range s.Hosts {
		n := &Node{ID: h.Host.Name, Kind: "host", Host: h.Host.Name, Label: h.Host.Name}
		b := &builder{s: s, h: h, edges: edges}
		for _, e := range h.Envoy.Value {
			n.Children = append(n.Children, b.envoy(n.ID, e).part("envoy", e.Container))
		}
		for _, x := range h.Nginx.Value {
			n.Children = append(n.Children, b.nginx(n.ID, x).part("nginx", x.Container))
		}
		for _, t := range h.Traefik.Value {
			n.Children = append(n.Children, b.traefik(n.ID, t).part("traefik", trace.TraefikIn(h)))
		}
		b.gaps(n)
		if len(n.Children) > 0 {
			n.Status = worst(n.Children)
			out = append(out, n)
		}
	}
	return out
}

// part says what n and all below it are part of.
func (n *Node) part(proxy, in string) *Node {
	n.Proxy, n.In = proxy, in
	for _, c := range n.Children {
		c.part(proxy, in)
	}
	return n
}

type builder struct {
	s     *hosts.Snapshot
	h     *hosts.HostFacts
	edges []trace.Edge
}

// base forms "https://name" of requests for a name that come to a port of the host: by the forward
// that clients come through where there is one, else at the port itself.
func (b *builder) base(name string, port uint16, tls bool) string {
	for _, e := range b.edges {
		if !publicName(e.Public, name) {
			continue
		}
		// A proxy further in is reached through the forward as well.
		return urlBase(name, e.Port, e.Port == 443 || tls && e.Host == b.h.Host.Name)
	}
	if port == 0 {
		return ""
	}
	return urlBase(name, port, tls)
}

// urlBase writes "scheme://name:port", without a port that the scheme implies.
func urlBase(name string, port uint16, tls bool) string {
	scheme, std := "http", uint16(80)
	if tls {
		scheme, std = "https", 443
	}
	if port != std {
		name = fmt.Sprintf("%s:%d", name, port)
	}
	return scheme + "://" + name
}

// hostPort is where a port inside a container is reached on its host; 0 where it is not published.
// "" is the host itself.
func (b *builder) hostPort(container string, port uint16) uint16 {
	if container == "" {
		return port
	}
	for i := range b.h.Containers.Value {
		c := &b.h.Containers.Value[i]
		if c.Name != container {
			continue
		}
		if c.NetMode == "host" {
			return port
		}
		for _, p := range c.Ports {
			if p.ContainerPort == port && p.HostPort != 0 && p.Proto == "tcp" {
				return p.HostPort
			}
		}
	}
	return 0
}

// gaps adds a line for each kind of proxy that could not be read.
func (b *builder) gaps(n *Node) {
	add := func(kind string, st hosts.Standing, reason, needs string) {
		if st != hosts.Unknown && st != hosts.Stale {
			return
		}
		text := reason
		if st == hosts.Stale {
			text = "what stands here is the last known: " + text
		}
		if needs != "" {
			text += "; needs " + needs
		}
		n.Children = append(n.Children, &Node{ID: n.ID + "/" + kind + "?", Kind: kind, Host: b.h.Host.Name, Label: kind, Detail: text, Status: trace.Unknown, Proxy: kind})
	}
	add("nginx", b.h.Nginx.Standing(), b.h.Nginx.Reason, b.h.Nginx.Needs)
	add("envoy", b.h.Envoy.Standing(), b.h.Envoy.Reason, b.h.Envoy.Needs)
	add("traefik", b.h.Traefik.Standing(), b.h.Traefik.Reason, b.h.Traefik.Needs)
}

func (b *builder) behind(n *Node, container, target string, port uint16) {
	n.Way = trace.Behind(b.s, b.h.Host.Name, container, target, port)
	n.Status, n.Behind = trace.Summary(n.Way)
}

// worst is the status of a parent: broken before unknown before ok; children that judge nothing
// do not count.
func worst(ns []*Node) trace.Status {
	st := trace.Status("")
	for _, n := range ns {
		switch {
		case n.Status == trace.Broken:
			return trace.Broken
		case n.Status == trace.Unknown:
			st = trace.Unknown
		case n.Status == trace.OK && st == "":
			st = trace.OK
		}
	}
	return st
}

func title(kind, container string) string {
	if container == "" {
		return kind
	}
	return kind + " in " + container
}

// Count is the number of nodes below and including ns, by status.
func Count(ns []*Node) (ok, broken, unknown int) {
	for _, n := range ns {
		if len(n.Children) == 0 {
			switch n.Status {
			case trace.OK:
				ok++
			case trace.Broken:
				broken++
			case trace.Unknown:
				unknown++
			}
		}
		o, b, u := Count(n.Children)
		ok, broken, unknown = ok+o, broken+b, unknown+u
	}
	return ok, broken, unknown
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func id(parent string, parts ...any) string {
	return parent + "/" + strings.ReplaceAll(strings.TrimSpace(fmt.Sprintln(parts...)), "/", "\u2215")
}

// Forwarded reports whether a request for the URL comes into the fleet through one of the edges.
func Forwarded(text string, edges []trace.Edge) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" || u.Scheme == "wss" || u.Scheme == "grpcs" {
			port = "443"
		}
	}
	for _, e := range edges {
		if publicName(e.Public, u.Hostname()) && fmt.Sprint(e.Port) == port {
			return true
		}
	}
	return false
}

// publicName reports whether a forward is for a name.
func publicName(public, name string) bool {
	return strings.EqualFold(public, name) || strings.HasPrefix(public, "*.") && strings.HasSuffix(strings.ToLower(name), strings.ToLower(public[1:]))
}
