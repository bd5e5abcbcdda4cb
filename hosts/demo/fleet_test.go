package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/docker"
	"midwatch/hosts/inventory"
	"midwatch/hosts/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet starts a fleet and reads its inventory as midwatch does.
func fleet(t *testing.T, p Params) (*Fleet, *inventory.Inventory) {
	t.Helper()
	f, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	file, err := f.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(file, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return f, inv
}

// link connects to a host the way the inventory says.
func link(t *testing.T, f *Fleet, inv *inventory.Inventory, name string) *transport.Link {
	t.Helper()
	h, ok := inv.Host(name)
	if !ok {
		t.Fatalf("no host %q in the inventory", name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := transport.Open(ctx, transport.Target{
		Name: name, Kind: h.Kind, Address: h.Address, User: h.User, Port: h.SSH.Port, SSHConfig: h.SSH.Config,
		IdentityFiles: h.SSH.IdentityFiles, KnownHostsFiles: h.SSH.KnownHosts, Sudo: transport.SudoPolicy(h.Sudo.Mode),
		SudoPassword: func(ctx context.Context) (hosts.Secret, error) {
			return h.Sudo.Password.Resolve(ctx, "sudo password", nil)
		},
	}, transport.Params{Log: slog.New(slog.DiscardHandler), Dial: f.Dial, Home: t.TempDir(), Getenv: func(string) string { return "" }})
	t.Cleanup(func() { _ = l.Close(); cancel() })
	return l
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func run(t *testing.T, c hosts.Conn, argv ...string) string {
	t.Helper()
	res, err := c.Run(within(t, 20*time.Second), hosts.Cmd{Argv: argv})
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	return string(res.Stdout)
}

func TestCommandsOverSSH(t *testing.T) {
	t.Parallel()
	f, inv := fleet(t, Params{Calm: true})
	l := link(t, f, inv, "prod-113")
	if got := run(t, l, "uname", "-snrm"); got != "Linux prod-113 6.1.0-26-amd64 x86_64\n" {
		t.Errorf("uname: %q", got)
	}
	if got := run(t, l, "sh", "-c", `for i in 1 2 3; do echo "$i" "$1"; done | grep -v 2 | wc -l`, "sh", "x"); strings.TrimSpace(got) != "2" {
		t.Errorf("a script: %q", got)
	}
	if err := l.Upload(within(t, 10*time.Second), "/home/coder/x.txt", 0o640, strings.NewReader("hello\n")); err != nil {
		t.Errorf("upload: %v", err)
	}
	if got := run(t, l, "stat", "-c", "%a %U %s", "/home/coder/x.txt"); got != "640 coder 6\n" {
		t.Errorf("stat of the upload: %q", got)
	}
	res, err := l.Run(within(t, 10*time.Second), hosts.Cmd{Argv: []string{"id", "-un"}, Sudo: true})
	if err != nil || string(res.Stdout) != "root\n" {
		t.Errorf("sudo: %q, %v", res.Stdout, err)
	}
}

func TestCollectorsReadEveryHost(t *testing.T) {
	t.Parallel()
	f, inv := fleet(t, Params{Calm: true})
	for _, h := range inv.Hosts {
		if h.Kind != hosts.KindSSH || h.Maintenance != "" || f.Host(h.Name).Down {
			continue
		}
		t.Run(h.Name, func(t *testing.T) {
			t.Parallel()
			l := link(t, f, inv, h.Name)
			r := collect.NewRunner(collect.Params{Host: h.Name, Conn: l, Now: time.Now})
			var answers []collect.Answer
			err := r.Run(within(t, 30*time.Second), collect.All(), func(a collect.Answer) { answers = append(answers, a) })
			if err != nil {
				t.Fatal(err)
			}
			var facts hosts.HostFacts
			for _, a := range answers {
				if a.Evidence.Error != "" {
					t.Errorf("%s: %s\n%s", a.Section.ID, a.Evidence.Error, a.Evidence.Data)
					continue
				}
				if err := a.Section.Fill(&facts, a.Evidence); err != nil {
					t.Errorf("%s: %v\n%s", a.Section.ID, err, a.Evidence.Data)
				}
			}
			s := facts.System.Value
			if s.Hostname != h.Name || s.CPUs == 0 || s.MemTotal == 0 || len(s.Disks) == 0 || s.OS == "" || s.Uptime == 0 || s.Systemd == "" {
				t.Errorf("system: %+v", s)
			}
			if len(facts.Units.Value) < 10 {
				t.Errorf("units: %d", len(facts.Units.Value))
			}
		})
	}
}

func TestDockerOverSSH(t *testing.T) {
	t.Parallel()
	f, inv := fleet(t, Params{Calm: true})
	l := link(t, f, inv, "prod-113")
	d := docker.New(docker.Params{Host: "prod-113", Now: time.Now, Dial: func(ctx context.Context) (net.Conn, error) {
		return l.Dial(ctx, "unix", "/var/run/docker.sock")
	}})
	defer d.Close()
	ctx := within(t, 20*time.Second)
	list, err := d.Containers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var hub *hosts.Container
	for i := range list {
		if list[i].Name == "ai_hub_service" {
			hub = &list[i]
		}
	}
	if hub == nil || hub.State != "running" || hub.Project != "cortex-hub" || hub.Service != "ai-hub" {
		t.Fatalf("ai_hub_service: %+v of %d", hub, len(list))
	}
	if e, err := d.Engine(ctx); err != nil || e.Version != "27.3.1" || e.Running == 0 {
		t.Errorf("engine: %+v, %v", e, err)
	}
	if st, err := d.Stats(ctx, []string{hub.ID}); err != nil || st[hub.ID].Mem == 0 {
		t.Errorf("stats: %+v, %v", st, err)
	}
	got := make(chan hosts.Event, 100)
	opened := make(chan struct{})
	ectx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = d.Events(ectx, docker.Since(time.Now()), func() { close(opened) }, func(e hosts.Event) {
			select {
			case got <- e:
			default:
			}
		})
	}()
	<-opened
	if err := d.Restart(ctx, hub.ID); err != nil {
		t.Errorf("restart: %v", err)
	}
	want := map[string]bool{"die": true, "start": true, "restart": true}
	for len(want) > 0 {
		select {
		case e := <-got:
			if e.ID == hub.ID {
				delete(want, e.Action)
			}
		case <-ctx.Done():
			t.Fatalf("events that did not come: %v", want)
		}
	}
	stop()
	<-done
	res, err := d.Run(ctx, hub.ID, 1<<20, "cat", "/etc/hostname")
	if err != nil || string(res.Stdout) != hub.ID[:12]+"\n" {
		t.Errorf("exec: %q, %v", res.Stdout, err)
	}
}

// TestCopiesAreApart builds several copies of every world: each machine has an address of its own, and
// the names of a copy lead to its own machines.
func TestCopiesAreApart(t *testing.T) {
	t.Parallel()
	now := time.Now()
	f, err := New(Params{Hosts: 60, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	seen := map[string]string{}
	for _, h := range f.hosts {
		if other := seen[h.addr]; other != "" {
			t.Errorf("%s and %s have the address %s", h.name, other, h.addr)
		}
		seen[h.addr] = h.name
		if f.Host(h.name) == nil {
			t.Errorf("%s was not built", h.name)
		}
	}
	for _, s := range f.sites {
		for n := range s.world.Names {
			if h := f.find(s.plan.Domain(n)); h == nil || h.site != s {
				t.Errorf("%s of copy %d leads nowhere", n, s.plan.Copy)
			}
		}
	}
}

// TestDokployAPI deploys through the API that stands in for Dokploy's, as a program does.
func TestDokployAPI(t *testing.T) {
	t.Parallel()
	at := time.Now()
	f, err := New(Params{Worlds: []string{"stack"}, Calm: true, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	m := f.Host("dokploy")
	m.Site.Lock()
	l, ok := m.Find("127.0.0.1", 3000, true)
	m.Site.Unlock()
	if !ok {
		t.Fatal("nothing listens on 3000")
	}
	call := func(method, path, body string) (int, map[string]any) {
		t.Helper()
		r := httptest.NewRequest(method, "/api/"+path, strings.NewReader(body))
		r.Header.Set("x-api-key", "demo-dokploy-token-77b2")
		w := httptest.NewRecorder()
		l.Handler.ServeHTTP(w, r)
		out := map[string]any{}
		_ = json.Unmarshal(w.Body.Bytes(), &out)
		return w.Code, out
	}
	if code, _ := call("GET", "application.one?applicationId=nope", ""); code != http.StatusNotFound {
		t.Errorf("an application that is not there: %d", code)
	}
	code, p := call("POST", "project.create", `{"name":"ai-stack-test"}`)
	env, _ := p["environment"].(map[string]any)
	if code != http.StatusOK || env["environmentId"] == nil {
		t.Fatalf("create a project: %d %v", code, p)
	}
	_, a := call("POST", "application.create", fmt.Sprintf(`{"name":"web","environmentId":%q}`, env["environmentId"]))
	id, _ := a["applicationId"].(string)
	deploy := func(image string) (status string, errText any) {
		call("POST", "application.update", fmt.Sprintf(`{"applicationId":%q,"dockerImage":%q}`, id, image))
		if code, _ := call("POST", "application.deploy", fmt.Sprintf(`{"applicationId":%q}`, id)); code != http.StatusOK {
			t.Fatalf("deploy: %d", code)
		}
		if _, a := call("GET", "application.one?applicationId="+id, ""); a["applicationStatus"] != "running" {
			t.Errorf("right after the call: %v", a["applicationStatus"])
		}
		at = at.Add(time.Minute)
		_, a := call("GET", "application.one?applicationId="+id, "")
		last, _ := a["deployments"].([]any)[0].(map[string]any)
		return fmt.Sprint(a["applicationStatus"], " ", last["status"]), last["errorMessage"]
	}
	if st, why := deploy("git.app.flexinit.nl/oussamadouhou/oh-my-opencode-free:latest"); st != "done done" || why != nil {
		t.Errorf("a good image: %s, %v", st, why)
	}
	if st, why := deploy("git.app.flexinit.nl/oussamadouhou/oh-my-opencode-free:v9"); st != "error error" || why == nil {
		t.Errorf("an image that does not exist: %s, %v", st, why)
	}
	_, d := call("POST", "domain.create", fmt.Sprintf(`{"applicationId":%q,"host":"test.ai.flexinit.nl","port":8080,"https":true}`, id))
	if code, _ := call("POST", "domain.delete", fmt.Sprintf(`{"domainId":%q}`, d["domainId"])); code != http.StatusOK {
		t.Errorf("delete the domain: %d", code)
	}
	call("POST", "application.delete", fmt.Sprintf(`{"applicationId":%q}`, id))
	if code, _ := call("GET", "application.one?applicationId="+id, ""); code != http.StatusNotFound {
		t.Errorf("after the delete: %d", code)
	}
}
