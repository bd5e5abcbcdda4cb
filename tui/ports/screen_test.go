package ports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/night"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func now() time.Time { return uitest.Now() }

func ago(d time.Duration) time.Time { return now().Add(-d) }

func socket(addr string, port uint16, process string, pid int) hosts.Socket {
	return hosts.Socket{Proto: "tcp", Address: addr, Port: port, Process: process, PID: pid}
}

func publish(name, state, addr string, host, inner uint16) hosts.Container {
	p := []hosts.Port{{HostIP: addr, HostPort: host, ContainerPort: inner, Proto: "tcp"}}
	if addr == "0.0.0.0" {
		p = append(p, hosts.Port{HostIP: "::", HostPort: host, ContainerPort: inner, Proto: "tcp"})
	}
	c := hosts.Container{ID: "id-" + name, Name: name, State: state, Bindings: p}
	if state == "running" {
		c.Ports = p
	}
	return c
}

// fleetSnap is a gateway whose nginx sends traffic to ports that are there, that are not, and that
// listen elsewhere; a host with data stores in containers; one that is gone; one that shows nothing.
func fleetSnap() *hosts.Snapshot {
	link := hosts.Link{State: hosts.StateConnected}
	conf := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte(`http {
  upstream workers { server unix:/run/core-1.sock; server unix:/run/core-2.sock; }
  upstream hub { server 10.0.0.2:8000; server 10.0.0.2:8001; }
  server { listen 443; server_name ai.example.com;
    location / { proxy_pass http://hub; }
    location /git { proxy_pass http://127.0.0.1:3000; }
  }
}`)}})
	gw := &hosts.HostFacts{
		Host: hosts.Host{Name: "gw-1", Address: "10.0.0.1"}, Link: link, Nginx: hosts.Read([]hosts.Nginx{{HTTP: nginx.NewHTTP(conf)}}, "nginx -T", ago(time.Minute)),
		Sockets: hosts.Read([]hosts.Socket{
			socket("0.0.0.0", 443, "nginx", 812), socket("::", 443, "nginx", 812), socket("10.0.0.1", 3000, "gitea", 900),
			{Proto: "udp", Address: "127.0.0.53", Port: 53, Process: "systemd-resolve", PID: 77, Unit: "systemd-resolved.service"},
			{Proto: "tcp", Address: "127.0.0.1", Port: 6379, Process: "redis-server", PID: 5, Unit: "redis-server.service"},
			{Proto: "tcp", Address: "::1", Port: 6379, Process: "redis-server", PID: 5, Unit: "redis-server.service"},
			{Proto: "tcp", Address: "0.0.0.0", Port: 9999},
			{Proto: "unix", Address: "/run/core-1.sock", Process: "uvicorn", PID: 31, Unit: "core@1.service"},
			{Proto: "unix", Address: "/run/dbus/system_bus_socket"},
		}, "ss -H -lntupe", ago(4*time.Second)),
		Probes: hosts.Read([]hosts.Probe{
			{Name: "edge", Target: "https://10.0.0.1/", Results: []hosts.ProbeResult{{At: ago(9 * time.Second), OK: true, Status: 200}}},
			{Name: "dash", Target: "10.0.0.1:4567", From: "gw-1", Results: []hosts.ProbeResult{{At: ago(9 * time.Second), Reason: "connection refused"}}},
		}, "GET https://10.0.0.1/", ago(9*time.Second)),
	}
	refused := publish("ai_hub_service", "created", "0.0.0.0", 8000, 8000)
	refused.Error = "driver failed programming external connectivity: Bind for 0.0.0.0:8000 failed: port is already allocated"
	gw.Containers = hosts.Read([]hosts.Container{}, "no engine", ago(2*time.Second))
	app := &hosts.HostFacts{
		Host: hosts.Host{Name: "app-1", Address: "10.0.0.2"}, Link: link,
		Containers: hosts.Read([]hosts.Container{
			publish("python3_11", "running", "0.0.0.0", 8000, 8000), refused,
			publish("db", "running", "0.0.0.0", 5432, 5432), publish("cache", "running", "127.0.0.1", 6379, 6379),
			publish("old-front", "exited", "0.0.0.0", 8080, 80),
		}, "GET /containers/json?all=1", ago(2*time.Second)),
		Sockets: hosts.Read([]hosts.Socket{socket("0.0.0.0", 8000, "docker-proxy", 1), socket("0.0.0.0", 5432, "docker-proxy", 2), socket("127.0.0.1", 6379, "docker-proxy", 3)}, "ss -H -lntupe", ago(4*time.Second)),
	}
	gone := &hosts.HostFacts{
		Host: hosts.Host{Name: "gone-1"}, Link: hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline"},
		Containers: hosts.Read([]hosts.Container{publish("web", "running", "0.0.0.0", 80, 80)}, "GET /containers/json?all=1", ago(4*time.Minute)),
		Sockets:    hosts.Read([]hosts.Socket{socket("0.0.0.0", 80, "docker-proxy", 1)}, "ss -H -lntupe", ago(5*time.Minute)),
	}
	shut := &hosts.HostFacts{Host: hosts.Host{Name: "shut-1"}, Link: link, Sockets: hosts.Part[[]hosts.Socket]{Tried: ago(time.Second), Reason: "ss: not found"}, Containers: gw.Containers}
	return &hosts.Snapshot{Gen: 1, At: now(), Hosts: []*hosts.HostFacts{gw, app, gone, shut}}
}

