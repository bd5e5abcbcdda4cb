package findings

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"midwatch/checks/live"
	"midwatch/hosts"
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
