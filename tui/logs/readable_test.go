package logs

import (
	"strings"
	"testing"

	"midwatch/hosts"
)

func TestReadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain": "plain", "{broken": "{broken", `{"a":1}`: `{"a":1}`,
		`{"level":"info","msg":"request completed","ms":12,"path":"/a b"}`: `request completed  ms=12 path="/a b"`,
		`{"msg":"failed","err":{"stack":"E: x\n    at y\n"},"id":"7"}`:     "failed  id=7\nerr.stack: E: x\n    at y",
		`{"method":"GET","path":"/x","status":502}`:                        `GET /x 502  method=GET path=/x status=502`,
	} {
		if got := readable(text, nil); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// An object is read as its message; a key shows it as it stands, and what is copied is always that.
func TestObjectsAreReadAsTheirMessage(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	const text = `{"level":50,"msg":"request errored","reqId":"b32e8b81"}`
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, t0, text)}, Status: following(srcA)})
	g.has("request errored  reqId=b32e8b81")
	g.keys("y")
	if g.copied != text {
		t.Errorf("copied %q", g.copied)
	}
	g.keys("J")
	g.has(`{"level":50,"msg":"request errored"`)
	g.keys("J", "/")
	g.write("reqId=b32e8b81")
	g.has("1 of 1")
	if v := g.view(); strings.Contains(v, "{") {
		t.Error(v)
	}
}
