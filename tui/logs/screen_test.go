package logs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// numbered are n lines of a source, a second apart.
func numbered(src hosts.LogSource, from, n int) []hosts.Entry {
	var out []hosts.Entry
	for i := from; i < from+n; i++ {
		out = append(out, entry(src, t0.Add(time.Duration(i)*time.Second), fmt.Sprintf("line %d of %s", i, src.Name)))
	}
	return out
}

func TestScreenFollowsAndYields(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.has("reading 1 log")
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 100), Status: following(srcA)})
	g.has("line 99 of api")
	g.has("● following")
	g.keys("k", "k")
	g.has("▌02:01:37")
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 100, 7)})
	g.hasNot("line 106")
	g.has("paused, 7 new below (G)")
	g.keys("G")
	g.has("line 106")
	g.hasNot("new below")
	g.keys(" ")
	g.has("paused (G follows)")
	g.keys(" ")
	g.has("● following")
	g.keys("g")
	g.has("line 0 of api")
	g.has("1/107")
}

func TestScreenKeepsThePlaceWhenLinesAreInsertedAndDropped(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil)
	g.s.budget = 200 << 10
	g.open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 3000)})
	g.keys("pgup", "pgup", "pgup")
	cursor := g.s.current().text
	top := strings.Split(g.view(), "\n")[1]
	g.feed(hosts.LogBatch{Entries: numbered(srcB, 0, 400)}) // its backlog goes far up
	if g.s.current().text != cursor {
		t.Errorf("the cursor went from %q to %q", cursor, g.s.current().text)
	}
	if got := strings.Split(g.view(), "\n")[1]; !strings.Contains(got, strings.TrimSpace(top[len("02:49:27"):])) && !strings.Contains(got, "postgres") {
		t.Errorf("the top went from %q to %q", top, got)
	}
	for i := range 10 { // until the line under the cursor is dropped
		g.now = g.now.Add(time.Second)
		g.feed(hosts.LogBatch{Entries: numbered(srcA, 3000+i*1000, 1000)})
	}
	if g.s.list.buf.dropped == 0 || g.s.page.follow {
		t.Fatalf("dropped %d, follow %v", g.s.list.buf.dropped, g.s.page.follow)
	}
	if pos := g.s.page.cursor; pos != g.s.list.buf.First() {
		t.Errorf("the cursor is at %d, the first line at %d", pos, g.s.list.buf.First())
	}
	g.has("oldest dropped")
}

func TestScreenStaleStreamIsDropped(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	old := g.logs.last()
	oldGen := g.s.feed.gen
	g.keys("r")
	if g.s.feed.gen == oldGen {
		t.Fatal("no new stream")
	}
	<-old.closed
	g.run(g.s.Update(batchMsg{g.s.id, oldGen, hosts.LogBatch{Entries: numbered(srcA, 0, 3)}, nil}))
	g.run(g.s.Update(openedMsg{g.s.id, oldGen, old, nil}))
	g.run(g.s.Update(batchMsg{new(token), g.s.feed.gen, hosts.LogBatch{Entries: numbered(srcA, 0, 3)}, nil}))
	if n := g.s.list.buf.Len(); n != 0 {
		t.Errorf("%d lines of another stream", n)
	}
}

func TestScreenCloseEndsTheStream(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.s.Close()
	<-g.logs.last().closed
}

func TestScreenFailures(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil)
	g.logs.err = errors.New("web-1: host not reached: dial 10.0.0.1:22")
	g.open()
	g.has("log unknown")
	g.has("host not reached")

	g = newStage(t, plain(), follow(srcA, srcB), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 3), Dropped: 395, Status: []hosts.LogStatus{
		{Source: srcA, State: "following"}, {Source: srcB, State: "retrying", Reason: "connection lost", Dropped: 12},
	}})
	g.has("retrying: connection lost")
	g.has("… 395 lines skipped")
	g.has("395 skipped")
	g.has("▲ following 1 of 2") // the feed goes on

	g.feed(hosts.LogBatch{Status: []hosts.LogStatus{{Source: srcA, State: "ended"}}, Done: true})
	g.has("ended")
	if len(g.idle) != 0 {
		t.Error("a Next after the last batch")
	}
}

func TestScreenAllSourcesFailed(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Status: []hosts.LogStatus{{Source: srcA, State: "failed", Reason: "no such container: api"}}})
	g.has("log unknown")
	g.has("no such container: api")
	g.has("▲ no source answers")
}

