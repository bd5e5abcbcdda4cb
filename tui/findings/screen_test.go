package findings

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"midwatch/checks"
	"midwatch/checks/mend"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func now() time.Time { return uitest.Now() }

// rules are checks made for these tests: their answers follow from the facts alone.
func rules() []checks.Check {
	rule := func(id string, sev checks.Severity, eval checks.Eval, after ...string) checks.Check {
		return checks.Check{
			ID: id, Title: "title of " + id, Area: checks.AreaContainer, Severity: sev, Why: "because of " + id, Fix: "mend " + id,
			Verify: "look at " + id, Sources: []string{"https://example.com/" + id}, Diagnoses: []string{"trouble"}, After: after, Eval: eval,
		}
	}
	dead := func(h *checks.Host) []checks.Finding {
		var out []checks.Finding
		for _, c := range h.Containers.Value {
			if c.State == "dead" {
				out = append(out, h.Find("container "+c.Name, checks.NeedContainers, c.Name+" is dead"))
			}
		}
		return out
	}
	port := func(n *checks.Nginx) []checks.Finding {
		d := n.HTTP.Servers[0].D
		f := n.At(d, "server a")
		f.Title = "the server is wrong"
		return []checks.Finding{f}
	}
	list := []checks.Check{
		rule("dead", checks.Critical, checks.OnHost(dead)),
		rule("follows", checks.Error, checks.OnHost(dead), "dead"),
		rule("server", checks.Warning, checks.OnNginx(port)),
		rule("calm", checks.Error, checks.OnHost(func(*checks.Host) []checks.Finding { return nil })),
	}
	list[0].Needs = []checks.Need{checks.NeedContainers}
	list[1].Needs = []checks.Need{checks.NeedContainers}
	return list
}

func snapshot(gen uint64, state string) *hosts.Snapshot {
	conf := read.Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte("http {\n  # a\n  server {\n    listen 80;\n\t# \u202ehostile\x1b[2J\n  }\n}\n")}})
	link := hosts.Link{State: hosts.StateConnected}
	web := &hosts.HostFacts{
		Host: hosts.Host{Name: "web-1"}, Link: link, Latest: now(),
		Containers: hosts.Read([]hosts.Container{{ID: "c1", Name: "api", State: state}}, "GET /containers/json", now().Add(-2*time.Second)),
		Nginx:      hosts.Read([]hosts.Nginx{{Config: conf, HTTP: nginx.NewHTTP(conf)}}, "nginx -T", now().Add(-time.Minute)),
	}
	shut := &hosts.HostFacts{
		Host: hosts.Host{Name: "shut-1"}, Link: link, Nginx: hosts.Read([]hosts.Nginx{}, "nginx -T", now()),
		Containers: hosts.Part[[]hosts.Container]{Reason: "permission denied", Needs: "the group docker", Tried: now()},
	}
	return &hosts.Snapshot{Gen: gen, At: now(), Hosts: []*hosts.HostFacts{web, shut}}
}

func memory(mutes ...checks.Mute) *Memory {
	return NewMemory(func(s *hosts.Snapshot) Answer {
		return Answer{Report: checks.Run(checks.FromSnapshot(s), rules(), checks.Options{Mutes: mutes})}
	})
}

func stage(t *testing.T, open ui.OpenMsg, snap *hosts.Snapshot, m *Memory) *uitest.Stage {
	t.Helper()
	g := uitest.NewStage(t, uitest.Plain(), open, snap, func(d ui.Deps, o ui.OpenMsg) ui.Screen { return New(d, o, m) })
	g.Screen.SetSize(200, 50)
	return g
}

func guide(t *testing.T, open ui.OpenMsg, snap *hosts.Snapshot, m *Memory) *uitest.Stage {
	t.Helper()
	all := []Diagnosis{
		{ID: "trouble", Title: "something is dead", Symptom: "it does not answer", Checks: rules()},
		{ID: "none", Title: "nothing to ask", Symptom: "the moon is missing"},
	}
	g := uitest.NewStage(t, uitest.Plain(), open, snap, func(d ui.Deps, o ui.OpenMsg) ui.Screen { return NewGuide(d, o, m, all) })
	g.Screen.SetSize(200, 50)
	return g
}

func TestFindings(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{}, snapshot(1, "dead"), memory())
	g.CheckActions()
	g.Has("1 critical · 1 warning · 1 unknown", "title of dead (+1 it causes)", "the server is wrong", "nginx.conf:3", "permission denied; needs the")
	g.HasNot("new ", "error  1")
	g.Keys("enter")
	g.Has("api is dead", "because of dead", "mend dead", "look at dead", "title of follows", "https://example.com/dead")
	g.Keys("esc", "u")
	g.HasNot("permission denied; needs")
	g.Keys("b")
	g.Has("web-1  2")
	g.Keys("e")
	g.HasNot("the server is wrong")
}

// A finding that comes while the console is open is new, and one that is mended goes.
func TestNewAndGone(t *testing.T) {
	t.Parallel()
	m := memory()
	g := stage(t, ui.OpenMsg{}, snapshot(1, "running"), m)
	g.HasNot("title of dead")
	g.Run(g.Screen.(ui.Shower).Show(true))
	g.Wait(4 * time.Second)
	g.Show(snapshot(2, "dead"))
	g.Has("title of dead", "1 new")
	g.Wait(4 * time.Second)
	g.Show(snapshot(3, "running"))
	g.HasNot("title of dead", "1 new")
}

