package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

// healthy is a host of which everything was read now and nothing is wrong.
func healthy(name string, now time.Time) *hosts.HostFacts {
	return &hosts.HostFacts{
		Host: hosts.Host{Name: name, Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected}, Latest: now,
		System:     hosts.Read(hosts.System{CPUs: 4, Load: [3]float64{1, 1, 1}, MemTotal: 100, MemAvailable: 25}, "", now),
		Disks:      hosts.Read([]hosts.Disk{{Mount: "/", Size: 100, Used: 40, Avail: 60}}, "", now),
		Units:      hosts.Read([]hosts.Unit{{Name: "a.service", Active: "active"}}, "", now),
		Containers: hosts.Read([]hosts.Container{{Name: "web", State: "running", Health: hosts.HealthHealthy}}, "", now),
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	now := time.Unix(10000, 0)
	cases := []struct {
		name  string
		spoil func(h *hosts.HostFacts)
		want  string
		worst Severity
	}{
		{"nothing", func(*hosts.HostFacts) {}, "2/2 hosts · ok", SeverityNone},
		{"pending", func(h *hosts.HostFacts) {
			*h = hosts.HostFacts{Host: h.Host}
		}, "1/2 hosts · 1 not fully known", SeverityNone},
		{"down", func(h *hosts.HostFacts) {
			h.Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no route"}
			h.System = h.System.Failed("disconnected", "", "", now)
		}, "1/2 hosts · 1 host down", SeverityCritical},
		{"maintenance", func(h *hosts.HostFacts) {
			h.Link.State = hosts.StateMaintenance
			h.Units.Value = []hosts.Unit{{Name: "x", Active: "failed"}}
		}, "1/2 hosts · 1 in maintenance · ok", SeverityNone},
		{"failed unit", func(h *hosts.HostFacts) {
			h.Units.Value = []hosts.Unit{{Name: "x", Active: "failed", Result: "exit-code"}, {Name: "y", Active: "failed"}}
		}, "2/2 hosts · 2 units failed", SeverityError},
		{"unhealthy", func(h *hosts.HostFacts) { h.Containers.Value[0].Health = hosts.HealthUnhealthy }, "2/2 hosts · 1 container unhealthy", SeverityError},
		{"restarting", func(h *hosts.HostFacts) { h.Containers.Value[0].State = "restarting" }, "2/2 hosts · 1 container restarting", SeverityError},
		{"stopped on purpose", func(h *hosts.HostFacts) {
			h.Containers.Value[0] = hosts.Container{Name: "job", State: "exited", Policy: "always"}
		}, "2/2 hosts · ok", SeverityNone},
		{"killed for memory", func(h *hosts.HostFacts) {
			h.Containers.Value[0] = hosts.Container{Name: "job", State: "exited", Exit: 137, OOMKilled: true}
		}, "2/2 hosts · 1 container dead", SeverityError},
		{"disk", func(h *hosts.HostFacts) { h.Disks.Value[0] = hosts.Disk{Mount: "/", Size: 100, Used: 90, Avail: 10} }, "2/2 hosts · 1 disk in trouble", SeverityError},
		{"inodes", func(h *hosts.HostFacts) { h.Disks.Value[0].Inodes, h.Disks.Value[0].InodesUsed = 100, 98 }, "2/2 hosts · 1 disk in trouble", SeverityCritical},
		{"silent disk", func(h *hosts.HostFacts) { h.Disks.Value[0].Problem = "no answer" }, "2/2 hosts · 1 disk in trouble", SeverityWarning},
		{"unknown part", func(h *hosts.HostFacts) {
			h.Containers = hosts.Part[[]hosts.Container]{}.Failed("permission denied", "group docker", "", now)
		}, "2/2 hosts · 1 not fully known", SeverityNone},
		{"stale part", func(h *hosts.HostFacts) { h.Units = h.Units.Failed("timeout", "", "", now) }, "2/2 hosts · 1 not fully known", SeverityNone},
		{"old", func(h *hosts.HostFacts) { h.Latest = now.Add(-time.Minute) }, "2/2 hosts · 1 host stale", SeverityWarning},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := healthy("a", now), healthy("b", now)
			c.spoil(b)
			v := Judge(&hosts.Snapshot{Hosts: []*hosts.HostFacts{a, b}}, now)
			if v.String() != c.want || v.Worst != c.worst {
				t.Errorf("%q, worst %v; want %q, %v", v, v.Worst, c.want, c.worst)
			}
			if ok := v.OK(); ok != (c.worst == SeverityNone && v.Complete()) || (!ok && len(v.Problems)+len(v.Unknown) == 0) {
				t.Errorf("ok %v with %d problems and %d gaps", ok, len(v.Problems), len(v.Unknown))
			}
		})
	}
	for _, s := range []*hosts.Snapshot{nil, {}} {
		if v := Judge(s, now); v.OK() || v.String() != "no hosts" {
			t.Errorf("nothing is judged %q", v)
		}
	}
}

