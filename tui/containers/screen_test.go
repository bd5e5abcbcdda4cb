package containers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestTable(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.has("Containers  2 failing, 3 up, 1 stopped, 2 stale")
	g.has("4 hosts, 1 unknown, 1 stale, oldest 4m")
	g.has("hub-1 / cortex  2 failing, 2 up")
	g.has("gone-1 / cortex  2 stale  as of 4m ago: host disconnected: no answer within the deadline")
	g.has("shut-1  permission denied on /var/run/docker.sock (needs group docker or sudo)")
	g.has("exited 137 OOM")
	g.has("8002→80")
	g.s.SetSize(200, 50)
	if r := g.row("cortex-node-1"); !strings.Contains(r, "2m ago") || !strings.Contains(r, " 7 ") {
		t.Errorf("row %q", r)
	}
}

func TestOneHost(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1"}, fleetSnap())
	g.hasNot("traefik")
	g.has("▾ cortex  2 failing, 2 up")
	g.has("2s · GET /containers/json?all=1")
	if g.s.Title() != "Containers hub-1" {
		t.Errorf("title %q", g.s.Title())
	}
	g = newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1,edge-1"}, fleetSnap())
	g.has("traefik")
	g.hasNot("gone-1")
	g.has("2 hosts, oldest 2s")
	newStage(t, uitest.Plain(), ui.OpenMsg{Host: "nowhere"}, fleetSnap()).has("no host nowhere in the inventory")
}

func TestGroupingTroubleAndFilter(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.s.SetSize(200, 50)
	g.keys("b")
	g.has("▾ hub-1  2 failing, 2 up")
	g.keys("b")
	g.hasNot("▾")
	g.keys("b", "e")
	g.hasNot("ai_hub_service      ● running")
	g.has("cortex-node-1")
	g.has("only trouble")
	if g.s.Back(); g.s.only {
		t.Error("esc leaves the trouble first")
	}
	g.keys("/")
	g.write("host:edge traefik")
	g.has("1 of 9")
	g.keys("enter", "esc")
	g.has("ai_unified_frontend")
}

func TestSortByState(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	for range columns(func() *themes.Styles { return g.s.deps.Styles }) { // sorting by every column survives rows without facts
		g.keys("s", "S")
		g.view()
	}
	g.s.SetSize(200, 50)
	g.keys("b", "b") // flat
	g.s.table.SortBy("state", true)
	lines := strings.Split(g.view(), "\n")
	if !strings.Contains(lines[2], "cortex-node-1") && !strings.Contains(lines[2], "ai_unified_frontend") {
		t.Errorf("the first is %q", lines[2])
	}
}

func TestWatchesOnlyWhileShown(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	want := func(n int) {
		t.Helper()
		if g.fleet.watching[hosts.TopicStats] != n || g.fleet.watching[hosts.TopicContainers] != n {
			t.Errorf("watching %v, want %d", g.fleet.watching, n)
		}
	}
	want(0)
	g.run(g.s.Show(true))
	g.run(g.s.Show(true))
	want(1)
	g.run(g.s.Show(false))
	want(0)
	g.run(g.s.Show(true))
	g.s.Close()
	want(0)
}

