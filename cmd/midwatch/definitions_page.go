package main

import "midwatch/ops/deploy"

// definitionsPage says how deploys are defined.
func definitionsPage() string { return definitionsText + deploy.Reference() }

const definitionsText = `A deploy is a file in deploys/*.toml beside the inventory. "midwatch deploy --list" says what is wrong in them.

  schema = 1
  name   = "hub"                        # locks and directories are called so
  env    = "production"
  about  = "what it does, in a line"
  on_failure = "offer-rollback"         # or "rollback", "stop"

  [vars]                                # ${vars.NAME}; --var NAME=VALUE sets another value
  [targets.NAME]                        # hosts = [...], groups = [...]; [targets.NAME.host_vars] HOST = { x = 1 }
  [lock]                                # on = [targets], ttl = "90s"
  [secrets.NAME]                        # from = "env" (env), "file" (path, json), "command" (argv, json),
                                        # "prompt", "keyring" (service, account)
  [[phase]]                             # id, title: for the eye
  [[hint]]                              # match, say: a line beside a failure that matches

  [[step]]                              # in the order they run
  id, kind, title, phase
  on = TARGET, or local = true          # this machine
  when = TEXT                           # not run when it is "", "false", "no" or "0"
  needs = [steps]
  timeout = "15m"
  retry = { attempts = 3, delay = "10s" }
  batch = { canary = 1, size = 2, percent = 25, pause = "60s", max_failures = 0 }
  gate = true                           # its failure offers the way back, or takes it
  point_of_no_return = true
  undo = "auto", "none", [argv], or { argv = [...], note = "..." }
  [[step.steps]]                        # of kind "group": run on one host after the other, in batches

In texts: ${vars.NAME}, ${host.name}, ${host.VAR}, ${run.id}, ${steps.STEP.outputs.NAME}, with [HOST] behind it
or in first(...) for one host's; in units of systemd {1..8} and {a,b}; ${unit.instance} in their probes;
${before} in an undo_request. ${secret.NAME} is allowed where nobody sees it, and refused elsewhere. A literal
${ is written $${.

`
