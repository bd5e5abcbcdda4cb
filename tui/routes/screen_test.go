package routes_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/charmbracelet/x/exp/teatest"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/routes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// states are the five every screen must draw.
func states(t testing.TB) map[string]*hosts.Snapshot {
	t.Helper()
	why := hosts.Part[[]hosts.Nginx]{}.Failed("nginx -T: permission denied", "root or passwordless sudo", "nginx -T", uitest.Now())
	return map[string]*hosts.Snapshot{
		"loading": {Gen: 1, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a"}}, {Host: hosts.Host{Name: "b"}}}},
		"empty":   {Gen: 1, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a"}, Nginx: known([]hosts.Nginx{}, "ps")}}},
		"failed":  {Gen: 1, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "a"}, Nginx: why}, {Host: hosts.Host{Name: "b"}, Nginx: why}}},
		"stale":   gone(t),
		"good":    night(t),
	}
}

func TestGolden(t *testing.T) {
	for name, s := range states(t) {
		t.Run(name, func(t *testing.T) {
			r, _ := screen(t, s, ui.OpenMsg{Screen: "routes"})
			uitest.Golden(t, r)
		})
	}
}

func TestGoldenDetail(t *testing.T) {
	for name, object := range map[string]string{"location": "/etc/nginx/conf.d/shop.conf:11", "endpoint": "10.0.0.2:3000", "router": "admin@docker"} {
		t.Run(name, func(t *testing.T) {
			r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
			press(t, r, "/")
			for _, c := range object {
				press(t, r, string(c))
			}
			press(t, r, "enter", "G")
			r.SetSize(120, 50)
			press(t, r, "enter")
			golden.RequireEqual(t, r.View())
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	w := &world{snap: night(t), watched: map[hosts.Topic]int{}}
	r := routes.New(w.deps(t, uitest.Styles(themes.Dark(), termenv.Ascii, true)), ui.OpenMsg{Screen: "routes"})
	r.SetSize(120, 40)
	feed(t, r, r.Init())
	golden.RequireEqual(t, ui.ASCII(r.View()))
}

func TestAnySize(t *testing.T) {
	t.Parallel()
	all := states(t)
	all["hostile"] = hostile(t)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := screen(t, s, ui.OpenMsg{Screen: "routes"})
			uitest.CheckView(t, r)
			for _, keys := range [][]string{{"+", "G"}, {"enter"}, {"esc", "v", "/", "x"}} {
				press(t, r, keys...)
				uitest.CheckView(t, r)
			}
		})
	}
}

const evil = "日本語\x1b[31mred\x1b[2J\u202eevil\u0301\u0301\u0301🚀🚀"

func hostile(t testing.TB) *hosts.Snapshot {
	t.Helper()
	s := night(t)
	s.Hosts[1].Host.Name = evil
	s.Hosts[1].Traefik.Value[0].Routers[0].Rule = evil + "\n" + strings.Repeat(evil, 30)
	s.Hosts[1].Containers.Value[1].Error = evil
	s.Hosts[0].Nginx.Reason = evil
	s.Hosts[1].Nginx.Value[0] = nginxOf(t, "front", "http { server { listen 80; location \"/"+strings.ReplaceAll(evil, "\x1b", "")+"\" { proxy_pass http://api:8000; } } }")
	return s
}

func TestHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, hostile(t), ui.OpenMsg{Screen: "routes"})
	r.SetSize(200, 60)
	press(t, r, "+", "g")
	for range 40 {
		if v := r.View(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Fatalf("the view holds what a host sent: %q", v)
		}
		press(t, r, "j")
	}
}

func press(t testing.TB, r *routes.Screen, keys ...string) []tea.Msg {
	t.Helper()
	var out []tea.Msg
	for _, k := range keys {
		if k == "esc" && !r.Capturing() {
			r.Back()
			continue
		}
		out = append(out, uitest.Press(t, r, true, k)...)
	}
	return out
}

func only[T any](t testing.TB, msgs []tea.Msg) T {
	t.Helper()
	for _, m := range msgs {
		if x, ok := m.(T); ok {
			return x
		}
	}
	var none T
	t.Fatalf("no %T among %v", none, msgs)
	return none
}

func TestNextProblem(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	r.SetSize(200, 50)
	for i, want := range []string{"endpoint 10.0.0.2:8090", "endpoint 10.0.0.2:3000", "location /api/", "member unix:/run/app/2.sock", "endpoint 10.0.0.2:8090"} {
		press(t, r, "n")
		if v := r.View(); !strings.Contains(v, "─ "+want+" ─") {
			t.Fatalf("problem %d is not %s:\n%s", i, want, v)
		}
	}
	press(t, r, "N", "N")
	if v := r.View(); !strings.Contains(v, "─ location /api/ ─") {
		t.Errorf("N does not go back:\n%s", v)
	}
	calm, _ := screen(t, states(t)["empty"], ui.OpenMsg{Screen: "routes"})
	if m := only[ui.ToastMsg](t, press(t, calm, "n")); m.Text != "no route is broken or unknown" {
		t.Error(m.Text)
	}
}

