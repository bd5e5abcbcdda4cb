package services

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func stage(t *testing.T, open ui.OpenMsg, snap *hosts.Snapshot) *uitest.Stage {
	t.Helper()
	return uitest.NewStage(t, uitest.Plain(), open, snap, screen)
}

func TestExitText(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		u    hosts.Unit
		want string
	}{
		{hosts.Unit{}, ""},
		{hosts.Unit{ExitCode: "exited", ExitStatus: 1}, "exit 1"},
		{hosts.Unit{ExitCode: "exited", ExitStatus: 203}, "exit 203: the program cannot be executed: missing, not executable, or its interpreter is (EXEC)"},
		{hosts.Unit{ExitCode: "exited", ExitStatus: 127}, "exit 127: a command was not found"},
		{hosts.Unit{ExitCode: "exited", ExitStatus: 143}, "exit 143: ended by SIGTERM"},
		{hosts.Unit{ExitCode: "killed", ExitStatus: 9, Result: "timeout"}, "killed by SIGKILL because it did not stop in time"},
		{hosts.Unit{ExitCode: "dumped", ExitStatus: 11}, "killed by SIGSEGV, core dumped: the program crashed"},
		{hosts.Unit{ExitCode: "killed", ExitStatus: 63}, "killed by signal 63"},
	} {
		if got := exitText(&k.u); got != k.want {
			t.Errorf("%+v: %q, want %q", k.u, got, k.want)
		}
	}
}

func TestJudgeUnit(t *testing.T) {
	t.Parallel()
	st := uitest.Plain()
	for _, k := range []struct {
		name string
		u    hosts.Unit
		text string
		bad  trouble
	}{
		{"runs", hosts.Unit{Active: "active", Sub: "running"}, "running", fine},
		{"start limit", hosts.Unit{Active: "failed", Result: "start-limit-hit"}, "start limit hit", broken},
		{"exit code", hosts.Unit{Active: "failed", Result: "exit-code", ExitCode: "exited", ExitStatus: 2}, "failed 2", broken},
		{"timeout", hosts.Unit{Active: "failed", Result: "timeout", ExitCode: "killed", ExitStatus: 9}, "failed timeout", broken},
		{"state known, reason not yet", hosts.Unit{Active: "failed"}, "failed", broken},
		{"drains", hosts.Unit{Active: "deactivating", Sub: "stop-sigterm", Since: ago(10 * time.Second), StopTimeout: 28 * time.Second}, "draining 00:18", busy},
		{"drains for ever", hosts.Unit{Active: "deactivating", Since: ago(time.Hour), StopTimeout: -1}, "draining", busy},
		{"drains, timeout not read yet", hosts.Unit{Active: "deactivating"}, "draining", busy},
		{"past its timeout", hosts.Unit{Active: "deactivating", Since: ago(time.Minute), StopTimeout: 30 * time.Second}, "draining +30s", odd},
		{"waits for its restart", hosts.Unit{Active: "activating", Sub: "auto-restart", Restarts: 1}, "restarting", odd},
		{"again and again", hosts.Unit{Active: "activating", Sub: "auto-restart", Restarts: 40}, "restart storm", broken},
		{"storm seen while up", hosts.Unit{Active: "active", Sub: "running", Restarts: 9, Counts: []hosts.RestartCount{{At: ago(time.Hour), N: 1}, {At: ago(time.Minute), N: 9}}}, "restart storm", broken},
		{"a storm that began before we looked", hosts.Unit{Active: "active", Sub: "running", Restarts: 614, Since: ago(2 * time.Second), Counts: []hosts.RestartCount{{At: ago(9 * time.Second), N: 613}, {At: ago(2 * time.Second), N: 614}}}, "restart storm", broken},
		{"a high counter, just up, seen once", hosts.Unit{Active: "active", Sub: "running", Restarts: 614, Since: ago(2 * time.Second), Counts: []hosts.RestartCount{{At: now(), N: 614}}}, "restart storm", broken},
		{"a storm of yesterday", hosts.Unit{Active: "active", Sub: "running", Restarts: 9, Counts: []hosts.RestartCount{{At: ago(26 * time.Hour), N: 1}, {At: ago(25 * time.Hour), N: 9}}}, "running", fine},
		{"one restart", hosts.Unit{Active: "active", Sub: "running", Restarts: 1, Counts: []hosts.RestartCount{{At: ago(time.Hour)}, {At: ago(time.Minute), N: 1}}}, "running", odd},
		{"starts", hosts.Unit{Active: "activating", Sub: "start-pre"}, "starting", busy},
		{"stopped", hosts.Unit{Active: "inactive", Sub: "dead", Result: "success"}, "stopped", fine},
		{"a word of tomorrow", hosts.Unit{Active: "hibernating"}, "hibernating", uncertain},
	} {
		j := judgeUnit(st, &k.u, now())
		if j.text != k.text || j.bad != k.bad {
			t.Errorf("%s: %q %d, want %q %d", k.name, j.text, j.bad, k.text, k.bad)
		}
		if k.u.Draining() && strings.Contains(j.text+j.note, "fail") {
			t.Errorf("%s: a draining unit is called failed: %q", k.name, j.text+j.note)
		}
	}
}

