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
