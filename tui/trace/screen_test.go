package trace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	chk "midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/trace"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

const (
	apiURL = "https://shop.example.com/api/items"
	okURL  = "https://shop.example.com/ok/"
)

// drawn are the five states every screen must draw, and some of this one.
func drawn(t testing.TB) map[string]*trace.Screen {
	t.Helper()
	loading := trace.New(newWorld(shop(t)).deps(t, uitest.Plain()), ui.OpenMsg{Screen: "trace", Object: apiURL}, new(trace.History))
	live := newWorld(shop(t))
	for _, a := range []string{"10.0.0.1:10001", "10.0.0.2:8002", "172.18.0.2:80"} {
		live.answers[a] = &chk.Answer{Status: 502, Server: "nginx/1.27.2"}
	}
	live.answers["172.18.0.4:8000"] = &chk.Answer{Status: 200, Server: "uvicorn"}
	asked := screen(t, live, okURL)
	press(t, asked, "l")
	typing := screen(t, newWorld(shop(t)), okURL)
	press(t, typing, "u", "a", "p", "i", "down")
	return map[string]*trace.Screen{
		"loading": loading,
		"empty":   screen(t, newWorld(shop(t)), ""),
		"failed":  screen(t, newWorld(shop(t)), "ftp://shop.example.com/"),
		"stale":   screen(t, newWorld(gone(t)), apiURL),
		"good":    screen(t, newWorld(shop(t)), okURL),
		"broken":  screen(t, newWorld(shop(t)), apiURL),
		"live":    asked,
		"typing":  typing,
	}
}

func TestGolden(t *testing.T) {
	for name, s := range drawn(t) {
		t.Run(name, func(t *testing.T) { uitest.Golden(t, s) })
	}
}

func TestGoldenDetail(t *testing.T) {
	s := screen(t, newWorld(shop(t)), apiURL)
	press(t, s, "k", "k")
	for _, name := range []string{"upstream", "dns", "container"} {
		t.Run(name, func(t *testing.T) {
			s.SetSize(120, 50)
			press(t, s, "enter")
			golden.RequireEqual(t, s.View())
			press(t, s, "esc", "j")
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	w := newWorld(shop(t))
	s := trace.New(w.deps(t, uitest.Styles(themes.Dark(), termenv.Ascii, true)), ui.OpenMsg{Screen: "trace", Object: apiURL}, new(trace.History))
	s.SetSize(120, 40)
	feed(t, s, s.Init())
	golden.RequireEqual(t, ui.ASCII(s.View()))
}

func TestAnySize(t *testing.T) {
	t.Parallel()
	all := drawn(t)
	hostile := shop(t)
	hostile.Hosts[1].Containers.Value[1].HealthLog[1].Output = evil
	hostile.Hosts[1].Containers.Value[1].Image = evil
	all["hostile"] = screen(t, newWorld(hostile), apiURL)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uitest.CheckView(t, s)
			for _, keys := range [][]string{{"enter"}, {"esc", "esc", "v", "k"}, {"H"}, {"esc", "b"}} {
				press(t, s, keys...)
				uitest.CheckView(t, s)
			}
		})
	}
}

const evil = "日本語\x1b[31mred\x1b[2J\u202eevil\u0301\u0301\u0301🚀🚀"

func TestHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	snap := shop(t)
	snap.Hosts[1].Containers.Value[1].HealthLog[1].Output = evil
	snap.Hosts[1].Containers.Value[1].Image = evil
	w := newWorld(snap)
	w.answers["172.18.0.3:8000"] = &chk.Answer{Status: 200, Server: evil, Location: evil}
	s := screen(t, w, apiURL)
	s.SetSize(200, 60)
	press(t, s, "l")
	for range 16 {
		if v := s.View(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Fatalf("the view holds what a host sent: %q", v)
		}
		press(t, s, "k")
	}
	press(t, s, "y", "G")
	if strings.ContainsAny(w.copied, "\x1b\u202e") {
		t.Errorf("copied %q", w.copied)
	}
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

