package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
)

// A way that ends at something that runs is not whole when that is ill, or is not what was meant.
func TestWrongContainers(t *testing.T) {
	t.Parallel()
	port := func(p uint16) []hosts.Port {
		return []hosts.Port{{HostIP: "0.0.0.0", HostPort: p, ContainerPort: p, Proto: "tcp"}}
	}
	owner := hosts.Container{ID: "o", Name: "python3_11", Image: "python:3.11", State: "running", Health: hosts.HealthHealthy, Ports: port(8000)}
	for _, k := range []struct {
		name    string
		owner   hosts.Container
		beside  hosts.Container
		cluster string
		status  Status
		verdict string
	}{
		{"alone with the port", owner, hosts.Container{ID: "x", Name: "x", State: "running"}, "hub", OK, "reaches container python3_11 on h: running, healthy"},
		{
			"another wants the port", owner,
			hosts.Container{ID: "x", Name: "front", State: "created", Error: "Bind for 0.0.0.0:8000 failed: port is already allocated", Bindings: port(8000)},
			"hub",
			Unknown, "it may be the wrong one: front wants port 8000 as well and is created (Bind for 0.0.0.0:8000 failed: port is already allocated)",
		},
		{"one that was replaced", owner, hosts.Container{ID: "x", Name: "old", State: "exited", Bindings: port(8000)}, "hub", OK, "reaches container python3_11"},
		{
			"another reads like the cluster", owner,
			hosts.Container{ID: "x", Name: "voice_front", State: "running", Ports: port(8002)},
			"_voice_server",
			Unknown, "it may be the wrong one: nothing of python3_11 reads like cluster _voice_server, while voice_front publishes 8002",
		},
		{"the cluster reads like the one that has it", owner, hosts.Container{ID: "x", Name: "python_two", State: "running", Ports: port(8002)}, "python3_11", OK, "reaches container python3_11"},
		{"it is ill", func() hosts.Container {
			c := owner
			c.Health = hosts.HealthUnhealthy
			c.HealthLog = []hosts.HealthResult{{Exit: 1, Output: "curl\ncurl: (28) Operation timed out\n"}}
			return c
		}(), hosts.Container{ID: "x", Name: "x", State: "running"}, "hub", Broken, "broken at container python3_11 on h: running, unhealthy; last check: exit 1: curl: (28) Operation timed out"},
		{"it restarts for ever", func() hosts.Container {
			c := owner
			c.State, c.Restarts = "restarting", 9
			return c
		}(), hosts.Container{ID: "x", Name: "x", State: "running"}, "hub", Broken, "container python3_11 wants it and is restarting"},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			dump := fmt.Sprintf(`{"configs":[{"@type":"x.ListenersConfigDump","static_listeners":[{"listener":{"name":"l","address":{"socket_address":{"address":"0.0.0.0","port_value":80}},"filter_chains":[{"filters":[{"typed_config":{"@type":"x.HttpConnectionManager","route_config":{"virtual_hosts":[{"name":"v","domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":%[1]q}}]}]}}}]}]}}]},
{"@type":"x.ClustersConfigDump","static_clusters":[{"cluster":{"name":%[1]q,"load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":8000}}}}]}]}}}]}]}`, k.cluster)
			cfg, err := envoy.ParseConfigDump([]byte(dump))
			if err != nil {
				t.Fatal(err)
			}
			h := &hosts.HostFacts{
				Host: hosts.Host{Name: "h", Address: "10.0.0.1"}, Sockets: known([]hosts.Socket{}), Containers: known([]hosts.Container{k.owner, k.beside}),
				Envoy: known([]hosts.Envoy{{Config: cfg}}),
			}
			tr := run(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}, Question{URL: "http://10.0.0.1/"})
			if tr.Status() != k.status || !strings.Contains(tr.Verdict, k.verdict) {
				t.Errorf("%s: %s", tr.Status(), tr.Verdict)
			}
		})
	}
}

