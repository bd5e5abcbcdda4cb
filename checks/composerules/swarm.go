package composerules

import (
	"strings"

	"midwatch/checks"
	"midwatch/checks/compose"
)

// swarmKeys are the keys of deploy that only a Swarm heeds; resources and replicas count for compose
// as well.
var swarmKeys = []string{"placement", "update_config", "rollback_config", "endpoint_mode", "mode", "labels", "restart_policy"}

// forSwarm reports a project that is written for a Swarm: some service has more in deploy than
// resources.
func forSwarm(p *compose.Project) bool {
	for _, s := range p.Services {
		for _, k := range swarmKeys {
			if s.Root.Has("deploy", k) {
				return true
			}
		}
	}
	return false
}

// replicas is how many tasks a service has, and where that is said; global services have one a node.
func replicas(s *compose.Service) (n int, global bool, at compose.Pos) {
	d := s.Root.Get("deploy")
	if m := d.Get("mode"); strings.HasPrefix(m.Str(), "global") {
		return 1, true, m.Pos
	}
	if r := d.Get("replicas"); r != nil {
		return r.Int(1), false, r.Pos
	}
	return 1, false, s.Pos
}

// pinned reports a constraint that leaves one node: its name, its id, a label, or the managers, of which
// a small Swarm has one.
func pinned(s *compose.Service) bool {
	for _, c := range s.Root.Get("deploy", "placement", "constraints").Strs() {
		c = strings.ReplaceAll(c, " ", "")
		if strings.Contains(c, "==") && (strings.HasPrefix(c, "node.hostname") || strings.HasPrefix(c, "node.id") || strings.HasPrefix(c, "node.labels.") || c == "node.role==manager") {
			return true
		}
	}
	return false
}

func swarmStateful() checks.Check {
	return checks.Check{
		ID:       "swarm-stateful-placement",
		Title:    "a service with data of its own may move to another node",
		Area:     checks.AreaSwarm,
		Severity: checks.Warning,
		Why: "A local volume stays where it is. When the task is scheduled elsewhere it starts with an empty one: the data seems to be gone, and new data is " +
			"written in another place.",
		Fix:       "Pin the service: deploy.placement.constraints: [node.labels.NAME == true], or keep the data on storage that every node has.",
		Verify:    "docker service ps SERVICE shows one node, after a drain as well",
		Sources:   []string{"https://docs.docker.com/engine/swarm/services/#control-service-placement"},
		Diagnoses: []string{"swarm-policy"},
		Eval:      checks.OnCompose(evalSwarmStateful),
	}
}

func evalSwarmStateful(c *checks.Compose) []checks.Finding {
	if !forSwarm(c.Project) {
		return checks.NotHere("not written for a Swarm")
	}
	var out []checks.Finding
	for _, s := range c.Project.Services {
		if _, global, _ := replicas(s); global || pinned(s) {
			continue
		}
		for _, m := range s.Mounts {
			if !ownData(c, m) {
				continue
			}
			f := c.At(m.Pos, "service "+s.Name)
			f.Title = s.Name + " keeps " + m.Target + " on whichever node it runs"
			f.Key = m.Target
			if isDatastore(s) {
				f.Severity = checks.Error
			}
			out = append(out, f)
			break // one finding a service: they all move together
		}
	}
	return out
}

// ownData reports a mount whose content is lost when the task moves: a volume of the local driver, or
// a folder of the node that is written to.
func ownData(c *checks.Compose, m compose.Mount) bool {
	if m.ReadOnly || m.Target == "" {
		return false
	}
	switch m.Type {
	case "volume":
		if m.Source == "" {
			return false // nobody expects that to last
		}
		v := c.Project.Volume(m.Source)
		if v == nil {
			return false
		}
		if _, _, net := network(c, v); net || v.Opts["type"].Str() == "tmpfs" || v.Root.Get("external").Bool() {
			return false
		}
		return v.Driver == "" || v.Driver == "local"
	case "bind":
		// Sockets, devices and what belongs to the system are the node's on purpose.
		for _, own := range []string{"/var/run", "/run", "/proc", "/sys", "/dev", "/etc", "/lib", "/var/lib/docker", "/mnt", "/nfs", "/media"} {
			if within(m.Source, own) {
				return false
			}
		}
		return strings.HasPrefix(m.Source, "/") && m.Source != "/"
	}
	return false
}

