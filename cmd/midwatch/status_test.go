package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/themes"
	"midwatch/tui/ui"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// statusSnapshot has one host of each kind of trouble.
func statusSnapshot() *hosts.Snapshot {
	at := noon.Add(-2 * time.Second)
	system := hosts.Read(hosts.System{CPUs: 4, Load: [3]float64{1.5, 1, 0.5}, MemTotal: 1000, MemAvailable: 250, Uptime: time.Hour}, "/proc", at)
	disks := hosts.Read([]hosts.Disk{
		{Device: "/dev/sda1", Mount: "/", FSType: "ext4", Size: 100, Used: 40, Avail: 60},
		{Device: "/dev/sdb1", Mount: "/var\x1b[2J", FSType: "ext4", Size: 100, Used: 95, Avail: 5},
	}, "df", at)
	none := hosts.Read([]hosts.Unit{}, "systemctl", at)
	return &hosts.Snapshot{At: noon, Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "web1", Address: "10.0.0.1", Kind: hosts.KindSSH, Groups: []string{"edge"}, Production: true, Environment: "production"},
			Link: hosts.Link{State: hosts.StateConnected, Via: "ssh ops@10.0.0.1:22", Since: at}, Latest: at,
			System: system, Disks: disks,
			Units: hosts.Read([]hosts.Unit{{Name: "cron.service", Active: "failed", Result: "exit-code"}, {Name: "ssh.service", Active: "active"}}, "systemctl", at),
			Containers: hosts.Read([]hosts.Container{
				{Name: "api", ID: "a1", State: "running", Health: hosts.HealthUnhealthy, Status: "Up 3 minutes (unhealthy)"},
				{Name: "db", ID: "b2", State: "running", Health: hosts.HealthHealthy},
			}, "GET /containers/json", at),
		},
		{
			Host: hosts.Host{Name: "web2", Address: "10.0.0.2", Kind: hosts.KindSSH},
			Link: hosts.Link{State: hosts.StateDisconnected, Reason: "dial 10.0.0.2:22: connection refused", Since: at, Failures: 1},
		},
		{
			Host: hosts.Host{Name: "web3", Kind: hosts.KindSSH, Maintenance: "new disk"},
			Link: hosts.Link{State: hosts.StateMaintenance, Reason: "new disk"},
		},
		{
			Host: hosts.Host{Name: "web4", Kind: hosts.KindSSH},
			Link: hosts.Link{State: hosts.StateConnected, Warning: "host key not verified (insecure_host_key)"}, Latest: at,
			System: system, Disks: hosts.Read([]hosts.Disk{}, "df", at), Units: none,
			Containers: hosts.Part[[]hosts.Container]{Tried: at, Reason: "permission denied on /var/run/docker.sock", Needs: "group docker"},
		},
	}}
}

var everyHost = []string{"web1", "web2", "web3", "web4"}

func plainStyles() *themes.Styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return themes.New(r, themes.Dark(), themes.Options{})
}

func TestStatusTable(t *testing.T) {
	t.Parallel()
	got := statusTable(plainStyles(), statusSnapshot(), everyHost, noon, 0)
	lines := strings.Split(got, "\n")
	for i, want := range []string{
		"  HOST STATE        LOAD MEM DISK     UP  AGE FAILING",
		"● web1 connected    1.50 75% 95% /var 1/2 2s  ",
		"○ web2 disconnected -    -   -        -   -   dial 10.0.0.2:22: connection refused",
		"◇ web3 maintenance  -    -   -        -   -   new disk",
		"● web4 connected    1.50 75% -        -   2s  host key not verified (insecure_host_key); containers unknown: permission denied on /var/run/docker.sock, needs group docker",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d of\n%swant it to begin with\n%s", i, got, want)
		}
	}
	for _, want := range []string{"cron.service (failed: exit-code)", "api (healthcheck fails)", "/var (95% of space used)"} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%q lacks %q", lines[1], want)
		}
	}
	if strings.ContainsRune(got, 0x1b) {
		t.Errorf("an escape sequence came through: %q", got)
	}
	for w := 1; w < 120; w++ {
		for _, line := range strings.Split(statusTable(plainStyles(), statusSnapshot(), everyHost, noon, w), "\n")[1:5] {
			if n := ui.Width(line); n > max(w, ui.Width("● web2 disconnected 1.50 75% 95% /var 1/2 2s ")) {
				t.Fatalf("%d cells on %d: %q", n, w, line)
			}
		}
	}
}