func TestJudgeService(t *testing.T) {
	t.Parallel()
	st := uitest.Plain()
	for _, k := range []struct {
		v    hosts.SwarmService
		text string
		bad  trouble
	}{
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 2}, "running", fine},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 1}, "short of replicas", broken},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2}, "down", broken},
		{hosts.SwarmService{Mode: "replicated"}, "scaled to 0", fine},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 1, UpdateState: "updating"}, "updating", busy},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, UpdateState: "updating"}, "down", broken},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, UpdateState: "paused"}, "down", broken},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 2, UpdateState: "paused"}, "update paused", broken},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 2, UpdateState: "rollback_completed"}, "rolled back", odd},
		{hosts.SwarmService{Mode: "replicated", Wanted: 2, Running: 2, UpdateState: "completed"}, "running", fine},
		{hosts.SwarmService{Mode: "global-job", Wanted: 2}, "job", fine},
	} {
		if j := judgeService(st, &k.v, nil); j.text != k.text || j.bad != k.bad {
			t.Errorf("%+v: %q %d, want %q %d", k.v, j.text, j.bad, k.text, k.bad)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, fleetSnap())
	g.Screen.SetSize(200, 50)
	g.Has("Services  6 failing, 2 odd, 1 draining", "app-1 / powernode.target  2 failing, 1 odd, 1 draining, 2 up",
		"app-1 / services  1 failing", "swarm-1 / swarm studio", "gone-1 / services  1 stale  as of 4m ago: host disconnected: no answer within the deadline",
		"shut-1 / units  systemctl: not permitted (needs systemd)", "draining 00:16", "1/3", "a task cannot be placed")
	g.HasNot("swarm-9", "systemd-random-seed", "multi-user")
	g.Keys("a")
	g.Has("systemd-random-seed", "multi-user.target")
	g.Wait(10 * time.Second)
	g.Has("draining 00:06")
	g.Wait(10 * time.Second)
	g.Has("draining +4s")
	g.HasNot("● running  9d")
	for _, l := range strings.Split(g.View(), "\n") {
		if strings.Contains(l, "worker@eu") && !strings.Contains(l, "~ running") {
			t.Errorf("stale and not said: %q", l)
		}
	}
}

// What drained when a capture was made is not late because the capture is old.
func TestCaptureIsAsOfThen(t *testing.T) {
	t.Parallel()
	s := fleetSnap()
	s.Hosts = s.Hosts[:1]
	s.Hosts[0].Link = hosts.Link{State: hosts.StateConnected, Via: hosts.ViaCapture}
	g := stage(t, ui.OpenMsg{}, s)
	g.Has("draining 00:18")
	g.Wait(26 * time.Hour)
	g.Has("draining 00:18", "draining +28s", "restart storm", "1d02h")
}

