package endpoint

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

func direct(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func server(t *testing.T, pages map[string]string) (addr string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k := r.Header.Get("x-api-key"); k != "" {
			*asked = append(*asked, k)
		}
		if body, ok := pages[r.URL.Path]; ok {
			fmt.Fprint(w, body)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), asked
}

const dump = `{"configs":[{"@type":"x.ClustersConfigDump","dynamic_active_clusters":[{"cluster":{"name":"c","type":"EDS","transport_socket":{"typed_config":{"@type":"x.UpstreamTlsContext","password":"hunter22"}}}}]}]}`

func TestEnvoy(t *testing.T) {
	t.Parallel()
	addr, _ := server(t, map[string]string{
		"/config_dump": dump, "/server_info": `{"version":"abc/1.31.0/Clean/RELEASE/BoringSSL","state":"LIVE"}`,
		"/clusters": `{"cluster_statuses":[{"name":"c","host_statuses":[{"address":{"socket_address":{"address":"10.0.0.9","port_value":80}},"health_status":{"failed_active_health_check":true}}]}]}`,
		"/stats":    `{"stats":[{"name":"listener_manager.lds.update_rejected","value":2},{"histograms":{}}]}`,
	})
	ev := Envoy("h", direct, []EnvoyTarget{{Admin: addr}, {Admin: "127.0.0.1:1"}}, time.Now).Read(t.Context(), &hosts.HostFacts{})
	if strings.Contains(string(ev.Data), "hunter22") {
		t.Error("a secret is in the evidence")
	}
	f := &hosts.HostFacts{}
	if !Apply(f, ev) || len(f.Envoy.Value) != 2 {
		t.Fatalf("%+v", f.Envoy)
	}
	e := f.Envoy.Value[0]
	if e.Info.Version != "1.31.0" || e.Config.Cluster("c").Endpoints[0].Label() != "10.0.0.9:80" || e.Config.Cluster("c").Live.Hosts[0].Healthy() || e.Stats["listener_manager.lds.update_rejected"] != 2 {
		t.Errorf("%+v", e)
	}
	if len(e.Missing) != 2 {
		t.Errorf("certs and listeners are missing: %v", e.Missing)
	}
	if dead := f.Envoy.Value[1]; dead.Config != nil || !strings.Contains(dead.Error, "connection refused") {
		t.Errorf("%+v", dead)
	}
}

func TestTraefik(t *testing.T) {
	t.Parallel()
	addr, _ := server(t, map[string]string{"/api/rawdata": `{"routers":{"a@docker":{"rule":"Host(` + "`a.test`" + `)","service":"a","status":"enabled"}},"services":{}}`, "/api/version": `{"Version":"3.1.0"}`})
	labelled := &hosts.HostFacts{Containers: hosts.Read([]hosts.Container{
		{Name: "web", State: "running", Labels: map[string]string{"traefik.http.routers.w.rule": "Host(`w.test`)", "other": "x"}, Ports: []hosts.Port{{ContainerPort: 3000}}},
		{Name: "traefik", State: "running", Image: "traefik:v3", Command: []string{"traefik", "--entrypoints.websecure.address=:443"}},
	}, "", time.Now())}
	f := &hosts.HostFacts{}
	Apply(f, Traefik("h", direct, TraefikTarget{API: "http://" + addr}, time.Now).Read(t.Context(), labelled))
	if tr := f.Traefik.Value; len(tr) != 1 || tr[0].From != "api http://"+addr || tr[0].Version != "3.1.0" || len(tr[0].Routers) != 1 {
		t.Errorf("%+v", f.Traefik)
	}
	Apply(f, Traefik("h", direct, TraefikTarget{API: "http://127.0.0.1:1"}, time.Now).Read(t.Context(), labelled))
	tr := f.Traefik.Value[0]
	if tr.From != "labels" || !strings.Contains(tr.Error, "refused") || tr.Routers[0].Name != "w@docker" || tr.Services[0].Port != 3000 || tr.EntryPoints[0].Name != "websecure" {
		t.Errorf("%+v", tr)
	}
	Apply(f, Traefik("h", direct, TraefikTarget{}, time.Now).Read(t.Context(), &hosts.HostFacts{}))
	if len(f.Traefik.Value) != 0 || !f.Traefik.Known() {
		t.Errorf("a host without Traefik has none: %+v", f.Traefik)
	}
}

func secret(s string) func(context.Context) (hosts.Secret, error) {
	return func(context.Context) (hosts.Secret, error) { return hosts.NewSecret(s), nil }
}

func TestDokploy(t *testing.T) {
	t.Parallel()
	addr, asked := server(t, map[string]string{
		"/api/project.all":     `[{"projectId":"p","name":"portal","environments":[{"applications":[{"applicationId":"a1","name":"deployer"}]}],"compose":[{"composeId":"c1","name":"s"}]}]`,
		"/api/application.one": `{"applicationId":"a1","name":"deployer","applicationStatus":"done","dockerImage":"reg/x:v1","env":"TOKEN=hunter22","registry":{"password":"hunter22"},"domains":[{"host":"deploy.test","port":3000,"https":true}],"deployments":[{"status":"done","createdAt":"2026-01-02T03:04:05Z"}]}`,
	})
	ev := Dokploy("h", direct, "http://"+addr+"/", secret("key1"), time.Now).Read(t.Context(), nil)
	if strings.Contains(string(ev.Data), "hunter22") || strings.Contains(string(ev.Data), "key1") {
		t.Error("a secret is in the evidence")
	}
	f := &hosts.HostFacts{}
	Apply(f, ev)
	a := f.Dokploy.Value.Projects[0].Apps[1]
	if a.Image != "reg/x:v1" || a.Status != "done" || a.Domains[0].Port != 3000 || a.Deployments[0].Created.Year() != 2026 || (*asked)[0] != "key1" {
		t.Errorf("%+v, %v", a, *asked)
	}
	ev = Dokploy("h", direct, "http://127.0.0.1:1", func(context.Context) (hosts.Secret, error) { return hosts.Secret{}, errors.New("no token") }, time.Now).Read(t.Context(), nil)
	Apply(f, ev)
	if f.Dokploy.Standing() != hosts.Stale || f.Dokploy.Needs == "" {
		t.Errorf("%+v", f.Dokploy)
	}
}

func TestNginxInContainers(t *testing.T) {
	t.Parallel()
	exec := func(_ context.Context, id string, argv ...string) (hosts.Result, error) {
		if id == "bad" {
			return hosts.Result{}, errors.New("exec: permission denied")
		}
		if d := cmp.Diff([]string{"nginx", "-v", "-T"}, argv); d != "" {
			t.Error(d)
		}
		return hosts.Result{
			Stdout: []byte("# configuration file /etc/nginx/nginx.conf:\nhttp { server { listen 80; location / { proxy_set_header X-Api-Key hunter22; proxy_pass http://a; } } }\n"),
			Stderr: []byte("nginx version: nginx/1.27.1\nnginx: the configuration file /etc/nginx/nginx.conf syntax is ok\nnginx: [warn] conflicting server name\n"),
		}, nil
	}
	h := &hosts.HostFacts{Containers: hosts.Read([]hosts.Container{
		{ID: "a", Name: "gw", Image: "nginx:1.27", State: "running"},
		{ID: "bad", Name: "x", Image: "y", Command: []string{"nginx", "-g", "daemon off;"}, State: "running"},
		{ID: "no", Name: "db", Image: "postgres", State: "running"},
		{ID: "s", Name: "stopped", Image: "nginx", State: "exited"},
	}, "", time.Now())}
	f := &hosts.HostFacts{Nginx: hosts.Read([]hosts.Nginx{{Version: "1.22"}}, "", time.Now())}
	ev := Nginx("h", exec, nil, time.Now).Read(t.Context(), h)
	if strings.Contains(string(ev.Data), "hunter22") {
		t.Error("a secret is in the evidence")
	}
	Apply(f, ev)
	if len(f.Nginx.Value) != 3 || f.Nginx.Value[0].Version != "1.22" {
		t.Fatalf("%+v", f.Nginx)
	}
	gw, bad := f.Nginx.Value[1], f.Nginx.Value[2]
	if gw.Version != "1.27.1" || len(gw.HTTP.Servers) != 1 || len(gw.Notes) != 1 || gw.HTTP.Version != "1.27.1" {
		t.Errorf("%+v", gw)
	}
	if bad.HTTP != nil || bad.Error != "exec: permission denied" {
		t.Errorf("%+v", bad)
	}
}

func TestAgentHub(t *testing.T) {
	t.Parallel()
	addr, _ := server(t, map[string]string{"/api/v1/agent/version": `{"version":"1.4.2"}`})
	f := &hosts.HostFacts{}
	Apply(f, AgentHub("h", direct, "http://"+addr+"/api/v1/agent/version", "X-Agent-Token", secret("k"), time.Now).Read(t.Context(), nil))
	if f.AgentHub.Value.Version != "1.4.2" {
		t.Errorf("%+v", f.AgentHub)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	page := func(path, ctype string, code int, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", ctype)
			w.WriteHeader(code)
			fmt.Fprint(w, body)
		})
	}
	page("/ok", "application/json", 200, `{"status":"healthy"}`)
	page("/degraded", "application/json", 200, `{"status":"degraded"}`)
	page("/spa", "text/html", 200, `<html>`)
	page("/{$}", "text/html", 200, `<html>`)
	page("/down", "application/json", 503, `{"status":"starting"}`)
	page("/fleet", "application/json", 200, `{"status":"ok","workers":8,"capacity":8,"busy":3}`)
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	plain := httptest.NewServer(mux)
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(mux)
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	for _, k := range []struct {
		name   string
		spec   ProbeSpec
		ok     bool
		reason string
	}{
		{"healthy", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/ok", Kind: "basic"}}, true, ""},
		{"200 but degraded", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/degraded", Kind: "detailed"}}, false, `HTTP 200, but its status is "degraded"`},
		{"degraded expected", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/degraded", Kind: "detailed"}, ExpectState: []string{"degraded"}}, true, ""},
		{"JSON value", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/fleet", Kind: "fleet"}, ExpectJSON: map[string]any{"workers": 9}}, false, "workers is 8, not 9"},
		{"resolve", ProbeSpec{Probe: hosts.Probe{Target: strings.Replace(plain.URL, "127.0.0.1", "nowhere.invalid", 1) + "/ok", Kind: "basic"}, Resolve: "127.0.0.1"}, true, ""},
		{"status range", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/down"}, ExpectStatus: [][2]int{{500, 599}}, ExpectState: []string{"starting"}}, true, ""},
		{"a page is no health", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/spa", Kind: "basic"}}, false, "an HTML page answered, not a health endpoint (a single-page app's fallback?)"},
		{"a page is what a root answers", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/", Kind: "basic"}}, true, ""},
		{"503", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/down", Kind: "ready"}}, false, "HTTP 503, status starting"},
		{"slow", ProbeSpec{Probe: hosts.Probe{Target: plain.URL + "/slow"}, Timeout: 50 * time.Millisecond}, false, "no answer within 50ms"},
		{"verified", ProbeSpec{Probe: hosts.Probe{Target: secure.URL + "/ok"}, Roots: roots, ServerName: "example.com"}, true, ""},
		{"not verified", ProbeSpec{Probe: hosts.Probe{Target: secure.URL + "/ok"}, ServerName: "example.com"}, false, "certificate: x509: certificate signed by unknown authority"},
		{"tolerated", ProbeSpec{Probe: hosts.Probe{Target: secure.URL + "/ok", Tolerant: true}, ServerName: "example.com"}, true, ""},
		{"refused", ProbeSpec{Probe: hosts.Probe{Target: "http://127.0.0.1:1/"}}, false, "dial tcp 127.0.0.1:1: connect: connection refused"},
		{"tls", ProbeSpec{Probe: hosts.Probe{Target: strings.TrimPrefix(secure.URL, "https://"), Kind: "tls"}, Roots: roots, ServerName: "example.com"}, true, ""},
		{"tcp", ProbeSpec{Probe: hosts.Probe{Target: strings.TrimPrefix(plain.URL, "http://"), Kind: "tcp"}}, true, ""},
		{"no URL", ProbeSpec{Probe: hosts.Probe{Target: "nonsense"}}, false, `"nonsense" is not a URL`},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			r := Ask(t.Context(), direct, k.spec, time.Now)
			if r.OK != k.ok || r.Reason != k.reason {
				t.Errorf("ok %v, %q; want %v, %q", r.OK, r.Reason, k.ok, k.reason)
			}
			if k.name == "tolerated" && (r.Tolerated == "" || r.Cert == nil || r.Cert.Verified) {
				t.Errorf("what was tolerated must be said: %+v", r)
			}
		})
	}
	f := &hosts.HostFacts{}
	p := Probe("h", direct, ProbeSpec{Probe: hosts.Probe{Name: "fleet", Target: plain.URL + "/fleet", Kind: "fleet"}}, time.Now)
	Apply(f, p.Read(t.Context(), nil))
	Apply(f, p.Read(t.Context(), nil))
	if r := f.Probes.Value[0].Results; len(r) != 2 || r[0].Workers != 8 || r[0].Busy != 3 || r[0].Capacity != 8 {
		t.Errorf("%+v", f.Probes.Value)
	}
}

func FuzzApply(f *testing.F) {
	for _, id := range []string{CollectNginx, CollectEnvoy, CollectTraefik, CollectDokploy, CollectAgentHub, CollectProbe} {
		f.Add(id, []byte(`[{"pages":{"config_dump":{"configs":[]}},"rawdata":{},"stdout":"# configuration file a:\nb;"}]`))
	}
	f.Fuzz(func(_ *testing.T, id string, data []byte) {
		Apply(&hosts.HostFacts{}, hosts.Evidence{Collector: id, Data: data})
	})
}

// A Traefik whose API wants a user and has a certificate of its own, in a container with another name.
func TestTraefikBehindALogin(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, word, _ := r.BasicAuth(); user != "admin" || word != "hunter22" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "entrypoints") {
			fmt.Fprint(w, `[]`)
			return
		}
		fmt.Fprint(w, `{}`)
	}))
	defer srv.Close()
	facts := &hosts.HostFacts{Containers: hosts.Read([]hosts.Container{
		{Name: "edge", State: "running", Image: "registry.test/proxy:1", Command: []string{"--entrypoints.web.address=:80"}},
	}, "", time.Now())}
	ask := func(target TraefikTarget) hosts.Traefik {
		f := &hosts.HostFacts{}
		target.API, target.Container = srv.URL, "edge"
		ev := Traefik("h", direct, target, time.Now).Read(t.Context(), facts)
		if strings.Contains(string(ev.Data), "hunter22") {
			t.Error("the password is in the evidence")
		}
		if !Apply(f, ev) || len(f.Traefik.Value) != 1 {
			t.Fatalf("%+v", f.Traefik)
		}
		return f.Traefik.Value[0]
	}
	if tr := ask(TraefikTarget{User: "admin", Password: secret("hunter22"), InsecureTLS: true}); tr.Error != "" || !strings.HasPrefix(tr.From, "api ") {
		t.Errorf("with both: %+v", tr)
	}
	if tr := ask(TraefikTarget{User: "admin", Password: secret("hunter22")}); !strings.Contains(tr.Error, "certificate") {
		t.Errorf("with a certificate nobody signed: %+v", tr)
	}
	if tr := ask(TraefikTarget{InsecureTLS: true}); !strings.Contains(tr.Error, "401") {
		t.Errorf("without the user: %+v", tr)
	}
	refused := func(context.Context) (hosts.Secret, error) { return hosts.Secret{}, errors.New("no such variable") }
	if tr := ask(TraefikTarget{User: "admin", Password: refused}); !strings.Contains(tr.Error, "no such variable") {
		t.Errorf("without the password: %+v", tr)
	}
}

func TestEnvoyIsKnownByItsImage(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]bool{
		"envoyproxy/envoy:v1.31.2": true, "envoyproxy/envoy-alpine:v1.20": true, "envoyproxy/envoy-distroless-dev:latest": true, "envoy": true,
		"docker.example/envoy-control-plane:1.8.0": false, "envoyproxy/gateway:v1": false,
	} {
		if got := isEnvoy(hosts.Container{Image: image}); got != want {
			t.Errorf("%s: %v", image, got)
		}
	}
}
