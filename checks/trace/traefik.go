package trace

import (
	"fmt"
	"net/url"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/traefik"
)

// traefik follows the request through a Traefik that runs in a container.
func (w *walker) traefik(place where, t *hosts.Traefik, port uint16) {
	host := place.h.Host.Name
	entry := traefik.EntryOf(t, port)
	path, _, _ := strings.Cut(w.r.uri, "?")
	c := traefik.Route(t, entry, w.r.tls, traefik.Request{Host: w.r.host, Path: path, Method: w.r.method, Headers: w.r.header, SNI: w.r.sni})
	if c.Router == nil {
		st := Broken
		if c.Unknown != "" {
			st = Unknown
		}
		w.add(Hop{Kind: "router", Host: host, Object: w.r.host, Status: st, Match: c.Why, Detail: orText(c.Unknown, c.Why)})
		return
	}
	hop := Hop{Kind: "router", Host: host, Object: c.Router.Name, Match: c.Why, Target: c.Router.Service, Detail: "from " + t.From}
	if entry != "" {
		hop.Detail += ", entry point " + entry
	}
	for _, m := range c.Router.Middlewares {
		hop.Passes = append(hop.Passes, Pair{"middleware", m})
	}
	if len(c.Router.Errors) > 0 {
		hop.Status, hop.Detail = Broken, strings.Join(c.Router.Errors, "; ")
	}
	if to := redirecting(t, c.Router); to != "" && !w.r.tls {
		hop.Kind, hop.Target, hop.Detail = "redirect", "https://"+w.r.host+w.r.uri, "middleware "+to+" sends the client to https"
		w.add(hop)
		return
	}
	w.add(hop)
	w.r.set("X-Forwarded-Proto", w.r.scheme)
	w.r.tls, w.r.sni = false, ""
	w.traefikService(place, c)
}

func redirecting(t *hosts.Traefik, r *hosts.Router) string {
	for _, name := range r.Middlewares {
		short, _, _ := strings.Cut(name, "@")
		for _, m := range t.Middlewares {
			if mn, _, _ := strings.Cut(m.Name, "@"); mn == short && strings.EqualFold(m.Type, "redirectscheme") {
				return m.Name
			}
		}
	}
	return ""
}

func (w *walker) traefikService(place where, c traefik.Choice) {
	host, s := place.h.Host.Name, c.Service
	if s == nil {
		w.add(Hop{Kind: "service", Host: host, Object: c.Router.Service, Status: Broken, Detail: "the router names a service that does not exist"})
		return
	}
	hop := Hop{Kind: "service", Host: host, Object: s.Name}
	if len(s.Servers) > 0 {
		best := s.Servers[0]
		for _, v := range s.Servers {
			if v.Status != "DOWN" {
				best = v
				break
			}
		}
		hop.Target, hop.Detail = best.URL, servers(len(s.Servers))
		if best.Status == "DOWN" {
			hop.Status, hop.Detail = Broken, "every server is down by Traefik's health check"
		}
		w.add(hop)
		if u, err := url.Parse(best.URL); err == nil && u.Host != "" {
			w.r.tls = u.Scheme == "https"
			w.goTo(place, u.Host, 80)
		}
		return
	}
	target := containerNamed(place.h, s.Container)
	switch {
	case s.Container == "":
		hop.Status, hop.Detail = Broken, "Traefik has no server for it: it answers 503"
		w.add(hop)
	case s.Port == 0:
		hop.Status, hop.Detail = Unknown, "the port is not given by a label and the container exposes none or several"
		w.add(hop)
	case target != nil:
		hop.Target = fmt.Sprintf("%s:%d", target.Name, s.Port)
		w.add(hop)
		w.inside(place.h, target, uint16(s.Port)) //nolint:gosec // a port
	default:
		hop.Target = fmt.Sprintf("%s:%d", s.Container, s.Port)
		w.add(hop)
		w.swarmName(place, s.Container, uint16(s.Port)) //nolint:gosec // a port
	}
}

func containerNamed(h *hosts.HostFacts, name string) *hosts.Container {
	cs := h.Containers.Value
	for i := range cs {
		if cs[i].Name == name {
			return &cs[i]
		}
	}
	return nil
}

func servers(n int) string {
	if n == 1 {
		return "its only server"
	}
	return fmt.Sprintf("%d servers", n)
}
