package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/ops/audit"
)

func logSnapshot() *hosts.Snapshot {
	at := time.Unix(1, 0)
	return &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "web1", Kind: hosts.KindSSH},
			Link: hosts.Link{State: hosts.StateConnected},
			Containers: hosts.Read([]hosts.Container{
				{Name: "api", Project: "shop", Service: "web"}, {Name: "api-worker", Project: "shop", Service: "worker"}, {Name: "db"},
			}, "", at),
			Units: hosts.Read([]hosts.Unit{
				{Name: "nginx.service"},
				{Name: "timer.service", PartOf: []string{"inner.target"}},
				{Name: "worker@1.service"},
				{Name: "worker@2.service"},
				{Name: "boot.target", Wants: []string{"nginx.service", "inner.target"}},
				{Name: "inner.target", ConsistsOf: []string{"worker@2.service"}},
			}, "", at),
		},
		{
			Host: hosts.Host{Name: "web2", Kind: hosts.KindSSH},
			Link: hosts.Link{State: hosts.StateDisconnected},
		},
		{
			Host:       hosts.Host{Name: "engine", Kind: hosts.KindDocker},
			Link:       hosts.Link{State: hosts.StateConnected},
			Containers: hosts.Read([]hosts.Container{{ID: "c1", Name: "api", Project: "shop", Service: "web"}}, "", at),
			Swarm: hosts.Read(hosts.Swarm{Tasks: []hosts.SwarmTask{
				{Service: "web", State: "running", ContainerID: "c1"},
				{Service: "web", State: "running", ContainerID: "far"},
				{Service: "web", State: "shutdown", ContainerID: "old"},
			}}, "", at),
		},
	}}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	known := func(h string) bool { return h == "web1" || h == "web2" || h == "engine" }
	tests := map[string]struct {
		want []string // keys of sources
		err  string
	}{
		"events":                   {want: []string{"here/events", "web1/events", "web2/events", "engine/events"}},
		"events:api*":              {want: []string{"here/events:api*", "web1/events:api*", "web2/events:api*", "engine/events:api*"}},
		"web2/events:":             {want: []string{"web2/events"}},
		"here/events":              {want: []string{"here/events"}},
		"here/probes":              {err: `here/probes: no host "here"`},
		"probes":                   {want: []string{"web1/probes", "web2/probes", "engine/probes"}},
		"web1/probes:live":         {want: []string{"web1/probes:live"}},
		"web1/container:api":       {want: []string{"web1/container:api"}},
		"web1/container:gone":      {want: []string{"web1/container:gone"}}, // not looked up: it may be there, and says so otherwise
		"container:api":            {want: []string{"web1/container:api", "engine/container:api"}},
		"web1/container:api*":      {want: []string{"web1/container:api", "web1/container:api-worker"}},
		"unit:worker@*":            {want: []string{"web1/unit:worker@1.service", "web1/unit:worker@2.service"}},
		"unit:nginx":               {want: []string{"web1/unit:nginx.service"}},
		"web1/unit:nginx":          {want: []string{"web1/unit:nginx.service"}},
		"web1/unit:nginx.service":  {want: []string{"web1/unit:nginx.service"}},
		"web1":                     {want: []string{"web1/journal"}},
		"web1/journal":             {want: []string{"web1/journal"}},
		"journal":                  {want: []string{"web1/journal", "web2/journal"}},
		"web1/file:/var/log/x*":    {want: []string{"web1/file:/var/log/x*"}}, // a name of a file, not a pattern
		"compose:shop":             {want: []string{"web1/container:api", "web1/container:api-worker", "engine/container:api"}},
		"compose:shop/w*r":         {want: []string{"web1/container:api-worker"}},
		"engine/compose:shop/web":  {want: []string{"engine/container:api"}},
		"compose:nope":             {},
		"service:shop_web":         {want: []string{"web1/container:api", "engine/container:api"}},
		"service:worker":           {want: []string{"web1/container:api-worker"}},
		"target:boot":              {want: []string{"web1/unit:nginx.service", "web1/unit:timer.service", "web1/unit:worker@2.service"}},
		"web1/target:inner.target": {want: []string{"web1/unit:timer.service", "web1/unit:worker@2.service"}},
		"container:nope":           {},
		"web3/container:api":       {err: `web3/container:api: no host "web3"`},
		"api":                      {err: `api: want [HOST/]container:NAME, [HOST/]unit:NAME, HOST/file:PATH, HOST/journal, [HOST/]events, [HOST/]probes, [HOST/]compose:PROJECT, [HOST/]service:NAME, [HOST/]target:NAME, or the name of a log or a host of the inventory`},
		"web1/container:":          {err: `web1/container:: a journal has no name, containers, units and files have one`},
		"web1/journal:x":           {err: `web1/journal:x: a journal has no name, containers, units and files have one`},
		"file:/x":                  {err: `file:/x: want HOST/file:/absolute/path`},
		"web1/container:[":         {err: `web1/container:[: syntax error in pattern`},
	}
	for text, tc := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			p, err := parsePattern(text, known)
			if tc.err != "" {
				if err == nil || err.Error() != tc.err {
					t.Errorf("error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			found, unmatched := expand([]pattern{p, p}, logSnapshot())
			var got []string
			for _, s := range found {
				got = append(got, s.Key())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
			if (len(unmatched) > 0) != (len(tc.want) == 0) {
				t.Errorf("unmatched: %v", unmatched)
			}
		})
	}
}

