package worlds

import "midwatch/hosts/demo/sim"

// Stack is a portal that creates stacks for people: Dokploy behind Traefik behind another Traefik, which
// ends TLS. Its planted faults:
//
//   - the stack smoke-test was rolled back only in part: its application is gone, its domain is not, and
//     Traefik still sends smoke-test.ai.flexinit.nl to a name that nothing has (502);
//   - the last deployment of the stack "sanne" failed, because its image tag does not exist; Swarm
//     rejects the task and nothing runs;
//   - the portal runs the tag latest; its history still knows v0.1.0;
//   - the portal is deployed by the Dokploy that it needs, on the same host (DOKPLOY_URL);
//   - Traefik on the Dokploy host has its own self-signed certificate; the wildcard certificate at the
//     edge has six days left;
//   - Dokploy answers 500 while its database restarts, now and then: the portal's circuit breaker opens,
//     and /health says degraded;
//   - Dokploy's port 3000 is open on all addresses.
//
// People create stacks through the portal and throw them away: projects, services and volumes come and
// go, and every deployment is in the history.
func Stack() World {
	w := World{
		Name: "stack", Title: "Dokploy and Traefik: a portal that creates stacks",
		Hosts: []Head{
			{Name: "traefik", Addr: "144.76.116.169", User: "root"},
			{Name: "dokploy", Addr: "10.100.0.20", User: "root"},
		},
		Names: map[string]string{
			"deploy.ai.flexinit.nl": "144.76.116.169", "app.flexinit.nl": "144.76.116.169", "git.app.flexinit.nl": "144.76.116.169",
			"ahmed.ai.flexinit.nl": "144.76.116.169", "sanne.ai.flexinit.nl": "144.76.116.169", "smoke-test.ai.flexinit.nl": "144.76.116.169",
		},
		Groups: `
[groups.stack]
parents = ["production"]
user = "root"
sudo = "root"
labels = { team = "portal" }
`,
		Inventory: `
[hosts.%traefik%]
address = "144.76.116.169"
groups = ["stack"]
labels = { role = "edge" }
[hosts.%traefik%.traefik]
container = "traefik"
api = "https://127.0.0.1:8443"
insecure_tls = true
user = "admin"
password = { file = "DIR/traefik-admin" }

[hosts.%dokploy%]
address = "10.100.0.20"
groups = ["stack"]
jump = ["%traefik%"]
labels = { role = "dokploy" }
[hosts.%dokploy%.traefik]
container = "dokploy-traefik"
[hosts.%dokploy%.dokploy]
url = "http://127.0.0.1:3000"
token = { file = "DIR/dokploy-token" }
projects = ["ai-stack-deployer-portal"]
`,
		Extra: `
[edges.stack]
public = "*.ai.flexinit.nl"
host = "%traefik%"
to = 443

[edges.stack-app]
public = "app.flexinit.nl"
host = "%traefik%"
to = 443

[edges.stack-git]
public = "git.app.flexinit.nl"
host = "%traefik%"
to = 443

[probes.portal]
service = "ai-stack-deployer"
url = "https://deploy.ai.flexinit.nl/health"
expect_json = { status = "healthy" }
interval = "30s"
cert_days = 14
tolerate_bad_cert = true

[probes.portal-page]
service = "ai-stack-deployer"
kind = "live"
url = "https://deploy.ai.flexinit.nl/"
expect_body = "AI Stack Deployer"
tolerate_bad_cert = true

[probes.portal-names]
service = "ai-stack-deployer"
kind = "detailed"
url = "https://deploy.ai.flexinit.nl/api/check/test-name"
tolerate_bad_cert = true

[probes.portal-direct]
service = "ai-stack-deployer"
kind = "ready"
url = "https://10.100.0.20/health"
from = "%dokploy%"
host_header = "deploy.ai.flexinit.nl"
tolerate_bad_cert = true

[probes.dokploy-api]
service = "dokploy"
kind = "basic"
url = "http://127.0.0.1:3000/api/project.all"
from = "%dokploy%"
expect_status = ["2xx", 401]

[probes.dokploy-api-token]
service = "dokploy"
kind = "detailed"
url = "http://127.0.0.1:3000/api/project.all"
from = "%dokploy%"
secret_headers = { x-api-key = { file = "DIR/dokploy-token" } }

[logs.stack]
sources = [
  { host = "%dokploy%", container = "*deployer*" },
  { host = "%dokploy%", container = "dokploy*" },
  { host = "%traefik%", container = "traefik" },
]
`,
		Secrets: map[string]string{"dokploy-token": dokployToken, "traefik-admin": traefikPassword},
	}
	w.Build = func(s *sim.Site, p *Plan) { buildStack(w, s, p) }
	return w
}

// dokployToken is the API token of the portal, traefikPassword the administrator's at the edge. They open
// nothing but the demo.
const (
	dokployToken    = "demo-dokploy-token-77b2" //nolint:gosec // see above
	traefikPassword = "demo-traefik-3e90"       //nolint:gosec // see above
)
