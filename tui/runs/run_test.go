package runs

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
	"midwatch/ops/run"
	"midwatch/tui/ui"
)

func runStage(t *testing.T, st run.State, o setting) *stage {
	t.Helper()
	o.svc = newService()
	o.svc.publish(st)
	o.object = Object(kindRun, st.ID)
	return newStage(t, o)
}

// The cursor goes with the run until somebody moves it.
func TestFollowsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.has("▌     ● prod-113", "following")
		g.svc.publish(asking())
		g.wait(time.Second)
		g.has("▌   ‖ go")
		g.keys("k", "k")
		g.hasNot("following")
		g.svc.publish(failedRun())
		g.wait(time.Second)
		g.hasNot("▌     ✗ prod-113")
		g.keys("f")
		g.has("▌     ✗ prod-113")
	})
}

// States come one a frame, however many there are.
func TestOneStateAFrame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		s := g.screen.(*Run)
		first := s.gen
		for range 40 {
			st := going()
			st.Records = 99
			g.svc.publish(st)
			g.settle()
		}
		if s.gen > first+1 {
			t.Errorf("%d states in no time", s.gen-first)
		}
		pass(framePause)
		g.settle()
		if s.gen != first+40 {
			t.Errorf("at generation %d of %d after a frame", s.gen, first+40)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, asking(), setting{})
		g.has("go asks", "switch to the new images?", "29:00 left", "2 questions are open")
		g.keys("a", "enter") // not yet is what stands there
		if g.screen.Capturing() {
			t.Error("it still asks")
		}
		g.keys("a", "tab", "enter")
		g.has("a comment is required")
		g.types("looks ok")
		g.keys("enter")
		g.heard("answer r-0043 q1 yes looks ok")
		g.has("who drains the edge?")
		g.keys("a", "tab", "tab", "enter")
		g.heard("answer r-0043 q2 yes skip")
		g.hasNot("asks ─")
		g.keys("a")
		g.toast("the run asks nothing")
	})
}

// An answer that is not taken leaves the question open.
func TestAnswerRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, asking(), setting{})
		g.svc.refuse = errors.New("not while a host cannot be reached: edge-90")
		g.keys("N")
		g.has("who drains the edge?")
		g.keys("a", "tab", "enter")
		g.toast("answer: not while a host cannot be reached: edge-90")
		g.has("who drains the edge?")
		g.svc.publish(going()) // somebody else has answered
		g.wait(time.Second)
		g.hasNot("who drains", "switch to the new")
	})
}

// A question that goes while its answer is typed is not answered.
func TestQuestionGoesWhileItIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, asking(), setting{})
		g.keys("a", "tab", "o", "k")
		g.svc.publish(going())
		g.wait(time.Second)
		g.keys("enter")
		g.toast("somebody else has answered")
		if got := g.svc.heard(); len(got) != 0 {
			t.Errorf("told %q", got)
		}
	})
}

func TestOrders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.keys("p")
		g.heard("order r-0043 pause")
		st := going()
		st.Phase = run.Paused
		g.svc.publish(st)
		g.wait(time.Second)
		g.keys("p")
		g.heard("order r-0043 go")
		g.keys("c")
		if q := g.confirms[0]; q.Effect != ui.Destroy || !strings.Contains(strings.Join(q.Body, " "), "copy the workspace is stopped on prod-113; the run is cancelled once that was seen.") {
			t.Errorf("%+v", q)
		}
		g.agree()
		g.heard("order r-0043 cancel INC-7")
		g.keys("s", "enter")
		g.has("a reason is needed")
		g.types("done by hand")
		g.keys("enter")
		g.heard("order r-0043 skip sync prod-113 done by hand")
		g.keys("t")
		g.toast("only what failed is tried again")
		g.keys("R")
		g.toast("only an interrupted run is resumed")
		g.keys("u")
		g.toast("the run goes on: cancel it first")
	})
}

func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := failedRun()
		st.Phase = run.Active
		g := runStage(t, st, setting{})
		g.keys("n", "t")
		g.heard("order r-0043 retry up edge-90")
		g.svc.publish(failedRun())
		g.wait(time.Second)
		g.keys("t")
		g.toast("retry: the run has ended")
		g.keys("u")
		if len(g.opened) != 1 || g.opened[0].Object != "undo r-0043" {
			t.Errorf("opened %v", g.opened)
		}
	})
}

