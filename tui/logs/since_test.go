package logs

import (
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// A log is read from an event of its hosts, seen or told by the facts, or from their start.
func TestSinceAnEvent(t *testing.T) {
	t.Parallel()
	snap := &hosts.Snapshot{
		Hosts: []*hosts.HostFacts{{
			Host: hosts.Host{Name: "web-1"}, Link: hosts.Link{State: hosts.StateConnected},
			Containers: hosts.Read([]hosts.Container{{ID: "1", Name: "api", State: "running", Image: "api:1\x1b[2J", Created: t0.Add(-30 * time.Hour), Started: t0}}, "", t0),
		}},
		Events: []hosts.Event{
			{At: t0.Add(time.Minute), Host: "web-1", Kind: "unit", Object: "nginx.service", Action: "failed"},
			{At: t0.Add(2 * time.Minute), Host: "other", Kind: "unit", Object: "x.service", Action: "failed"},
		},
	}
	g := newStage(t, plain(), follow(srcA), snap).open()
	g.s.SetSize(120, 40)
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 3), Status: following(srcA)})
	g.keys("T")
	g.has("since 02:01:00  web-1 unit nginx.service failed")
	g.has("since 02:00:00  web-1 container api start: api:1")
	g.has("since Mar 12 20:00  web-1 container api create: api:1")
	g.hasNot("other unit")
	for range len(sinceChoices()) {
		g.keys("j")
	}
	g.keys("enter")
	if q := g.logs.queries[len(g.logs.queries)-1]; !q.Since.Equal(t0.Add(59*time.Second)) || q.Boot || !q.Follow {
		t.Errorf("%+v", q)
	}
	g.keys("T")
	for range len(sinceChoices()) - 1 {
		g.keys("j")
	}
	g.keys("enter")
	if q := g.logs.queries[len(g.logs.queries)-1]; !q.Since.IsZero() || !q.Boot {
		t.Errorf("%+v", q)
	}
	uncounted := newStage(t, plain(), ui.OpenMsg{Screen: "logs"}, snap).open()
	if got := uncounted.s.sinceEvents(); got != nil {
		t.Errorf("without sources: %v", got)
	}
}
