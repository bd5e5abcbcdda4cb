package worlds

import "midwatch/hosts/demo/sim"

// Powernode is a platform under systemd, and the Docker hosts it manages. Its planted faults:
//
//   - powernode-backend@api2 wants port 3002, which powernode-frontend@default has in production: it
//     restarts until systemd gives up (start-limit-hit), and somebody starts it again later;
//   - powernode-worker@ai-heavy uses Redis database 0 (cache) instead of 1 (queues), drains for longer
//     than 30 seconds, and is restarted again and again by an impatient operator;
//   - powernode-worker-web@default is active and port 4567 refuses connections, until that unit is
//     restarted;
//   - on pn-app-2 the worker container has no BACKEND_API_URL and dials its default, localhost:3000;
//     its image is :latest; Redis is published on all addresses; our user may not open Docker's socket;
//   - the Docker hosts stand in Powernode's states: pn-swarm-1 connected, pn-runner disconnected now
//     and then (packets vanish), pn-docker-3 in error (nothing answers), pn-docker-4 in maintenance;
//   - in the Swarm one node is down, powernode_backend runs 2 of 3, and the last update of
//     powernode_worker was rolled back.
//
// Backend requests fail with 500 now and then; the stack trace is in the backend's journal under the
// request_id that worker and frontend log too.
func Powernode() World {
	w := World{
		Name: "powernode", Title: "a systemd target with templated instances, Docker hosts and a Swarm",
		Hosts: []Head{
			{Name: "pn-app-1", Addr: "10.60.0.11", User: "powernode", Port: 2222},
			{Name: "pn-app-2", Addr: "10.60.0.12", User: "powernode"},
			{Name: "pn-swarm-1", Addr: "10.60.0.21", User: "root", Engine: true},
			{Name: "pn-runner", Addr: "10.60.0.31", User: "root", Engine: true},
			{Name: "pn-docker-3", Addr: "10.60.0.33", User: "powernode"},
			{Name: "pn-docker-4", Addr: "10.60.0.34", User: "powernode"},
		},
		Names: map[string]string{"app.powernode.example": "10.60.0.11", "sidekiq.powernode.example": "10.60.0.11", "pn.powernode.example": "10.60.0.12"},
		Groups: `
[groups.powernode]
parents = ["production"]
user = "powernode"
sudo = "password"
sudo_password = { file = "DIR/powernode-sudo" }

[groups.powernode.systemd]
targets = ["powernode.target"]

[[groups.powernode.systemd.units]]
match = "powernode-backend@*.service"
ports = [3000]
restart = "reload"
reload_with = "SIGUSR2"
env_file = "/etc/powernode/backend-%%i.conf"

[[groups.powernode.systemd.units]]
match = "powernode-worker@*.service"
restart = "restart"
check_after = "30s"
drain_max = "30s"
cooldown = "1m"
env_file = "/etc/powernode/worker-%%i.conf"

[[groups.powernode.systemd.units]]
match = "powernode-worker-web@*.service"
ports = [4567]
env_file = "/etc/powernode/worker-web-%%i.conf"

[[groups.powernode.systemd.units]]
match = "powernode-frontend@*.service"
ports = [3002]
env_file = "/etc/powernode/frontend-%%i.conf"
`,
		Inventory: `
[hosts.%pn-app-1%]
address = "10.60.0.11"
port = 2222
groups = ["powernode"]
docker = false

[hosts.%pn-app-2%]
address = "10.60.0.12"
groups = ["powernode"]
[hosts.%pn-app-2%.docker]
sudo = true
[hosts.%pn-app-2%.traefik]
container = "traefik"
api = "http://127.0.0.1:8080"

[hosts.%pn-swarm-1%]
kind = "docker"
groups = ["production"]
[hosts.%pn-swarm-1%.docker]
address = "tcp://10.60.0.21:2376"
ca = "DIR/docker-ca.pem"
cert = "DIR/docker-cert.pem"
key = "DIR/docker-key.pem"

[hosts.%pn-runner%]
kind = "docker"
[hosts.%pn-runner%.docker]
address = "tcp://10.60.0.31:2376"
ca = "DIR/docker-ca.pem"
cert = "DIR/docker-cert.pem"
key = "DIR/docker-key.pem"

[hosts.%pn-docker-3%]
address = "10.60.0.33"
groups = ["powernode"]

[hosts.%pn-docker-4%]
address = "10.60.0.34"
groups = ["powernode"]
maintenance = "disk replacement, ask the data centre"
`,
		Extra: `
[edges.powernode-app]
public = "app.powernode.example"
host = "%pn-app-1%"
to = 3002

[edges.powernode-sidekiq]
public = "sidekiq.powernode.example"
host = "%pn-app-1%"
to = 4567

[edges.powernode-docker]
public = "pn.powernode.example"
host = "%pn-app-2%"
to = 443

[probes.powernode-health]
service = "powernode"
kind = "basic"
url = "http://127.0.0.1:3000/health"
from = "%pn-app-1%"

[probes.powernode-detailed]
service = "powernode"
kind = "detailed"
url = "http://127.0.0.1:3000/health/detailed"
from = "%pn-app-1%"
expect_json = { status = "ok" }

[probes.powernode-ready]
service = "powernode"
kind = "ready"
url = "http://127.0.0.1:3000/health/ready"
from = "%pn-app-1%"

[probes.powernode-live]
service = "powernode"
kind = "live"
url = "http://127.0.0.1:3000/health/live"
from = "%pn-app-1%"
interval = "10s"
timeout = "2s"

[probes.powernode-sidekiq]
service = "powernode-worker-web"
tcp = "127.0.0.1:4567"
from = "%pn-app-1%"

[probes.powernode-docker]
service = "powernode-docker"
url = "https://pn.powernode.example/api/v1/status"
tolerate_bad_cert = true

[logs.powernode]
sources = [
  { group = "powernode", unit = "powernode-*@*.service" },
  { host = "%pn-app-1%", journal = true },
]
`,
		Secrets: map[string]string{"powernode-sudo": powernodePassword},
	}
	w.Build = func(s *sim.Site, p *Plan) { buildPowernode(w, s, p) }
	return w
}

// powernodePassword is what sudo asks for. It opens nothing but the demo.
const powernodePassword = "demo-sudo-9d1c"
