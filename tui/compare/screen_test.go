package compare_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/compare"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// world is the fleet and the terminal as the screen sees them.
type world struct {
	snap   *hosts.Snapshot
	copied string
	now    time.Time
}

func (w *world) Snapshot() *hosts.Snapshot { return w.snap }
func (w *world) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (w *world) Refresh(string)                {}
func (w *world) Watch(hosts.Topic) func()      { return func() {} }
func (w *world) SetMaintenance(string, string) {}
func (w *world) deps(t testing.TB, st *themes.Styles) ui.Deps {
	t.Helper()
	return ui.Deps{
		Now: func() time.Time { return w.now }, Styles: st, Fleet: w, Context: t.Context(),
		Copy: func(s string) error { w.copied = s; return nil },
	}
}

func newWorld(hs ...*hosts.HostFacts) *world {
	return &world{snap: &hosts.Snapshot{Gen: 1, At: uitest.Now(), Hosts: hs}, now: uitest.Now()}
}

func at(ago time.Duration) time.Time { return uitest.Now().Add(-ago) }

// app is a host with the service shop/web and a worker.
func app(name string, change func(*hosts.Container)) *hosts.HostFacts {
	c := hosts.Container{
		ID: name + "-id", Name: "shop-web-1", Project: "shop", Service: "web", Image: "registry.example/shop/web:1.4", ImageID: "sha256:aaaaaaaaaaaaaaaaaaaa",
		State: "running", Inspected: true, EnvNames: []string{"DATABASE_URL", "LOG_LEVEL", "PORT"}, Health: hosts.HealthHealthy, Policy: "unless-stopped",
		Mounts: []hosts.ContainerMount{{Source: "/srv/shop", Destination: "/data", RW: true}}, Started: at(26 * time.Hour),
		Ports: []hosts.Port{{HostIP: "127.0.0.1", HostPort: 8000, ContainerPort: 80, Proto: "tcp"}},
	}
	if change != nil {
		change(&c)
	}
	return &hosts.HostFacts{
		Host: hosts.Host{Name: name, Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected}, Latest: at(2 * time.Second),
		Containers: hosts.Read([]hosts.Container{c}, "x", at(2*time.Second)), System: hosts.Read(hosts.System{OS: "Debian GNU/Linux 13", Kernel: "6.12.9"}, "x", at(2*time.Second)),
		Units: hosts.Read([]hosts.Unit{{Name: "ssh.service", Load: "loaded", Active: "active", Sub: "running"}}, "x", at(2*time.Second)),
		Images: hosts.Read([]hosts.Image{
			{ID: "sha256:aaaaaaaaaaaaaaaaaaaa", Digests: []string{"registry.example/shop/web@sha256:0123456789abcdef"}},
			{ID: "sha256:bbbbbbbbbbbbbbbbbbbb", Digests: []string{"registry.example/shop/web@sha256:fedcba9876543210"}},
		}, "x", at(2*time.Second)),
	}
}

func dead(name string, state hosts.State, reason string) *hosts.HostFacts {
	f := &hosts.HostFacts{Host: hosts.Host{Name: name, Kind: hosts.KindSSH}, Link: hosts.Link{State: state, Reason: reason, Since: at(time.Minute)}}
	if reason != "" {
		f.Containers = f.Containers.Failed(reason, "", "", at(time.Minute))
		f.Units = f.Units.Failed(reason, "", "", at(time.Minute))
	}
	return f
}

// fleet is three hosts of which one was left behind by a deploy.
func fleet() *world {
	return newWorld(
		app("app-1", nil),
		app("app-2", func(c *hosts.Container) {
			c.ImageID, c.Image, c.Restarts = "sha256:bbbbbbbbbbbbbbbbbbbb", "registry.example/shop/web:1.3", 7
			c.EnvNames = []string{"DATABASE_URL", "DEBUG", "PORT"}
		}),
		app("app-3", nil),
		dead("app-4", hosts.StateError, "no route to host"),
	)
}

const web = "service:shop/web"

