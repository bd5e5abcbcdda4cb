package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func now() time.Time { return time.Date(2026, 11, 29, 3, 12, 7, 0, time.UTC) }

func ago(d time.Duration) time.Time { return now().Add(-d) }

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "test", ago(time.Second)) }

func up(name string) *hosts.HostFacts {
	return &hosts.HostFacts{Host: hosts.Host{Name: name}, Link: hosts.Link{State: hosts.StateConnected}}
}

func probeOf(name, service, kind string, rs ...hosts.ProbeResult) hosts.Probe {
	for i := range rs {
		if rs[i].At.IsZero() {
			rs[i].At = ago(5 * time.Second)
		}
	}
	return hosts.Probe{Name: name, Service: service, Kind: kind, Target: "https://" + name + "/", Every: 30 * time.Second, Results: rs}
}

func one(t *testing.T, s *hosts.Snapshot) Service {
	t.Helper()
	all := Asked(s, now())
	if len(all) != 1 {
		t.Fatalf("%d services: %+v", len(all), all)
	}
	return all[0]
}

func TestProbes(t *testing.T) {
	t.Parallel()
	ok := hosts.ProbeResult{OK: true, Status: 200}
	for _, k := range []struct {
		name   string
		probes []hosts.Probe
		want   State
		why    string
	}{
		{"well", []hosts.Probe{probeOf("a", "s", "basic", ok), probeOf("b", "s", "ready", ok)}, Healthy, ""},
		{"never asked", []hosts.Probe{probeOf("a", "s", "basic")}, Unknown, "not asked yet"},
		{"one well, one never asked", []hosts.Probe{probeOf("a", "s", "basic", ok), probeOf("b", "s", "ready")}, Unknown, "b: not asked yet"},
		{"answered long ago", []hosts.Probe{probeOf("a", "s", "basic", hosts.ProbeResult{OK: true, Status: 200, At: ago(time.Hour)})}, Unknown, "the next answer is overdue"},
		{"fails", []hosts.Probe{probeOf("a", "s", "ready", ok, hosts.ProbeResult{Status: 503, Reason: "HTTP 503"})}, Failing, "HTTP 503"},
		{"degraded by its own word", []hosts.Probe{probeOf("a", "s", "basic", hosts.ProbeResult{Status: 200, State: "degraded", Reason: `HTTP 200, but its status is "degraded"`})}, Degraded, `HTTP 200, but its status is "degraded"`},
		{"degraded and expected so", []hosts.Probe{probeOf("a", "s", "basic", hosts.ProbeResult{OK: true, Status: 200, State: "degraded"})}, Degraded, "its status is degraded"},
		{"it answers, and its database does not", []hosts.Probe{probeOf("a", "s", "basic", ok), probeOf("b", "s", "detailed", hosts.ProbeResult{Status: 503, Reason: "HTTP 503"})}, Failing, "it answers, but detailed fails: HTTP 503"},
	} {
		h := up("h")
		h.Probes = known(k.probes)
		v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
		if v.State != k.want || v.Why != k.why {
			t.Errorf("%s: %s %q, want %s %q", k.name, v.State, v.Why, k.want, k.why)
		}
		if v.Shallow != strings.HasPrefix(k.why, "it answers") {
			t.Errorf("%s: shallow %v", k.name, v.Shallow)
		}
	}
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	h := up("h")
	h.Probes = known([]hosts.Probe{
		probeOf("a", "s", "basic", hosts.ProbeResult{OK: true, Status: 200, Cert: &hosts.ProbeCert{Until: now().Add(90 * 24 * time.Hour), Verified: true}}),
		probeOf("b", "s", "ready", hosts.ProbeResult{OK: true, Status: 200, Cert: &hosts.ProbeCert{Until: now().Add(9 * 24 * time.Hour), Verified: true}}),
	})
	v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
	if v.Why != "a certificate ends in 9 days" || v.Tolerated != "" {
		t.Errorf("%+v", v)
	}
	h.Probes = known([]hosts.Probe{probeOf("a", "s", "basic", hosts.ProbeResult{OK: true, Status: 200, Tolerated: "self-signed"})})
	if v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}); v.Tolerated != "self-signed" {
		t.Errorf("%+v", v)
	}
}

