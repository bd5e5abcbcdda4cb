package containers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui/uitest"
)

func TestImageName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"nginx":                             "nginx",
		"nginx:latest":                      "nginx",
		"library/nginx:1.27":                "nginx:1.27",
		"docker.io/library/nginx:1.27":      "nginx:1.27",
		"registry.example:5000/team/api:v2": "team/api:v2",
		"localhost/api":                     "api",
		"team/api:v2":                       "team/api:v2",
		"postgres:16@sha256:0123456789abcdef0123456789abcdef":    "postgres:16@0123456789ab",
		"ghcr.io/a/b@sha256:fedcba9876543210fedcba9876543210":    "a/b@fedcba987654",
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822": "sha256:9f86d081884c",
		"evil\x1b[31m/x": "evil/x",
		"":               "",
	} {
		if got := imageName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	p := func(ip string, host, cont uint16, proto string) hosts.Port {
		return hosts.Port{HostIP: ip, HostPort: host, ContainerPort: cont, Proto: proto}
	}
	for _, tc := range []struct {
		name string
		in   []hosts.Port
		want string
	}{
		{"none", nil, ""},
		{"exposed only", []hosts.Port{p("", 0, 80, "tcp")}, ""},
		{"same", []hosts.Port{p("0.0.0.0", 5432, 5432, "tcp")}, "5432"},
		{"mapped, both families", []hosts.Port{p("0.0.0.0", 8002, 80, "tcp"), p("::", 8002, 80, "tcp")}, "8002→80"},
		{"loopback", []hosts.Port{p("127.0.0.1", 9000, 9000, "tcp"), p("::1", 9000, 9000, "tcp")}, "lo:9000"},
		{"an address", []hosts.Port{p("10.0.0.7", 80, 80, "tcp"), p("fd00::1", 80, 80, "tcp")}, "10.0.0.7:80, [fd00::1]:80"},
		{"udp", []hosts.Port{p("0.0.0.0", 443, 443, "tcp"), p("0.0.0.0", 443, 443, "udp")}, "443, 443/udp"},
		{"range", []hosts.Port{p("0.0.0.0", 8001, 8001, "tcp"), p("0.0.0.0", 8000, 8000, "tcp"), p("0.0.0.0", 8002, 8002, "tcp"), p("0.0.0.0", 9000, 80, "tcp")}, "8000-8002, 9000→80"},
		{"mapped range", []hosts.Port{p("", 7000, 80, "tcp"), p("", 7001, 81, "tcp")}, "7000-7001→80-81"},
	} {
		if got := ports(tc.in, "→"); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestNaturalCompare(t *testing.T) {
	t.Parallel()
	names := []string{"worker-10", "worker-2", "worker-02", "api", "worker-1", "worker", "worker-2b", "Worker-1", "日本-2", "日本-10"}
	slices.SortFunc(names, naturalCompare)
	if got := strings.Join(names, " "); got != "Worker-1 api worker worker-1 worker-2 worker-02 worker-2b worker-10 日本-2 日本-10" {
		t.Error(got)
	}
}

func stateOf(mod func(*hosts.Container, *hosts.HostFacts)) *item {
	c := cortex()[0]
	h := &hosts.HostFacts{Host: hosts.Host{Name: "h"}, Link: hosts.Link{State: hosts.StateConnected}, Containers: hosts.Read([]hosts.Container{c}, "x", now())}
	mod(&h.Containers.Value[0], h)
	return &item{h: h, c: &h.Containers.Value[0], now: now(), stale: isStale(h)}
}

func TestWords(t *testing.T) {
	t.Parallel()
	st := uitest.Plain()
	for _, tc := range []struct {
		name          string
		mod           func(*hosts.Container, *hosts.HostFacts)
		state, health string
		role, hrole   themes.Role
		bad           trouble
	}{
		{"healthy", func(*hosts.Container, *hosts.HostFacts) {}, "● running", "✓ healthy", themes.OK, themes.OK, fine},
		{"unhealthy", func(c *hosts.Container, _ *hosts.HostFacts) { c.Health = hosts.HealthUnhealthy }, "● running", "✗ unhealthy", themes.OK, themes.Bad, broken},
		{"no check", func(c *hosts.Container, _ *hosts.HostFacts) { c.Health = hosts.HealthNone }, "● running", "no check", themes.OK, themes.Faint, fine},
		{"not inspected", func(c *hosts.Container, _ *hosts.HostFacts) { c.Health = hosts.HealthUnknown }, "● running", "? unknown", themes.OK, themes.Unknown, fine},
		{"starting", func(c *hosts.Container, _ *hosts.HostFacts) { c.Health = hosts.HealthStarting }, "● running", "◌ starting", themes.OK, themes.Info, fine},
		{"paused", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "paused" }, "‖ paused", "✓ healthy", themes.Warn, themes.OK, odd},
		{"restarting", func(c *hosts.Container, _ *hosts.HostFacts) { c.State, c.Exit = "restarting", 1 }, "↻ restarting 1", "✓ healthy", themes.Bad, themes.OK, broken},
		{"ended well", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "exited" }, "○ exited 0", "-", themes.Muted, themes.Faint, fine},
		{"ended badly", func(c *hosts.Container, _ *hosts.HostFacts) { c.State, c.Exit = "exited", 1 }, "✗ exited 1", "-", themes.Bad, themes.Faint, broken},
		{"out of memory", func(c *hosts.Container, _ *hosts.HostFacts) { c.State, c.Exit, c.OOMKilled = "exited", 137, true }, "✗ exited 137 OOM", "-", themes.Bad, themes.Faint, broken},
		{"dead", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "dead" }, "✗ dead", "-", themes.Bad, themes.Faint, broken},
		{"created", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "created" }, "○ created", "-", themes.Muted, themes.Faint, fine},
		{"a new word", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "thawing\x1b[1m" }, "? thawing", "-", themes.Unknown, themes.Faint, fine},
		{"no word", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "" }, "? unknown", "-", themes.Unknown, themes.Faint, fine},
		{"host gone", func(_ *hosts.Container, h *hosts.HostFacts) { h.Link.State = hosts.StateDisconnected }, "~ running", "~ healthy", themes.Muted, themes.Muted, uncertain},
		{"read failed", func(_ *hosts.Container, h *hosts.HostFacts) { h.Containers.Reason = "timeout" }, "~ running", "~ healthy", themes.Muted, themes.Muted, uncertain},
		{"host gone while it was dead", func(c *hosts.Container, h *hosts.HostFacts) {
			h.Link.State, c.State, c.Exit = hosts.StateError, "exited", 2
		}, "~ exited 2", "-", themes.Bad, themes.Faint, broken},
	} {
		it := stateOf(tc.mod)
		s, h := stateWord(st, it), healthWord(st, it)
		if got := s.glyph + " " + s.text; got != tc.state || s.role != tc.role {
			t.Errorf("%s: state %q role %d, want %q role %d", tc.name, got, s.role, tc.state, tc.role)
		}
		if got := strings.TrimSpace(h.glyph + " " + h.text); got != tc.health || h.role != tc.hrole {
			t.Errorf("%s: health %q role %d, want %q role %d", tc.name, got, h.role, tc.health, tc.hrole)
		}
		if got := it.trouble(); got != tc.bad {
			t.Errorf("%s: trouble %d, want %d", tc.name, got, tc.bad)
		}
	}
}

