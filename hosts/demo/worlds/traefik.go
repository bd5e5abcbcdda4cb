package worlds

import (
	"fmt"
	"net/http"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// traefikRouter sends a host and path to a service.
type traefikRouter struct {
	name, host, prefix string
	pattern            *regexp.Regexp // in place of host: HostRegexp
	provider           string         // "" is the proxy's
	entry              string
	service            string
	resolver           string // certificate resolver, "" without TLS
	middlewares        []string
	failed             string // why Traefik does not use it
	priority           int    // 0 is the length of the rule
}

func (r traefikRouter) rule() string {
	s := "Host(`" + r.host + "`)"
	if r.pattern != nil {
		s = "HostRegexp(`" + r.pattern.String() + "`)"
	}
	if r.prefix != "" {
		s += " && PathPrefix(`" + r.prefix + "`)"
	}
	return s
}

func (r traefikRouter) weight() int {
	if r.priority > 0 {
		return r.priority
	}
	return len(r.rule())
}

// takes reports whether the router takes a request.
func (r traefikRouter) takes(entry, host, path string) bool {
	if r.failed != "" || r.entry != entry || !strings.HasPrefix(path, r.prefix) {
		return false
	}
	if r.pattern == nil {
		return r.host == host
	}
	return r.pattern.MatchString(host)
}

// traefikServer is one server of a service: a container of this host, or an address.
type traefikServer struct {
	c    *sim.Container
	name string // the container is named by this, not by its address
	addr string
	port int
	tls  bool
}

func (s traefikServer) url() string {
	addr, scheme := s.addr, "http"
	if s.c != nil {
		addr = s.c.IP()
	}
	if s.name != "" {
		addr = s.name
	}
	if s.tls {
		scheme = "https"
	}
	return scheme + "://" + addr + ":" + strconv.Itoa(s.port)
}

// gone reports that the name of a server means nothing.
func (s traefikServer) gone() bool { return s.c == nil && s.addr == "" }

// traefik is a Traefik proxy with its API. Its fields are guarded by the site's lock.
type traefik struct {
	s        *sim.Site
	h        *sim.Host
	c        *sim.Container
	version  string
	provider string // docker, swarm, file
	entries  map[string]string
	routers  []traefikRouter
	services map[string][]traefikServer
	rnd      *rnd
	n        int
}

// find returns the router with the longest rule that matches.
func (t *traefik) find(entry, host, path string) *traefikRouter {
	host, _, _ = strings.Cut(host, ":")
	var best *traefikRouter
	for i := range t.routers {
		r := &t.routers[i]
		if r.takes(entry, host, path) && (best == nil || r.weight() > best.weight()) {
			best = r
		}
	}
	return best
}

// upstream picks a server that answers; the site is locked.
func (t *traefik) upstream(service string) (traefikServer, sim.Listener, error) {
	list := t.services[service]
	err := errRefused
	for i := range list {
		t.n++
		s := list[(t.n+i)%len(list)]
		if s.gone() || s.c != nil && (s.c.Health == "unhealthy" || !s.c.Running()) {
			continue
		}
		addr := s.addr
		if s.c != nil {
			addr = s.c.IP()
		}
		l, e := reachLocked(t.s, t.h, addr, s.port)
		if e == nil {
			return s, l, nil
		}
		err = e
	}
	return traefikServer{}, sim.Listener{}, err
}

// line is Traefik's access log in its common format.
func (t *traefik) line(q request, router, url string) string {
	t.n++
	return fmt.Sprintf(`%s - - [%s] "%s %s HTTP/2.0" %d %d "-" "-" %d "%s" "%s" %dms`, q.client, q.at.UTC().Format("02/Jan/2006:15:04:05 +0000"),
		q.method, q.path, q.status, q.bytes, t.n, router, url, q.took.Milliseconds())
}

// note writes the line of a request.
func (t *traefik) note(q request, router, url string) {
	if t.c.Running() {
		t.c.Out(q.at, t.line(q, router, url))
	}
}

// entryPoint answers one of Traefik's ports.
func (t *traefik) entryPoint(entry string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.s.Lock()
		rt := t.find(entry, r.Host, r.URL.Path)
		var srv traefikServer
		var l sim.Listener
		var err error
		if rt != nil {
			srv, l, err = t.upstream(rt.service)
		}
		now := t.s.Now()
		t.s.Unlock()
		client, _, _ := strings.Cut(r.RemoteAddr, ":")
		q := request{at: now, client: client, method: r.Method, path: r.URL.RequestURI(), host: r.Host}
		out := newCapture()
		name, url := "-", "-"
		switch {
		case rt == nil:
			out.header.Set("Content-Type", "text/plain; charset=utf-8")
			out.code = http.StatusNotFound
			_, _ = out.Write([]byte("404 page not found\n"))
		case err != nil:
			name = t.full(rt)
			out.code = http.StatusServiceUnavailable
			_, _ = out.Write([]byte("no available server\n"))
			if len(t.services[rt.service]) > 0 && t.services[rt.service][0].name != "" {
				out.code = http.StatusBadGateway
				out.body.Reset()
				_, _ = out.Write([]byte("Bad Gateway"))
			}
		case rt.resolver == "" && entry == "web" && contains(rt.middlewares, "redirect-to-https"):
			out.header.Set("Location", "https://"+r.Host+r.URL.RequestURI())
			out.code = http.StatusMovedPermanently
		default:
			name, url = t.full(rt), srv.url()
			pass(out, r, l.Handler, t.c.IP(), func(r *http.Request) {
				proto := "http"
				if entry == "websecure" {
					proto = "https"
				}
				r.Header.Set("X-Forwarded-Proto", proto)
				r.Header.Set("X-Forwarded-For", client)
				r.Header.Set("X-Forwarded-Host", r.Host)
				r.Header.Set("X-Forwarded-Server", t.c.Short())
			})
		}
		q.status, q.bytes, q.took = out.code, out.body.Len(), 2*time.Millisecond
		t.s.Lock()
		t.note(q, name, url)
		t.s.Unlock()
		out.copyTo(w)
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// api is what the dashboard reads.
func (t *traefik) api() http.Handler {
	m := http.NewServeMux()
	doc := func(path string, fn func() any) {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			t.s.Lock()
			v := fn()
			t.s.Unlock()
			reply(w, http.StatusOK, v)
		})
	}
	doc("/api/version", func() any {
		return map[string]any{"Version": t.version, "Codename": "munster", "startDate": t.c.Started.UTC().Format(time.RFC3339)}
	})
	doc("/api/entrypoints", func() any {
		names := make([]string, 0, len(t.entries))
		for n := range t.entries {
			names = append(names, n)
		}
		sort.Strings(names)
		list := []any{}
		for _, n := range names {
			list = append(list, map[string]any{"name": n, "address": t.entries[n]})
		}
		return list
	})
	doc("/api/rawdata", t.rawData)
	doc("/api/http/routers", func() any {
		list := []any{}
		for _, r := range t.routers {
			x := t.routerDoc(r)
			x["name"], x["provider"] = t.full(&r), t.of(&r)
			list = append(list, x)
		}
		return list
	})
	doc("/api/overview", func() any {
		return map[string]any{"http": map[string]any{"routers": map[string]any{"total": len(t.routers), "warnings": 0, "errors": 0}, "services": map[string]any{"total": len(t.services)}}, "providers": []string{t.provider}}
	})
	m.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("OK")) })
	return m
}

