package worlds

import (
	"time"

	"midwatch/hosts/demo/sim"
)

// Powernode is a platform of templated systemd units beside Docker hosts that another platform
// manages. What is wrong with it is what its guide warns of:
//
//   - powernode-worker@ai-heavy drains for longer than the 30 seconds that are allowed, and stays
//     "deactivating" meanwhile; it is restarted again and again by somebody in a hurry;
//   - powernode-backend@api2 has the port of the default instance in its configuration and restarts
//     until systemd gives up (start-limit-hit);
//   - powernode-worker-web is down, so port 4567 refuses connections;
//   - of the Docker hosts one answers, one drops off now and then, one has been gone for long, and one
//     is in maintenance;
//   - PostgreSQL of the compose stack is published on every address, and the backend's health is
//     shallow: /health says healthy while /health/detailed says that Redis is slow.
func Powernode() World {
	w := World{
		Name: "powernode", Title: "systemd target with templated instances, Docker hosts in every state",
		Hosts: []Head{
			{Name: "app-1", Addr: "192.168.70.10", User: "deploy"},
			{Name: "dock-1", Addr: "192.168.70.21", User: "deploy"},
			{Name: "dock-2", Addr: "192.168.70.22", User: "deploy"},
			{Name: "dock-3", Addr: "192.168.70.23", User: "deploy"},
			{Name: "dock-4", Addr: "192.168.70.24", User: "deploy"},
		},
		Names: map[string]string{"powernode.example.com": "192.168.70.10"},
	}
	w.Groups = `
[groups.powernode]
labels = { team = "platform" }
sudo = "nopasswd"

[groups.powernode-app.systemd]
targets = ["powernode.target"]

[[groups.powernode-app.systemd.units]]
match = "powernode-backend@*.service"
ports = [3000]
restart = "reload"
reload_with = "SIGUSR2"
env_file = "/etc/powernode/backend-%i.conf"

[[groups.powernode-app.systemd.units]]
match = "powernode-worker@*.service"
restart = "restart"
check_after = "30s"
drain_max = "30s"
cooldown = "1m"
env_file = "/etc/powernode/worker-%i.conf"

[[groups.powernode-app.systemd.units]]
match = "powernode-worker-web@*.service"
ports = [4567]
env_file = "/etc/powernode/worker-web-%i.conf"
`
	w.Inventory = `
[hosts.%app-1%]
address = "192.168.70.10"
groups = ["powernode", "powernode-app", "production"]
user = "deploy"
docker = false
labels = { role = "app" }

[hosts.%dock-1%]
address = "192.168.70.21"
groups = ["powernode"]
user = "deploy"
labels = { role = "docker" }

[hosts.%dock-2%]
address = "192.168.70.22"
groups = ["powernode"]
user = "deploy"
labels = { role = "docker" }

[hosts.%dock-3%]
address = "192.168.70.23"
groups = ["powernode"]
user = "deploy"
labels = { role = "docker" }

[hosts.%dock-4%]
address = "192.168.70.24"
groups = ["powernode"]
user = "deploy"
labels = { role = "docker" }
maintenance = "kernel update, back on Friday"
`
	w.Extra = `
[probes.powernode-health]
service = "powernode"
kind = "basic"
url = "http://127.0.0.1:3000/health"
from = "%app-1%"

[probes.powernode-detailed]
service = "powernode"
kind = "detailed"
url = "http://127.0.0.1:3000/health/detailed"
from = "%app-1%"

[probes.powernode-ready]
service = "powernode"
kind = "ready"
url = "http://127.0.0.1:3000/health/ready"
from = "%app-1%"

[probes.powernode-sidekiq-web]
service = "powernode"
tcp = "127.0.0.1:4567"
from = "%app-1%"

[logs.powernode]
sources = [
  { host = "%app-1%", unit = "powernode-*.service" },
  { host = "%dock-1%", container = "powernode-*" },
]
`
	w.Build = func(s *sim.Site, p *Plan) {
		x := &powernode{s: s, p: p, w: w}
		x.buildApp()
		x.buildDocks()
		x.live()
	}
	return w
}

// powernode is one copy of the world.
type powernode struct {
	s   *sim.Site
	p   *Plan
	w   World
	app *sim.Host
	// units by what the guide calls them
	backend, api2, worker, heavy *sim.Unit
	docks                        []*sim.Host
	stack                        []*sim.Container
}

// live lets people use the platform and things go wrong.
func (x *powernode) live() {
	often(x.s, "requests", 1.1, x.request)
	often(x.s, "jobs", 0.7, x.job)
	often(x.s, "stack", 0.5, x.stackLine)
	if x.p.Calm {
		return
	}
	x.docks[2].SetDown(true, true)
	drop(x.docks[1], 40*time.Second, 3*time.Minute, 45*time.Second, true)
	// Somebody restarts the heavy worker in quick succession; it drains each time.
	x.s.Every(x.s.Start().Sub(x.s.Now())+25*time.Second, func(now time.Time) time.Duration {
		if x.heavy.Active == "active" {
			x.app.SystemLog(now, "ssh.service", "sudo", sim.Notice, "deploy : TTY=pts/0 ; PWD=/srv/powernode ; USER=root ; COMMAND=/usr/bin/systemctl restart powernode-worker@ai-heavy")
			x.heavy.Restart()
		}
		return 2*time.Minute + 10*time.Second
	})
	// One container of the stack crashes now and then and is started again by its policy.
	r := x.s.Rand("crash")
	x.s.Every(90*time.Second, func(now time.Time) time.Duration {
		if c := x.stack[2]; c.Running() {
			c.Errout(now, `{"level":"fatal","msg":"could not reach redis","error":"dial tcp: i/o timeout"}`)
			c.Fail(1)
		}
		return 4*time.Minute + time.Duration(r.IntN(120))*time.Second
	})
}
