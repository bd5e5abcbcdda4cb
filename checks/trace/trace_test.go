package trace

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

var now = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "test", now) }

func nginxOf(t *testing.T, container, conf string) hosts.Nginx {
	t.Helper()
	c := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte(conf)}})
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	return hosts.Nginx{Container: container, Config: c, HTTP: nginx.NewHTTP(c)}
}

const cortexEnvoy = `{"configs":[
{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump","dynamic_listeners":[{"name":"https","active_state":{"listener":{"name":"https",
 "address":{"socket_address":{"address":"0.0.0.0","port_value":10001}},"listener_filters":[{"name":"envoy.filters.listener.tls_inspector"}],
 "filter_chains":[{"filter_chain_match":{"server_names":["ai.jerxie.com"]},"transport_socket":{"name":"envoy.transport_sockets.tls","typed_config":{"@type":"x.DownstreamTlsContext"}},
  "filters":[{"name":"envoy.filters.network.http_connection_manager","typed_config":{"@type":"x.HttpConnectionManager","use_remote_address":true,"upgrade_configs":[{"upgrade_type":"websocket"}],
  "route_config":{"name":"r","virtual_hosts":[{"name":"ai","domains":["ai.jerxie.com"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"hub","timeout":"0s"}}]}]}}}]}]}}}]},
{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[{"cluster":{"name":"hub","type":"STATIC","load_assignment":{"cluster_name":"hub","endpoints":[{"lb_endpoints":[
 {"endpoint":{"address":{"socket_address":{"address":"192.168.68.113","port_value":%d}}}}]}]}}}]}]}`

const cortexNginx = `events {}
http {
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 80;
    server_name _;
    location / { root /usr/share/nginx/html; try_files $uri /index.html; }
    location /api/v1/ {
      proxy_pass http://ai_hub_service:8000;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
    location /old/ { proxy_pass http://gone:9000; }
    location /hard/ { proxy_set_header Connection "upgrade"; proxy_pass http://ai_hub_service:8000; }
    location /to-http/ { return 301 http://ai.jerxie.com/x; }
  }
}`

func cortex(t *testing.T, endpointPort int, health hosts.Health) *hosts.Snapshot {
	t.Helper()
	cfg, err := envoy.ParseConfigDump(fmt.Appendf(nil, cortexEnvoy, endpointPort))
	if err != nil {
		t.Fatal(err)
	}
	edge := &hosts.HostFacts{
		Host: hosts.Host{Name: "edge", Address: "192.168.68.90"}, Sockets: known([]hosts.Socket{}), Containers: known([]hosts.Container{}),
		Envoy: known([]hosts.Envoy{{Admin: "127.0.0.1:9901", Config: cfg}}),
	}
	net := []hosts.ContainerNetwork{{Name: "cortex_default", IP: "172.18.0.2", Gateway: "172.18.0.1"}}
	net2 := []hosts.ContainerNetwork{{Name: "cortex_default", IP: "172.18.0.3", Gateway: "172.18.0.1", Aliases: []string{"ai-hub"}}}
	prod := &hosts.HostFacts{
		Host: hosts.Host{Name: "prod", Address: "192.168.68.113"}, Sockets: known([]hosts.Socket{}),
		Containers: known([]hosts.Container{
			{ID: "a1", Name: "ai_unified_frontend", State: "running", Image: "nginx:1.27", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}, Networks: net},
			{ID: "b2", Name: "ai_hub_service", State: "running", Health: health, Image: "hub:1", Networks: net2},
		}),
		Nginx: known([]hosts.Nginx{nginxOf(t, "ai_unified_frontend", cortexNginx)}),
	}
	return &hosts.Snapshot{At: now, Hosts: []*hosts.HostFacts{edge, prod}}
}

func lookup(m map[string]string) func(string) ([]netip.Addr, string, error) {
	return func(n string) ([]netip.Addr, string, error) {
		if a, ok := m[n]; ok {
			return []netip.Addr{netip.MustParseAddr(a)}, "test resolver", nil
		}
		return nil, "", fmt.Errorf("no such host")
	}
}