func screen(d ui.Deps, m ui.OpenMsg) ui.Screen { return New(d, m) }

func stage(t *testing.T, open ui.OpenMsg, snap *hosts.Snapshot) *uitest.Stage {
	t.Helper()
	g := uitest.NewStage(t, uitest.Plain(), open, snap, screen)
	g.Screen.SetSize(200, 50)
	return g
}

func TestTable(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, fleetSnap())
	g.HasNot("system_bus_socket")
	g.Has("gw-1  3 broken", "/run/core-2.sock", "app-1  2 broken, 1 doubtful", "shut-1  what listens unknown: ss: not found", "as of 5m ago: host disconnected: no answer within the deadline")
	for port, want := range map[string]string{
		" 8000 ": "✗ collision", " 8001 ": "✗ nothing listens", " 3000 ": "✗ wrong address", " 4567 ": "✗ not reached", " 5432 ": "▲ exposed",
		" 9999 ": "? (needs root)", " 53/udp ": "systemd-resolved", " 8080 ": "○ wanted", " 80 ": "~ published",
	} {
		if l := g.Line(port); !strings.Contains(l, want) {
			t.Errorf("%s: %q, want %s", port, l, want)
		}
	}
	if l := g.Line(" 443 "); !strings.Contains(l, "everyone") || !strings.Contains(l, "✓ reached") {
		t.Errorf("%q", l)
	}
	n := strings.Count(g.View(), "redis-server ")
	if n != 1 {
		t.Errorf("127.0.0.1 and ::1 are one binding to a person: %d rows", n)
	}
	g.Keys("e")
	g.Has("only problems")
	g.HasNot(" 443 ", " 53/udp ", "○ wanted")
	g.Keys("esc", "b")
	g.HasNot("▾")
	for range 8 { // sorting by every column survives rows without facts
		g.Keys("s", "S")
		g.View()
	}
	h := stage(t, ui.OpenMsg{Host: "app-1"}, fleetSnap())
	h.HasNot("gitea", "▾")
	h.Has("4s · ss -H -lntupe")
	stage(t, ui.OpenMsg{Host: "nowhere"}, fleetSnap()).Has("no host nowhere in the inventory")
}

// Without the sockets nothing is called missing, and nothing is called free.
func TestUnknownIsNotMissing(t *testing.T) {
	t.Parallel()
	s := fleetSnap()
	for _, h := range s.Hosts {
		h.Sockets = hosts.Part[[]hosts.Socket]{Reason: "ss: permission denied", Needs: "root", Tried: now()}
	}
	g := stage(t, ui.OpenMsg{}, s)
	g.HasNot("nothing listens", "wrong address")
	g.Has("? not known", "what listens unknown: ss: permission denied (needs root)")
}

