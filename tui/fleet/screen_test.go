package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"midwatch/hosts"
	"midwatch/tui/fleet"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestActions(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	if bad := ui.Conflicts(s.Actions()); bad != nil {
		t.Error(bad)
	}
	for _, a := range s.Actions() {
		if a.Group == "" {
			t.Errorf("%s has no group in the help", a.ID)
		}
	}
}

// only returns the one message of that type.
func only[T any](t *testing.T, msgs []any) T {
	t.Helper()
	var out T
	n := 0
	for _, m := range msgs {
		if x, ok := m.(T); ok {
			out, n = x, n+1
		}
	}
	if n != 1 {
		t.Fatalf("%d messages of type %T in %v", n, out, msgs)
	}
	return out
}

func press(t *testing.T, s *fleet.Screen, keys ...string) []any {
	t.Helper()
	var out []any
	for _, m := range uitest.Press(t, s, true, keys...) {
		out = append(out, m)
	}
	return out
}

func TestWorstHostIsFirst(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(120, 40)
	if m := only[ui.OpenMsg](t, press(t, s, "enter")); m.Host != "cortex-gpu-2" || m.Screen != "containers" {
		t.Errorf("enter on the first row opens %+v", m)
	}
}

func TestOpenLogs(t *testing.T) {
	t.Parallel()
	docker := host("engine").containers(2, 0)
	docker.Host.Kind = hosts.KindDocker
	w := newWorld(snapshot(host("a"), host("b"), docker))
	s := screen(t, w)
	s.SetSize(100, 30)
	m := only[ui.OpenMsg](t, press(t, s, " ", " ", "l"))
	var got []string
	for _, src := range m.Logs.Sources {
		got = append(got, src.Key())
	}
	if fmt.Sprint(got) != "[a/journal b/journal]" || m.Host != "a,b" || !m.Logs.Follow {
		t.Errorf("logs of %v, %q", got, m.Host)
	}
	s.Back()
	m = only[ui.OpenMsg](t, press(t, s, "G", "l"))
	if len(m.Logs.Sources) != 2 || m.Logs.Sources[0].Kind != hosts.LogContainer {
		t.Errorf("an engine without a shell: %v", m.Logs.Sources)
	}
	if got := only[ui.ToastMsg](t, press(t, s, "x")); !strings.Contains(got.Text, "without a shell") {
		t.Errorf("shell: %v", got)
	}
}

func TestShellSaysWhyNot(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(snapshot(host("a"))))
	if got := only[ui.ToastMsg](t, press(t, s, "x")); got.Text != "shell: a refuses" {
		t.Errorf("%v", got)
	}
}

func TestRefreshAndCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(snapshot(host("a"), host("b").unitFailed("x.service")))
	s := screen(t, w)
	s.SetSize(120, 40)
	press(t, s, "*", "r")
	if fmt.Sprint(w.refreshed) != "[a b]" {
		t.Errorf("refreshed %v", w.refreshed)
	}
	press(t, s, "y")
	if w.copied != "a\nb" {
		t.Errorf("copied %q", w.copied)
	}
	s.Back()
	press(t, s, "g", "Y")
	if !strings.HasPrefix(w.copied, "b\n") || !strings.Contains(w.copied, "x.service failed: exit-code") || strings.Contains(w.copied, "\x1b") {
		t.Errorf("copied %q", w.copied)
	}
}

func TestMaintenance(t *testing.T) {
	w := newWorld(snapshot(host("a"), host("b").down(hosts.StateMaintenance, "", time.Hour)))
	s := screen(t, w)
	s.SetSize(100, 30)
	s.Back()
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			open := fleet.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "fleet", Host: name}, judge)
			open.SetSize(100, 30)
			if name == "b" {
				press(t, open, "m")
				if r, ok := w.paused["b"]; !ok || r != "" {
					t.Errorf("b is not put back: %v", w.paused)
				}
				return
			}
			press(t, open, "m", "enter")
			if v := open.View(); !open.Capturing() || !strings.Contains(v, "a reason is needed") {
				t.Errorf("no reason is accepted:\n%s", v)
			}
			press(t, open, "d", "i", "s", "k", "enter")
			if w.paused["a"] != "disk" || open.Capturing() {
				t.Errorf("paused %v", w.paused)
			}
			press(t, open, "m", "esc")
			if open.Capturing() {
				t.Error("esc does not leave the prompt")
			}
		})
	}
}

