package health

import (
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func now() time.Time { return uitest.Now() }

func ago(d time.Duration) time.Time { return now().Add(-d) }

// answers are n answers that get slower, those in bad failing; the newest is 4 seconds old.
func answers(n int, reason string, status int, bad ...int) []hosts.ProbeResult {
	out := make([]hosts.ProbeResult, n)
	for i := range out {
		out[i] = hosts.ProbeResult{
			At: ago(4*time.Second + time.Duration(n-1-i)*30*time.Second), Took: time.Duration(8+i*i%23) * time.Millisecond, OK: true, Status: 200,
			Capacity: -1, Workers: -1, Busy: -1,
		}
	}
	for _, i := range bad {
		out[i].OK, out[i].Status, out[i].Reason = false, status, reason
	}
	return out
}

func probe(name, service, kind, url string, rs []hosts.ProbeResult) hosts.Probe {
	return hosts.Probe{Name: name, Service: service, Kind: kind, Target: url, Every: 30 * time.Second, Origin: "inventory", Results: rs}
}

func cert(days int, rs []hosts.ProbeResult) []hosts.ProbeResult {
	for i := range rs {
		rs[i].Cert = &hosts.ProbeCert{Subject: "ai.example.com", Names: []string{"ai.example.com", "www.example.com"}, Issuer: "Example CA", From: ago(80 * 24 * time.Hour), Until: now().Add(time.Duration(days)*24*time.Hour + time.Hour), Verified: true}
	}
	return rs
}

// fleetSnap is: a service that answers while its database does not, one well, one with a certificate
// that nobody trusts, a fleet that claims a worker too many, containers in every state of health, a
// host that is gone and one whose containers cannot be read.
func fleetSnap() *hosts.Snapshot {
	link := hosts.Link{State: hosts.StateConnected}
	self := answers(6, "", 0)
	for i := range self {
		self[i].Tolerated = "x509: certificate signed by unknown authority"
		self[i].Cert = &hosts.ProbeCert{Subject: "staging", Names: []string{"staging.example.com"}, Issuer: "staging", Until: now().Add(700 * 24 * time.Hour), Fault: self[i].Tolerated}
	}
	staging := probe("staging", "staging", "basic", "https://staging.example.com/health", self)
	staging.Tolerant = true
	claims := answers(4, "", 0)
	for i := range claims {
		claims[i].Capacity, claims[i].Busy, claims[i].Body = 3, 1, `{"status":"ok","capacity":3,"active_calls":1}`
	}
	late := answers(3, "", 0)
	for i := range late {
		late[i].At = late[i].At.Add(-20 * time.Minute)
	}
	fromCore := probe("dialler", "dialler", "live", "http://127.0.0.1:8090/health", late)
	fromCore.From = "gone-1"
	conf := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte(`http {
  upstream cxb_workers { server unix:/run/core-1.sock; server unix:/run/core-2.sock; }
  server { listen 443; server_name fleet.example.com; location / { proxy_pass http://cxb_workers; } }
}`)}})
	worker := func(name, active string) hosts.Unit {
		return hosts.Unit{Name: name, Active: active, Enabled: "enabled", EnvFiles: []hosts.EnvFile{{Names: []string{"CXBCORE_WORKERS"}}}}
	}
	hub := &hosts.HostFacts{
		Host: hosts.Host{Name: "hub-1"}, Link: link, Latest: ago(time.Second),
		Probes: hosts.Read([]hosts.Probe{
			probe("hub-health", "hub", "basic", "https://ai.example.com/health", cert(61, answers(40, "", 0))),
			probe("hub-detailed", "hub", "detailed", "https://ai.example.com/health/detailed", answers(40, "HTTP 503, status database down", 503, 37, 38, 39)),
			probe("hub-live", "hub", "live", "https://ai.example.com/health/live", answers(40, "", 0)),
			probe("shop", "shop", "ready", "https://shop.example.com/ready", cert(9, answers(5, "", 0))),
			probe("new", "new", "basic", "https://new.example.com/health", nil),
			staging, probe("cxb-fleet", "cxb", "fleet", "https://fleet.example.com/health/fleet", claims),
		}, "GET https://ai.example.com/health", ago(4*time.Second)),
		Containers: hosts.Read([]hosts.Container{
			{
				ID: "c1", Name: "ai_hub_service", State: "running", Health: hosts.HealthHealthy, Probe: "curl -f localhost:8000/health",
				HealthLog: []hosts.HealthResult{{At: ago(70 * time.Second), End: ago(70*time.Second - 30*time.Millisecond), Output: "ok"}, {At: ago(40 * time.Second), End: ago(40*time.Second - 20*time.Millisecond), Output: "ok"}},
			},
			{
				ID: "c2", Name: "ai_unified_frontend", State: "running", Health: hosts.HealthUnhealthy, Probe: "wget -q localhost",
				HealthLog: []hosts.HealthResult{{At: ago(9 * time.Second), End: ago(8 * time.Second), Exit: 1, Output: "wget: can't connect to remote host: Connection refused\n"}},
			},
			{ID: "c3", Name: "warming", State: "running", Health: hosts.HealthStarting, Probe: "true"},
			{ID: "c4", Name: "plain", State: "running", Health: hosts.HealthNone},
		}, "GET /containers/json?all=1", ago(2*time.Second)),
	}
	core := &hosts.HostFacts{
		Host: hosts.Host{Name: "core-1"}, Link: link, Latest: ago(time.Second), Nginx: hosts.Read([]hosts.Nginx{{HTTP: nginx.NewHTTP(conf)}}, "nginx -T", ago(time.Minute)),
		Units:      hosts.Read([]hosts.Unit{worker("cxbcore@1.service", "active"), worker("cxbcore@2.service", "active")}, "systemctl", ago(3*time.Second)),
		Sockets:    hosts.Read([]hosts.Socket{{Proto: "unix", Address: "/run/core-1.sock", Process: "uvicorn", PID: 7, Unit: "cxbcore@1.service"}}, "ss", ago(3*time.Second)),
		Containers: hosts.Read([]hosts.Container{}, "no engine", ago(3*time.Second)),
	}
	gone := &hosts.HostFacts{
		Host: hosts.Host{Name: "gone-1"}, Link: hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline"}, Latest: ago(4 * time.Minute),
		Containers: hosts.Read([]hosts.Container{{ID: "g1", Name: "web", State: "running", Health: hosts.HealthHealthy, Probe: "true"}}, "GET /containers/json?all=1", ago(4*time.Minute)),
	}
	gone.Probes = hosts.Read([]hosts.Probe{fromCore}, "GET http://127.0.0.1:8090/health", ago(20*time.Minute))
	shut := &hosts.HostFacts{
		Host: hosts.Host{Name: "shut-1"}, Link: link, Latest: ago(time.Second),
		Containers: hosts.Part[[]hosts.Container]{Tried: ago(time.Second), Reason: "permission denied on /var/run/docker.sock", Needs: "group docker or sudo"},
	}
	return &hosts.Snapshot{Gen: 1, At: now(), Hosts: []*hosts.HostFacts{hub, core, gone, shut}}
}