func kinds(tr *Trace) string {
	var out []string
	for _, h := range tr.Hops {
		k := h.Kind
		if h.Status != OK {
			k += "!" + string(h.Status)
		}
		out = append(out, k)
	}
	return strings.Join(out, " > ")
}

func run(t *testing.T, s *hosts.Snapshot, q Question) *Trace {
	t.Helper()
	tr, err := Run(s, q)
	if err != nil {
		t.Fatal(err)
	}
	if tr.Verdict == "" {
		t.Error("no verdict")
	}
	return tr
}

var dns = lookup(map[string]string{"ai.jerxie.com": "192.168.68.90", "fleet.example.com": "10.0.0.5"})

var edges = []Edge{{Public: "ai.jerxie.com", Port: 443, Host: "edge", To: 10001}, {Public: "*.test", Port: 443, Host: "edge", To: 10001}}

// Without the edge in the inventory the way is guessed, and said to be.
func TestForwardIsGuessed(t *testing.T) {
	t.Parallel()
	tr := run(t, cortex(t, 8002, hosts.HealthHealthy), Question{URL: "https://ai.jerxie.com/api/v1/x", Lookup: dns})
	if got := kinds(tr); !strings.HasPrefix(got, "dns > port!unknown > listener > filter chain >") || !strings.HasSuffix(got, "container") {
		t.Error(got)
	}
}

func TestCortex(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		name   string
		port   int
		health hosts.Health
		q      Question
		kinds  string
		last   string
	}{
		{
			"the whole way", 8002, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/api/v1/x?y=1"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream > dns > container", "running, healthy",
		},
		{
			"the backend is ill", 8002, hosts.HealthUnhealthy,
			Question{URL: "https://ai.jerxie.com/api/v1/x"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream > dns > container!broken", "running, unhealthy",
		},
		{
			"the port Envoy has is not the published one", 8000, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/api/v1/x"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port!broken", "nothing listens on 192.168.68.113:8000: the connection is refused; ai_unified_frontend publishes 8002",
		},
		{
			"no chain for the name", 8002, hosts.HealthHealthy,
			Question{URL: "https://other.test/"},
			"dns > listener > filter chain!broken", "no chain left by server name; and there is no default_filter_chain: the connection is closed",
		},
		{
			"a name without a container", 8002, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/old/x"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream > dns!broken", "no running container on the networks of ai_unified_frontend answers to gone",
		},
		{
			"a redirect to http", 8002, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/to-http/"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > redirect!broken", "the client asked with https and is sent back to http: http://ai.jerxie.com/x",
		},
		{
			"a websocket", 8002, hosts.HealthHealthy,
			Question{URL: "wss://ai.jerxie.com/api/v1/voice"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream > dns > container", "running, healthy",
		},
		{
			"a websocket that cannot pass", 8002, hosts.HealthHealthy,
			Question{URL: "wss://ai.jerxie.com/hard/"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream!broken > dns > container", "running, healthy",
		},
		{
			"a page of the single-page app", 8002, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/settings"},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > static!unknown", "a file of nginx; whether it exists was not asked",
		},
		{
			"events behind buffering", 8002, hosts.HealthHealthy,
			Question{URL: "https://ai.jerxie.com/api/v1/events", Protocol: SSE},
			"dns > listener > filter chain > virtual host > route > cluster > endpoint > port > container > server > location > upstream!unknown > dns > container", "running, healthy",
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			k.q.Lookup, k.q.Edges = dns, edges
			tr := run(t, cortex(t, k.port, k.health), k.q)
			if got := kinds(tr); got != k.kinds {
				t.Errorf("hops\n got %s\nwant %s", got, k.kinds)
			}
			if got := tr.Hops[len(tr.Hops)-1].Detail; got != k.last {
				t.Errorf("last hop says %q, want %q", got, k.last)
			}
		})
	}
}

func TestWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	tr := run(t, cortex(t, 8002, hosts.HealthHealthy), Question{URL: "https://ai.jerxie.com/api/v1/x", Lookup: dns, Edges: edges})
	var up Hop
	for _, h := range tr.Hops {
		if h.Kind == "upstream" {
			up = h
		}
	}
	want := Pair{"X-Forwarded-Proto", "https  (/etc/nginx/nginx.conf:12)"}
	found := false
	for _, p := range up.Passes {
		found = found || p == want
	}
	if !found || up.Line != 9 || up.File != "/etc/nginx/nginx.conf" {
		t.Errorf("%+v", up)
	}
	if a := tr.Hops[len(tr.Hops)-1].Ask; a == nil || a.Address != "172.18.0.3:8000" || a.Host != "ai.jerxie.com" || a.TLS || a.Headers["X-Forwarded-Proto"] != "https" {
		t.Errorf("ask: %+v", a)
	}
	if _, err := json.Marshal(tr); err != nil {
		t.Error(err)
	}
}

