package worlds

import (
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// studio is the world while it lives.
type studio struct {
	w World
	s *sim.Site
	p *Plan

	vm, swarm studioStack
	proxy     *traefik // in front of the Swarm
}

func buildStudio(w World, s *sim.Site, p *Plan) {
	x := &studio{w: w, s: s, p: p}
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	x.buildVM()
	x.buildSwarm()
	x.live()
}

// stack makes what both orchestrations have.
func (x *studio) stack(k *studioStack, h *sim.Host, domain string) {
	k.s, k.h, k.domain, k.seen, k.rnd = x.s, h, x.p.Domain(domain), map[string]*budget{}, x.s.Rand("stack "+domain)
	k.nginx = &nginxBox{
		s: x.s, version: "1.27.5", worker: 29,
		out: func(at time.Time, t string) { k.web.Out(at, t) }, err: func(at time.Time, t string) { k.web.Errout(at, t) },
	}
}

func (x *studio) buildVM() {
	const dir = "/opt/ai-studio/deploy/ai-studio"
	sp := machine(x.p, x.w.Hosts[0], noble(), 4, 16*gib)
	sp.Up, sp.Load, sp.LoadSwing = 23*day, 0.9, 0.5
	docker(&sp)
	h := x.s.AddHost(sp)
	base(h)
	files(h.FS, x.w, x.p, "studio/vm", x.s.Start().Add(-52*time.Hour), func(_ string, n *vfs.Node) { n.Owner, n.Group = "deploy", "deploy" })
	put := func(name, text string) {
		h.FS.Put(dir+"/"+name, vfs.Node{Mode: 0o644, Owner: "deploy", Group: "deploy", Data: []byte(text), MTime: x.s.Start().Add(-52 * time.Hour)})
	}
	put(".env", "APP_DB_PASSWORD=demo-not-a-secret\nTEMPORAL_DB_PASSWORD=demo-not-a-secret\nOPENROUTER_API_KEY=sk-or-demo-4c1f\n") // readable by everybody: a planted fault
	put(".env.example", "APP_DB_PASSWORD=\nTEMPORAL_DB_PASSWORD=\nOPENROUTER_API_KEY=\n")
	put("../../.dockerignore", "**/node_modules\n**/.env*\n!**/.env.example\n")

	k := &x.vm
	x.stack(k, h, "ai-studio.example.com")
	k.events, k.debug = true, true
	net := "ai-studio_default"
	h.AddNetwork(sim.Network{Name: net, Subnet: "172.22.0.0/16", Gateway: "172.22.0.1", Labels: map[string]string{"com.docker.compose.project": "ai-studio", "com.docker.compose.network": "default"}})
	for _, v := range []string{"app_db", "temporal_db"} {
		h.AddVolume(sim.Volume{Name: "ai-studio_" + v, Size: 640 * mib, Labels: map[string]string{"com.docker.compose.project": "ai-studio", "com.docker.compose.volume": v}})
	}
	add := func(service string, c sim.ContainerSpec) *sim.Container {
		c.Name, c.Networks, c.Aliases = "ai-studio-"+service+"-1", []string{net}, []string{service}
		c.Labels = merged(composed(x.s, "ai-studio", service, dir, "docker-compose.yml"), c.Labels)
		if c.Restart == "" {
			c.Restart = "unless-stopped"
		}
		if c.Up == 0 {
			c.Up = 50 * time.Hour
		}
		return h.AddContainer(c)
	}
	db := postgres("studio", 50*time.Hour, 140*mib)
	db.Mounts = []sim.MountSpec{vol("ai-studio_app_db", "/var/lib/postgresql/data")}
	k.appDB = add("app-db", db)
	tdb := postgres("temporal", 50*time.Hour, 210*mib)
	tdb.Mounts = []sim.MountSpec{vol("ai-studio_temporal_db", "/var/lib/postgresql/data")}
	k.temporalDB = add("temporal-db", tdb)
	k.temporal = add("temporal", temporalServer("temporal-db"))
	k.backend = add("backend", k.backendSpec(studioNew))
	k.worker = add("worker", k.workerSpec(studioNew))
	k.web = add("web", k.webSpec(studioNew, inContainer(x.w, x.p, "studio/web"), sim.PortSpec{Host: 8080, Port: 80}))
	add("temporal-ui", sim.ContainerSpec{
		Image: "temporalio/ui:2.39.0", Off: "exited", Restart: "no", Up: 44 * time.Hour, Cmd: []string{"./start-ui-server.sh"}, Env: []string{"TEMPORAL_ADDRESS=temporal:7233"},
		Ports: []sim.PortSpec{{IP: "127.0.0.1", Host: 8233, Port: 8080}},
	})
}

func temporalServer(seeds string) sim.ContainerSpec {
	return sim.ContainerSpec{
		Image: "temporalio/auto-setup:1.28.0", Entrypoint: []string{"/etc/temporal/entrypoint.sh"}, Cmd: []string{"autosetup"}, Expose: []string{"7233/tcp"}, CPU: 12, CPUSwing: 8, Mem: 260 * mib, MemSwing: 30 * mib, Net: 30e3,
		Env: []string{"DB=postgres12", "DB_PORT=5432", "POSTGRES_USER=temporal", "POSTGRES_PWD=demo-not-a-secret", "POSTGRES_SEEDS=" + seeds}, Banner: map[int]string{7233: ""}, Warmup: 9 * time.Second, StopTime: 2 * time.Second,
		Boot: func(c *sim.Container, now time.Time) {
			for i, t := range []string{"Temporal server starting", "Starting server for services", "frontend healthy"} {
				at := now.Add(time.Duration(2+i*3) * time.Second)
				c.Out(at, `{"level":"info","ts":"`+at.UTC().Format(time.RFC3339Nano)+`","msg":"`+t+`","service":"frontend","logging-call-at":"server_impl.go:75"}`)
			}
		},
	}
}

func (k *studioStack) backendSpec(tag string) sim.ContainerSpec {
	return sim.ContainerSpec{
		Image: studioRegistry + "runtime:" + tag, Cmd: []string{"pnpm", "--filter", "backend", "start:prod"}, WorkDir: "/app", Expose: []string{"3001/tcp"}, CPU: 9, CPUSwing: 7, Mem: 210 * mib, MemSwing: 25 * mib, Net: 40e3, Warmup: 3 * time.Second, StopTime: 400 * time.Millisecond,
		Env: []string{
			"NODE_ENV=production", "PORT=3001", "DATABASE_URL=postgres://studio:demo-not-a-secret@app-db:5432/studio", "TEMPORAL_ADDRESS=temporal:7233", "OPENROUTER_API_KEY=sk-or-demo-4c1f",
			"DEMO_MODEL=" + studioModel, "TRUST_PROXY=true", "RATE_LIMIT_EXECUTE_PER_MINUTE=10", "RATE_LIMIT_EXECUTE_PER_DAY=50",
		},
		Health: studioHealth(), HTTP: map[int]http.Handler{3001: serve(k.s, "backend "+k.domain, k.atBackend)}, Boot: k.bootBackend,
		Halt: func(_ *sim.Container, now time.Time) {
			k.pino(now, 30, "", "SIGTERM received, closing server", nil)
		},
	}
}

func studioHealth() *sim.HealthSpec {
	return &sim.HealthSpec{
		Test: []string{"CMD", "node", "-e", "fetch('http://127.0.0.1:3001/api/health').then(r=>process.exit(r.ok?0:1))"}, Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 30 * time.Second, Retries: 5,
		Bad: "TypeError: fetch failed", BadExit: 1,
	}
}

func (k *studioStack) workerSpec(tag string) sim.ContainerSpec {
	return sim.ContainerSpec{
		Image: studioRegistry + "runtime:" + tag, Cmd: []string{"pnpm", "--filter", "execution-worker", "start:prod"}, WorkDir: "/app", CPU: 16, CPUSwing: 14, Mem: 330 * mib, MemSwing: 60 * mib, Net: 25e3, StopTime: 3 * time.Second,
		Env: []string{"NODE_ENV=production", "DATABASE_URL=postgres://studio:demo-not-a-secret@app-db:5432/studio", "TEMPORAL_ADDRESS=temporal:7233", "OPENROUTER_API_KEY=sk-or-demo-4c1f", "DEMO_MODEL=" + studioModel}, Boot: k.bootWorker,
	}
}

func (k *studioStack) webSpec(tag string, in map[string]vfs.Node, ports ...sim.PortSpec) sim.ContainerSpec {
	return sim.ContainerSpec{
		Image: studioRegistry + "web:" + tag, Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"}, Ports: ports, Expose: []string{"80/tcp"}, Files: in, CPU: 1.2, CPUSwing: 0.8, Mem: 13 * mib, MemSwing: 2 * mib, Net: 70e3,
		HTTP: map[int]http.Handler{80: serve(k.s, "web "+k.domain, k.atWeb)}, Procs: [][]string{{"nginx:", "master", "process", "nginx", "-g", "daemon off;"}, {"nginx:", "worker", "process"}},
		Boot: func(c *sim.Container, now time.Time) {
			c.Out(now, "/docker-entrypoint.sh: Configuration complete; ready for start up")
			for _, l := range strings.Split("nginx/1.27.5|start worker processes|start worker process 29", "|") {
				c.Errout(now, now.UTC().Format("2006/01/02 15:04:05")+" [notice] 1#1: "+l)
			}
		},
	}
}
