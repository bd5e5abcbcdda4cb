package worlds

// cortexDeploys are deploys of the hub and of its nodes.
func cortexDeploys() map[string]string {
	return map[string]string{"cortex-login.toml": cortexLogin, "cortex-agents.toml": cortexAgents}
}

// cortexLogin gives the hub its OIDC client id back, one of the planted faults: it read an empty one when it
// started, and keeps that until it is restarted.
const cortexLogin = `schema = 1
name = "cortex-login"
env = "production"
about = "the hub has its OIDC client id again"
on_failure = "offer-rollback"

[targets.hub]
hosts = ["%prod-113%"]

[[phase]]
id = "look"
title = "Look"
[[phase]]
id = "switch"
title = "Switch"
[[phase]]
id = "prove"
title = "Prove"

[[hint]]
match = "health"
say = "the database lies on NFS and stalls for a minute or two: try again when it does not"

[[step]]
id = "preflight"
kind = "check"
phase = "look"
on = "hub"
tools = ["docker"]
disk_free = [{ path = "/", min = "2GiB" }]
port_owner = [{ port = "8002", allow = ["ai_unified_frontend"] }]

[[step]]
id = "before"
kind = "snapshot"
phase = "look"
on = "hub"
containers = ["ai_hub_service", "ai_unified_frontend"]

[[step]]
id = "env"
kind = "file"
phase = "switch"
on = "hub"
dst = "/home/coder/project/cortex-hub/deployment/jerxie-prod/.env"
edit = [{ line = 1, old = "SUPER_ADMINS=ops@jerxie.com", new = ["SUPER_ADMINS=ops@jerxie.com", "OIDC_CLIENT_ID=cortex-server"] }]

[[step]]
id = "restart"
kind = "container"
phase = "switch"
on = "hub"
name = "ai_hub_service"
op = "restart"

[[step]]
id = "healthy"
kind = "gate"
phase = "prove"
on = "hub"
gate = true
stable_for = "3s"
within = "2m"
checks = [{ http = "http://127.0.0.1:8002/api/v1/health", status = 200 }]

[[step]]
id = "login"
kind = "verify"
phase = "prove"
on = "hub"
within = "30s"
checks = [{ http = "http://127.0.0.1:8002/api/v1/users/login/oidc", redirect_to = "client_id=cortex-server" }]
manual = ["you can log in with a browser"]
`

// cortexAgents restarts the nodes' agents, one node after the other. One of them drops off the network now and
// then: the run waits for it.
const cortexAgents = `schema = 1
name = "cortex-agents"
env = "staging"
about = "agents start anew, one node after the other"
on_failure = "stop"

[targets.nodes]
hosts = ["%mac-mini-1%", "%vm-agent-2%"]

[[step]]
id = "preflight"
kind = "check"
on = "nodes"
sudo = true
units = ["cortex-agent.service"]

[[step]]
id = "roll"
kind = "group"
on = "nodes"
batch = { canary = 1, size = 1, pause = "3s" }

[[step.steps]]
id = "restart"
kind = "systemd"
units = ["cortex-agent.service"]
op = "restart"
settle = { alive_for = "3s", within = "1m" }

[[step.steps]]
id = "talks"
kind = "gate"
gate = true
within = "1m"
checks = [{ log = "unit:cortex-agent.service", since = "step:roll.restart", match = "connected to hub" }]
`