func TestDetails(t *testing.T) {
	t.Parallel()
	for object, want := range map[string][]string{
		"8000":             {"could not start: driver failed", "stop who has the port", "python3_11 publishes port 8000 on every address", "Wanted by containers that do not run", "docker-proxy", "10.0.0.2:8000", "/etc/nginx/nginx.conf:3"},
		"3000":             {"is bound to 10.0.0.1 only", "nginx ai.example.com /git on gw-1 sends traffic here", "gitea"},
		"5432":             {"PostgreSQL of container db is published on every address", "127.0.0.1 or an inner address"},
		"4567":             {"connection refused", "Nobody is known to have port 4567 now"},
		"id-db":            {"app-1 / 5432"},
		"53/udp":           {"on 127.0.0.53, which only this host reaches", "No proxy whose configuration is known uses it"},
		"9999":             {"? needs root"},
		"8080":             {"a container that does not run will ask for it", "old-front (exited)"},
		"/run/core-1.sock": {"core@1 listens on this socket", "nginx upstream workers on gw-1 sends traffic here", "/etc/nginx/nginx.conf:2"},
		"/run/core-2.sock": {"nothing listens on it", "Nobody is known to listen on this socket"},
		"gone it":          nil,
	} {
		g := stage(t, ui.OpenMsg{Object: object}, fleetSnap())
		if want == nil {
			if len(g.Toasts) != 1 {
				t.Errorf("%s: toasts %v", object, g.Toasts)
			}
			continue
		}
		g.Has(want...)
	}
}

func TestJumps(t *testing.T) {
	t.Parallel()
	var got []string
	for _, k := range []struct{ object, keys string }{
		{"8000", "c l o t y"}, {"53/udp", "c l t"}, {"3000", "o t"}, {"443", "c o"}, {"8080", "c"}, {"/run/core-1.sock", "c l o t y"},
	} {
		g := stage(t, ui.OpenMsg{Object: k.object}, fleetSnap())
		g.Keys(strings.Fields(k.keys)...)
		for _, m := range g.Opened {
			line := k.object + ": " + m.Screen + " " + m.Host + " " + m.Object
			if m.Logs != nil {
				for _, s := range m.Logs.Sources {
					line += s.Key()
				}
			}
			got = append(got, line)
		}
		got = append(got, g.Toasts...)
		if g.Copied != "" {
			got = append(got, "copied "+g.Copied)
		}
	}
	want := []string{
		"8000: containers app-1 id-python3_11", "8000: logs app-1 app-1/container:python3_11", "8000: routes gw-1 /etc/nginx/nginx.conf:3", "8000: trace  http://10.0.0.2:8000/",
		"sent address to the terminal's clipboard (OSC 52)", "copied 10.0.0.2:8000",
		"53/udp: services gw-1 systemd-resolved.service", "53/udp: logs gw-1 gw-1/unit:systemd-resolved.service", "port 127.0.0.53:53: only what goes over TCP is traced",
		"3000: routes gw-1 /etc/nginx/nginx.conf:6", "3000: trace  http://10.0.0.1:3000/",
		"port 443: no container has it", "port 443: no proxy whose configuration is known sends traffic here",
		"8080: containers app-1 id-old-front",
		"/run/core-1.sock: services gw-1 core@1.service", "/run/core-1.sock: logs gw-1 gw-1/unit:core@1.service", "/run/core-1.sock: routes gw-1 /etc/nginx/nginx.conf:2",
		"port /run/core-1.sock: only what goes over TCP is traced", "sent address to the terminal's clipboard (OSC 52)", "copied /run/core-1.sock",
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
}

func states() map[string]*hosts.Snapshot {
	loading := &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "gw-1"}}, {Host: hosts.Host{Name: "app-1"}}}}
	empty := fleetSnap()
	empty.Hosts = empty.Hosts[:1]
	empty.Hosts[0].Sockets.Value, empty.Hosts[0].Probes, empty.Hosts[0].Nginx = nil, hosts.Part[[]hosts.Probe]{}, hosts.Part[[]hosts.Nginx]{}
	failed := fleetSnap()
	failed.Hosts = failed.Hosts[3:]
	stale := fleetSnap()
	for _, h := range stale.Hosts[:2] {
		h.Link = hosts.Link{State: hosts.StateError, Reason: "5 failures in a row: connection refused"}
		h.Containers.At, h.Sockets.At = ago(7*time.Minute), ago(7*time.Minute)
	}
	return map[string]*hosts.Snapshot{"loading": loading, "empty": empty, "failed": failed, "stale": stale, "good": fleetSnap()}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	type scene struct {
		st   *themes.Styles
		open ui.OpenMsg
		snap *hosts.Snapshot
	}
	scenes := map[string]scene{
		"collision": {open: ui.OpenMsg{Object: "8000"}, snap: fleetSnap()},
		"color":     {st: uitest.Styles(themes.Dark(), termenv.TrueColor, false), snap: fleetSnap()},
		"ascii":     {st: uitest.Styles(themes.Dark(), termenv.ANSI, true), snap: fleetSnap()},
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

// hostile is a fleet whose every text tries to get out of its cell.
func hostile() *hosts.Snapshot {
	evil := "\x1b[2J\x1b]0;x\a\u202eevil\u200d 👩‍👩‍👧 " + strings.Repeat("長", 60) + "\n\t\x00\xff"
	c := publish(evil, "running", evil, 80, 80)
	w := publish(evil+"2", evil, evil, 80, 80)
	w.Error = evil + "address already in use"
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: evil}, Link: hosts.Link{State: hosts.StateConnected, Reason: evil},
		Containers: hosts.Read([]hosts.Container{c, w}, evil, now()),
		Sockets:    hosts.Read([]hosts.Socket{{Proto: "tcp", Address: evil, Port: 80, Process: evil, Unit: evil, Container: evil}, {Proto: "udp", Address: "::1", Port: 9, Process: evil}}, evil, now()),
	}
	bad := &hosts.HostFacts{Host: hosts.Host{Name: "b"}, Sockets: hosts.Part[[]hosts.Socket]{Reason: evil, Needs: evil, Tried: now()}}
	return &hosts.Snapshot{At: now(), Hosts: []*hosts.HostFacts{h, bad}}
}

