package step

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

// plane is a control plane of the kind the owners have: clusters can be listed and added, not removed.
type plane struct {
	mu       sync.Mutex
	clusters map[string]json.RawMessage
	posts    int
	deaf     bool // accepts and forgets
}

func newPlane(t *testing.T) (*plane, string) {
	t.Helper()
	p := &plane{clusters: map[string]json.RawMessage{"other": json.RawMessage(`{"name":"other"}`)}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return p, s.URL
}

func (p *plane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /clusters":
		var list []string
		for _, k := range sortedKeys(p.clusters) {
			list = append(list, string(p.clusters[k]))
		}
		fmt.Fprintf(w, `{"clusters":[%s]}`, strings.Join(list, ","))
	case "POST /add-cluster":
		body, _ := io.ReadAll(r.Body)
		var in struct{ Name string }
		if json.Unmarshal(body, &in) != nil || in.Name == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.posts++
		if !p.deaf {
			p.clusters[in.Name] = body
		}
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func hub(port int) string {
	return fmt.Sprintf(`{"name":"hub","connectTimeout":"5s","loadAssignment":{"clusterName":"hub","endpoints":[{"lbEndpoints":[{"endpoint":{"address":{"socketAddress":{"address":"192.168.68.113","portValue":%d}}}}]}]}}`, port)
}

func TestEnvoyForwardAndBack(t *testing.T) {
	p, url := newPlane(t)
	b := newBench(t, nil)
	b.Host = ""
	write(t, b.src+"/hub.json", hub(8002), 0o644)
	b.Settings = &deploy.Envoy{URL: deploy.Text(url), Upsert: "hub.json", ExpectEndpoint: "192.168.68.113:8002", Within: time.Minute}
	p.clusters["hub"] = json.RawMessage(hub(8000))
	before := string(p.clusters["hub"])
	c := b.plan(envoyKind{})
	if c.Nothing || c.Back != BackReversible || len(c.Lines) != 2 || c.Lines[1] != "endpoints 192.168.68.113:8000 → 192.168.68.113:8002" || !strings.Contains(c.Detail[0].Text, `"portValue": 8002`) {
		t.Errorf("%+v", c)
	}
	u := b.record(envoyKind{})
	if p.posts != 0 || b.probe(envoyKind{}, u) != NotStarted {
		t.Error("planning or recording has an effect")
	}
	u = b.forward(envoyKind{})
	if p.posts != 1 || b.probe(envoyKind{}, u) != Ended || b.drift(envoyKind{}, u) != nil {
		t.Errorf("%d posts", p.posts)
	}
	if err := (envoyKind{}).Act(t.Context(), b.Env, u); err != nil || p.posts != 1 {
		t.Errorf("again: %v, %d posts", err, p.posts)
	}
	if c := b.plan(envoyKind{}); !c.Nothing {
		t.Errorf("a second plan: %+v", c)
	}
	if again, seen := b.run(envoyKind{}); !again.Nothing || seen.Changed || p.posts != 1 {
		t.Errorf("%+v %+v", again, seen)
	}
	p.clusters["hub"] = json.RawMessage(hub(9000))
	if d := b.drift(envoyKind{}, u); len(d) != 1 || !strings.Contains(d[0], "portValue") {
		t.Errorf("drift %q", d)
	}
	p.clusters["hub"] = json.RawMessage(hub(8002))
	// The store holds the newest record of this step: make the first one again.
	p.clusters["hub"] = json.RawMessage(before)
	u = b.forward(envoyKind{})
	b.back(envoyKind{}, u)
	if got := string(p.clusters["hub"]); !jsonSame([]byte(got), []byte(before)) {
		t.Errorf("before %s\nafter %s", before, got)
	}
}

func TestEnvoyNewClusterHasNoWayBack(t *testing.T) {
	_, url := newPlane(t)
	b := newBench(t, &deploy.Envoy{URL: deploy.Text(url), Cluster: deploy.Text(hub(8002))})
	b.Host = ""
	if c := b.plan(envoyKind{}); c.Back != BackManual || !strings.HasPrefix(c.Lines[0], "+ cluster hub") {
		t.Errorf("%+v", c)
	}
	u := b.forward(envoyKind{})
	wantRefused(t, envoyKind{}.Undo(t.Context(), b.Env, u), "hub was not there before", "a person must")
	if seen, err := (envoyKind{}).Undone(t.Context(), b.Env, u); err != nil || seen.OK {
		t.Errorf("%+v, %v", seen, err)
	}
}

func TestEnvoyRefusalsAndFailures(t *testing.T) {
	p, url := newPlane(t)
	b := newBench(t, nil)
	b.Host = ""
	for words, s := range map[string]deploy.Envoy{
		"is not JSON":    {Cluster: "{"},
		"has no name":    {Cluster: `{"x":1}`},
		"cannot be read": {Upsert: "none.json"},
		"to 192.168.68.113:8002, not to 192.168.68.113:8000": {Cluster: deploy.Text(hub(8002)), ExpectEndpoint: "192.168.68.113:8000"},
	} {
		s.URL = deploy.Text(url)
		b.Settings = &s
		_, err := envoyKind{}.Plan(t.Context(), b.Env)
		wantRefused(t, err, words)
	}
	s := &deploy.Envoy{URL: deploy.Text(url), Cluster: deploy.Text(hub(8002)), Within: time.Nanosecond}
	b.Settings = s
	u := b.record(envoyKind{})
	p.clusters["hub"] = json.RawMessage(hub(7))
	wantRefused(t, envoyKind{}.Act(t.Context(), b.Env, u), "changed by someone else")
	if b.probe(envoyKind{}, u) != Unclear {
		t.Error("somebody else's cluster is clear")
	}
	delete(p.clusters, "hub")
	// It says 200 and has nothing: the answer is not the proof.
	p.deaf = true
	if _, seen := b.run(envoyKind{}); seen.OK || !strings.Contains(seen.Line, "is not there") {
		t.Errorf("%+v", seen)
	}
	p.deaf = false
	s.Probe = []deploy.Probe{{HTTP: deploy.Text(url + "/nothing")}}
	if _, seen := b.run(envoyKind{}); seen.OK || !strings.Contains(seen.Line, "404") {
		t.Errorf("the edge does not answer: %+v", seen)
	}
}

func TestClustersAreFoundInEveryShape(t *testing.T) {
	for _, doc := range []string{
		`[{"name":"a"},{"name":"hub","x":1}]`, `{"clusters":{"hub":{"x":1}}}`, `{"resources":[{"cluster":{"name":"hub","x":1}}]}`,
	} {
		v, _ := decodeJSON([]byte(doc))
		c, ok := findCluster(v, "hub").(map[string]any)
		if !ok || fmt.Sprint(c["x"]) != "1" {
			t.Errorf("%s: %v", doc, c)
		}
		if findCluster(v, "no") != nil {
			t.Errorf("%s: found what is not there", doc)
		}
	}
	v, _ := decodeJSON([]byte(`{"e":[{"address":"10.0.0.1","port":1},{"socket_address":{"address":"::1","port_value":2}}]}`))
	if got := strings.Join(endpoints(v), " "); got != "10.0.0.1:1 [::1]:2" {
		t.Error(got)
	}
}
