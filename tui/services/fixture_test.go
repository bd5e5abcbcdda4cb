package services

import (
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func now() time.Time { return uitest.Now() }

func ago(d time.Duration) time.Time { return now().Add(-d) }

func unit(name, active, sub string, since time.Duration) hosts.Unit {
	return hosts.Unit{
		Name: name, Description: "Powernode " + name, Load: "loaded", Active: active, Sub: sub, Result: "success", Enabled: "enabled", Since: ago(since),
		Fragment: "/etc/systemd/system/" + name, Counts: []hosts.RestartCount{{At: ago(time.Hour)}},
	}
}

// powernode are the units of a platform: a target with instances of templates, and what is around.
func powernode() []hosts.Unit {
	part := func(u hosts.Unit) hosts.Unit { u.PartOf = []string{"powernode.target"}; return u }
	api := part(unit("powernode-backend@api2.service", "failed", "failed", 3*time.Minute))
	api.Result, api.ExitCode, api.ExitStatus, api.Restarts = "start-limit-hit", "exited", 1, 5
	api.EnvFiles = []hosts.EnvFile{
		{Path: "/etc/powernode/powernode.conf", Read: true, Names: []string{"POWERNODE_ROOT", "DATABASE_URL"}},
		{Path: "/etc/powernode/backend-api2.conf", Error: "missing"},
	}
	api.DropIns = []string{"/etc/systemd/system/powernode-backend@.service.d/limits.conf"}
	drain := part(unit("powernode-worker@default.service", "deactivating", "stop-sigterm", 12*time.Second))
	drain.StopTimeout, drain.Job, drain.MainPID, drain.Memory = 28*time.Second, "restart running", 4242, 724<<20
	late := part(unit("powernode-worker@ai-heavy.service", "deactivating", "stop-sigkill", 2*time.Minute))
	late.StopTimeout = 90 * time.Second
	storm := part(unit("powernode-worker-web@default.service", "active", "running", 4*time.Second))
	storm.Restarts, storm.ExitCode, storm.ExitStatus = 9, "killed", 9
	storm.Counts = []hosts.RestartCount{{At: ago(time.Hour), N: 2}, {At: ago(5 * time.Minute), N: 6}, {At: ago(time.Minute), N: 9}}
	front := part(unit("powernode-frontend@default.service", "active", "running", 6*24*time.Hour))
	front.Memory = 178 << 20
	target := unit("powernode.target", "active", "active", 46*24*time.Hour)
	target.Wants = []string{"powernode-frontend@default.service"}
	web := unit("nginx.service", "failed", "failed", time.Minute)
	web.Result, web.ExitCode, web.ExitStatus = "exit-code", "exited", 217
	timer := unit("logrotate.timer", "active", "waiting", time.Hour)
	timer.LastRun, timer.NextRun = ago(3*time.Hour), now().Add(21*time.Hour)
	boot := unit("systemd-random-seed.service", "active", "exited", time.Hour)
	return []hosts.Unit{api, drain, late, storm, front, target, web, timer, boot, unit("multi-user.target", "active", "active", time.Hour)}
}

func swarm() hosts.Swarm {
	return hosts.Swarm{
		ClusterID: "c1", Manager: true,
		Nodes: []hosts.SwarmNode{
			{ID: "n1", Hostname: "swarm-1", Role: "manager", State: "ready", Availability: "active", Leader: true, Reachability: "reachable"},
			{ID: "n2", Hostname: "swarm-2", Role: "worker", State: "down", Availability: "active", Addr: "10.0.0.2"},
			{ID: "n3", Hostname: "swarm-3", Role: "worker", State: "ready", Availability: "drain", Labels: map[string]string{"disk": "ssd"}},
		},
		Services: []hosts.SwarmService{
			{ID: "s1", Name: "studio_api", Stack: "studio", Image: "studio/api:7@sha256:ff", Mode: "replicated", Wanted: 3, Running: 1, Updated: ago(2 * time.Hour), EnvNames: []string{"DATABASE_URL"}, Constraints: []string{"node.role==worker"}, Ports: []hosts.Port{{HostPort: 8080, ContainerPort: 80, Proto: "tcp"}}, PublishMode: "ingress"},
			{ID: "s2", Name: "studio_web", Stack: "studio", Image: "studio/web:7", Mode: "replicated", Wanted: 2, Running: 2, UpdateState: "paused", UpdateInfo: "update paused due to failure or early termination of task x", Updated: ago(time.Hour)},
			{ID: "s3", Name: "studio_worker", Stack: "studio", Image: "studio/api:7", Mode: "replicated", Wanted: 2, Running: 2, Updated: ago(time.Hour)},
			{ID: "s4", Name: "studio_migrate", Stack: "studio", Image: "studio/api:7", Mode: "replicated-job", Wanted: 1, Updated: ago(time.Hour)},
		},
		Tasks: []hosts.SwarmTask{
			{ID: "t1", Service: "studio_api", Node: "swarm-1", State: "running", Desired: "running", Slot: 1, ContainerID: "cc1", Message: "started", At: ago(2 * time.Hour)},
			{ID: "t2", Service: "studio_api", Node: "swarm-2", State: "failed", Desired: "shutdown", Slot: 2, Error: "task: non-zero exit (137)", At: ago(5 * time.Minute)},
			{ID: "t3", Service: "studio_api", State: "pending", Desired: "running", Slot: 2, Error: "no suitable node (insufficient resources on 2 nodes)", At: ago(4 * time.Minute)},
		},
	}
}

// fleetSnap is a host with units, a Swarm's manager and a second one, a host that is gone, one whose
// units cannot be read.
func fleetSnap() *hosts.Snapshot {
	link := hosts.Link{State: hosts.StateConnected}
	read := func(u []hosts.Unit, at time.Time) hosts.Part[[]hosts.Unit] {
		return hosts.Read(u, "systemctl list-units --all", at)
	}
	old := []hosts.Unit{unit("powernode-worker@eu.service", "active", "running", 9*24*time.Hour)}
	return &hosts.Snapshot{
		Gen: 1, At: now(),
		Hosts: []*hosts.HostFacts{
			{Host: hosts.Host{Name: "app-1"}, Link: link, Units: read(powernode(), ago(2*time.Second))},
			{
				Host: hosts.Host{Name: "swarm-1"}, Link: link, Units: read(nil, ago(time.Second)), Swarm: hosts.Read(swarm(), "GET /services", ago(3*time.Second)),
				Containers: hosts.Read([]hosts.Container{{ID: "cc1", Name: "studio_api.1.t1"}}, "GET /containers", ago(time.Second)),
			},
			{Host: hosts.Host{Name: "swarm-9", Kind: hosts.KindDocker}, Link: link, Swarm: hosts.Read(swarm(), "GET /services", ago(time.Minute))},
			{Host: hosts.Host{Name: "gone-1"}, Link: hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline"}, Units: read(old, ago(4*time.Minute))},
			{Host: hosts.Host{Name: "shut-1"}, Link: link, Units: hosts.Part[[]hosts.Unit]{Tried: ago(time.Second), Reason: "systemctl: not permitted", Needs: "systemd"}},
		},
		Events: []hosts.Event{{At: ago(3 * time.Minute), Host: "app-1", Kind: "unit", Object: "powernode-backend@api2.service", Action: "failed", Detail: "was activating"}},
	}
}

func states() map[string]*hosts.Snapshot {
	loading := &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "app-1"}}, {Host: hosts.Host{Name: "swarm-1"}}}}
	empty := fleetSnap()
	empty.Hosts = empty.Hosts[:1]
	empty.Hosts[0].Units.Value = nil
	failed := fleetSnap()
	failed.Hosts = failed.Hosts[4:]
	stale := fleetSnap()
	for _, h := range stale.Hosts[:2] {
		h.Link = hosts.Link{State: hosts.StateError, Reason: "5 failures in a row: connection refused"}
		h.Units.At, h.Swarm.At = ago(7*time.Minute), ago(7*time.Minute)
	}
	return map[string]*hosts.Snapshot{"loading": loading, "empty": empty, "failed": failed, "stale": stale, "good": fleetSnap()}
}

