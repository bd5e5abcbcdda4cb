package worlds

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

const hubVolume = "cortex-hub_ai_hub_data"

func (x *cortex) buildProd() {
	s, p := x.s, x.p
	sp := machine(p, x.w.Hosts[1], bookworm(), 8, 32*gib)
	sp.Up, sp.Load, sp.LoadSwing, sp.MemUsed, sp.Stall = 33*day, 1.7, 1.1, 0.52, 0.8
	docker(&sp)
	edge := p.Addr("192.168.68.90")
	nfs := sim.DiskSpec{
		Device: edge + ":/volume1/docker/ai-hub/data", Mount: "/var/lib/docker/volumes/" + hubVolume + "/_data", Type: "nfs4",
		Options: "rw,relatime,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,clientaddr=" + sp.Addr + ",local_lock=none,addr=" + edge,
		Size:    3600 * gib, Used: 2210 * gib, Inodes: 244 << 20, InodesUsed: 9 << 20, Growth: 40e3,
	}
	sp.Disks = append(sp.Disks, nfs)
	h := s.AddHost(sp)
	x.prod = h
	base(h)
	files(h.FS, x.w, p, "cortex/prod", s.Start().Add(-32*time.Hour), func(name string, n *vfs.Node) {
		if strings.HasPrefix(name, "/home/coder") {
			n.Owner, n.Group = "coder", "coder"
		}
	})
	h.FS.Put("/home/coder/project/cortex-hub/deployment/jerxie-prod/.env", vfs.Node{Mode: 0o600, Owner: "coder", Group: "coder", Data: []byte("SUPER_ADMINS=ops@jerxie.com\nSECRET_KEY=" + agentKey + "\n")})
	x.hubFiles(func(name string, n vfs.Node) { h.FS.Put(nfs.Mount+name, n) })
	h.AddNetwork(sim.Network{Name: "cortex-hub_default", Subnet: "172.18.0.0/16", Gateway: "172.18.0.1", Labels: map[string]string{"com.docker.compose.project": "cortex-hub"}})
	h.AddVolume(sim.Volume{
		Name: hubVolume, Options: map[string]string{"type": "nfs", "o": "addr=" + edge + ",rw,nfsvers=4", "device": ":/volume1/docker/ai-hub/data"},
		Labels: map[string]string{"com.docker.compose.project": "cortex-hub", "com.docker.compose.volume": "ai_hub_data"},
	})
	x.hubContainer(nfs)
	x.otherContainers()
}

// hubFiles are the database's files: a header that says SQLite in WAL mode, and sizes.
func (x *cortex) hubFiles(put func(string, vfs.Node)) {
	at := x.s.Start().Add(-time.Minute)
	head := append([]byte("SQLite format 3\x00\x10\x00\x02\x02\x00\x40\x20\x20"), make([]byte, 76)...)
	put("/ai_hub.db", vfs.Node{Mode: 0o644, Data: head, Len: 412 * mib, MTime: at})
	put("/ai_hub.db-wal", vfs.Node{Mode: 0o644, Data: make([]byte, 32), Len: 96 * mib, MTime: at})
	put("/ai_hub.db-shm", vfs.Node{Mode: 0o644, Data: make([]byte, 32), Len: 32 * kib, MTime: at})
}

