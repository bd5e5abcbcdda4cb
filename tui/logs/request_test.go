package logs

import (
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

// proxied is an access line of a request that failed, as the edge writes it.
const proxied = `10.1.2.3 - - [14/Mar/2026:02:00:09 +0000] "GET /orders HTTP/1.1" 500 12 "-" "curl/8" rid=7f3a9c2e`

func TestFilterByField(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	es := numbered(srcA, 0, 10)
	es[9].Text = proxied
	g.feed(hosts.LogBatch{Entries: es})
	g.keys("enter")
	g.has("status    500")
	g.keys("j", "j", "j", "j") // client, method, path, protocol, status
	g.keys("f")
	if g.s.filter.text != "status=500" {
		t.Fatalf("filter %q", g.s.filter.text)
	}
	g.has("1 of 10")
	g.keys("k", "k", "F")
	if g.s.filter.text != "status=500 !path=/orders" {
		t.Fatalf("filter %q", g.s.filter.text)
	}
	g.has("0 of 10")
}

func TestFollowRequest(t *testing.T) {
	t.Parallel()
	snap := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "web-1"}, Link: hosts.Link{State: hosts.StateConnected},
		Containers: hosts.Part[[]hosts.Container]{Value: []hosts.Container{{Name: "api", State: "running"}, {Name: "never", State: "created"}}},
	}, {
		Host: hosts.Host{Name: "gone"}, Containers: hosts.Part[[]hosts.Container]{Value: []hosts.Container{{Name: "x", State: "running"}}},
	}}}
	g := newStage(t, plain(), follow(srcB), snap).open()
	g.keys("R")
	if len(g.toasts) != 1 || len(g.logs.queries) != 1 {
		t.Fatalf("without a line: %v, %d queries", g.toasts, len(g.logs.queries))
	}
	es := numbered(srcB, 0, 10)
	g.feed(hosts.LogBatch{Entries: es})
	g.keys("R")
	if len(g.toasts) != 2 || !strings.Contains(g.toasts[1], "names no request") {
		t.Fatalf("without an id: %v", g.toasts)
	}
	es = numbered(srcB, 10, 11)
	es[0].Text = proxied
	g.feed(hosts.LogBatch{Entries: es})
	g.keys("/")
	g.write("GET")
	g.keys("enter", "R")

	q := g.logs.queries[len(g.logs.queries)-1]
	if q.Grep != "7f3a9c2e" || q.Follow || !q.Since.Equal(es[0].Time.Add(-around)) || !q.Until.Equal(es[0].Time.Add(around)) {
		t.Errorf("query %+v", q)
	}
	var names []string
	for _, s := range q.Sources {
		names = append(names, s.Key())
	}
	if got := strings.Join(names, " "); strings.Contains(got, "never") || strings.Contains(got, "gone") || !strings.Contains(got, "web-1/container:api") {
		t.Errorf("sources %s", got)
	}
	api := hosts.LogSource{Host: "web-1", Kind: hosts.LogContainer, Name: "api"}
	g.feed(hosts.LogBatch{
		Entries: []hosts.Entry{{Time: es[0].Time.Add(time.Millisecond), Host: "web-1", Source: api, Level: hosts.LevelError, Text: "{\"level\":\"error\",\"msg\":\"boom\",\"request_id\":\"7f3a9c2e\"}\n  at total (/app/a.js:1:2)"}},
		Status:  []hosts.LogStatus{{Source: api, State: "ended", Lines: 1}}, Done: true,
	})
	g.has("request 7f3a9c2e")
	g.has("web-1/api")
	g.has("at total")
	if got := g.s.Title(); got != "Logs of request 7f3a9c2e" {
		t.Errorf("title %q", got)
	}

	g.keys("esc")
	last := g.logs.queries[len(g.logs.queries)-1]
	if len(last.Sources) != 1 || last.Sources[0] != srcB || !last.Follow || last.Grep != "" || last.Since.After(es[0].Time) {
		t.Errorf("back to %+v", last)
	}
	if g.s.filter.text != "GET" || g.s.request != "" {
		t.Errorf("filter %q, request %q", g.s.filter.text, g.s.request)
	}
}
