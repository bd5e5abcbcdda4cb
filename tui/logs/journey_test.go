package logs_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
	"midwatch/tui"
	"midwatch/tui/logs"
	"midwatch/tui/night"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// written are logs as they were written, by source: what a fleet would answer a query with.
type written map[hosts.LogSource][]hosts.Entry

// Tail implements ui.Logs.
func (w written) Tail(_ context.Context, q hosts.LogQuery) (hosts.LogStream, error) {
	var b hosts.LogBatch
	for _, src := range q.Sources {
		for _, e := range w[src] {
			if strings.Contains(e.Text, q.Grep) && (q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || e.Time.Before(q.Until)) {
				b.Entries = append(b.Entries, e)
			}
		}
		b.Status = append(b.Status, hosts.LogStatus{Source: src, State: "ended"})
	}
	slices.SortStableFunc(b.Entries, func(a, b hosts.Entry) int { return a.Time.Compare(b.Time) })
	b.Done = true
	return &read{batch: b}, nil
}

// read is a stream of one batch.
type read struct {
	once  sync.Once
	batch hosts.LogBatch
}

func (r *read) Next(ctx context.Context) (b hosts.LogBatch, err error) {
	first := false
	r.once.Do(func() { b, first = r.batch, true })
	if first {
		return b, nil
	}
	<-ctx.Done()
	return b, ctx.Err()
}

func (*read) Close() error { return nil }

// From a 500 among the access log's lines to the stack trace that another service wrote under the same id:
// to the last error, its request through every log, the error in there, and that in full.
func TestJourneyFromA500ToTheStackTrace(t *testing.T) {
	at := uitest.Now().Add(-10 * time.Minute)
	proxy := hosts.LogSource{Host: "vm", Kind: hosts.LogContainer, Name: "web"}
	backend := hosts.LogSource{Host: "vm", Kind: hosts.LogContainer, Name: "backend"}
	worker := hosts.LogSource{Host: "vm", Kind: hosts.LogContainer, Name: "worker"}
	const id = "b32e8b81745e4712b132afbd3d039eca"
	w := written{}
	write := func(src hosts.LogSource, after time.Duration, text string) {
		w[src] = append(w[src], hosts.Entry{Time: at.Add(after), Source: src, Host: src.Host, Level: logline.Level(text), Text: text})
	}
	access := func(after time.Duration, path, status, rid string) {
		write(proxy, after, `10.0.0.7 - - [14/Mar/2026:02:00:00 +0000] "POST `+path+` HTTP/1.1" `+status+` 17 "-" "curl/8" rid=`+rid)
	}
	for i := range 200 {
		rid := strings.Repeat(string(rune('a'+i%6)), 32)
		access(time.Duration(i)*time.Second, "/api/items", "200", rid)
		write(backend, time.Duration(i)*time.Second, `{"level":30,"msg":"request completed","reqId":"`+rid+`"}`)
		write(worker, time.Duration(i)*time.Second, "INFO polled")
	}
	access(100*time.Second, "/api/execute", "500", id)
	write(backend, 100*time.Second, `{"level":30,"msg":"incoming request","reqId":"`+id+`"}`)
	write(backend, 101*time.Second, `{"level":50,"msg":"request errored","reqId":"`+id+`","err":{"message":"no conditions","stack":"TypeError: no conditions\n    at branchMatches (/app/decision.ts:61:24)"}}`)
	var boxes []hosts.Container
	for _, src := range []hosts.LogSource{proxy, backend, worker} {
		boxes = append(boxes, hosts.Container{ID: src.Name, Name: src.Name, State: "running"})
	}
	snap := &hosts.Snapshot{Gen: 1, At: at, Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "vm"}, Link: hosts.Link{State: hosts.StateConnected}, Containers: hosts.Read(boxes, "GET /containers/json", at),
	}}}
	n := night.Begin(t, 100, 30, snap, w, tui.ScreenFactory{ID: "logs", Title: "Logs", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
		if m.Logs == nil {
			m.Logs = &hosts.LogQuery{Sources: []hosts.LogSource{proxy}}
		}
		return logs.New(d, m)
	}})
	n.Sees("201 lines").SeesNo("/api/execute")
	pressed := 0
	press := func(key string) *night.Night { pressed++; return n.Presses(key) }
	press("e").Sees("/api/execute HTTP/1.1\" 500")
	press("R").Sees("request "+id, "vm/web 1", "vm/backend 2")
	press("e").Sees("find >=error 2/2")
	press("enter").Sees("err.stack", "at branchMatches (/app/decision.ts:61:24)")
	if pressed > 6 {
		t.Errorf("%d keys", pressed)
	}
	// And back to where it began.
	n.Presses("esc", "esc", "esc").Sees("Logs vm/web", "/api/items")
}