func (x *cortex) hubContainer(nfs sim.DiskSpec) {
	dir := "/home/coder/project/cortex-hub"
	inside := map[string]vfs.Node{}
	x.hubFiles(func(name string, n vfs.Node) { inside["/app/data"+name] = n })
	x.hub = x.prod.AddContainer(sim.ContainerSpec{
		Name: "ai_hub_service", Image: "ai_hub_service:latest", Networks: []string{"cortex-hub_default"}, Aliases: []string{"ai-hub", "ai_hub_service"}, Restart: "always", Up: 31 * time.Hour,
		Cmd:    []string{"uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--proxy-headers", "--forwarded-allow-ips", "*"},
		Expose: []string{"8000/tcp"}, WorkDir: "/app", Labels: composed(x.s, "cortex-hub", "ai-hub", dir, "docker-compose.yml", "deployment/jerxie-prod/docker-compose.production.yml"),
		Env: []string{
			"PATH_PREFIX=/api/v1", "HUB_PUBLIC_URL=https://" + x.domain("ai.jerxie.com"), "DATABASE_URL=sqlite:////app/data/ai_hub.db", "OIDC_ENABLED=true",
			"OIDC_CLIENT_ID=cortex-server", "OIDC_SERVER_URL=https://" + x.domain("auth.jerxie.com"), "SECRET_KEY=" + agentKey,
			"OIDC_REDIRECT_URI=https://" + x.domain("ai.jerxie.com") + "/api/v1/users/login/callback",
		},
		Open:   []string{"/app/data/ai_hub.db", "/app/data/ai_hub.db-wal"},
		Mounts: []sim.MountSpec{{Type: "volume", Name: hubVolume, Source: nfs.Mount, Target: "/app/data", FSType: "nfs4", Device: nfs.Device, Options: nfs.Options}},
		Health: &sim.HealthSpec{
			Test: []string{"CMD-SHELL", "curl -fsS http://localhost:8000/api/v1/health || exit 1"}, Interval: 15 * time.Second, Timeout: 5 * time.Second, StartPeriod: 20 * time.Second,
			Good: `{"status":"ok","database":"ok"}`, Bad: "curl: (28) Operation timed out after 5001 milliseconds with 0 bytes received", BadExit: 1,
		},
		CPU: 22, CPUSwing: 15, Mem: 640 * mib, MemSwing: 60 * mib, Net: 60e3, Warmup: 4 * time.Second, StopTime: 900 * time.Millisecond,
		HTTP: map[int]http.Handler{8000: http.HandlerFunc(x.serveHub)}, Files: inside,
		Boot: x.bootHub, Halt: func(c *sim.Container, now time.Time) {
			c.Errout(now, "INFO:     Shutting down")
			c.Errout(now.Add(300*time.Millisecond), "INFO:     Application shutdown complete.")
		},
	})
}

func (x *cortex) bootHub(c *sim.Container, now time.Time) {
	// The settings are read once, at import. This time the environment is complete.
	x.clientID = "cortex-server"
	for i, l := range []string{
		"INFO:     Started server process [1]", "INFO:     Waiting for application startup.", "INFO  [alembic.runtime.migration] Context impl SQLiteImpl.",
		"INFO  [app.main] Migrations up to date", "INFO  [app.core.grpc] Agent Orchestrator listening on 50051", "INFO:     Application startup complete.",
		"INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
	} {
		c.Errout(now.Add(time.Duration(400+i*550)*time.Millisecond), l)
	}
}

