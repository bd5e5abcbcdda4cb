package worlds

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"midwatch/hosts/demo/sim"
)

// agentKey is the SECRET_KEY of the agents. It opens nothing but the demo.
const agentKey = "demo-agent-key-5f2c"

// cortex is the world while it lives. Everything in it is guarded by the site's lock.
type cortex struct {
	w    World
	s    *sim.Site
	p    *Plan
	edge *sim.Host
	prod *sim.Host

	envoy                            *envoy
	hub, front, python, dex, browser *sim.Container
	stalled                          bool
	clientID                         string // what the hub sends to Dex
	mac                              *sim.Host
}

func buildCortex(w World, s *sim.Site, p *Plan) {
	x := &cortex{w: w, s: s, p: p}
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	x.buildEdge()
	x.buildProd()
	x.buildAgents()
	x.live()
}

func (x *cortex) domain(n string) string { return x.p.Domain(n) }

func (x *cortex) buildEdge() {
	s, p := x.s, x.p
	sp := machine(p, x.w.Hosts[0], bookworm(), 4, 8*gib)
	sp.Up, sp.Load, sp.LoadSwing = 61*day, 0.35, 0.25
	docker(&sp)
	sp.Disks = append(sp.Disks, sim.DiskSpec{Device: "/dev/mapper/vg1-volume1", Mount: "/volume1", Type: "ext4", Size: 3600 * gib, Used: 2210 * gib, Inodes: 244 << 20, InodesUsed: 9 << 20, Growth: 40e3})
	h := s.AddHost(sp)
	x.edge = h
	base(h)
	files(h.FS, x.w, p, "cortex/edge", s.Start().Add(-40*day), nil)
	h.AddUnit(sim.UnitSpec{
		Name: "nfs-server.service", Description: "NFS server and services", Vendor: true, Kind: "oneshot", Enabled: "enabled",
		Listen: []sim.Listener{{Proto: "tcp", IP: "0.0.0.0", Port: 2049, Process: "nfsd"}, {Proto: "tcp", IP: "::", Port: 2049, Process: "nfsd"}},
	})
	net := "envoy_default"
	h.AddNetwork(sim.Network{Name: net, Subnet: "172.20.0.0/16", Gateway: "172.20.0.1"})
	x.buildEnvoy(net)
}

func (x *cortex) buildEnvoy(net string) {
	s, p, h := x.s, x.p, x.edge
	prod := p.Addr("192.168.68.113")
	ai, voice, auth, git := x.domain("ai.jerxie.com"), x.domain("voice.ai.jerxie.com"), x.domain("auth.jerxie.com"), x.domain("git.jerxie.com")
	e := &envoy{s: s, h: h, rnd: s.Rand("envoy live"), listener: "ingress_https", port: 10001, version: "42"}
	x.envoy = e
	e.certs = newCerts(s, cert{[]string{ai}, 61, "Demo E6"}, cert{[]string{voice}, 61, "Demo E6"}, cert{[]string{auth}, 44, "Demo E6"}, cert{[]string{git}, 5, "Demo E6"})
	cl := func(name, addr string, port int, check bool, version string) {
		e.clusters = append(e.clusters, &envoyCluster{name: name, addr: addr, port: port, check: check, version: version, rq: map[int]int{}})
	}
	cl("_ai_unified_server", prod, 8002, false, "42")
	cl("_voice_unified_server", prod, 8000, false, "37")
	cl("_dex_server", prod, 5556, false, "42")
	cl("_git_server", prod, 3003, true, "31")
	e.chains = []*envoyChain{
		{name: ai, domains: []string{ai}, routes: []envoyRoute{{prefix: "/", cluster: "_ai_unified_server", timeout: "60s", websocket: true}}},
		{name: voice, domains: []string{voice}, routes: []envoyRoute{{prefix: "/", cluster: "_voice_unified_server", timeout: "0s", websocket: true}}},
		{name: auth, domains: []string{auth}, routes: []envoyRoute{{prefix: "/", cluster: "_dex_server"}}},
		{name: git, domains: []string{git}, routes: []envoyRoute{{prefix: "/", cluster: "_git_server", timeout: "30s"}}},
	}
	dir := "/home/coder/envoy"
	e.c = h.AddContainer(sim.ContainerSpec{
		Name: "envoy", Image: "envoyproxy/envoy:v1.31.2", Networks: []string{net}, Aliases: []string{"envoy"}, Restart: "unless-stopped", Up: 19 * day,
		Ports:      []sim.PortSpec{{Host: 80, Port: 10000}, {Host: 443, Port: 10001}, {Host: 10001, Port: 10001}, {IP: "127.0.0.1", Host: 9901, Port: 9901}},
		Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"envoy", "-c", "/etc/envoy/envoy.yaml"}, CPU: 3, CPUSwing: 2, Mem: 88 * mib, MemSwing: 6 * mib, Net: 90e3,
		Mounts: []sim.MountSpec{{Type: "bind", Source: "/etc/envoy/envoy.yaml", Target: "/etc/envoy/envoy.yaml", RO: true}},
		Labels: composed(s, "envoy", "envoy", dir, "docker-compose.yml"),
		HTTP:   map[int]http.Handler{10000: http.HandlerFunc(toHTTPS), 10001: e, 9901: e.admin()}, TLS: map[int]*tls.Config{10001: e.certs.bySNI(true)},
		Boot: func(c *sim.Container, now time.Time) {
			for i, l := range []string{
				"initializing epoch 0 (base id=0, hot restart version=11.104)", "admin address: 0.0.0.0:9901", "cds: add 4 cluster(s), remove 1 cluster(s)",
				"all clusters initialized. initializing init manager", "lds: add/update listener 'ingress_https'", "all dependencies initialized. starting workers",
			} {
				at := now.Add(time.Duration(i*60) * time.Millisecond)
				c.Errout(at, "["+at.UTC().Format("2006-01-02 15:04:05.000")+"][1][info][main] "+l)
			}
		},
	})
	h.AddContainer(sim.ContainerSpec{
		Name: "envoy-control-plane", Image: "docker.jerxie.com/envoy-control-plane:1.8.0", Networks: []string{net}, Aliases: []string{"control-plane"}, Restart: "unless-stopped", Up: 19 * day,
		Ports: []sim.PortSpec{{Host: 8090, Port: 8090}}, Expose: []string{"18000/tcp"}, Cmd: []string{"/app/control-plane", "--xds=:18000", "--http=:8090"},
		CPU: 0.5, CPUSwing: 0.4, Mem: 31 * mib, MemSwing: 2 * mib, Net: 2e3, HTTP: map[int]http.Handler{8090: x.controlPlane()},
		Labels: composed(s, "envoy", "control-plane", dir, "docker-compose.yml"),
	})
}

