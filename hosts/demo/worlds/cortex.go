package worlds

import (
	"time"

	"midwatch/hosts/demo/sim"
)

// Cortex is the hub behind Envoy. Its planted faults are the six its owner tells of:
//
//   - login redirects to http: the nginx of ai_unified_frontend sets X-Forwarded-Proto to $scheme,
//     which is http behind Envoy's TLS;
//   - Connection "upgrade" is hard-coded for /api/v1/voice/, so the POST that opens a voice channel
//     gets 400 from uvicorn;
//   - a container ai_unified_frontend_canary could not bind port 8000, which python3_11 has, and
//     stays "created" with that error;
//   - Envoy sends voice.ai.jerxie.com to port 8000 instead of the published 8002;
//   - the hub started with an empty OIDC client ID and keeps it until it is restarted; Dex answers
//     Invalid client_id ("");
//   - the hub's SQLite database lies on an NFS volume, and stalls for a minute or two at a time.
//
// Beside them: the agent on mac-mini-1 lags two versions behind, the remote VM drops off the network
// now and then, the certificate of git.jerxie.com has few days left and its backend is gone.
func Cortex() World {
	w := World{
		Name: "cortex", Title: "Envoy, nginx, uvicorn: the hub of self-updating agents",
		Hosts: []Head{
			{Name: "edge-90", Addr: "192.168.68.90", User: "coder"},
			{Name: "prod-113", Addr: "192.168.68.113", User: "coder"},
			{Name: "mac-mini-1", Addr: "192.168.68.131", User: "agent"},
			{Name: "vm-agent-2", Addr: "192.168.68.132", User: "agent"},
		},
		Names: map[string]string{
			"ai.jerxie.com": "192.168.68.90", "voice.ai.jerxie.com": "192.168.68.90", "auth.jerxie.com": "192.168.68.90", "git.jerxie.com": "192.168.68.90",
		},
	}
	w.Groups = `
[groups.cortex]
labels = { team = "hub" }
sudo = "nopasswd"
`
	w.Inventory = `
[hosts.%edge-90%]
address = "192.168.68.90"
groups = ["cortex", "production"]
user = "coder"
labels = { role = "edge", nfs = "server" }
[hosts.%edge-90%.envoy]
container = "envoy"
admin = "127.0.0.1:9901"
control_plane = "http://127.0.0.1:8090"

[hosts.%prod-113%]
address = "192.168.68.113"
groups = ["cortex", "production"]
user = "coder"
labels = { role = "hub" }
[hosts.%prod-113%.nginx]
container = "ai_unified_frontend"
config = "/etc/nginx/nginx.conf"

[hosts.%mac-mini-1%]
address = "192.168.68.131"
groups = ["cortex"]
user = "agent"
docker = false
labels = { role = "agent-node" }

[hosts.%vm-agent-2%]
address = "192.168.68.132"
groups = ["cortex"]
user = "agent"
docker = false
labels = { role = "agent-node" }
`
	w.Extra = `
[agents.cortex]
url = "https://ai.jerxie.com/api/v1/agent/version"
header = "X-Agent-Token"
key = { file = "DIR/cortex-agent-key" }
nodes = ["%mac-mini-1%", "%vm-agent-2%"]
version_file = "/opt/agent_node/VERSION"
from = "here"

[probes.cortex-edge]
service = "cortex"
kind = "basic"
url = "https://ai.jerxie.com/"
expect_status = 200
interval = "30s"
timeout = "5s"
cert_days = 14
tolerate_bad_cert = true

[probes.cortex-voice]
service = "cortex"
url = "https://voice.ai.jerxie.com/"
tolerate_bad_cert = true

[probes.cortex-gateway]
service = "cortex"
url = "http://127.0.0.1:8002/"
from = "%prod-113%"
host_header = "ai.jerxie.com"
headers = { X-Forwarded-Proto = "https" }

[probes.cortex-api]
service = "cortex"
kind = "ready"
url = "http://127.0.0.1:8002/api/v1/health"
from = "%prod-113%"

[logs.cortex]
sources = [
  { host = "%prod-113%", container = "ai_hub_service" },
  { host = "%prod-113%", container = "ai_unified_frontend" },
  { host = "%edge-90%", container = "envoy" },
]
`
	w.Secrets = map[string]string{"cortex-agent-key": agentKey}
	w.Build = func(s *sim.Site, p *Plan) { buildCortex(w, s, p) }
	return w
}