func TestContainers(t *testing.T) {
	t.Parallel()
	bad := hosts.HealthResult{At: ago(20 * time.Second), End: ago(19 * time.Second), Exit: 1, Output: "trying\ncurl: (7) refused\n"}
	good := hosts.HealthResult{At: ago(50 * time.Second), End: ago(50*time.Second - 40*time.Millisecond)}
	for _, k := range []struct {
		name string
		c    hosts.Container
		want State
		why  string
	}{
		{"healthy", hosts.Container{Health: hosts.HealthHealthy, HealthLog: []hosts.HealthResult{good}}, Healthy, ""},
		{"healthy for two more failures", hosts.Container{Health: hosts.HealthHealthy, HealthLog: []hosts.HealthResult{good, bad}}, Degraded, "the last check failed: exit 1: curl: (7) refused"},
		{"unhealthy", hosts.Container{Health: hosts.HealthUnhealthy, HealthLog: []hosts.HealthResult{bad}}, Failing, "exit 1: curl: (7) refused"},
		{"starting", hosts.Container{Health: hosts.HealthStarting}, Starting, "in its start period"},
		{"not inspected yet", hosts.Container{Probe: "curl"}, Unknown, "the engine did not say"},
	} {
		h := up("h")
		k.c.State, k.c.Name = "running", "c"
		h.Containers = known([]hosts.Container{k.c, {Name: "no check", State: "running", Health: hosts.HealthNone}, {Name: "gone", State: "exited", Health: hosts.HealthUnhealthy}})
		if v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}); v.State != k.want || v.Why != k.why {
			t.Errorf("%s: %s %q, want %s %q", k.name, v.State, v.Why, k.want, k.why)
		}
		h.Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no answer"}
		if v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}); v.State != Unknown || v.Why != "host disconnected: no answer" {
			t.Errorf("%s, host away: %s %q", k.name, v.State, v.Why)
		}
	}
}

func TestSwarm(t *testing.T) {
	t.Parallel()
	sw := hosts.Swarm{Manager: true, Services: []hosts.SwarmService{
		{ID: "1", Name: "api", HealthCmd: "curl", Wanted: 3, Running: 2}, {ID: "2", Name: "plain", Wanted: 1}, {ID: "3", Name: "off", HealthCmd: "curl"},
	}}
	a, b := up("a"), up("b")
	a.Swarm, b.Swarm = known(sw), known(sw)
	if v := one(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{a, b}}); v.State != Degraded || v.Endpoints[0].Short != "2/3" {
		t.Errorf("%+v", v)
	}
}

