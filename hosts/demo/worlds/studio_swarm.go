package worlds

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"midwatch/hosts/demo/sim"
)

func (x *studio) buildSwarm() {
	sp := machine(x.p, x.w.Hosts[1], noble(), 4, 8*gib)
	sp.Up, sp.Load = 41*day, 0.6
	docker(&sp)
	mgr := x.s.AddHost(sp)
	base(mgr)
	files(mgr.FS, x.w, x.p, "studio/manager", x.s.Start().Add(-3*day), nil)
	sp = machine(x.p, x.w.Hosts[2], noble(), 4, 8*gib)
	sp.Up, sp.Load = 41*day, 0.8
	docker(&sp)
	node := x.s.AddHost(sp)
	base(node)
	c := newCluster(x.s, mgr, 41*day)
	c.join(node, map[string]string{"stateful": "true"})
	c.node(x.p.Name("swarm-node-2"), x.p.Addr("10.50.0.23"), "worker", "ready", "drain", nil)
	c.overlay("ai-studio_internal", "10.0.7.0/24", "10.0.7.1", "ai-studio")
	c.overlay("traefik-public", "10.0.8.0/24", "10.0.8.1", "")
	k := &x.swarm
	x.stack(k, mgr, "studio.workflowbuilder.example")
	x.swarmData(c, node.Spec.Name)
	x.swarmApp(c)
	x.swarmEdge(c)
	for _, h := range []*sim.Host{mgr, node} {
		h.Listeners = append(h.Listeners, &sim.Listener{Proto: "tcp", IP: "::", Port: 7946, Process: "dockerd", PID: 912}, &sim.Listener{Proto: "udp", IP: "::", Port: 7946, Process: "dockerd", PID: 912})
	}
	mgr.Listeners = append(mgr.Listeners, &sim.Listener{Proto: "tcp", IP: "::", Port: 2377, Process: "dockerd", PID: 912})
}

func (x *studio) swarmData(c *cluster, node string) {
	k, net := &x.swarm, "ai-studio_internal"
	data := func(service, role, volume string) *sim.Container {
		box := postgres(role, 6*day, 180*mib)
		box.Networks, box.Aliases, box.Mounts = []string{net}, []string{service}, []sim.MountSpec{vol("ai-studio_"+volume, "/var/lib/postgresql/data")}
		c.nodes[node].AddVolume(sim.Volume{Name: "ai-studio_" + volume, Size: 700 * mib, Labels: map[string]string{"com.docker.stack.namespace": "ai-studio"}})
		v := c.service(sim.SwarmService{
			Name: "ai-studio_" + service, Stack: "ai-studio", Image: pinned(x.s, "postgres:16.9-alpine"), Replicas: 1, Networks: []string{net}, Constraints: []string{"node.labels.stateful == true"},
			Env: box.Env, RestartPolicy: "on-failure", Mounts: []sim.MountSpec{{Type: "volume", Name: "ai-studio_" + volume, Target: "/var/lib/postgresql/data"}}, Health: box.Health,
		}, box, node)
		return v.Tasks[0].Container
	}
	k.appDB, k.temporalDB = data("app-db", "studio", "app_db"), data("temporal-db", "temporal", "temporal_db")
	box := temporalServer("temporal-db")
	box.Networks, box.Aliases, box.Up = []string{net}, []string{"temporal"}, 6*day
	v := c.service(sim.SwarmService{
		Name: "ai-studio_temporal", Stack: "ai-studio", Image: pinned(x.s, box.Image), Replicas: 1, Networks: []string{net}, Constraints: []string{"node.labels.stateful == true"},
		Env: box.Env, RestartPolicy: "on-failure", MaxAttempts: 10,
	}, box, node)
	k.temporal = v.Tasks[0].Container
}

// pinned is an image as a stack file's deployment resolves it: with its digest.
func pinned(s *sim.Site, ref string) string { return ref + "@sha256:" + s.Hex("pinned "+ref, 64) }

