package worlds

import (
	"fmt"
	"net/http"
	"time"

	"midwatch/hosts/demo/sim"
)

// buildDocks makes the Docker hosts; the first runs the compose stack, the others what a platform
// starts on them.
func (x *powernode) buildDocks() {
	for i, hd := range x.w.Hosts[1:] {
		sp := machine(x.p, hd, bookworm(), 4, 16*gib)
		sp.Up, sp.Load = time.Duration(12+i*9)*day, 0.9
		docker(&sp, "27.3.1", "1.47")
		h := x.s.AddHost(sp)
		base(h)
		x.docks = append(x.docks, h)
		if i == 0 {
			x.buildStack(h)
			continue
		}
		x.runners(h, i)
	}
}

func (x *powernode) buildStack(h *sim.Host) {
	dir := "/srv/powernode/docker"
	h.AddNetwork(sim.Network{Name: "powernode_default", Subnet: "172.21.0.0/16", Gateway: "172.21.0.1", Labels: map[string]string{"com.docker.compose.project": "powernode"}})
	add := func(service, image string, spec sim.ContainerSpec) {
		spec.Name, spec.Image = "powernode-"+service+"-1", image
		spec.Networks, spec.Aliases = []string{"powernode_default"}, []string{service}
		spec.Labels = composed(x.s, "powernode", service, dir, "docker-compose.prod.yml")
		if spec.Restart == "" {
			spec.Restart = "unless-stopped"
		}
		x.stack = append(x.stack, h.AddContainer(spec))
	}
	check := func(test string) *sim.HealthSpec {
		return &sim.HealthSpec{Test: []string{"CMD-SHELL", test}, Interval: 15 * time.Second, Timeout: 5 * time.Second, StartPeriod: 10 * time.Second, Good: "ok", Bad: "failed", BadExit: 1}
	}
	web := http.HandlerFunc(x.serveBackend)
	add("traefik", "traefik:v3.1.6", sim.ContainerSpec{Up: 12 * day, Cmd: []string{"traefik", "--entrypoints.websecure.address=:443", "--providers.docker=true"}, Ports: []sim.PortSpec{{Host: 443, Port: 443}, {Host: 80, Port: 80}}, CPU: 1, CPUSwing: 1, Mem: 61 * mib, MemSwing: 4 * mib, Net: 40e3})
	add("backend", "registry.example.com/powernode/backend:2.8.1", sim.ContainerSpec{Up: 3 * day, Cmd: []string{"bin/puma"}, Expose: []string{"3000/tcp"}, Health: check("curl -fsS http://localhost:3000/health"), CPU: 14, CPUSwing: 9, Mem: 520 * mib, MemSwing: 40 * mib, Net: 30e3, HTTP: map[int]http.Handler{3000: web}, Warmup: 4 * time.Second})
	add("worker", "registry.example.com/powernode/worker:2.8.1", sim.ContainerSpec{Up: 2 * time.Hour, Cmd: []string{"bin/sidekiq"}, Restarts: 4, MemLimit: 1 * gib, CPU: 21, CPUSwing: 18, Mem: 640 * mib, MemSwing: 80 * mib, Net: 12e3})
	add("frontend", "registry.example.com/powernode/frontend:latest", sim.ContainerSpec{Up: 3 * day, Cmd: []string{"nginx", "-g", "daemon off;"}, Expose: []string{"80/tcp"}, CPU: 0.6, CPUSwing: 0.4, Mem: 17 * mib, MemSwing: 2 * mib, Net: 20e3})
	add("postgres", "pgvector/pgvector:pg15", sim.ContainerSpec{Up: 12 * day, Cmd: []string{"postgres"}, Ports: []sim.PortSpec{{Host: 5432, Port: 5432}}, Health: check("pg_isready -U powernode"), CPU: 6, CPUSwing: 4, Mem: 410 * mib, MemSwing: 20 * mib, Net: 15e3})
	add("redis", "redis:7.2-alpine", sim.ContainerSpec{Up: 12 * day, Cmd: []string{"redis-server"}, Expose: []string{"6379/tcp"}, Health: check("redis-cli ping"), CPU: 1.5, CPUSwing: 1, Mem: 38 * mib, MemSwing: 4 * mib, Net: 18e3})
	add("migrate", "registry.example.com/powernode/backend:2.8.1", sim.ContainerSpec{Up: 3 * day, Restart: "no", Off: "exited", Cmd: []string{"bin/rails", "db:migrate"}})
}

// runners are containers that the platform started on a Docker host.
func (x *powernode) runners(h *sim.Host, n int) {
	for i := range 3 {
		spec := sim.ContainerSpec{
			Name: fmt.Sprintf("act-runner-%d", i+1), Image: "gitea/act_runner:0.2.11", Networks: []string{"bridge"}, Restart: "always", Up: time.Duration(2+n+i) * day,
			Cmd: []string{"act_runner", "daemon"}, CPU: 3, CPUSwing: 3, Mem: 90 * mib, MemSwing: 30 * mib, Net: 5e3,
		}
		h.AddContainer(spec)
	}
	h.AddContainer(sim.ContainerSpec{Name: "instance-7f3a", Image: "registry.example.com/ai/executor:1.4", Networks: []string{"bridge"}, Restart: "no", Off: "exited", Exit: 137, Up: 6 * time.Hour, Cmd: []string{"run-task"}})
}

// stackLine writes a line of one of the containers of the stack.
func (x *powernode) stackLine(now time.Time, r *rnd) {
	c := x.stack[r.IntN(len(x.stack)-1)]
	if !c.Running() {
		return
	}
	c.Out(now, fmt.Sprintf(`{"level":"info","msg":%q,"request_id":%q}`, choose(r, "heartbeat", "sync finished", "cache refreshed", "token rotated"), uuid(r)))
}