func TestLogs(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.at("hub-1", "ai_hub_service")
	g.keys("l")
	g.keys(" ", " ") // marks two
	g.keys("l")
	g.keys("esc", "g", "l") // the first row of the list is the project's heading
	var got []string
	for _, m := range g.opened {
		var keys []string
		for _, s := range m.Logs.Sources {
			keys = append(keys, s.Key())
		}
		got = append(got, m.Screen+" "+strings.Join(keys, ","))
	}
	want := []string{
		"logs hub-1/container:ai_hub_service",
		"logs hub-1/container:ai_hub_service,hub-1/container:ai_unified_frontend",
		"logs hub-1/container:ai_hub_service,hub-1/container:ai_unified_frontend,hub-1/container:cortex-db-1,hub-1/container:cortex-node-1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("opened\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCopyAndRefresh(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.at("hub-1", "cortex-db-1")
	g.keys("y")
	if g.copied != "cortex-db-1" {
		t.Errorf("copied %q", g.copied)
	}
	g.keys("Y")
	if len(g.copied) != 64 || g.copied[:3] != "cc3" {
		t.Errorf("copied %q", g.copied)
	}
	g.keys("r")
	if !slices.Equal(g.fleet.refreshed, []string{"hub-1"}) {
		t.Errorf("refreshed %v", g.fleet.refreshed)
	}
}

func TestReadOnlyStopsEveryChange(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.at("hub-1", "ai_hub_service")
	g.keys("R", "U", "D")
	if len(g.asked)+len(g.ops.calls) != 0 || len(g.toasts) != 3 {
		t.Errorf("asked %d, called %v, toasts %v", len(g.asked), g.ops.calls, g.toasts)
	}
	for _, m := range g.toasts {
		if !strings.Contains(m, "read-only") {
			t.Errorf("toast %q", m)
		}
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.unlock()
	g.s.SetSize(200, 50)
	g.at("hub-1", "ai_hub_service")
	g.keys("R")
	q := g.asked[0]
	if q.Title != "restart ai_hub_service on hub-1?" || q.Typed != "" || q.Effect != ui.Destroy {
		t.Errorf("asked %+v", q)
	}
	if body := strings.Join(q.Body, "\n"); !strings.Contains(body, "needed by ai_unified_frontend") || !strings.Contains(body, "publishes 8000") || !strings.Contains(body, "health healthy") {
		t.Errorf("body\n%s", body)
	}
	if len(g.ops.calls) != 0 {
		t.Fatal("acted before consent")
	}
	g.hold = true
	g.agree("")
	g.hold = false
	if r := g.row("ai_hub_service"); !strings.Contains(r, "restart next") && !strings.Contains(r, "restart is next") {
		t.Errorf("row %q", r)
	}
	g.keys("R") // a second time, while it is under way
	if len(g.asked) != 1 || !strings.Contains(g.toasts[0], "under way already") {
		t.Errorf("asked again; toasts %v", g.toasts)
	}
	g.release()
	if !slices.Equal(g.ops.calls, []string{"restart hub-1 aa1"}) {
		t.Errorf("calls %v", g.ops.calls)
	}
	g.has("✓ running again after 2s")
	if got := g.toasts[len(g.toasts)-1]; got != "hub-1/ai_hub_service: running again after 2s" {
		t.Errorf("toast %q", got)
	}
	if !slices.Contains(g.fleet.refreshed, "hub-1") {
		t.Error("the host is not read again")
	}
	g.now = g.now.Add(time.Minute)
	g.run(g.s.Update(ui.TickMsg{At: g.now}))
	g.hasNot("running again")
}

// release runs what was held.
func (g *stage) release() {
	held := g.held
	g.held = nil
	for _, c := range held {
		g.run(c)
	}
}

func TestActOnManyWithOneFailure(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1"}, fleetSnap())
	g.unlock()
	g.s.SetSize(200, 50)
	g.ops.fail["bb2"] = errors.New("port 8002 is already allocated")
	g.keys("g", "R") // the heading: the whole project
	if q := g.asked[0]; q.Title != "restart 4 containers on hub-1?" || !strings.Contains(strings.Join(q.Body, "\n"), "One after the other") {
		t.Errorf("asked %+v", q)
	}
	g.agree("")
	if want := []string{"restart hub-1 aa1", "restart hub-1 bb2", "restart hub-1 cc3", "restart hub-1 dd4"}; !slices.Equal(g.ops.calls, want) {
		t.Errorf("calls %v", g.ops.calls)
	}
	g.has("✗ restart: port 8002 is already allocated")
	if got := g.toasts[0]; got != "restart on hub-1: 1 of 4 containers failed; hub-1/ai_unified_frontend: port 8002 is already allocated" {
		t.Errorf("toast %q", got)
	}
	if g.s.pending() != 0 || len(g.s.running) != 0 {
		t.Errorf("pending %d", g.s.pending())
	}
	// A failure stays until the next try.
	g.now = g.now.Add(time.Hour)
	g.run(g.s.Update(ui.TickMsg{At: g.now}))
	g.has("8002 is already")
	delete(g.ops.fail, "bb2")
	if _, err := g.ops.Unlock("again", 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	g.at("hub-1", "ai_unified_frontend")
	g.keys("R")
	g.agree("")
	g.hasNot("8002 is already")
}

func TestLeaseEndsMidway(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1"}, fleetSnap())
	g.unlock()
	g.ops.fail["bb2"] = fmt.Errorf("restart: %w", hosts.ErrReadOnly)
	g.keys("g", "R")
	g.agree("")
	if len(g.ops.calls) != 2 {
		t.Errorf("went on without the lease: %v", g.ops.calls)
	}
	if a := g.s.acts[key{"hub-1", cortex()[3].ID}]; a == nil || a.state != actFailed || !strings.Contains(a.text, "not tried") {
		t.Errorf("the last one: %+v", a)
	}
	if g.s.pending() != 0 {
		t.Errorf("pending %d", g.s.pending())
	}
}

func TestProductionWantsTheHostsName(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.unlock()
	g.at("edge-1", "traefik")
	g.keys("D")
	if g.asked[0].Typed != "edge-1" {
		t.Errorf("asked %+v", g.asked[0])
	}
	g.agree("edge-1")
	if !slices.Equal(g.ops.calls, []string{"stop edge-1 eee edge-1"}) && !slices.Equal(g.ops.calls, []string{"stop edge-1 ee5 edge-1"}) {
		t.Errorf("calls %v", g.ops.calls)
	}
	// Production is not swept along with others.
	g.keys("*", "R")
	if len(g.asked) != 1 || !strings.Contains(g.toasts[len(g.toasts)-1], "in production") {
		t.Errorf("asked %d; toasts %v", len(g.asked), g.toasts)
	}
}

func TestPointlessActions(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.unlock()
	g.at("hub-1", "ai_hub_service")
	g.keys("U")
	g.at("edge-1", "backup-日本語-🚀-job")
	g.keys("D")
	if len(g.asked) != 0 || len(g.toasts) != 2 {
		t.Errorf("asked %v; toasts %v", g.asked, g.toasts)
	}
	// What a host that is gone runs now is not known: asking is not pointless there.
	g.at("gone-1", "ai_hub_service")
	g.keys("U")
	if len(g.asked) != 1 || !strings.Contains(g.asked[0].Body[0], "as of 4m ago") {
		t.Errorf("asked %+v", g.asked)
	}
}

func TestUnknownHostRow(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "shut-1"}, fleetSnap())
	g.unlock()
	g.s.table.Select("shut-1/")
	g.keys("enter", "R", "l", "y", "x")
	if len(g.asked)+len(g.opened)+len(g.ops.calls) != 0 {
		t.Errorf("did something: %v %v", g.asked, g.opened)
	}
	if !strings.Contains(g.toasts[0], "permission denied") {
		t.Errorf("toasts %v", g.toasts)
	}
}

// Leaving the screen stops nothing that was agreed to, and the result is told all the same.
func TestActionOutlivesTheScreen(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1"}, fleetSnap())
	g.unlock()
	g.keys("g", "R")
	g.hold = true
	g.agree("")
	g.hold = false
	g.s.Close()
	g.release()
	if len(g.ops.calls) != 4 {
		t.Errorf("calls %v", g.ops.calls)
	}
	if len(g.toasts) != 1 || g.toasts[0] != "restarted 4 containers on hub-1" {
		t.Errorf("toasts %v", g.toasts)
	}
}

func TestShell(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.unlock()
	g.at("hub-1", "cortex-node-1")
	g.keys("x")
	g.at("hub-1", "ai_hub_service")
	g.shell.err = errors.New("docker exec: no such container")
	g.keys("x")
	g.keys(" ", " ", "x")
	if want := []string{"shell: cortex-node-1 is exited", "shell: docker exec: no such container", "shell: choose one container; ai_hub_service, ai_unified_frontend are chosen"}; !slices.Equal(g.toasts, want) {
		t.Errorf("toasts %q", g.toasts)
	}
	g.run(g.s.Update(shellEndedMsg{g.s, "api", errors.New("exit status 127: sh: not found")}))
	g.run(g.s.Update(shellEndedMsg{nil, "api", errors.New("of another screen")}))
	if got := g.toasts[len(g.toasts)-1]; got != "shell in api: exit status 127: sh: not found" {
		t.Errorf("toast %q", got)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	g.at("hub-1", "ai_hub_service")
	g.keys("enter")
	g.has("[overview]")
	g.has("● running, 3h12m")
	g.has("needed by ai_unified_frontend")
	g.has("cortex/ai-hub@sha256:feed")
	if g.s.Title() != "Containers › ai_hub_service" {
		t.Errorf("title %q", g.s.Title())
	}
	if g.detail.calls != 0 {
		t.Error("read before it was asked for")
	}
	g.keys("tab")
	g.has(`"Cmd": ["uvicorn"]`)
	g.keys("/")
	g.write("cmd")
	g.keys("enter")
	g.has("1/1")
	g.keys("n", "N", "esc")
	g.hasNot("1/1")
	for _, want := range []string{"SECRET_KEY=•••", "/app/data", "172.18.0.2", "com.docker.compose.service=ai-hub", "nothing happened to it", "curl: (7) Failed to connect", "uvicorn app.main:app"} {
		g.keys("tab")
		g.has(want)
	}
	if g.detail.calls != 1 {
		t.Errorf("read %d times", g.detail.calls)
	}
	g.keys("r")
	if g.detail.calls != 2 {
		t.Error("r does not read again")
	}
	g.keys("tab")
	g.has("[overview]")
	g.keys("l", "y")
	if len(g.opened) != 1 || g.copied != "ai_hub_service" {
		t.Errorf("opened %v copied %q", g.opened, g.copied)
	}
	g.keys("esc")
	g.has("hub-1 / cortex")
}

func TestDetailEvents(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1", Object: "cortex-node-1"}, fleetSnap())
	g.run(g.s.detail.open(g.s, tabEvents))
	v := g.view()
	if !strings.Contains(v, "die  exit 137") || !strings.Contains(v, "oom") || strings.Contains(v, "start") {
		t.Errorf("events\n%s", v)
	}
	if strings.Index(v, "die") > strings.Index(v, "oom") {
		t.Error("not the newest first")
	}
	if g.s.Back() {
		t.Error("opened for its details only: esc leaves the screen")
	}
}

func TestDetailFailureAndStaleAnswers(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1", Object: "ai_hub_service"}, fleetSnap())
	g.detail.err = errors.New("inspect: no answer within the deadline")
	g.keys("tab")
	g.has("✗ unknown: inspect: no answer within the deadline")
	g.detail.err = nil
	g.hold = true
	g.keys("r")
	first := g.held[0]
	firstCtx := g.s.detail.gen
	g.keys("r")
	if g.s.detail.gen == firstCtx {
		t.Fatal("no new generation")
	}
	second := g.held[1]
	g.hold, g.held = false, nil
	g.has("◌ reading")
	g.detail.err = errors.New("of the first")
	g.run(first) // late and of an older generation
	if !errors.Is(g.detail.ctx.Err(), context.Canceled) {
		t.Error("the first read was not given up")
	}
	g.hasNot("of the first")
	g.detail.err = nil
	g.run(second)
	g.has(`"Image": "cortex/ai-hub"`)
	g.detail.err = errors.New("gone away")
	g.keys("r")
	g.has("~ gone away")
	g.has(`"Image": "cortex/ai-hub"`)
	// Closed while it loads: the answer finds nobody.
	g.hold = true
	g.keys("r", "esc")
	g.hold = false
	g.release()
	if g.s.detail != nil {
		t.Error("the details came back")
	}
}

func TestDetailOfAContainerThatGoes(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1", Object: "ai_hub_service"}, fleetSnap())
	s := fleetSnap()
	s.Hosts[0].Containers.Value = s.Hosts[0].Containers.Value[1:]
	g.run(g.s.Update(ui.SnapshotMsg{Snapshot: s}))
	g.has("gone: what was known of it last")
	g.has("needed by ai_unified_frontend")
	g.unlock()
	g.keys("R", "l", "x")
	if len(g.asked)+len(g.opened) != 0 || len(g.toasts) != 3 {
		t.Errorf("asked %v opened %v toasts %v", g.asked, g.opened, g.toasts)
	}
	newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1", Object: "nope"}, fleetSnap()).has("ai_hub_service")
}

func TestResizeWhileLoading(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: "hub-1", Object: "ai_hub_service"}, fleetSnap())
	g.hold = true
	g.keys("tab")
	g.hold = false
	g.s.SetSize(60, 12)
	g.view()
	g.release()
	g.has(`"Id": "aa1`)
}

func TestMouse(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	click := func(x, y int) {
		g.run(g.s.Update(tea.MouseMsg{X: x, Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress}))
	}
	click(10, 4)
	if g.s.detail != nil {
		t.Error("the first click selects")
	}
	click(10, 4)
	if g.s.detail == nil || g.s.detail.name != "ai_unified_frontend" {
		t.Fatalf("details of %+v", g.s.detail)
	}
	click(13, 1)
	if g.s.detail.tab != tabInspect {
		t.Errorf("page %s", g.s.detail.tab)
	}
}

func TestActionsHaveNoConflicts(t *testing.T) {
	t.Parallel()
	g := newStage(t, uitest.Plain(), ui.OpenMsg{}, fleetSnap())
	for _, what := range []string{"table", "details"} {
		for _, c := range ui.Conflicts(g.s.Actions()) {
			t.Errorf("%s: %s", what, c)
		}
		for _, a := range g.s.Actions() {
			for _, k := range a.Key.Keys() {
				if slices.Contains(strings.Fields(": ? L M [ ] q esc backspace ctrl+p ctrl+c ctrl+r ctrl+l ctrl+z 1 2 3 4 5 6 7 8 9 0"), k) {
					t.Errorf("%s: %s takes the console's key %s", what, a.ID, k)
				}
			}
		}
		g.at("hub-1", "ai_hub_service")
		g.keys("enter")
	}
}

func states() map[string]*hosts.Snapshot {
	loading := &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "hub-1"}}, {Host: hosts.Host{Name: "edge-1"}}}}
	empty := fleetSnap()
	empty.Hosts = empty.Hosts[:1]
	empty.Hosts[0].Containers.Value = nil
	failed := fleetSnap()
	failed.Hosts = failed.Hosts[3:]
	stale := fleetSnap()
	for _, h := range stale.Hosts[:2] {
		h.Link = hosts.Link{State: hosts.StateError, Reason: "5 failures in a row: connection refused"}
		h.Containers.At = ago(7 * time.Minute)
	}
	return map[string]*hosts.Snapshot{"loading": loading, "empty": empty, "failed": failed, "stale": stale, "readonly": fleetSnap()}
}