func nginxHost(t *testing.T, conf string, cs ...hosts.Container) *hosts.Snapshot {
	t.Helper()
	return &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "h", Address: "10.0.0.1"}, Containers: known(cs),
		Sockets: known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 80, Process: "nginx"}}),
		Nginx:   known([]hosts.Nginx{nginxOf(t, "", conf)}),
	}}}
}

func TestWrongServer(t *testing.T) {
	t.Parallel()
	const answer = `location / { return 200; }`
	for _, k := range []struct {
		name, conf, url string
		status          Status
	}{
		{"one server for all", "http { server { listen 80; server_name a.test; " + answer + " } }", "http://x.test/", OK},
		{"the first of two by chance", "http { server { listen 80; server_name a.test; " + answer + " } server { listen 80; server_name b.test; " + answer + " } }", "http://x.test/", Unknown},
		{"asked by address", "http { server { listen 80; server_name a.test; " + answer + " } server { listen 80; server_name b.test; " + answer + " } }", "http://10.0.0.1/", OK},
		{"meant as default", "http { server { listen 80 default_server; server_name a.test; " + answer + " } server { listen 80; server_name b.test; " + answer + " } }", "http://x.test/", OK},
		{"a catch-all", "http { server { listen 80; server_name _; " + answer + " } server { listen 80; server_name b.test; " + answer + " } }", "http://x.test/", OK},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			tr := run(t, nginxHost(t, k.conf), Question{URL: k.url, Start: "h"})
			if tr.Status() != k.status || k.status == Unknown && !strings.Contains(tr.Verdict, "it may be the wrong one") {
				t.Errorf("%s: %s", tr.Status(), tr.Verdict)
			}
		})
	}
}

func TestPortThatIsNotExposed(t *testing.T) {
	t.Parallel()
	c := hosts.Container{
		ID: "a", Name: "a", State: "running", Networks: []hosts.ContainerNetwork{{Name: "n", IP: "172.18.0.9", Gateway: "172.18.0.1"}},
		Ports: []hosts.Port{{ContainerPort: 8000, Proto: "tcp"}},
	}
	conf := func(port int) string {
		return fmt.Sprintf("http { server { listen 80; location / { proxy_pass http://172.18.0.9:%d; } } }", port)
	}
	if tr := run(t, nginxHost(t, conf(8000), c), Question{URL: "http://10.0.0.1/"}); tr.Status() != OK {
		t.Error(tr.Verdict)
	}
	if tr := run(t, nginxHost(t, conf(9000), c), Question{URL: "http://10.0.0.1/"}); tr.Status() != Unknown || !strings.Contains(tr.Verdict, "it exposes port 8000, not 9000") {
		t.Error(tr.Verdict)
	}
}

// A container that is stopped explains a name that does not resolve, whoever was asked for it.
func TestNameOfAStoppedContainer(t *testing.T) {
	t.Parallel()
	s := cortex(t, 8002, hosts.HealthHealthy)
	s.Hosts[1].Containers.Value = append(s.Hosts[1].Containers.Value, hosts.Container{ID: "g", Name: "gone", State: "exited", Exit: 137})
	tr := run(t, s, Question{URL: "https://ai.jerxie.com/old/x", Lookup: dns, Edges: edges})
	if tr.Status() != Broken || !strings.Contains(tr.Verdict, "container gone is exited with 137: gone does not resolve") {
		t.Error(tr.Verdict)
	}
}