// Whatever state and health a container was in: once its host is gone nothing about it is green.
func TestStaleIsNeverGreen(t *testing.T) {
	t.Parallel()
	st := uitest.Plain()
	for _, state := range []string{"created", "running", "paused", "restarting", "removing", "exited", "dead", "", "?"} {
		for health := hosts.HealthUnknown; health <= hosts.HealthUnhealthy; health++ {
			it := stateOf(func(c *hosts.Container, h *hosts.HostFacts) {
				c.State, c.Health, h.Link.State = state, health, hosts.StateDisconnected
			})
			it.stats = series(5, now())
			for _, c := range columns(func() *themes.Styles { return st }) {
				if cell := c.Cell(it); cell.Role == themes.OK || cell.GlyphRole == themes.OK {
					t.Errorf("%s, %s: column %s is green: %q", state, health, c.ID, cell.Text)
				}
			}
			if count([]item{*it}).up != 0 {
				t.Errorf("%s counts as up", state)
			}
		}
	}
}

// Health that is not known is never shown as health.
func TestUnknownHealthIsNotHealthy(t *testing.T) {
	t.Parallel()
	it := stateOf(func(c *hosts.Container, _ *hosts.HostFacts) { c.Health, c.Inspected = hosts.HealthUnknown, false })
	if w := healthWord(uitest.Plain(), it); w.role == themes.OK || w.text != "unknown" {
		t.Errorf("%+v", w)
	}
	if c := restartsCell(it); c.Text != "?" {
		t.Errorf("restarts of an uninspected container: %+v", c)
	}
}

