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

// api is a small service with one document that can be read and patched, and operations to be polled.
type api struct {
	mu     sync.Mutex
	doc    map[string]any
	seen   []string // method and path
	keys   []string
	polls  int
	breaks int // statuses of the next PATCH
}

func newAPI(t *testing.T) (*api, string) {
	t.Helper()
	a := &api{doc: map[string]any{"urls": []any{"http://a"}, "name": "fleet"}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return a, s.URL
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, r.Method+" "+r.URL.Path)
	if k := r.Header.Get("Idempotency-Key"); k != "" {
		a.keys = append(a.keys, k)
	}
	if r.Header.Get("Authorization") != "Bearer sentinel-api" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"message":"no such token"}`)
		return
	}
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/op":
		a.polls++
		fmt.Fprintf(w, `{"state":%q}`, []string{"queued", "running", "done"}[min(a.polls-1, 2)])
	case r.URL.Path == "/start":
		w.Header().Set("Location", "/op")
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":{"n":7},"ok":true}`)
	case r.URL.Path != "/fleet":
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		_ = json.NewEncoder(w).Encode(a.doc)
	case a.breaks != 0:
		w.WriteHeader(a.breaks)
		fmt.Fprint(w, `{"error":{"message":"not today"}}`)
	case r.Method == http.MethodPatch, r.Method == http.MethodPut:
		var in map[string]any
		if json.Unmarshal(body, &in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.Method == http.MethodPut {
			a.doc = map[string]any{}
		}
		for k, v := range in {
			a.doc[k] = v
		}
		_ = json.NewEncoder(w).Encode(a.doc)
	}
}

func (a *api) text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, _ := json.Marshal(a.doc)
	return string(b)
}

func apiBench(t *testing.T, s *deploy.HTTP) *bench {
	t.Helper()
	b := newBench(t, s)
	b.Host = ""
	b.secrets["api"] = "sentinel-api"
	s.Bearer = "secret.api"
	return b
}

func TestHTTPForwardAndBack(t *testing.T) {
	for name, undo := range map[string]*deploy.Request{
		"by what was before": nil,
		"by a request":       {Method: "PUT", Body: `${before}`},
	} {
		t.Run(name, func(t *testing.T) {
			a, url := newAPI(t)
			s := &deploy.HTTP{
				Method: "PATCH", URL: deploy.Text(url + "/fleet"), Before: &deploy.Before{Method: "GET"}, Undo: undo,
				JSON: map[string]any{"urls": []any{"http://a", "http://b"}}, Expect: map[string]deploy.Text{"urls.1": "http://b"}, Outputs: map[string]string{"first": "urls.0"},
			}
			b := apiBench(t, s)
			before := a.text()
			c := b.plan(httpKind{})
			if c.Unknown || c.Back != BackCompensating || !strings.Contains(c.Detail[0].Text, `+    "http://b"`) {
				t.Errorf("%+v", c)
			}
			u := b.record(httpKind{})
			if a.text() != before || b.probe(httpKind{}, u) != NotStarted {
				t.Error("planning or recording has an effect")
			}
			u = b.forward(httpKind{})
			if got := a.text(); !strings.Contains(got, "http://b") || b.outputs["first"] != "http://a" || b.outputs["status"] != "200" {
				t.Errorf("%s, outputs %v", got, b.outputs)
			}
			if b.probe(httpKind{}, u) != Ended || b.drift(httpKind{}, u) != nil {
				t.Error("after")
			}
			if c := b.plan(httpKind{}); !c.Nothing {
				t.Errorf("a second plan: %+v", c)
			}
			a.doc["name"] = "changed"
			if d := b.drift(httpKind{}, u); len(d) != 1 {
				t.Errorf("drift %q", d)
			}
			a.doc["name"] = "fleet"
			b.Undoing = true
			b.back(httpKind{}, u)
			if got := a.text(); got != before {
				t.Errorf("before %s, after %s", before, got)
			}
			b.noSecret("sentinel", u)
		})
	}
}

func TestHTTPThatIsRefusedSaysSo(t *testing.T) {
	a, url := newAPI(t)
	s := &deploy.HTTP{Method: "PATCH", URL: deploy.Text(url + "/fleet"), JSON: map[string]any{"x": "1"}}
	b := apiBench(t, s)
	a.breaks = 503
	if _, seen := b.run(httpKind{}); seen.OK || !strings.Contains(seen.Line, "503: not today") {
		t.Errorf("%+v", seen)
	}
	// Another attempt is judged by its own answer.
	a.breaks, b.Try = 0, 2
	u := b.forward(httpKind{})
	if u.Way != BackManual {
		t.Errorf("%+v", u)
	}
	wantRefused(t, httpKind{}.Undo(t.Context(), b.Env, u), "a person must take it back")
	if seen, _ := (httpKind{}).Undone(t.Context(), b.Env, u); seen.OK {
		t.Errorf("nobody took it back: %+v", seen)
	}
	b.Try, s.Expect = 3, map[string]deploy.Text{"x": "2"}
	if _, seen := b.run(httpKind{}); seen.OK || !strings.Contains(seen.Line, "x is 1, not 2") {
		t.Errorf("%+v", seen)
	}
	b.secrets["api"], s.Before = "wrong", &deploy.Before{}
	_, err := httpKind{}.Record(t.Context(), b.Env)
	wantRefused(t, err, "answered 401")
}

