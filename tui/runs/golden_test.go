package runs

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/ops/deploy"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// scene is a screen in a state, reached by keys.
type scene struct {
	set  setting
	keys []string
	then func(*stage)
}

// scenes are the states that every screen must draw, by name.
func scenes() map[string]func() scene {
	with := func(change func(*service)) *service {
		f := newService()
		change(f)
		return f
	}
	full := func(f *service) {
		f.defs, f.over, f.plan, f.back, f.runs = []*deploy.Definition{definition()}, overview(), thePlan(), candidates(), history()
		f.publish(going())
		f.say("sync", "prod-113", "sending incremental file list\napp/main.py\napp/日本語.py\n")
	}
	lost := errors.New("dial 10.0.0.9:22: no route to host")
	all := map[string]func() scene{}
	objects := map[string]string{"deploys": "", "plan": "plan cortex-hub", "undo": "undo r-0042", "run": "run r-0043", "history": "history", "rollback": "back cortex-hub"}
	for screen, object := range objects {
		all[screen+"-good"] = func() scene { return scene{set: setting{svc: with(full), object: object}} }
		all[screen+"-readonly"] = func() scene { return scene{set: setting{svc: with(full), object: object, readOnly: true}} }
		all[screen+"-none"] = func() scene { return scene{set: setting{none: true, object: object}} }
		all[screen+"-loading"] = func() scene {
			return scene{set: setting{svc: with(func(f *service) { f.hang = true }), object: object}}
		}
		all[screen+"-failed"] = func() scene {
			return scene{set: setting{svc: with(func(f *service) {
				f.defsErr, f.overErr, f.planErr, f.backErr, f.listErr, f.nextErr = errors.New("open deploys: permission denied"), lost, lost, lost, lost, lost
			}), object: object}}
		}
		all[screen+"-stale"] = func() scene {
			f := with(full)
			return scene{set: setting{svc: f, object: object}, then: func(g *stage) {
				f.over, f.runs = nil, nil
				f.overErr, f.planErr, f.backErr, f.listErr = lost, lost, lost, lost
				f.cut(lost)
				g.wait(20 * time.Second)
				g.keys("r")
				g.wait(4 * time.Second)
			}}
		}
	}
	for _, screen := range []string{"deploys", "history", "rollback"} {
		all[screen+"-empty"] = func() scene { return scene{set: setting{svc: newService(), object: objects[screen]}} }
	}
	all["deploys-broken"] = func() scene {
		return scene{set: setting{svc: with(func(f *service) { full(f); f.defsErr = brokenFiles() })}, keys: []string{"G"}}
	}
	all["deploys-details"] = func() scene { return scene{set: setting{svc: with(full)}, keys: []string{"enter"}} }
	all["plan-open"] = func() scene {
		return scene{set: setting{svc: with(full), object: "plan cortex-hub"}, keys: []string{"Z"}}
	}
	all["plan-faults"] = func() scene {
		return scene{set: setting{svc: with(func(f *service) {
			full(f)
			f.plan.Faults = []string{"build: no output \"tag\" of a step before it", "edge-90 is in maintenance"}
			f.plan.Lock = []string{"prod-113: anna@laptop holds it for 40m: INC-6 (stale, last sign 22m ago)"}
		}), object: "plan cortex-hub"}}
	}
	all["plan-backward"] = func() scene {
		return scene{set: setting{svc: with(full), object: "plan cortex-hub"}, keys: []string{"b"}}
	}
	for name, st := range map[string]func() (f *service){
		"run-asking":      func() *service { return with(func(f *service) { full(f); f.publish(asking()) }) },
		"run-failed-gate": func() *service { return with(func(f *service) { full(f); f.publish(failedRun()) }) },
		"run-interrupted": func() *service { return with(func(f *service) { full(f); f.publish(interrupted()) }) },
	} {
		all[name] = func() scene { return scene{set: setting{svc: st(), object: "run r-0043"}} }
	}
	all["run-answering"] = func() scene {
		return scene{set: setting{svc: with(func(f *service) { full(f); f.publish(asking()) }), object: "run r-0043"}, keys: []string{"a", "tab", "o", "k"}}
	}
	all["run-details"] = func() scene { return scene{set: setting{svc: with(full), object: "run r-0043"}, keys: []string{"d"}} }
	return all
}

// in plays a scene in a bubble of time and hands the stage over. The scene is made inside, because what
// waits must wait there.
func in(t *testing.T, make func() scene, f func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sc := make()
		g := newStage(t, sc.set)
		g.keys(sc.keys...)
		if sc.then != nil {
			sc.then(g)
		}
		f(t, g)
	})
}

func TestGolden(t *testing.T) {
	for name, sc := range scenes() {
		for _, z := range uitest.Sizes() {
			t.Run(fmt.Sprintf("%s/%dx%d", name, z[0], z[1]), func(t *testing.T) {
				in(t, func() scene {
					s := sc()
					s.set.w, s.set.h = z[0], z[1]-3 // what the bars of the console leave
					return s
				}, func(t *testing.T, g *stage) { golden.RequireEqual(t, g.view()) })
			})
		}
	}
}

func TestGoldenColours(t *testing.T) {
	for _, th := range themes.Builtin() {
		for _, name := range []string{"run-asking", "plan-open", "run-failed-gate"} {
			t.Run(th.Name+"/"+name, func(t *testing.T) {
				in(t, func() scene {
					s := scenes()[name]()
					s.set.w, s.set.h, s.set.styles = 100, 30, uitest.Styles(th, termenv.TrueColor, false)
					return s
				}, func(t *testing.T, g *stage) { golden.RequireEqual(t, g.screen.View()) })
			})
		}
	}
}

// At any size a screen is as high as it was told to be, no line is wider, and nothing panics.
func TestSizes(t *testing.T) {
	t.Parallel()
	for name, sc := range scenes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, sc, func(t *testing.T, g *stage) { uitest.CheckView(t, g.screen) })
		})
	}
}

// Every action has a name and a group, no key is there twice, and none is the console's.
func TestActions(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"", "plan x", "undo x", "run x", "history", "back x"} {
		in(t, func() scene { return scene{set: setting{object: object}} }, func(t *testing.T, g *stage) {
			lists := [][]ui.Action{g.screen.Actions()}
			if p, ok := g.screen.(ui.Paned); ok {
				lists = append(lists, p.PaneActions()...)
			}
			for _, l := range lists {
				uitest.CheckActions(t, l)
				for _, a := range l {
					if a.Group == "" {
						t.Errorf("%s has no group", a.ID)
					}
				}
			}
		})
	}
}
