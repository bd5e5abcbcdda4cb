package health

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
	"midwatch/tui"
	"midwatch/tui/night"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func stage(t *testing.T, open ui.OpenMsg, snap *hosts.Snapshot) *uitest.Stage {
	t.Helper()
	g := uitest.NewStage(t, uitest.Plain(), open, snap, screen)
	g.Screen.SetSize(200, 50)
	return g
}

// row is the line of a service in the list: its state stands in the line.
func row(g *uitest.Stage, name string) string {
	for l := range strings.SplitSeq(g.View(), "\n") {
		cells := []rune(l)
		if len(cells) > 10 && strings.HasPrefix(strings.TrimSpace(string(cells[2:])), name+" ") {
			return l
		}
	}
	return ""
}

func TestTable(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, fleetSnap())
	for name, want := range map[string][]string{
		"hub":                 {"✗ deep check fails", "✗ 503", "✓ "},
		"shop":                {"▲ cert ends soon", "9d"},
		"staging":             {"▲ ok, BAD CERT", "▲ BAD"},
		"cxb":                 {"▲ wrong capacity", "claims 3; 2 of 2"},
		"dialler":             {"? unknown", "late"},
		"new":                 {"◌ reading", "unasked"},
		"ai_hub_service":      {"✓ healthy", "20ms"},
		"ai_unified_frontend": {"✗ failing", "exit 1"},
		"warming":             {"◌ starting"},
		"cxb_workers":         {"▲ degraded", "1/2"},
		"web":                 {"? unknown"},
		"on shut-1":           {"? unknown", "permission denied"},
	} {
		l := row(g, name)
		for _, w := range want {
			if !strings.Contains(l, w) {
				t.Errorf("%s: %q is not in %q", name, w, l)
			}
		}
	}
	g.Has("1 BAD CERT TOLERATED")
	if l := row(g, "plain"); l != "" {
		t.Errorf("a container without a check says nothing of its health: %q", l)
	}
	g.Keys("e")
	g.HasNot("ai_hub_service")
	g.Keys("esc", "b")
	g.Has("▾ from here", "▾ gone-1")
	g.Keys("b")
	g.HasNot("▾")
	for range 8 {
		g.Keys("s", "S")
		g.View()
	}
	h := stage(t, ui.OpenMsg{Host: "core-1"}, fleetSnap())
	h.Has("cxb_workers", "wrong capacity")
	h.HasNot("ai_hub_service", "shop")
	stage(t, ui.OpenMsg{Host: "nowhere"}, fleetSnap()).Has("no host nowhere in the inventory")
}

// What was healthy is unknown once nobody says so any more, without any news.
func TestHealthEnds(t *testing.T) {
	t.Parallel()
	s := fleetSnap()
	s.Hosts[0].Probes.Value = s.Hosts[0].Probes.Value[2:3]
	g := stage(t, ui.OpenMsg{}, s)
	if l := row(g, "hub"); !strings.Contains(l, "✓ healthy") {
		t.Errorf("%q", l)
	}
	g.Wait(3 * time.Minute)
	if l := row(g, "hub"); !strings.Contains(l, "? unknown") || !strings.Contains(l, "late") {
		t.Errorf("%q", l)
	}
}

// A capture of a night is read for years: what was healthy then is shown so.
func TestCaptureIsAsOfThen(t *testing.T) {
	t.Parallel()
	s := fleetSnap()
	for _, h := range s.Hosts[:2] {
		h.Link.Via = hosts.ViaCapture
	}
	g := stage(t, ui.OpenMsg{}, s)
	g.Wait(400 * 24 * time.Hour)
	for name, want := range map[string]string{"hub": "61d", "ai_hub_service": "✓ healthy", "dialler": "? unknown", "shop": "9d"} {
		if l := row(g, name); !strings.Contains(l, want) {
			t.Errorf("%s: %q", name, l)
		}
	}
	g.Has("400d") // and its age is not hidden
}

func TestDetails(t *testing.T) {
	t.Parallel()
	for object, want := range map[string][]string{
		"hub":                 {"it answers, but detailed fails", "HTTP 503, status database down", "Latency of hub-detailed", "3 of 40 failed", "hub-detailed fails", "61 days left", "www.example.com", "https://ai.example.com/health/live"},
		"hub-live":            {"deep check fails"},
		"staging":             {"BAD CERTIFICATE TOLERATED: x509", "NO, and tolerated"},
		"cxb":                 {"claimed      3, 1 in use", "2 run of 2 instances of cxbcore@.service", "upstream cxb_workers has 2 places", `{"status":"ok","capacity":3`},
		"ai_unified_frontend": {"wget: can't connect to remote host", "Output of the last check"},
		"c1":                  {"ai_hub_service", "curl -f localhost:8000/health", "Latency"},
		"cxb_workers":         {"unix:/run/core-2.sock", "1 of 2 places"},
		"dialler":             {"no answer within the deadline"},
	} {
		g := stage(t, ui.OpenMsg{Object: object}, fleetSnap())
		g.Screen.SetSize(120, 70)
		g.Has(want...)
	}
}