func TestHTTPWithoutANotedAnswerIsUnclear(t *testing.T) {
	a, url := newAPI(t)
	s := &deploy.HTTP{Method: "PATCH", URL: deploy.Text(url + "/fleet"), JSON: map[string]any{"urls": []any{"http://c"}}}
	b := apiBench(t, s)
	if got := (httpKind{}).Class(s); got != AskHuman {
		t.Errorf("class %v", got)
	}
	u := b.record(httpKind{})
	if b.probe(httpKind{}, u) != Unclear {
		t.Error("nothing is known, and it is clear")
	}
	if seen, err := (httpKind{}).Verify(t.Context(), b.Env, u); err != nil || seen.OK || !strings.Contains(seen.Line, "not known") {
		t.Errorf("%+v, %v", seen, err)
	}
	// With a look at what was before it is told apart: sent and answered into the void.
	s.Before = &deploy.Before{}
	u = b.record(httpKind{})
	if (httpKind{}).Class(s) != AskOther || b.probe(httpKind{}, u) != NotStarted {
		t.Error("not begun")
	}
	a.doc["urls"] = []any{"http://c"}
	if b.probe(httpKind{}, u) != Unclear {
		t.Error("changed, and clear")
	}
	s.Key = true
	b.forward(httpKind{})
	if len(a.keys) != 1 || a.keys[0] != "r1/it" {
		t.Errorf("keys %q", a.keys)
	}
	s.Method = ""
	if got := (httpKind{}).Class(s); got != Repeat {
		t.Errorf("a GET is class %v", got)
	}
}

func TestHTTPPolls(t *testing.T) {
	a, url := newAPI(t)
	s := &deploy.HTTP{
		Method: "POST", URL: deploy.Text(url + "/start"), Outputs: map[string]string{"id": "id.n"},
		Poll: &deploy.Poll{Path: "state", Success: []string{"done"}, Failure: []string{"failed"}, Every: time.Millisecond},
	}
	b := apiBench(t, s)
	if c := b.plan(httpKind{}); !c.Unknown || c.Back != BackManual {
		t.Errorf("%+v", c)
	}
	b.forward(httpKind{})
	if a.polls != 3 || b.outputs["id"] != "7" {
		t.Errorf("%d polls, outputs %v", a.polls, b.outputs)
	}
	a.polls, s.Poll.Success, s.Poll.Failure = 0, nil, []string{"running"}
	b.Step = "fails"
	if _, seen := b.run(httpKind{}); seen.OK || seen.Line != "state is running" {
		t.Errorf("%+v", seen)
	}
	s.Poll.Failure, s.Poll.Within, b.Step = nil, time.Nanosecond, "late"
	if _, seen := b.run(httpKind{}); seen.OK || !strings.Contains(seen.Line, "still not ended") {
		t.Errorf("%+v", seen)
	}
}

func TestHTTPGetChangesNothing(t *testing.T) {
	_, url := newAPI(t)
	b := apiBench(t, &deploy.HTTP{URL: deploy.Text(url + "/fleet"), Expect: map[string]deploy.Text{"name": "fleet"}})
	if c := b.plan(httpKind{}); !c.Nothing || c.Back != BackNone {
		t.Errorf("%+v", c)
	}
	u := b.forward(httpKind{})
	b.back(httpKind{}, u)
}

func TestSecretsInABodyStayTexts(t *testing.T) {
	b := newBench(t, nil)
	b.secrets["pw"] = `a"b\c`
	body, err := httpBody(t.Context(), b.Env, &deploy.HTTP{JSON: map[string]any{"deep": []any{map[string]any{"pw": "${secret.pw}", "n": int64(1)}}}}, false)
	if err != nil || string(body) != `{"deep":[{"n":1,"pw":"a\"b\\c"}]}` {
		t.Errorf("%s, %v", body, err)
	}
	body, _ = httpBody(t.Context(), b.Env, &deploy.HTTP{JSON: map[string]any{"pw": "${secret.pw}"}}, true)
	if strings.Contains(string(body), `a\"b`) {
		t.Errorf("a plan would show %s", body)
	}
}
