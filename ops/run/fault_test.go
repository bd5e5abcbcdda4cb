package run

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"midwatch/hosts"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// deaf acts, and its act never hears how that ended.
type deaf struct {
	passive
	class step.Class
	acts  *atomic.Int64
	seen  step.Progress
}

func (k deaf) Class(any) step.Class { return k.class }

func (k deaf) Record(context.Context, *step.Env) (step.Undo, error) {
	return step.Undo{Kind: "deaf", Way: step.BackManual, Lines: []string{"by hand"}}, nil
}

func (k deaf) Act(context.Context, *step.Env, step.Undo) error {
	k.acts.Add(1)
	return fmt.Errorf("POST example.com/hook: no answer within 30s: %w", hosts.ErrTimeout)
}

func (k deaf) Verify(context.Context, *step.Env, step.Undo) (step.Seen, error) {
	return step.Seen{OK: true, Changed: true, Line: "it is there"}, nil
}

func (k deaf) Probe(context.Context, *step.Env, step.Undo) (step.Progress, error) { return k.seen, nil }

// TestAlwaysTheSameFault: a host that answers, and an act that always ends as if it did not, end the step. Looking
// how far it got in between is no progress.
func TestAlwaysTheSameFault(t *testing.T) {
	t.Parallel()
	for name, on := range map[string]string{"on a host": "all", "on this machine": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "h1")
			k := deaf{class: step.AskOther, acts: new(atomic.Int64), seen: step.NotStarted}
			w.definition([]string{"h1"}, fileStep("first", "all", "first", "x"), deploy.Step{ID: "hook", Kind: "http", On: on, Local: on == "", Settings: &deploy.HTTP{}})
			o := w.person(t, "anna", func(p *Params) { p.Kinds["http"] = k })
			st := o.wait(t, o.begin(t, Options{Yes: true}))
			if st.Phase != Failure || !strings.Contains(st.Note, "no answer within 30s") || k.acts.Load() != sameFault {
				t.Errorf("%d acts: %s", k.acts.Load(), describe(st))
			}
		})
	}
}

// TestLostAnswer: a request from this machine whose answer never came may have had its effect. It is not said to
// have failed, nor sent again: a person is asked, and without one the run says that nobody can tell.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "h1")
	k := deaf{class: step.AskHuman, acts: new(atomic.Int64), seen: step.Unclear}
	w.definition([]string{"h1"}, fileStep("first", "all", "first", "x"), deploy.Step{ID: "hook", Kind: "http", Local: true, Settings: &deploy.HTTP{}})
	o := w.person(t, "anna", func(p *Params) { p.Kinds["http"] = k })
	run := o.begin(t, Options{})
	st := o.until(t, run, func(st State) bool { return len(st.Questions) == 1 })
	if err := o.Answer(t.Context(), run, st.Questions[0].ID, step.Answer{Yes: true, Choice: choiceDone}); err != nil {
		t.Fatal(err)
	}
	if st = o.wait(t, run); st.Phase != Success || k.acts.Load() != 1 {
		t.Errorf("%d acts: %s", k.acts.Load(), describe(st))
	}
	st = o.wait(t, o.begin(t, Options{Yes: true}))
	if st.Phase != Failure || !strings.Contains(st.Note, "nobody can tell how it ended") || k.acts.Load() != 2 {
		t.Errorf("%d acts: %s", k.acts.Load(), describe(st))
	}
}