func TestViewAtAnySize(t *testing.T) {
	t.Parallel()
	for name, snap := range map[string]*hosts.Snapshot{"fleet": fleetSnap(), "hostile": hostile(), "none": {}} {
		for _, open := range []ui.OpenMsg{{}, {Object: "8000"}, {Object: "80"}} {
			t.Run(name+open.Object, func(t *testing.T) {
				t.Parallel()
				g := uitest.NewStage(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false), open, snap, screen)
				uitest.CheckView(t, g.Screen)
			})
		}
	}
	g := stage(t, ui.OpenMsg{}, hostile())
	for range 3 {
		if v := g.View(); strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x202e }) {
			t.Errorf("control characters in %q", v)
		}
		g.Keys("j")
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

// A container that could not start for its port is found, who has the port is seen, and once that is
// gone the port is good.
func TestJourneyAPortIsTaken(t *testing.T) {
	n := night.Begin(t, 80, 24, fleetSnap(), nil, tui.ScreenFactory{ID: "ports", Title: "Ports", New: screen})
	n.Sees("✗ collision").Presses("/").Types("state:collision").Presses("enter").SeesNo("9999")
	n.Presses("enter").Sees("could not start", "python3_11 publishes port 8000").Presses("esc")
	n.Fleet.Change("app-1", func(h *hosts.HostFacts) {
		list := slices.Clone(h.Containers.Value)
		list[0].State, list[0].Ports, list[0].Bindings = "exited", nil, nil
		list[1].State, list[1].Ports, list[1].Error = "running", list[1].Bindings, ""
		h.Containers.Value = list
	})
	n.Sees("nothing matches").Presses("esc").Sees("ai_hub_service").SeesNo("✗ collision")
}
