package containers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func now() time.Time { return uitest.Now() }

func ago(d time.Duration) time.Time { return now().Add(-d) }

// cortex is a project as it runs in production: a hub, its frontend, a database, a node that dies.
func cortex() []hosts.Container {
	net := func(alias ...string) []hosts.ContainerNetwork {
		return []hosts.ContainerNetwork{{Name: "cortex_default", IP: "172.18.0.2", Gateway: "172.18.0.1", Aliases: alias}}
	}
	base := func(id, name, service string) hosts.Container {
		return hosts.Container{
			ID: id + strings.Repeat("0", 64-len(id)), Name: name, State: "running", Status: "Up 3 hours (healthy)", Health: hosts.HealthHealthy,
			Inspected: true, Policy: "unless-stopped", Created: ago(50 * time.Hour), Started: ago(3*time.Hour + 12*time.Minute),
			Project: "cortex", Service: service, Image: "registry.example:5000/cortex/" + service + ":1.4.2", ImageID: "sha256:4f2a" + id,
			Labels:   map[string]string{"com.docker.compose.project": "cortex", "com.docker.compose.service": service},
			EnvNames: []string{"SECRET_KEY", "PATH"}, LogDriver: "json-file", NetMode: "cortex_default", Networks: net(service, name),
		}
	}
	hub := base("aa1", "ai_hub_service", "ai-hub")
	hub.Ports = []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8000, ContainerPort: 8000, Proto: "tcp"}, {HostIP: "::", HostPort: 8000, ContainerPort: 8000, Proto: "tcp"}}
	hub.MemLimit, hub.CPULimit = 512<<20, 1
	hub.Labels[dependsLabel] = "db:service_healthy:false"
	hub.Probe = "curl -f http://localhost:8000/api/v1/health"
	hub.HealthLog = []hosts.HealthResult{
		{At: ago(90 * time.Second), End: ago(90*time.Second - 40*time.Millisecond), Exit: 1, Output: "curl: (7) Failed to connect\nto localhost"},
		{At: ago(30 * time.Second), End: ago(30*time.Second - 12*time.Millisecond), Output: "ok"},
	}
	hub.Mounts = []hosts.ContainerMount{{Type: "volume", Name: "cortex_data", Source: "/var/lib/docker/volumes/cortex_data/_data", Destination: "/app/data", Driver: "local", RW: true}}
	front := base("bb2", "ai_unified_frontend", "frontend")
	front.Ports = []hosts.Port{{HostIP: "0.0.0.0", HostPort: 8002, ContainerPort: 80, Proto: "tcp"}}
	front.Labels[dependsLabel] = "ai-hub:service_started:false"
	front.Health = hosts.HealthUnhealthy
	db := base("cc3", "cortex-db-1", "db")
	db.Image = "postgres:16@sha256:0123456789abcdef0123456789abcdef"
	db.Ports = []hosts.Port{{HostIP: "127.0.0.1", HostPort: 5432, ContainerPort: 5432, Proto: "tcp"}}
	db.Health = hosts.HealthNone
	node := base("dd4", "cortex-node-1", "node")
	node.State, node.Exit, node.OOMKilled, node.Restarts = "exited", 137, true, 7
	node.Status, node.Finished, node.Health = "Exited (137) 2 minutes ago", ago(2*time.Minute), hosts.HealthUnknown
	return []hosts.Container{hub, front, db, node}
}

func series(n int, at time.Time) hosts.Series {
	var s hosts.Series
	for i := range n {
		s = append(s, hosts.Stats{At: at.Add(-time.Duration(n-1-i) * 2 * time.Second), CPU: float64(i * 7 % 90), Mem: uint64(200+i*6) << 20, Limit: 512 << 20, RxBytes: 1 << 20, TxBytes: 3 << 20, PIDs: 12})
	}
	return s
}

