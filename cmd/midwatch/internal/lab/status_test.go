//go:build lab

package lab

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

var engineHosts = []string{"h1", "h2", "h3"}

func TestStatusAgreesWithTheHosts(t *testing.T) {
	l := Open(t)
	all := []string{"h1", "h2", "h3", "bastion", "inner", "cert"}
	p := l.Program(t, l.Inventory(all...))
	status := ParseStatus(t, p.MustRun(t, 0, "status", "--json", "--timeout", "60s").Stdout)
	for _, name := range all {
		t.Run(name, func(t *testing.T) {
			h := status.Host(t, name)
			if h.State != "connected" {
				t.Fatalf("state %q: %s", h.State, h.Reason)
			}
			agreeUnits(t, l, h)
			agreeDisks(t, l, h)
			if l.Host(t, name).Engine {
				agreeContainers(t, l, h)
			} else if h.Containers != nil {
				t.Errorf("containers %v on a host without an engine, want unknown", h.Containers)
			}
		})
	}
}

// agreeUnits compares with systemctl --failed.
func agreeUnits(t *testing.T, l *Lab, h HostStatus) {
	t.Helper()
	var want []string
	for line := range strings.Lines(l.Exec(t, h.Name, "systemctl", "--failed", "--plain", "--no-legend", "--no-pager")) {
		if f := strings.Fields(line); len(f) > 0 {
			want = append(want, f[0])
		}
	}
	got := slices.Clone(h.FailedUnits)
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("failed units %q, systemctl --failed says %q", got, want)
	}
}

// agreeDisks compares with df. What is used moves a little while we look.
func agreeDisks(t *testing.T, l *Lab, h HostStatus) {
	t.Helper()
	type usage struct{ size, used, available uint64 }
	df := map[string]usage{}
	for line := range strings.Lines(l.Exec(t, h.Name, "df", "-P", "-B1")) {
		f := strings.Fields(line)
		if len(f) != 6 {
			continue
		}
		var n [3]uint64
		var err error
		for i := range n {
			if n[i], err = strconv.ParseUint(f[i+1], 10, 64); err != nil {
				break
			}
		}
		if err == nil {
			df[f[5]] = usage{n[0], n[1], n[2]}
		}
	}
	if len(h.Disks) == 0 {
		t.Errorf("no disks; df has %v", df)
	}
	near := func(a, b, of uint64) bool { return max(a, b)-min(a, b) <= of/50 }
	for _, d := range h.Disks {
		w, ok := df[d.Mount]
		if !ok {
			t.Errorf("disk %s is not in df", d.Mount)
			continue
		}
		if d.Size != w.size || !near(d.Used, w.used, w.size) || !near(d.Available, w.available, w.size) {
			t.Errorf("disk %s: size %d used %d available %d, df says %+v", d.Mount, d.Size, d.Used, d.Available, w)
		}
	}
}

// agreeContainers compares with docker ps -a. The container that restarts all the time is only looked
// for: its state is another one every few seconds.
func agreeContainers(t *testing.T, l *Lab, h HostStatus) {
	t.Helper()
	got := map[string]string{}
	for _, c := range h.Containers {
		got[c.Name] = c.ID + " " + c.State
	}
	n := 0
	for line := range strings.Lines(l.Exec(t, h.Name, "docker", "ps", "-a", "--no-trunc", "--format", "{{.Names}}\t{{.ID}} {{.State}}")) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), "\t")
		n++
		have, ok := got[name]
		switch {
		case !ok:
			t.Errorf("container %s is missing", name)
		case name != "loop" && have != want:
			t.Errorf("container %s: %q, docker ps -a says %q", name, have, want)
		}
	}
	if n != len(got) || n < 5 {
		t.Errorf("%d containers, docker ps -a has %d", len(got), n)
	}
	for _, c := range h.Containers {
		if c.Name == "done" && c.Exit != 4 {
			t.Errorf("container done: exit %d, want 4", c.Exit)
		}
		if c.Name == "shop-web-1" && c.Health != "healthy" {
			t.Errorf("container shop-web-1: health %q", c.Health)
		}
	}
}

// What a user may not read is unknown, with the reason, and never nothing or good.
func TestUsersSeeWhatTheyMay(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1")
	p := l.Program(t, l.Inventory()+`
[hosts.as-ops]
address = "h1"
user = "ops"
sudo = "nopasswd"

[hosts.as-ro]
address = "h1"
user = "ro"
`)
	r := p.Run(t, "status", "--json", "--timeout", "60s")
	status := ParseStatus(t, r.Stdout)
	ops, ro := status.Host(t, "as-ops"), status.Host(t, "as-ro")
	if ops.State != "connected" || len(ops.Containers) < 5 || len(ops.FailedUnits) == 0 {
		t.Errorf("as ops: state %q (%s), %d containers, failed units %q", ops.State, ops.Reason, len(ops.Containers), ops.FailedUnits)
	}
	if ro.State != "connected" || ro.Containers != nil {
		t.Errorf("as ro: state %q (%s), containers %v, want unknown", ro.State, ro.Reason, ro.Containers)
	}
	if status.Complete {
		t.Error("complete, though ro may not read the containers")
	}
	found := false
	for _, u := range ro.Unknown {
		if strings.Contains(u.Part, "container") {
			found = true
			t.Logf("ro: %s unknown: %s; needs %s", u.Part, u.Reason, u.Needs)
			if u.Reason == "" || u.Needs == "" {
				t.Errorf("%+v: want the reason and what would help", u)
			}
		}
	}
	if !found {
		t.Errorf("as ro: unknown is %+v, want the containers", ro.Unknown)
	}
}
