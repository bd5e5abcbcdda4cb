package runs

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/themes"
	"midwatch/tui/ui/uitest"
)

func deploysStage(t *testing.T, change func(*service)) *stage {
	t.Helper()
	f := newService()
	f.defs, f.over = []*deploy.Definition{definition()}, overview()
	if change != nil {
		change(f)
	}
	return newStage(t, setting{svc: f})
}

func TestDeploysOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := deploysStage(t, nil)
		g.keys("p", "o", "u", "h", "H")
		var got []string
		for _, m := range g.opened {
			got = append(got, m.Screen+":"+m.Object)
		}
		if text := strings.Join(got, ", "); text != "deploys:plan cortex-hub, deploys:run r-0042, deploys:back cortex-hub, deploys:history cortex-hub, deploys:history" {
			t.Error(text)
		}
		g.keys("j", "p")
		g.toast("plan: there is no definition of it here")
		g.keys("o")
		g.toast("last run: no run is known")
	})
}

// Definitions are there before the targets have answered, and are not called good until then.
func TestDeploysBeforeTheTargetsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := deploysStage(t, func(f *service) { f.over, f.overErr = nil, errors.New("timeout") })
		g.has("cortex-hub", "unknown", "versions unknown: timeout")
		g.hasNot("✓")
		g.svc.overErr, g.svc.over = nil, overview()
		g.wait(every + time.Second)
		g.has("2026-11-28-7f31c x1")
		g.svc.overErr = errors.New("timeout")
		g.wait(every + time.Second)
		g.has("in part: timeout", "2026-11-28-7f31c x1")
		g.svc.over = nil
		g.wait(every + time.Second)
		g.has("stale 1m: timeout", "2026-11-28-7f31c x1")
	})
}

// While the screen is not on display the hosts are left alone.
func TestDeploysReadsOnlyWhileSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := deploysStage(t, nil)
		before := len(g.svc.heard())
		g.run(g.screen.(*Deploys).Show(false))
		g.wait(5 * every)
		if n := len(g.svc.heard()); n != before {
			t.Errorf("%d readings while nobody looked", n-before)
		}
		g.run(g.screen.(*Deploys).Show(true))
		g.settle()
		if n := len(g.svc.heard()); n != before+1 {
			t.Errorf("%d readings when it is seen again", n-before)
		}
	})
}

func TestLocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := deploysStage(t, nil)
		g.keys("F")
		if !strings.Contains(strings.Join(g.confirms[0].Body, " "), "stale and is taken over from anna@laptop") {
			t.Errorf("%+v", g.confirms[0])
		}
		g.agree()
		g.agree()
		if got := g.svc.heard(); got[len(got)-2] != "take cortex-hub INC-7 by force prod-113,edge-90" {
			t.Errorf("told %q", got)
		}
		g.toast("cortex-hub is held: INC-7")
		g.svc.refuse = errors.New("not yours")
		g.keys("U")
		g.agree()
		g.toast("lock: not yours")
		g.keys("j", "U")
		g.toast("nobody is known to hold it")
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newService()
		f.runs = history()
		g := newStage(t, setting{svc: f, object: Object(kindHistory, "cortex-hub")})
		g.has("of cortex-hub", "● running", "cortex-hub rollback")
		n := len(f.heard())
		g.wait(6 * time.Second)
		if len(f.heard()) == n {
			t.Error("a run that goes on is not read again")
		}
		g.keys("T")
		g.heard("list prod-113,edge-90,stage-1")
		g.keys("/")
		g.types("rollback")
		g.keys("enter", "o", "u")
		if g.opened[0] != OpenRun("r-0040") || g.opened[1].Object != "undo r-0040" {
			t.Errorf("opened %v", g.opened)
		}
		g.keys("enter")
		g.has("takes back", "r-0039", "left as bad")
		other := newStage(t, setting{svc: f, object: Object(kindHistory, "shop")})
		other.hasNot("r-0040")
	})
}

func TestBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newService()
		f.back = candidates()
		g := newStage(t, setting{svc: f, object: Object(kindBack, "cortex-hub")})
		g.has("✓ possible", "▲ in part", "✗ not possible", "▲ bad")
		g.keys("p")
		if g.opened[0].Object != "undo r-0042" {
			t.Errorf("opened %v", g.opened)
		}
		g.keys("G", "p")
		g.toast("not possible any more: release 0b1 was removed by retain")
	})
}

// Every state has a sign and a word, and only what was seen to be good is green.
func TestLooks(t *testing.T) {
	t.Parallel()
	g := &uitest.Plain().Glyphs
	good := map[string]bool{
		string(run.Success): true, string(run.RolledBack): true, string(run.StepOK): true, string(run.StepNoChange): true, string(run.StepUndone): true,
	}
	check := func(name string, l look) {
		if l.glyph == "" || l.word == "" {
			t.Errorf("%s: %+v", name, l)
		}
		if (l.role == themes.OK) != good[name] {
			t.Errorf("%s is green: %v", name, l.role == themes.OK)
		}
	}
	for _, p := range []run.Phase{run.Pending, run.Queued, run.Active, run.Paused, run.AwaitingApproval, run.Success, run.Failure, run.Cancelled, run.Interrupted, run.RollingBack, run.RolledBack, run.RollbackFailed, "", "new"} {
		check(string(p), phaseLook(g, p))
	}
	for _, p := range []run.StepPhase{run.StepPending, run.StepSkipped, run.StepRunning, run.StepWaiting, run.StepOK, run.StepNoChange, run.StepFailed, run.StepCancelled, run.StepUnknown, run.StepUndoing, run.StepUndone, run.StepUndoFailed, run.StepManual, "", "new"} {
		check(string(p), stepLook(g, p))
	}
	for _, w := range []step.Way{step.BackNone, step.BackReversible, step.BackCompensating, step.BackIrreversible, step.BackManual, 99} {
		if l := wayLook(g, w); l.glyph == "" || (l.role == themes.OK) != (w == step.BackReversible) {
			t.Errorf("way %d: %+v", w, l)
		}
	}
	for _, s := range []string{"ok", "behind", "mixed", "old process", "unknown", "", "new"} {
		if l := skewLook(g, &run.HostVersion{Skew: s}); (l.role == themes.OK) != (s == "ok") || l.word == "" {
			t.Errorf("skew %q: %+v", s, l)
		}
	}
	if l := skewLook(g, &run.HostVersion{Skew: "ok", Err: "away"}); l.role == themes.OK {
		t.Error("what could not be read is called good")
	}
}

func TestFaultLines(t *testing.T) {
	t.Parallel()
	got := faultLines(errors.Join(brokenFiles(), errors.New("a\nb"), nil))
	if len(got) != 4 || got[0] != `shop.toml:12: unknown key "stepp"` || got[3] != "b" {
		t.Errorf("%q", got)
	}
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		evil := "日本語\x1b[2J\u202e\thost\nname"
		st := going()
		st.Deploy, st.Note, st.Who = evil, evil, evil
		for i := range st.Steps {
			st.Steps[i].Title, st.Steps[i].Line, st.Steps[i].Undo = evil, evil, []string{evil}
			for j := range st.Steps[i].Hosts {
				st.Steps[i].Hosts[j].Line, st.Steps[i].Hosts[j].Note = evil, evil
			}
		}
		g := runStage(t, st, setting{})
		g.svc.say("sync", "prod-113", evil)
		g.wait(time.Second)
		if v := g.view(); strings.ContainsAny(v, "\x1b\t\u202e") {
			t.Errorf("the view holds what a host sent: %q", v)
		}
		uitest.CheckView(t, g.screen)
	})
}

// What the empty screen shows is a definition that is taken.
func TestExample(t *testing.T) {
	t.Parallel()
	if _, faults := deploy.Parse("web.toml", []byte(example)); len(faults) > 0 {
		t.Error(faults)
	}
}
