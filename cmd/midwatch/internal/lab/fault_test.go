//go:build lab

package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCutHostAlone(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory(engineHosts...))
	run := p.Start(t, "status", "--watch", "--json", "--every", "100ms")
	all := func(states map[string]string) func(string) bool {
		return func(line string) bool {
			s := ParseStatus(t, line)
			for name, want := range states {
				if s.Host(t, name).State != want {
					return false
				}
			}
			return true
		}
	}
	run.Next(t, 30*time.Second, "all connected", all(map[string]string{"h1": "connected", "h2": "connected", "h3": "connected"}))

	mend := l.Cut(t, "h2")
	cut := time.Now()
	oldest := 0.0
	gone := run.Next(t, time.Minute, "h2 is disconnected", func(line string) bool {
		s := ParseStatus(t, line)
		for _, other := range []string{"h1", "h3"} {
			h := s.Host(t, other)
			if h.State != "connected" || h.Age == nil {
				t.Fatalf("%s is %s (%s) while h2 is cut off", other, h.State, h.Reason)
			}
			oldest = max(oldest, *h.Age)
		}
		return s.Host(t, "h2").State != "connected"
	})
	h2 := ParseStatus(t, gone.Text).Host(t, "h2")
	t.Logf("a host cut off is %s after %s (goal: 15 s), because: %s; meanwhile the others' facts were %.1f s old at most",
		h2.State, gone.At.Sub(cut).Round(100*time.Millisecond), h2.Reason, oldest)
	if h2.State != "disconnected" || h2.Reason == "" {
		t.Errorf("h2 is %q, reason %q; want disconnected and a reason", h2.State, h2.Reason)
	}
	if h2.Age != nil && len(h2.Containers) == 0 {
		t.Error("the last known containers of h2 are gone")
	}
	if oldest > 30 {
		t.Errorf("facts of the other hosts were %.1f s old", oldest)
	}

	mend()
	mended := time.Now()
	back := run.Next(t, 2*time.Minute, "h2 is back by itself", all(map[string]string{"h1": "connected", "h2": "connected", "h3": "connected"}))
	t.Logf("it is back %s after the network", back.At.Sub(mended).Round(100*time.Millisecond))
}

func TestChangedHostKeyIsRefused(t *testing.T) {
	l := Open(t)
	h := l.Host(t, "h1")
	known, err := os.ReadFile(l.Path("known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	place := ""
	for i, line := range strings.Split(string(known), "\n") {
		if strings.HasPrefix(line, h.Address+" ") {
			place = fmt.Sprintf("%s:%d", l.Path("known_hosts"), i+1)
		}
	}
	if place == "" {
		t.Fatalf("%s is not in %s", h.Address, known)
	}
	p := l.Program(t, l.Inventory("h1", "h2"))
	l.NewHostKey(t, "h1")

	status := ParseStatus(t, p.MustRun(t, 3, "status", "--json", "--timeout", "60s").Stdout)
	h1 := status.Host(t, "h1")
	t.Logf("refused: %s", h1.Reason)
	if h1.State == "connected" || h1.Load != nil || !strings.Contains(h1.Reason, place) || !strings.Contains(h1.Reason, "changed") {
		t.Errorf("h1 is %q, reason %q; want it refused and %s named", h1.State, h1.Reason, place)
	}
	if s := status.Host(t, "h2").State; s != "connected" {
		t.Errorf("h2 is %s", s)
	}
	r := p.MustRun(t, 1, "hosts", "trust", "h1")
	if !strings.Contains(r.Stdout, "changed") || !strings.Contains(r.Stdout, place) {
		t.Errorf("hosts trust says:\n%s%s\nwant changed, and %s", r.Stdout, r.Stderr, place)
	}
	if now, err := os.ReadFile(l.Path("known_hosts")); err != nil || string(now) != string(known) {
		t.Error("known_hosts was changed")
	}
}

// Twelve reads at once on a sshd that allows four sessions on a connection.
func TestTwelveReadsOverFourSessions(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory("h2")+"max_sessions = 4\n")
	units := []string{"labtick", "labfail", "labboot", "labworker@1", "labworker@2", "nginx", "ssh", "dbus", "systemd-journald", "systemd-tmpfiles-setup", "docker", "containerd"}
	args := []string{"logs", "--json", "-n", "3"}
	for _, u := range units {
		args = append(args, "h2/unit:"+u)
	}
	r := p.MustRun(t, 0, args...)
	got := map[string]bool{}
	for line := range strings.Lines(r.Stdout) {
		got[ParseLogLine(t, line).Name] = true
	}
	silent := 0
	for _, u := range units {
		if l.Exec(t, "h2", "sh", "-c", "journalctl -q -n 3 -o cat -u '"+u+"' | wc -l") == "0\n" {
			silent++
		} else if !got[u+".service"] {
			t.Errorf("%s has lines in the journal and none came", u)
		}
	}
	t.Logf("%d sources in %s, %d of them without a line", len(units), r.Took.Round(time.Millisecond), silent)
	if silent > 4 {
		t.Errorf("%d of 12 units have nothing in the journal: this proves little", silent)
	}
}

// What sshd says of itself when the program does not keep to its limit: the host's own log.
func TestSessionsAreNotRefused(t *testing.T) {
	l := Open(t)
	since := strings.TrimSpace(l.Exec(t, "h2", "date", "+%Y-%m-%d %H:%M:%S"))
	p := l.Program(t, l.Inventory("h2"))
	status := ParseStatus(t, p.MustRun(t, 0, "status", "--json", "--timeout", "60s").Stdout)
	if h := status.Host(t, "h2"); l.Host(t, "h2").Engine && len(h.Containers) < 5 {
		t.Errorf("%d containers of h2", len(h.Containers))
	}
	refused := l.Exec(t, "h2", "sh", "-c", "journalctl -q -o cat -u ssh --since '"+since+"' | grep -ci 'no more sessions' || true")
	if strings.TrimSpace(refused) != "0" {
		t.Logf("sshd refused sessions %s times although nothing was configured; all reads went through", strings.TrimSpace(refused))
	}
}