// What runs on nodes that are not read is counted, once.
func TestServiceElsewhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"service:web": 1, "service:db": 0, "container:api": 0, "engine/service:web": 0} {
		p, err := parsePattern(text, func(h string) bool { return h == "engine" })
		if err != nil {
			t.Fatal(err)
		}
		if got := p.elsewhere(logSnapshot()); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}

// The last deploy is the last that began, whatever else was done since.
func TestLastDeploy(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	a := newApp(nil, nil, nil, func(name string) string {
		return map[string]string{"XDG_STATE_HOME": state}[name]
	})
	if _, err := a.lastDeploy(); err == nil || codeOf(err) != exitUsage {
		t.Errorf("without an audit log: %v", err)
	}
	dir := inventory.StateDir(a.getenv)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(filepath.Join(dir, auditFile))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	for i, r := range []audit.Record{
		{Phase: audit.PhaseBegin, Verb: "deploy", Object: "one"},
		{Phase: audit.PhaseBegin, Verb: "deploy", Object: "two"},
		{Phase: audit.PhaseEnd, Verb: "deploy", Object: "two"},
		{Phase: audit.PhaseBegin, Verb: "restart", Object: "web"},
	} {
		r.At = at.Add(time.Duration(i) * time.Minute)
		if err := log.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := a.lastDeploy(); err != nil || !got.Equal(at.Add(time.Minute)) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhyNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p       pattern
		want    string
		missing bool
	}{
		{pattern{host: "web1", kind: hosts.LogContainer, name: "x*"}, "no such container", false},
		{pattern{host: "web2", kind: hosts.LogUnit, name: "x*"}, "nothing found, and not known of web2", true},
		{pattern{kind: hosts.LogContainer, name: "x"}, "nothing found, and not known of web2", true},
		{pattern{host: "engine", kind: hosts.LogUnit, name: "x*"}, "no such unit", false},
	} {
		if got, missing := whyNothing(logSnapshot(), tc.p); got != tc.want || missing != tc.missing {
			t.Errorf("%+v: %q, %v", tc.p, got, missing)
		}
	}
}

func TestFromLog(t *testing.T) {
	t.Parallel()
	got := fromLog(inventory.Log{Name: "l", Sources: []inventory.LogSource{
		{Kind: hosts.LogContainer, Name: "a"},
		{Hosts: []string{"web1", "web2"}, Kind: hosts.LogUnit, Name: "b.service"},
	}})
	want := []pattern{
		{text: "l", kind: hosts.LogContainer, name: "a"},
		{text: "l", host: "web1", kind: hosts.LogUnit, name: "b.service"},
		{text: "l", host: "web2", kind: hosts.LogUnit, name: "b.service"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pattern{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseWhen(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("X", 2*3600)
	now := time.Date(2026, 11, 29, 14, 30, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"":                     {},
		"15m":                  now.Add(-15 * time.Minute),
		"2d":                   now.Add(-48 * time.Hour),
		"1.5d":                 now.Add(-36 * time.Hour),
		"0s":                   now,
		"14:05":                time.Date(2026, 11, 29, 14, 5, 0, 0, zone),
		"14:05:07":             time.Date(2026, 11, 29, 14, 5, 7, 0, zone),
		"23:00":                time.Date(2026, 11, 28, 23, 0, 0, 0, zone), // not yet today: yesterday's
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		"2026-11-01 03:04":     time.Date(2026, 11, 1, 3, 4, 0, 0, zone),
		"2026-11-01T03:04:05Z": time.Date(2026, 11, 1, 3, 4, 5, 0, time.UTC),
	} {
		if got, err := parseWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "-5m", "-1d", "25:00", "2026-13-01", "1"} {
		if got, err := parseWhen(text, now); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	f.Add("web1/unit:a*")
	f.Add("container:[]")
	f.Fuzz(func(_ *testing.T, text string) {
		if p, err := parsePattern(text, func(h string) bool { return h == "web1" }); err == nil {
			expand([]pattern{p}, logSnapshot())
		}
	})
}