func (t *traefik) routerDoc(r traefikRouter) map[string]any {
	x := map[string]any{"entryPoints": []string{r.entry}, "service": r.service, "rule": r.rule(), "priority": r.weight(), "status": "enabled", "using": []string{r.entry}}
	if len(r.middlewares) > 0 {
		var list []string
		for _, m := range r.middlewares {
			list = append(list, m+"@"+t.of(&r))
		}
		x["middlewares"] = list
	}
	if r.resolver != "" {
		x["tls"] = map[string]any{"certResolver": r.resolver, "options": "default"}
	}
	if r.failed != "" {
		x["status"], x["error"] = "disabled", []string{r.failed}
	}
	return x
}

func (t *traefik) rawData() any {
	routers, services, mids, of := map[string]any{}, map[string]any{}, map[string]any{}, map[string]string{}
	for _, r := range t.routers {
		routers[t.full(&r)] = t.routerDoc(r)
		of[r.service] = t.of(&r)
		for _, m := range r.middlewares {
			mids[m+"@"+t.of(&r)] = map[string]any{"redirectScheme": map[string]any{"scheme": "https", "permanent": true}, "status": "enabled", "usedBy": []string{t.full(&r)}}
		}
	}
	for name, list := range t.services {
		if of[name] == "" {
			of[name] = t.provider
		}
		servers, status := []any{}, map[string]string{}
		for _, s := range list {
			if s.name == "" && s.c != nil && (!s.c.Running() || s.c.Health == "unhealthy") {
				continue // the Docker provider leaves out what is not healthy
			}
			servers = append(servers, map[string]string{"url": s.url()})
			status[s.url()] = "UP"
		}
		services[name+"@"+of[name]] = map[string]any{"loadBalancer": map[string]any{"servers": servers, "passHostHeader": true}, "status": "enabled", "serverStatus": status}
	}
	return map[string]any{"routers": routers, "services": services, "middlewares": mids}
}

// labels are those that make Traefik's Docker provider know a router and its service.
func (r traefikRouter) labels(port int) map[string]string {
	p := "traefik.http.routers." + r.name + "."
	m := map[string]string{
		"traefik.enable": "true", p + "rule": r.rule(), p + "entrypoints": r.entry, p + "service": r.service,
		"traefik.http.services." + r.service + ".loadbalancer.server.port": strconv.Itoa(port),
	}
	if r.resolver != "" {
		m[p+"tls"], m[p+"tls.certresolver"] = "true", r.resolver
	}
	if len(r.middlewares) > 0 {
		m[p+"middlewares"] = strings.Join(r.middlewares, ",")
	}
	return m
}

// merged joins label sets, later ones first.
func merged(sets ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, s := range sets {
		for k, v := range s {
			out[k] = v
		}
	}
	return out
}

// through sends a request of the world's own traffic through the proxy; to is what answers for a
// container. The site is locked.
func (t *traefik) through(q request, entry string, to func(c *sim.Container) hop) answer {
	path, _, _ := strings.Cut(q.path, "?")
	rt := t.find(entry, q.host, path)
	if rt == nil {
		q.status, q.bytes = http.StatusNotFound, 19
		t.note(q, "-", "-")
		return answer{status: q.status}
	}
	srv, _, err := t.upstream(rt.service)
	if err != nil {
		q.status, q.bytes = http.StatusServiceUnavailable, 20
		t.note(q, t.full(rt), "-")
		return answer{status: q.status}
	}
	a := to(srv.c)(&q)
	q.status = a.status
	t.note(q, t.full(rt), srv.url())
	return a
}

// of is the provider that a router came from.
func (t *traefik) of(r *traefikRouter) string {
	if r.provider != "" {
		return r.provider
	}
	return t.provider
}

// full is a router's name as Traefik shows it.
func (t *traefik) full(r *traefikRouter) string { return r.name + "@" + t.of(r) }