// clusterJSON is a cluster as the control plane writes it: camel case.
type clusterJSON struct {
	Name           string `json:"name"`
	ConnectTimeout string `json:"connectTimeout,omitempty"`
	LoadAssignment struct {
		ClusterName string `json:"clusterName"`
		Endpoints   []struct {
			LbEndpoints []struct {
				Endpoint struct {
					Address struct {
						SocketAddress struct {
							Address   string `json:"address"`
							PortValue int    `json:"portValue"`
						} `json:"socketAddress"`
					} `json:"address"`
				} `json:"endpoint"`
			} `json:"lbEndpoints"`
		} `json:"endpoints"`
	} `json:"loadAssignment"`
}

// controlPlane lists what Envoy was given and takes POST /add-cluster.
func (x *cortex) controlPlane() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { html(w, page("Envoy control plane")) })
	list := func(w http.ResponseWriter, _ *http.Request) {
		x.s.Lock()
		var out []any
		for _, c := range x.envoy.clusters {
			out = append(out, map[string]any{
				"name": c.name, "connectTimeout": "5s", "loadAssignment": map[string]any{"clusterName": c.name, "endpoints": []any{m2("lbEndpoints", []any{
					m2("endpoint", m2("address", m2("socketAddress", map[string]any{"address": c.addr, "portValue": c.port}))),
				})}},
			})
		}
		x.s.Unlock()
		reply(w, http.StatusOK, out)
	}
	m.HandleFunc("GET /clusters", list)
	m.HandleFunc("GET /list-clusters", list)
	m.HandleFunc("POST /add-cluster", func(w http.ResponseWriter, r *http.Request) {
		var c clusterJSON
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&c); err != nil || c.Name == "" {
			reply(w, http.StatusBadRequest, m2("error", "not a cluster"))
			return
		}
		if len(c.LoadAssignment.Endpoints) == 0 || len(c.LoadAssignment.Endpoints[0].LbEndpoints) == 0 {
			reply(w, http.StatusBadRequest, m2("error", "no endpoint"))
			return
		}
		at := c.LoadAssignment.Endpoints[0].LbEndpoints[0].Endpoint.Address.SocketAddress
		x.s.Lock()
		defer x.s.Unlock()
		n, _ := strconv.Atoi(x.envoy.version)
		x.envoy.version = strconv.Itoa(n + 1)
		old := x.envoy.cluster(c.Name)
		if old == nil {
			old = &envoyCluster{name: c.Name, rq: map[int]int{}}
			x.envoy.clusters = append(x.envoy.clusters, old)
		}
		old.addr, old.port, old.version = at.Address, at.PortValue, x.envoy.version
		x.envoy.c.Errout(x.s.Now(), "["+x.s.Now().UTC().Format("2006-01-02 15:04:05.000")+"][1][info][upstream] cds: add/update cluster '"+c.Name+"'")
		reply(w, http.StatusOK, m2("version", x.envoy.version))
	})
	return m
}
