package traefik

import (
	"testing"

	"midwatch/hosts"
)

func TestRule(t *testing.T) {
	t.Parallel()
	get := func(host, path string) Request { return Request{Host: host, Path: path, Method: "GET"} }
	for _, k := range []struct {
		rule  string
		r     Request
		yes   bool
		known bool
	}{
		{"Host(`a.test`)", get("a.test", "/"), true, true},
		{"Host(`a.test`)", get("A.test:443", "/"), true, true},
		{"Host(`a.test`, `b.test`)", get("b.test", "/"), true, true},
		{"Host(`a.test`) && PathPrefix(`/api`)", get("a.test", "/apix"), true, true},
		{"Host(`a.test`) && PathPrefix(`/api`)", get("a.test", "/x"), false, true},
		{"Host(`a.test`) && Path(`/x`)", get("a.test", "/x/"), false, true},
		{"!Host(`a.test`)", get("b.test", "/"), true, true},
		{"Host(`a.test`) || (Host(`b.test`) && Method(`POST`))", get("b.test", "/"), false, true},
		{"HostRegexp(`^[a-z]+\\.test$`)", get("abc.test", "/"), true, true},
		{"HostRegexp(`{sub:[a-z]+}.x.test`)", get("abc.x.test", "/"), true, true},
		{"HostRegexp(`{sub:[a-z]+}.x.test`)", get("abc.x.testy", "/"), false, true},
		{"PathPrefix(`/{id:[0-9]+}`)", get("h", "/12/x"), true, true},
		{"Host(`a.test`) && ClientIP(`10.0.0.0/8`)", get("a.test", "/"), false, false},
		{"Host(`b.test`) && ClientIP(`10.0.0.0/8`)", get("a.test", "/"), false, true},
		{"Header(`X-A`, `1`)", Request{Headers: map[string]string{"x-a": "1"}}, true, true},
		{"HostSNI(`*`)", get("x", "/"), true, true},
	} {
		r, err := ParseRule(k.rule)
		if err != nil {
			t.Errorf("%s: %v", k.rule, err)
			continue
		}
		if yes, known := r.Match(k.r); yes != k.yes || known != k.known {
			t.Errorf("%s on %+v: %v, %v", k.rule, k.r, yes, known)
		}
	}
	for _, bad := range []string{"", "Host", "Host(", "Host(`a`", "Host(a)", "Host(`a`) &&", "(Host(`a`)", "Host()", "HostRegexp(`(`)", "Host(`a`) x"} {
		if _, err := ParseRule(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLabelsAndRoute(t *testing.T) {
	t.Parallel()
	tr := FromLabels([]Labelled{
		{Name: "web", Port: 80, Labels: map[string]string{
			"traefik.enable": "true", "traefik.http.routers.web.rule": "Host(`s.test`)", "traefik.http.routers.web.entrypoints": "websecure",
			"traefik.http.routers.web.tls.certresolver": "le", "traefik.http.services.web.loadbalancer.server.port": "8080",
		}},
		{Name: "api", Port: 3000, Labels: map[string]string{"traefik.http.routers.api.rule": "Host(`s.test`) && PathPrefix(`/api`)", "traefik.http.routers.api.middlewares": "strip, auth"}},
		{Name: "off", Labels: map[string]string{"traefik.enable": "false", "traefik.http.routers.off.rule": "Host(`s.test`)"}},
		{Name: "none", Labels: map[string]string{}},
	}, false)
	tr.EntryPoints = []hosts.EntryPoint{{Name: "websecure", Address: ":443/tcp"}}
	if len(tr.Routers) != 2 || len(tr.Services) != 2 {
		t.Fatalf("%+v", tr)
	}
	c := Route(tr, EntryOf(tr, 443), true, Request{Host: "s.test", Path: "/api/x", Method: "GET"})
	if c.Router == nil || c.Router.Name != "api@docker" || c.Service == nil || c.Service.Port != 3000 {
		t.Errorf("the longer rule wins: %+v", c)
	}
	c = Route(tr, "websecure", true, Request{Host: "s.test", Path: "/"})
	if c.Router == nil || c.Router.Name != "web@docker" || c.Service.Port != 8080 || c.Router.CertResolver != "le" {
		t.Errorf("%+v", c)
	}
	if c = Route(tr, "websecure", true, Request{Host: "other", Path: "/"}); c.Router != nil || c.Why == "" {
		t.Errorf("%+v", c)
	}
	if c = Route(tr, "web", true, Request{Host: "s.test", Path: "/"}); c.Router != nil {
		t.Errorf("another entry point: %+v", c)
	}
}

func TestRawData(t *testing.T) {
	t.Parallel()
	tr, err := ParseRawData([]byte(`{"routers":{"app@swarm":{"entryPoints":["websecure"],"service":"app","rule":"Host(` + "`a.test`" + `)","tls":{"certResolver":"le"},"status":"enabled","using":["websecure"]}},
	 "services":{"app@swarm":{"loadBalancer":{"servers":[{"url":"http://10.0.1.5:3000"}]},"status":"enabled","serverStatus":{"http://10.0.1.5:3000":"DOWN"}}},
	 "middlewares":{"hsts@file":{"headers":{},"status":"enabled"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	c := Route(tr, "websecure", true, Request{Host: "a.test", Path: "/"})
	if c.Service == nil || c.Service.Servers[0].Status != "DOWN" || tr.Middlewares[0].Type != "headers" {
		t.Errorf("%+v", c)
	}
}

func FuzzRule(f *testing.F) {
	f.Add("Host(`a`) && (PathPrefix(`/b`) || !Method(\"GET\"))", "a", "/b")
	f.Add("!!!!((((", "", "")
	f.Fuzz(func(_ *testing.T, rule, host, path string) {
		if r, err := ParseRule(rule); err == nil {
			r.Match(Request{Host: host, Path: path})
		}
	})
}
