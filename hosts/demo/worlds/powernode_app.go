package worlds

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// powernode is the world while it lives. Everything in it is guarded by the site's lock.
type powernode struct {
	w   World
	s   *sim.Site
	p   *Plan
	app *sim.Host

	backend, api2, worker, heavy, web, frontend *sim.Unit
	slow                                        bool // the AI provider answers 429

	box struct { // containers on pn-app-2
		h                                                   *sim.Host
		traefik, backend, worker, frontend, postgres, redis *sim.Container
		proxy                                               *traefik
	}
}

func buildPowernode(w World, s *sim.Site, p *Plan) {
	x := &powernode{w: w, s: s, p: p}
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	x.buildApp()
	x.buildDocker()
	x.buildSwarm()
	x.buildRunner()
	x.buildIdle()
	x.appLife()
	x.dockerLife()
}

func (x *powernode) machine(i int, cpus int, mem uint64) sim.HostSpec {
	sp := machine(x.p, x.w.Hosts[i], noble(), cpus, mem)
	if u := &sp.Users[0]; u.Name == "powernode" {
		u.Sudo, u.Password, u.Groups = sim.SudoPassword, powernodePassword, []string{"powernode", "adm", "sudo"}
	}
	return sp
}

func (x *powernode) buildApp() {
	sp := x.machine(0, 8, 32*gib)
	sp.Up, sp.Load, sp.LoadSwing, sp.MemUsed = 47*day, 2.6, 1.4, 0.63
	sp.Disks[0].Used = 66 * gib
	h := x.s.AddHost(sp)
	x.app = h
	base(h)
	files(h.FS, x.w, x.p, "powernode/app", x.s.Start().Add(-20*day), func(name string, n *vfs.Node) {
		if strings.HasPrefix(name, "/etc/powernode/") && name != "/etc/powernode/powernode.conf" {
			n.Mode = 0o600
		}
	})
	h.FS.Put("/opt/powernode", vfs.Node{Mode: fs.ModeDir | 0o755, Owner: "powernode", Group: "powernode"})
	h.AddUnit(sim.UnitSpec{
		Name: "postgresql@15-main.service", Description: "PostgreSQL Cluster 15-main", Vendor: true, Kind: "forking", Exec: []string{"/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main"},
		Mem: 2100 * mib, CPU: 18, Restart: "on-failure", Enabled: "enabled-runtime", Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 5432, Process: "postgres"}, {Proto: "unix", Path: "/var/run/postgresql/.s.PGSQL.5432", Process: "postgres"}},
	})
	h.AddUnit(sim.UnitSpec{
		Name: "redis-server.service", Description: "Advanced key-value store", Vendor: true, Kind: "notify", Exec: []string{"/usr/bin/redis-server", "127.0.0.1:6379"}, Mem: 410 * mib, CPU: 4,
		Restart: "always", Listen: []sim.Listener{{Proto: "tcp", IP: "127.0.0.1", Port: 6379, Process: "redis-server"}, {Proto: "tcp", IP: "::1", Port: 6379, Process: "redis-server"}},
	})
	target := []string{"powernode.target"}
	h.AddUnit(sim.UnitSpec{Name: "powernode.target", Description: "Powernode platform", Wants: []string{
		"powernode-backend@default.service", "powernode-worker@default.service", "powernode-worker-web@default.service", "powernode-frontend@default.service",
	}})
	conf := func(name string) []string {
		return []string{"/etc/powernode/powernode.conf", "/etc/powernode/" + name + ".conf"}
	}
	x.backend = h.AddUnit(sim.UnitSpec{
		Name: "powernode-backend@default.service", Description: "Powernode Rails API (default)", User: "powernode", Exec: []string{"/opt/powernode/bin/puma", "-C", "config/puma.rb"}, ExecReload: []string{"/bin/kill", "-USR2", "$MAINPID"},
		EnvFiles: conf("backend-default"), Restart: "on-failure", RestartSec: 5 * time.Second, PartOf: target, Mem: 1450 * mib, CPU: 64, Tasks: 31, Since: 6 * day, Reload: "signal", Drain: 900 * time.Millisecond, Ident: "puma",
		Listen: []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 3000, Process: "puma", Handler: http.HandlerFunc(x.serveBackend)}},
		OnStart: func(u *sim.Unit, now time.Time) {
			u.Log(now, sim.Info, "Puma starting in single mode...")
			u.Log(now.Add(1800*time.Millisecond), sim.Info, "* Listening on http://0.0.0.0:3000")
		},
		OnReload: func(u *sim.Unit, now time.Time) {
			u.Log(now, sim.Info, "* Restarting...")
			u.Log(now.Add(30*time.Millisecond), sim.Info, "* Inherited tcp://0.0.0.0:3000")
		},
	})
	x.api2 = h.AddUnit(sim.UnitSpec{
		Name: "powernode-backend@api2.service", Description: "Powernode Rails API (api2)", User: "powernode", Exec: []string{"/opt/powernode/bin/puma", "-C", "config/puma.rb"}, EnvFiles: conf("backend-api2"),
		Restart: "on-failure", RestartSec: 2 * time.Second, Burst: 5, BurstInterval: 30 * time.Second, PartOf: target, Mem: 300 * mib, Since: 19 * time.Minute, Failed: "start-limit-hit", ExitStatus: 1, Restarts: 5, Ident: "puma",
		OnStart: x.api2Starts,
	})
	drain := func(u *sim.Unit, now time.Time) {
		u.Log(now, sim.Info, sidekiqLine(now, u.PID, "INFO: Shutting down"))
		u.Log(now, sim.Info, sidekiqLine(now, u.PID, "INFO: Terminating quiet threads for default capsule"))
		u.Log(now, sim.Info, sidekiqLine(now, u.PID, "INFO: Pausing to allow jobs to finish..."))
	}
	boot := func(u *sim.Unit, now time.Time) {
		u.Log(now.Add(2*time.Second), sim.Info, sidekiqLine(now, u.PID, "INFO: Sidekiq 7.3.4 connecting to Redis with options {:size=>10, :pool_name=>\"internal\"}"))
		u.Log(now.Add(3*time.Second), sim.Info, sidekiqLine(now, u.PID, "INFO: Starting processing, hit Ctrl-C to stop"))
	}
	x.worker = h.AddUnit(sim.UnitSpec{
		Name: "powernode-worker@default.service", Description: "Powernode Sidekiq worker (default)", User: "powernode", Exec: []string{"/opt/powernode/bin/sidekiq", "-C", "config/sidekiq.yml"}, EnvFiles: conf("worker-default"),
		Restart: "on-failure", RestartSec: 5 * time.Second, PartOf: target, Mem: 720 * mib, CPU: 31, Tasks: 14, Since: 3 * day, Drain: 28 * time.Second, Ident: "sidekiq", OnStop: drain, OnStart: boot,
	})
	x.heavy = h.AddUnit(sim.UnitSpec{
		Name: "powernode-worker@ai-heavy.service", Description: "Powernode Sidekiq worker (ai-heavy)", User: "powernode", Exec: []string{"/opt/powernode/bin/sidekiq", "-C", "config/sidekiq.yml"}, EnvFiles: conf("worker-ai-heavy"),
		Restart: "on-failure", RestartSec: 5 * time.Second, PartOf: target, Mem: 1900 * mib, CPU: 120, Tasks: 24, Since: 4 * time.Minute, Drain: 75 * time.Second, Ident: "sidekiq", OnStop: drain, OnStart: boot,
	})
	x.web = h.AddUnit(sim.UnitSpec{
		Name: "powernode-worker-web@default.service", Description: "Powernode Sidekiq Web (default)", User: "powernode", Exec: []string{"/opt/powernode/bin/rackup", "-p", "4567", "web.ru"}, EnvFiles: conf("worker-web-default"),
		Restart: "on-failure", PartOf: target, Mem: 120 * mib, CPU: 0.5, Since: 3 * day, Ident: "rackup", Listen: []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 4567, Process: "ruby", Handler: http.HandlerFunc(serveSidekiqWeb)}},
	})
	x.web.Deaf = true
	x.frontend = h.AddUnit(sim.UnitSpec{
		Name: "powernode-frontend@default.service", Description: "Powernode frontend (default)", User: "powernode", Exec: []string{"/usr/bin/node", "server.mjs"}, EnvFiles: conf("frontend-default"),
		Restart: "on-failure", PartOf: target, Mem: 180 * mib, CPU: 3, Since: 6 * day, Ident: "node",
		Listen: []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 3002, Process: "node", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { html(w, page("Powernode")) })}},
	})
}

