package runs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/ops/run"
	"midwatch/tui/ui"
)

func planStage(t *testing.T, o setting, change func(*service)) *stage {
	t.Helper()
	o.svc = newService()
	o.svc.plan, o.svc.startID = thePlan(), "r-0050"
	if change != nil {
		change(o.svc)
	}
	if o.object == "" {
		o.object = Object(kindPlan, "cortex-hub")
	}
	return newStage(t, o)
}

// A start asks for consent and for each production host, and opens the run.
func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, nil)
		g.keys("S")
		q := g.confirms[0]
		for _, want := range []string{"You consent to:", "  sync deletes 26 files on prod-113", "It crosses a point of no return: not every step can be taken back.", "The effect of 2 steps is not known before."} {
			if !slices.Contains(q.Body, want) {
				t.Errorf("the dialog lacks %q: %q", want, q.Body)
			}
		}
		if q.Typed != "prod-113" || q.Effect != ui.Destroy || !strings.Contains(q.Title, "cortex-hub in production") {
			t.Errorf("%+v", q)
		}
		g.agree()
		if q := g.confirms[1]; q.Typed != "edge-90" || !strings.Contains(q.Title, "(2 of 2)") {
			t.Errorf("%+v", q)
		}
		if len(g.svc.heard()) != 1 {
			t.Error("started before all names were typed")
		}
		g.agree()
		if got := g.svc.heard()[1]; got != "start consent typed=prod-113,edge-90 reason=INC-7" {
			t.Errorf("told %q", got)
		}
		if len(g.opened) != 1 || g.opened[0] != OpenRun("r-0050") {
			t.Errorf("opened %v", g.opened)
		}
		if g.desk.follows["r-0050"] == nil {
			t.Error("the desk does not follow it")
		}
		g.has("started as run r-0050")
		g.keys("S")
		g.toast("it was started as run r-0050; r plans anew")
		g.keys("r")
		g.has("can be started with S")
	})
}

// A schema that is crossed wants its version typed last.
func TestStartTypesTheSchema(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{object: Object(kindUndo, "r-0042")}, func(f *service) { f.plan.TypeNames, f.plan.TypeWord = []string{"prod-113"}, "41" })
		g.keys("S")
		g.agree()
		if q := g.confirms[1]; q.Typed != "41" || !strings.Contains(strings.Join(q.Body, " "), "schema") {
			t.Errorf("%+v", q)
		}
		g.agree()
		g.heard("start consent bad typed=prod-113 word=41 reason=INC-7")
	})
}

func TestStartRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, func(f *service) {
			f.plan.TypeNames, f.plan.Consent = nil, nil
			f.refuse, f.startID = errors.New("what the plan saw has changed: prod-113:nginx.conf"), ""
		})
		g.keys("S")
		g.agree()
		g.has("✗ not started: what the plan saw has changed: prod-113:nginx.conf")
		g.toast("not started")
		if len(g.opened) != 0 {
			t.Errorf("opened %v", g.opened)
		}
	})
}

// A plan that was read again while the question stood is not what was agreed to.
func TestStartOfAnotherPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, func(f *service) { f.plan.TypeNames = nil })
		g.keys("S")
		g.svc.plan = thePlan()
		g.keys("r")
		g.agree()
		g.toast("the plan is another than the one you agreed to")
		g.heard("plan cortex-hub")
	})
}

func TestWhatKeepsAPlanFromStarting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set    setting
		change func(*service)
		want   string
	}{
		"read-only": {setting{readOnly: true}, nil, "start: read-only: unlock first"},
		"faults":    {setting{}, func(f *service) { f.plan.Faults = []string{"no docker on edge-90"} }, "start: no docker on edge-90"},
		"no plan":   {setting{}, func(f *service) { f.plan, f.planErr = nil, errors.New("no such deploy") }, "start: there is no plan: no such deploy"},
		"reading":   {setting{}, func(f *service) { f.hang = true }, "start: the plan is being read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := planStage(t, c.set, c.change)
				g.keys("S")
				g.toast(c.want)
				if len(g.confirms) != 0 {
					t.Error("it asks all the same")
				}
			})
		})
	}
}

func TestPlanOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, nil)
		g.keys("X", "w")
		g.toast("no lock is stale")
		g.toast("nobody holds the lock")
		g.keys("n", "n")
		g.has("▌     edge-90  ? unknown") // the consent on prod-113 is the first, the unknown the next
	})
}

func TestPlanNarrowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{object: Object(kindUndo, "r-0042")}, func(f *service) {
			f.plan.Lock = []string{"prod-113: anna@laptop for 40m (stale)"}
		})
		g.heard("undo r-0042 bad")
		g.keys("n", "O")
		g.heard("undo r-0042 bad only=prod-113")
		g.has("only prod-113")
		g.keys("O", "t")
		g.heard("undo r-0042 bad steps=sync")
		g.keys("t", "m", "w", "X")
		g.has("waits for the lock · takes a stale lock over")
		g.hasNot("marked bad")
		g.keys("r")
		g.heard("undo r-0042 queue takeover")
	})
}

func TestPlanFolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, nil)
		g.hasNot("listen 8080")
		g.keys("n", "j", "j", "j", "enter")
		g.has("▌       ▾ nginx.conf  +1 -1", "+    listen 8080;")
		g.keys("j", "j", "enter") // from within it
		g.has("▌       ▸ nginx.conf  +1 -1")
		g.keys("k", "k", "k", "k", "enter")
		g.has("▌ ▸ 2 copy the workspace")
		g.hasNot("nginx.conf")
		g.keys("enter")
		g.has("▌ ▾ 2 copy the workspace", "nginx.conf")
		g.keys("y")
		for _, want := range []string{"point of no return", "nginx.conf", "listen 8080", "no way back"} {
			if !strings.Contains(g.copied, want) {
				t.Errorf("the copy lacks %q", want)
			}
		}
	})
}

// An old plan says so, and what nobody knows is not called harmless.
func TestPlanHonest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := planStage(t, setting{}, func(f *service) {
			f.plan.Steps = f.plan.Steps[:1]
			f.plan.Steps[0].Hosts[0].Change.Nothing = false
		})
		g.has("? nothing is said of what it changes")
		g.wait(oldPlan)
		g.has("made 5m ago")
		g.svc.plan.Steps = []run.PlanStep{}
		g.keys("r")
		g.has("no step is to be done")
		g.wait(time.Second)
	})
}