func TestGroupsAndFilters(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, fleetSnap())
	g.Screen.SetSize(200, 50)
	g.Keys("b")
	g.Has("powernode-worker@.service", "no template")
	g.Keys("b")
	g.Has("▾ app-1  3 failing")
	g.Keys("b")
	g.HasNot("▾")
	g.Keys("b", "e")
	g.Has("only problems")
	g.HasNot("powernode-frontend@default", "logrotate")
	g.Keys("esc")
	g.Has("powernode-frontend@default")
	for range columns() { // sorting by every column survives rows without facts
		g.Keys("s", "S")
		g.View()
	}
	g.Keys("/")
	g.Types("state:draining")
	g.Has("2 of")
	g.Keys("enter")
	if !g.Screen.(ui.Backer).Back() {
		t.Error("esc does not leave the filter")
	}
	h := stage(t, ui.OpenMsg{Host: "app-1"}, fleetSnap())
	h.Has("▾ powernode.target", "2s · systemctl list-units --all")
	h.HasNot("studio")
	if h.Screen.Title() != "Services app-1" {
		t.Errorf("title %q", h.Screen.Title())
	}
	stage(t, ui.OpenMsg{Host: "nowhere"}, fleetSnap()).Has("no host nowhere in the inventory")
}

func TestDetails(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{Host: "app-1", Object: "powernode-backend@api2"}, fleetSnap())
	g.Has("app-1 / powernode-backend@api2", "start limit hit", "then systemctl reset-failed", "limits.conf",
		"DATABASE_URL=•••", "backend-api2.conf: missing, and the unit does not start without it", "was activating")
	if b := g.Screen.(ui.Backer); b.Back() {
		t.Error("opened for its details only: esc leaves the screen")
	}
	g = stage(t, ui.OpenMsg{Object: "studio_api"}, fleetSnap())
	g.Has("1 running of 3 wanted", "task: non-zero exit (137)", "no suitable node", "node.role==worker", "DATABASE_URL=•••")
	g = stage(t, ui.OpenMsg{Object: "powernode.target"}, fleetSnap())
	g.Has("Members", "powernode-worker@default.service")
	g = stage(t, ui.OpenMsg{Object: "powernode-worker@default.service"}, fleetSnap())
	g.Has("Other instances of powernode-worker@.service", "gone-1 @eu", "then it is started again")
	g = stage(t, ui.OpenMsg{Object: "swarm-2"}, fleetSnap())
	g.Has("node down", "task: non-zero exit")
	// It comes later: the screen was opened before anybody had answered.
	g = stage(t, ui.OpenMsg{Object: "nginx.service"}, &hosts.Snapshot{})
	if len(g.Toasts) != 0 {
		t.Errorf("toasts %v", g.Toasts)
	}
	g.Show(fleetSnap())
	g.Has("exit 217: the user does not exist (USER)")
	g = stage(t, ui.OpenMsg{Host: "app-1", Object: "nope"}, fleetSnap())
	if !slices.Equal(g.Toasts, []string{"no service nope on app-1 now"}) {
		t.Errorf("toasts %v", g.Toasts)
	}
}