func TestFoldsStayOverSnapshots(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	r.SetSize(140, 40)
	if v := r.View(); !strings.Contains(v, "location /api/") || strings.Contains(v, "cluster api") {
		t.Fatalf("what is open at first:\n%s", v)
	}
	press(t, r, "+")
	if v := r.View(); !strings.Contains(v, "cluster api") {
		t.Errorf("+ opens all:\n%s", v)
	}
	press(t, r, "-")
	feed(t, r, r.Update(ui.SnapshotMsg{Snapshot: night(t)}))
	if v := r.View(); strings.Contains(v, "listener") || !strings.Contains(v, "▸ Envoy") || !strings.Contains(v, "2 broken, 2 ok: port 10.0.0.2:8090: nothing listens") {
		t.Errorf("- closes all but the hosts, and a snapshot opens nothing:\n%s", v)
	}
	press(t, r, "g", "j", "right", "right", "j")
	if v := r.View(); !strings.Contains(v, "▌ ✗     ▸ listener https") {
		t.Errorf("right opens:\n%s", v)
	}
	press(t, r, "left", "left")
	if v := r.View(); !strings.Contains(v, "▸ Envoy") {
		t.Errorf("left goes up, then closes:\n%s", v)
	}
}

func TestFilterFindsWhatIsFolded(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	press(t, r, "-", "/", "3", "0", "0", "0", "enter")
	v := r.View()
	for _, want := range []string{"endpoint 10.0.0.2:3000", "cluster git", "chain for git.example.com", "edge"} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	if strings.Contains(v, "location /api/") {
		t.Errorf("what does not match is shown:\n%s", v)
	}
	press(t, r, "esc")
	if v := r.View(); strings.Contains(v, "cluster git") {
		t.Errorf("the filter is gone and what it opened is not:\n%s", v)
	}
}

func TestOnlyTrouble(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	press(t, r, "e")
	if v := r.View(); strings.Contains(v, "= /healthz") || !strings.Contains(v, "location /api/") || !strings.Contains(v, "location /any/") {
		t.Errorf("only trouble:\n%s", v)
	}
	if !r.Back() || !strings.Contains(r.View(), "= /healthz") || r.Back() {
		t.Error("Back shows all again, then nothing is left")
	}
}

func TestJumps(t *testing.T) {
	t.Parallel()
	at := func(object string) (*routes.Screen, *world) {
		return screen(t, night(t), ui.OpenMsg{Screen: "routes", Object: object})
	}
	r, w := at("/etc/nginx/conf.d/shop.conf:11")
	if m := only[ui.OpenMsg](t, press(t, r, "c")); m.Screen != "containers" || m.Host != "app" || m.Object != "api" {
		t.Errorf("container: %+v", m)
	}
	m := only[ui.OpenMsg](t, press(t, r, "l"))
	if m.Screen != "logs" || m.Logs.Sources[0].Key() != "app/container:api" {
		t.Errorf("logs: %+v", m)
	}
	press(t, r, "y")
	if w.copied != "/etc/nginx/conf.d/shop.conf:11" {
		t.Errorf("copied %q", w.copied)
	}
	press(t, r, "Y")
	if !strings.Contains(w.copied, "proxy_set_header X-Forwarded-Proto $scheme;") || !strings.Contains(w.copied, "location /api/ on app") || strings.Contains(w.copied, "\x1b") {
		t.Errorf("copied %q", w.copied)
	}
	press(t, r, "r")
	if len(w.refreshed) != 1 || w.refreshed[0] != "app" {
		t.Errorf("refreshed %v", w.refreshed)
	}
	r, _ = at("unix:/run/app/1.sock")
	press(t, r, "/", "1", ".", "s", "o", "c", "k", "enter", "G")
	if m := only[ui.OpenMsg](t, press(t, r, "l")); m.Logs.Sources[0].Key() != "app/unit:app@1.service" {
		t.Errorf("logs of a unit: %+v", m.Logs)
	}
	if m := only[ui.OpenMsg](t, press(t, r, "c")); m.Screen != "services" || m.Object != "app@1.service" {
		t.Errorf("unit: %+v", m)
	}
	r, _ = screen(t, states(t)["empty"], ui.OpenMsg{Screen: "routes"})
	for _, k := range []string{"enter", "c", "l", "y", "Y"} {
		if m := only[ui.ToastMsg](t, press(t, r, k)); !strings.Contains(m.Text, "no route is selected") {
			t.Errorf("%s: %s", k, m.Text)
		}
	}
}