func cxb(t *testing.T, sockets hosts.Part[[]hosts.Socket], active string) *hosts.Snapshot {
	t.Helper()
	conf := `events {} http { upstream cxbcore { zone cxb 64k; server unix:/run/cxb/1.sock max_conns=1; server unix:/run/cxb/2.sock max_conns=1; }
	server { listen 443 ssl; server_name fleet.example.com; location / { proxy_pass http://cxbcore; } } }`
	return &hosts.Snapshot{At: now, Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "fleet1", Address: "10.0.0.5"}, Containers: known([]hosts.Container{}),
		Sockets: sockets, Nginx: known([]hosts.Nginx{nginxOf(t, "", conf)}),
		Units: known([]hosts.Unit{{Name: "cxbcore@2.service", Active: active, Sub: "running"}}),
	}}}
}

func TestCXB(t *testing.T) {
	t.Parallel()
	web := hosts.Socket{Proto: "tcp", Address: "0.0.0.0", Port: 443, Process: "nginx", PID: 3, Unit: "nginx.service"}
	second := known([]hosts.Socket{web, {Proto: "unix", Address: "/run/cxb/2.sock", Process: "python", PID: 7, Unit: "cxbcore@2.service"}})
	for _, k := range []struct {
		name    string
		sockets hosts.Part[[]hosts.Socket]
		active  string
		kinds   string
	}{
		{"goes to the worker that listens", second, "active", "dns > server > location > upstream > socket > unit"},
		{"its unit failed", second, "failed", "dns > server > location > upstream > socket > unit!broken"},
		{"nobody listens", known([]hosts.Socket{web}), "active", "dns > server > location > upstream > socket!broken"},
		{"nginx does not run", known([]hosts.Socket{}), "active", "dns > port!broken"},
		{"something else has the port", known([]hosts.Socket{{Proto: "tcp", Address: "::", Port: 443, Process: "python", PID: 9, Unit: "cxbcore@2.service"}}), "active", "dns > port > unit"},
		{"sockets could not be read", hosts.Part[[]hosts.Socket]{Reason: "ss: permission denied", Tried: now}, "active", "dns > server > location > upstream > socket!unknown"},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			tr := run(t, cxb(t, k.sockets, k.active), Question{URL: "https://fleet.example.com/health", Lookup: dns})
			if got := kinds(tr); got != k.kinds {
				t.Errorf("got %s (%s), want %s", got, tr.Verdict, k.kinds)
			}
		})
	}
	tr := run(t, cxb(t, second, "active"), Question{URL: "http://fleet.example.com:443/", Lookup: dns})
	if tr.Status() != Broken || !strings.Contains(tr.Verdict, "plain HTTP is sent to a TLS socket") {
		t.Error(tr.Verdict)
	}
}