func TestLogsAndCopy(t *testing.T) {
	t.Parallel()
	var got []string
	for _, object := range []string{"nginx", "powernode.target", "studio_api", "studio_web"} {
		g := stage(t, ui.OpenMsg{Object: object}, fleetSnap())
		g.Keys("l", "y")
		for _, m := range g.Opened {
			keys := []string{object, m.Screen, m.Host}
			for _, s := range m.Logs.Sources {
				keys = append(keys, s.Key())
			}
			got = append(got, strings.Join(keys, " "))
		}
		if object == "nginx" && g.Copied != "nginx.service" {
			t.Errorf("copied %q", g.Copied)
		}
		if object == "studio_web" && (len(g.Opened) != 0 || len(g.Toasts) == 0) {
			t.Errorf("no container of it is known: opened %v", g.Opened)
		}
	}
	want := []string{
		"nginx logs app-1 app-1/unit:nginx.service",
		"powernode.target logs app-1 app-1/unit:powernode-backend@api2.service app-1/unit:powernode-worker@default.service app-1/unit:powernode-worker@ai-heavy.service app-1/unit:powernode-worker-web@default.service app-1/unit:powernode-frontend@default.service",
		"studio_api logs swarm-1 swarm-1/container:studio_api.1.t1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("opened\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWatchesOnlyWhileShown(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{Host: "app-1"}, fleetSnap())
	s := g.Screen.(ui.Shower)
	g.Run(s.Show(true))
	g.Run(s.Show(true))
	if g.Fleet.Watching[hosts.TopicUnits] != 1 || g.Fleet.Watching[hosts.TopicServices] != 1 {
		t.Errorf("watching %v", g.Fleet.Watching)
	}
	g.Keys("r")
	g.Screen.Close()
	if g.Fleet.Watching[hosts.TopicUnits] != 0 || !slices.Equal(g.Fleet.Refreshed, []string{"app-1"}) {
		t.Errorf("watching %v, refreshed %v", g.Fleet.Watching, g.Fleet.Refreshed)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, fleetSnap())
	g.CheckActions()
	g.Keys("enter")
	g.CheckActions()
	for _, a := range g.Screen.Actions() {
		if a.Effect != ui.Look {
			t.Errorf("%s changes something", a.ID)
		}
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	type scene struct {
		st   *themes.Styles
		open ui.OpenMsg
		snap *hosts.Snapshot
	}
	scenes := map[string]scene{
		"unit":    {open: ui.OpenMsg{Object: "powernode-backend@api2"}, snap: fleetSnap()},
		"service": {open: ui.OpenMsg{Object: "studio_api"}, snap: fleetSnap()},
		"color":   {st: uitest.Styles(themes.Dark(), termenv.TrueColor, false), snap: fleetSnap()},
		"ascii":   {st: uitest.Styles(themes.Dark(), termenv.ANSI, true), snap: fleetSnap()},
	}
	for name, snap := range states() {
		scenes[name] = scene{snap: snap}
	}
	for name, x := range scenes {
		if x.st == nil {
			x.st = uitest.Plain()
		}
		for _, z := range uitest.Sizes() {
			t.Run(fmt.Sprintf("%s/%dx%d", name, z[0], z[1]), func(t *testing.T) {
				t.Parallel()
				g := uitest.NewStage(t, x.st, x.open, x.snap, screen)
				g.Screen.SetSize(z[0], z[1])
				golden.RequireEqual(t, g.Screen.View())
			})
		}
	}
}

func TestViewAtAnySize(t *testing.T) {
	t.Parallel()
	for name, snap := range map[string]*hosts.Snapshot{"fleet": fleetSnap(), "hostile": hostile(), "none": {}} {
		for _, open := range []ui.OpenMsg{{}, {Object: "studio_api"}} {
			t.Run(name+open.Object, func(t *testing.T) {
				t.Parallel()
				g := uitest.NewStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), open, snap, screen)
				uitest.CheckView(t, g.Screen)
			})
		}
	}
	g := stage(t, ui.OpenMsg{}, hostile())
	for range 4 {
		g.Keys("enter")
		if v := g.View(); strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x202e }) {
			t.Errorf("control characters in %q", v)
		}
		g.Keys("esc", "j", "j")
	}
}

func TestViewIsCheap(t *testing.T) {
	s := fleetSnap()
	for i := range 20 {
		h := *s.Hosts[0]
		h.Host.Name = fmt.Sprintf("web-%d", i)
		s.Hosts = append(s.Hosts, &h)
	}
	g := uitest.NewStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), ui.OpenMsg{}, s, screen)
	g.Screen.SetSize(200, 50)
	g.Screen.View()
	if n := testing.AllocsPerRun(20, func() { g.Screen.View() }); n > 500 {
		t.Errorf("%.0f allocations in a View", n)
	}
}

// BenchmarkTick is what a second costs on a fleet of 50 hosts with 190 units each, when something
// happens on one of them.
func BenchmarkTick(b *testing.B) {
	s := fleetSnap()
	var units []hosts.Unit
	for i := range 190 {
		units = append(units, unit(fmt.Sprintf("app-%d.service", i), "active", "running", time.Hour))
	}
	for i := range 50 {
		h := *s.Hosts[0]
		h.Host.Name = fmt.Sprintf("web-%d", i)
		h.Units.Value = units
		s.Hosts = append(s.Hosts, &h)
	}
	x := New(ui.Deps{Context: b.Context(), Now: now, Styles: uitest.Plain(), Fleet: &uitest.Fleet{Snap: s}}, ui.OpenMsg{})
	x.SetSize(200, 50)
	at := now()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		x.Update(ui.TickMsg{At: at})
		x.View()
	}
}