// agentKey is the SECRET_KEY of the agents. It opens nothing but the demo.
const agentKey = "demo-agent-key-5f2c"

func buildCortex(w World, s *sim.Site, p *Plan) {
	for n, a := range w.Names {
		s.SetName(p.Domain(n), p.Addr(a))
	}
	edge := cortexEdge(w, s, p)
	prod := cortexProd(w, s, p)
	_, _ = edge, prod
	for i, hd := range w.Hosts[2:] {
		sp := machine(p, hd, noble(), 4, 8*gib)
		sp.Up = time.Duration(9+i*14) * day
		h := s.AddHost(sp)
		base(h)
		if i == 1 && !p.Calm {
			drop(h, 90*time.Second, 6*time.Minute, 40*time.Second, false)
		}
	}
}

func cortexEdge(w World, s *sim.Site, p *Plan) *sim.Host {
	sp := machine(p, w.Hosts[0], bookworm(), 4, 8*gib)
	sp.Up = 61 * day
	docker(&sp, "27.3.1", "1.47")
	h := s.AddHost(sp)
	base(h)
	h.AddContainer(sim.ContainerSpec{
		Name: "envoy", Image: "envoyproxy/envoy:v1.31.2", NetMode: "host", Restart: "unless-stopped", Up: 19 * day,
		Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"envoy", "-c", "/etc/envoy/envoy.yaml"}, CPU: 3, CPUSwing: 2, Mem: 88 * mib, MemSwing: 6 * mib, Net: 90e3,
	})
	return h
}

func cortexProd(w World, s *sim.Site, p *Plan) *sim.Host {
	sp := machine(p, w.Hosts[1], bookworm(), 8, 32*gib)
	sp.Up = 33 * day
	docker(&sp, "27.3.1", "1.47")
	h := s.AddHost(sp)
	base(h)
	files(h.FS, w, p, "cortex/prod", s.Start().Add(-2*day), nil)
	net := "cortex-hub_default"
	h.AddNetwork(sim.Network{Name: net, Subnet: "172.18.0.0/16", Gateway: "172.18.0.1", Labels: map[string]string{"com.docker.compose.project": "cortex-hub"}})
	dir := "/home/coder/project/cortex-hub"
	compose := []string{"docker-compose.yml", "deployment/jerxie-prod/docker-compose.production.yml"}
	h.AddContainer(sim.ContainerSpec{
		Name: "ai_hub_service", Image: "ai_hub_service:latest", Networks: []string{net}, Aliases: []string{"ai-hub", "ai_hub_service"}, Restart: "always", Up: 31 * time.Hour,
		Cmd:    []string{"uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--proxy-headers", "--forwarded-allow-ips", "*"},
		Expose: []string{"8000/tcp"}, Labels: composed(s, "cortex-hub", "ai-hub", dir, compose...), CPU: 22, CPUSwing: 15, Mem: 640 * mib, MemSwing: 60 * mib, Net: 60e3,
	})
	h.AddContainer(sim.ContainerSpec{
		Name: "ai_unified_frontend", Image: "ai_unified_frontend:latest", Networks: []string{net}, Aliases: []string{"ai-frontend"}, Restart: "always", Up: 31 * time.Hour,
		Ports: []sim.PortSpec{{Host: 8002, Port: 80}}, Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"},
		Labels: composed(s, "cortex-hub", "ai-frontend", dir, compose...), Files: inContainer(w, p, "cortex/frontend"), CPU: 1.4, CPUSwing: 1, Mem: 14 * mib, MemSwing: 2 * mib, Net: 80e3,
	})
	h.AddContainer(sim.ContainerSpec{
		Name: "python3_11", Image: "python:3.11-slim", Networks: []string{"bridge"}, Restart: "always", Up: 33*day - time.Hour, Ports: []sim.PortSpec{{Host: 8000, Port: 8000}},
		Cmd: []string{"python3", "-m", "http.server", "8000"}, CPU: 0.4, CPUSwing: 0.3, Mem: 21 * mib, MemSwing: 2 * mib, Net: 300,
	})
	return h
}
