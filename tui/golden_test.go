package tui_test

import (
	"fmt"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// scenes are the states of the bars and every kind of overlay.
func scenes() map[string]func(*console) {
	return map[string]func(*console){
		"readonly": func(*console) {},
		"unlocked": func(c *console) { _, _ = c.ops.Unlock("INC-12 disk full", 15*time.Minute) },
		"loading": func(c *console) {
			tui.Publish(c.r, &hosts.Snapshot{Gen: 9, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "web"}}, {Host: hosts.Host{Name: "db"}}}})
		},
		"empty": func(c *console) { tui.Publish(c.r, &hosts.Snapshot{Gen: 9}) },
		"stale": func(c *console) { c.now = c.now.Add(10 * time.Minute) },
		"deep":  func(c *console) { c.press("enter", "enter") },
		"palette": func(c *console) {
			c.press(":")
			c.text("ngw")
		},
		"help":  func(c *console) { c.press("?") },
		"lease": func(c *console) { c.press("L", "tab", "enter") },
		"confirm": func(c *console) {
			c.send(ui.ConfirmMsg{Title: "restart nginx on web?", Body: []string{"web is production", "3 routes and 12 users depend on it"}, Effect: ui.Change})
		},
		"typed": func(c *console) {
			c.send(ui.ConfirmMsg{Title: "remove volume data on db?", Body: []string{"what is on it is gone"}, Typed: "db", Effect: ui.Destroy})
			c.text("dv")
			c.press("enter")
		},
		"toasts": func(c *console) {
			c.send(ui.ToastMsg{Text: "sent the name to the terminal's clipboard (OSC 52)", Level: hosts.LevelInfo})
			c.send(ui.ToastMsg{Text: "restart nginx: exit 1: port 80 is taken", Level: hosts.LevelError})
		},
		"messages": func(c *console) {
			c.send(ui.ToastMsg{Text: "restart nginx: exit 1: port 80 is taken", Level: hosts.LevelError})
			c.press("M")
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, scene := range scenes() {
		for _, z := range uitest.Sizes() {
			t.Run(fmt.Sprintf("%s/%dx%d", name, z[0], z[1]), func(t *testing.T) {
				t.Parallel()
				c := start(t, func(p *tui.Params) { p.Where = "demo" })
				c.now = uitest.Now()
				c.send(tea.WindowSizeMsg{Width: z[0], Height: z[1]})
				scene(c)
				golden.RequireEqual(t, c.r.View())
			})
		}
	}
}

func TestGoldenQuestion(t *testing.T) {
	t.Parallel()
	c, _ := asking(t, t.Context(), tui.QuestionYesNo)
	c.now = uitest.Now()
	golden.RequireEqual(t, c.r.View())
}

func TestGoldenTrueColor(t *testing.T) {
	t.Parallel()
	for _, th := range themes.Builtin() {
		t.Run(th.Name, func(t *testing.T) {
			t.Parallel()
			c := start(t, func(p *tui.Params) { p.Deps.Styles = uitest.Styles(th, termenv.TrueColor, false) })
			c.now = uitest.Now()
			_, _ = c.ops.Unlock("INC-12", 15*time.Minute)
			c.send(ui.ToastMsg{Text: "restart nginx: port 80 is taken", Level: hosts.LevelError})
			c.press(":")
			c.text("ngw")
			golden.RequireEqual(t, c.r.View())
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	t.Parallel()
	c := start(t, func(p *tui.Params) { p.Deps.Styles = uitest.Styles(themes.Dark(), termenv.Ascii, true) })
	c.now = uitest.Now()
	c.send(ui.OpenMsg{Screen: "two", Host: "日本"})
	c.press(":")
	v := c.r.View()
	for i := range len(v) {
		if v[i] >= 0x80 {
			t.Fatalf("byte %d is not ASCII: %q", i, v[max(0, i-10):i+3])
		}
	}
	golden.RequireEqual(t, v)
}

// TestAllocationsOfAView holds the bars to their share of the budget; screens have their own test.
func TestAllocationsOfAView(t *testing.T) {
	c := start(t, func(p *tui.Params) { p.Deps.Styles = uitest.Styles(themes.Dark(), termenv.TrueColor, false) })
	c.send(tea.WindowSizeMsg{Width: 200, Height: 50})
	if n := testing.AllocsPerRun(20, func() { c.r.View() }); n > 400 {
		t.Errorf("%.0f allocations a view of the root, want at most 400", n)
	}
}

func BenchmarkView(b *testing.B) {
	now := uitest.Now()
	fleet := &fakeFleet{snap: snapshot(now)}
	r, err := tui.New(tui.Params{
		Deps: ui.Deps{Now: func() time.Time { return now }, Styles: uitest.Styles(themes.Dark(), termenv.TrueColor, false), Fleet: fleet, Context: b.Context()},
		Screens: []tui.ScreenFactory{{ID: "one", Title: "One", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
			return &fakeScreen{d: d, open: m}
		}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	r.Init()
	r.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	b.ReportAllocs()
	for b.Loop() {
		_ = r.View()
	}
}

func BenchmarkPalette(b *testing.B) {
	now := uitest.Now()
	snap := snapshot(now)
	for i := range 200 {
		f := *snap.Hosts[0]
		f.Host.Name = fmt.Sprint("host-", i)
		list := make([]hosts.Container, 50)
		for j := range list {
			list[j] = hosts.Container{ID: fmt.Sprint(i, j), Name: fmt.Sprint("service-", j), State: "running"}
		}
		f.Containers = hosts.Read(list, "", now)
		snap.Hosts = append(snap.Hosts, &f)
	}
	r, err := tui.New(tui.Params{
		Deps: ui.Deps{Now: func() time.Time { return now }, Styles: uitest.Plain(), Fleet: &fakeFleet{snap: snap}, Context: b.Context()},
		Screens: []tui.ScreenFactory{{ID: "one", Title: "One", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
			return &fakeScreen{d: d, open: m}
		}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	r.Init()
	r.Update(tea.WindowSizeMsg{Width: 200, Height: 50})
	for b.Loop() {
		for _, k := range uitest.Keys(":", "s", "7", "h", "1", "esc") {
			r.Update(k)
		}
	}
}
