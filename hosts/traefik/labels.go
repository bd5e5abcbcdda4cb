package traefik

import (
	"sort"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// Labelled is a container or Swarm service with its labels.
type Labelled struct {
	Name   string // container or service name, which names its default router
	Labels map[string]string
	Port   int // the only exposed port, which is Traefik's default; 0 when there are several or none
}

// FromLabels forms routers and services the way Traefik's Docker provider does. Objects with
// traefik.enable=false are left out; those without the label count when byDefault is set.
func FromLabels(objects []Labelled, byDefault bool) *hosts.Traefik {
	t := &hosts.Traefik{From: "labels"}
	for _, o := range objects {
		on, set := o.Labels["traefik.enable"]
		if set && on != "true" || !set && !byDefault && !routed(o.Labels) {
			continue
		}
		addObject(t, o)
	}
	return t
}

func routed(labels map[string]string) bool {
	for k := range labels {
		if strings.HasPrefix(k, "traefik.http.routers.") {
			return true
		}
	}
	return false
}

func addObject(t *hosts.Traefik, o Labelled) {
	routers, services, middles := map[string]*hosts.Router{}, map[string]*hosts.ProxyService{}, map[string]*hosts.Middleware{}
	for _, k := range sorted(o.Labels) {
		v := o.Labels[k]
		parts := strings.SplitN(k, ".", 5)
		if len(parts) < 5 || parts[0] != "traefik" || parts[1] != "http" {
			continue
		}
		name, key := parts[3], strings.ToLower(parts[4])
		switch parts[2] {
		case "routers":
			setRouter(at(routers, name, func() *hosts.Router {
				return &hosts.Router{Name: name + "@docker", Provider: "docker", Container: o.Name, Status: "enabled"}
			}), key, v)
		case "services":
			setService(at(services, name, func() *hosts.ProxyService {
				return &hosts.ProxyService{Name: name + "@docker", Provider: "docker", Container: o.Name, Port: o.Port}
			}), key, v)
		case "middlewares":
			kind, setting, _ := strings.Cut(key, ".")
			m := at(middles, name, func() *hosts.Middleware {
				return &hosts.Middleware{Name: name + "@docker", Settings: map[string]string{}}
			})
			m.Type = kind
			m.Settings[setting] = v
		}
	}
	if len(services) == 0 {
		services[o.Name] = &hosts.ProxyService{Name: o.Name + "@docker", Provider: "docker", Container: o.Name, Port: o.Port}
	}
	for _, n := range sorted(routers) {
		r := routers[n]
		if r.Service == "" && len(services) == 1 {
			r.Service = sorted(services)[0]
		}
		t.Routers = append(t.Routers, *r)
	}
	for _, n := range sorted(services) {
		t.Services = append(t.Services, *services[n])
	}
	for _, n := range sorted(middles) {
		t.Middlewares = append(t.Middlewares, *middles[n])
	}
}

func at[T any](m map[string]*T, name string, make func() *T) *T {
	if m[name] == nil {
		m[name] = make()
	}
	return m[name]
}

func setRouter(r *hosts.Router, key, v string) {
	switch {
	case key == "rule":
		r.Rule = v
	case key == "service":
		r.Service = v
	case key == "entrypoints":
		r.EntryPoints = split(v)
	case key == "middlewares":
		r.Middlewares = split(v)
	case key == "priority":
		r.Priority, _ = strconv.Atoi(v)
	case key == "tls":
		r.TLS = v != "false"
	case key == "tls.certresolver":
		r.TLS, r.CertResolver = true, v
	case strings.HasPrefix(key, "tls."):
		r.TLS = true
	}
}

func setService(s *hosts.ProxyService, key, v string) {
	switch key {
	case "loadbalancer.server.port":
		s.Port, _ = strconv.Atoi(v)
	case "loadbalancer.server.scheme":
		s.Scheme = v
	case "loadbalancer.server.url":
		s.Servers = append(s.Servers, hosts.ProxyServer{URL: v})
	}
}

func split(v string) []string {
	var out []string
	for part := range strings.SplitSeq(v, ",") {
		if p := strings.TrimSpace(part); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// EntryPointsOf reads --entrypoints.NAME.address=:PORT from Traefik's arguments.
func EntryPointsOf(command []string) []hosts.EntryPoint {
	var out []hosts.EntryPoint
	for _, a := range command {
		key, v, ok := strings.Cut(strings.TrimLeft(a, "-"), "=")
		parts := strings.Split(key, ".")
		if ok && len(parts) == 3 && strings.EqualFold(parts[0], "entrypoints") && strings.EqualFold(parts[2], "address") {
			out = append(out, hosts.EntryPoint{Name: parts[1], Address: v})
		}
	}
	return out
}
