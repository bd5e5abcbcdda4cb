package worlds

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

const (
	stackRegistry = "git.app.flexinit.nl/oussamadouhou/"
	portalImage   = stackRegistry + "ai-stack-deployer"
	codeImage     = stackRegistry + "oh-my-opencode-free"
)

// stack is the world while it lives. The site's lock guards it.
type stack struct {
	w World
	s *sim.Site
	p *Plan

	edge, dok   *sim.Host
	outer       *traefik // at the edge
	inner       *traefik // beside Dokploy
	c           *cluster
	dokploy, db *sim.Container
	projects    []*dokProject
	portal      *dokApp
	broken      int // calls of the portal that Dokploy has failed in a row
	rnd         *rnd
}

func buildStack(w World, s *sim.Site, p *Plan) {
	x := &stack{w: w, s: s, p: p, rnd: s.Rand("stack")}
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	x.buildDokploy()
	x.buildEdge()
	x.buildApps()
	x.live()
}

func (x *stack) buildEdge() {
	sp := machine(x.p, x.w.Hosts[0], bookworm(), 4, 8*gib)
	sp.Up = 120 * day
	docker(&sp)
	h := x.s.AddHost(sp)
	x.edge = h
	base(h)
	files(h.FS, x.w, x.p, "stack/edge", x.s.Start().Add(-41*day), nil)
	h.FS.Put("/etc/traefik/acme.json", vfs.Node{Mode: 0o600, Data: []byte("{}\n"), MTime: x.s.Start().Add(-84 * day)})
	h.AddNetwork(sim.Network{Name: "edge_edge", Subnet: "172.23.0.0/16", Gateway: "172.23.0.1", Labels: map[string]string{"com.docker.compose.project": "edge", "com.docker.compose.network": "edge"}})
	h.AddVolume(sim.Volume{Name: "edge_gitea_data", Size: 9 * gib, Labels: map[string]string{"com.docker.compose.project": "edge", "com.docker.compose.volume": "gitea_data"}})
	git := traefikRouter{name: "git", host: x.p.Domain("git.app.flexinit.nl"), entry: "websecure", service: "git", resolver: "le"}
	gitea := h.AddContainer(sim.ContainerSpec{
		Name: "gitea", Image: "gitea/gitea:1.22.3", Networks: []string{"edge_edge"}, Aliases: []string{"gitea"}, Restart: "always", Up: 40 * day, Entrypoint: []string{"/usr/bin/entrypoint"}, Cmd: []string{"/usr/bin/s6-svscan", "/etc/s6"},
		Labels: merged(composed(x.s, "edge", "gitea", "/opt/edge", "docker-compose.yml"), git.labels(3000)), Expose: []string{"22/tcp", "3000/tcp"}, Mounts: []sim.MountSpec{vol("edge_gitea_data", "/data")}, CPU: 4, CPUSwing: 3, Mem: 310 * mib, MemSwing: 20 * mib, Net: 30e3,
		HTTP: map[int]http.Handler{3000: serve(x.s, "gitea", x.atGitea)},
	})
	dok := x.p.Addr("10.100.0.20")
	t := &traefik{
		s: x.s, h: h, version: "3.5.3", provider: "file", rnd: x.s.Rand("outer"), entries: map[string]string{"web": ":80", "websecure": ":443", "admin": ":8443"},
		routers: []traefikRouter{
			{name: "portal", host: x.p.Domain("deploy.ai.flexinit.nl"), priority: 100, entry: "websecure", service: "dokploy-traefik", resolver: "le"},
			{name: "stacks", pattern: regexp.MustCompile("^" + strings.Replace(regexp.QuoteMeta(x.host("NAME")), "NAME", "[a-z0-9-]+", 1) + "$"), entry: "websecure", service: "dokploy-traefik", resolver: "le"},
			{name: "dokploy", host: x.p.Domain("app.flexinit.nl"), entry: "websecure", service: "dokploy-ui", resolver: "le"},
		},
		services: map[string][]traefikServer{"dokploy-traefik": {{addr: dok, port: 443, tls: true}}, "dokploy-ui": {{addr: dok, port: 3000}}, "git": {{c: gitea, port: 3000}}},
	}
	h.FS.Put("/etc/traefik/users", vfs.Node{Mode: 0o600, Data: []byte("admin:$2y$05$demo\n"), MTime: x.s.Start().Add(-41 * day)})
	git.provider = "docker"
	t.routers = append(t.routers, git)
	x.outer = t
	pair := newCerts(x.s, cert{[]string{x.host("*"), x.host("deploy"), x.host("ahmed")}, 6, "Demo E6"}, cert{[]string{x.p.Domain("app.flexinit.nl")}, 63, "Demo E6"}, cert{[]string{x.p.Domain("git.app.flexinit.nl")}, 63, "Demo E6"})
	t.c = h.AddContainer(sim.ContainerSpec{
		Name: "traefik", Image: "traefik:v3.5.3", Networks: []string{"edge_edge"}, Aliases: []string{"traefik"}, Restart: "always", Up: 40 * day, Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"traefik"},
		Labels: composed(x.s, "edge", "traefik", "/opt/edge", "docker-compose.yml"), Ports: []sim.PortSpec{{Host: 80, Port: 80}, {Host: 443, Port: 443}, {IP: "127.0.0.1", Host: 8443, Port: 8443}},
		Mounts: []sim.MountSpec{{Type: "bind", Source: "/etc/traefik", Target: "/etc/traefik"}, {Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", RO: true}}, CPU: 2, CPUSwing: 1.5, Mem: 74 * mib, MemSwing: 6 * mib, Net: 80e3,
		HTTP: map[int]http.Handler{80: http.HandlerFunc(toHTTPS), 443: t.entryPoint("websecure"), 8443: behindLogin(t.api())}, TLS: map[int]*tls.Config{443: pair.bySNI(false), 8443: defaultCert(x.s).bySNI(false)},
	})
}

// defaultCert is the certificate that Traefik makes itself, signed by nobody.
func defaultCert(s *sim.Site) *certs {
	return newCerts(s, cert{[]string{"TRAEFIK DEFAULT CERT"}, 310, ""})
}

// behindLogin wants the administrator's name and password.
func behindLogin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, word, _ := r.BasicAuth(); user != "admin" || word != traefikPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="traefik"`)
			http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// stackDomain is the domain of the stacks.
const stackDomain = "ai.flexinit.nl"

// host is the public name of a stack.
func (x *stack) host(name string) string { return x.p.Domain(name + "." + stackDomain) }

func (x *stack) atGitea(q *request) answer {
	if strings.HasPrefix(q.path, "/v2/") {
		a := jsonAnswer(http.StatusUnauthorized, `{"errors":[{"code":"UNAUTHORIZED","message":""}]}`)
		a.header = map[string]string{"Docker-Distribution-Api-Version": "registry/2.0"}
		return a
	}
	return answer{status: http.StatusOK, kind: "text/html", body: page("Gitea: Git with a cup of tea")}
}

func (x *stack) buildDokploy() {
	sp := machine(x.p, x.w.Hosts[1], noble(), 8, 32*gib)
	sp.Up, sp.Load, sp.LoadSwing = 64*day, 1.6, 0.9
	docker(&sp)
	h := x.s.AddHost(sp)
	x.dok = h
	base(h)
	files(h.FS, x.w, x.p, "stack/dokploy", x.s.Start().Add(-64*day), nil)
	x.c = newCluster(x.s, h, 64*day)
	x.c.overlay("dokploy-network", "10.0.1.0/24", "10.0.1.1", "")
	me, net := h.Spec.Name, []string{"dokploy-network"}
	add := func(name, image string, box sim.ContainerSpec, mounts ...sim.MountSpec) *sim.Container {
		for _, m := range mounts {
			if m.Type == "volume" {
				h.AddVolume(sim.Volume{Name: m.Name, Size: 400 * mib})
			}
		}
		box.Networks, box.Aliases, box.Up, box.Mounts = net, []string{name}, 30*day, mounts
		v := x.c.service(sim.SwarmService{Name: name, Image: pinned(x.s, image), Replicas: 1, Networks: net, Constraints: []string{"node.role == manager"}, Mounts: mounts, Env: box.Env}, box, me)
		return v.Tasks[0].Container
	}
	pg := postgres("dokploy", 30*day, 190*mib)
	pg.Health = nil
	x.db = add("dokploy-postgres", "postgres:16", pg, vol("dokploy-postgres", "/var/lib/postgresql/data"))
	add("dokploy-redis", "redis:7", sim.ContainerSpec{Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"redis-server"}, Expose: []string{"6379/tcp"}, Banner: map[int]string{6379: ""}, CPU: 0.8, CPUSwing: 0.5, Mem: 18 * mib, Net: 5e3}, vol("dokploy-redis", "/data"))
	x.dokploy = add("dokploy", "dokploy/dokploy:v0.25.6", sim.ContainerSpec{
		Cmd: []string{"sh", "-c", "pnpm run wait-for-postgres && exec pnpm start"}, Ports: []sim.PortSpec{{Host: 3000, Port: 3000}}, CPU: 11, CPUSwing: 8, Mem: 620 * mib, MemSwing: 70 * mib, Net: 40e3, Warmup: 6 * time.Second,
		Env: []string{"ADVERTISE_ADDR=" + h.Spec.Addr, "RELEASE_TAG=latest"}, HTTP: map[int]http.Handler{3000: serve(x.s, "dokploy", x.atDokploy)},
	}, sim.MountSpec{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}, sim.MountSpec{Type: "bind", Source: "/etc/dokploy", Target: "/etc/dokploy"}, vol("dokploy", "/root/.docker"))
	t := &traefik{
		s: x.s, h: h, version: "3.5.0", provider: "file", rnd: x.s.Rand("inner"), entries: map[string]string{"web": ":80", "websecure": ":443", "traefik": ":8080"}, services: map[string][]traefikServer{},
	}
	x.inner = t
	t.c = h.AddContainer(sim.ContainerSpec{
		Name: "dokploy-traefik", Image: "traefik:v3.5.0", Networks: []string{"bridge", "dokploy-network"}, Restart: "always", Up: 30 * day, Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"traefik"},
		Ports: []sim.PortSpec{{Host: 80, Port: 80}, {Host: 443, Port: 443}, {Host: 443, Port: 443, Proto: "udp"}}, CPU: 1.6, CPUSwing: 1, Mem: 66 * mib, MemSwing: 5 * mib, Net: 70e3,
		Mounts: []sim.MountSpec{{Type: "bind", Source: "/etc/dokploy/traefik/traefik.yml", Target: "/etc/traefik/traefik.yml"}, {Type: "bind", Source: "/etc/dokploy/traefik/dynamic", Target: "/etc/dokploy/traefik/dynamic"}, {Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}},
		HTTP:   map[int]http.Handler{80: t.entryPoint("web"), 443: t.entryPoint("websecure"), 8080: t.api()}, TLS: map[int]*tls.Config{443: defaultCert(x.s).bySNI(false)},
	})
	h.Listeners = append(h.Listeners, &sim.Listener{Proto: "tcp", IP: "::", Port: 2377, Process: "dockerd", PID: 898}, &sim.Listener{Proto: "tcp", IP: "::", Port: 7946, Process: "dockerd", PID: 898})
}

// route makes Traefik know an application's domains, as Dokploy does with a file for each.
func (x *stack) route(a *dokApp) {
	t := x.inner
	x.unroute(a.appName)
	if len(a.domains) == 0 {
		return
	}
	d, service := a.domains[0], a.appName+"-service-1"
	t.routers = append(t.routers,
		traefikRouter{name: a.appName + "-router-1", host: d.host, entry: "web", service: service, middlewares: []string{"redirect-to-https"}},
		traefikRouter{name: a.appName + "-router-websecure-1", host: d.host, entry: "websecure", service: service, resolver: "letsencrypt"})
	t.services[service] = []traefikServer{{c: a.box, name: a.appName, port: d.port}}
	x.dok.FS.Put("/etc/dokploy/traefik/dynamic/"+a.appName+".yml", vfs.Node{Mode: 0o644, MTime: x.s.Now(), Data: []byte(fmt.Sprintf(`http:
  routers:
    %[1]s-router-1:
      rule: Host(`+"`%[2]s`"+`)
      service: %[1]s-service-1
      middlewares: [redirect-to-https]
      entryPoints: [web]
    %[1]s-router-websecure-1:
      rule: Host(`+"`%[2]s`"+`)
      service: %[1]s-service-1
      middlewares: []
      entryPoints: [websecure]
      tls:
        certResolver: letsencrypt
  services:
    %[1]s-service-1:
      loadBalancer:
        servers:
          - url: http://%[1]s:%[3]d
        passHostHeader: true
`, a.appName, d.host, d.port))})
}

func (x *stack) unroute(appName string) {
	t := x.inner
	kept := t.routers[:0:0]
	for _, r := range t.routers {
		if r.service != appName+"-service-1" {
			kept = append(kept, r)
		}
	}
	t.routers = kept
	delete(t.services, appName+"-service-1")
	_ = x.dok.FS.Remove(vfs.Cred{User: "root"}, "/etc/dokploy/traefik/dynamic/"+appName+".yml", false) // it may not be there
}