func swarmMigrations() checks.Check {
	return checks.Check{
		ID:       "swarm-replicas-with-boot-migrations",
		Title:    "several replicas would migrate or open the same file at once",
		Area:     checks.AreaSwarm,
		Severity: checks.Warning,
		Why: "A service that migrates its database when it starts assumes that it is alone. With several replicas, or with order: start-first, two of them run " +
			"the migration at the same time; with a SQLite file or one folder of the node they write over each other.",
		Fix:       "deploy.replicas: 1 with order: stop-first, or a job of its own for the migration.",
		Verify:    "docker service inspect SERVICE shows one replica and stop-first",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/deploy/#update_config"},
		Diagnoses: []string{"boot-migration-replicas", "swarm-policy"},
		Eval:      checks.OnCompose(evalSwarmMigrations),
	}
}

// migrates are the words of a start that changes a schema.
var migrates = []string{"migrate", "db:migrate", "db:prepare", "alembic upgrade", "flask db upgrade", "prisma migrate", "drizzle-kit", "typeorm migration", "ecto.migrate", "sequelize"}

func evalSwarmMigrations(c *checks.Compose) []checks.Finding {
	var out []checks.Finding
	for _, s := range c.Project.Services {
		n, global, at := replicas(s)
		why, many := "", n > 1 || global
		if order := s.Root.Get("deploy", "update_config", "order"); order.Str() == "start-first" && !many {
			many, at = true, order.Pos
			why = "the old task still runs when the new one starts"
		}
		if !many {
			continue
		}
		what := ""
		start := strings.Join(append(s.Words("entrypoint"), s.Words("command")...), " ")
		for _, m := range migrates {
			if strings.Contains(start, m) {
				what = "it migrates when it starts"
			}
		}
		for _, e := range s.Env {
			k := strings.ToUpper(e.Key)
			if strings.Contains(k, "MIGRAT") && (strings.Contains(k, "RUN") || strings.Contains(k, "AUTO") || strings.Contains(k, "BOOT") || strings.Contains(k, "START")) && truthy(e.Value) {
				what = e.Key + " makes it migrate when it starts"
			}
			if sqlitePath.MatchString(e.Value) && strings.Contains(strings.ToLower(e.Value), "sqlite") {
				what = e.Key + " names a SQLite file"
			}
		}
		if what == "" {
			continue
		}
		f := c.At(at, "service "+s.Name)
		f.Title = s.Name + " has several tasks at once, and " + what
		if why != "" {
			f.Title = "while " + s.Name + " is updated " + why + ", and " + what
		}
		out = append(out, f)
	}
	return out
}