func TestTraefikAndSwarm(t *testing.T) {
	t.Parallel()
	task := hosts.SwarmTask{ID: "t1", Service: "studio_web", State: "running", ContainerID: "w9"}
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "m1", Address: "10.0.0.1"}, Sockets: known([]hosts.Socket{}),
			Containers: known([]hosts.Container{{ID: "tr", Name: "traefik", Image: "traefik:v3.1", State: "running", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 443, ContainerPort: 443, Proto: "tcp"}}}}),
			Traefik: known([]hosts.Traefik{{
				From: "labels", EntryPoints: []hosts.EntryPoint{{Name: "websecure", Address: ":443"}},
				Routers:  []hosts.Router{{Name: "web@swarm", Rule: "Host(`studio.test`)", Service: "web", TLS: true, Provider: "swarm", Status: "enabled"}},
				Services: []hosts.ProxyService{{Name: "web@swarm", Container: "studio_web", Port: 80, Provider: "swarm"}},
			}}),
			Swarm: known(hosts.Swarm{Manager: true, ClusterID: "c", Services: []hosts.SwarmService{{ID: "s1", Name: "studio_web", Stack: "studio", Wanted: 1, Running: 1}}, Tasks: []hosts.SwarmTask{task}}),
		},
		{
			Host: hosts.Host{Name: "w1", Address: "10.0.0.2"}, Swarm: known(hosts.Swarm{ClusterID: "c"}), Sockets: known([]hosts.Socket{}),
			Containers: known([]hosts.Container{{ID: "w9", Name: "studio_web.1.t1", State: "running", Health: hosts.HealthHealthy}}),
		},
	}}
	tr := run(t, s, Question{URL: "https://studio.test/", Start: "m1"})
	if got := kinds(tr); got != "dns > port > container > router > service > service > container" || tr.Hops[6].Host != "w1" {
		t.Errorf("%s: %s", got, tr.Verdict)
	}
	s.Hosts[0].Swarm.Value.Services[0].Running = 0
	s.Hosts[0].Swarm.Value.Tasks = []hosts.SwarmTask{{Service: "studio_web", State: "failed", Error: "task: non-zero exit (1)", At: now}}
	tr = run(t, s, Question{URL: "https://studio.test/", Start: "m1"})
	if tr.Status() != Broken || !strings.Contains(tr.Verdict, "non-zero exit (1)") {
		t.Error(tr.Verdict)
	}
}

func TestCircleEnds(t *testing.T) {
	t.Parallel()
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "a", Address: "10.0.0.1"}, Containers: known([]hosts.Container{}),
		Sockets: known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx", PID: 3}}),
		Nginx:   known([]hosts.Nginx{nginxOf(t, "", `http { server { listen 80; location / { proxy_pass http://127.0.0.1:80; proxy_set_header Host $host; } } }`)}),
	}}}
	tr := run(t, s, Question{URL: "http://10.0.0.1/"})
	if tr.Status() != Broken || !strings.Contains(tr.Verdict, "in a circle") || len(tr.Hops) > maxHops+2 {
		t.Errorf("%s after %d hops", tr.Verdict, len(tr.Hops))
	}
}

func TestNothingKnown(t *testing.T) {
	t.Parallel()
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a", Address: "10.0.0.1"}}}}
	if tr := run(t, s, Question{URL: "http://10.0.0.1/"}); tr.Status() != Unknown {
		t.Errorf("a host nobody read is not judged: %s", tr.Verdict)
	}
	for _, bad := range []string{"", "ftp://x/", "http://", "http://[::1", "https:///x"} {
		if _, err := Run(s, Question{URL: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzRun: no configuration and no URL makes the trace panic or run on.
func FuzzRun(f *testing.F) {
	f.Add("http://10.0.0.1/a?b", cortexNginx, fmt.Sprintf(cortexEnvoy, 8002))
	f.Add("https://ai.jerxie.com/", "server { listen 80; location / { proxy_pass http://$host; } }", "{}")
	f.Fuzz(func(t *testing.T, url, conf, dump string) {
		c := read.Parse([]nginx.File{{Name: "f", Text: []byte(conf)}})
		n := hosts.Nginx{Config: c, HTTP: nginx.NewHTTP(c)}
		h := &hosts.HostFacts{Host: hosts.Host{Name: "a", Address: "10.0.0.1"}, Containers: known([]hosts.Container{}), Nginx: known([]hosts.Nginx{n})}
		if len(conf)%2 == 0 { // unread sockets and read ones are different ways
			h.Sockets = known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx", PID: 3}})
		}
		if cfg, err := envoy.ParseConfigDump([]byte(dump)); err == nil {
			h.Envoy = known([]hosts.Envoy{{Config: cfg}})
		}
		if tr, err := Run(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}, Question{URL: url, Start: "a"}); err == nil && len(tr.Hops) > 5*maxHops {
			t.Fatalf("%d hops", len(tr.Hops))
		}
	})
}
