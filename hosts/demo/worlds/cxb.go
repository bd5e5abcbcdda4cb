package worlds

import "midwatch/hosts/demo/sim"

// CXB is a fleet of small servers without containers: workers under systemd that serve one call each,
// behind nginx and unix sockets; an API, a console of static files and a dialler. Its planted faults:
//
//   - cxbcore@2 on fleet-2 has no LIVEKIT_API_SECRET: it exits at once, and is restarted for ever;
//   - cxbcore@3 on fleet-1 is draining: it was told to restart while a call ran, and waits for its end;
//   - fleet-2's nginx sets Connection "upgrade" for everything, so that every POST /dialout gets 400;
//   - there, one server of the upstream has no max_conns=1 and the group has no zone: a busy worker gets
//     a second call and refuses it (503); cxbcore@3 has MAX_CONCURRENT_CALLS=2;
//   - there, CXBCORE_WORKERS still says 5: /health/fleet claims a capacity of 5 where 4 units exist, and
//     the location /agent-desk/ leads to the socket of the fifth;
//   - there, the outboxes lie in /tmp with PrivateTmp=yes, gone at every restart; on fleet-1 they are in
//     the state directory;
//   - there, recordings stay on the host, on a disk that is almost full: the API cannot play them;
//   - the API's list of fleet URLs holds fleet-3, which does not resolve; the API fails for a minute now
//     and then, and results wait in the outboxes meanwhile.
//
// A call can be followed by its request_id from the API's access log to the traceback in its journal,
// the fleet's access log and the worker's journal.
func CXB() World {
	w := World{
		Name: "cxb", Title: "systemd workers of one call each behind nginx and unix sockets",
		Hosts: []Head{
			{Name: "cxb-bastion", Addr: "10.40.0.5", User: "jump"},
			{Name: "cxb-fleet-1", Addr: "10.40.0.11", User: "deploy"},
			{Name: "cxb-fleet-2", Addr: "10.40.0.12", User: "deploy"},
			{Name: "cxb-api", Addr: "10.40.0.20", User: "deploy"},
			{Name: "cxb-dialler", Addr: "10.40.0.21", User: "deploy"},
		},
		Names: map[string]string{
			"fleet.example.com": "10.40.0.11", "fleet-2.example.com": "10.40.0.12", "api.cxb.example": "10.40.0.20", "console.cxb.example": "10.40.0.20",
		},
		Groups: `
[groups.cxb]
parents = ["production"]
user = "deploy"
sudo = "nopasswd"
docker = false
labels = { team = "voice" }

[groups.cxb-core]
parents = ["cxb"]
[groups.cxb-core.systemd]
targets = ["cxb-core.target"]

[[groups.cxb-core.systemd.units]]
match = "cxbcore@*.service"
expected = 4
restart = "stop-start"
check_after = "10s"
drain_max = "2m"
env_file = "/etc/cxb/core-%%i.env"

[groups.cxb-core.workers]
unit = "cxbcore@*.service"
upstream = "cxb_workers"
expected = 4
count_env = "CXBCORE_WORKERS"
max_conns = 1
outboxes = ["/var/lib/cxbcore"]
`,
		Inventory: `
[hosts.%cxb-bastion%]
address = "10.40.0.5"
user = "jump"
docker = false
sudo = "nopasswd"
labels = { role = "bastion" }

[hosts.%cxb-fleet-1%]
address = "10.40.0.11"
groups = ["cxb-core"]
labels = { role = "core" }
[hosts.%cxb-fleet-1%.nginx]
binary = "/usr/sbin/nginx"
config = "/etc/nginx/nginx.conf"
access_log = ["/var/log/nginx/access.log"]
error_log = ["/var/log/nginx/error.log"]

[hosts.%cxb-fleet-2%]
address = "10.40.0.12"
groups = ["cxb-core"]
labels = { role = "core" }
[hosts.%cxb-fleet-2%.nginx]
binary = "/usr/sbin/nginx"
config = "/etc/nginx/nginx.conf"
access_log = ["/var/log/nginx/access.log"]
error_log = ["/var/log/nginx/error.log"]

[hosts.%cxb-api%]
address = "10.40.0.20"
groups = ["cxb"]
jump = ["%cxb-bastion%"]
labels = { role = "api" }
[hosts.%cxb-api%.systemd]
units = [{ match = "cxb-api.service", ports = [8000] }]
[hosts.%cxb-api%.nginx]
access_log = ["/var/log/nginx/access.log"]
error_log = ["/var/log/nginx/error.log"]

[hosts.%cxb-dialler%]
address = "10.40.0.21"
groups = ["cxb"]
jump = ["%cxb-bastion%"]
labels = { role = "dialler" }
[hosts.%cxb-dialler%.systemd]
units = [{ match = "cxb-dialler.service", ports = [8090], drain_max = "5m" }]
`,
		Extra: `
[edges.cxb-fleet-1]
public = "fleet.example.com"
host = "%cxb-fleet-1%"
to = 443

[edges.cxb-fleet-2]
public = "fleet-2.example.com"
host = "%cxb-fleet-2%"
to = 443

[edges.cxb-api]
public = "api.cxb.example"
host = "%cxb-api%"
to = 443

[edges.cxb-console]
public = "console.cxb.example"
host = "%cxb-api%"
to = 443

[probes.cxb-core]
service = "cxb"
url = "https://fleet.example.com/health"
expect_json = { status = "ok" }
tolerate_bad_cert = true

[probes.cxb-fleet]
service = "cxb"
kind = "fleet"
url = "https://fleet.example.com/health/fleet"
capacity = "capacity"
tolerate_bad_cert = true

[probes.cxb-fleet-2]
service = "cxb-2"
kind = "fleet"
url = "https://fleet-2.example.com/health/fleet"
capacity = "capacity"
tolerate_bad_cert = true

[probes.cxb-api]
service = "cxb-api"
kind = "ready"
url = "http://127.0.0.1:8000/health"
from = "%cxb-api%"
interval = "10s"

[probes.cxb-dialler]
service = "cxb-dialler"
url = "http://127.0.0.1:8090/health"
from = "%cxb-dialler%"

[probes.cxb-fleet-tls]
service = "cxb-2"
tls = "fleet-2.example.com:443"
server_name = "fleet-2.example.com"
interval = "10m"
tolerate_bad_cert = true

[logs.cxb]
sources = [
  { group = "cxb-core", unit = "cxbcore@*.service" },
  { group = "cxb-core", file = "/var/log/nginx/error.log" },
  { host = "%cxb-api%", unit = "cxb-api.service" },
  { host = "%cxb-dialler%", unit = "cxb-dialler.service" },
]
`,
		Deploys: map[string]string{"cxb-capacity.toml": cxbCapacity},
	}
	w.Build = func(s *sim.Site, p *Plan) { buildCXB(w, s, p) }
	return w
}