func (x *studio) swarmApp(c *cluster) {
	k, net, me, start := &x.swarm, "ai-studio_internal", c.h.Spec.Name, x.s.Start()
	box := k.backendSpec(studioNew)
	box.Networks, box.Aliases, box.Up = []string{net}, []string{"backend"}, 2*day
	back := c.service(sim.SwarmService{
		Name: "ai-studio_backend", Stack: "ai-studio", Image: pinned(x.s, box.Image), Previous: pinned(x.s, studioRegistry+"runtime:"+studioOld), Replicas: 2, Networks: []string{net}, Env: box.Env, Args: box.Cmd,
		RestartPolicy: "on-failure", Health: box.Health, Updated: start.Add(-2 * day),
		Update: &sim.UpdateStatus{State: "updating", Message: "update in progress", Started: start.Add(-2 * day)},
	}, box, me)
	k.backend = back.Tasks[0].Container
	back.Tasks = append(back.Tasks, &sim.SwarmTask{
		ID: x.s.Hex("backend pending", 25), Slot: 2, State: "pending", Desired: "running", Message: "pending task scheduling", Image: back.Image, At: start.Add(-2 * day),
		Err: "no suitable node (insufficient resources on 2 nodes; 1 node not available for new tasks)",
	})

	// The worker of the old commit: given up.
	const gaveUp = 14 * time.Minute
	box = k.workerSpec(studioOld)
	box.Networks, box.Aliases, box.Boot, box.Off, box.Exit, box.Up, box.Age = []string{net}, []string{"worker"}, nil, "exited", 1, gaveUp, gaveUp+4*time.Second
	work := c.service(sim.SwarmService{
		Name: "ai-studio_worker", Stack: "ai-studio", Image: pinned(x.s, box.Image), Previous: pinned(x.s, studioRegistry+"runtime:"+studioNew), Replicas: 1, Networks: []string{net}, Env: box.Env, Args: box.Cmd,
		RestartPolicy: "on-failure", MaxAttempts: 5, FailureAction: "pause", Updated: start.Add(-gaveUp - time.Minute),
	}, box, me)
	last := work.Tasks[0]
	k.worker = last.Container
	last.Container, last.State, last.Desired, last.Err, last.Exit, last.At, last.PID = nil, "failed", "shutdown", "task: non-zero exit (1)", 1, start.Add(-gaveUp), 0
	for i := 1; i < 5; i++ {
		c.past(work, me, 1, "failed", "task: non-zero exit (1)", gaveUp+time.Duration(i)*11*time.Second)
	}
	work.Update = &sim.UpdateStatus{State: "paused", Message: "update paused due to failure or early termination of task " + last.ID, Started: start.Add(-gaveUp - time.Minute)}
	for i, t := range []string{
		"[INFO] Creating worker { options: { namespace: 'default', taskQueue: 'ai-studio' } }",
		"TransportError: tonic::transport::Error(Transport, ConnectError(ConnectError(\"tcp connect error\", Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" })))",
		"    at NativeConnection.connect (/app/node_modules/@temporalio/worker/src/connection.ts:44:13)",
		"    at Worker.create (/app/node_modules/@temporalio/worker/src/worker.ts:503:27)",
		"    at main (/app/apps/execution-worker/src/index.ts:19:18) { address: '127.0.0.1:7233' }",
		"[ERROR] worker could not start: connect ECONNREFUSED 127.0.0.1:7233",
	} {
		at := start.Add(-gaveUp - 2*time.Second + time.Duration(i)*time.Millisecond)
		k.worker.Errout(at, at.UTC().Format("2006-01-02T15:04:05.000Z")+" "+t)
	}

	c.service(sim.SwarmService{
		Name: "ai-studio_temporal-ui", Stack: "ai-studio", Image: pinned(x.s, "temporalio/ui:2.39.0"), Replicas: 1, Networks: []string{net, "traefik-public"}, Constraints: []string{"node.labels.debug == true"},
		Env: []string{"TEMPORAL_ADDRESS=temporal:7233"}, RestartPolicy: "on-failure", Labels: x.uiRouter().labels(8080),
	}, sim.ContainerSpec{}).Tasks = []*sim.SwarmTask{{
		ID: x.s.Hex("ui pending", 25), Slot: 1, State: "pending", Desired: "running", Message: "pending task scheduling", Err: "no suitable node (scheduling constraints not satisfied on 2 nodes; 1 node not available for new tasks)",
		Image: pinned(x.s, "temporalio/ui:2.39.0"), At: start.Add(-6 * day),
	}}

	box = k.webSpec(studioOld, inContainer(x.w, x.p, "studio/web-old"))
	box.Networks, box.Aliases, box.Up = []string{net, "traefik-public"}, []string{"web"}, 6*day
	web := c.service(sim.SwarmService{
		Name: "ai-studio_web", Stack: "ai-studio", Image: pinned(x.s, box.Image), Replicas: 1, Networks: []string{net, "traefik-public"}, Constraints: []string{"node.role == manager"}, RestartPolicy: "on-failure", Labels: x.webRouter().labels(80),
	}, box, me)
	k.web = web.Tasks[0].Container
}