// scene is a screen as a golden view shows it.
type scene struct {
	st   *themes.Styles
	open ui.OpenMsg
	snap *hosts.Snapshot
	then func(*stage)
}

func scenes() map[string]scene {
	plain := uitest.Plain()
	out := map[string]scene{}
	for name, snap := range states() {
		out[name] = scene{st: plain, snap: snap}
	}
	hub := ui.OpenMsg{Host: "hub-1", Object: "ai_hub_service"}
	page := func(t tab) func(*stage) {
		return func(g *stage) { g.run(g.s.detail.open(g.s, t)) }
	}
	for p := range tabCount {
		out["detail_"+p.String()] = scene{st: plain, open: hub, snap: fleetSnap(), then: page(p)}
	}
	out["acting"] = scene{st: plain, snap: fleetSnap(), then: func(g *stage) {
		g.unlock()
		g.ops.fail["aa1"] = errors.New("the engine says: driver failed programming external connectivity")
		g.at("hub-1", "ai_hub_service")
		g.keys("R")
		g.agree("")
		g.at("hub-1", "cortex-db-1")
		g.keys("D")
		g.hold = true
		g.agree("")
	}}
	out["marked"] = scene{st: plain, snap: fleetSnap(), then: func(g *stage) { g.keys(" ", " ", "e", "s") }}
	out["truecolor"] = scene{st: uitest.Styles(themes.Dark(), termenv.TrueColor, false), snap: fleetSnap()}
	out["truecolor_light_detail"] = scene{st: uitest.Styles(themes.Light(), termenv.TrueColor, false), open: hub, snap: fleetSnap()}
	out["ascii"] = scene{st: uitest.Styles(themes.Dark(), termenv.ANSI, true), snap: fleetSnap()}
	return out
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenes() {
		for _, z := range uitest.Sizes() {
			t.Run(fmt.Sprintf("%s/%dx%d", name, z[0], z[1]), func(t *testing.T) {
				t.Parallel()
				g := newStage(t, x.st, x.open, x.snap)
				if x.then != nil {
					x.then(g)
				}
				g.s.SetSize(z[0], z[1])
				golden.RequireEqual(t, g.s.View())
			})
		}
	}
}