func TestJumps(t *testing.T) {
	t.Parallel()
	var got []string
	for _, k := range []struct{ object, keys string }{
		{"hub", "t c l o y"}, {"ai_hub_service", "c l t"}, {"cxb", "l t"}, {"cxb_workers", "o"}, {"dialler", "t"},
	} {
		g := stage(t, ui.OpenMsg{Object: k.object}, fleetSnap())
		g.Keys(strings.Fields(k.keys)...)
		for _, m := range g.Opened {
			line := k.object + ": " + m.Screen + " " + m.Host + " " + m.Object
			if m.Logs != nil {
				for _, s := range m.Logs.Sources {
					line += s.Key() + " "
				}
			}
			got = append(got, strings.TrimSpace(line))
		}
		got = append(got, g.Toasts...)
		if g.Copied != "" {
			got = append(got, "copied "+g.Copied)
		}
	}
	want := []string{
		"hub: trace  https://ai.example.com/health/detailed",
		"hub: o shows the routes, t follows a request to what answers", "hub: whose logs is not known; t follows a request to what answers",
		"hub: it is not behind a proxy whose configuration is known; t follows a request",
		"sent target to the terminal's clipboard (OSC 52)", "copied https://ai.example.com/health/detailed",
		"ai_hub_service: containers hub-1 c1", "ai_hub_service: logs hub-1 hub-1/container:ai_hub_service", "ai_hub_service: no URL is asked, so there is no request to follow",
		"cxb: logs core-1 core-1/unit:cxbcore@1.service core-1/unit:cxbcore@2.service", "cxb: trace  https://fleet.example.com/health/fleet",
		"cxb_workers: routes core-1 /etc/nginx/nginx.conf:2", "dialler: trace gone-1 http://127.0.0.1:8090/health",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
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
	e := stage(t, ui.OpenMsg{}, &hosts.Snapshot{})
	e.Keys("c", "l", "o", "t", "y", "enter")
	if len(e.Opened) != 0 || len(e.Toasts) != 6 {
		t.Errorf("opened %v, toasts %v", e.Opened, e.Toasts)
	}
	g.Run(g.Screen.(ui.Shower).Show(true))
	if g.Fleet.Watching[hosts.TopicProbes] != 1 {
		t.Errorf("watching %v", g.Fleet.Watching)
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
		"deep":     {open: ui.OpenMsg{Object: "hub"}, snap: fleetSnap()},
		"capacity": {open: ui.OpenMsg{Object: "cxb"}, snap: fleetSnap()},
		"color":    {st: uitest.Styles(themes.Dark(), termenv.TrueColor, false), open: ui.OpenMsg{Object: "hub"}, snap: fleetSnap()},
		"ascii":    {st: uitest.Styles(themes.Dark(), termenv.ANSI, true), snap: fleetSnap()},
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
		for _, object := range []string{"", "hub", "b"} {
			t.Run(name+object, func(t *testing.T) {
				t.Parallel()
				g := uitest.NewStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), ui.OpenMsg{Object: object}, snap, screen)
				uitest.CheckView(t, g.Screen)
			})
		}
	}
	g := stage(t, ui.OpenMsg{}, hostile())
	for range 4 {
		if v := g.View(); strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x202e }) {
			t.Errorf("control characters in %q", v)
		}
		g.Keys("j")
	}
}

func TestViewIsCheap(t *testing.T) {
	s := fleetSnap()
	for i := range 40 {
		s.Hosts[0].Probes.Value = append(s.Hosts[0].Probes.Value, probe(fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i), "basic", "https://x/", answers(240, "", 0)))
	}
	g := uitest.NewStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), ui.OpenMsg{}, s, screen)
	g.Screen.SetSize(200, 50)
	g.Screen.View()
	if n := testing.AllocsPerRun(20, func() { g.Screen.View() }); n > 500 {
		t.Errorf("%.0f allocations in a View", n)
	}
}

// BenchmarkTick is what a second costs: everything is judged anew, because answers become overdue.
func BenchmarkTick(b *testing.B) {
	s := fleetSnap()
	for i := range 100 {
		s.Hosts[0].Probes.Value = append(s.Hosts[0].Probes.Value, probe(fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i), "basic", "https://x/", answers(240, "", 0)))
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

// The console says healthy; the database goes; what answers and what fails is told apart, and when it
// comes back the change is on the page.
func TestJourneyTheDatabaseGoes(t *testing.T) {
	s := fleetSnap()
	h := s.Hosts[0]
	well := answers(10, "", 0)
	h.Probes.Value = []hosts.Probe{
		probe("hub-health", "hub", "basic", "https://ai.example.com/health", well), probe("hub-detailed", "hub", "detailed", "https://ai.example.com/health/detailed", well),
	}
	h.Containers.Value = nil
	s.Hosts = s.Hosts[:1]
	n := night.Begin(t, 80, 24, s, nil, tui.ScreenFactory{ID: "health", Title: "Health", New: screen})
	n.Sees("hub", "✓ healthy", "1 healthy")
	change := func(detailed []hosts.ProbeResult) {
		n.Fleet.Change("hub-1", func(h *hosts.HostFacts) {
			list := slices.Clone(h.Probes.Value)
			list[1].Results = detailed
			h.Probes.Value = list
		})
	}
	change(answers(10, "HTTP 503", 503, 9))
	n.Sees("✗ deep check fails", "✗ 503", "✓ 20ms")
	n.Presses("enter").Sees("it answers, but detailed fails: HTTP 503", "Latency of hub-detailed")
	change(answers(10, "HTTP 503", 503, 7, 8))
	n.Sees("✓ healthy").Presses("G").Sees("hub-detailed ok again")
}
