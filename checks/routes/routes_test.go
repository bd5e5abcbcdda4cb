package routes

import (
	"strings"
	"testing"
	"time"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "test", time.Unix(1, 0)) }

const dump = `{"configs":[{"@type":"x.ListenersConfigDump","static_listeners":[{"listener":{"name":"https","address":{"socket_address":{"address":"0.0.0.0","port_value":443}},
"filter_chains":[{"filter_chain_match":{"server_names":["a.test"]},"transport_socket":{"name":"envoy.transport_sockets.tls"},"filters":[{"typed_config":{"@type":"x.HttpConnectionManager","route_config":{"virtual_hosts":[
{"name":"v","domains":["a.test"],"routes":[{"match":{"prefix":"/ok"},"route":{"cluster":"good"}},{"match":{"prefix":"/gone"},"route":{"cluster":"nope"}},{"match":{"prefix":"/"},"redirect":{"https_redirect":true}}]}]}}}]}]}}]},
{"@type":"x.ClustersConfigDump","static_clusters":[{"cluster":{"name":"good","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":8002}}}},{"endpoint":{"address":{"socket_address":{"address":"10.0.0.1","port_value":8000}}}}]}]}}}]}]}`

func lines(ns []*Node, depth int, out *[]string) {
	for _, n := range ns {
		s := strings.Repeat(" ", depth) + n.Kind + " " + n.Label
		if n.Status != "" {
			s += " [" + string(n.Status) + "]"
		}
		if n.Behind != "" {
			s += " <" + n.Behind + ">"
		}
		if n.URL != "" {
			s += " " + n.URL
		}
		*out = append(*out, s)
		lines(n.Children, depth+1, out)
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	cfg, err := envoy.ParseConfigDump([]byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	c := read.Parse([]nginx.File{{Name: "n", Text: []byte("http { upstream u { server unix:/run/a.sock; server unix:/run/b.sock down; } server { listen 80; server_name s.test; location / { proxy_pass http://u; } location /v { proxy_pass http://$x; } location /r { return 204; } } }")}})
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "h", Address: "10.0.0.1"}, Envoy: known([]hosts.Envoy{{Admin: "127.0.0.1:9901", Config: cfg}}),
		Nginx:      known([]hosts.Nginx{{Config: c, HTTP: nginx.NewHTTP(c)}, {Container: "x", Error: "denied"}}),
		Sockets:    known([]hosts.Socket{{Proto: "unix", Address: "/run/a.sock", Process: "app", PID: 3, Unit: "app.service"}}),
		Units:      known([]hosts.Unit{{Name: "app.service", Active: "active", Sub: "running"}}),
		Containers: known([]hosts.Container{{ID: "1", Name: "gw", State: "running", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}}}),
		Traefik:    hosts.Part[[]hosts.Traefik]{Reason: "refused", Tried: time.Unix(1, 0)},
	}
	var got []string
	tree := Tree(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h, {Host: hosts.Host{Name: "empty"}}}})
	lines(tree, 0, &got)
	want := `host h [broken]
 envoy Envoy [broken]
  listener https [broken]
   chain chain for a.test [broken]
    vhost v [broken] https://a.test
     route /ok* [broken] https://a.test/ok
      cluster good [broken]
       endpoint 10.0.0.1:8002 [ok] <container gw: running>
       endpoint 10.0.0.1:8000 [broken] <port 10.0.0.1:8000: nothing listens on 10.0.0.1:8000: the connection is refused; gw publishes 8002>
     route /gone* [broken] https://a.test/gone
      cluster nope [broken] <there is no such cluster: Envoy answers 503>
     route /* https://a.test/
 nginx nginx [unknown]
  server s.test [unknown] http://s.test
   location / [ok] http://s.test/
    member unix:/run/a.sock [ok] <unit app.service: active/running>
    member unix:/run/b.sock <marked down>
   location /v [unknown] <depends on $x at run time> http://s.test/v
   location /r http://s.test/r
 nginx nginx in x [unknown]
 traefik traefik [unknown]`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if ok, broken, unknown := Count(tree); ok != 2 || broken != 2 || unknown != 3 {
		t.Errorf("%d ok, %d broken, %d unknown", ok, broken, unknown)
	}
	ids := map[string]bool{}
	var walk func([]*Node)
	walk = func(ns []*Node) {
		for _, n := range ns {
			if ids[n.ID] {
				t.Errorf("two nodes are called %s", n.ID)
			}
			ids[n.ID] = true
			walk(n.Children)
		}
	}
	walk(tree)
	if st := tree[0].Status; st != trace.Broken {
		t.Error(st)
	}
}