func TestTheVerdictIsSelected(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(shop(t)), apiURL)
	v := s.View()
	for _, want := range []string{
		"✗ broken at container api on app: running, unhealthy, 3 restarts; last check: exit 1: curl: (28) timed out",
		"▌ ✗ broken  ╰ container", "10s ago", "2m ago", "healthcheck exit 1: connection refused", "die exit 137",
	} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	// A person's choice stays when the trace is worked out again.
	press(t, s, "g")
	feed(t, s, s.Update(ui.SnapshotMsg{Snapshot: shop(t)}))
	if v := s.View(); !strings.Contains(v, "▌ ✓ ok      ╭ dns") {
		t.Errorf("the cursor went away:\n%s", v)
	}
	press(t, s, "n")
	if v := s.View(); !strings.Contains(v, "▌ ✗ broken  ╰ container") {
		t.Errorf("n does not go to the problem:\n%s", v)
	}
}

func TestTracedAgainWithEverySnapshot(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(shop(t)), apiURL)
	next := shop(t)
	next.Hosts[1].Containers.Value[1].Health = hosts.HealthHealthy
	first := s.Update(ui.SnapshotMsg{Snapshot: next})
	if first == nil || s.Update(ui.SnapshotMsg{Snapshot: shop(t)}) != nil {
		t.Fatal("two traces are worked out at a time")
	}
	feed(t, s, first)
	if v := s.View(); !strings.Contains(v, "broken at container api") {
		t.Errorf("the newest snapshot is not the one shown:\n%s", v)
	}
	feed(t, s, s.Update(ui.SnapshotMsg{Snapshot: next}))
	if v := s.View(); !strings.Contains(v, "✓ reaches container api on app: running, healthy") {
		t.Errorf("not traced again:\n%s", v)
	}
}

func TestAskingTheHops(t *testing.T) {
	t.Parallel()
	w := newWorld(shop(t))
	for _, a := range []string{"10.0.0.1:10001", "10.0.0.2:8002", "172.18.0.2:80"} {
		w.answers[a] = &chk.Answer{Status: 502, Server: "nginx/1.27.2"}
	}
	w.answers["172.18.0.4:8000"] = &chk.Answer{Status: 200, Server: "uvicorn"}
	s := screen(t, w, okURL)
	s.SetSize(160, 40)
	press(t, s, "l")
	v := s.View()
	// The server is the last that answers for nginx itself, and behind it all is well.
	for _, want := range []string{"✗ broken at server shop.example.com on app: it answered 502 (server: nginx/1.27.2), though container web behind it answers 200", "502 nginx", "200 uvicorn", "hops asked 0s ago"} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	if !slices.Contains(w.asked, "app 172.18.0.4:8000") {
		t.Errorf("asked %v", w.asked)
	}
	// The answers stay with the hops that are the same, and go with another request.
	feed(t, s, s.Update(ui.SnapshotMsg{Snapshot: shop(t)}))
	if v := s.View(); !strings.Contains(v, "200 uvicorn") {
		t.Errorf("the answers are gone:\n%s", v)
	}
	press(t, s, "p")
	if v := s.View(); strings.Contains(v, "200 uvicorn") || !strings.Contains(v, "websocket · GET") {
		t.Errorf("answers to another question:\n%s", v)
	}
}

func TestAskingHopByHopAndCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(shop(t))
	for _, a := range []string{"10.0.0.1:10001", "10.0.0.2:8002", "172.18.0.2:80", "172.18.0.4:8000"} {
		w.answers[a] = &chk.Answer{Status: 200}
	}
	s := screen(t, w, okURL)
	cmd, _ := ui.Dispatch(s.Actions(), uitest.Keys("l")[0], true)
	batch, ok := cmd().(tea.BatchMsg)
	if !ok || len(batch) < 4 {
		t.Fatalf("asked by %T", cmd())
	}
	n := len(batch)
	if v := s.View(); !strings.Contains(v, fmt.Sprintf("asking: 0 of %d answered, esc cancels", n)) || !strings.Contains(v, "◌ asking") {
		t.Errorf("before the first answer:\n%s", v)
	}
	s.Update(batch[0]())
	if v := s.View(); !strings.Contains(v, fmt.Sprintf("asking: 1 of %d answered", n)) {
		t.Errorf("after the first answer:\n%s", v)
	}
	// esc gives up the rest: what waits is told so, and what comes late is not taken.
	w.hold = make(chan struct{})
	if !s.Back() {
		t.Fatal("esc does not cancel")
	}
	for _, c := range batch[1:] {
		s.Update(c()) // would hang if the context had not ended
	}
	if v := s.View(); !strings.Contains(v, fmt.Sprintf("asking was cancelled: 1 of %d answered", n)) || strings.Contains(v, "broken") {
		t.Errorf("after the cancel:\n%s", v)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(shop(t))
	s := screen(t, w, apiURL)
	for range 4 { // GET, HEAD, OPTIONS, POST
		press(t, s, "m")
	}
	if m := only[ui.ToastMsg](t, press(t, s, "l")); !strings.Contains(m.Text, "POST could change something") {
		t.Error(m.Text)
	}
	w.noLive = "a capture has no hosts to ask"
	s = screen(t, w, apiURL)
	if m := only[ui.ToastMsg](t, press(t, s, "l")); !strings.Contains(m.Text, "a capture has no hosts to ask") {
		t.Error(m.Text)
	}
	if len(w.asked) > 0 {
		t.Errorf("asked all the same: %v", w.asked)
	}
}

func TestTheFieldRemembers(t *testing.T) {
	t.Parallel()
	w, hist := newWorld(shop(t)), new(trace.History)
	s := trace.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "trace", Object: trace.Ask}, hist)
	s.SetSize(120, 30)
	feed(t, s, s.Init())
	if !s.Capturing() || !strings.Contains(s.View(), "https://shop.example.com/ok/") {
		t.Fatalf("no field with the URLs of the fleet:\n%s", s.View())
	}
	write(t, s, "ftp://x/")
	press(t, s, "enter")
	if v := s.View(); !strings.Contains(v, `scheme "ftp" cannot be traced`) || !s.Capturing() {
		t.Errorf("a URL that cannot be traced:\n%s", v)
	}
	press(t, s, "esc", "u")
	write(t, s, "shop.example.com/old/a")
	press(t, s, "enter")
	if v := s.View(); s.Capturing() || !strings.Contains(v, "http://shop.example.com/old/a") {
		t.Errorf("a bare name:\n%s", v)
	}
	press(t, s, "u")
	write(t, s, "/api/")
	press(t, s, "down", "enter")
	if v := s.View(); !strings.Contains(v, " https://shop.example.com/api/ ") {
		t.Errorf("a URL of the fleet that was chosen:\n%s", v)
	}
	// Another screen of the session knows both, the newest first, and goes on with the last.
	other := trace.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "trace"}, hist)
	other.SetSize(120, 30)
	feed(t, other, other.Init())
	if v := other.View(); !strings.Contains(v, " https://shop.example.com/api/ ") {
		t.Errorf("the last request is not followed:\n%s", v)
	}
	press(t, other, "u")
	v := other.View()
	if a, b := strings.Index(v, "https://shop.example.com/api/"), strings.Index(v, "http://shop.example.com/old/a"); a < 0 || b < a {
		t.Errorf("history:\n%s", v)
	}
	press(t, other, "tab", "enter")
	if v := other.View(); !strings.Contains(v, " https://shop.example.com/api/ ") {
		t.Errorf("tab takes the first:\n%s", v)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(shop(t)), okURL)
	press(t, s, "H")
	write(t, s, "X-Tenant: a")
	press(t, s, "enter", "b")
	write(t, s, "app")
	press(t, s, "down", "enter")
	if v := s.View(); !strings.Contains(v, "http · GET · 1 header · from app") || !strings.Contains(v, "the trace was told to start there") {
		t.Errorf("options:\n%s", v)
	}
	press(t, s, "H")
	write(t, s, "nonsense")
	press(t, s, "enter")
	if v := s.View(); !strings.Contains(v, "a header is NAME: VALUE") {
		t.Errorf("a bad header:\n%s", v)
	}
	press(t, s, "esc", "H")
	write(t, s, "x-tenant:")
	press(t, s, "enter", "b")
	write(t, s, "nowhere")
	press(t, s, "enter")
	if v := s.View(); !strings.Contains(v, "no host nowhere in the inventory") {
		t.Errorf("a host that is not there:\n%s", v)
	}
	press(t, s, "esc", "b", "enter", "p", "p")
	if v := s.View(); !strings.Contains(v, "grpc · POST ") {
		t.Errorf("gRPC:\n%s", v)
	}
	ws := screen(t, newWorld(shop(t)), "wss://shop.example.com/ok/")
	if m := only[ui.ToastMsg](t, press(t, ws, "p")); !strings.Contains(m.Text, "the URL says what is spoken") {
		t.Error(m.Text)
	}
}