func states() map[string]*world {
	stale := fleet()
	h := stale.snap.Hosts[1]
	h.Containers = h.Containers.Failed("disconnected", "", "", at(time.Minute))
	h.Images = hosts.Part[[]hosts.Image]{}.Failed("GET /images/json: timeout", "", "", at(time.Minute))
	return map[string]*world{
		"loading": newWorld(dead("app-1", hosts.StatePending, "")),
		"empty":   newWorld(&hosts.HostFacts{Host: hosts.Host{Name: "app-1"}, Link: hosts.Link{State: hosts.StateConnected}, Latest: at(0), Containers: hosts.Read([]hosts.Container{}, "x", at(0))}),
		"failed":  newWorld(dead("app-1", hosts.StateError, "authentication failed"), dead("app-2", hosts.StateError, "no route to host")),
		"stale":   stale,
		"good":    fleet(),
	}
}

func feed(s ui.Screen, cmd tea.Cmd) {
	for _, m := range uitest.Run(cmd) {
		feed(s, s.Update(m))
	}
}

func screen(t testing.TB, w *world, object string) *compare.Screen {
	t.Helper()
	s := compare.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "compare", Object: object})
	t.Cleanup(s.Close)
	feed(s, s.Init())
	return s
}

func press(t testing.TB, s *compare.Screen, keys ...string) []any {
	t.Helper()
	var out []any
	for _, m := range uitest.Press(t, s, true, keys...) {
		out = append(out, m)
	}
	return out
}

func TestGolden(t *testing.T) {
	for name, w := range states() {
		t.Run(name, func(t *testing.T) { uitest.Golden(t, screen(t, w, web)) })
		t.Run(name+"-list", func(t *testing.T) { uitest.Golden(t, screen(t, w, "")) })
	}
}

func TestGoldenColours(t *testing.T) {
	for _, th := range themes.Builtin() {
		t.Run(th.Name, func(t *testing.T) {
			s := compare.New(fleet().deps(t, uitest.Styles(th, termenv.TrueColor, false)), ui.OpenMsg{Screen: "compare", Object: web})
			feed(s, s.Init())
			s.SetSize(100, 30)
			golden.RequireEqual(t, s.View())
		})
	}
}

func hostile() *world {
	var list []*hosts.HostFacts
	for i, evil := range []string{"日本語ホスト名がとても長い場合", "🚀🚀🚀🚀", "a\x1b[31mred\x1b[2J", "tab\there\nmore", strings.Repeat("x", 300), "\u202eevil\u0301"} {
		h := app(evil, func(c *hosts.Container) {
			c.EnvNames, c.Command, c.Restarts, c.User = []string{evil}, []string{evil, evil}, i, evil
		})
		list = append(list, h)
	}
	return newWorld(list...)
}

func TestAnySize(t *testing.T) {
	t.Parallel()
	all := states()
	all["hostile"] = hostile()
	for name, w := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			uitest.CheckView(t, screen(t, w, ""))
			s := screen(t, w, web)
			uitest.CheckView(t, s)
			if name != "hostile" {
				return
			}
			for _, keys := range [][]string{{"e"}, {"d"}, {"d", "v"}, {"/", "x"}, {"esc", "right", "right"}} {
				press(t, s, keys...)
				uitest.CheckView(t, s)
			}
		})
	}
}

func TestHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	w := hostile()
	s := screen(t, w, web)
	s.SetSize(220, 60)
	for range 12 {
		if v := s.View(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Fatalf("the view holds what a host sent: %q", v)
		}
		press(t, s, "n")
	}
	press(t, s, "Y")
	if strings.ContainsAny(w.copied, "\x1b\u202e") {
		t.Errorf("copied %q", w.copied)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"", web} {
		s := screen(t, fleet(), object)
		if bad := ui.Conflicts(s.Actions()); bad != nil {
			t.Error(bad)
		}
		for _, a := range s.Actions() {
			if a.Group == "" {
				t.Errorf("%s has no group in the help", a.ID)
			}
		}
	}
}

