package routes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/themes"
	"midwatch/tui/routes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// world is the fleet and the terminal as the screen sees them.
type world struct {
	snap      *hosts.Snapshot
	watched   map[hosts.Topic]int
	refreshed []string
	copied    string
}

func (w *world) Snapshot() *hosts.Snapshot { return w.snap }
func (w *world) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (w *world) Refresh(h string)              { w.refreshed = append(w.refreshed, h) }
func (w *world) SetMaintenance(string, string) {}
func (w *world) Watch(t hosts.Topic) func() {
	w.watched[t]++
	return func() { w.watched[t]-- }
}

func (w *world) deps(t testing.TB, st *themes.Styles) ui.Deps {
	t.Helper()
	return ui.Deps{
		Now: uitest.Now, Styles: st, Fleet: w, Context: t.Context(), Edges: edges,
		Copy: func(s string) error { w.copied = s; return nil },
	}
}

var edges = []trace.Edge{{Public: "shop.example.com", Port: 443, Host: "edge", To: 10001}}

// screen is the screen after its first tree was laid out.
func screen(t testing.TB, s *hosts.Snapshot, open ui.OpenMsg) (*routes.Screen, *world) {
	t.Helper()
	w := &world{snap: s, watched: map[hosts.Topic]int{}}
	r := routes.New(w.deps(t, uitest.Plain()), open)
	r.SetSize(120, 40)
	feed(t, r, r.Init())
	return r, w
}

// feed gives the messages of a command back, as the root does, and returns those that are for it.
func feed(t testing.TB, s *routes.Screen, cmd tea.Cmd) []tea.Msg {
	t.Helper()
	var out []tea.Msg
	for _, m := range uitest.Run(cmd) {
		switch m.(type) {
		case ui.ToastMsg, ui.OpenMsg:
			out = append(out, m)
		default:
			out = append(out, feed(t, s, s.Update(m))...)
		}
	}
	return out
}

func known[T any](v T, source string) hosts.Part[T] {
	return hosts.Read(v, source, uitest.Now().Add(-4*time.Second))
}

const edgeDump = `{"configs":[
{"@type":"x.ListenersConfigDump","dynamic_listeners":[{"name":"https","active_state":{"listener":{"name":"https","address":{"socket_address":{"address":"0.0.0.0","port_value":10001}},
"filter_chains":[
 {"filter_chain_match":{"server_names":["shop.example.com"]},"transport_socket":{"name":"envoy.transport_sockets.tls"},"filters":[{"name":"hcm","typed_config":{"@type":"x.HttpConnectionManager","use_remote_address":true,"upgrade_configs":[{"upgrade_type":"websocket"}],"route_config":{"virtual_hosts":[
  {"name":"shop","domains":["shop.example.com"],"routes":[{"match":{"prefix":"/api"},"route":{"cluster":"api","timeout":"0s"}},{"match":{"prefix":"/"},"route":{"cluster":"web"}}]}]}}}]},
 {"filter_chain_match":{"server_names":["git.example.com"]},"transport_socket":{"name":"envoy.transport_sockets.tls"},"filters":[{"name":"hcm","typed_config":{"@type":"x.HttpConnectionManager","route_config":{"virtual_hosts":[
  {"name":"git","domains":["git.example.com"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"git"}}]}]}}}]}]}}}]},
{"@type":"x.ClustersConfigDump","dynamic_active_clusters":[
 {"cluster":{"name":"api","type":"STATIC","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":8002}}}}]}]}}},
 {"cluster":{"name":"web","type":"STATIC","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":8080}}}},{"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":8090}}}}]}]}}},
 {"cluster":{"name":"git","type":"STATIC","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":3000}}}}]}]}}}]}]}`

const appConf = `http {
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  upstream workers {
    server unix:/run/app/1.sock;
    server unix:/run/app/2.sock;
  }
  server {
    listen 80;
    server_name shop.example.com;
    location / { root /srv/www; try_files $uri /index.html; }
    location /api/ {
      proxy_pass http://api:8000;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_read_timeout 60s;
    }
    location /jobs/ { proxy_pass http://workers; }
    location /any/ { proxy_pass http://$arg_to; }
    location = /healthz { return 200 "ok"; }
  }
}`

func nginxOf(t testing.TB, container, conf string) hosts.Nginx {
	t.Helper()
	c := read.Parse([]nginx.File{{Name: "/etc/nginx/conf.d/shop.conf", Text: []byte(conf)}})
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	return hosts.Nginx{Container: container, Version: "1.27.2", Config: c, HTTP: nginx.NewHTTP(c)}
}