func TestScreenHostGoneIsNotFollowing(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 3), Status: following(srcA)})
	g.run(g.s.Update(ui.SnapshotMsg{Snapshot: &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host: hosts.Host{Name: "web-1"}, Link: hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline"},
	}}}}))
	g.has("~ web-1/api disconnected: no answer within the deadline")
}

func TestScreenFilter(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil).open()
	g.feed(hosts.LogBatch{Entries: append(numbered(srcA, 0, 60), numbered(srcB, 0, 60)...), Status: following(srcA, srcB)})
	g.keys("/")
	g.write("of api !1")
	if !g.s.Capturing() {
		t.Fatal("not capturing")
	}
	g.has("of 120")
	g.keys("enter")
	g.has("/of api !1")
	g.hasNot("postgresql\n")
	g.hasNot("line 51 ")
	g.has("line 59 of api")
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, g.now, "zzz of api"), entry(srcA, g.now, "zzz of others")}})
	g.has("zzz of api")
	g.hasNot("zzz of others")
	g.keys("/")
	g.write("(")
	g.keys("esc") // clears
	g.has("zzz of others")
	g.keys("/")
	g.write("/a(/")
	g.has("missing closing )")
	g.keys("esc")
	g.keys("/")
	g.write("nowhere to be found")
	g.keys("enter")
	g.has("none of 122 lines is shown")
	g.has("hidden by the filter")
	g.keys("esc")
	g.has("zzz of others")
}

// A keystroke cancels the scan of the one before; a result that comes late changes nothing.
func TestScreenFilterNewestWins(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 5000)})
	g.keys("/")
	first := g.s.Update(uitest.Keys("9")[0])
	scan := g.s.list.filter
	second := g.s.Update(uitest.Keys("9")[0])
	if scan.ctx.Err() == nil {
		t.Error("the first scan goes on")
	}
	g.run(second)
	n := g.s.list.count(0)
	g.run(first)
	if g.s.list.count(0) != n || n != 95 { // 95 of 0..4999 hold "99"
		t.Errorf("%d lines, then %d", n, g.s.list.count(0))
	}
}

func TestScreenLevels(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	es := numbered(srcA, 0, 8)
	for i := range es {
		es[i].Level = hosts.Level(i)
	}
	g.feed(hosts.LogBatch{Entries: es})
	for _, want := range []string{"≥debug", "≥info", "≥notice", "≥warn"} {
		g.keys("v")
		g.has(want)
	}
	g.has("W line 5")
	g.hasNot("line 4")
	g.keys("V")
	g.has("N line 4")
	g.keys("v", "v", "v", "v")
	g.has("line 0")
}

func TestScreenFind(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.keys("n")
	if len(g.toasts) != 1 || !strings.Contains(g.toasts[0], "f finds") {
		t.Errorf("toasts %v", g.toasts)
	}
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 500), Dropped: 3})
	g.keys("f")
	g.write(`"line 7`)
	g.keys("enter")
	// From the end the nearest is the last one; n wraps to the first.
	if got := g.s.current().text; got != "line 79 of api" {
		t.Fatalf("found %q", got)
	}
	g.has("11/11")
	g.has("line 80 of api") // what does not match stays: that is the difference to a filter
	g.keys("n")
	if got := g.s.current().text; got != "line 7 of api" {
		t.Errorf("n found %q", got)
	}
	g.keys("n", "N", "N")
	if got := g.s.current().text; got != "line 79 of api" {
		t.Errorf("N found %q", got)
	}
	if got := strings.Join(g.toasts[1:], "; "); got != "search went on at the top; search went on at the bottom" {
		t.Errorf("toasts %q", got)
	}
	g.keys("f")
	for range 6 {
		g.keys("backspace")
	}
	g.write("zebra")
	g.has("not found")
	g.keys("esc")
	g.hasNot("find")
}

func TestScreenFindErrors(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	es := numbered(srcA, 0, 200)
	es[20].Level, es[50].Level = hosts.LevelError, hosts.LevelFatal
	g.feed(hosts.LogBatch{Entries: es})
	g.keys("e")
	g.has("F line 50")
	g.keys("e")
	g.has("E line 20")
}

