package worlds

// cxbCapacity makes fleet-2 claim the workers that it has, one of the faults planted there: a file of each worker is
// changed, and they are restarted, the first one alone. The worker in its restart storm is left out.
const cxbCapacity = `schema = 1
name = "cxb-capacity"
env = "production"
about = "fleet-2 claims the four workers it has, not five"
on_failure = "offer-rollback"

[vars]
workers = "4"

[targets.core]
hosts = ["%cxb-fleet-2%"]

[[phase]]
id = "look"
title = "Look"
[[phase]]
id = "first"
title = "First worker"
[[phase]]
id = "rest"
title = "The others"

[[step]]
id = "preflight"
kind = "check"
phase = "look"
on = "core"
sudo = true
units = ["cxbcore@{1,3,4}.service", "nginx.service"]
disk_free = [{ path = "/etc", min = "1GiB" }]

[[step]]
id = "env-1"
kind = "file"
phase = "first"
on = "core"
dst = "/etc/cxb/core-1.env"
edit = [{ line = 2, old = "CXBCORE_WORKERS=5", new = ["CXBCORE_WORKERS=${vars.workers}"] }]

[[step]]
id = "restart-1"
kind = "systemd"
phase = "first"
on = "core"
units = ["cxbcore@1.service"]
op = "restart"
settle = { alive_for = "3s", within = "3m" }

[[step]]
id = "claims-1"
kind = "gate"
phase = "first"
on = "core"
gate = true
stable_for = "2s"
within = "30s"
checks = [{ http = "http://unix:/run/cxb/core-1.sock:/health/fleet", json = { capacity = "${vars.workers}" } }]

[[step]]
id = "go-on"
kind = "approve"
phase = "rest"
show = ["output:restart-1"]
ask = "The first worker claims ${vars.workers}. Restart the others? Calls that run are waited for."

[[step]]
id = "env-3"
kind = "file"
phase = "rest"
on = "core"
dst = "/etc/cxb/core-3.env"
edit = [{ line = 2, old = "CXBCORE_WORKERS=5", new = ["CXBCORE_WORKERS=${vars.workers}"] }]

[[step]]
id = "env-4"
kind = "file"
phase = "rest"
on = "core"
dst = "/etc/cxb/core-4.env"
edit = [{ line = 2, old = "CXBCORE_WORKERS=5", new = ["CXBCORE_WORKERS=${vars.workers}"] }]

[[step]]
id = "restart"
kind = "systemd"
phase = "rest"
on = "core"
units = ["cxbcore@{3,4}.service"]
op = "restart"
one_by_one = true
settle = { alive_for = "3s", within = "3m" }

[[step]]
id = "claims"
kind = "verify"
phase = "rest"
on = "core"
within = "30s"
checks = [
  { http = "http://unix:/run/cxb/core-3.sock:/health/fleet", json = { capacity = "${vars.workers}" } },
  { http = "http://unix:/run/cxb/core-4.sock:/health/fleet", json = { capacity = "${vars.workers}" } },
]
`
