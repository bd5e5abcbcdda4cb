package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/fleet"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// states are the five every screen must draw, and a night with all of them at once.
func states() map[string]*hosts.Snapshot {
	return map[string]*hosts.Snapshot{
		"loading":  snapshot(never("web-1", hosts.StatePending, ""), never("web-2", hosts.StatePending, ""), never("db", hosts.StatePending, "")),
		"empty":    {Gen: 1, At: uitest.Now()},
		"failed":   snapshot(never("web-1", hosts.StateError, "authentication failed for ops@10.0.0.1: tried agent (2 keys); add the key or set user in hosts.toml"), never("db", hosts.StateDisconnected, "connect 10.0.0.2:22: connection refused")),
		"stale":    snapshot(host("web-1").down(hosts.StateDisconnected, "keepalive: no answer within 15s", 3*time.Minute), host("db").down(hosts.StateError, "connect 10.0.0.2:22: i/o timeout", 2*time.Hour)),
		"readonly": snapshot(host("web-1").production(), host("db")),
		"night":    night(),
	}
}

func TestGolden(t *testing.T) {
	for name, s := range states() {
		t.Run(name, func(t *testing.T) { uitest.Golden(t, screen(t, newWorld(s))) })
	}
}

func TestGoldenTrueColor(t *testing.T) {
	for _, th := range themes.Builtin() {
		t.Run(th.Name, func(t *testing.T) {
			s := fleet.New(newWorld(night()).deps(t, uitest.Styles(th, termenv.TrueColor, false)), ui.OpenMsg{Screen: "fleet"}, judge)
			s.SetSize(120, 40)
			golden.RequireEqual(t, s.View())
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	t.Parallel()
	s := fleet.New(newWorld(night()).deps(t, uitest.Styles(themes.Dark(), termenv.Ascii, true)), ui.OpenMsg{Screen: "fleet"}, judge)
	s.SetSize(160, 24)
	golden.RequireEqual(t, ui.ASCII(s.View())) // as the root shows it
}

func hostile() *hosts.Snapshot {
	var list []facts
	for i, name := range []string{"日本語ホスト名がとても長い場合の表示テスト", "🚀🚀🚀🚀🚀🚀", "a\x1b[31mred\x1b[2J", "tab\there\nand more", strings.Repeat("x", 300), "\u202eevil\u0301\u0301\u0301\u0301"} {
		f := host(name, name, "g").unitFailed(name).disk("/"+name, 95)
		if i%2 == 0 {
			f = f.down(hosts.StateError, name+" failed\nwith lines", time.Hour)
		}
		f.Host.Environment, f.Link.Via, f.Link.Warning, f.Host.Maintenance = name, name, name, name
		f.System.Value.OS, f.System.Source = name, name
		f.Host.Groups[0] = []string{name, "g"}[i%2]
		list = append(list, f)
	}
	s := snapshot(list...)
	s.Events = []hosts.Event{{At: uitest.Now(), Host: list[0].Host.Name, Object: list[2].Host.Name, Action: list[1].Host.Name, Detail: "x\ny"}}
	return s
}

func TestAnySize(t *testing.T) {
	t.Parallel()
	all := states()
	all["hostile"] = hostile()
	for name, snap := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := screen(t, newWorld(snap))
			uitest.CheckView(t, s)
			if name != "hostile" && name != "empty" {
				return
			}
			for _, keys := range [][]string{{"d"}, {"d", "v"}, {"v", "/", "x"}, {"esc", "m", "x"}, {"esc", "b", "*"}} {
				uitest.Press(t, s, true, keys...)
				uitest.CheckView(t, s)
			}
		})
	}
}

func TestHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(hostile()))
	s.SetSize(220, 60)
	for range 6 {
		if v := s.View(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Fatalf("the view holds what a host sent: %q", v)
		}
		uitest.Press(t, s, true, "j")
	}
}

// large is a fleet of n hosts in twelve groups, with something wrong here and there.
func large(n int) *hosts.Snapshot {
	list := make([]facts, n)
	for i := range list {
		list[i] = host(fmt.Sprintf("host-%03d", i), fmt.Sprintf("group-%02d", i%12))
		switch i % 17 {
		case 3:
			list[i] = list[i].unitFailed("app.service")
		case 5:
			list[i] = list[i].down(hosts.StateDisconnected, "keepalive: no answer within 15s", time.Minute)
		}
	}
	return snapshot(list...)
}

func TestAllocationsOfAView(t *testing.T) {
	s := fleet.New(newWorld(large(200)).deps(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "fleet"}, judge)
	s.SetSize(200, 50)
	s.View()
	if n := testing.AllocsPerRun(20, func() { s.View() }); n > 500 {
		t.Errorf("%.0f allocations a view, want at most 500", n)
	}
}

func BenchmarkView(b *testing.B) {
	s := fleet.New(newWorld(large(200)).deps(b, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "fleet"}, judge)
	s.SetSize(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		s.View()
	}
}

func BenchmarkTick(b *testing.B) {
	s := fleet.New(newWorld(large(200)).deps(b, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "fleet"}, judge)
	s.SetSize(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		s.Update(ui.TickMsg{})
		s.View()
	}
}