func (x *studio) webRouter() traefikRouter {
	return traefikRouter{name: "studio", host: x.p.Domain("studio.workflowbuilder.example"), entry: "websecure", service: "studio", resolver: "le"}
}

func (x *studio) uiRouter() traefikRouter {
	return traefikRouter{name: "temporal", host: x.p.Domain("temporal.studio.workflowbuilder.example"), entry: "websecure", service: "temporal", resolver: "le"}
}

// swarmEdge is Traefik: its ports are published by the routing mesh, so that it never sees a client's
// address.
func (x *studio) swarmEdge(c *cluster) {
	t := &traefik{
		s: x.s, h: c.h, version: "3.4.1", provider: "swarm", rnd: x.s.Rand("traefik"), entries: map[string]string{"web": ":80", "websecure": ":443", "traefik": ":8080"},
		routers: []traefikRouter{x.webRouter(), x.uiRouter()}, services: map[string][]traefikServer{"studio": {{c: x.swarm.web, port: 80}}, "temporal": nil},
	}
	x.proxy = t
	pair := newCerts(x.s, cert{[]string{x.p.Domain("studio.workflowbuilder.example")}, 57, "Demo E6"}, cert{[]string{x.p.Domain("temporal.studio.workflowbuilder.example")}, 57, "Demo E6"})
	ports := []sim.PortSpec{{Host: 80, Port: 80}, {Host: 443, Port: 443}}
	v := c.service(sim.SwarmService{
		Name: "traefik_traefik", Stack: "traefik", Image: pinned(x.s, "traefik:v3.4.1"), Replicas: 1, Networks: []string{"traefik-public"}, Constraints: []string{"node.role == manager"}, Ports: ports, RestartPolicy: "any",
	}, sim.ContainerSpec{
		Networks: []string{"traefik-public", "ingress"}, Aliases: []string{"traefik"}, Up: 12 * day, Entrypoint: []string{"/entrypoint.sh"},
		Cmd: []string{"--providers.swarm=true", "--providers.swarm.exposedbydefault=false", "--entrypoints.web.address=:80", "--entrypoints.websecure.address=:443", "--api.insecure=true", "--accesslog=true"},
		CPU: 1.4, CPUSwing: 1, Mem: 61 * mib, MemSwing: 5 * mib, Net: 70e3, Mounts: []sim.MountSpec{{Type: "bind", Source: "/var/run/docker.sock", Target: "/var/run/docker.sock", RO: true}},
		HTTP: map[int]http.Handler{80: t.entryPoint("web"), 443: t.entryPoint("websecure"), 8080: t.api()}, TLS: map[int]*tls.Config{443: pair.bySNI(false)},
		// The dashboard is published in host mode on loopback only.
		Ports: []sim.PortSpec{{IP: "127.0.0.1", Host: 8080, Port: 8080}},
	}, c.h.Spec.Name)
	t.c = v.Tasks[0].Container
	for _, h := range c.nodes {
		for _, p := range ports {
			l := &sim.Listener{Proto: "tcp", IP: "::", Port: p.Host, Process: "dockerd", PID: 912, Handler: t.c.Spec.HTTP[p.Port], TLS: t.c.Spec.TLS[p.Port]}
			h.Listeners = append(h.Listeners, l)
		}
	}
}