// fleetSnap is four hosts: one well, one in production, one that is gone, one that refuses.
func fleetSnap() *hosts.Snapshot {
	link := hosts.Link{State: hosts.StateConnected}
	read := func(c []hosts.Container, at time.Time) hosts.Part[[]hosts.Container] {
		return hosts.Read(c, "GET /containers/json?all=1", at)
	}
	edge := []hosts.Container{
		{
			ID: "ee5" + strings.Repeat("1", 61), Name: "traefik", State: "running", Health: hosts.HealthUnknown, Image: "traefik:v3.1", Created: ago(90 * 24 * time.Hour), Started: ago(40 * time.Second),
			Ports: []hosts.Port{{HostIP: "0.0.0.0", HostPort: 80, ContainerPort: 80, Proto: "tcp"}, {HostIP: "0.0.0.0", HostPort: 443, ContainerPort: 443, Proto: "tcp"}, {HostIP: "0.0.0.0", HostPort: 443, ContainerPort: 443, Proto: "udp"}},
		},
		{ID: "ff6" + strings.Repeat("2", 61), Name: "backup-日本語-🚀-job", State: "exited", Image: "sha256:9f86d081884c7d659a2feaa0c55ad015", Inspected: true, Created: ago(time.Hour), Finished: ago(20 * time.Minute)},
	}
	old := cortex()[:2]
	for i := range old {
		old[i].Health = hosts.HealthHealthy
	}
	c := cortex()
	return &hosts.Snapshot{
		Gen: 1, At: now(),
		Hosts: []*hosts.HostFacts{
			{
				Host: hosts.Host{Name: "hub-1"}, Link: link, Containers: read(c, ago(2*time.Second)), Stats: hosts.Read(map[string]hosts.Series{c[0].ID: series(40, ago(time.Second)), c[1].ID: series(5, ago(time.Second))}, "stats", ago(time.Second)),
				Images: hosts.Read([]hosts.Image{{ID: c[0].ImageID, Digests: []string{"cortex/ai-hub@sha256:feed"}}}, "GET /images/json", ago(time.Minute)),
			},
			{Host: hosts.Host{Name: "edge-1", Production: true, Environment: "production"}, Link: link, Containers: read(edge, ago(time.Second))},
			{Host: hosts.Host{Name: "gone-1"}, Link: hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline", Since: ago(3 * time.Minute)}, Containers: read(old, ago(4*time.Minute))},
			{Host: hosts.Host{Name: "shut-1"}, Link: link, Containers: hosts.Part[[]hosts.Container]{Tried: ago(time.Second), Reason: "permission denied on /var/run/docker.sock", Needs: "group docker or sudo"}},
		},
		Events: []hosts.Event{
			{At: ago(2 * time.Minute), Host: "hub-1", Kind: "container", Object: "cortex-node-1", ID: c[3].ID, Action: "oom"},
			{At: ago(2 * time.Minute), Host: "hub-1", Kind: "container", Object: "cortex-node-1", ID: c[3].ID, Action: "die", Detail: "exit 137"},
			{At: ago(time.Minute), Host: "edge-1", Kind: "container", Object: "cortex-node-1", Action: "start"},
		},
	}
}

// fakeFleet counts what is watched and refreshed.
type fakeFleet struct {
	snap      *hosts.Snapshot
	watching  map[hosts.Topic]int
	refreshed []string
}

func (f *fakeFleet) Snapshot() *hosts.Snapshot { return f.snap }
func (f *fakeFleet) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (f *fakeFleet) Refresh(host string) { f.refreshed = append(f.refreshed, host) }
func (f *fakeFleet) Watch(t hosts.Topic) func() {
	f.watching[t]++
	return func() { f.watching[t]-- }
}
func (f *fakeFleet) SetMaintenance(string, string) {}

// fakeOps does what it is told and writes it down.
type fakeOps struct {
	mu    sync.Mutex // guards calls: hosts work side by side
	lease hosts.Lease
	calls []string
	fail  map[string]error // by container ID
}

func (f *fakeOps) Lease() hosts.Lease { return f.lease }
func (f *fakeOps) Unlock(reason string, d time.Duration) (hosts.Lease, error) {
	f.lease = hosts.Lease{Reason: reason, From: now(), Until: now().Add(d)}
	return f.lease, nil
}
func (f *fakeOps) Lock() { f.lease = hosts.Lease{} }
func (f *fakeOps) Container(_ context.Context, verb, host, id, typed string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSpace(verb+" "+host+" "+id[:3]+" "+typed))
	if err := f.fail[id[:3]]; err != nil {
		return "", err
	}
	return "running again after 2s", nil
}

type fakeDetail struct {
	err   error
	calls int
	ctx   context.Context //nolint:containedctx // looked at by a test
}

func (f *fakeDetail) ContainerDetail(ctx context.Context, host, id string) (hosts.ContainerDetail, error) {
	f.calls++
	f.ctx = ctx
	if f.err != nil {
		return hosts.ContainerDetail{}, f.err
	}
	return hosts.ContainerDetail{
		Inspect: "{\n  \"Id\": \"" + id + "\",\n  \"Config\": {\n    \"Image\": \"cortex/ai-hub\",\n    \"Cmd\": [\"uvicorn\"]\n  }\n}",
		Top:     [][]string{{"PID", "USER", "CMD"}, {"4242", "root", "uvicorn app.main:app --proxy-headers"}, {"7", "nobody", "sh"}},
		At:      now(),
	}, nil
}

type fakeShell struct {
	err    error
	opened []string
}

func (f *fakeShell) HostShell(string) (tea.ExecCommand, error) { return nil, errors.New("not here") }

func (f *fakeShell) ContainerShell(host, id string) (tea.ExecCommand, error) {
	f.opened = append(f.opened, host+"/"+id[:3])
	return nil, f.err
}