func states() map[string]*hosts.Snapshot {
	loading := &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "hub-1"}}, {Host: hosts.Host{Name: "core-1"}}}}
	empty := fleetSnap()
	empty.Hosts = empty.Hosts[:1]
	empty.Hosts[0].Probes, empty.Hosts[0].Containers.Value = hosts.Part[[]hosts.Probe]{}, nil
	failed := fleetSnap()
	failed.Hosts = failed.Hosts[3:]
	stale := fleetSnap()
	for _, h := range stale.Hosts[:2] {
		h.Link = hosts.Link{State: hosts.StateError, Reason: "5 failures in a row: connection refused"}
		h.Containers.At, h.Nginx.At = ago(7*time.Minute), ago(7*time.Minute)
		for i := range h.Probes.Value {
			for j := range h.Probes.Value[i].Results {
				r := &h.Probes.Value[i].Results[j]
				r.At = r.At.Add(-7 * time.Minute)
			}
		}
	}
	return map[string]*hosts.Snapshot{"loading": loading, "empty": empty, "failed": failed, "stale": stale, "good": fleetSnap()}
}

// hostile is a fleet whose every text tries to get out of its cell.
func hostile() *hosts.Snapshot {
	evil := "\x1b[2J\x1b]0;x\a\u202eevil\u200d 👩‍👩‍👧 " + strings.Repeat("長", 60) + "\n\t\x00\xff"
	rs := answers(5, evil, 500, 4)
	rs[4].State, rs[4].Body, rs[4].Tolerated = evil, evil, evil
	rs[4].Cert = &hosts.ProbeCert{Subject: evil, Names: []string{evil}, Issuer: evil, Fault: evil}
	p := probe(evil, evil, "detailed", evil, rs)
	p.From, p.Origin = evil, evil
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: evil}, Link: hosts.Link{State: hosts.StateConnected, Reason: evil}, Latest: now(),
		Probes:     hosts.Read([]hosts.Probe{p, probe("b", evil, evil, "http://x/", answers(2, "", 0))}, evil, now()),
		Containers: hosts.Read([]hosts.Container{{ID: evil, Name: evil, State: "running", Health: hosts.HealthUnhealthy, Probe: evil, HealthLog: []hosts.HealthResult{{Exit: 1, Output: evil}}}}, evil, now()),
	}
	bad := &hosts.HostFacts{Host: hosts.Host{Name: "b"}, Latest: now(), Containers: hosts.Part[[]hosts.Container]{Reason: evil, Needs: evil, Tried: now()}}
	return &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{h, bad}}
}

func screen(d ui.Deps, m ui.OpenMsg) ui.Screen { return New(d, m) }
