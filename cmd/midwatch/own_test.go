package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// stillFleet is a fleet of which nothing more is to be known.
type stillFleet struct {
	ui.Fleet
	snap *hosts.Snapshot
}

func (f stillFleet) Snapshot() *hosts.Snapshot { return f.snap }

func (f stillFleet) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestOwnLines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	w := &world{Fleet: stillFleet{snap: &hosts.Snapshot{
		Hosts: []*hosts.HostFacts{
			{
				Host: hosts.Host{Name: "web1"}, Link: hosts.Link{State: hosts.StateConnected},
				Containers: hosts.Read([]hosts.Container{{Name: "api", ID: "1", Image: "api:1", State: "running", Created: at, Started: at.Add(time.Second)}}, "", at),
				Probes: hosts.Read([]hosts.Probe{
					{Name: "live", Service: "shop", Target: "http://127.0.0.1/", Results: []hosts.ProbeResult{
						{At: at, OK: true, Status: 200, Took: 12 * time.Millisecond},
						{At: at.Add(2 * time.Second), Status: 503, Took: time.Second, Reason: "HTTP 503\x1b[2J"},
					}},
					{Name: "db", Target: "127.0.0.1:5432", Results: []hosts.ProbeResult{{At: at.Add(time.Second), OK: true, State: "degraded", Took: time.Millisecond}}},
				}, "", at),
			},
			{Host: hosts.Host{Name: "dead"}, Link: hosts.Link{State: hosts.StateError, Since: at, Reason: "no route to host"}},
		},
		Events: []hosts.Event{
			{At: at.Add(time.Minute), Host: "web1", Kind: "container", Object: "api", ID: "1", Action: "die", Detail: "exit 137"},
			{At: at.Add(time.Hour), Kind: "action", Action: "unlocked", Detail: "ada: night"},
		},
	}}}
	for key, want := range map[string]string{
		"web1/events":      "info container api create: api:1|info container api start: api:1|error probe live fails: HTTP 503|error container api die: exit 137",
		"web1/events:api":  "info container api create: api:1|info container api start: api:1|error container api die: exit 137",
		"web1/events:prob": "",
		"dead/events":      "error link error: no route to host",
		"here/events":      "info action unlocked: ada: night",
		"web1/probes":      `info live answers status=200 took=12ms target=http://127.0.0.1/|warn db answers took=1ms state=degraded target=127.0.0.1:5432|error live fails status=503 took=1s reason="HTTP 503" target=http://127.0.0.1/`,
		"web1/probes:shop": `info live answers status=200 took=12ms target=http://127.0.0.1/|error live fails status=503 took=1s reason="HTTP 503" target=http://127.0.0.1/`,
		"dead/probes":      "",
		"gone/events":      `no host "gone"`,
		"here/probes":      "probes belong to hosts",
	} {
		host, rest, _ := strings.Cut(key, "/")
		src := hosts.LogSource{Host: host, Kind: hosts.LogEvents}
		kind, name, _ := strings.Cut(rest, ":")
		if src.Name = name; kind == "probes" {
			src.Kind = hosts.LogProbes
		}
		list, err := w.own(src).Tell(t.Context())
		var lines []string
		for _, e := range list {
			lines = append(lines, e.Level.String()+" "+e.Text)
			if e.Source != src || e.Host != host || e.Time.IsZero() {
				t.Errorf("%s: %+v", key, e)
			}
		}
		if err != nil {
			lines = append(lines, err.Error())
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%s:\n%s, want\n%s", key, got, want)
		}
	}
	a := &app{}
	if got, err := a.sinceEvent(t.Context(), w, []string{"web1", "dead"}, "API Die"); err != nil || !got.Equal(at.Add(time.Minute)) {
		t.Errorf("%v %v", got, err)
	}
	if _, err := a.sinceEvent(t.Context(), w, []string{"dead"}, "api die"); err == nil {
		t.Error("an event of another host")
	}
}
