package worlds

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// buildApp makes the host of the systemd target: units from templates, one configuration file an
// instance.
func (x *powernode) buildApp() {
	sp := machine(x.p, x.w.Hosts[0], noble(), 8, 32*gib)
	sp.Up, sp.Load, sp.LoadSwing, sp.MemUsed = 47*day, 2.2, 1.2, 0.61
	h := x.s.AddHost(sp)
	x.app = h
	base(h)
	for name, text := range map[string]string{
		"powernode.conf":          "POWERNODE_ROOT=/srv/powernode\nRUBY_VERSION=3.3.5\nNODE_VERSION=22\nRAILS_ENV=production\n",
		"backend-default.conf":    "PORT=3000\nREDIS_URL=redis://localhost:6379/0\nDATABASE_URL=postgresql://powernode:kept-on-the-host@localhost/powernode\nJWT_EXPIRATION=24\n",
		"backend-api2.conf":       "PORT=3000\nREDIS_URL=redis://localhost:6379/0\n",
		"worker-default.conf":     "WORKER_CONCURRENCY=5\nREDIS_URL=redis://localhost:6379/1\nBACKEND_API_URL=http://localhost:3000\nWORKER_API_TOKEN=kept-on-the-host\n",
		"worker-ai-heavy.conf":    "WORKER_CONCURRENCY=15\nREDIS_URL=redis://localhost:6379/1\nBACKEND_API_URL=http://localhost:3000\nWORKER_API_TOKEN=kept-on-the-host\n",
		"worker-web-default.conf": "PORT=4567\nREDIS_URL=redis://localhost:6379/1\n",
		"frontend-default.conf":   "PORT=3002\nVITE_API_URL=https://" + x.p.Domain("powernode.example.com") + "\n",
	} {
		h.FS.Put("/etc/powernode/"+name, vfs.Node{Mode: 0o640, Data: []byte(text), MTime: x.s.Start().Add(-40 * day)})
	}
	x.backend = x.instance("backend", "default", "Rails API", "/srv/powernode/bin/puma -C config/puma.rb", 740*mib, func(u *sim.UnitSpec) {
		u.Reload, u.Warmup = "signal", 3*time.Second
		u.ExecReload = []string{"/bin/kill", "-USR2", "$MAINPID"}
		u.Listen = []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 3000, Process: "puma", Handler: http.HandlerFunc(x.serveBackend)}}
	})
	x.api2 = x.instance("backend", "api2", "Rails API", "/srv/powernode/bin/puma -C config/puma.rb", 0, func(u *sim.UnitSpec) {
		u.Failed, u.ExitStatus, u.Restarts = "start-limit-hit", 1, 5
	})
	for i, l := range []string{"Puma starting in single mode...", "* Puma version: 6.4.3", "bin/puma: Address already in use - bind(2) for \"0.0.0.0\" port 3000 (Errno::EADDRINUSE)"} {
		x.api2.Log(x.s.Start().Add(-26*time.Minute+time.Duration(i)*time.Second), []int{sim.Info, sim.Info, sim.Err}[i], l)
	}
	x.worker = x.instance("worker", "default", "Sidekiq worker", "/srv/powernode/bin/sidekiq -C config/sidekiq.yml", 410*mib, func(u *sim.UnitSpec) { u.Drain = 28 * time.Second })
	x.heavy = x.instance("worker", "ai-heavy", "Sidekiq worker", "/srv/powernode/bin/sidekiq -C config/sidekiq.yml", 980*mib, func(u *sim.UnitSpec) {
		u.Drain, u.TimeoutStop, u.CPU = 44*time.Second, 90*time.Second, 60
		u.OnStop = func(u *sim.Unit, now time.Time) {
			u.Log(now, sim.Info, `{"level":"info","msg":"Shutting down, waiting for 15 jobs to finish","tid":"1x4k"}`)
		}
	})
	x.instance("worker-web", "default", "Sidekiq Web", "/srv/powernode/bin/rackup sidekiq.ru -p 4567", 0, func(u *sim.UnitSpec) { u.Off = true })
	x.instance("frontend", "default", "frontend", "/usr/bin/node server.js", 120*mib, func(u *sim.UnitSpec) {
		u.Listen = []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 3002, Process: "node", Handler: http.HandlerFunc(serveFrontend)}}
	})
	h.AddUnit(sim.UnitSpec{Name: "powernode.target", Description: "Powernode platform", Since: 46 * day, Wants: []string{
		"powernode-backend@default.service", "powernode-backend@api2.service", "powernode-worker@default.service", "powernode-worker@ai-heavy.service",
		"powernode-worker-web@default.service", "powernode-frontend@default.service",
	}})
	h.AddUnit(sim.UnitSpec{
		Name: "postgresql@15-main.service", Description: "PostgreSQL Cluster 15-main", Vendor: true, Kind: "forking", Exec: []string{"/usr/bin/pg_ctlcluster", "15-main", "start"}, Mem: 310 * mib, CPU: 4,
		Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 5432, Process: "postgres"}},
	})
	h.AddUnit(sim.UnitSpec{
		Name: "redis-server.service", Description: "Advanced key-value store", Vendor: true, Kind: "notify", Exec: []string{"/usr/bin/redis-server", "127.0.0.1:6379"}, Mem: 64 * mib, CPU: 1,
		Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 6379, Process: "redis-server"}},
	})
}