// night is a fleet with ways that are whole, broken and not known.
func night(t testing.TB) *hosts.Snapshot {
	t.Helper()
	cfg, err := envoy.ParseConfigDump([]byte(edgeDump))
	if err != nil {
		t.Fatal(err)
	}
	edge := &hosts.HostFacts{
		Host:       hosts.Host{Name: "edge", Address: "10.0.0.1"},
		Envoy:      known([]hosts.Envoy{{Admin: "127.0.0.1:9901", Info: envoy.ServerInfo{Version: "1.31.2", State: "LIVE"}, Config: cfg}}, "GET /config_dump, /clusters"),
		Sockets:    known([]hosts.Socket{}, "ss -lntp"),
		Containers: known([]hosts.Container{}, "GET /containers/json"),
		Nginx:      hosts.Part[[]hosts.Nginx]{}.Failed("nginx -T: permission denied", "root or passwordless sudo", "nginx -T", uitest.Now()),
	}
	shared := hosts.ContainerNetwork{Name: "shop_default", IP: "172.18.0.2", Gateway: "172.18.0.1"}
	app := &hosts.HostFacts{
		Host:  hosts.Host{Name: "app", Address: "10.0.0.2"},
		Nginx: known([]hosts.Nginx{nginxOf(t, "front", appConf)}, "docker exec CONTAINER nginx -T"),
		Sockets: known([]hosts.Socket{
			{Proto: "unix", Address: "/run/app/1.sock", Process: "app", PID: 41, Unit: "app@1.service"},
		}, "ss -lntp"),
		Units: known([]hosts.Unit{{Name: "app@1.service", Active: "active", Sub: "running", Restarts: 4}}, "systemctl show"),
		Containers: known([]hosts.Container{
			{ID: "f1", Name: "front", State: "running", Image: "nginx:1.27", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}, Networks: []hosts.ContainerNetwork{shared}, Mounts: []hosts.ContainerMount{{Type: "bind", Source: "/run/app", Destination: "/run/app"}}},
			{ID: "a1", Name: "api", State: "running", Health: hosts.HealthUnhealthy, Restarts: 3, Image: "api:7", Networks: []hosts.ContainerNetwork{{Name: "shop_default", IP: "172.18.0.3", Gateway: "172.18.0.1"}}},
			{ID: "w1", Name: "web", State: "running", Image: "web:3", Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8080, ContainerPort: 8080, Proto: "tcp"}}},
		}, "GET /containers/json"),
		Traefik: known([]hosts.Traefik{{
			From: "labels", Version: "3.1",
			Routers:  []hosts.Router{{Name: "admin@docker", Rule: "Host(`admin.example.com`)", Service: "admin", TLS: true, EntryPoints: []string{"websecure"}, Container: "web"}},
			Services: []hosts.ProxyService{{Name: "admin@docker", Container: "web", Port: 8080}},
		}}, "labels"),
	}
	return &hosts.Snapshot{Gen: 3, At: uitest.Now(), Hosts: []*hosts.HostFacts{edge, app, {Host: hosts.Host{Name: "db"}, Nginx: known([]hosts.Nginx{}, "ps")}}}
}

// gone is the same fleet after the hosts stopped answering.
func gone(t testing.TB) *hosts.Snapshot {
	t.Helper()
	s := night(t)
	for _, h := range s.Hosts {
		const why = "keepalive: no answer within 15s"
		if h.Envoy.Known() {
			h.Envoy = h.Envoy.Failed(why, "", "", uitest.Now())
		}
		h.Nginx = h.Nginx.Failed(why, "", "", uitest.Now())
		h.Containers = h.Containers.Failed(why, "", "", uitest.Now())
	}
	return s
}

// big is a fleet of n hosts with an nginx of m locations each.
func big(t testing.TB, n, m int) *hosts.Snapshot {
	t.Helper()
	var b strings.Builder
	b.WriteString("http { server { listen 80; server_name big.example.com;\n")
	for i := range m {
		fmt.Fprintf(&b, "location /p%d/ { proxy_pass http://127.0.0.1:%d; }\n", i, 9000+i)
	}
	b.WriteString("} }")
	x := nginxOf(t, "", b.String())
	s := &hosts.Snapshot{Gen: 9, At: uitest.Now()}
	for i := range n {
		s.Hosts = append(s.Hosts, &hosts.HostFacts{
			Host: hosts.Host{Name: fmt.Sprintf("host-%03d", i), Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)}, Nginx: known([]hosts.Nginx{x}, "nginx -T"),
			Sockets: known([]hosts.Socket{}, "ss"), Containers: known([]hosts.Container{}, "GET /containers/json"),
		})
	}
	return s
}