// hostile is a fleet whose every text tries to get out of its cell.
func hostile() *hosts.Snapshot {
	evil := "\x1b[2J\x1b]0;x\a\u202eevil\u200d 👩‍👩‍👧 " + strings.Repeat("長", 60) + "\n\t\x00\xff"
	c := cortex()[0]
	c.Name, c.Image, c.Status, c.Error, c.Project, c.Probe, c.NetMode = evil, evil, evil, evil, evil, evil, evil
	c.Command = []string{evil, evil}
	c.Labels = map[string]string{evil: evil}
	c.EnvNames = []string{evil}
	c.Mounts = []hosts.ContainerMount{{Type: evil, Name: evil, Source: evil, Destination: evil}}
	c.Networks = []hosts.ContainerNetwork{{Name: evil, IP: evil, Aliases: []string{evil}}}
	c.Ports = []hosts.Port{{HostIP: evil, HostPort: 1, ContainerPort: 2, Proto: evil}}
	c.HealthLog = []hosts.HealthResult{{Exit: 1, Output: evil}}
	h := &hosts.HostFacts{Host: hosts.Host{Name: evil}, Link: hosts.Link{State: hosts.StateConnected, Reason: evil}, Containers: hosts.Read([]hosts.Container{c}, evil, now())}
	bad := &hosts.HostFacts{Host: hosts.Host{Name: "b"}, Containers: hosts.Part[[]hosts.Container]{Reason: evil, Needs: evil, Tried: now()}}
	return &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{h, bad}, Events: []hosts.Event{{At: now(), Host: evil, Kind: "container", Object: evil, ID: c.ID, Action: evil, Detail: evil}}}
}