func (x *cortex) otherContainers() {
	h, dir := x.prod, "/home/coder/project/cortex-hub"
	x.front = h.AddContainer(sim.ContainerSpec{
		Name: "ai_unified_frontend", Image: "ai_unified_frontend:latest", Networks: []string{"cortex-hub_default"}, Aliases: []string{"ai-frontend"}, Restart: "always", Up: 31 * time.Hour,
		Ports: []sim.PortSpec{{Host: 8002, Port: 80}}, Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"},
		Labels: composed(x.s, "cortex-hub", "ai-frontend", dir, "docker-compose.yml", "deployment/jerxie-prod/docker-compose.production.yml"),
		Files:  inContainer(x.w, x.p, "cortex/frontend"), CPU: 1.4, CPUSwing: 1, Mem: 14 * mib, MemSwing: 2 * mib, Net: 80e3,
		HTTP: map[int]http.Handler{80: http.HandlerFunc(x.serveFront)}, Procs: [][]string{{"nginx:", "master", "process", "nginx", "-g", "daemon off;"}, {"nginx:", "worker", "process"}},
		Boot: func(c *sim.Container, now time.Time) {
			c.Out(now, "/docker-entrypoint.sh: Configuration complete; ready for start up")
			for _, l := range []string{`using the "epoll" event method`, "nginx/1.27.2", "start worker processes", "start worker process 29"} {
				c.Errout(now, now.UTC().Format("2006/01/02 15:04:05")+" [notice] 1#1: "+l)
			}
		},
	})
	x.python = h.AddContainer(sim.ContainerSpec{
		Name: "python3_11", Image: "python:3.11-slim", Networks: []string{"bridge"}, Restart: "always", Up: 33*day - time.Hour, Ports: []sim.PortSpec{{Host: 8000, Port: 8000}},
		Cmd: []string{"python3", "-m", "http.server", "8000"}, CPU: 0.4, CPUSwing: 0.3, Mem: 21 * mib, MemSwing: 2 * mib, Net: 300, HTTP: map[int]http.Handler{8000: http.HandlerFunc(x.servePython)},
	})
	x.dex = h.AddContainer(sim.ContainerSpec{
		Name: "dex", Image: "ghcr.io/dexidp/dex:v2.41.1", Networks: []string{"bridge"}, Restart: "unless-stopped", Up: 26 * day, Ports: []sim.PortSpec{{Host: 5556, Port: 5556}},
		Entrypoint: []string{"/usr/local/bin/docker-entrypoint"}, Cmd: []string{"dex", "serve", "/etc/dex/config.docker.yaml"}, Expose: []string{"5557/tcp"},
		CPU: 0.6, CPUSwing: 0.4, Mem: 34 * mib, MemSwing: 3 * mib, Net: 900, HTTP: map[int]http.Handler{5556: http.HandlerFunc(x.serveDex)},
	})
	x.browser = h.AddContainer(sim.ContainerSpec{
		Name: "cortex_browser_service", Image: "cortex_browser_service:latest", Networks: []string{"cortex-hub_default"}, Aliases: []string{"browser-service"}, Restart: "unless-stopped", Up: 4 * time.Hour,
		Cmd: []string{"node", "server.js"}, Expose: []string{"50052/tcp"}, Labels: composed(x.s, "cortex-hub", "browser-service", dir, "docker-compose.yml"), Restarts: 3,
		MemLimit: 768 * mib, CPU: 35, CPUSwing: 30, Mem: 560 * mib, MemSwing: 180 * mib, Net: 20e3, Warmup: time.Second,
		Boot: func(c *sim.Container, now time.Time) {
			c.Out(now.Add(700*time.Millisecond), `{"level":"info","msg":"browser pool ready","size":4}`)
		},
	})
	h.AddContainer(sim.ContainerSpec{
		Name: "ai_unified_frontend_canary", Image: "ai_unified_frontend:latest", Networks: []string{"cortex-hub_default"}, Restart: "always", Off: "created", Exit: 128, Age: 26 * time.Hour,
		Ports: []sim.PortSpec{{Host: 8000, Port: 80}}, Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"},
		Error:  "driver failed programming external connectivity on endpoint ai_unified_frontend_canary (" + x.s.Hex("canary", 64) + "): Bind for 0.0.0.0:8000 failed: port is already allocated",
		Labels: composed(x.s, "cortex-hub-canary", "ai-frontend", dir+"/deployment/canary", "docker-compose.yml"),
	})
	h.AddContainer(sim.ContainerSpec{
		Name: "cortex-hub-migrate-1", Image: "ai_hub_service:latest", Networks: []string{"cortex-hub_default"}, Restart: "no", Off: "exited", Up: 31 * time.Hour, Cmd: []string{"alembic", "upgrade", "head"},
		Labels: composed(x.s, "cortex-hub", "migrate", dir, "docker-compose.yml"),
	})
}

func (x *cortex) buildAgents() {
	for i, hd := range x.w.Hosts[2:] {
		sp := machine(x.p, hd, noble(), 8-4*i, uint64(16-8*i)*gib)
		sp.Up, sp.Load = time.Duration(9+i*14)*day, 0.8
		sp.Users[0].Groups = []string{"agent", "adm"}
		h := x.s.AddHost(sp)
		base(h)
		files(h.FS, x.w, x.p, "cortex/agent", x.s.Start().Add(-9*day), nil)
		version := "1.5.2"
		if i == 0 {
			x.mac, version = h, "1.3.9"
			h.FS.Put("/opt/agent_node/VERSION", vfs.Node{Mode: 0o644, Data: []byte(version + "\n"), MTime: x.s.Start().Add(-70 * day)})
		}
		u := h.AddUnit(sim.UnitSpec{
			Name: "cortex-agent.service", Description: "Cortex agent node", Exec: []string{"/opt/agent_node/venv/bin/python", "-m", "agent_node.main"}, User: "agent", Restart: "always", RestartSec: 5 * time.Second,
			EnvFiles: []string{"/etc/cortex-agent.env"}, Mem: 210 * mib, CPU: 6, Ident: "cortex-agent", Since: 5 * day,
			OnStart: func(u *sim.Unit, now time.Time) {
				u.Log(now, sim.Info, "[agent_node.main] starting, version "+version)
				u.Log(now.Add(time.Second), sim.Info, "[agent_node.rpc] connected to hub at "+x.domain("ai.jerxie.com"))
			},
		})
		h.FS.Put("/etc/cortex-agent.env", vfs.Node{Mode: 0o600, Owner: "agent", Group: "agent", Data: []byte("AGENT_NODE_ID=" + hd.Name + "\nSECRET_KEY=" + agentKey + "\nHUB_URL=https://" + x.domain("ai.jerxie.com") + "\n")})
		x.agentLife(u, i == 0)
		if i == 1 && !x.p.Calm {
			drop(h, 100*time.Second, 6*time.Minute, 35*time.Second, false)
		}
	}
}

