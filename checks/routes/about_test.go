package routes

import (
	"fmt"
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

func find(ns []*Node, kind, label string) *Node {
	for _, n := range ns {
		if n.Kind == kind && n.Label == label {
			return n
		}
		if x := find(n.Children, kind, label); x != nil {
			return x
		}
	}
	return nil
}

func said(a About) string {
	var out []string
	for _, m := range a.Match {
		out = append(out, "match "+m)
	}
	for _, l := range a.Lines {
		mark := " "
		if l.Here {
			mark = ">"
		}
		out = append(out, fmt.Sprintf("%s%d %s", mark, l.No, l.Text))
	}
	for _, p := range a.Passes {
		out = append(out, p.Name+": "+p.Value)
	}
	return strings.Join(out, "\n")
}

func TestAboutNginx(t *testing.T) {
	t.Parallel()
	conf := `http {
  server {
    listen 80;
    proxy_set_header X-Forwarded-Proto $scheme;
    location /a {
      proxy_pass http://127.0.0.1:9000;
      proxy_set_header Host $host;
    }
    location = /r { return 204; }
  }
}`
	c := read.Parse([]nginx.File{{Name: "n.conf", Text: []byte(conf)}})
	h := &hosts.HostFacts{Host: hosts.Host{Name: "h"}, Nginx: known([]hosts.Nginx{{Container: "web", Config: c, HTTP: nginx.NewHTTP(c)}})}
	tree := Tree(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
	n := find(tree, "location", "/a")
	if n == nil || n.Proxy != "nginx" || n.In != "web" {
		t.Fatalf("%+v", n)
	}
	got := said(n.About())
	for _, want := range []string{
		"match longest prefix /a, unless an expression matches", ">5     location /a {", " 8     }", "Host: $host  (n.conf:7)",
		"X-Forwarded-Proto: what the client sent  (default)", "lost: proxy_set_header X-Forwarded-Proto $scheme (n.conf:4): an inner level", "buffering: on  (default)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\n 9 ") {
		t.Errorf("lines of the next block:\n%s", got)
	}
	if got := said(find(tree, "location", "= /r").About()); strings.Contains(got, "Host:") || !strings.Contains(got, "the path is /r and nothing else") {
		t.Errorf("a level that proxies nothing:\n%s", got)
	}
}

func TestAboutEnvoyAndTraefik(t *testing.T) {
	t.Parallel()
	cfg, err := envoy.ParseConfigDump([]byte(dump))
	if err != nil {
		t.Fatal(err)
	}
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "h"}, Envoy: known([]hosts.Envoy{{Config: cfg}}),
		Traefik: known([]hosts.Traefik{{
			Routers:     []hosts.Router{{Name: "web@docker", Rule: "Host(`x.test`) && PathPrefix(`/api`)", TLS: true, EntryPoints: []string{"websecure"}, Service: "web", Middlewares: []string{"strip@docker"}}},
			Middlewares: []hosts.Middleware{{Name: "strip@docker", Type: "stripprefix", Settings: map[string]string{"prefixes": "/api"}}},
		}}),
	}
	tree := Tree(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}})
	for _, k := range []struct{ kind, label, want string }{
		{"chain", "chain for a.test", "match server name a.test\nTLS: on"},
		{"route", "/ok*", "timeout: 15s  (default)"},
		{"route", "/ok*", "Upgrade: none"},
		{"cluster", "good", "health: /clusters was not read"},
		{"router", "web@docker", "middleware: strip@docker  stripprefix prefixes=/api"},
		{"router", "web@docker", "match entry point websecure"},
	} {
		n := find(tree, k.kind, k.label)
		if n == nil {
			t.Errorf("no %s %s", k.kind, k.label)
			continue
		}
		if got := said(n.About()); !strings.Contains(got, k.want) {
			t.Errorf("%s %s: no %q in\n%s", k.kind, k.label, k.want, got)
		}
	}
	if n := find(tree, "router", "web@docker"); n.URL != "https://x.test/api" {
		t.Errorf("URL of a router: %q", n.URL)
	}
	if a := (&Node{}).About(); len(a.Match)+len(a.Lines)+len(a.Passes) != 0 {
		t.Errorf("a node of nothing says %v", a)
	}
}

// A variable that the configuration itself sets is no riddle, and a Traefik resolves names in the
// networks of its own container.
func TestTargetsBehindNames(t *testing.T) {
	t.Parallel()
	conf := `http { server { listen 80; set $up http://app:9000; location /a { proxy_pass $up/x; } location /b { set $up http://gone:9000; proxy_pass $up; } location /c { proxy_pass http://$host; } } }`
	c := read.Parse([]nginx.File{{Name: "n.conf", Text: []byte(conf)}})
	net := func(ip string) []hosts.ContainerNetwork {
		return []hosts.ContainerNetwork{{Name: "n", IP: ip, Gateway: "172.18.0.1"}}
	}
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "h"}, Sockets: known([]hosts.Socket{}), Nginx: known([]hosts.Nginx{{Container: "front", Config: c, HTTP: nginx.NewHTTP(c)}}),
		Containers: known([]hosts.Container{
			{ID: "1", Name: "front", State: "running", Networks: net("172.18.0.2")},
			{ID: "2", Name: "app", State: "running", Networks: net("172.18.0.3")},
			{ID: "3", Name: "gone", State: "exited", Exit: 1},
			{ID: "4", Name: "proxy", Image: "traefik:v3", State: "running", Networks: net("172.18.0.4")},
		}),
		Traefik: known([]hosts.Traefik{{
			Routers:  []hosts.Router{{Name: "a", Rule: "Host(`a.test`)", Service: "a"}, {Name: "b", Rule: "Host(`b.test`)", Service: "b"}},
			Services: []hosts.ProxyService{{Name: "a", Servers: []hosts.ProxyServer{{URL: "http://app:80"}}}, {Name: "b"}},
		}}),
	}
	var got []string
	lines(Tree(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}), 0, &got)
	text := strings.Join(got, "\n")
	for _, want := range []string{
		"location /a [ok] <container app: running>", "location /b [broken] <dns gone: container gone is exited with 1: gone does not resolve>",
		"location /c [unknown] <depends on $host at run time>", "service http://app:80 [ok] <container app: running>", "router b [broken] <Traefik has no server for it: it answers 503>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