func TestMuted(t *testing.T) {
	t.Parallel()
	m := memory(checks.Mute{Check: "dead", Reason: "known", Until: now().Add(24 * time.Hour)})
	g := stage(t, ui.OpenMsg{}, snapshot(1, "dead"), m)
	g.HasNot("title of dead")
	g.Has("1 muted")
	g.Keys("m")
	g.Has("title of dead")
}

func TestFileAroundTheLine(t *testing.T) {
	t.Parallel()
	g := stage(t, ui.OpenMsg{Object: "server a"}, snapshot(1, "running"), memory())
	g.Has("▌    3    server {", "4      listen 80;")
	g.HasNot("\x1b", "\u202e")
	g.Keys("o", "l", "y", "d")
	var screens []string
	for _, m := range g.Opened {
		screens = append(screens, m.Screen+" "+m.Object)
	}
	if got := strings.Join(screens, ", "); got != "routes /etc/nginx/nginx.conf:3, logs , guide trouble" {
		t.Errorf("opened %s", got)
	}
	if !strings.Contains(g.Copied, "**Fix.** mend server") {
		t.Errorf("copied %q", g.Copied)
	}
}

func TestGuide(t *testing.T) {
	t.Parallel()
	g := guide(t, ui.OpenMsg{}, snapshot(1, "dead"), memory())
	g.CheckActions()
	g.Has("it does not answer", "✗ 2 causes", "the moon is missing", "nothing here")
	g.Keys("enter")
	g.Has("Cause", "api is dead", "mend dead", "look at dead", "1. title of dead: yes", "4. title of calm: no, looked at 2 places", "Further causes")
	h := guide(t, ui.OpenMsg{Object: "trouble"}, snapshot(1, "running"), memory())
	h.Has("title of dead: cannot be told: shut-1: containers: permission denied")
	h.Keys("f")
	if len(h.Opened) != 1 || h.Opened[0].Screen != "checks" {
		t.Errorf("opened %v", h.Opened)
	}
}

// states are the five of every screen.
func states() map[string]*hosts.Snapshot {
	old := snapshot(1, "dead")
	for _, h := range old.Hosts {
		h.Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no answer"}
		h.Containers.At = now().Add(-20 * time.Minute)
	}
	calm := snapshot(1, "running")
	calm.Hosts = calm.Hosts[:1]
	calm.Hosts[0].Nginx.Value = nil
	failed := snapshot(1, "dead")
	failed.Hosts = failed.Hosts[1:]
	return map[string]*hosts.Snapshot{
		"loading": {}, "empty": calm, "failed": failed, "stale": old, "good": snapshot(1, "dead"),
	}
}

func TestGolden(t *testing.T) {
	for name, snap := range states() {
		for _, size := range uitest.Sizes() {
			t.Run(name+"/"+itoa(size[0])+"x"+itoa(size[1]), func(t *testing.T) {
				g := stage(t, ui.OpenMsg{}, snap, memory())
				g.Screen.SetSize(size[0], size[1])
				golden.RequireEqual(t, g.View())
			})
			t.Run("guide-"+name+"/"+itoa(size[0])+"x"+itoa(size[1]), func(t *testing.T) {
				g := guide(t, ui.OpenMsg{}, snap, memory())
				g.Screen.SetSize(size[0], size[1])
				golden.RequireEqual(t, g.View())
			})
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, snap := range states() {
		uitest.CheckView(t, stage(t, ui.OpenMsg{}, snap, memory()).Screen)
		uitest.CheckView(t, guide(t, ui.OpenMsg{}, snap, memory()).Screen)
	}
}

// A finding that can be mended shows the change before anything is planned; one that cannot says why.
func TestMendIsOffered(t *testing.T) {
	for _, c := range []struct {
		offer Offer
		want  []string
		opens bool
	}{
		{Offer{Mend: &mend.Mend{
			Title: "the port moves", Also: []string{"tell Envoy"},
			Files: []mend.File{{Path: "/srv/x.conf", Edits: []mend.Edit{{Line: 4, Old: "  listen 80;", New: []string{"  listen 81;"}}}}},
		}}, []string{"x plans it, changing nothing yet: the port moves", "/srv/x.conf", "- listen 80;", "+ listen 81;", "tell Envoy"}, true},
		{Offer{Why: "it takes a person: see the fix"}, []string{"by hand", "it takes a person"}, false},
	} {
		m := NewMemory(func(s *hosts.Snapshot) Answer {
			r := checks.Run(checks.FromSnapshot(s), rules(), checks.Options{})
			out := map[string]Offer{}
			for i := range r.Answers {
				for j := range r.Answers[i].Findings {
					out[r.Answers[i].Findings[j].ID()] = c.offer
				}
			}
			return Answer{Report: r, Mends: out}
		})
		m.Plan = func(f *checks.Finding) ui.OpenMsg { return ui.OpenMsg{Screen: "plan", Object: f.ID()} }
		g := stage(t, ui.OpenMsg{Object: "server"}, snapshot(1, "running"), m)
		g.Has(c.want...)
		g.Keys("x")
		if (len(g.Opened) == 1 && g.Opened[0].Screen == "plan" && g.Opened[0].Object != "") != c.opens {
			t.Errorf("opened %+v", g.Opened)
		}
	}
}
