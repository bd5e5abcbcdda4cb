package main

import (
	"context"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// missing are the parts of a world that cannot be read, on purpose: "host part" → why it is so.
var missing = map[string]map[string]string{
	"cortex": {
		"mac-mini-1 *docker": "no engine", "vm-agent-2 *docker": "no engine",
	},
	"studio": {},
	"cxb":    {"*docker": "no containers"},
	"stack":  {},
	"powernode": {
		"pn-app-1 *docker": "no engine", "pn-docker-3": "nothing answers", "pn-docker-4": "in maintenance",
		"pn-swarm-1 *shell": "an engine only", "pn-runner *shell": "an engine only",
	},
}

// dockerParts are those that need an engine.
var dockerParts = []string{"Engine", "Containers", "Images", "Volumes", "Networks", "Compose", "Swarm", "Stats", "Envoy", "Traefik", "ContainerSymptoms"}

// shellParts are those that need a shell.
var shellParts = []string{"System", "Disks", "Units", "Addresses", "Mounts", "Sockets", "Compose", "Databases", "Envoy", "Traefik", "Symptoms", "Code", "CertFiles"}

// TestWorlds asks every host of a world for everything: whatever is expected there must be known, and
// the faults that the world plants must show in the facts.
func TestWorlds(t *testing.T) {
	t.Parallel()
	for world := range missing {
		t.Run(world, func(t *testing.T) {
			t.Parallel()
			snap := worldSnapshot(t, world)
			for _, h := range snap.Hosts {
				gap := func(what string) bool {
					return missing[world][h.Host.Name+what]+missing[world][what[min(1, len(what)):]] != ""
				}
				if gap("") {
					continue
				}
				if h.Link.State != hosts.StateConnected {
					t.Errorf("%s is %s: %s", h.Host.Name, h.Link.State, h.Link.Reason)
					continue
				}
				for part, fault := range unread(h) {
					if slices.Contains(dockerParts, part) && gap(" *docker") || slices.Contains(shellParts, part) && gap(" *shell") {
						continue
					}
					if !gap(" " + part) {
						t.Errorf("%s: %s is %s", h.Host.Name, part, fault)
					}
				}
			}
			for name, shows := range planted[world] {
				if !shows(snap) {
					t.Errorf("a fault that is not seen: %s", name)
				}
			}
		})
	}
}

// worldSnapshot is a world as the program sees it after a look at everything, without what its script
// breaks from time to time.
func worldSnapshot(t *testing.T, world string) *hosts.Snapshot {
	t.Helper()
	a, _, _ := newTestApp(t)
	a.demoWish = demoFlags{worlds: []string{world}, calm: true}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w, snap, _, err := a.observe(ctx, nil, 40*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	// What is read of files that containers name comes a refresh later.
	for !settledWorld(snap) {
		if snap, err = w.Fleet.Next(ctx, snap.Gen); err != nil {
			t.Error(err)
			break
		}
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range a.closers {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return snap
}

func settledWorld(snap *hosts.Snapshot) bool {
	for _, h := range snap.Hosts {
		if h.Link.State == hosts.StateConnected && h.Host.Kind == hosts.KindSSH && (h.Containers.Known() && !asked(h.Compose) || !asked(h.Databases) || !asked(h.Symptoms) || !asked(h.Code) || h.Nginx.Known() && !asked(h.CertFiles) || len(h.Containers.Value) > 0 && !asked(h.ContainerSymptoms) || unanswered(h)) {
			return false
		}
	}
	return true
}

// unanswered reports whether a probe has not been made yet.
func unanswered(h *hosts.HostFacts) bool {
	for _, p := range h.Probes.Value {
		if len(p.Results) == 0 {
			return true
		}
	}
	return false
}

// unread lists the parts of a host that are not known, with the reason. Parts that nobody asks for on
// such a host (agents, Dokploy, probes without any) are not listed.
func unread(h *hosts.HostFacts) map[string]string {
	out := map[string]string{}
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		p, ok := v.Field(i).Interface().(interface{ Standing() hosts.Standing })
		if !ok || p.Standing() == hosts.Fresh {
			continue
		}
		name := v.Type().Field(i).Name
		reason := v.Field(i).FieldByName("Reason").String()
		switch p.Standing() {
		case hosts.Unasked:
			if name == "ContainerSymptoms" && h.Containers.Known() && len(h.Containers.Value) == 0 || slices.Contains([]string{"Agents", "AgentHub", "Dokploy", "Probes", "Stats", "Envoy", "DiskUsage", "CertFiles"}, name) {
				continue
			}
			out[name] = "not asked for"
		default:
			out[name] = fmt.Sprintf("%s: %s", p.Standing(), reason)
		}
	}
	return out
}

// planted are facts that a world shows of its faults, where a check would look for them.
var planted = map[string]map[string]func(s *hosts.Snapshot) bool{
	"stack": {
		"a deployment that failed": func(s *hosts.Snapshot) bool {
			a := application(s, "opencode-sanne")
			return a.Status == "error" && a.Deployments[0].Status == "error" && strings.Contains(a.Deployments[0].Error, "manifest unknown") && a.Deployments[1].Status == "done"
		},
		"the history of the portal, and its tag": func(s *hosts.Snapshot) bool {
			a := application(s, "deployer")
			return strings.HasSuffix(a.Image, ":latest") && len(a.Deployments) == 4 && a.Domains[0].Host == "deploy.ai.flexinit.nl" && a.Domains[0].HTTPS
		},
		"a project without applications, whose domain is still routed": func(s *hosts.Snapshot) bool {
			for _, r := range s.Host("dokploy").Traefik.Value[0].Routers {
				if strings.Contains(r.Rule, "smoke-test.ai.flexinit.nl") {
					return application(s, "opencode-smoke-test").ID == ""
				}
			}
			return false
		},
		"a certificate that is tolerated, and one that ends soon": func(s *hosts.Snapshot) bool {
			self, soon := false, false
			for _, h := range s.Hosts {
				for _, p := range h.Probes.Value {
					for _, r := range p.Results {
						self = self || p.Name == "portal-direct" && r.Tolerated != "" && r.Cert.Subject == "TRAEFIK DEFAULT CERT"
						soon = soon || p.Name == "portal" && r.Cert != nil && time.Until(r.Cert.Until) < 7*24*time.Hour
					}
				}
			}
			return self && soon
		},
	},
	"cortex": {
		"SQLite on NFS": func(s *hosts.Snapshot) bool {
			d, ok := database(s, "prod-113", "ai_hub.db")
			return ok && d.Mount.Network() && d.InnerPath == "/app/data/ai_hub.db" && volume(s, "prod-113", "cortex-hub_ai_hub_data").Options["type"] == "nfs"
		},
		"a port that another container has": func(s *hosts.Snapshot) bool {
			c := box(s, "prod-113", "ai_unified_frontend_canary")
			return c.State == "created" && strings.Contains(c.Error, "port is already allocated")
		},
		"scheme and hard-coded upgrade in nginx": func(s *hosts.Snapshot) bool {
			return config(s, "prod-113", "proxy_set_header", "X-Forwarded-Proto", "$scheme") && config(s, "prod-113", "proxy_set_header", "Connection", "upgrade")
		},
		"an endpoint with another port than the published one": func(s *hosts.Snapshot) bool {
			for _, c := range s.Host("edge-90").Envoy.Value[0].Config.Clusters {
				if c.Name == "_voice_unified_server" {
					return c.Endpoints[0].Port == 8000
				}
			}
			return false
		},
	},
	"powernode": {
		"a unit that gave up": func(s *hosts.Snapshot) bool {
			u := unit(s, "pn-app-1", "powernode-backend@api2.service")
			return u.Active == "failed" && u.Result == "start-limit-hit"
		},
		"a Swarm service with too few replicas, and one that was rolled back": func(s *hosts.Snapshot) bool {
			return service(s, "pn-swarm-1", "powernode_backend").Running == 2 && service(s, "pn-swarm-1", "powernode_worker").UpdateState == "rollback_completed"
		},
	},
	"studio": {
		"a worker that was given up": func(s *hosts.Snapshot) bool {
			v := service(s, "swarm-mgr-1", "ai-studio_worker")
			return v.Wanted == 1 && v.Running == 0 && v.UpdateState == "paused" && box(s, "swarm-mgr-1", "ai-studio_worker.1.").Exit == 1
		},
		"a task that no node takes": func(s *hosts.Snapshot) bool {
			v := service(s, "swarm-mgr-1", "ai-studio_backend")
			return v.Wanted == 2 && v.Running == 1 && v.HealthCmd != "" && taskError(s, "swarm-mgr-1", "ai-studio_temporal-ui") != ""
		},
		"only nginx publishes": func(s *hosts.Snapshot) bool {
			n := 0
			for _, c := range s.Host("studio-vm").Containers.Value {
				if c.State == "running" {
					for _, p := range c.Ports {
						n += min(1, int(p.HostPort))
					}
				}
			}
			return n > 0 && box(s, "studio-vm", "ai-studio-web-1").Ports[0].HostPort == 8080
		},
	},
	"cxb": {
		"outboxes in the state directory": func(s *hosts.Snapshot) bool {
			d, ok := database(s, "cxb-fleet-1", "results-1.db")
			return ok && d.Path == "/var/lib/private/cxbcore/results-1.db" && d.Unit == "cxbcore@1.service" && d.WALSize > 0
		},
		"outboxes in a private /tmp": func(s *hosts.Snapshot) bool {
			d, ok := database(s, "cxb-fleet-2", "results.db")
			return ok && strings.HasPrefix(d.Path, "/tmp/systemd-private-") && d.InnerPath == "/tmp/cxb-outbox/results.db"
		},
		"one drains, one is restarted for ever": func(s *hosts.Snapshot) bool {
			return unit(s, "cxb-fleet-1", "cxbcore@3.service").Active == "deactivating" && unit(s, "cxb-fleet-2", "cxbcore@2.service").Restarts > 400
		},
		"a server without max_conns": func(s *hosts.Snapshot) bool {
			return config(s, "cxb-fleet-2", "server", "unix:/run/cxb/core-4.sock") && config(s, "cxb-fleet-1", "server", "unix:/run/cxb/core-4.sock", "max_conns=1", "max_fails=0")
		},
		"more capacity than workers": func(s *hosts.Snapshot) bool {
			for _, p := range s.Hosts[0].Probes.Value {
				if p.Name == "cxb-fleet-2" && len(p.Results) > 0 {
					return p.Results[0].Capacity == 5 && p.Results[0].OK
				}
			}
			return false
		},
	},
}

func database(s *hosts.Snapshot, host, name string) (hosts.Database, bool) {
	for _, d := range s.Host(host).Databases.Value {
		if path.Base(d.Path) == name {
			return d, true
		}
	}
	return hosts.Database{}, false
}

func volume(s *hosts.Snapshot, host, name string) hosts.Volume {
	for _, v := range s.Host(host).Volumes.Value {
		if v.Name == name {
			return v
		}
	}
	return hosts.Volume{}
}

// box is the container whose name begins with name.
func box(s *hosts.Snapshot, host, name string) hosts.Container {
	for _, c := range s.Host(host).Containers.Value {
		if strings.HasPrefix(c.Name, name) {
			return c
		}
	}
	return hosts.Container{}
}

func service(s *hosts.Snapshot, host, name string) hosts.SwarmService {
	for _, v := range s.Host(host).Swarm.Value.Services {
		if v.Name == name {
			return v
		}
	}
	return hosts.SwarmService{}
}

func taskError(s *hosts.Snapshot, host, service string) string {
	for _, x := range s.Host(host).Swarm.Value.Tasks {
		if x.Service == service {
			return x.Error
		}
	}
	return ""
}

func unit(s *hosts.Snapshot, host, name string) hosts.Unit {
	for _, u := range s.Host(host).Units.Value {
		if u.Name == name {
			return u
		}
	}
	return hosts.Unit{}
}

// config reports whether the nginx of a host has a directive with exactly these arguments.
func config(s *hosts.Snapshot, host, name string, args ...string) bool {
	for _, n := range s.Host(host).Nginx.Value {
		if n.Config != nil && hasDirective(n.Config.Root, name, args) {
			return true
		}
	}
	return false
}

func hasDirective(list []*nginx.Directive, name string, args []string) bool {
	for _, d := range list {
		if d.Name == name && slices.Equal(d.Args, args) || hasDirective(d.Block, name, args) {
			return true
		}
	}
	return false
}

func application(s *hosts.Snapshot, name string) hosts.DokployApp {
	for _, p := range s.Host("dokploy").Dokploy.Value.Projects {
		for _, a := range p.Apps {
			if a.Name == name {
				return a
			}
		}
	}
	return hosts.DokployApp{}
}