// api2Starts is what happens when the second backend starts: its port is the frontend's.
func (x *powernode) api2Starts(u *sim.Unit, now time.Time) {
	u.Log(now, sim.Info, "Puma starting in single mode...")
	x.s.After(1300*time.Millisecond, func(now time.Time) {
		if u.PID == 0 || !x.frontend.Running() {
			return
		}
		u.Log(now, sim.Err, "/opt/powernode/server/vendor/bundle/ruby/3.3.0/gems/puma-6.4.3/lib/puma/binder.rb:344:in `initialize': Address already in use - bind(2) for \"0.0.0.0\" port 3002 (Errno::EADDRINUSE)")
		u.Fail(1, "")
	})
}

func sidekiqLine(at time.Time, pid int, text string) string {
	return fmt.Sprintf("%s pid=%d tid=%s %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), pid, "abc", text)
}

func serveSidekiqWeb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("WWW-Authenticate", `Basic realm="Sidekiq"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// serveBackend answers the health endpoints and a few of the API's.
func (x *powernode) serveBackend(w http.ResponseWriter, r *http.Request) {
	x.s.Lock()
	slow, disk := x.slow, x.app.Disks()[0]
	up := x.s.Now().Sub(x.backend.Entered)
	rid := x.s.Hex("live "+x.s.Now().String(), 32)
	x.s.Unlock()
	w.Header().Set("X-Request-Id", rid)
	switch r.URL.Path {
	case "/health", "/health/live":
		reply(w, http.StatusOK, m2("status", "ok"))
	case "/health/ready":
		reply(w, http.StatusOK, map[string]any{"status": "ready", "checks": map[string]string{"database": "ok", "redis": "ok", "migrations": "ok"}})
	case "/health/detailed":
		providers, status := map[string]any{"status": "ok"}, "ok"
		if slow {
			providers, status = map[string]any{"status": "degraded", "message": "provider answers 429 Too Many Requests"}, "degraded"
		}
		reply(w, http.StatusOK, map[string]any{
			"status": status, "version": "2.14.3", "uptime": int(up.Seconds()), "checks": map[string]any{
				"database": map[string]any{"status": "ok", "latency_ms": 2}, "redis": map[string]any{"status": "ok", "latency_ms": 1}, "providers": providers,
				"memory": map[string]any{"status": "ok", "rss_mb": 1450}, "disk": map[string]any{"status": "warning", "used_percent": disk.Used * 100 / disk.Size},
			},
		})
	case "/metrics":
		_, _ = fmt.Fprintf(w, "# TYPE process_uptime_seconds gauge\nprocess_uptime_seconds %d\n", int(up.Seconds()))
	default:
		if strings.HasPrefix(r.URL.Path, "/api/v1/") {
			reply(w, http.StatusUnauthorized, m2("error", "authentication required"))
			return
		}
		reply(w, http.StatusNotFound, m2("error", "not found"))
	}
}

// railsLine is a line of structured JSON as the backend writes it.
func railsLine(q request, level, message string, user, account int, extra map[string]any) string {
	m := map[string]any{
		"timestamp": q.at.UTC().Format("2006-01-02T15:04:05.000Z"), "level": level, "message": message, "request_id": q.id, "user_id": user, "account_id": account,
		"method": q.method, "path": q.path, "status": q.status, "duration_ms": float64(q.took.Microseconds()) / 1000,
	}
	for k, v := range extra {
		m[k] = v
	}
	b, _ := json.Marshal(m) //nolint:errchkjson // plain values
	return string(b)
}

func (x *powernode) appLife() {
	often(x.s, "api", 1.1, x.visit)
	often(x.s, "jobs", 0.5, x.job)
	if x.p.Calm {
		return
	}
	// Somebody keeps restarting the heavy worker, which is still draining from the last time.
	x.s.Every(x.s.Start().Sub(x.s.Now())-6*time.Minute, func(time.Time) time.Duration {
		x.heavy.Restart()
		x.s.After(20*time.Second, func(time.Time) { x.heavy.Restart() })
		return 4 * time.Minute
	})
	x.s.Every(7*time.Minute, func(time.Time) time.Duration {
		if x.api2.Active == "failed" {
			x.api2.ResetFailed()
			x.api2.Start()
		}
		return 9 * time.Minute
	})
	r := x.s.Rand("provider")
	x.s.Every(5*time.Minute, func(time.Time) time.Duration {
		x.slow = true
		x.s.After(time.Duration(80+r.IntN(60))*time.Second, func(time.Time) { x.slow = false })
		return 8 * time.Minute
	})
}

func (x *powernode) visit(now time.Time, r *rnd) {
	user, account := 100+r.IntN(40), 1+r.IntN(6)
	q := newRequest(now, r, "app.powernode.example", choose(r, "GET", "GET", "GET", "POST"), "")
	q.path = choose(r, "/api/v1/pipelines", "/api/v1/container_instances", "/api/v1/docker_hosts", "/api/v1/ai/agents", "/api/v1/notifications", "/api/v1/runners")
	if x.frontend.Running() && r.IntN(3) == 0 {
		x.frontend.Log(now, sim.Info, fmt.Sprintf(`{"level":"info","msg":"proxy","request_id":"%s","method":"%s","path":"%s","upstream":"http://127.0.0.1:3000"}`, q.id, q.method, q.path))
	}
	if !x.backend.Running() {
		if x.frontend.Running() {
			x.frontend.Log(now, sim.Err, fmt.Sprintf(`{"level":"error","msg":"connect ECONNREFUSED 127.0.0.1:3000","request_id":"%s","path":"%s"}`, q.id, q.path))
		}
		return
	}
	switch k := r.IntN(1000); {
	case k < 7:
		q.status = http.StatusInternalServerError
		x.backend.Log(now, sim.Info, railsLine(q, "ERROR", "ActiveRecord::StatementInvalid: PG::UndefinedColumn: ERROR:  column swarm_clusters.synced_at does not exist", user, account, map[string]any{
			"exception": "ActiveRecord::StatementInvalid", "backtrace": []string{
				"app/services/devops/docker/swarm_manager.rb:88:in `sync_cluster'", "app/controllers/api/v1/docker_hosts_controller.rb:41:in `index'", "lib/middleware/request_context.rb:17:in `call'",
			},
		}))
	case k < 60 && x.slow:
		q.status, q.took = http.StatusServiceUnavailable, 9*time.Second
		x.backend.Log(now, sim.Info, railsLine(q, "WARN", "provider rate limited, retry later", user, account, map[string]any{"provider": "anthropic", "provider_status": 429}))
	case k < 130:
		q.status = http.StatusUnauthorized
		x.backend.Log(now, sim.Info, railsLine(q, "INFO", "request", 0, 0, nil))
	default:
		if q.method == "POST" {
			q.status = http.StatusCreated
		}
		x.backend.Log(now, sim.Info, railsLine(q, "INFO", "request", user, account, nil))
	}
}

// job is a background job, which calls the backend under the request ID that began it.
func (x *powernode) job(now time.Time, r *rnd) {
	u, class := x.worker, choose(r, "Devops::DockerHostSyncJob", "Notifications::DeliverJob", "CiCd::StatusUpdateJob", "Devops::PipelineRunJob")
	if r.IntN(3) == 0 {
		u, class = x.heavy, choose(r, "Ai::ExecutePromptJob", "Ai::EmbedDocumentJob")
	}
	if !u.Running() {
		return
	}
	q := newRequest(now, r, "localhost:3000", "POST", "/api/v1/internal/callbacks")
	jid, tid := x.s.Hex("jid "+q.id, 24), x.s.Hex("tid "+q.id, 4)
	line := func(at time.Time, text string) {
		u.Log(at, sim.Info, fmt.Sprintf("%s pid=%d tid=%s class=%s jid=%s request_id=%s %s", at.UTC().Format("2006-01-02T15:04:05.000Z"), u.PID, tid, class, jid, q.id, text))
	}
	line(now, "INFO: start")
	took := time.Duration(30+r.ExpFloat64()*700) * time.Millisecond
	end := now.Add(took)
	switch {
	case x.slow && u == x.heavy:
		line(end, fmt.Sprintf("elapsed=%.3f INFO: fail", took.Seconds()))
		u.Log(end.Add(time.Millisecond), sim.Warning, fmt.Sprintf("%s pid=%d tid=%s class=%s jid=%s WARN: Faraday::TooManyRequestsError: the server responded with status 429", end.UTC().Format("2006-01-02T15:04:05.000Z"), u.PID, tid, class, jid))
		return
	case x.backend.Running() && r.IntN(2) == 0:
		q.at, q.status, q.took = end.Add(-20*time.Millisecond), http.StatusOK, 12*time.Millisecond
		x.backend.Log(q.at, sim.Info, railsLine(q, "INFO", "request", 0, 1, map[string]any{"service": "worker"}))
	}
	line(end, fmt.Sprintf("elapsed=%.3f INFO: done", took.Seconds()))
}
