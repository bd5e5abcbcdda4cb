package timeline_test

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
	"midwatch/tui/timeline"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestGolden(t *testing.T) {
	for name, w := range states() {
		t.Run(name, func(t *testing.T) { uitest.Golden(t, screen(t, w, ui.OpenMsg{Screen: "timeline"})) })
	}
}

func TestGoldenMarkedAndByKind(t *testing.T) {
	s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, "b", "j", " ", " ", "j")
	golden.RequireEqual(t, s.View())
}

func TestGoldenColours(t *testing.T) {
	for _, th := range themes.Builtin() {
		t.Run(th.Name, func(t *testing.T) {
			s := timeline.New(night().deps(t, uitest.Styles(th, termenv.TrueColor, false)), ui.OpenMsg{Screen: "timeline"})
			feed(s, s.Init())
			s.SetSize(100, 30)
			golden.RequireEqual(t, s.View())
		})
	}
}

func TestGoldenASCII(t *testing.T) {
	t.Parallel()
	s := timeline.New(night().deps(t, uitest.Styles(themes.Dark(), termenv.Ascii, true)), ui.OpenMsg{Screen: "timeline"})
	feed(s, s.Init())
	s.SetSize(80, 21)
	golden.RequireEqual(t, ui.ASCII(s.View()))
}

func hostile() *world {
	w := night()
	for i, evil := range []string{"日本語ホスト名がとても長い場合", "🚀🚀🚀🚀", "a\x1b[31mred\x1b[2J", "tab\there\nmore", strings.Repeat("x", 300), "\u202eevil\u0301\u0301"} {
		w.snap.Events = append(w.snap.Events, hosts.Event{At: at(time.Duration(i) * time.Second), Host: evil, Kind: evil, Object: evil, Action: evil, Detail: evil})
	}
	return w
}

func TestAnySize(t *testing.T) {
	t.Parallel()
	all := states()
	all["hostile"] = hostile()
	for name, w := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
			uitest.CheckView(t, s)
			if name != "hostile" && name != "empty" {
				return
			}
			for _, keys := range [][]string{{"b", "-"}, {"d"}, {"d", "v"}, {"f", "/", "x"}, {"esc", "+", "+", "+"}} {
				press(t, s, keys...)
				uitest.CheckView(t, s)
			}
		})
	}
}

func TestHostileTextIsCleaned(t *testing.T) {
	t.Parallel()
	s := screen(t, hostile(), ui.OpenMsg{Screen: "timeline"})
	s.SetSize(220, 60)
	for range 8 {
		if v := s.View(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Fatalf("the view holds what a host sent: %q", v)
		}
		press(t, s, "j")
	}
}

func press(t testing.TB, s *timeline.Screen, keys ...string) []any {
	t.Helper()
	var out []any
	for _, m := range uitest.Press(t, s, true, keys...) {
		out = append(out, m)
	}
	return out
}

// only returns the one message of that type.
func only[T any](t *testing.T, msgs []any) T {
	t.Helper()
	var found []T
	for _, m := range msgs {
		if x, ok := m.(T); ok {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		var none T
		t.Fatalf("%d messages of type %T in %v", len(found), none, msgs)
	}
	return found[0]
}

func TestActions(t *testing.T) {
	t.Parallel()
	s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	if bad := ui.Conflicts(s.Actions()); bad != nil {
		t.Error(bad)
	}
	for _, a := range s.Actions() {
		if a.Group == "" {
			t.Errorf("%s has no group in the help", a.ID)
		}
	}
}

// selected is the line under the cursor.
func selected(s *timeline.Screen) string {
	for _, l := range strings.Split(s.View(), "\n") {
		if strings.HasPrefix(l, "▌") {
			return strings.Join(strings.Fields(l), " ")
		}
	}
	return ""
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]ui.OpenMsg{
		"what:die":    {Screen: "containers", Host: "app-1", Object: "app-1-1"},
		"kind:deploy": {Screen: "containers", Host: "app-1", Object: "app-1-1"},
		"kind:unit":   {Screen: "services", Host: "app-1", Object: "worker@eu.service"},
		"kind:config": {Screen: "routes", Host: "edge"},
		"what:disco":  {Screen: "fleet", Host: "app-2"},
	} {
		s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
		s.SetSize(120, 40)
		press(t, s, append(append([]string{"/"}, strings.Split(filter, "")...), "enter")...)
		if got := only[ui.OpenMsg](t, press(t, s, "enter")); got != want {
			t.Errorf("%s opens %+v, want %+v (%s)", filter, got, want, selected(s))
		}
	}
	w := night()
	w.snap.Events[3].ID = "gone"
	w.snap.Hosts[1].Containers.Value = nil
	s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, "/", "w", "h", "a", "t", ":", "d", "i", "e", "enter")
	if got := only[ui.ToastMsg](t, press(t, s, "enter")); !strings.Contains(got.Text, "api is not there any more") {
		t.Errorf("%v", got)
	}
}