func TestTheListOpensASubject(t *testing.T) {
	t.Parallel()
	s := screen(t, fleet(), "")
	s.SetSize(100, 24)
	msgs := press(t, s, "/", "s", "h", "o", "p", "/", "w", "e", "b", " ", "k", "i", "n", "d", ":", "s", "e", "r", "enter", "enter")
	if len(msgs) != 1 || msgs[0] != (ui.OpenMsg{Screen: "compare", Object: web}) {
		t.Errorf("%+v", msgs)
	}
	if !s.Back() || s.Back() {
		t.Error("Back does not leave the filter")
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	w := fleet()
	s := screen(t, w, "app-2-id") // as the containers open it
	s.SetSize(120, 40)
	v := s.View()
	for _, want := range []string{"service shop/web  3 copies  ▲ 5 different", "? not known of 1 host", "▲ 1.3", "▲ DATABASE_URL DEBUG PORT", "image  3 different"} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	if s.Title() != "compare shop/web" {
		t.Errorf("title %q", s.Title())
	}
	if !strings.Contains(v, "tag: 1 copy is not like the others") {
		t.Errorf("the first difference is not selected:\n%s", v)
	}
	press(t, s, "n", "n", "n", "n")
	if v := s.View(); !strings.Contains(v, "+ DEBUG") || !strings.Contains(v, "- LOG_LEVEL") {
		t.Errorf("what is missing and what is too much is not told:\n%s", v)
	}
	press(t, s, "y")
	if want := "env names:\n  app-1  DATABASE_URL LOG_LEVEL PORT\n  app-2  DATABASE_URL DEBUG PORT  (odd)\n  app-3  DATABASE_URL LOG_LEVEL PORT"; w.copied != want {
		t.Errorf("copied %q", w.copied)
	}
	press(t, s, "e")
	if v := s.View(); strings.Contains(v, "restart policy") || !strings.Contains(v, "only differences") {
		t.Errorf("what is the same is shown:\n%s", v)
	}
	if !s.Back() || !strings.Contains(s.View(), "restart policy") || s.Back() {
		t.Error("Back does not show all properties again")
	}
	msgs := press(t, s, "l")
	if m, ok := msgs[0].(ui.OpenMsg); !ok || m.Screen != "logs" || len(m.Logs.Sources) != 3 || m.Host != "app-1,app-2,app-3" {
		t.Errorf("logs: %+v", msgs)
	}
}

func TestSnapshotsKeepTheRow(t *testing.T) {
	t.Parallel()
	w := fleet()
	s := screen(t, w, web)
	s.SetSize(120, 40)
	press(t, s, "n", "n", "n", "n")
	next := *w.snap
	next.Hosts = append(next.Hosts[:3:3], app("app-5", nil))
	feed(s, s.Update(ui.SnapshotMsg{Snapshot: &next}))
	w.now = w.now.Add(3 * time.Second)
	feed(s, s.Update(ui.TickMsg{At: w.now}))
	v := s.View()
	if !strings.Contains(v, "app-5") || !strings.Contains(v, "4 copies") || !strings.Contains(v, "+ DEBUG") {
		t.Errorf("after a host more:\n%s", v)
	}
}

func TestNoSuchThing(t *testing.T) {
	t.Parallel()
	s := screen(t, fleet(), "nobody")
	s.SetSize(80, 20)
	if v := s.View(); !strings.Contains(v, "nothing here is called nobody") {
		t.Errorf("\n%s", v)
	}
	press(t, s, "n", "e", "y", "Y", "enter")
}

func TestAllocationsOfAView(t *testing.T) {
	var list []*hosts.HostFacts
	for i := range 50 {
		list = append(list, app(fmt.Sprint("app-", i), func(c *hosts.Container) { c.Restarts = i % 2 }))
	}
	s := compare.New(newWorld(list...).deps(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "compare", Object: web})
	feed(s, s.Init())
	s.SetSize(200, 50)
	s.View()
	if n := testing.AllocsPerRun(20, func() { s.View() }); n > 1500 {
		t.Errorf("%.0f allocations a view, want at most 1500", n)
	}
}
