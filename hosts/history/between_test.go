package history

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func before(d time.Duration) time.Time {
	return time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC).Add(-d)
}

func then[T any](v T) hosts.Part[T] { return hosts.Read(v, "x", before(time.Minute)) }
func now[T any](v T) hosts.Part[T]  { return hosts.Read(v, "x", before(0)) }

func conf(text string) []hosts.Nginx {
	c := read.Parse([]nginx.File{{Name: "nginx.conf", Text: []byte(text)}})
	return []hosts.Nginx{{Config: c, HTTP: nginx.NewHTTP(c)}}
}

func told1(events []hosts.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimSpace(e.At.Format("15:04:05 ")+e.Kind+" "+e.Object+" "+e.Action+": "+e.Detail))
	}
	return out
}

func TestBetween(t *testing.T) {
	t.Parallel()
	ok, bad := hosts.ProbeResult{At: before(70 * time.Second), OK: true, Status: 200, State: "healthy"}, hosts.ProbeResult{At: before(20 * time.Second), Status: 503, State: "down"}
	tests := map[string]struct {
		a, b hosts.HostFacts
		want []string
	}{
		"nothing": {},
		"a unit, when systemd says": {
			hosts.HostFacts{Units: then([]hosts.Unit{{Name: "a.service", Active: "active"}})},
			hosts.HostFacts{Units: now([]hosts.Unit{{Name: "a.service", Active: "failed", Sub: "failed", Since: before(30 * time.Second)}})},
			[]string{"02:59:30 unit a.service failed: was active, now failed"},
		},
		"a probe, once": {
			hosts.HostFacts{Probes: then([]hosts.Probe{{Name: "api", Results: []hosts.ProbeResult{ok}}})},
			hosts.HostFacts{Probes: now([]hosts.Probe{{Name: "api", Results: []hosts.ProbeResult{ok, bad, bad}}})},
			[]string{"02:59:40 probe api fails: status 503 (was healthy)"},
		},
		"nginx, line by line": {
			hosts.HostFacts{Nginx: then(conf("events {}\nhttp {\n  server { listen 80; }\n}\n"))},
			hosts.HostFacts{Nginx: now(conf("events {}\nhttp {\n  server { listen 81; }\n}\n"))},
			[]string{"03:00:00 config nginx.conf changed: line 3: server { listen 80; } → server { listen 81; }"},
		},
		"an nginx that could not be read": {
			hosts.HostFacts{Nginx: then(conf("events {}\n"))}, hosts.HostFacts{Nginx: now([]hosts.Nginx{{Error: "gone"}})}, nil,
		},
		"an envoy that is restarting": {
			hosts.HostFacts{Envoy: then([]hosts.Envoy{{Admin: "x", Config: &envoy.Config{Clusters: []*envoy.Cluster{{Name: "api"}}}}})},
			hosts.HostFacts{Envoy: now([]hosts.Envoy{{Admin: "x", Error: "refused"}})},
			nil,
		},
		"a compose file, masked": {
			hosts.HostFacts{Compose: then([]hosts.ComposeProject{{Name: "p", Files: []hosts.ComposeFile{{Path: "/c.yml", Text: "a\nb\n"}}}})},
			hosts.HostFacts{Compose: now([]hosts.ComposeProject{{Name: "p", Files: []hosts.ComposeFile{{Path: "/c.yml", Text: "a\nx password=hunter22\n"}}}, {Name: "q", Files: []hosts.ComposeFile{{Path: "/q.yml"}}}})},
			[]string{"03:00:00 config /c.yml changed: line 2: b → x password=" + hosts.Dots},
		},
		"a reboot": {
			hosts.HostFacts{System: then(hosts.System{Uptime: time.Hour, Kernel: "6.1"})},
			hosts.HostFacts{System: now(hosts.System{Uptime: 20 * time.Second, Kernel: "6.2"})},
			[]string{"02:59:40 system  booted: kernel 6.1 → 6.2"},
		},
		"a disk and a container's layer": {
			hosts.HostFacts{Mounts: then([]hosts.Mount{{Point: "/data", FSType: "nfs4", Source: "nas:/d"}, {Point: "/", Source: "/dev/vda"}})},
			hosts.HostFacts{Mounts: now([]hosts.Mount{{Point: "/", Source: "/dev/vda"}, {Point: "/var/lib/docker/overlay2/x/merged", FSType: "overlay", Source: "overlay"}})},
			[]string{"03:00:00 mount /data unmounted: nfs4 nas:/d"},
		},
		"a swarm service": {
			hosts.HostFacts{Swarm: then(hosts.Swarm{Services: []hosts.SwarmService{{Name: "web", Image: "w:1", Wanted: 2, Running: 2}}})},
			hosts.HostFacts{Swarm: now(hosts.Swarm{Services: []hosts.SwarmService{{Name: "web", Image: "w:2", Wanted: 2, Running: 1, UpdateState: "updating", Updated: before(10 * time.Second)}}})},
			[]string{"02:59:50 deploy web new image: w:1 → w:2", "02:59:50 deploy web update updating:", "03:00:00 service web replicas missing: 1 of 2 run, were 2 of 2"},
		},
		"a deployment": {
			hosts.HostFacts{Dokploy: then(hosts.Dokploy{})},
			hosts.HostFacts{Dokploy: now(hosts.Dokploy{Projects: []hosts.DokployProject{{Name: "p", Apps: []hosts.DokployApp{{Name: "a", Deployments: []hosts.DokployDeployment{{ID: "1", Status: "error", Title: "push", Error: "no such image", Created: before(30 * time.Second)}}}}}}})},
			[]string{"02:59:30 deploy p/a deployment error: push: no such image"},
		},
		"an agent": {
			hosts.HostFacts{Agents: then([]hosts.Agent{{Name: "gpu", Version: "1.0"}})},
			hosts.HostFacts{Agents: now([]hosts.Agent{{Name: "gpu", Version: "1.1"}})},
			[]string{"03:00:00 deploy gpu updated: version 1.0 → 1.1"},
		},
		"files of a unit": {
			hosts.HostFacts{Units: then([]hosts.Unit{{Name: "a.service", Load: "loaded", Fragment: "/a"}})},
			hosts.HostFacts{Units: now([]hosts.Unit{{Name: "a.service", Load: "loaded", Fragment: "/a", DropIns: []string{"/a.d/x.conf"}}})},
			[]string{"03:00:00 config a.service changed: files: /a → /a /a.d/x.conf"},
		},
	}
	for name, c := range tests {
		if diff := cmp.Diff(c.want, told1(Between(&c.a, &c.b, before(0)))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := Between(&c.b, &c.b, before(0)); got != nil {
			t.Errorf("%s: the same is different: %v", name, got)
		}
		gone := c.b
		gone.Units, gone.Nginx, gone.Compose = gone.Units.Failed("x", "", "", before(0)), gone.Nginx.Failed("x", "", "", before(0)), gone.Compose.Failed("x", "", "", before(0))
		for _, e := range Between(&c.a, &gone, before(0)) {
			if e.Kind == KindUnit || e.Kind == KindConfig {
				t.Errorf("%s: a failed look tells of %v", name, e)
			}
		}
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	m := Images{}
	look := Look{before(time.Minute), before(0)}
	m.Next([]hosts.Container{{Name: "web", Image: "web:1", ImageID: "sha256:aaaaaaaaaaaaaaaa"}, {Name: "db", Image: "db", ImageID: "sha256:1"}}, look)
	if got := m.Next(nil, look); got != nil {
		t.Errorf("no containers: %v", got)
	}
	got := told1(m.Next([]hosts.Container{
		{Name: "web", Image: "web:1", ImageID: "sha256:bbbbbbbbbbbbbbbb", Created: before(5 * time.Second)}, {Name: "db", Image: "db:2", ImageID: "sha256:2"}, {Name: "new", ImageID: "x"},
	}, look))
	want := []string{"02:59:55 deploy web new image: web:1: aaaaaaaaaaaa → bbbbbbbbbbbb", "03:00:00 deploy db new image: db → db:2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