func TestViewAtAnySize(t *testing.T) {
	t.Parallel()
	for name, snap := range map[string]*hosts.Snapshot{"fleet": fleetSnap(), "hostile": hostile(), "many": many(3, 40), "none": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), ui.OpenMsg{}, snap).s
			if name == "fleet" {
				uitest.CheckView(t, s)
			}
			someSizes(t, s)
		})
	}
	for p := range tabCount {
		t.Run("hostile "+p.String(), func(t *testing.T) {
			t.Parallel()
			s := hostile()
			g := newStage(t, uitest.Plain(), ui.OpenMsg{Host: s.Hosts[0].Host.Name, Object: s.Hosts[0].Containers.Value[0].ID}, s)
			g.run(g.s.detail.open(g.s, p))
			g.keys("/")
			g.write("e")
			someSizes(t, g.s)
			for _, z := range uitest.Sizes() {
				g.s.SetSize(z[0], z[1])
				if v := g.s.View(); strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x202e }) {
					t.Errorf("control characters in %q", v)
				}
			}
		})
	}
}

func TestViewAllocs(t *testing.T) {
	g := newStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), ui.OpenMsg{}, many(10, 50))
	g.s.SetSize(200, 50)
	g.s.View()
	if n := testing.AllocsPerRun(20, func() { g.s.View() }); n > 500 {
		t.Errorf("%.0f allocations in a View", n)
	}
}

