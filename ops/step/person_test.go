package step

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

func TestApproveWaitsForAYes(t *testing.T) {
	b := newBench(t, &deploy.Approve{Ask: "Go live?", Comment: true, Show: []string{"plan"}})
	b.answers = []Answer{{Yes: true, Who: "anna"}, {Yes: true, Who: "anna", Comment: "checked"}}
	_, seen := b.run(approve{})
	if !seen.OK || seen.Line != "approved by anna: checked" || len(b.asked) != 2 || !strings.Contains(b.asked[1].Text, "comment is required") {
		t.Errorf("%+v %+v", seen, b.asked)
	}
	b.answers = []Answer{{Who: "bert"}}
	if seen, err := (approve{}).Verify(t.Context(), b.Env, Undo{}); !errors.Is(err, ErrDeclined) || seen.OK {
		t.Errorf("%+v, %v", seen, err)
	}
	if _, err := (approve{}).Verify(t.Context(), b.Env, Undo{}); err == nil {
		t.Error("nobody is there, and it is approved")
	}
}

func TestNotifyTellsAndNeverFails(t *testing.T) {
	var got []string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type"))
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	b := newBench(t, &deploy.Notify{URL: deploy.Sensitive(s.URL + "/hook/${secret.hook}"), Body: `{"text":"done"}`})
	b.secrets["hook"] = "sentinel-hook"
	if c := b.plan(notify{}); strings.Contains(c.Lines[0], "hook") || c.Nothing {
		t.Errorf("%+v", c)
	}
	_, seen := b.run(notify{})
	if len(got) != 1 || got[0] != "POST /hook/sentinel-hook application/json" || !strings.HasPrefix(seen.Line, "told") {
		t.Errorf("%q %+v", got, seen)
	}
	status = http.StatusForbidden
	if _, seen := b.run(notify{}); !seen.OK || !strings.Contains(seen.Line, "could not tell a URL that is kept secret: answered 403") {
		t.Errorf("%+v", seen)
	}
	s.Close()
	if _, seen := b.run(notify{}); !seen.OK || !strings.Contains(seen.Line, "cannot be reached") {
		t.Errorf("%+v", seen)
	}
	b.noSecret("sentinel-hook")
	b.Settings = &deploy.Notify{Argv: argv("sh", "-c", `cat >"$1"`, "sh", b.path("told")), Body: "done"}
	if _, seen := b.run(notify{}); !seen.OK || read(t, b.path("told")) != "done" {
		t.Errorf("%+v", seen)
	}
	b.Settings = &deploy.Notify{Argv: argv("false")}
	if _, seen := b.run(notify{}); !seen.OK || !strings.Contains(seen.Line, "could not tell false") {
		t.Errorf("%+v", seen)
	}
}

func TestDrainForwardAndBack(t *testing.T) {
	b := newBench(t, nil)
	flag, busy := b.path("out"), b.path("busy")
	write(t, busy, "2", 0o644)
	s := &deploy.DrainStep{
		Busy:    deploy.Probe{Argv: argv("cat", busy)},
		Quiet:   argv("touch", flag),
		Restore: argv("rm", flag),
		MaxWait: time.Minute,
	}
	b.Settings = s
	before := tree(t, b.dir)
	if c := b.plan(drain{}); c.Nothing || c.Back != BackCompensating || !strings.Contains(c.Lines[1], "2 at work now") {
		t.Errorf("%+v", c)
	}
	if b.record(drain{}); tree(t, b.dir) != before {
		t.Error("planning or recording has an effect")
	}
	looks := 0
	b.conn.meddle = func(a []string) {
		if a[0] == "cat" {
			if looks++; looks == 2 {
				write(t, busy, "0", 0o644)
			}
		}
	}
	u := b.forward(drain{})
	if _, err := os.Stat(flag); err != nil || looks != 2 {
		t.Errorf("%v after %d looks", err, looks)
	}
	if b.probe(drain{}, u) != Ended {
		t.Error("its job has ended")
	}
	b.conn.meddle = nil
	write(t, busy, "2", 0o644)
	b.Undoing = true
	if seen, _ := (drain{}).Undone(t.Context(), b.Env, u); seen.OK {
		t.Error("undone before it was undone")
	}
	b.back(drain{}, u)
	if _, err := os.Stat(flag); !os.IsNotExist(err) {
		t.Error("it is still out")
	}
}

func TestDrainThatIsNotInTime(t *testing.T) {
	b := newBench(t, nil)
	busy := b.path("busy")
	write(t, busy, "3", 0o644)
	s := &deploy.DrainStep{Busy: deploy.Probe{Argv: argv("cat", busy)}, MaxWait: time.Nanosecond, Then: "force"}
	b.Settings = s
	if _, seen := b.run(drain{}); !seen.OK || !strings.Contains(seen.Line, "still at work: 3 busy") {
		t.Errorf("%+v", seen)
	}
	s.Then = "ask"
	b.answers = []Answer{{Choice: "fail"}, {Choice: "skip"}}
	if _, seen := b.run(drain{}); seen.OK {
		t.Errorf("%+v", seen)
	}
	if _, err := (drain{}).Verify(t.Context(), b.Env, Undo{Nothing: true}); !errors.Is(err, ErrDeclined) {
		t.Errorf("%v", err)
	}
	// What cannot be counted is not idle.
	s.Then, s.Busy.Argv = "fail", argv("cat", b.path("none"))
	if _, seen := b.run(drain{}); seen.OK || !strings.Contains(seen.Line, "cannot be counted") {
		t.Errorf("%+v", seen)
	}
	// A quiet without restore must be put back by hand.
	s.Busy.Argv, s.Quiet = argv("echo", "0"), argv("true")
	b.Step = "quiet"
	u := b.forward(drain{})
	wantRefused(t, drain{}.Undo(t.Context(), b.Env, u), "no restore is declared")
	s.Quiet, b.Step = argv("sh", "-c", "echo stuck >&2; exit 1"), "stuck"
	if err := (drain{}).Act(t.Context(), b.Env, b.record(drain{})); err == nil || !strings.Contains(err.Error(), "exit 1: stuck") {
		t.Errorf("%v", err)
	}
}
