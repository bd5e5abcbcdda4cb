package worlds

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

const registry = "git.powernode.example/powernode/"

func (x *powernode) buildDocker() {
	sp := x.machine(1, 4, 16*gib)
	sp.Up, sp.Load, sp.LoadSwing = 12*day, 1.1, 0.6
	docker(&sp)
	sp.Users[0].Groups = sp.Users[0].Groups[:3] // not in the group docker
	h := x.s.AddHost(sp)
	base(h)
	files(h.FS, x.w, x.p, "powernode/docker", x.s.Start().Add(-6*day), nil)
	net := "powernode_default"
	h.AddNetwork(sim.Network{Name: net, Subnet: "172.18.0.0/16", Gateway: "172.18.0.1", Labels: map[string]string{"com.docker.compose.project": "powernode"}})
	for _, v := range []string{"postgres_data", "redis_data"} {
		h.AddVolume(sim.Volume{Name: "powernode_" + v, Size: 900 * mib, Labels: map[string]string{"com.docker.compose.project": "powernode", "com.docker.compose.volume": v}})
	}
	b := &x.box
	b.h = h
	add := func(service string, c sim.ContainerSpec) *sim.Container {
		c.Name, c.Networks, c.Aliases, c.Restart = "powernode-"+service+"-1", []string{net}, []string{service}, "always"
		if service == "traefik" {
			c.Name = "traefik"
		}
		c.Labels = merged(composed(x.s, "powernode", service, "/opt/powernode/docker", "docker-compose.prod.yml"), c.Labels)
		c.Up = 5 * day
		return h.AddContainer(c)
	}
	b.postgres = add("postgres", sim.ContainerSpec{
		Image: "pgvector/pgvector:pg15", Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"postgres"}, Expose: []string{"5432/tcp"}, CPU: 6, CPUSwing: 5, Mem: 380 * mib, MemSwing: 30 * mib, Net: 40e3,
		Env: []string{"POSTGRES_USER=powernode", "POSTGRES_PASSWORD=demo-not-a-secret"}, Banner: map[int]string{5432: ""}, Mounts: []sim.MountSpec{vol("powernode_postgres_data", "/var/lib/postgresql/data")},
		Health: &sim.HealthSpec{Test: []string{"CMD-SHELL", "pg_isready -U powernode"}, Interval: 10 * time.Second, Good: "/var/run/postgresql:5432 - accepting connections\n"},
	})
	b.redis = add("redis", sim.ContainerSpec{
		Image: "redis:7.4-alpine", Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"redis-server"}, Ports: []sim.PortSpec{{Host: 6379, Port: 6379}}, CPU: 1, CPUSwing: 1, Mem: 46 * mib, MemSwing: 4 * mib, Net: 9e3,
		Banner: map[int]string{6379: ""}, Mounts: []sim.MountSpec{vol("powernode_redis_data", "/data")},
	})
	host := x.p.Domain("pn.powernode.example")
	api := traefikRouter{name: "api", host: host, prefix: "/api", entry: "websecure", service: "api", resolver: "le"}
	web := traefikRouter{name: "web", host: host, entry: "websecure", service: "web", resolver: "le"}
	b.backend = add("backend", sim.ContainerSpec{
		Image: registry + "backend:2.14.3", Cmd: []string{"bundle", "exec", "puma"}, Expose: []string{"3000/tcp"}, Labels: api.labels(3000), MemLimit: 2 * gib, CPUs: 2, CPU: 28, CPUSwing: 20, Mem: 720 * mib, MemSwing: 70 * mib, Net: 40e3, Warmup: 9 * time.Second,
		Env:    []string{"RAILS_ENV=production", "DATABASE_URL=postgresql://powernode:demo-not-a-secret@postgres:5432/powernode", "REDIS_URL=redis://redis:6379/0"},
		Health: &sim.HealthSpec{Test: []string{"CMD", "curl", "-fsS", "http://localhost:3000/health/ready"}, Interval: 15 * time.Second, StartPeriod: 30 * time.Second, Good: `{"status":"ready"}`, Bad: "curl: (22) The requested URL returned error: 503", BadExit: 22},
		HTTP:   map[int]http.Handler{3000: http.HandlerFunc(x.serveBox)},
		Boot: func(c *sim.Container, now time.Time) {
			c.Out(now.Add(time.Second), "=> Booting Puma")
			c.Out(now.Add(8*time.Second), "* Listening on http://0.0.0.0:3000")
		},
	})
	b.worker = add("worker", sim.ContainerSpec{
		Image: registry + "worker:latest", Cmd: []string{"bundle", "exec", "sidekiq"}, CPU: 9, CPUSwing: 8, Mem: 410 * mib, MemSwing: 50 * mib, Net: 9e3, StopTime: 8 * time.Second,
		Env: []string{"WORKER_ENV=production", "REDIS_URL=redis://redis:6379/1", "WORKER_CONCURRENCY=5"},
	})
	b.frontend = add("frontend", sim.ContainerSpec{
		Image: registry + "frontend:2.14.3", Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"}, Expose: []string{"80/tcp"}, Files: inContainer(x.w, x.p, "powernode/frontend"), Labels: web.labels(80), CPU: 0.4, CPUSwing: 0.3, Mem: 12 * mib, Net: 20e3,
		HTTP: map[int]http.Handler{80: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { html(w, page("Powernode")) })},
	})
	t := &traefik{
		s: x.s, h: h, version: "3.1.4", provider: "docker", rnd: x.s.Rand("traefik"), entries: map[string]string{"web": ":80", "websecure": ":443", "traefik": ":8080"}, routers: []traefikRouter{api, web},
		services: map[string][]traefikServer{"api": {{c: b.backend, port: 3000}}, "web": {{c: b.frontend, port: 80}}},
	}
	b.proxy = t
	pair := newCerts(x.s, cert{[]string{host}, 38, "Demo E6"})
	b.traefik = add("traefik", sim.ContainerSpec{
		Image: "traefik:v3.1.4", Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"--providers.docker=true", "--providers.docker.exposedbydefault=false", "--entrypoints.web.address=:80", "--entrypoints.websecure.address=:443", "--api.insecure=true"},
		Ports: []sim.PortSpec{{Host: 80, Port: 80}, {Host: 443, Port: 443}, {IP: "127.0.0.1", Host: 8080, Port: 8080}}, CPU: 1.5, CPUSwing: 1, Mem: 58 * mib, MemSwing: 4 * mib, Net: 60e3,
		Mounts: []sim.MountSpec{{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", RO: true}},
		HTTP:   map[int]http.Handler{80: t.entryPoint("web"), 443: t.entryPoint("websecure"), 8080: t.api()}, TLS: map[int]*tls.Config{443: pair.bySNI(false)},
	})
	t.c = b.traefik
}