func TestStatusJSON(t *testing.T) {
	t.Parallel()
	doc := statusOf(statusSnapshot(), everyHost, noon)
	if doc.Complete {
		t.Error("complete although a host is down and one has no docker")
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var raw struct{ Hosts []map[string]any }
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	// What is not known is null and not zero.
	for _, key := range []string{"load", "cpus", "uptime", "memory", "disks", "containers", "containers_up", "containers_total", "failed_units", "age"} {
		if v, ok := raw.Hosts[1][key]; !ok || v != nil {
			t.Errorf("%s of a host that is down is %v, want null", key, v)
		}
	}
	if raw.Hosts[3]["containers"] != nil || raw.Hosts[3]["failed_units"] == nil {
		t.Errorf("of web4 units are known and containers are not: %v", raw.Hosts[3])
	}
	if diff := cmp.Diff([]any{"cron.service"}, raw.Hosts[0]["failed_units"]); diff != "" {
		t.Error(diff)
	}
	if up, total := raw.Hosts[0]["containers_up"], raw.Hosts[0]["containers_total"]; up != 1.0 || total != 2.0 {
		t.Errorf("containers %v of %v, want 1 of 2", up, total)
	}
	// The documentation names every key.
	var keys func(v any)
	keys = func(v any) {
		switch t2 := v.(type) {
		case map[string]any:
			for k, w := range t2 {
				if !strings.Contains(jsonText, k) {
					t.Errorf("help json does not name %q", k)
				}
				keys(w)
			}
		case []any:
			for _, w := range t2 {
				keys(w)
			}
		}
	}
	for _, h := range raw.Hosts {
		keys(h)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	snap := statusSnapshot()
	for _, h := range snap.Hosts {
		h.Answered = map[string]bool{"units": true}
	}
	if !settled(snap, nil) {
		t.Error("every host has said something")
	}
	why := &hosts.HostFacts{
		Host: hosts.Host{Name: "why", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected}, System: snap.Hosts[0].System,
		Disks: snap.Hosts[0].Disks, Containers: snap.Hosts[0].Containers,
		Units: hosts.Read([]hosts.Unit{{Name: "a.service", Active: "failed"}}, "systemctl", snap.At),
	}
	snap.Hosts = append(snap.Hosts, why)
	pending := &hosts.HostFacts{Host: hosts.Host{Name: "new", Kind: hosts.KindSSH}}
	half := &hosts.HostFacts{Host: hosts.Host{Name: "half", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected}, System: snap.Hosts[0].System}
	engine := &hosts.HostFacts{Host: hosts.Host{Name: "engine", Kind: hosts.KindDocker}, Link: hosts.Link{State: hosts.StateConnected}, Containers: snap.Hosts[0].Containers}
	snap.Hosts = append(snap.Hosts, pending, half, engine)
	for name, want := range map[string]bool{"web1": true, "web2": true, "web3": true, "new": false, "half": false, "engine": true, "why": false} {
		if settled(snap, []string{name}) != want {
			t.Errorf("%s: settled is not %v", name, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err  error
		code exitCode
		text string
	}{
		{nil, exitOK, ""},
		{errors.New("something\n  broke"), exitFindings, "midwatch: something broke\n"},
		{wrong("bad %s", "flag"), exitUsage, "midwatch: bad flag\n"},
		{silently(exitIncomplete), exitIncomplete, ""},
		{errors.Join(nil, silently(exitIncomplete)), exitIncomplete, ""},
		{fmt.Errorf("write: %w", syscall.EPIPE), exitOK, ""},
		{interruption{syscall.SIGTERM}, exitInterrupted, ""},
		{inventory.Faults{{File: "f", Line: 1, What: "a"}, {File: "f", Line: 2, What: "b", Meant: "c"}}, exitUsage, "f:1: a\nf:2: b, c\n"},
	}
	for _, tc := range tests {
		if got := codeOf(tc.err); got != tc.code {
			t.Errorf("%v: exit code %d, want %d", tc.err, got, tc.code)
		}
		if tc.err == nil {
			continue
		}
		if got := message(tc.err); got != tc.text {
			t.Errorf("%v: message %q, want %q", tc.err, got, tc.text)
		}
	}
	for _, code := range []exitCode{exitOK, exitFindings, exitUsage, exitIncomplete, exitInterrupted} {
		if !bytes.Contains([]byte(exitCodesText), []byte(fmt.Sprint(int(code)))) {
			t.Errorf("help exit-codes does not name %d", code)
		}
	}
}
