package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// still is a screen that does nothing.
type still struct{ id string }

func (still) Init() tea.Cmd          { return nil }
func (still) Update(tea.Msg) tea.Cmd { return nil }
func (still) View() string           { return "" }
func (still) SetSize(int, int)       {}
func (s still) Title() string        { return s.id }
func (s still) Actions() []ui.Action {
	return []ui.Action{ui.Act(s.id+".look", "Look", "look closely", func() tea.Cmd { return nil }, "x")}
}
func (still) Capturing() bool { return false }
func (still) Close()          {}

func paletteRoot(t testing.TB, snap *hosts.Snapshot) *Root {
	t.Helper()
	p := Params{
		Deps: ui.Deps{Now: uitest.Now, Styles: uitest.Plain(), Context: t.Context()}, Themes: []*themes.Styles{uitest.Plain()},
		Reach: []Reach{
			{Kind: "check", Title: "tls.expiry", Detail: "a certificate runs out", Open: ui.OpenMsg{Screen: "checks", Object: "tls.expiry"}},
			{Kind: "check", Title: "lost", Open: ui.OpenMsg{Screen: "nowhere", Object: "lost"}},
		},
	}
	for _, id := range []string{"fleet", "containers", "services", "routes", "checks"} {
		p.Screens = append(p.Screens, ScreenFactory{ID: id, Title: strings.ToUpper(id[:1]) + id[1:], New: func(ui.Deps, ui.OpenMsg) ui.Screen { return still{id} }})
	}
	r, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	r.snap = snap
	r.Init()
	return r
}

func wide(hostCount, containers, units int) *hosts.Snapshot {
	s := &hosts.Snapshot{Gen: 1}
	at := uitest.Now()
	for i := range hostCount {
		h := &hosts.HostFacts{Host: hosts.Host{Name: fmt.Sprintf("host-%03d", i)}, Latest: at}
		var cs []hosts.Container
		for j := range containers {
			cs = append(cs, hosts.Container{ID: fmt.Sprint(i, "-", j), Name: fmt.Sprintf("project%d_service%d_1", i%20, j), State: "running"})
		}
		var us []hosts.Unit
		for j := range units {
			us = append(us, hosts.Unit{Name: fmt.Sprintf("worker-%d@queue%d.service", j%7, j), Active: "active"})
		}
		h.Containers, h.Units = hosts.Read(cs, "x", at), hosts.Read(us, "x", at)
		s.Hosts = append(s.Hosts, h)
	}
	return s
}

func typed(r *Root, text string) *palette {
	r.openPalette()
	p := r.over[len(r.over)-1].(*palette)
	for _, c := range text {
		p.key(r, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{c}})
	}
	return p
}

// Everything there is can be reached by typing what it is called.
func TestThePaletteReachesEverything(t *testing.T) {
	t.Parallel()
	s := wide(3, 2, 2)
	server := &nginx.Directive{Name: "server", File: "/etc/nginx/a.conf", Line: 3, Block: []*nginx.Directive{}}
	loc := &nginx.Location{D: &nginx.Directive{Name: "location", Args: []string{"/api"}, File: "/etc/nginx/a.conf", Line: 5}}
	s.Hosts[0].Nginx = hosts.Read([]hosts.Nginx{{HTTP: &nginx.HTTP{Servers: []*nginx.Server{{D: server, Names: []nginx.ServerName{{Text: "shop.test"}}, Locs: []*nginx.Location{loc}}}}}}, "x", uitest.Now())
	s.Hosts[1].Envoy = hosts.Read([]hosts.Envoy{{Config: &envoy.Config{Routes: []*envoy.RouteConfig{{VHosts: []*envoy.VHost{{
		Name: "edge", Domains: []string{"ai.test"}, Routes: []*envoy.Route{{Path: ".routes[0]", Match: envoy.RouteMatch{Prefix: "/v1"}}},
	}}}}}}}, "x", uitest.Now())
	s.Hosts[2].Traefik = hosts.Read([]hosts.Traefik{{Routers: []hosts.Router{{Name: "web@docker", Rule: "Host(`studio.test`)"}}}}, "x", uitest.Now())
	r := paletteRoot(t, s)
	for text, want := range map[string]ui.OpenMsg{
		"host-002":                     {Screen: "fleet", Host: "host-002"},
		"project1_service1_1 host-001": {Screen: "containers", Host: "host-001", Object: "1-1"},
		"worker-0@queue0 on host-002":  {Screen: "services", Host: "host-002", Object: "worker-0@queue0.service"},
		"shop.test":                    {Screen: "routes", Host: "host-000", Object: "/etc/nginx/a.conf:3"},
		"shop.test /api":               {Screen: "routes", Host: "host-000", Object: "/etc/nginx/a.conf:5"},
		"ai.test":                      {Screen: "routes", Host: "host-001", Object: ".routes[0]"},
		"studio.test":                  {Screen: "routes", Host: "host-002", Object: "web@docker"},
		"tls.expiry":                   {Screen: "checks", Object: "tls.expiry"},
		"certificate runs":             {Screen: "checks", Object: "tls.expiry"},
	} {
		p := typed(r, text)
		if len(p.found) == 0 {
			t.Errorf("%q finds nothing", text)
			continue
		}
		msgs := uitest.Run(p.choose(r))
		if len(msgs) != 1 || msgs[0] != want {
			t.Errorf("%q opens %+v, want %+v", text, msgs, want)
		}
	}
	for _, text := range []string{"look closely", "routes", "theme", "unlock changes"} {
		if p := typed(r, text); len(p.found) == 0 {
			t.Errorf("%q finds nothing", text)
		}
	}
	if p := typed(r, "lost check"); len(p.found) != 0 {
		t.Errorf("what has no screen is offered: %+v", p.entry(0))
	}
}

