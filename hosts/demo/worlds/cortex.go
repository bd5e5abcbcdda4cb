package worlds

import (
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
url = "http://127.0.0.1:8002/api/v1/agent/version"
header = "X-Agent-Token"
key = { file = "DIR/cortex-agent-key" }
nodes = ["%mac-mini-1%", "%vm-agent-2%"]
version_file = "/opt/agent_node/VERSION"
from = "%prod-113%"

[edges.cortex]
public = "ai.jerxie.com"
host = "%edge-90%"
to = 10001

[edges.cortex-voice]
public = "voice.ai.jerxie.com"
host = "%edge-90%"
to = 10001

[edges.cortex-auth]
public = "auth.jerxie.com"
host = "%edge-90%"
to = 10001

[edges.cortex-git]
public = "git.jerxie.com"
host = "%edge-90%"
to = 10001

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
url = "https://voice.ai.jerxie.com/api/v1/voice/health"
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
	w.Deploys = cortexDeploys()
	w.Build = func(s *sim.Site, p *Plan) { buildCortex(w, s, p) }
	return w
}
