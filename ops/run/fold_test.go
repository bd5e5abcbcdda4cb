package run

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"midwatch/ops/step"
)

func rec(k, stepID, host string, v any) Record {
	b, _ := json.Marshal(v)
	return Record{Run: "r1", K: k, Step: stepID, Host: host, T: time.Unix(1000, 0), D: b}
}

func planned2() []Record {
	return []Record{
		rec(KindOpen, "", "", openData{Deploy: "web", Env: "e", Kind: kindDeploy, Hosts: []string{"h1", "h2"}}),
		rec(KindPlan, "", "", planData{Steps: []planStepData{
			{ID: "a", Kind: "file", Hosts: []planHostData{{Host: "h1", Way: step.BackReversible, Back: []string{"old file"}}, {Host: "h2"}}, MaxFailures: 1},
			{ID: "g", Kind: kindGroup},
			{ID: "g.x", Kind: "gate", Group: "g", Hosts: []planHostData{{Host: "h1"}}},
		}}),
		rec(KindState, "", "", stateData{Phase: Active}),
	}
}

// TestFoldStates is the state of a step after what its hosts said.
func TestFoldStates(t *testing.T) {
	res := func(host string, s StepPhase) Record {
		return rec(KindResult, "a", host, resultData{State: s, Line: string(s)})
	}
	intent := func(host string) Record { return rec(KindIntent, "a", host, struct{}{}) }
	for name, c := range map[string]struct {
		recs []Record
		want StepPhase
	}{
		"nothing":              {nil, StepPending},
		"begun":                {[]Record{intent("h1")}, StepRunning},
		"one done":             {[]Record{intent("h1"), res("h1", StepOK)}, StepRunning},
		"both":                 {[]Record{res("h1", StepOK), res("h2", StepNoChange)}, StepOK},
		"no change":            {[]Record{res("h1", StepNoChange), res("h2", StepNoChange)}, StepNoChange},
		"one may fail":         {[]Record{res("h1", StepFailed), res("h2", StepOK)}, StepOK},
		"both may not":         {[]Record{res("h1", StepFailed), res("h2", StepFailed)}, StepFailed},
		"unknown is not green": {[]Record{res("h1", StepUnknown), res("h2", StepOK)}, StepUnknown},
		"a state from nowhere": {[]Record{res("h1", "splendid"), res("h2", StepOK)}, StepUnknown},
		"cancelled":            {[]Record{res("h1", StepCancelled), res("h2", StepOK)}, StepCancelled},
		"skipped":              {[]Record{res("h1", StepSkipped), res("h2", StepSkipped)}, StepSkipped},
		"as a whole":           {[]Record{rec(KindState, "a", "", stateData{State: StepSkipped, Note: "when", By: wholeStep})}, StepSkipped},
		"undone":               {[]Record{res("h1", StepOK), res("h2", StepOK), rec(KindUndoResult, "a", "h1", resultData{State: StepUndone}), rec(KindUndoResult, "a", "h2", resultData{State: StepUndone})}, StepUndone},
		"undo failed":          {[]Record{res("h1", StepOK), rec(KindUndoResult, "a", "h1", resultData{State: StepUndoFailed}), rec(KindUndoResult, "a", "h2", resultData{State: StepUndone})}, StepUndoFailed},
		"again":                {[]Record{intent("h1"), res("h1", StepFailed), intent("h1")}, StepRunning},
	} {
		st := Fold(append(planned2(), c.recs...))
		if got := st.Steps[0].State; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if st.Phase != Active || st.Steps[0].Undo[0] != "old file" {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

func TestFoldRun(t *testing.T) {
	q := rec(KindQuestion, "g.x", "h1", questionData{ID: "q1", Question: step.Question{Text: "go on?"}})
	with := func(more ...Record) State { return Fold(append(planned2(), more...)) }
	if st := with(rec(KindIntent, "g.x", "h1", nil), q); st.Phase != AwaitingApproval || st.Note != "go on?" || st.Steps[2].State != StepWaiting || st.Steps[1].State != StepRunning {
		t.Errorf("asked: %+v", st)
	}
	if st := with(q, rec(KindAnswer, "g.x", "h1", answerData{ID: "q1"})); st.Phase != Active || len(st.Questions) != 0 {
		t.Errorf("answered: %+v", st)
	}
	if st := with(rec(KindState, "", "", stateData{Phase: Paused, By: "bob"})); st.Phase != Paused || st.PausedBy != "bob" {
		t.Errorf("paused: %+v", st)
	}
	if st := with(rec(KindClose, "", "", closeData{Phase: "glorious"})); st.Phase != Failure {
		t.Errorf("an end that nobody knows: %s", st.Phase)
	}
	st := with(rec(KindIntent, "a", "h1", nil), q).interrupted("nobody drives it")
	if st.Phase != Interrupted || st.Steps[0].State != StepUnknown || st.Steps[0].Hosts[0].State != StepUnknown || len(st.Questions) != 0 {
		t.Errorf("interrupted: %+v", st)
	}
	if st := with(rec(KindClose, "", "", closeData{Phase: Success})).interrupted("x"); st.Phase != Success {
		t.Errorf("ended: %s", st.Phase)
	}
}

// FuzzFold: any sequence of records gives a state, the same each time, and what ended badly is not good.
func FuzzFold(f *testing.F) {
	f.Add([]byte(`{"k":"run.open","run":"r","d":{"deploy":"x","hosts":["h"]}}` + "\n" + `{"k":"result","step":"a","host":"h","d":{"state":"ok"}}`))
	f.Add([]byte(`{"k":"plan","d":{"steps":[{"id":"a","kind":"group"},{"id":"a","group":"a"},{"id":"a.b"}]}}`))
	f.Add([]byte(`{"k":"undo.result","step":"","d":[1]}` + "\n" + `{"k":"question","d":{"id":"q"}}` + "\n" + `{"k":"answer","step":"z","d":{"id":"q"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var recs []Record
		for dec := json.NewDecoder(strings.NewReader(string(b))); ; {
			var r Record
			if dec.Decode(&r) != nil {
				break
			}
			recs = append(recs, r)
		}
		st := Fold(recs)
		again, _ := json.Marshal(Fold(recs))
		if first, _ := json.Marshal(st); string(first) != string(again) {
			t.Fatalf("%s\n%s", first, again)
		}
		if st.Records != len(recs) {
			t.Fatalf("%d of %d records", st.Records, len(recs))
		}
		for _, s := range st.interrupted("x").Steps {
			if !st.Phase.Ended() && st.Phase != RollingBack && (s.State == StepRunning || s.State == StepUndoing) {
				t.Fatalf("interrupted, and %s is %s", s.ID, s.State)
			}
		}
		replay(recs).flatOutputs("h")
	})
}