func TestWebSocketThroughEnvoy(t *testing.T) {
	t.Parallel()
	const hcm, route = `"upgrade_configs":[{"upgrade_type":"websocket"}],`, `"upgrade_configs":[{"upgrade_type":"websocket"%s}],`
	for _, k := range []struct {
		name, hcm, route string
		status           Status
	}{
		{"allowed by the manager", hcm, "", OK},
		{"allowed by the route", "", fmt.Sprintf(route, ""), OK},
		{"allowed by nobody", "", "", Broken},
		{"turned off by the route", hcm, fmt.Sprintf(route, `,"enabled":false`), Broken},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := envoy.ParseConfigDump(fmt.Appendf(nil, `{"configs":[{"@type":"x.ListenersConfigDump","static_listeners":[{"listener":{"name":"l","address":{"socket_address":{"address":"0.0.0.0","port_value":80}},"filter_chains":[{"filters":[{"typed_config":{"@type":"x.HttpConnectionManager",%s"route_config":{"virtual_hosts":[{"name":"v","domains":["*"],"routes":[{"match":{"prefix":"/"},"route":{%s"cluster":"c"}}]}]}}}]}]}}]},
{"@type":"x.ClustersConfigDump","static_clusters":[{"cluster":{"name":"c","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":8000}}}}]}]}}}]}]}`, k.hcm, k.route))
			if err != nil {
				t.Fatal(err)
			}
			h := &hosts.HostFacts{
				Host: hosts.Host{Name: "h", Address: "10.0.0.1"}, Envoy: known([]hosts.Envoy{{Config: cfg}}), Containers: known([]hosts.Container{}),
				Sockets: known([]hosts.Socket{{Proto: "tcp", Address: "0.0.0.0", Port: 8000, Process: "app"}}),
			}
			if tr := run(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}, Question{URL: "ws://10.0.0.1/"}); tr.Status() != k.status {
				t.Error(tr.Verdict)
			}
		})
	}
}

func TestLastWords(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "h"},
		Containers: known([]hosts.Container{{
			ID: "c1", Name: "api", State: "running", OOMKilled: true, Finished: at(30),
			HealthLog: []hosts.HealthResult{{End: at(40), Exit: 0, Output: "fine"}, {End: at(50), Exit: 1, Output: "a\nrefused\n"}},
		}}),
		Units: known([]hosts.Unit{{Name: "w.service", Result: "exit-code", ExitCode: "exited", ExitStatus: 3, Since: at(5)}}),
		Swarm: known(hosts.Swarm{Manager: true, Services: []hosts.SwarmService{{ID: "s", Name: "web"}}, Tasks: []hosts.SwarmTask{{Service: "s", State: "failed", Error: "no such image", At: at(2)}}}),
	}
	s := &hosts.Snapshot{Hosts: []*hosts.HostFacts{h}, Events: []hosts.Event{
		{At: at(20), Host: "h", ID: "c1", Object: "api", Action: "die", Detail: "exit 137"}, {At: at(21), Host: "h", ID: "c1", Action: "start"}, {At: at(22), Host: "other", Object: "api", Action: "die"},
	}}
	said := func(kind, object string, n int) string {
		var out []string
		for _, w := range LastWords(s, Hop{Kind: kind, Host: "h", Object: object}, n) {
			out = append(out, w.Text)
		}
		return strings.Join(out, " | ")
	}
	for _, k := range []struct {
		kind, object string
		n            int
		want         string
	}{
		{"container", "api", 9, "die exit 137 | killed for memory | healthcheck exit 1: refused"},
		{"container", "api", 1, "healthcheck exit 1: refused"},
		{"container", "nobody", 9, ""},
		{"unit", "w.service", 9, "result exit-code, main process exited 3"},
		{"service", "web", 9, "task failed: no such image"},
		{"location", "/", 9, ""},
	} {
		if got := said(k.kind, k.object, k.n); got != k.want {
			t.Errorf("%s %s: %q, want %q", k.kind, k.object, got, k.want)
		}
	}
	if LastWords(s, Hop{Kind: "container", Host: "gone"}, 3) != nil {
		t.Error("words of a host that is not there")
	}
}

// Every hop has every key of the document, also those without a value.
func TestKeysOfTheDocument(t *testing.T) {
	t.Parallel()
	tr := run(t, &hosts.Snapshot{Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a", Address: "10.0.0.1"}}}}, Question{URL: "http://10.0.0.1/"})
	doc, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Hops []map[string]any `json:"hops"`
	}
	if err := json.Unmarshal(doc, &got); err != nil || len(got.Hops) == 0 {
		t.Fatalf("%v: %s", err, doc)
	}
	for i, h := range got.Hops {
		for _, key := range []string{"kind", "host", "object", "file", "line", "match", "target", "status", "detail"} {
			if _, ok := h[key]; !ok {
				t.Errorf("hop %d has no %q: %s", i, key, doc)
			}
		}
	}
}