func TestOpenedFor(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes", Host: "edge"})
	if v := r.View(); strings.Contains(v, "nginx in front") || !strings.Contains(v, "Routes edge") {
		t.Errorf("not narrowed to edge:\n%s", v)
	}
	w := &world{snap: night(t), watched: map[hosts.Topic]int{}}
	r = routes.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "routes", Object: "nowhere"})
	if m := only[ui.ToastMsg](t, feed(t, r, r.Init())); !strings.Contains(m.Text, "no route is or leads to nowhere") {
		t.Error(m.Text)
	}
	r, _ = screen(t, night(t), ui.OpenMsg{Screen: "routes", Host: "gone"})
	if v := r.View(); !strings.Contains(v, "no host gone in the inventory") {
		t.Errorf("a host that is not there:\n%s", v)
	}
}

func TestWatchesWhileShown(t *testing.T) {
	t.Parallel()
	r, w := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	r.Show(true)
	if w.watched[hosts.TopicRoutes] != 1 {
		t.Errorf("watched: %v", w.watched)
	}
	r.Close()
	if w.watched[hosts.TopicRoutes] != 0 {
		t.Errorf("watched after Close: %v", w.watched)
	}
}

func TestOneTreeAtATime(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	first := r.Update(ui.SnapshotMsg{Snapshot: gone(t)})
	if first == nil || r.Update(ui.SnapshotMsg{Snapshot: night(t)}) != nil {
		t.Fatal("a second tree is laid out beside the first")
	}
	msgs := uitest.Run(first)
	next := r.Update(msgs[0])
	if next == nil {
		t.Fatal("the snapshot that came meanwhile is forgotten")
	}
	feed(t, r, next)
	if v := r.View(); strings.Contains(v, "stale") {
		t.Errorf("the older snapshot is shown:\n%s", v)
	}
}

func TestNothingIsLaidOutForSamples(t *testing.T) {
	t.Parallel()
	r, w := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	next := *w.snap
	next.Gen++
	next.Hosts = append([]*hosts.HostFacts(nil), next.Hosts...)
	fresh := *next.Hosts[1]
	fresh.LoadTrend = []float64{1, 2}
	next.Hosts[1] = &fresh
	if r.Update(ui.SnapshotMsg{Snapshot: &next}) != nil {
		t.Error("a tree is laid out for samples of the load")
	}
	last := next
	last.Hosts = append([]*hosts.HostFacts(nil), next.Hosts...)
	fresher := fresh
	fresher.Containers = fresher.Containers.Failed("gone", "", "", uitest.Now())
	last.Hosts[1] = &fresher
	if r.Update(ui.SnapshotMsg{Snapshot: &last}) == nil {
		t.Error("no tree is laid out for containers that are no longer known")
	}
}

func TestAllocationsOfAView(t *testing.T) {
	w := &world{snap: big(t, 100, 30), watched: map[hosts.Topic]int{}}
	r := routes.New(w.deps(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "routes"})
	r.SetSize(200, 50)
	feed(t, r, r.Init())
	r.View()
	if n := testing.AllocsPerRun(20, func() { r.View() }); n > 500 {
		t.Errorf("%.0f allocations a view, want at most 500", n)
	}
}

func BenchmarkLay(b *testing.B) {
	w := &world{snap: big(b, 100, 30), watched: map[hosts.Topic]int{}}
	r := routes.New(w.deps(b, uitest.Plain()), ui.OpenMsg{Screen: "routes"})
	r.SetSize(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		feed(b, r, r.Init())
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	r, _ := screen(t, night(t), ui.OpenMsg{Screen: "routes"})
	for _, c := range ui.Conflicts(r.Actions()) {
		t.Error(c)
	}
	press(t, r, "enter")
	for _, c := range ui.Conflicts(r.Actions()) {
		t.Error(c)
	}
}

// The shop's API fails: from the first screen to the container that is ill, and its log.
func TestJourneyToTheIllContainer(t *testing.T) {
	w := &world{snap: night(t), watched: map[hosts.Topic]int{}}
	opened := make(chan ui.OpenMsg, 1)
	root, err := tui.New(tui.Params{
		Deps: w.deps(t, uitest.Plain()),
		Screens: []tui.ScreenFactory{
			{ID: "routes", Title: "Routes", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen { return routes.New(d, o) }},
			{ID: "logs", Title: "Logs", New: func(d ui.Deps, o ui.OpenMsg) ui.Screen {
				if o.Logs != nil {
					opened <- o
				}
				return routes.New(d, ui.OpenMsg{Screen: "routes"})
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tm := teatest.NewTestModel(t, root, teatest.WithInitialTermSize(120, 40))
	see := func(text string) {
		teatest.WaitFor(t, tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(text)) }, teatest.WithDuration(5*time.Second))
	}
	see("location /jobs/")
	for _, k := range uitest.Keys("n", "n", "n") {
		tm.Send(k)
	}
	see("broken: container api: running, unhealthy")
	tm.Send(uitest.Keys("l")[0])
	if o := <-opened; o.Logs.Sources[0].Name != "api" {
		t.Errorf("the log of %v", o.Logs.Sources)
	}
	tm.Send(tui.QuitMsg{})
	tm.WaitFinished(t, teatest.WithFinalTimeout(5*time.Second))
}