func TestSinceText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want string
		mod  func(*hosts.Container, *hosts.HostFacts)
	}{
		{"3h12m", func(*hosts.Container, *hosts.HostFacts) {}},
		{"5m ago", func(c *hosts.Container, _ *hosts.HostFacts) { c.State, c.Finished = "exited", ago(5*time.Minute) }},
		{"-", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "exited" }},
		{"-", func(c *hosts.Container, _ *hosts.HostFacts) { c.Started = time.Time{} }},
		{"2d02h ago", func(c *hosts.Container, _ *hosts.HostFacts) { c.State = "created" }},
		// A host that is gone proves nothing about the time since.
		{"3h02m", func(_ *hosts.Container, h *hosts.HostFacts) {
			h.Link.State, h.Containers.At = hosts.StateDisconnected, ago(10*time.Minute)
		}},
	} {
		if got := sinceText(stateOf(tc.mod)); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestDependents(t *testing.T) {
	t.Parallel()
	list := cortex()
	side := list[2]
	side.ID, side.Name, side.NetMode, side.Networks, side.Labels = "side", "proxy-sidecar", "container:"+list[0].ID, nil, nil
	list = append(list, side)
	h := &hosts.HostFacts{Containers: hosts.Read(list, "x", now())}
	got := strings.Join(dependents(h, &list[0], "→"), "\n")
	want := "needed by ai_unified_frontend\n" +
		"its network is also that of proxy-sidecar\n" +
		"publishes 8000: clients and proxies lose it\n" +
		"reached as ai-hub, ai_hub_service by ai_unified_frontend, cortex-db-1"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	alone := hosts.Container{ID: "x", Networks: []hosts.ContainerNetwork{{Name: "bridge", Aliases: []string{"x"}}}}
	if got := dependents(h, &alone, "→"); len(got) != 0 {
		t.Errorf("alone: %v", got)
	}
}

func TestListNames(t *testing.T) {
	t.Parallel()
	if got := listNames([]string{"a", "b", "c", "d", "e", "f"}); got != "a, b, c, d and 2 more" {
		t.Error(got)
	}
}

// A row's version stays while nothing changes, and changes with everything a row shows.
func TestVersion(t *testing.T) {
	t.Parallel()
	x := new(hasher)
	base := stateOf(func(*hosts.Container, *hosts.HostFacts) {})
	v := x.version(base)
	if same := *base; x.version(&same) != v {
		t.Error("the same item has another version")
	}
	for name, mod := range map[string]func(*item){
		"link":   func(it *item) { h := *it.h; h.Link.State = hosts.StateError; it.h = &h },
		"clock":  func(it *item) { it.now = it.now.Add(time.Minute) },
		"sample": func(it *item) { it.stats = series(3, it.now) },
		"action": func(it *item) { it.act = &act{verb: "stop"} },
		"facts":  func(it *item) { c := *it.c; c.Restarts++; it.c = &c },
		"state":  func(it *item) { c := *it.c; c.State = "dead"; it.c = &c },
	} {
		it := *base
		mod(&it)
		if x.version(&it) == v {
			t.Errorf("%s: the version stays", name)
		}
	}
}

func TestTabAt(t *testing.T) {
	t.Parallel()
	for x, want := range map[int]tab{0: tabOverview, 9: tabOverview, 10: tabInspect, 19: tabEnv} {
		if got, ok := tabAt(x); !ok || got != want {
			t.Errorf("%d: %s", x, got)
		}
	}
	if _, ok := tabAt(500); ok {
		t.Error("beyond the bar")
	}
}

// Names and ports from outside never panic and come out clean.
func FuzzFormat(f *testing.F) {
	f.Add("registry:5000/a/b:c@sha256:d", "0.0.0.0", uint16(80), uint16(80), "a1", "a01")
	f.Add("@", "::", uint16(0), uint16(65535), "\xff9", "9\xff")
	f.Fuzz(func(t *testing.T, image, ip string, host, cont uint16, a, b string) {
		for _, s := range []string{imageName(image), ports([]hosts.Port{{HostIP: ip, HostPort: host, ContainerPort: cont, Proto: image}, {HostIP: ip, HostPort: host + 1, ContainerPort: cont + 1, Proto: image}}, "->")} {
			if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
				t.Errorf("not clean: %q", s)
			}
		}
		if x, y := naturalCompare(a, b), naturalCompare(b, a); x != -y {
			t.Errorf("%q and %q: %d and %d", a, b, x, y)
		}
	})
}