// vol is a named volume as a mount.
func vol(name, target string) sim.MountSpec {
	return sim.MountSpec{Type: "volume", Name: name, Source: "/var/lib/docker/volumes/" + name + "/_data", Target: target}
}

func (x *powernode) serveBox(w http.ResponseWriter, r *http.Request) {
	x.s.Lock()
	sick := x.box.backend.Sick
	x.s.Unlock()
	switch {
	case sick != "":
		reply(w, http.StatusServiceUnavailable, map[string]any{"status": "error", "checks": m2("database", sick)})
	case strings.HasPrefix(r.URL.Path, "/health"):
		reply(w, http.StatusOK, m2("status", "ready"))
	case r.URL.Path == "/api/v1/status":
		reply(w, http.StatusOK, map[string]any{"status": "ok", "version": "2.14.3"})
	default:
		reply(w, http.StatusUnauthorized, m2("error", "authentication required"))
	}
}

func (x *powernode) dockerLife() {
	b := &x.box
	often(x.s, "box api", 0.6, func(now time.Time, r *rnd) {
		q := newRequest(now, r, x.p.Domain("pn.powernode.example"), "GET", choose(r, "/api/v1/status", "/api/v1/pipelines", "/", "/assets/app.js"))
		rt := b.proxy.find("websecure", q.host, q.path)
		srv, _, err := b.proxy.upstream(rt.service)
		if err != nil {
			q.status = http.StatusServiceUnavailable
			b.proxy.note(q, rt.name+"@docker", "-")
			return
		}
		if srv.c == b.backend {
			if b.backend.Sick != "" {
				q.status = http.StatusServiceUnavailable
			}
			b.backend.Out(now, railsLine(q, "INFO", "request", 100+r.IntN(30), 1+r.IntN(4), nil))
		}
		b.proxy.note(q, rt.name+"@docker", srv.url())
	})
	often(x.s, "box worker", 0.12, func(now time.Time, r *rnd) {
		if !b.worker.Running() {
			return
		}
		jid := x.s.Hex("jid "+uuid(r), 24)
		b.worker.Out(now, sidekiqLine(now, 1, "class=Devops::DockerHostSyncJob jid="+jid+" INFO: start"))
		b.worker.Errout(now.Add(40*time.Millisecond), sidekiqLine(now, 1, "class=Devops::DockerHostSyncJob jid="+jid+" WARN: Faraday::ConnectionFailed: Failed to open TCP connection to localhost:3000 (Connection refused - connect(2) for \"localhost\" port 3000)"))
	})
	often(x.s, "box redis", 0.02, func(now time.Time, r *rnd) {
		b.redis.Out(now, fmt.Sprintf("1:M %s * %d changes in 300 seconds. Saving...", now.UTC().Format("02 Jan 2006 15:04:05.000"), 100+r.IntN(800)))
	})
	if x.p.Calm {
		return
	}
	x.s.Every(3*time.Minute, func(now time.Time) time.Duration {
		b.backend.Sick = "could not obtain a connection from the pool within 5.000 seconds"
		b.backend.Errout(now, railsLine(newRequest(now, x.s.Rand("pool"), "", "GET", "/health/ready"), "ERROR", "ActiveRecord::ConnectionTimeoutError: "+b.backend.Sick, 0, 0, nil))
		x.s.After(70*time.Second, func(time.Time) { b.backend.Sick = "" })
		return 6 * time.Minute
	})
}