func truthy(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

func swarmNoHealthcheck() checks.Check {
	return checks.Check{
		ID:       "swarm-no-healthcheck",
		Title:    "an update goes on as soon as the process was started",
		Area:     checks.AreaSwarm,
		Severity: checks.Warning,
		Why: "Without a healthcheck a rolling update takes a running task for a working one: it replaces the next, and all of them may be broken before anybody " +
			"looks. failure_action: rollback then has nothing to go by.",
		Fix:       "Add healthcheck: with a command that fails until the service can answer.",
		Verify:    "docker service ps SERVICE during an update: the new task is starting until it is healthy",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/services/#healthcheck"},
		Diagnoses: []string{"swarm-policy", "unhealthy-gate"},
		Eval:      checks.OnCompose(evalSwarmNoHealthcheck),
	}
}

func evalSwarmNoHealthcheck(c *checks.Compose) []checks.Finding {
	if !forSwarm(c.Project) {
		return checks.NotHere("not written for a Swarm")
	}
	var out []checks.Finding
	for _, s := range c.Project.Services {
		u := s.Root.Get("deploy", "update_config")
		n, _, at := replicas(s)
		if hasCheck(s) || u == nil && n < 2 || u.Get("order").Str() == "stop-first" && n < 2 && !u.Has("failure_action") {
			continue
		}
		if u != nil {
			at = u.KeyPos
		}
		f := c.At(at, "service "+s.Name)
		f.Title = s.Name + " is updated task by task without a healthcheck in the file"
		f.Severity = checks.Info // the image may bring one
		if has, known := deployedCheck(c, s.Name); known && has {
			continue
		} else if known {
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}

func swarmIgnored() checks.Check {
	return checks.Check{
		ID:       "swarm-ignored-options",
		Title:    "a Swarm does not do what this line asks for",
		Area:     checks.AreaSwarm,
		Severity: checks.Warning,
		Why: "docker stack deploy skips these keys, or refuses the file. The service then runs without what the line was written for: not in that order, not " +
			"with that limit, not on that network.",
		Fix:       "Move it below deploy: where there is such a key, or drop it.",
		Verify:    "docker stack config -c FILE names what is left out",
		Sources:   []string{"https://docs.docker.com/reference/cli/docker/stack/deploy/", "https://github.com/docker/cli/blob/master/cli/compose/types/types.go"},
		Diagnoses: []string{"swarm-policy"},
		Eval:      checks.OnCompose(evalSwarmIgnored),
	}
}

// ignored are the keys that docker stack deploy skips, and what that means. restart is not among them:
// it becomes the restart policy where deploy has none.
var ignored = []struct{ key, effect string }{
	{"build", "the image must be in a registry that every node reaches"},
	{"depends_on", "all services start at once"},
	{"container_name", "tasks have names of their own"},
	{"network_mode", "the task is on the networks of the stack"},
	{"privileged", "the task has no more rights than others"},
	{"devices", "the task has no such device"},
	{"security_opt", "the task runs with the default profile"},
	{"shm_size", "/dev/shm has 64 MB"},
	{"userns_mode", "the daemon's setting holds"},
	{"links", "names are those of services and aliases"},
	{"mac_address", "the address is chosen by Docker"},
	{"cgroup_parent", "the daemon's setting holds"},
}

// forbidden are the keys that make docker stack deploy refuse the file.
var forbidden = []string{"extends", "mem_limit", "memswap_limit", "mem_reservation", "cpus", "cpu_quota", "cpu_shares", "cpuset", "volume_driver", "volumes_from"}

func evalSwarmIgnored(c *checks.Compose) []checks.Finding {
	if !forSwarm(c.Project) {
		return checks.NotHere("not written for a Swarm")
	}
	var out []checks.Finding
	add := func(s *compose.Service, key, title string, sev checks.Severity) {
		f := c.At(s.Root.Get(key).KeyPos, "service "+s.Name)
		f.Title, f.Severity, f.Key = title, sev, key
		out = append(out, f)
	}
	for _, s := range c.Project.Services {
		for _, x := range ignored {
			switch {
			case !s.Root.Has(x.key):
			case x.key == "build" && s.Image != nil: // both at once is common: built elsewhere, deployed here
				add(s, x.key, "build of "+s.Name+" is skipped by a Swarm: "+x.effect, checks.Info)
			case x.key == "depends_on" || x.key == "container_name":
				add(s, x.key, x.key+" of "+s.Name+" is skipped by a Swarm: "+x.effect, checks.Info)
			default:
				add(s, x.key, x.key+" of "+s.Name+" is skipped by a Swarm: "+x.effect, checks.Warning)
			}
		}
		for _, k := range forbidden {
			if s.Root.Has(k) {
				add(s, k, "docker stack deploy refuses "+k, checks.Error)
			}
		}
	}
	return out
}

func swarmRestart() checks.Check {
	return checks.Check{
		ID:       "swarm-restart-policy",
		Title:    "the restart policy leaves the service down, or restarts it for ever",
		Area:     checks.AreaSwarm,
		Severity: checks.Warning,
		Why: "max_attempts without window counts over the life of the service: after that many failures it stays at 0 replicas until somebody updates it. " +
			"condition: on-failure does not start again what ended with exit code 0, which a server does when it is told to stop.",
		Fix:       "restart_policy: {condition: any, delay: 5s, max_attempts: 3, window: 120s}",
		Verify:    "docker service ps SERVICE shows a running task after its process was killed",
		Sources:   []string{"https://docs.docker.com/reference/compose-file/deploy/#restart_policy"},
		Diagnoses: []string{"swarm-policy"},
		Eval:      checks.OnCompose(evalSwarmRestart),
	}
}

func evalSwarmRestart(c *checks.Compose) []checks.Finding {
	if !forSwarm(c.Project) {
		return checks.NotHere("not written for a Swarm")
	}
	var out []checks.Finding
	for _, s := range c.Project.Services {
		r := s.Root.Get("deploy", "restart_policy")
		cond := r.Get("condition")
		n, _, _ := replicas(s)
		job := strings.HasSuffix(s.Root.Get("deploy", "mode").Str(), "-job") || n == 0
		switch {
		case job:
		case cond.Str() == "none":
			f := c.At(cond.Pos, "service "+s.Name)
			f.Title = s.Name + " is not started again when it ends"
			out = append(out, f)
		case r.Has("max_attempts") && !r.Has("window"):
			f := c.At(r.Get("max_attempts").Pos, "service "+s.Name)
			f.Title = s.Name + " stays down after " + r.Get("max_attempts").Str() + " failures in its whole life"
			out = append(out, f)
		case cond.Str() == "on-failure" && len(s.Ports) > 0:
			f := c.At(cond.Pos, "service "+s.Name)
			f.Title = s.Name + " is a server and is not started again after it ended with code 0"
			f.Severity = checks.Info
			out = append(out, f)
		}
	}
	return out
}