// A host reached by its engine only is not unknown for what a shell would say.
func TestVerdictWithoutShell(t *testing.T) {
	t.Parallel()
	now := time.Unix(10000, 0)
	h := initial(Member{Host: hosts.Host{Name: "e", Kind: hosts.KindDocker}, Docker: &dock{}}, nil, now)
	h.Link.State, h.Latest = hosts.StateConnected, now
	h.Containers = hosts.Read([]hosts.Container{}, "", now)
	if v := Judge(&hosts.Snapshot{Hosts: []*hosts.HostFacts{h}}, now); !v.OK() {
		t.Errorf("%q: %v", v, v.Unknown)
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	now := time.Unix(10000, 0)
	h := healthy("a", now.Add(-3*time.Second))
	h.Containers.Value = []hosts.Container{
		{Name: "web", State: "running", Health: hosts.HealthUnhealthy}, {Name: "db", State: "running"}, {Name: "old", State: "exited"},
	}
	h.Disks.Value = []hosts.Disk{
		{Mount: "/", Size: 100, Used: 40, Avail: 60},
		{Mount: "/data", Size: 100, Used: 91, Avail: 9},
		{Mount: "/mnt", Problem: "no answer"},
	}
	r := Summary(h, now)
	want := Row{
		Host: "a", State: hosts.StateConnected, Load: [3]float64{1, 1, 1}, CPUs: 4, Memory: 75, Known: true,
		Disk: h.Disks.Value[1], HasDisk: true, Up: 1, Total: 3, Age: 3 * time.Second,
		Failing: []Problem{
			{KindUnhealthy, SeverityError, "a", "web", "healthcheck fails"},
			{KindDisk, SeverityError, "a", "/data", "91% of space used"},
			{KindDisk, SeverityWarning, "a", "/mnt", "no answer"},
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	empty := Summary(&hosts.HostFacts{Host: hosts.Host{Name: "b"}}, now)
	if empty.Up != -1 || empty.Total != -1 || empty.Memory != -1 || empty.HasDisk || empty.Known || len(empty.Unknown) != 4 {
		t.Errorf("%+v", empty)
	}
}

func TestAppendBounded(t *testing.T) {
	t.Parallel()
	var list []int
	var views [][]int
	for i := range 100 {
		list = appendBounded(list, []int{i}, 10)
		views = append(views, list)
	}
	for i, v := range views {
		if len(v) != min(i+1, 10) || v[len(v)-1] != i || v[0] != max(0, i-9) {
			t.Fatalf("after %d: %v", i, v)
		}
	}
	if got := appendBounded([]int{1, 2}, []int{3, 4, 5, 6}, 3); !cmp.Equal(got, []int{4, 5, 6}) {
		t.Errorf("%v", got)
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	list := []hosts.Container{{ID: "1", Name: "a", State: "running", PID: 7, Health: hosts.HealthHealthy, Probe: "x"}, {ID: "2", Name: "b", State: "exited"}}
	at := time.Unix(5, 0)
	cases := []struct {
		e    hosts.Event
		want string
	}{
		{hosts.Event{Kind: "container", ID: "1", Action: "die", Detail: "exit 137"}, "a exited 137 unknown, b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "die", Detail: "nonsense"}, "a exited 0 unknown, b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "2", Action: "start"}, "a running 0 healthy, b running 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "start"}, "a running 0 starting, b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "pause"}, "a paused 0 healthy, b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "health_status: unhealthy"}, "a running 0 unhealthy, b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "destroy"}, "b exited 0 unknown"},
		{hosts.Event{Kind: "container", ID: "1", Action: "health_status: odd"}, ""},
		{hosts.Event{Kind: "container", ID: "1", Action: "rename"}, ""},
		{hosts.Event{Kind: "container", ID: "3", Action: "die"}, ""},
		{hosts.Event{Kind: "network", ID: "1", Action: "destroy"}, ""},
	}
	for _, c := range cases {
		c.e.At = at
		got, told := patch(list, c.e)
		var words []string
		for _, x := range got {
			words = append(words, fmt.Sprintf("%s %s %d %s", x.Name, x.State, x.Exit, x.Health))
		}
		if text := strings.Join(words, ", "); told != (c.want != "") || (told && text != c.want) {
			t.Errorf("%s: %q, told %v; want %q", c.e.Action, text, told, c.want)
		}
	}
	if list[0].State != "running" || len(list) != 2 {
		t.Error("the list that was given changed")
	}
}
