package step

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/ops/deploy"
)

func TestGateOpensWhenTheServiceIsUp(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(s.Close)
	b := newBench(t, &deploy.Gate{Checks: []deploy.Probe{{HTTP: deploy.Text(s.URL)}}, Every: time.Millisecond})
	if c := b.plan(gate{}); !c.Nothing || c.Back != BackNone || !strings.Contains(c.Detail[0].Text, s.URL) {
		t.Errorf("%+v", c)
	}
	u, seen := b.run(gate{})
	if !u.Nothing || !seen.OK || seen.Changed || asked.Load() != 3 {
		t.Errorf("%+v %+v after %d requests", u, seen, asked.Load())
	}
	s.Close()
	b.Settings = &deploy.Gate{Checks: []deploy.Probe{{HTTP: deploy.Text(s.URL)}}, FailFast: true}
	if _, seen := b.run(gate{}); seen.OK || !strings.Contains(seen.Line, "refused") {
		t.Errorf("a service that is down: %+v", seen)
	}
	b.back(gate{}, u)
}

func TestVerifyAsksForWhatNobodyCanProbe(t *testing.T) {
	b := newBench(t, &deploy.Gate{
		Checks: []deploy.Probe{{Argv: []deploy.Text{"true"}}},
		Manual: []deploy.Text{"Sign in through Dex", "The agent is there"},
	})
	b.answers = []Answer{{Yes: true, Who: "anna"}, {Yes: true, Who: "anna", Comment: "node 3"}}
	_, seen := b.run(verify{})
	if !seen.OK || len(b.asked) != 2 || b.asked[0].Kind != "tick" || !strings.Contains(strings.Join(seen.Lines, "\n"), "The agent is there: yes by anna: node 3") {
		t.Errorf("%+v %+v", seen, b.asked)
	}
	b.answers, b.asked = []Answer{{Yes: true, Who: "anna"}, {Who: "anna"}}, nil
	if _, seen = b.run(verify{}); seen.OK || !strings.Contains(seen.Line, "The agent is there: no by anna") {
		t.Errorf("a no is taken for a yes: %+v", seen)
	}
	// A probe that fails is not talked away by ticks.
	b.asked = nil
	b.Settings.(*deploy.Gate).Checks[0].Argv = []deploy.Text{"false"}
	if _, seen = b.run(verify{}); seen.OK || len(b.asked) != 0 {
		t.Errorf("%+v, asked %+v", seen, b.asked)
	}
	b.Settings.(*deploy.Gate).Checks = nil
	if _, err := (verify{}).Verify(t.Context(), b.Env, Undo{}); err == nil {
		t.Error("nobody has answered, and it is verified")
	}
}

func TestWaitIsNoLongerThanItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Env{Settings: &deploy.Wait{For: time.Hour}}
		began := time.Now()
		seen, err := (wait{}).Verify(t.Context(), e, Undo{})
		if err != nil || !seen.OK || time.Since(began) != time.Hour {
			t.Errorf("%+v, %v after %s", seen, err, time.Since(began))
		}
	})
}

func TestWaitForAProbe(t *testing.T) {
	b := newBench(t, &deploy.Wait{Until: &deploy.Probe{Argv: []deploy.Text{"test", "-e", "f"}}, Max: time.Minute})
	s := b.Settings.(*deploy.Wait)
	s.Until.Dir = deploy.Text(b.dir)
	var looks int
	b.conn.meddle = func([]string) {
		if looks++; looks == 2 {
			write(t, b.path("f"), "", 0o644)
		}
	}
	if _, seen := b.run(wait{}); !seen.OK || looks != 2 {
		t.Errorf("%+v after %d looks", seen, looks)
	}
	s.Until.Argv[2], s.Max = "never", time.Nanosecond
	if _, seen := b.run(wait{}); seen.OK || seen.Line == "" {
		t.Errorf("%+v", seen)
	}
}

func TestSettingsOfAnotherKindAreAnError(t *testing.T) {
	for name, k := range Kinds() {
		e := &Env{Settings: &struct{}{}, Step: "it"}
		if _, err := k.Plan(t.Context(), e); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