// instance adds one instance of a template.
func (x *powernode) instance(service, name, what, exec string, mem float64, change func(*sim.UnitSpec)) *sim.Unit {
	u := sim.UnitSpec{
		Name: fmt.Sprintf("powernode-%s@%s.service", service, name), Description: "Powernode " + what + " (" + name + ")",
		Fragment: fmt.Sprintf("/etc/systemd/system/powernode-%s@.service", service), Exec: strings.Fields(exec), User: "deploy", Restart: "on-failure", RestartSec: 2 * time.Second,
		EnvFiles: []string{"/etc/powernode/powernode.conf", fmt.Sprintf("/etc/powernode/%s-%s.conf", service, name)}, PartOf: []string{"powernode.target"}, Mem: mem, CPU: 8, Tasks: 24, Since: 9 * day,
	}
	change(&u)
	return x.app.AddUnit(u)
}

// health is a document of the health endpoints.
type health struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

func (x *powernode) serveBackend(w http.ResponseWriter, r *http.Request) {
	doc := health{Status: "healthy"}
	switch r.URL.Path {
	case "/health", "/health/live", "/health/ready":
	case "/health/detailed":
		doc = health{Status: "degraded", Checks: map[string]string{"database": "ok", "redis": "slow: 840 ms", "memory": "ok", "disk": "ok"}}
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(doc) // a client that left needs no answer
}

func serveFrontend(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte("<!doctype html><title>Powernode</title><div id=root></div>"))
}

// request is a call of the API: one line of structured JSON, with a stack trace when it fails.
func (x *powernode) request(now time.Time, r *rnd) {
	if !x.backend.Running() {
		return
	}
	id, status := uuid(r), 200
	path := choose(r, "/api/v1/pipelines", "/api/v1/container_instances", "/api/v1/runners", "/api/v1/docker_hosts", "/api/v1/users/me")
	level, prio := "info", sim.Info
	if r.IntN(40) == 0 {
		level, prio, status = "error", sim.Err, 500
	}
	x.backend.Log(now, prio, fmt.Sprintf(`{"level":%q,"msg":"completed","method":"GET","path":%q,"status":%d,"duration_ms":%d,"request_id":%q,"user_id":%d,"account_id":%d}`,
		level, path, status, 6+r.IntN(180), id, 10+r.IntN(90), 1+r.IntN(7)))
	if status == 500 {
		for _, l := range []string{
			"ActiveRecord::ConnectionTimeoutError (could not obtain a connection from the pool within 5.000 seconds; all pooled connections were in use):",
			"app/models/devops/docker_host.rb:88:in `sync_containers'", "app/controllers/api/v1/docker_hosts_controller.rb:31:in `index'",
		} {
			x.backend.Log(now, sim.Err, l)
		}
	}
}

// job is a job of a worker.
func (x *powernode) job(now time.Time, r *rnd) {
	u := x.worker
	if r.IntN(3) == 0 {
		u = x.heavy
	}
	if !u.Running() {
		return
	}
	u.Log(now, sim.Info, fmt.Sprintf(`{"level":"info","class":%q,"jid":%q,"msg":"done","elapsed":%.3f,"request_id":%q}`,
		choose(r, "Devops::PipelineRunJob", "Ai::EmbeddingJob", "Devops::DockerHostSyncJob", "NotificationJob"), uuid(r), r.ExpFloat64()*3, uuid(r)))
}
