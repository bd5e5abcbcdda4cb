package worlds

import "midwatch/hosts/demo/sim"

// Studio is one stack of several services, as a compose project on one host and under Swarm behind
// Traefik on others. Its planted faults:
//
//   - the Swarm's worker runs an image from before the fix: it ignores TEMPORAL_ADDRESS and dials
//     127.0.0.1:7233, exits, and was given up after five attempts; its last update is paused;
//   - ai-studio_backend wants two replicas, although it migrates the database at boot and assumes that
//     it is alone; the second is pending, because no node has the memory it reserves;
//   - ai-studio_temporal-ui waits for a node with the label debug, which none has; its name is routed,
//     and Traefik has no server for it;
//   - the Swarm's nginx has no location for server-sent events: they are buffered, and cut after 60 s of
//     silence; it also tells the backend that every client is the ingress network, so that all people
//     share one budget of ten runs a minute (429);
//   - on the compose host the location /temporal/ leads to the Temporal UI of the debug profile, which
//     is stopped; its .env may be read by everybody;
//   - the application database restarts now and then: the backend cannot migrate, exits, and comes back
//     when the database accepts connections; the worker waits for it.
//
// A run fails with 500 now and then: nginx writes the rid, the backend the same reqId with the stack
// trace, and the worker the workflow's ID.
func Studio() World {
	w := World{
		Name: "studio", Title: "one stack as a compose project and as Swarm services behind Traefik",
		Hosts: []Head{
			{Name: "studio-vm", Addr: "10.50.0.10", User: "deploy"},
			{Name: "swarm-mgr-1", Addr: "10.50.0.21", User: "deploy"},
			{Name: "swarm-node-1", Addr: "10.50.0.22", User: "deploy"},
		},
		Names: map[string]string{
			"ai-studio.example.com": "10.50.0.10", "studio.workflowbuilder.example": "10.50.0.21", "temporal.studio.workflowbuilder.example": "10.50.0.21",
		},
		Groups: `
[groups.studio]
labels = { team = "studio" }
user = "deploy"
sudo = "nopasswd"
`,
		Inventory: `
[hosts.%studio-vm%]
address = "10.50.0.10"
groups = ["studio", "production"]
labels = { path = "compose" }
[hosts.%studio-vm%.nginx]
container = "ai-studio-web-1"

[hosts.%swarm-mgr-1%]
address = "10.50.0.21"
groups = ["studio"]
environment = "staging"
labels = { path = "swarm", role = "manager" }
[hosts.%swarm-mgr-1%.traefik]
container = "traefik_traefik"
api = "http://127.0.0.1:8080"

[hosts.%swarm-node-1%]
address = "10.50.0.22"
groups = ["studio"]
environment = "staging"
labels = { path = "swarm", role = "worker" }
`,
		Extra: `
[edges.studio]
public = "ai-studio.example.com"
port = 80
host = "%studio-vm%"
to = 8080

[edges.studio-swarm]
public = "*.workflowbuilder.example"
host = "%swarm-mgr-1%"
to = 443

[probes.studio-web]
service = "studio"
url = "http://127.0.0.1:8080/"
from = "%studio-vm%"
expect_body = "<div id=\"root\">"

[probes.studio-backend]
service = "studio"
kind = "ready"
url = "http://127.0.0.1:8080/api/health"
from = "%studio-vm%"
interval = "10s"
expect_json = { status = "ok" }

[probes.studio-swarm]
service = "studio-swarm"
kind = "ready"
url = "https://studio.workflowbuilder.example/api/health"
tolerate_bad_cert = true

[probes.studio-swarm-temporal]
service = "studio-swarm"
kind = "detailed"
url = "https://temporal.studio.workflowbuilder.example/"
tolerate_bad_cert = true

[logs.studio]
sources = [
  { host = "%studio-vm%", container = "ai-studio-*" },
  { host = "%swarm-mgr-1%", container = "*" },
]
`,
	}
	w.Build = func(s *sim.Site, p *Plan) { buildStudio(w, s, p) }
	return w
}