func fleet(claims int, units ...hosts.Unit) *hosts.Snapshot {
	c := read.Parse([]nginx.File{{Name: "n.conf", Text: []byte(`http {
  upstream workers { server unix:/run/core-1.sock; server unix:/run/core-2.sock; server unix:/run/core-9.sock down; }
  upstream other { server unix:/run/x.sock; }
  server { listen 443; server_name fleet.example.com; location / { proxy_pass http://workers; } }
}`)}})
	h := up("core")
	h.Nginx = known([]hosts.Nginx{{HTTP: nginx.NewHTTP(c)}})
	h.Units = known(units)
	here := up("here")
	p := probeOf("fleet.example.com", "cxb", "fleet", hosts.ProbeResult{OK: true, Status: 200, Capacity: claims, Workers: -1, Busy: 1})
	p.Target = "https://fleet.example.com/health/fleet"
	here.Probes = known([]hosts.Probe{p})
	return &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{here, h}}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	w := func(n int, active, enabled string) hosts.Unit {
		return hosts.Unit{Name: fmt.Sprintf("cxbcore@%d.service", n), Active: active, Enabled: enabled, EnvFiles: []hosts.EnvFile{{Names: []string{"CXBCORE_WORKERS"}}}}
	}
	more := []hosts.Unit{{Name: "getty@tty1.service", Active: "active"}, {Name: "other@1.service", Active: "active"}, {Name: "other@2.service", Active: "active"}, {Name: "other@3.service", Active: "active"}}
	with := func(us ...hosts.Unit) []hosts.Unit { return append(us, more...) }
	for _, k := range []struct {
		name   string
		claims int
		units  []hosts.Unit
		want   State
		text   string
	}{
		{"as claimed", 2, with(w(1, "active", "enabled"), w(2, "active", "enabled")), Healthy, "claims 2; 2 of 2 workers run"},
		{"claims a third", 3, with(w(1, "active", "enabled"), w(2, "active", "enabled")), Degraded, "claims 3; 2 of 2 workers run; nginx sends work to 2"},
		{"one failed", 2, with(w(1, "active", "enabled"), w(2, "failed", "enabled")), Degraded, "claims 2; 1 of 2 workers run"},
		{"one drains", 2, with(w(1, "active", "enabled"), w(2, "deactivating", "enabled")), Healthy, "claims 2; 1 of 2 workers run, 1 drains"},
		{"one was taken out", 2, with(w(1, "active", "enabled"), w(2, "active", "enabled"), w(5, "inactive", "disabled")), Healthy, "claims 2; 2 of 2 workers run"},
		{"no template", 2, nil, Healthy, "claims 2"},
	} {
		v := one(t, fleet(k.claims, k.units...))
		if v.Capacity == nil || v.State != k.want || v.Capacity.Text() != k.text || v.Capacity.Host != "core" || v.Capacity.Upstream != "workers" {
			t.Errorf("%s: %s %+v", k.name, v.State, v.Capacity)
		}
	}
	s := fleet(2, w(1, "active", "enabled"))
	s.Hosts[1].Units = hosts.Part[[]hosts.Unit]{Reason: "no systemctl", Tried: now()}
	if v := one(t, s); v.Capacity.Template != "" || v.State != Healthy {
		t.Errorf("units unknown: %+v", v.Capacity)
	}
	s = fleet(-1)
	if v := one(t, s); v.Capacity != nil {
		t.Errorf("claims nothing: %+v", v.Capacity)
	}
}

func TestBehindProxies(t *testing.T) {
	t.Parallel()
	s := fleet(2)
	s.Hosts[1].Sockets = known([]hosts.Socket{{Proto: "unix", Address: "/run/core-1.sock", Process: "uvicorn", PID: 7, Unit: "cxbcore@1.service"}})
	s.Hosts[1].Containers = known([]hosts.Container{})
	s.Hosts[1].Envoy = known([]hosts.Envoy{{Config: &envoy.Config{Clusters: []*envoy.Cluster{{
		Name: "hub", Endpoints: []envoy.Endpoint{{Address: "10.9.9.9", Port: 80}},
		Live: &envoy.ClusterStatus{Hosts: []envoy.HostStatus{{Address: "10.9.9.9", Port: 80, Flags: []string{"failed_active_health_check"}}}},
	}}}}})
	got := map[string]string{}
	for _, v := range Behind(s) {
		got[v.Name] = v.State.String() + " " + v.Why
	}
	if !strings.HasPrefix(got["workers"], "degraded 1 of 3 places: ") || !strings.HasPrefix(got["other"], "failing ") || got["hub"] != "failing Envoy: failed_active_health_check" {
		t.Errorf("%q", got)
	}
	// What is behind is not known once the host is away.
	s.Hosts[1].Link.State = hosts.StateDisconnected
	for _, v := range Behind(s) {
		if v.State != Unknown {
			t.Errorf("%s: %s", v.Name, v.State)
		}
	}
}

func BenchmarkBehind(b *testing.B) {
	s := fleet(2)
	s.Hosts[1].Sockets = known([]hosts.Socket{{Proto: "unix", Address: "/run/core-1.sock"}})
	s.Hosts[1].Containers = known([]hosts.Container{})
	for i := range 50 {
		h := *s.Hosts[1]
		h.Host.Name = fmt.Sprintf("core-%d", i)
		s.Hosts = append(s.Hosts, &h)
	}
	b.ReportAllocs()
	for b.Loop() {
		Behind(s)
	}
}