// The best of a large fleet is first, whatever the order in which it is typed and deleted.
func TestThePaletteOnALargeFleet(t *testing.T) {
	t.Parallel()
	s := wide(200, 50, 150)
	s.Hosts[137].Containers.Value[49].Name = "needle"
	r := paletteRoot(t, s)
	p := typed(r, "needle")
	if e := p.entry(0); e.title != "needle on host-137" || len(p.entries) < 40_000 || p.cut {
		t.Errorf("first is %q of %d", e.title, len(p.entries))
	}
	if e := typed(r, "host-13").entry(0); e.kind != "host" || e.title != "host-130" {
		t.Errorf("first is %s %q", e.kind, e.title)
	}
	for range "needle" {
		p.key(r, tea.KeyMsg{Type: tea.KeyBackspace})
	}
	if p.input.Value() != "" || p.entry(0).kind != "screen" {
		t.Errorf("with nothing typed, first is %+v", p.entry(0))
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"web|web-1 on a container": classStart, "on a|web-1 on a container": classWords, "eb|web-1": classInside, "w1|web-1": classLetters, "xyz|web-1": classNone,
		"web a|web-1 on a container": classStart, "a web|web-1 on a container": classNone, "é|café": classInside,
	} {
		query, key, _ := strings.Cut(text, "|")
		words := strings.Fields(query)
		if got := classify(key, words, strings.Join(words, "")); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// Ten thousand containers and thirty thousand units.
func BenchmarkPaletteOpen(b *testing.B) {
	r := paletteRoot(b, wide(200, 50, 150))
	for b.Loop() {
		r.openPalette()
		r.over = nil
	}
}

func BenchmarkPaletteFirstKey(b *testing.B) {
	r := paletteRoot(b, wide(200, 50, 150))
	p := typed(r, "")
	b.ReportAllocs()
	for b.Loop() {
		p.live = nil
		p.input.SetValue("e")
		p.search()
	}
}

func BenchmarkPaletteNextKey(b *testing.B) {
	r := paletteRoot(b, wide(200, 50, 150))
	for b.Loop() {
		b.StopTimer()
		p := typed(r, "se")
		p.input.SetValue("ser")
		b.StartTimer()
		p.search()
		b.StopTimer()
		r.over = nil
		b.StartTimer()
	}
}

// deep is a screen with actions that only its details have.
type deep struct{ still }

func (deep) PaneActions() [][]ui.Action {
	return [][]ui.Action{{ui.Act("deep.scroll", "Details", "scroll", func() tea.Cmd { return nil }, "j"), ui.Act("deep.turn", "Details", "turn", func() tea.Cmd { return nil }, "t")}}
}

// Keys of actions that only exist while something is open can be bound, and clashes there are found.
func TestKeysOfPanes(t *testing.T) {
	t.Parallel()
	with := func(keys map[string][]string) error {
		_, err := New(Params{
			Deps: ui.Deps{Now: uitest.Now, Styles: uitest.Plain(), Context: t.Context()}, Keys: keys,
			Screens: []ScreenFactory{{ID: "deep", Title: "Deep", New: func(ui.Deps, ui.OpenMsg) ui.Screen { return deep{still{"deep"}} }}},
		})
		return err
	}
	if err := with(map[string][]string{"deep.scroll": {"J"}, "deep.look": {"f"}}); err != nil {
		t.Error(err)
	}
	if err := with(map[string][]string{"deep.scroll": {"t"}}); err == nil || !strings.Contains(err.Error(), "on screen deep: key t of deep.turn is taken by deep.scroll") {
		t.Errorf("two actions of the details on one key: %v", err)
	}
	if err := with(map[string][]string{"deep.nothing": {"t"}}); err == nil {
		t.Error("an action that does not exist was bound")
	}
}