func (x *powernode) buildSwarm() {
	sp := x.machine(2, 4, 16*gib)
	sp.Up = 80 * day
	sp.Engine = &sim.EngineSpec{Version: "26.1.5", API: "1.45", Compose: "2.29.1"}
	h := x.s.AddHost(sp)
	base(h)
	c := newCluster(x.s, h, 80*day)
	two, three := x.p.Name("pn-swarm-2"), x.p.Name("pn-swarm-3")
	c.node(two, x.p.Addr("10.60.0.22"), "worker", "ready", "active", map[string]string{"zone": "b"})
	c.node(three, x.p.Addr("10.60.0.23"), "worker", "down", "active", map[string]string{"zone": "c"})
	me := h.Spec.Name
	net := "powernode_internal"
	h.AddNetwork(sim.Network{Name: net, Driver: "overlay", Scope: "swarm", Subnet: "10.0.5.0/24", Gateway: "10.0.5.1", Labels: map[string]string{"com.docker.stack.namespace": "powernode"}})
	backend := c.service(sim.SwarmService{
		Name: "powernode_backend", Stack: "powernode", Image: registry + "backend:2.14.3@sha256:" + x.s.Hex("backend", 64), Replicas: 3, FailureAction: "rollback", Networks: []string{net}, Env: []string{"RAILS_ENV=production", "REDIS_URL=redis://redis:6379/0"},
		Health: &sim.HealthSpec{Test: []string{"CMD", "curl", "-fsS", "http://localhost:3000/health/ready"}, Interval: 15 * time.Second, Retries: 3, Good: `{"status":"ready"}`, Bad: "curl: (7) Failed to connect", BadExit: 7},
		Update: &sim.UpdateStatus{State: "completed", Message: "update completed", Started: x.s.Start().Add(-3 * day), Completed: x.s.Start().Add(-3*day + 90*time.Second)},
	}, sim.ContainerSpec{
		Networks: []string{net}, Cmd: []string{"bundle", "exec", "puma"}, Up: 3 * day, CPU: 20, CPUSwing: 15, Mem: 690 * mib, MemSwing: 60 * mib, Net: 20e3, Expose: []string{"3000/tcp"}, Warmup: 6 * time.Second,
		HTTP: map[int]http.Handler{3000: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, m2("status", "ready")) })},
	}, me, two)
	backend.Tasks = append(backend.Tasks, &sim.SwarmTask{ID: x.s.Hex("pending", 25), Slot: 3, State: "pending", Desired: "running", Message: "pending task scheduling", Err: "no suitable node (insufficient resources on 2 nodes)", Image: backend.Image, At: x.s.Start().Add(-2 * time.Hour)})
	c.past(backend, three, 3, "orphaned", "", 2*time.Hour)
	worker := c.service(sim.SwarmService{
		Name: "powernode_worker", Stack: "powernode", Image: registry + "worker:2.14.2@sha256:" + x.s.Hex("worker old", 64), Previous: registry + "worker:2.14.3@sha256:" + x.s.Hex("worker new", 64), Replicas: 2, FailureAction: "rollback", Networks: []string{net},
		Env:    []string{"WORKER_ENV=production", "BACKEND_API_URL=http://backend:3000"},
		Update: &sim.UpdateStatus{State: "rollback_completed", Message: "rollback completed", Started: x.s.Start().Add(-26 * time.Hour), Completed: x.s.Start().Add(-26*time.Hour + 70*time.Second)},
	}, sim.ContainerSpec{Networks: []string{net}, Cmd: []string{"bundle", "exec", "sidekiq"}, Up: 26 * time.Hour, CPU: 30, CPUSwing: 25, Mem: 480 * mib, MemSwing: 80 * mib, Net: 8e3}, me, two)
	c.past(worker, me, 1, "failed", "task: non-zero exit (1)", 26*time.Hour)
	c.service(sim.SwarmService{Name: "powernode_frontend", Stack: "powernode", Image: registry + "frontend:2.14.3", Replicas: 2, Networks: []string{net}, Ports: []sim.PortSpec{{Host: 8088, Port: 80}}},
		sim.ContainerSpec{Networks: []string{net}, Cmd: []string{"nginx", "-g", "daemon off;"}, Files: inContainer(x.w, x.p, "powernode/frontend"), Up: 3 * day, Mem: 12 * mib, CPU: 0.3, Net: 5e3}, me, two)
	c.service(sim.SwarmService{Name: "monitoring_node-exporter", Stack: "monitoring", Image: "prom/node-exporter:v1.8.2", Global: true},
		sim.ContainerSpec{NetMode: "host", Cmd: []string{"/bin/node_exporter"}, Up: 20 * day, Mem: 19 * mib, CPU: 0.6}, me, two)
	x.swarmLife(backend, worker)
}