// Resuming a run of production wants the names typed.
func TestResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, interrupted(), setting{})
		g.has("? interrupted", "R resumes it, u rolls it back")
		g.keys("p")
		g.toast("nobody drives it: resume it first")
		g.keys("R")
		g.agree()
		g.agree()
		if got := strings.Join(g.svc.heard(), "; "); !strings.Contains(got, "resume r-0043 typed=prod-113,edge-90 reason=INC-7") {
			t.Errorf("told %q", got)
		}
		g.toast("the run goes on")
	})
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, asking(), setting{readOnly: true})
		g.has("a answers, after L unlocks changes")
		g.keys("a", "p", "c", "s")
		for _, what := range []string{"answer", "pause", "cancel", "skip"} {
			g.toast(what + ": read-only: unlock first")
		}
		if len(g.svc.heard()) != 0 || len(g.confirms) != 0 {
			t.Errorf("told %q, asked %v", g.svc.heard(), g.confirms)
		}
	})
}

// A state that cannot be read is marked as old, its clocks stand still, and it comes back by itself.
func TestLinkLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.svc.cut(errors.New("no route to host"))
		g.wait(10 * time.Second)
		g.has("~ running as of 10s ago", "link lost: no route to host; jobs on the hosts go on", "stale 10s")
		g.has("sending                                 00:42") // the clock stands still
		g.svc.publish(going())
		g.wait(3 * time.Second)
		g.has("● running")
		g.hasNot("link lost")
	})
}

// The driver that gives no sign is named before anybody calls the run interrupted.
func TestNoSign(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.hasNot("no sign")
		g.wait(quiet)
		g.has("no sign of who drives it for 31s")
	})
}

// Whoever watches sees the same.
func TestSecondOperatorSeesTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, st := range []run.State{going(), asking(), failedRun(), interrupted()} {
			a, b := runStage(t, st, setting{}), runStage(t, st, setting{})
			if a.view() != b.view() {
				t.Errorf("%s\n%s", a.view(), b.view())
			}
		}
	})
}

// Closing the screen ends its watching and no run: what was ordered goes on.
func TestCloseStopsWatching(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.screen.Close()
		g.settle()
		s := g.screen.(*Run)
		gen := s.gen
		g.svc.publish(asking())
		pass(time.Second)
		g.settle()
		if s.gen != gen {
			t.Error("a closed screen still watches")
		}
		if len(g.svc.heard()) != 0 {
			t.Errorf("told %q", g.svc.heard())
		}
		if len(g.alerts) == 0 {
			t.Error("the desk does not call any more")
		}
	})
}

func TestOutput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.has("no output yet")
		g.svc.say("sync", "prod-113", "one\ntwo 10%\rtwo 90%\rtwo done\nthr")
		g.wait(time.Second)
		g.has("│ one", "│ two done", "│ thr")
		g.hasNot("10%", "90%")
		g.svc.say("sync", "prod-113", "ee\x1b[2J\n")
		g.wait(time.Second)
		g.has("│ three", "follows")
		g.svc.say("sync", "prod-113", strings.Repeat("more\n", 40)+"the end\n")
		g.wait(time.Second)
		g.has("the end")
		g.keys("K")
		g.has("held: E goes to the end")
		g.svc.say("sync", "prod-113", "later\n")
		g.wait(time.Second)
		g.hasNot("later")
		g.keys("E")
		g.has("later")
		g.keys("k", "k") // to a step that has said nothing
		g.has("it said nothing")
		g.keys("enter")
		if !g.screen.(ui.Backer).Back() {
			t.Error("esc does not leave the whole output")
		}
	})
}

// What is kept of an output is bounded, and what is not is counted.
func TestOutputBounded(t *testing.T) {
	t.Parallel()
	var x tail
	for range 3 {
		x.add([]byte(strings.Repeat("line\n", tailLines)))
	}
	if len(x.lines) != tailLines || x.dropped != 2*tailLines {
		t.Errorf("%d lines, %d dropped", len(x.lines), x.dropped)
	}
	x.add([]byte(strings.Repeat("x", 3*tailBytes)))
	if len(x.rest) > tailBytes || x.size > tailBytes {
		t.Errorf("%d bytes and a rest of %d", x.size, len(x.rest))
	}
}

func TestLogsOfTheHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := runStage(t, going(), setting{})
		g.keys("l")
		m := g.opened[0]
		if m.Screen != "logs" || m.Host != "prod-113" || !m.Logs.Since.Equal(going().Steps[1].Started) || m.Logs.Sources[0].Kind != hosts.LogJournal {
			t.Errorf("%+v %+v", m, m.Logs)
		}
	})
}