func TestScreenDetail(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.keys("enter")
	if len(g.toasts) != 1 {
		t.Error("no toast without a line")
	}
	es := numbered(srcA, 0, 50)
	es[49].Text = `{"level":"error","msg":"cannot reach\u001b[31m upstream","err":{"code":503}}`
	es[49].Level, es[49].Stderr = hosts.LevelError, true
	g.feed(hosts.LogBatch{Entries: es})
	g.keys("enter")
	g.has("err.code  503")
	g.has("cannot reach")
	g.has("2026-03-14 02:00:49.000 UTC, 59m ago, error, standard error, json")
	g.keys("t")
	g.has(`    "code": 503`)
	g.keys("t")
	g.hasNot(`    "code": 503`)
	g.keys("y")
	if !strings.HasPrefix(g.copied, `{"level"`) {
		t.Errorf("copied %q", g.copied)
	}
	g.keys("K")
	g.has("line 48 of api")
	g.hasNot(`"code": 503`)
	g.keys("esc")
	g.hasNot("esc closes")
}

func TestScreenSources(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil)
	g.s.SetSize(120, 40)
	g.open()
	g.feed(hosts.LogBatch{Entries: append(numbered(srcA, 0, 5), numbered(srcB, 0, 5)...), Status: following(srcA, srcB)})
	g.keys("o")
	g.has("Sources")
	g.keys(" ")
	g.hasNot("line 4 of api")
	g.has("1 source off")
	g.keys("o") // only this one
	g.has("line 4 of api")
	g.hasNot("line 4 of postgresql.service")
	g.keys("o") // all again
	g.has("line 4 of postgresql.service")
	g.keys("j", " ", "esc")
	g.has("db-1/postgresql off")
	g.keys("r") // what was switched off stays off
	g.feed(hosts.LogBatch{Entries: append(numbered(srcA, 0, 5), numbered(srcB, 0, 5)...)})
	g.hasNot("line 4 of postgresql.service")
}

func TestScreenSince(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.keys("T", "j", "j", "j", "enter")
	q := g.logs.queries[len(g.logs.queries)-1]
	if len(g.logs.queries) != 2 || !q.Since.Equal(g.now.Add(-15*time.Minute)) || !q.Follow || q.Tail != 0 {
		t.Errorf("queries %+v", g.logs.queries)
	}
	g.s.SetSize(120, 24)
	g.has("since 02:45:00")
}

func TestScreenMarksRulesAndClear(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 100)})
	g.keys("-")
	g.has("─── 03:00:00 mark ───")
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, g.now, "after")}})
	g.keys("g", "m", "G", "{")
	if g.s.current().kind != kindRuler {
		t.Errorf("at %+v", g.s.current())
	}
	g.keys("{")
	g.has("line 0 of api")
	g.keys("m", "}") // unmarked; the ruler is next
	if g.s.current().kind != kindRuler {
		t.Errorf("at %+v", g.s.current())
	}
	g.keys("c")
	g.has("cleared, no line since")
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, g.now, "new line")}})
	g.has("new line")
	g.hasNot("after")
	g.keys("u")
	g.has("after")
}

func TestScreenShow(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil).open()
	long := entry(srcA, g.now, "begin "+strings.Repeat("0123456789", 20)+" end")
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{long, entry(srcB, g.now, "x")}})
	g.hasNot(" end")
	g.keys("w")
	g.has(" end")
	g.keys("w")
	for range 20 {
		g.keys("l")
	}
	g.has("cells")
	for range 20 {
		g.keys("h")
	}
	g.has("begin")
	g.has("03:00:00 ")
	g.keys("t")
	g.has("03:00:00Z")
	g.keys("t")
	g.has("    0s ")
	g.keys("t")
	g.hasNot("    0s ")
	g.keys("t", "H", "S")
	g.hasNot("postgresql x")
	g.hasNot("db-1   post")
	g.keys("H", "S")
	g.has("db-1  postgresql")
}

func TestScreenCopyScreen(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 100)})
	g.keys("Y")
	lines := strings.Split(strings.TrimSpace(g.copied), "\n")
	if len(lines) != 22 || lines[21] != "2026-03-14T02:01:39Z web-1/api info line 99 of api" {
		t.Errorf("%d lines, last %q", len(lines), lines[len(lines)-1])
	}
}

func TestScreenStackTraceIsCutInTheListOnly(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	trace := "panic: boom" + strings.Repeat("\n  at frame", 300)
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(srcA, g.now, trace), entry(srcA, g.now, "next")}})
	g.has("panic: boom")
	g.has("… 290 more lines, enter shows all")
	g.has("next")
}

