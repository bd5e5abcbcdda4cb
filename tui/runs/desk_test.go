package runs

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/ops/run"
)

// The desk calls once for each question and for the end, whatever is on display.
func TestDeskCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newService()
		f.runs = []run.State{going()}
		f.publish(going())
		g := newStage(t, setting{svc: f, object: "history"})
		g.run(g.desk.Start())
		g.settle()
		if len(g.alerts) != 0 {
			t.Fatalf("it calls for nothing: %v", g.alerts)
		}
		for range 2 {
			f.publish(asking())
			g.wait(time.Second)
		}
		// Both come at once, in any order.
		asked := map[string]bool{}
		for _, a := range g.alerts {
			asked[a.Text] = a.Title == "cortex-hub" && a.Open == OpenRun("r-0043")
		}
		if len(g.alerts) != 2 || !asked["asks: switch to the new images?"] || !asked["asks: who drains the edge?"] {
			t.Fatalf("%+v", g.alerts)
		}
		f.cut(errors.New("gone"))
		g.wait(5 * time.Second)
		f.publish(failedRun())
		g.wait(3 * time.Second)
		if n := len(g.alerts); n != 3 || g.alerts[2].Text != "failed: gate up was not passed" || g.alerts[2].Level != hosts.LevelError {
			t.Errorf("%+v", g.alerts)
		}
		if len(g.desk.follows) != 0 {
			t.Error("a run that has ended is still followed")
		}
	})
}

func TestDeskTellsWhatWasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newService()
		f.runs = []run.State{interrupted()}
		g := newStage(t, setting{svc: f, object: "history"})
		g.run(g.desk.Start())
		g.settle()
		g.toast("run r-0043 was interrupted: resume it or roll it back")
		if len(g.desk.follows) != 0 {
			t.Error("nobody drives it: there is nothing to follow")
		}
	})
}

func TestAttention(t *testing.T) {
	t.Parallel()
	back := finished(run.RolledBack)
	back.Kind = kindRollback
	for name, c := range map[string]struct {
		before *run.State
		after  run.State
		want   []string
	}{
		"first sight of a question": {nil, asking(), []string{"cortex-hub asks: switch to the new images?", "cortex-hub asks: who drains the edge?"}},
		"first sight of an end":     {nil, failedRun(), nil},
		"nothing new":               {new(going()), going(), nil},
		"success":                   {new(going()), finished(run.Success), []string{"cortex-hub succeeded"}},
		"rolled back":               {new(going()), back, []string{"rollback of cortex-hub is rolled back"}},
		"interrupted":               {new(going()), interrupted(), []string{"cortex-hub is interrupted: nobody drives it: no sign of ben@nightdesk for 4m"}},
		"paused":                    {new(going()), run.State{Deploy: "cortex-hub", Phase: run.Paused}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := attention(c.before, &c.after)
			if len(got) != len(c.want) {
				t.Fatalf("%+v", got)
			}
			for i := range got {
				if text := got[i].Title + " " + got[i].Text; text != c.want[i] {
					t.Errorf("%q, want %q", text, c.want[i])
				}
			}
		})
	}
}
