package logs

import (
	"testing"

	"midwatch/hosts"
)

// What a source calls its fields counts in what is shown, filtered, grouped and followed, and for its
// lines only.
func TestFieldsOfASource(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), &hosts.Snapshot{})
	g.s.deps.LogFields = func(src hosts.LogSource) *hosts.LogFields {
		if src != srcB {
			return nil
		}
		return &hosts.LogFields{Message: []string{"body"}, Request: []string{"ctx.cid"}}
	}
	g.open()
	const text = `{"sev":"error","body":"no total","ctx":{"cid":"r-17"}}`
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, t0, text), entry(srcB, t0, text)}, Status: following(srcA, srcB)})
	g.has("no total  sev=error ctx.cid=r-17")
	g.has(`{"sev":"error","body":"no total"`)

	g.keys("/")
	g.write(`msg="no total"`)
	g.has("1 of 2")
	g.keys("enter", "p")
	g.has("no total")
	g.keys("esc", "k", "enter")
	g.has("ctx.cid  r-17")
	g.keys("R")
	if q := g.logs.queries[len(g.logs.queries)-1]; q.Grep != "r-17" {
		t.Errorf("followed %q", q.Grep)
	}
}