func BenchmarkView(b *testing.B) {
	g := benchScreen(b, 10, 50)
	b.ReportAllocs()
	for b.Loop() {
		g.View()
	}
}

// BenchmarkTick is what a second costs: the rows are made anew for their ages.
func BenchmarkTick(b *testing.B) {
	g := benchScreen(b, 20, 50)
	at := now()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		g.Update(ui.TickMsg{At: at})
		g.View()
	}
}

func benchScreen(b *testing.B, n, m int) *Screen {
	b.Helper()
	s := New(ui.Deps{Context: b.Context(), Now: now, Styles: uitest.Styles(themes.Dark(), termenv.TrueColor, false), Fleet: &fakeFleet{snap: many(n, m)}}, ui.OpenMsg{})
	s.SetSize(200, 50)
	return s
}

// someSizes asserts what uitest.CheckView does at fewer sizes, for the variants of a screen that
// share their layout with one that is tried at all of them.
func someSizes(t *testing.T, s *Screen) {
	t.Helper()
	for _, h := range []int{0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 24, 50, 70} {
		for _, w := range []int{0, 1, 2, 19, 20, 21, 29, 30, 39, 40, 41, 80, 111, 200, 220} {
			s.SetSize(w, h)
			v := s.View()
			lines := strings.Split(v, "\n")
			if h == 0 && v != "" || h > 0 && len(lines) != h {
				t.Fatalf("%dx%d: %d lines", w, h, len(lines))
			}
			for _, l := range lines {
				if n := ui.Width(l); n > w {
					t.Fatalf("%dx%d: a line of %d cells: %q", w, h, n, l)
				}
			}
		}
	}
}
