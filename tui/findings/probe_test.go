package findings

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/checks/live"
	"midwatch/hosts"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// oracle answers live probes.
type oracle struct {
	asked []string
	err   error
}

func (o *oracle) NoLive() string { return "" }
func (o *oracle) Probe(_ context.Context, s *hosts.Snapshot, diagnosis, url string) ([]hosts.Asked, error) {
	o.asked = append(o.asked, diagnosis+" "+url)
	return []hosts.Asked{{Diagnosis: diagnosis, URL: url, Host: "h1", Kind: "server", Object: "shop.test", At: s.At, Status: 302, Location: "http://shop.test/x"}}, o.err
}

// What probes were answered goes to the checks with the next run, and stands in place of what the same
// diagnosis was answered before.
func TestProbesReachTheChecks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	snap := &hosts.Snapshot{Gen: 1, At: at, Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "h1"}}}}
	var seen []hosts.Asked
	m := NewMemory(func(s *hosts.Snapshot) Answer {
		seen = s.Asked
		return Answer{}
	})
	o := new(oracle)
	m.prober = o
	for range 2 {
		cmd := m.probe(t.Context(), snap, live.RedirectScheme, []string{"https://shop.test/login", "https://shop.test/"})
		if again := m.probe(t.Context(), snap, live.RedirectScheme, []string{"https://shop.test/login"}); again != nil {
			t.Error("asked twice at the same time")
		}
		msg, ok := cmd().(askedMsg)
		if !ok || !m.heard(msg) {
			t.Fatal("no answer")
		}
		m.running = false
		m.ask(snap, at, true)()
		if len(seen) != 2 || seen[0].URL != "https://shop.test/login" {
			t.Errorf("the checks saw %+v", seen)
		}
	}
	if len(snap.Asked) != 0 {
		t.Error("a snapshot that was published has been changed")
	}
	o.err = errors.New("no way")
	m.prober = failing{o}
	msg, _ := m.probe(t.Context(), snap, live.RedirectScheme, []string{"https://shop.test/"})().(askedMsg)
	m.heard(msg)
	if len(m.asked) != 2 || !strings.Contains(m.probing[live.RedirectScheme], "no way") {
		t.Errorf("%d answers, %q", len(m.asked), m.probing)
	}
}

// failing is an oracle that says nothing.
type failing struct{ *oracle }

func (f failing) Probe(context.Context, *hosts.Snapshot, string, string) ([]hosts.Asked, error) {
	return nil, f.err
}

// What is asked may be typed; it starts as what the findings are about, and is refused while it is no URL.
func TestProbeURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "type the URL", "nonsense": "not a URL", "http://shop.test/": "want https://", "https://shop.test/login": "", " https://shop.test/  https://b.test/x ": "",
		"https://a.test/1 https://a.test/2 https://a.test/3 https://a.test/4 https://a.test/5 https://a.test/6": "at most 5", "https://a.test/ b": "not a URL",
	} {
		got := wrongURL(live.RedirectScheme, text)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	o := new(oracle)
	m := memory()
	all := []Diagnosis{{ID: live.RedirectScheme, Title: "https is lost", Symptom: "the login goes to http"}}
	g := uitest.NewStage(t, uitest.Plain(), ui.OpenMsg{}, snapshot(1, "running"), func(d ui.Deps, open ui.OpenMsg) ui.Screen {
		s := NewGuide(d, open, m, all)
		m.prober = o
		return s
	})
	g.Screen.SetSize(160, 40)
	s, _ := g.Screen.(*Guide)
	a := s.probeAction()
	if why := a.Disabled(); why != "" {
		t.Fatalf("nobody knows a URL, and so none may be typed: %s", why)
	}
	ask, ok := a.Run()().(ui.ConfirmMsg)
	if !ok || ask.Field == "" || ask.Text != "" || ask.Wrong("") == "" || ask.Effect != ui.Look {
		t.Fatalf("%+v", ask)
	}
	ask.Run("https://shop.test/login https://b.test/")()
	if !slices.Equal(o.asked, []string{live.RedirectScheme + " https://shop.test/login", live.RedirectScheme + " https://b.test/"}) {
		t.Errorf("asked %q", o.asked)
	}
}
