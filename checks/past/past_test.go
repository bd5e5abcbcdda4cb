package past

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
)

func at(ago time.Duration) time.Time {
	return time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC).Add(-ago)
}

func known[T any](v T) hosts.Part[T] { return hosts.Read(v, "x", at(0)) }

func lines(es []hosts.Event) []string {
	out := make([]string, 0, len(es))
	for _, e := range es {
		out = append(out, strings.TrimSpace(e.At.Format("15:04:05 ")+e.Host+" "+e.Kind+" "+e.Object+" "+e.Action+": "+e.Detail))
	}
	slices.Sort(out)
	return out
}

func facts() *hosts.HostFacts {
	return &hosts.HostFacts{
		Host:   hosts.Host{Name: "h"},
		Link:   hosts.Link{State: hosts.StateError, Since: at(time.Minute), Reason: "no route"},
		System: known(hosts.System{Uptime: 2 * time.Hour, Kernel: "6.1"}),
		Containers: known([]hosts.Container{
			{Name: "web", ID: "1", Image: "web:1", State: "running", Created: at(50 * time.Minute), Started: at(40 * time.Minute)},
			{Name: "job", ID: "2", Image: "job:1", State: "exited", Exit: 137, OOMKilled: true, Started: at(30 * time.Minute), Finished: at(20 * time.Minute)},
		}),
		Units: known([]hosts.Unit{
			{Name: "early.service", Active: "active", Since: at(119 * time.Minute)},
			{Name: "late.service", Active: "active", Sub: "running", Since: at(10 * time.Minute)},
			{Name: "bad.mount", Active: "failed", Result: "exit-code", Since: at(118 * time.Minute)},
			{Name: "x.device", Active: "active", Since: at(10 * time.Minute)},
		}),
		Probes: known([]hosts.Probe{{Name: "api", Results: []hosts.ProbeResult{{At: at(5 * time.Minute), OK: true}, {At: at(4 * time.Minute), Reason: "timeout"}, {At: at(3 * time.Minute), OK: true}}}}),
		Swarm: known(hosts.Swarm{
			Services: []hosts.SwarmService{{Name: "s", UpdateState: "completed", Updated: at(9 * time.Minute)}},
			Tasks:    []hosts.SwarmTask{{Service: "s", State: "failed", Error: "exit 1", At: at(8 * time.Minute)}, {Service: "s", State: "running", At: at(8 * time.Minute)}},
		}),
		Compose: known([]hosts.ComposeProject{{Name: "p", Files: []hosts.ComposeFile{{Path: "/c.yml", MTime: at(7 * time.Minute)}, {Path: "/unread.yml"}}}}),
		Dokploy: known(hosts.Dokploy{Projects: []hosts.DokployProject{{Name: "p", Apps: []hosts.DokployApp{{Name: "a", Deployments: []hosts.DokployDeployment{{ID: "1", Status: "done", Title: "push", Created: at(6 * time.Minute)}}}}}}}),
	}
}

func TestStamps(t *testing.T) {
	t.Parallel()
	want := []string{
		"01:00:00 h system  booted: 6.1",
		"01:02:00 h unit bad.mount failed: exit-code",
		"02:10:00 h container web create: web:1",
		"02:20:00 h container web start: web:1",
		"02:30:00 h container job start: job:1",
		"02:40:00 h container job die: exit 137",
		"02:40:00 h container job oom: killed: out of memory",
		"02:50:00 h unit late.service active: running",
		"02:51:00 h deploy s update completed:",
		"02:52:00 h service s task failed: exit 1",
		"02:53:00 h config /c.yml written: project p",
		"02:54:00 h deploy p/a deployment done: push",
		"02:56:00 h probe api fails: timeout",
		"02:57:00 h probe api answers:",
		"02:59:00 h link  error: no route",
	}
	if diff := cmp.Diff(want, lines(Stamps(facts()))); diff != "" {
		t.Error(diff)
	}
	if got := Stamps(&hosts.HostFacts{}); len(got) != 0 {
		t.Errorf("of a host nobody asked: %v", got)
	}
}

