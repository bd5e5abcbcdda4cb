package trace_test

import (
	"context"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/themes"
	"midwatch/tui/trace"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// world is the fleet, the terminal and what answers, as the screen sees them.
type world struct {
	snap      *hosts.Snapshot
	watched   map[hosts.Topic]int
	refreshed []string
	copied    string

	mu      sync.Mutex // guards what is asked from commands
	asked   []string
	answers map[string]*chk.Answer // by address
	hold    chan struct{}          // asking waits for it, or for its context
	noLive  string
}

func newWorld(s *hosts.Snapshot) *world {
	return &world{snap: s, watched: map[hosts.Topic]int{}, answers: map[string]*chk.Answer{}}
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

func (w *world) Trace(_ context.Context, s *hosts.Snapshot, q chk.Question) (*chk.Trace, error) {
	q.Edges = edges
	return chk.Run(s, q)
}
func (w *world) NoLive() string { return w.noLive }
func (w *world) Ask(ctx context.Context, h chk.Hop) *chk.Answer {
	if w.hold != nil {
		select {
		case <-w.hold:
		case <-ctx.Done():
			return nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, h.Ask.From+" "+h.Ask.Address)
	return w.answers[h.Ask.Address]
}

var edges = []chk.Edge{{Public: "shop.example.com", Port: 443, Host: "edge", To: 10001}}

func (w *world) deps(t testing.TB, st *themes.Styles) ui.Deps {
	t.Helper()
	return ui.Deps{
		Now: uitest.Now, Styles: st, Fleet: w, Tracer: w, Edges: edges, Context: t.Context(),
		Copy: func(s string) error { w.copied = s; return nil },
	}
}

// screen is the screen after the request it was opened for was followed.
func screen(t testing.TB, w *world, url string) *trace.Screen {
	t.Helper()
	s := trace.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "trace", Object: url}, new(trace.History))
	s.SetSize(120, 40)
	feed(t, s, s.Init())
	return s
}

// feed gives the messages of a command back, as the root does, and returns those that are for it.
func feed(t testing.TB, s *trace.Screen, cmd tea.Cmd) []tea.Msg {
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

// press types keys and feeds what comes of them back.
func press(t testing.TB, s *trace.Screen, keys ...string) []tea.Msg {
	t.Helper()
	var out []tea.Msg
	for _, k := range keys {
		if k == "esc" && !s.Capturing() {
			s.Back()
			continue
		}
		for _, m := range uitest.Press(t, s, true, k) {
			switch m.(type) {
			case ui.ToastMsg, ui.OpenMsg:
				out = append(out, m)
			default:
				out = append(out, feed(t, s, s.Update(m))...)
			}
		}
	}
	return out
}

func write(t testing.TB, s *trace.Screen, text string) {
	t.Helper()
	for _, r := range text {
		press(t, s, string(r))
	}
}

func known[T any](v T, source string) hosts.Part[T] {
	return hosts.Read(v, source, uitest.Now().Add(-4*time.Second))
}

const dump = `{"configs":[
{"@type":"x.ListenersConfigDump","dynamic_listeners":[{"name":"https","active_state":{"listener":{"name":"https","address":{"socket_address":{"address":"0.0.0.0","port_value":10001}},
"listener_filters":[{"name":"envoy.filters.listener.tls_inspector"}],
"filter_chains":[{"filter_chain_match":{"server_names":["shop.example.com"]},"transport_socket":{"name":"envoy.transport_sockets.tls"},"filters":[{"name":"hcm","typed_config":{"@type":"x.HttpConnectionManager","use_remote_address":true,"upgrade_configs":[{"upgrade_type":"websocket"}],"route_config":{"virtual_hosts":[
  {"name":"shop","domains":["shop.example.com"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"front","timeout":"60s"}}]}]}}}]}]}}}]},
{"@type":"x.ClustersConfigDump","dynamic_active_clusters":[
 {"cluster":{"name":"front","type":"STATIC","load_assignment":{"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"10.0.0.2","port_value":8002}}}}]}]}}}]}]}`

const conf = `http {
  server {
    listen 80;
    server_name shop.example.com;
    location /api/ {
      proxy_pass http://api:8000;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
    location /ok/ { proxy_pass http://web:8000; }
    location /old/ { return 301 https://shop.example.com/new/; }
  }
}`

// shop is a fleet in which /api/ ends at a container that is ill.
func shop(t testing.TB) *hosts.Snapshot {
	t.Helper()
	cfg, err := envoy.ParseConfigDump([]byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	c := read.Parse([]nginx.File{{Name: "/etc/nginx/conf.d/shop.conf", Text: []byte(conf)}})
	if len(c.Faults) > 0 {
		t.Fatal(c.Faults)
	}
	net := func(ip string) []hosts.ContainerNetwork {
		return []hosts.ContainerNetwork{{Name: "shop_default", IP: ip, Gateway: "172.18.0.1"}}
	}
	ago := func(d time.Duration) time.Time { return uitest.Now().Add(-d) }
	s := &hosts.Snapshot{Gen: 3, At: uitest.Now(), Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "edge", Address: "10.0.0.1"}, Envoy: known([]hosts.Envoy{{Admin: "127.0.0.1:9901", Config: cfg}}, "GET /config_dump"),
			Sockets: known([]hosts.Socket{}, "ss"), Containers: known([]hosts.Container{}, "GET /containers/json"),
		},
		{
			Host: hosts.Host{Name: "app", Address: "10.0.0.2"}, Sockets: known([]hosts.Socket{}, "ss"),
			Nginx: known([]hosts.Nginx{{Container: "front", Config: c, HTTP: nginx.NewHTTP(c)}}, "docker exec CONTAINER nginx -T"),
			Containers: known([]hosts.Container{
				{ID: "f1", Name: "front", State: "running", Image: "nginx:1.27", Networks: net("172.18.0.2"), Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}},
				{
					ID: "a1", Name: "api", State: "running", Health: hosts.HealthUnhealthy, Restarts: 3, Image: "api:7", Networks: net("172.18.0.3"),
					HealthLog: []hosts.HealthResult{{End: ago(40 * time.Second), Exit: 1, Output: "connection refused"}, {End: ago(10 * time.Second), Exit: 1, Output: "curl: (28) timed out"}},
				},
				{ID: "w1", Name: "web", State: "running", Health: hosts.HealthHealthy, Image: "web:3", Networks: net("172.18.0.4")},
			}, "GET /containers/json"),
		},
	}}
	s.Events = []hosts.Event{{At: ago(2 * time.Minute), Host: "app", ID: "a1", Object: "api", Action: "die", Detail: "exit 137"}}
	return s
}

// gone is the same fleet after its hosts stopped answering.
func gone(t testing.TB) *hosts.Snapshot {
	t.Helper()
	s := shop(t)
	const why = "keepalive: no answer within 15s"
	for _, h := range s.Hosts {
		h.Containers = h.Containers.Failed(why, "", "", uitest.Now())
		h.Sockets = h.Sockets.Failed(why, "", "", uitest.Now())
	}
	return s
}