func TestANameThatNobodyKnows(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(shop(t)), "https://nobody.test/")
	v := s.View()
	if !strings.Contains(v, "b says at which host to begin") || strings.Contains(v, "facts") {
		t.Errorf("no way on is offered:\n%s", v)
	}
	press(t, s, "b")
	write(t, s, "edge")
	press(t, s, "enter")
	if v := s.View(); !strings.Contains(v, "from edge") || strings.Contains(v, "b says") {
		t.Errorf("begun at edge:\n%s", v)
	}
}

func TestJumps(t *testing.T) {
	t.Parallel()
	w := newWorld(shop(t))
	s := screen(t, w, apiURL)
	if m := only[ui.OpenMsg](t, press(t, s, "c")); m.Screen != "containers" || m.Host != "app" || m.Object != "api" {
		t.Errorf("container: %+v", m)
	}
	if m := only[ui.OpenMsg](t, press(t, s, "o")); m.Screen != "logs" || m.Logs.Sources[0].Key() != "app/container:api" {
		t.Errorf("logs: %+v", m)
	}
	press(t, s, "k", "k") // the upstream: its route is the location that holds it
	if m := only[ui.OpenMsg](t, press(t, s, "t")); m.Screen != "routes" || m.Host != "app" || m.Object != "/etc/nginx/conf.d/shop.conf:5" {
		t.Errorf("route: %+v", m)
	}
	press(t, s, "g")
	if m := only[ui.ToastMsg](t, press(t, s, "t")); !strings.Contains(m.Text, "no part of a proxy") {
		t.Error(m.Text)
	}
	press(t, s, "r")
	if fmt.Sprint(w.refreshed) != "[edge app]" {
		t.Errorf("refreshed %v", w.refreshed)
	}
	press(t, s, "Y")
	if !strings.HasPrefix(w.copied, "dns shop.example.com") {
		t.Errorf("copied %q", w.copied)
	}
	none := screen(t, w, "")
	for _, k := range []string{"enter", "c", "o", "t", "y", "Y", "l", "m", "r"} {
		if msgs := press(t, none, k); len(msgs) != 1 {
			t.Errorf("%s without a trace: %v", k, msgs)
		}
	}
}

func TestGoldenMarkdown(t *testing.T) {
	w := newWorld(shop(t))
	s := screen(t, w, apiURL)
	press(t, s, "y")
	golden.RequireEqual(t, w.copied)
}

func TestWatchesWhileShown(t *testing.T) {
	t.Parallel()
	w := newWorld(shop(t))
	s := screen(t, w, apiURL)
	s.Show(true)
	if w.watched[hosts.TopicRoutes] != 1 {
		t.Errorf("watched: %v", w.watched)
	}
	s.Close()
	if w.watched[hosts.TopicRoutes] != 0 {
		t.Errorf("watched after Close: %v", w.watched)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(shop(t)), apiURL)
	for _, c := range ui.Conflicts(s.Actions()) {
		t.Error(c)
	}
	press(t, s, "enter")
	for _, c := range ui.Conflicts(s.Actions()) {
		t.Error(c)
	}
}

func TestAllocationsOfAView(t *testing.T) {
	w := newWorld(shop(t))
	s := trace.New(w.deps(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "trace", Object: apiURL}, new(trace.History))
	s.SetSize(200, 50)
	feed(t, s, s.Init())
	s.View()
	if n := testing.AllocsPerRun(20, func() { s.View() }); n > 500 {
		t.Errorf("%.0f allocations a view, want at most 500", n)
	}
}