func TestBook(t *testing.T) {
	t.Parallel()
	f := facts()
	s := &hosts.Snapshot{
		Hosts: []*hosts.HostFacts{f}, Forgotten: 7,
		Events: []hosts.Event{
			{At: at(40*time.Minute - time.Second), Host: "h", Kind: "container", Object: "web", ID: "1", Action: "start", Detail: "web:1"},
			{At: at(time.Minute), Host: "h", Kind: "unit", Object: "x", Action: "failed"},
			{At: at(time.Minute), Host: "h", Kind: "unit", Object: "x", Action: "failed"},
		},
	}
	var b Book
	if !b.Take(s, []hosts.Event{{At: at(30 * time.Second), Kind: "action", Action: "restart"}}) {
		t.Error("the first snapshot is no news")
	}
	starts, keys := 0, map[string]bool{}
	for i, e := range b.Entries() {
		if e.Object == "web" && e.Action == "start" {
			starts++
			if e.Stamp {
				t.Error("what was seen gave way to what the facts say")
			}
		}
		if keys[e.Key] {
			t.Errorf("%s is there twice", e.Key)
		}
		keys[e.Key] = true
		if i > 0 && e.At.Before(b.Entries()[i-1].At) {
			t.Errorf("%v is out of order", e)
		}
	}
	if starts != 1 || len(b.Entries()) != 15-1+3+1 || b.Dropped() != 7 {
		t.Errorf("%d starts, %d entries, %d dropped", starts, len(b.Entries()), b.Dropped())
	}
	again := *f
	again.Host.Name = "h"
	if b.Take(&hosts.Snapshot{Hosts: []*hosts.HostFacts{&again}, Events: s.Events, Forgotten: 7}, b.extra) {
		t.Error("younger facts that say the same are news")
	}
	small := Book{Limit: 4}
	small.Take(s, nil)
	if n := len(small.Entries()); n != 4 || small.Dropped() != 7+18-4 || small.Entries()[3].Object != "x" {
		t.Errorf("%d entries, %d dropped, last %+v", n, small.Dropped(), small.Entries()[n-1])
	}
}

// The first connection to a host begins the watch; a later one is news. After a pause it begins anew.
func TestWatched(t *testing.T) {
	t.Parallel()
	link := func(ago time.Duration, host, action string) hosts.Event {
		return hosts.Event{At: at(ago), Host: host, Kind: "link", Action: action}
	}
	s := &hosts.Snapshot{Events: []hosts.Event{
		link(50*time.Minute, "a", "connected"), link(49*time.Minute, "b", "connected"), link(40*time.Minute, "a", "disconnected"), link(39*time.Minute, "a", "connected"),
	}}
	var b Book
	b.Take(s, nil)
	if len(b.Entries()) != 2 || !b.Watched().Equal(at(50*time.Minute)) {
		t.Errorf("%d entries, watched since %v", len(b.Entries()), b.Watched())
	}
	s = &hosts.Snapshot{Events: append(slices.Clone(s.Events), hosts.Event{At: at(30 * time.Minute), Kind: "watch", Action: "ended"}, link(10*time.Minute, "a", "connected"))}
	b.Take(s, nil)
	if len(b.Entries()) != 3 || !b.Watched().Equal(at(10*time.Minute)) {
		t.Errorf("after a pause: %d entries, watched since %v", len(b.Entries()), b.Watched())
	}
}

func TestTones(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Tone{
		"container|die|exit 137": Bad, "container|die|exit 0": Plain, "container|die|exit 143": Plain, "container|health_status: unhealthy|": Bad,
		"container|health_status: healthy|": Good, "container|start|": Plain, "container|oom|": Bad, "container|restart|": Warn,
		"unit|failed|": Bad, "unit|active|": Good, "unit|auto-restart|": Warn, "unit|inactive|": Plain,
		"probe|fails|": Bad, "probe|answers|": Good, "probe|says degraded|": Warn,
		"link|connected|": Good, "link|error|": Bad, "link|maintenance|": Plain,
		"deploy|deployment error|": Bad, "deploy|deployment done|": Good, "deploy|update rollback_started|": Warn, "service|replicas missing|": Warn,
		"config|changed|": Plain, "mount|unmounted|": Warn, "mount|mounted|": Plain, "system|booted|": Warn,
		"action|restart|ada: x, failed: refused": Bad, "action|restart|ada: x": Plain,
	} {
		p := strings.Split(text, "|")
		if got := ToneOf(hosts.Event{Kind: p[0], Action: p[1], Detail: p[2]}); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

func BenchmarkTake(b *testing.B) {
	s := &hosts.Snapshot{}
	for i := range 200 {
		f := &hosts.HostFacts{Host: hosts.Host{Name: fmt.Sprint("h", i)}}
		list := make([]hosts.Container, 50)
		for j := range list {
			list[j] = hosts.Container{Name: fmt.Sprint("c", j), ID: fmt.Sprint(i, j), State: "running", Created: at(time.Duration(j) * time.Hour), Started: at(time.Duration(j) * time.Minute)}
		}
		f.Containers = known(list)
		s.Hosts = append(s.Hosts, f)
	}
	for b.Loop() {
		(&Book{}).Take(s, nil)
	}
}