// What a run did opens the run.
func TestOpenRun(t *testing.T) {
	t.Parallel()
	w := night()
	w.acts = append(w.acts, hosts.Event{At: at(time.Minute), Host: "app-1", Kind: "deploy", Object: "page", ID: "run r-1", Action: "file", Detail: "ada: done"})
	s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, append(append([]string{"/"}, strings.Split("what:file", "")...), "enter")...)
	if got := only[ui.OpenMsg](t, press(t, s, "enter")); got != (ui.OpenMsg{Screen: "deploys", Object: "run r-1"}) {
		t.Errorf("opens %+v (%s)", got, selected(s))
	}
}

func TestLogsOfThatMinute(t *testing.T) {
	t.Parallel()
	s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, "/", "w", "h", "a", "t", ":", "d", "i", "e", "enter")
	m := only[ui.OpenMsg](t, press(t, s, "l"))
	die := at(21*time.Minute + 30*time.Second)
	if m.Screen != "logs" || !m.Logs.Since.Equal(die.Add(-time.Minute)) || !m.Logs.Until.Equal(die.Add(time.Minute)) || m.Logs.Follow ||
		fmt.Sprint(m.Logs.Sources) != "[{app-1 container api} {app-1 events }]" {
		t.Errorf("%+v %+v", m, m.Logs)
	}
	m = only[ui.OpenMsg](t, press(t, s, "F")) // from then on
	if !m.Logs.Since.Equal(die.Add(-time.Second)) || !m.Logs.Until.IsZero() || !m.Logs.Follow || len(m.Logs.Sources) != 2 {
		t.Errorf("%+v %+v", m, m.Logs)
	}
	s.Back()
	press(t, s, "g", "*") // all of them: from the first to the last
	m = only[ui.OpenMsg](t, press(t, s, "l"))
	var keys []string
	for _, src := range m.Logs.Sources {
		keys = append(keys, src.Key())
	}
	slices.Sort(keys)
	if want := "[app-1/container:api app-1/events app-1/unit:worker@eu.service app-2/events app-2/journal edge/container:api edge/events edge/journal]"; fmt.Sprint(keys) != want || m.Host != "edge,app-1,app-2" {
		t.Errorf("sources %v, hosts %s", keys, m.Host)
	}
	s.Back()
	press(t, s, "/", "u", "n", "l", "o", "c", "k", "enter")
	if got := only[ui.ToastMsg](t, press(t, s, "l")); !strings.Contains(got.Text, "writes none") {
		t.Errorf("%v", got)
	}
}

func TestAxis(t *testing.T) {
	t.Parallel()
	s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	if v := s.View(); !strings.Contains(v, "02:12:08 to now  1 h  11 events, 4 bad") || !strings.Contains(v, "watched since 02:17") {
		t.Errorf("the first window:\n%s", v)
	}
	if l := selected(s); !strings.Contains(l, "probe api answers") {
		t.Errorf("the newest is not selected: %s", l)
	}
	press(t, s, "left") // to the next column with events
	if l := selected(s); !strings.Contains(l, "03:03:07 app-1 container api start") {
		t.Errorf("left: %s", l)
	}
	press(t, s, "right", "+", "+")
	if v, l := s.View(), selected(s); !strings.Contains(v, "  15 min  ") || !strings.Contains(l, "probe api answers") {
		t.Errorf("nearer, and the selected event in sight: %s\n%s", l, v)
	}
	for range 6 {
		press(t, s, "left")
	}
	if v, l := s.View(), selected(s); !strings.Contains(l, "02:51:07 app-1 unit") || !strings.Contains(v, "after›") {
		t.Errorf("left goes beyond the window: %s\n%s", l, v)
	}
	press(t, s, "n")
	if v := s.View(); !strings.Contains(v, "to now") {
		t.Errorf("now:\n%s", v)
	}
	press(t, s, "n", "<", "<", "<")
	if v := s.View(); !strings.Contains(v, "02:34:38 to 02:49:38") {
		t.Errorf("panned:\n%s", v)
	}
	press(t, s, "f")
	if v := s.View(); !strings.Contains(v, "  30 days  ") || strings.Contains(v, "before") {
		t.Errorf("all:\n%s", v)
	}
}

// A capture's present is its own.
func TestOfACapture(t *testing.T) {
	t.Parallel()
	w := night()
	w.snap.Gen = 1
	w.now = w.now.Add(30 * 24 * time.Hour)
	s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	if v := s.View(); !strings.Contains(v, "Nov 29 02:12 to Nov 29 03:12  1 h  11 events") {
		t.Errorf("a month later:\n%s", v)
	}
	press(t, s, "<", "n")
	if v := s.View(); !strings.Contains(v, "to Nov 29 03:12") {
		t.Errorf("its end:\n%s", v)
	}
}