func (x *powernode) swarmLife(backend, worker *sim.SwarmService) {
	r := x.s.Rand("swarm")
	often(x.s, "swarm lines", 0.4, func(now time.Time, r *rnd) {
		if b := backend.Tasks[0].Container; b.Running() {
			b.Out(now, railsLine(newRequest(now, r, "", "GET", "/api/v1/status"), "INFO", "request", 1+r.IntN(50), 1, nil))
		}
		if b := worker.Tasks[0].Container; b.Running() && r.IntN(3) == 0 {
			b.Out(now, sidekiqLine(now, 1, "class=Devops::SwarmSyncJob INFO: done"))
		}
	})
	if x.p.Calm {
		return
	}
	x.s.Every(2*time.Minute, func(now time.Time) time.Duration {
		if b := worker.Tasks[0].Container; b.Running() {
			b.Errout(now, "bundler: failed to load command: sidekiq: Redis::CannotConnectError: Connection reset by peer (redis://redis:6379)")
			b.Fail(1)
		}
		return 5*time.Minute + time.Duration(r.IntN(120))*time.Second
	})
}

// buildRunner is the machine that builds: it drops off the network, and its containers come and go.
func (x *powernode) buildRunner() {
	sp := x.machine(3, 8, 16*gib)
	sp.Up = 5 * day
	sp.Engine = &sim.EngineSpec{Version: "24.0.9", API: "1.43", MinAPI: "1.12", Compose: "2.24.5"}
	h := x.s.AddHost(sp)
	base(h)
	h.AddContainer(sim.ContainerSpec{
		Name: "act-runner", Image: "gitea/act_runner:0.2.11", Networks: []string{"bridge"}, Restart: "always", Up: 5 * day, Cmd: []string{"act_runner", "daemon"}, CPU: 4, CPUSwing: 4, Mem: 60 * mib, Net: 9e3,
		Mounts: []sim.MountSpec{{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"}},
	})
	n := 0
	r := x.s.Rand("builds")
	x.s.Every(20*time.Second, func(now time.Time) time.Duration {
		n++
		runner := h.Container("act-runner")
		if runner == nil || !runner.Running() {
			return time.Minute
		}
		runner.Out(now, fmt.Sprintf("time=%q level=info msg=\"task %d repo is powernode/backend\"", now.UTC().Format(time.RFC3339), 4100+n))
		b := h.AddContainer(sim.ContainerSpec{
			Name: fmt.Sprintf("GITEA-ACTIONS-TASK-%d_WORKFLOW-build", 4100+n), Image: "catthehacker/ubuntu:act-22.04", Networks: []string{"bridge"}, Off: "created", Cmd: []string{"/bin/sleep", "10800"}, CPU: 180, CPUSwing: 90, Mem: 900 * mib, MemSwing: 300 * mib, Net: 2e6,
		})
		b.Event(now, "create")
		b.Start()
		x.s.After(time.Duration(40+r.IntN(70))*time.Second, func(time.Time) {
			b.Kill("KILL")
			b.Remove()
		})
		return 70*time.Second + time.Duration(r.IntN(90))*time.Second
	})
	if !x.p.Calm {
		drop(h, 2*time.Minute, 7*time.Minute, 50*time.Second, true)
	}
}

// buildIdle are the hosts nobody reaches: one gives no answer, one is being repaired.
func (x *powernode) buildIdle() {
	for i := 4; i < 6; i++ {
		sp := x.machine(i, 4, 8*gib)
		sp.Up = 90 * day
		docker(&sp)
		h := x.s.AddHost(sp)
		base(h)
		if i == 4 {
			h.SetDown(true, false)
		}
		h.AddContainer(sim.ContainerSpec{Name: "registry-cache", Image: "registry:2.8.3", Networks: []string{"bridge"}, Restart: "always", Up: 60 * day, Cmd: []string{"registry", "serve", "/etc/docker/registry/config.yml"}, Mem: 40 * mib, CPU: 1})
	}
}