// live lets people use both stacks.
func (x *studio) live() {
	often(x.s, "vm visits", 0.9, func(now time.Time, r *rnd) { x.visit(now, r, &x.vm) })
	often(x.s, "swarm visits", 0.5, func(now time.Time, r *rnd) { x.visit(now, r, &x.swarm) })
	often(x.s, "temporal", 0.08, func(now time.Time, r *rnd) {
		for _, k := range []*studioStack{&x.vm, &x.swarm} {
			if live(k.temporal) == nil && r.IntN(2) == 0 {
				k.temporal.Out(now, fmt.Sprintf(`{"level":"info","ts":%q,"msg":"none","component":"matching-engine","wf-task-queue-name":"/_sys/ai-studio/%d","lifecycle":"Started","logging-call-at":"task_queue_manager.go:318"}`, now.UTC().Format(time.RFC3339Nano), r.IntN(4)))
			}
		}
	})
	often(x.s, "checkpoints", 0.01, func(now time.Time, r *rnd) {
		x.vm.appDB.Errout(now, fmt.Sprintf("%s [27] LOG:  checkpoint complete: wrote %d buffers (0.%d%%); 0 WAL file(s) added, 0 removed, 0 recycled", now.UTC().Format("2006-01-02 15:04:05.000 MST"), 20+r.IntN(90), 1+r.IntN(8)))
	})
	// Somebody tries the limit of the public demo.
	often(x.s, "abuse", 0.16, func(now time.Time, r *rnd) {
		q := newRequest(now, r, x.vm.domain, "POST", "/api/workflows/sales-inquiry/execute")
		q.client, q.agent = "203.0.113.77", "python-requests/2.32.3"
		q.peer = q.client
		x.vm.atWeb(&q)
	})
	if x.p.Calm {
		return
	}
	x.s.Every(4*time.Minute, func(now time.Time) time.Duration {
		x.vm.appDB.Restart(-1, nil)
		x.s.After(2*time.Second, func(now time.Time) {
			if x.vm.backend.Running() {
				x.vm.pino(now, 60, "", "terminating connection due to administrator command", map[string]any{"err": map[string]any{"type": "PostgresError", "code": "57P01"}})
				x.vm.backend.Fail(1)
			}
		})
		return 8*time.Minute + time.Duration(x.vm.rnd.IntN(120))*time.Second
	})
}

func (x *studio) visit(now time.Time, r *rnd, k *studioStack) {
	method, path := "GET", ""
	switch n := r.IntN(100); {
	case n < 24:
		path = choose(r, "/", "/workflows", "/workflows/sales-inquiry", "/executions")
	case n < 44:
		path = choose(r, "/assets/index-3f2a9c.js", "/assets/index-91bc.css", "/assets/logo.svg")
	case n < 70:
		path = choose(r, "/api/workflows", "/api/templates", "/api/workflows/sales-inquiry", "/api/workflows/support-triage")
	case n < 82:
		path = "/api/executions/exec-" + uuid(r)[:8]
	case n < 92:
		method, path = "POST", "/api/workflows/"+choose(r, "sales-inquiry", "support-triage")+"/execute"
	case n < 98:
		path = "/api/executions/exec-" + uuid(r)[:8] + "/events"
	case k.debug:
		path = "/temporal/namespaces/default/workflows"
	default:
		path = "/api/health"
	}
	q := newRequest(now, r, k.domain, method, path)
	if q.peer = q.client; k == &x.vm {
		if x.vm.web.Running() {
			x.vm.atWeb(&q)
		}
		return
	}
	// Through the routing mesh: Traefik sees an address of the ingress network, nginx sees Traefik.
	q.client, q.peer = "10.0.0.2", x.proxy.c.IPs["traefik-public"]
	if q.path == "/temporal/" || r.IntN(60) == 0 {
		q.host, q.path = x.uiRouter().host, "/"
	}
	x.proxy.through(q, "websecure", func(*sim.Container) hop { return k.atWeb })
}