func TestScreenEverySourcePickable(t *testing.T) {
	t.Parallel()
	snap := &hosts.Snapshot{Hosts: []*hosts.HostFacts{
		{
			Host: hosts.Host{Name: "web-1", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateConnected},
			Containers: hosts.Read([]hosts.Container{{ID: "c1", Name: "api", State: "running", Image: "hub/api:1"}, {ID: "c2", Name: "web", State: "exited"}}, "docker ps", t0),
			Units:      hosts.Read([]hosts.Unit{{Name: "nginx.service", Active: "active"}, {Name: "x.timer"}, {Name: "bad.service", Active: "failed"}}, "systemctl", t0),
		},
		{Host: hosts.Host{Name: "db-1", Kind: hosts.KindSSH}, Link: hosts.Link{State: hosts.StateDisconnected}, Containers: hosts.Part[[]hosts.Container]{Reason: "permission denied on docker.sock"}},
	}}
	g := newStage(t, plain(), ui.OpenMsg{Screen: "logs"}, snap)
	g.s.SetSize(120, 30)
	g.open()
	g.has("Follow which logs?")
	g.has("permission denied on docker.sock")
	g.hasNot("x.timer")
	if g.s.Title() != "Logs" || len(g.logs.queries) != 0 {
		t.Error("opened something")
	}
	g.keys("/")
	g.write("~ngx")
	g.keys("enter", " ", "esc") // leaves the filter, the mark stays
	g.keys("/")
	g.write("api")
	g.keys("enter", " ", "esc")
	g.keys("enter")
	if len(g.logs.queries) != 1 {
		t.Fatalf("queries %v; toasts %v", g.logs.queries, g.toasts)
	}
	q := g.logs.queries[0]
	if len(q.Sources) != 2 || q.Sources[0].Key() != "web-1/container:api" || q.Sources[1].Key() != "web-1/unit:nginx.service" || !q.Follow {
		t.Errorf("query %+v", q)
	}
	g.keys("a") // another one to them
	g.keys("/")
	g.write("bad")
	g.keys("enter", "enter")
	if q := g.logs.queries[1]; len(q.Sources) != 3 {
		t.Errorf("query %+v", q)
	}
	g.keys("a", "esc")
	g.has("web-1/bad")
}

func TestScreenPickNothing(t *testing.T) {
	t.Parallel()
	snap := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{Host: hosts.Host{Name: "db-1", Kind: hosts.KindDocker}, Containers: hosts.Part[[]hosts.Container]{Reason: "no socket"}}}}
	g := newStage(t, plain(), ui.OpenMsg{Screen: "logs"}, snap).open()
	g.keys("enter")
	if len(g.logs.queries) != 0 || len(g.toasts) != 1 || !strings.Contains(g.toasts[0], "no socket") {
		t.Errorf("queries %v toasts %v", g.logs.queries, g.toasts)
	}
}

func TestScreenOpenedByObject(t *testing.T) {
	t.Parallel()
	snap := &hosts.Snapshot{Hosts: []*hosts.HostFacts{{
		Host:       hosts.Host{Name: "web-1"},
		Containers: hosts.Read([]hosts.Container{{ID: "c1", Name: "api"}}, "docker ps", t0),
	}}}
	for object, want := range map[string]string{"c1": "web-1/container:api", "nginx.service": "web-1/unit:nginx.service"} {
		g := newStage(t, plain(), ui.OpenMsg{Screen: "logs", Host: "web-1", Object: object}, snap).open()
		if got := g.logs.queries[0].Sources[0].Key(); got != want {
			t.Errorf("%s opened %s", object, got)
		}
	}
}

func TestScreenActionsAreInOrder(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 3)})
	check := func(what string) {
		t.Helper()
		for _, c := range ui.Conflicts(g.s.Actions()) {
			t.Errorf("%s: %s", what, c)
		}
		for _, a := range g.s.Actions() {
			for _, k := range a.Key.Keys() {
				if strings.Contains(" : ? L M [ ] q esc backspace ctrl+p ctrl+c ctrl+r ctrl+l ctrl+z 1 2 3 4 5 6 7 8 9 0 ", " "+k+" ") && k != " " {
					t.Errorf("%s: %s takes the console's key %s", what, a.ID, k)
				}
			}
			if a.Effect != ui.Look {
				t.Errorf("%s: %s changes something", what, a.ID)
			}
		}
	}
	check("log")
	for key, pane := range map[string]string{"enter": "detail", "o": "sources", "T": "since", "a": "picker"} {
		g.keys(key)
		check(pane)
		g.keys("esc")
	}
}