func TestDetailFollowsTheSelection(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(200, 50)
	press(t, s, "/", "a", "p", "i", "-", "1", "enter")
	v := s.View()
	for _, want := range []string{"─ cortex-api-1 ", "svc-0 healthcheck fails", "Debian GNU/Linux 13", "0.90 0.70 on 4 CPUs", "via bastion", "health_status: unhealthy"} {
		if !strings.Contains(v, want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	press(t, s, "d")
	if v := s.View(); strings.Contains(v, "HOST") || !strings.Contains(v, "─ cortex-api-1 ") {
		t.Errorf("d does not show the detail alone:\n%s", v)
	}
	if !s.Back() || !strings.Contains(s.View(), "HOST") || !s.Back() || s.Back() {
		t.Error("Back leaves the detail, then the filter, then nothing")
	}
	press(t, s, "v")
	if strings.Contains(s.View(), "╭─") {
		t.Error("v does not hide the pane")
	}
}

func TestSnapshotsKeepTheSelection(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(120, 40)
	press(t, s, "j", "j")
	before := only[ui.OpenMsg](t, press(t, s, "enter")).Host
	next := night()
	next.Hosts = next.Hosts[1:]
	s.Update(ui.SnapshotMsg{Snapshot: next})
	if got := only[ui.OpenMsg](t, press(t, s, "enter")).Host; got != before {
		t.Errorf("the selection went from %s to %s", before, got)
	}
}

func TestOnlyTrouble(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(120, 40)
	press(t, s, "e")
	v := s.View()
	for _, name := range []string{"cortex-gpu-2", "pn-worker-1", "pn-worker-2", "pn-master"} {
		if !strings.Contains(v, name) {
			t.Errorf("%s is left out", name)
		}
	}
	for _, name := range []string{"cortex-edge", "pn-build"} {
		if strings.Contains(v, name) {
			t.Errorf("%s is shown", name)
		}
	}
	if !s.Back() || !strings.Contains(s.View(), "cortex-edge") {
		t.Error("Back does not show all hosts again")
	}
	calm := screen(t, newWorld(snapshot(host("a"))))
	calm.SetSize(80, 20)
	press(t, calm, "e")
	if v := calm.View(); !strings.Contains(v, "no host is in trouble") || !strings.Contains(v, "1 host good") {
		t.Errorf("nothing wrong:\n%s", v)
	}
}

func TestNothingIsClaimedOfAHostThatNeverAnswered(t *testing.T) {
	t.Parallel()
	f := never("web-1", hosts.StateDisconnected, "connection refused")
	f.Containers = hosts.Read([]hosts.Container{}, "no docker configured", at(time.Second))
	s := screen(t, newWorld(snapshot(f)))
	s.SetSize(120, 20)
	if v := s.View(); strings.Contains(v, "0/0") {
		t.Errorf("counts of a host that never answered:\n%s", v)
	}
}

func TestOnlyNewFactsAreJudged(t *testing.T) {
	t.Parallel()
	n := 0
	count := func(h *hosts.HostFacts, now time.Time) fleet.Row { n++; return judge(h, now) }
	w := newWorld(large(50))
	s := fleet.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "fleet"}, count)
	next := *w.snap
	next.Hosts = append([]*hosts.HostFacts(nil), next.Hosts...)
	changed := *next.Hosts[7]
	next.Hosts[7] = &changed
	n = 0
	s.Update(ui.SnapshotMsg{Snapshot: &next})
	if n != 1 {
		t.Errorf("%d hosts judged for the news of one", n)
	}
}

func TestGrouping(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(120, 40)
	if v := s.View(); !strings.Contains(v, "cortex · 5 hosts · 1 down · 3 with faults") {
		t.Errorf("no group headings:\n%s", v)
	}
	press(t, s, "b")
	if v := s.View(); !strings.Contains(v, "▾ production · 4 hosts") || !strings.Contains(v, "▾ no environment") {
		t.Errorf("not grouped by environment:\n%s", v)
	}
	press(t, s, "b")
	if v := s.View(); strings.Contains(v, "▾") {
		t.Errorf("still grouped:\n%s", v)
	}
}

func TestFilterByColumn(t *testing.T) {
	t.Parallel()
	s := screen(t, newWorld(night()))
	s.SetSize(120, 40)
	press(t, s, "/")
	for _, r := range "state:down" {
		press(t, s, string(r))
	}
	if v := s.View(); !strings.Contains(v, "1 of 10") || !strings.Contains(v, "pn-worker-1") {
		t.Errorf("filter:\n%s", v)
	}
}

func TestGoldenDetail(t *testing.T) {
	for _, name := range []string{"pn-worker-1", "cortex-api-2", "pn-worker-2"} {
		t.Run(name, func(t *testing.T) {
			s := fleet.New(newWorld(night()).deps(t, uitest.Plain()), ui.OpenMsg{Screen: "fleet", Host: name}, judge)
			s.SetSize(120, 36)
			golden.RequireEqual(t, s.View())
		})
	}
}
