package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"midwatch/checks/trace"
	"midwatch/cmd/midwatch/internal/picture"
	"midwatch/hosts"
	"midwatch/hosts/capture"
)

// The capture and the answers were recorded from the lab by MIDWATCH_RECORD=1 make lab-test: the answers
// are those of a real nginx on two hosts and in containers, the capture is what midwatch read of the same
// hosts at that time. See internal/lab/picture_test.go and testdata/lab/picture in the tree.
func TestRecordedPicture(t *testing.T) {
	t.Parallel()
	c, err := capture.Load("testdata/lab/picture.mwc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.Evidence {
		// Every secret that was planted in the lab begins like this.
		if i := bytes.Index(e.Data, []byte("Sx9")); i >= 0 {
			t.Errorf("%s of %s holds a secret: %s", e.Collector, e.Host, e.Data[max(0, i-60):i+20])
		}
	}
	snap := c.Snapshot()
	text, err := os.ReadFile("testdata/lab/picture.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, one := range strings.Split(string(text), "\n") {
		request, want, _ := strings.Cut(strings.ReplaceAll(one, "\t", " "), " => ")
		pairs, err := picture.Parse(request)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pairs {
			n++
			tr, err := trace.Run(snap, question(p, c.Edges))
			if err != nil {
				t.Errorf("%s: %v", p, err)
				continue
			}
			if got := picture.Promised(tr, configLines(snap)); got.String() != want {
				said, _ := json.MarshalIndent(tr, "", " ") // plain values
				t.Errorf("%s\n nginx said %s\n trace says %s\n%s", p, want, got, said)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d pairs", n)
	}
}

func question(p picture.Pair, forwards []capture.Edge) trace.Question {
	q := trace.Question{URL: p.URL, Method: p.Method, Headers: map[string]string{}}
	for _, h := range p.Headers {
		q.Headers[h.Name] = h.Value
	}
	for _, e := range forwards {
		q.Edges = append(q.Edges, trace.Edge{Public: e.Public, Port: uint16(e.Port), Host: e.Host, To: uint16(e.To)}) //nolint:gosec // recorded ports
	}
	return q
}

// configLines reads the lines of configurations out of a snapshot.
func configLines(s *hosts.Snapshot) picture.Lines {
	return func(host, container, file string, line int) string {
		for _, n := range s.Host(host).Nginx.Value {
			if n.Container == container && n.Config != nil {
				return n.Config.Line(file, line)
			}
		}
		return ""
	}
}
