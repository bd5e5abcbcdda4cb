package routes

import (
	"fmt"
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
	// URL is a request that takes this way, for opening a trace; "" where none can be formed.
	URL string
}

// Tree is all routes of all hosts.
func Tree(s *hosts.Snapshot) []*Node {
	var out []*Node
	for _, h := range s.Hosts {
		n := &Node{ID: h.Host.Name, Kind: "host", Host: h.Host.Name, Label: h.Host.Name}
		b := &builder{s: s, h: h}
		for _, e := range h.Envoy.Value {
			n.Children = append(n.Children, b.envoy(n.ID, e))
		}
		for _, x := range h.Nginx.Value {
			n.Children = append(n.Children, b.nginx(n.ID, x))
		}
		for _, t := range h.Traefik.Value {
			n.Children = append(n.Children, b.traefik(n.ID, t))
		}
		b.gaps(n)
		if len(n.Children) > 0 {
			n.Status = worst(n.Children)
			out = append(out, n)
		}
	}
	return out
}

type builder struct {
	s *hosts.Snapshot
	h *hosts.HostFacts
}

// gaps adds a line for each kind of proxy that could not be read.
func (b *builder) gaps(n *Node) {
	add := func(kind string, st hosts.Standing, reason, needs string) {
		if st != hosts.Unknown && st != hosts.Stale {
			return
		}
		text := reason
		if needs != "" {
			text += "; needs " + needs
		}
		n.Children = append(n.Children, &Node{ID: n.ID + "/" + kind + "?", Kind: kind, Host: b.h.Host.Name, Label: kind, Detail: text, Status: trace.Unknown})
	}
	add("nginx", b.h.Nginx.Standing(), b.h.Nginx.Reason, b.h.Nginx.Needs)
	add("envoy", b.h.Envoy.Standing(), b.h.Envoy.Reason, b.h.Envoy.Needs)
	add("traefik", b.h.Traefik.Standing(), b.h.Traefik.Reason, b.h.Traefik.Needs)
}

func (b *builder) behind(n *Node, container, target string, port uint16) {
	n.Status, n.Behind = trace.Summary(trace.Behind(b.s, b.h.Host.Name, container, target, port))
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

func id(parent string, parts ...any) string {
	return parent + "/" + strings.ReplaceAll(strings.TrimSpace(fmt.Sprintln(parts...)), "/", "\u2215")
}