func (x *cortex) agentLife(u *sim.Unit, lags bool) {
	often(x.s, "agent "+u.Host.Spec.Name, 0.08, func(now time.Time, r *rnd) {
		if !u.Running() {
			return
		}
		switch k := r.IntN(10); {
		case k < 6:
			u.Log(now, sim.Info, fmt.Sprintf("[agent_node.heartbeat] ok rtt=%dms tasks=%d", 8+r.IntN(60), r.IntN(4)))
		case k < 8 && lags:
			u.Log(now, sim.Info, "[agent_node.updater] hub has 1.5.2, this node is 1.3.9: downloading")
			u.Log(now.Add(2*time.Second), sim.Err, "[agent_node.updater] bootstrap_installer.py --update-only failed: ERROR: Cannot uninstall 'certifi'. It is a distutils installed project and thus we cannot accurately determine which files belong to it")
		default:
			u.Log(now, sim.Info, fmt.Sprintf("[agent_node.executor] task %s finished in %dms", uuid(r)[:8], 200+r.IntN(9000)))
		}
	})
}

// serveDex answers as the identity provider does.
func (x *cortex) serveDex(w http.ResponseWriter, r *http.Request) {
	issuer := "https://" + x.domain("auth.jerxie.com")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		reply(w, http.StatusOK, map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/auth", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys"})
	case "/healthz":
		_, _ = w.Write([]byte("Health check passed"))
	case "/auth":
		id := r.URL.Query().Get("client_id")
		if id == "cortex-server" {
			http.Redirect(w, r, "/auth/local?back=&state="+url.QueryEscape(r.URL.Query().Get("state")), http.StatusFound)
			return
		}
		x.s.Lock()
		x.dexRefuses(x.s.Now(), id)
		x.s.Unlock()
		http.Error(w, fmt.Sprintf("Bad Request\nInvalid client_id (%q).", id), http.StatusBadRequest)
	default:
		http.NotFound(w, r)
	}
}

func (x *cortex) dexRefuses(now time.Time, id string) {
	x.dex.Errout(now, fmt.Sprintf(`time=%s level=ERROR msg="failed to parse authorization request" err="Invalid client_id (\"%s\")."`, now.UTC().Format("2006-01-02T15:04:05.000Z"), id))
}

// servePython is python -m http.server in an empty directory.
func (x *cortex) servePython(w http.ResponseWriter, r *http.Request) {
	peer, _, _ := strings.Cut(r.RemoteAddr, ":")
	code := http.StatusOK
	if r.URL.Path != "/" {
		code = http.StatusNotFound
	}
	x.s.Lock()
	x.pythonLine(x.s.Now(), peer, r.Method, r.URL.Path, code)
	x.s.Unlock()
	w.Header().Set("Server", "SimpleHTTP/0.6 Python/3.11.10")
	if code == http.StatusOK {
		html(w, "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<title>Directory listing for /</title>\n</head>\n<body>\n<h1>Directory listing for /</h1>\n<hr>\n<ul>\n</ul>\n<hr>\n</body>\n</html>\n")
		return
	}
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte("<!DOCTYPE HTML>\n<html lang=\"en\">\n    <head>\n        <title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n        <p>Error code: 404</p>\n        <p>Message: File not found.</p>\n    </body>\n</html>\n"))
}

func (x *cortex) pythonLine(now time.Time, peer, method, path string, code int) {
	at := now.UTC().Format("02/Jan/2006 15:04:05")
	if code == http.StatusNotFound {
		x.python.Errout(now, fmt.Sprintf("%s - - [%s] code 404, message File not found", peer, at))
	}
	x.python.Errout(now, fmt.Sprintf("%s - - [%s] %q %d -", peer, at, method+" "+path+" HTTP/1.1", code))
}