// hostile is a fleet whose every text tries to get out of its cell.
func hostile() *hosts.Snapshot {
	evil := "\x1b[2J\x1b]0;x\a\u202eevil\u200d 👩‍👩‍👧 " + strings.Repeat("長", 60) + "\n\t\x00\xff"
	u := hosts.Unit{
		Name: evil + "@x.service", Description: evil, Load: evil, Active: "failed", Sub: evil, Result: evil, Fragment: evil, DropIns: []string{evil}, Job: evil,
		PartOf: []string{evil}, EnvFiles: []hosts.EnvFile{{Path: evil, Read: true, Names: []string{evil}}, {Path: evil, Error: evil}}, Listen: []string{evil},
	}
	s := swarm()
	for i := range s.Services {
		v := &s.Services[i]
		v.Name, v.Stack, v.Image, v.UpdateInfo, v.HealthCmd, v.Restart = evil, evil, evil, evil, evil, evil
	}
	for i := range s.Nodes {
		s.Nodes[i].Hostname, s.Nodes[i].Addr, s.Nodes[i].Role = evil, evil, evil
	}
	for i := range s.Tasks {
		s.Tasks[i].Service, s.Tasks[i].Error, s.Tasks[i].Node = evil, evil, evil
	}
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: evil}, Link: hosts.Link{State: hosts.StateConnected, Reason: evil},
		Units: hosts.Read([]hosts.Unit{u}, evil, now()), Swarm: hosts.Read(s, evil, now()),
	}
	bad := &hosts.HostFacts{Host: hosts.Host{Name: "b"}, Units: hosts.Part[[]hosts.Unit]{Reason: evil, Needs: evil, Tried: now()}}
	return &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{h, bad}, Events: []hosts.Event{{At: now(), Host: evil, Kind: "unit", Object: u.Name, Action: evil, Detail: evil}}}
}

func screen(d ui.Deps, m ui.OpenMsg) ui.Screen { return New(d, m) }
