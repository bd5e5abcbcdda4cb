//go:build lab

package lab

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"midwatch/checks/trace"
	"midwatch/cmd/midwatch/internal/picture"
	"midwatch/hosts"
	"midwatch/hosts/capture"
)

// recorded is where MIDWATCH_RECORD=1 has the capture and the answers written that the plain tests use.
const recorded = "../../testdata/lab"

// probes are asked with a header that nobody may see.
const probes = `
[probes.picture]
service = "picture"
url = "http://127.0.0.1:8100/auth/health"
from = "h1"
interval = "10m" # a capture that is older than this has no answer to show
host_header = "up.test"
secret_headers = { Authorization = { env = "LAB_PROBE" } }
`

// What the whole picture says of the lab, compared with what the hosts themselves say.
func TestPicture(t *testing.T) {
	l := Open(t)
	w := l.Picture(t)
	p := l.Program(t, l.Inventory("h1", "h2")+w.edges+probes)
	p.Setenv("LAB_PROBE", w.known["PROBE"])
	for _, h := range []string{"h1", "h2"} { // it restarts all the time, and nothing compares with that
		after(t, l.execArgv(t, h, "docker", "start", "loop")...)
		l.Exec(t, h, "docker", "stop", "-t", "1", "loop")
	}
	pairs := w.Pairs(t)
	real := make([]picture.Answer, len(pairs))
	for i, pair := range pairs {
		real[i] = w.Real(t, pair)
	}
	file := filepath.Join(p.Home, "lab.mwc")
	p.MustRun(t, 0, "capture", "--timeout", "60s", file)
	away := p.Away(file)
	t.Run("trace of the capture", func(t *testing.T) { traceAgrees(t, w, pairs, real, w.Promises(t, away, pairs)) })
	t.Run("trace", func(t *testing.T) {
		// Each connects anew and reads both hosts; those of the capture are all there are.
		some, theirs := pairs[:0:0], real[:0:0]
		for i := range pairs {
			if i%5 < 2 {
				some, theirs = append(some, pairs[i]), append(theirs, real[i])
			}
		}
		traceAgrees(t, w, some, theirs, w.Promises(t, p, some))
	})
	t.Run("status", func(t *testing.T) { sameStatus(t, p, away) })
	t.Run("screens", func(t *testing.T) { sameScreens(t, p, away) })
	t.Run("secrets", func(t *testing.T) { holdsNoSecret(t, w, file, p, away) })
	if os.Getenv("MIDWATCH_RECORD") != "" {
		record(t, file, pairs, real)
	}
}

// traceAgrees wants the servers, locations, containers and services that really answered.
func traceAgrees(t *testing.T, w *World, pairs []picture.Pair, real []picture.Answer, traces []*trace.Trace) {
	t.Helper()
	if len(pairs) < 40 {
		t.Errorf("only %d pairs", len(pairs))
	}
	wrong := 0
	for i, pair := range pairs {
		said, mark := picture.Promised(traces[i], w.Line), "   "
		if real[i].String() != said.String() {
			mark = "!!!"
			wrong++
			t.Errorf("%s\n nginx says %s\n trace says %s\n%s", pair, real[i], said, hops(traces[i]))
		}
		t.Logf("%s %3d %s\n        nginx %s\n        trace %s", mark, i+1, pair, real[i], said)
	}
	t.Logf("%d pairs, %d differ", len(pairs), wrong)
}

func hops(t *trace.Trace) string {
	text, err := json.MarshalIndent(t, "  ", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// record writes what the plain tests compare with: the answers, and of the capture what a trace needs.
func record(t *testing.T, file string, pairs []picture.Pair, real []picture.Answer) {
	t.Helper()
	c, err := capture.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{
		"system": true, "disks": true, "unitstates": true, "units": true, "addresses": true, "sockets": true, "nginx": true,
		"nginx.containers": true, "docker.engine": true, "docker.containers": true, "docker.networks": true,
	}
	var kept []hosts.Evidence
	for _, e := range c.Evidence {
		if needed[e.Collector] {
			kept = append(kept, e)
		}
	}
	c.Evidence, c.Events, c.By = kept, nil, "lab"
	if err := os.MkdirAll(recorded, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := capture.Save(filepath.Join(recorded, "picture.mwc"), c, nil); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# What a real nginx answered to each request; written by the lab, see picture_test.go.\n")
	for i, pair := range pairs {
		b.WriteString(pair.String() + " => " + real[i].String() + "\n")
	}
	if err := os.WriteFile(filepath.Join(recorded, "picture.txt"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