// stage is a screen in a test.
type stage struct {
	t      *testing.T
	s      *Screen
	fleet  *fakeFleet
	ops    *fakeOps
	detail *fakeDetail
	shell  *fakeShell
	now    time.Time
	copied string
	toasts []string
	asked  []ui.ConfirmMsg
	opened []ui.OpenMsg
	hold   bool // commands wait in held instead of being run
	held   []tea.Cmd
}

func newStage(t *testing.T, st *themes.Styles, open ui.OpenMsg, snap *hosts.Snapshot) *stage {
	t.Helper()
	g := &stage{
		t: t, fleet: &fakeFleet{snap: snap, watching: map[hosts.Topic]int{}}, ops: &fakeOps{fail: map[string]error{}},
		detail: &fakeDetail{}, shell: &fakeShell{}, now: now(),
	}
	g.s = New(ui.Deps{
		Now: func() time.Time { return g.now }, Styles: st, Fleet: g.fleet, Ops: g.ops, Detail: g.detail, Shell: g.shell,
		Copy: func(text string) error { g.copied = text; return nil }, Context: t.Context(),
	}, open)
	t.Cleanup(g.s.Close)
	g.s.SetSize(120, 40)
	g.run(g.s.Init())
	return g
}

// run executes a command and what follows from it.
func (g *stage) run(cmd tea.Cmd) {
	g.t.Helper()
	if cmd == nil {
		return
	}
	if g.hold {
		g.held = append(g.held, cmd)
		return
	}
	switch m := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range m {
			g.run(c)
		}
	case ui.ToastMsg:
		g.toasts = append(g.toasts, m.Text)
	case ui.OpenMsg:
		g.opened = append(g.opened, m)
	case ui.ConfirmMsg:
		g.asked = append(g.asked, m)
	default:
		g.run(g.s.Update(m))
	}
}

func (g *stage) unlock() {
	g.t.Helper()
	if _, err := g.ops.Unlock("test", time.Hour); err != nil {
		g.t.Fatal(err)
	}
}

// keys presses keys as the root hands them on.
func (g *stage) keys(names ...string) {
	g.t.Helper()
	for _, k := range uitest.Keys(names...) {
		switch {
		case g.s.Capturing():
			g.run(g.s.Update(k))
		case k.Type == tea.KeyEsc:
			g.s.Back()
		default:
			cmd, ok := ui.Dispatch(g.s.Actions(), k, !g.ops.lease.Active(g.now))
			if !ok {
				cmd = g.s.Update(k)
			}
			g.run(cmd)
		}
	}
}

func (g *stage) write(text string) {
	for _, r := range text {
		g.keys(string(r))
	}
}

// at puts the cursor on a container.
func (g *stage) at(host, name string) {
	g.t.Helper()
	it := g.s.find(host, name)
	if it == nil || !g.s.table.Select(it.id()) {
		g.t.Fatalf("no row for %s/%s", host, name)
	}
}

// agree says yes to the last question.
func (g *stage) agree(typed string) {
	g.t.Helper()
	if len(g.asked) == 0 {
		g.t.Fatalf("nothing was asked; toasts %v", g.toasts)
	}
	g.run(g.asked[len(g.asked)-1].Run(typed))
}

func (g *stage) view() string {
	lines := strings.Split(g.s.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (g *stage) has(want string) {
	g.t.Helper()
	if v := g.view(); !strings.Contains(v, want) {
		g.t.Errorf("%q is not in\n%s", want, v)
	}
}

func (g *stage) hasNot(want string) {
	g.t.Helper()
	if v := g.view(); strings.Contains(v, want) {
		g.t.Errorf("%q is in\n%s", want, v)
	}
}

// row is the line of a container.
func (g *stage) row(name string) string {
	g.t.Helper()
	for _, l := range strings.Split(g.view(), "\n") {
		if strings.Contains(l, name) {
			return l
		}
	}
	g.t.Errorf("no row %s in\n%s", name, g.view())
	return ""
}

// many is n hosts with m containers each.
func many(n, m int) *hosts.Snapshot {
	s := &hosts.Snapshot{At: now()}
	for i := range n {
		h := &hosts.HostFacts{Host: hosts.Host{Name: fmt.Sprintf("web-%02d", i)}, Link: hosts.Link{State: hosts.StateConnected}}
		var list []hosts.Container
		stats := map[string]hosts.Series{}
		for j := range m {
			c := cortex()[j%4]
			c.ID = fmt.Sprintf("%032d%032d", i, j)
			c.Name = fmt.Sprintf("service-%d", j)
			c.Project = fmt.Sprintf("project-%d", j/5)
			stats[c.ID] = series(60, now())
			list = append(list, c)
		}
		h.Containers = hosts.Read(list, "GET /containers/json", now())
		h.Stats = hosts.Read(stats, "stats", now())
		s.Hosts = append(s.Hosts, h)
	}
	return s
}