func TestNarrowing(t *testing.T) {
	t.Parallel()
	s := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	for _, c := range []struct{ key, want string }{
		{"e", "4 events, 4 bad, only trouble"}, {"o", "2 events, 2 bad, only app-1, only trouble"}, {"c", "1 event, 1 bad, only container, only app-1"},
	} {
		if c.key == "o" {
			press(t, s, "/", "d", "i", "e", "enter")
		}
		press(t, s, c.key)
		if c.key == "o" {
			press(t, s, "/", "backspace", "backspace", "backspace", "enter")
		}
		if v := s.View(); !strings.Contains(v, c.want) {
			t.Errorf("after %s no %q:\n%s", c.key, c.want, v)
		}
	}
	if !s.Back() || !strings.Contains(s.View(), "11 events") || s.Back() {
		t.Errorf("Back does not show all again:\n%s", s.View())
	}
	one := screen(t, night(), ui.OpenMsg{Screen: "timeline", Host: "app-1", Object: "app-1-1"})
	one.SetSize(120, 40)
	if v := one.View(); !strings.Contains(v, "03:03:07") || strings.Contains(v, "worker@eu") || strings.Contains(v, "nginx") || one.Title() != "timeline: api on app-1" {
		t.Errorf("%s:\n%s", one.Title(), v)
	}
	if one.Back() {
		t.Error("what it was opened for is left by Back")
	}
}

// Events that come are shown at the next tick; a selection stays, and a window that is not at now
// does not move.
func TestNews(t *testing.T) {
	t.Parallel()
	w := night()
	s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, "j", "j")
	before := selected(s)
	next := *w.snap
	next.Events = append(slices.Clone(next.Events), hosts.Event{At: at(-time.Second), Host: "edge", Kind: "unit", Object: "new.service", Action: "failed"})
	w.now = w.now.Add(2 * time.Second)
	feed(s, s.Update(ui.SnapshotMsg{Snapshot: &next}))
	feed(s, s.Update(ui.TickMsg{At: w.now}))
	if v := s.View(); !strings.Contains(v, "new.service") || selected(s) != before {
		t.Errorf("selected %s, was %s:\n%s", selected(s), before, v)
	}
	press(t, s, "<")
	held := strings.Split(s.View(), "\n")[0]
	w.now = w.now.Add(time.Minute)
	feed(s, s.Update(ui.TickMsg{At: w.now}))
	if now := strings.Split(s.View(), "\n")[0]; now != held {
		t.Errorf("the window moved from\n%s to\n%s", held, now)
	}
}

// One command at a time has the book, and what it brings to a closed or another screen is dropped.
func TestOneLookAtATime(t *testing.T) {
	t.Parallel()
	w := night()
	s := timeline.New(w.deps(t, uitest.Plain()), ui.OpenMsg{Screen: "timeline"})
	first := s.Init()
	if first == nil || s.Show(true) != nil || s.Update(ui.SnapshotMsg{Snapshot: w.snap}) != nil {
		t.Fatal("a second look while the first is under way")
	}
	other := screen(t, night(), ui.OpenMsg{Screen: "timeline"})
	msg := first()
	if cmd := other.Update(msg); cmd != nil {
		t.Error("another screen took it")
	}
	s.SetSize(120, 40)
	if strings.Contains(s.View(), "worker@eu") {
		t.Error("shown before it was there")
	}
	s.Update(msg)
	if !strings.Contains(s.View(), "worker@eu") {
		t.Error("not shown")
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	w := night()
	s := screen(t, w, ui.OpenMsg{Screen: "timeline"})
	s.SetSize(120, 40)
	press(t, s, " ", " ", "y")
	if want := "2026-11-29T03:04:07Z edge probe api answers\n2026-11-29T03:03:07Z app-1 container api start: api:1.4"; w.copied != want {
		t.Errorf("copied %q", w.copied)
	}
}

// large is the past of a large fleet.
func large() *world {
	w := newWorld(&hosts.Snapshot{Gen: 1})
	for i := range 100 {
		w.snap.Hosts = append(w.snap.Hosts, host(fmt.Sprintf("host-%03d", i), hosts.StateConnected))
	}
	for i := range 4000 {
		w.snap.Events = append(w.snap.Events, hosts.Event{
			At: at(time.Duration(4000-i) * time.Second), Host: fmt.Sprintf("host-%03d", i%100), Kind: "container", Object: "api", Action: "die", Detail: "exit 1",
		})
	}
	return w
}

func TestAllocationsOfAView(t *testing.T) {
	s := timeline.New(large().deps(t, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "timeline"})
	feed(s, s.Init())
	s.SetSize(200, 50)
	s.View()
	if n := testing.AllocsPerRun(20, func() { s.View() }); n > 500 {
		t.Errorf("%.0f allocations a view, want at most 500", n)
	}
}

func BenchmarkView(b *testing.B) {
	s := timeline.New(large().deps(b, uitest.Styles(themes.Dark(), termenv.TrueColor, false)), ui.OpenMsg{Screen: "timeline"})
	feed(s, s.Init())
	s.SetSize(200, 50)
	b.ReportAllocs()
	for b.Loop() {
		s.View()
	}
}
