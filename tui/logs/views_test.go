package logs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// kept are views in memory.
type kept struct {
	list []ui.LogView
	err  error
}

func (k *kept) Views() ([]ui.LogView, error) { return slices.Clone(k.list), k.err }
func (k *kept) SaveView(v ui.LogView) error  { k.list = append(k.list, v); return k.err }
func (k *kept) RemoveView(name string) error {
	k.list = slices.DeleteFunc(k.list, func(v ui.LogView) bool { return v.Name == name })
	return k.err
}

func TestViewsAreKeptAndOpened(t *testing.T) {
	t.Parallel()
	g := told(t, plain())
	g.s.SetSize(120, 40)
	k := &kept{}
	g.s.deps.Views = k
	g.keys("T", "j", "j", "j", "enter") // the last 15 minutes
	g.feed(hosts.LogBatch{Entries: story(), Status: following(storySources()...)})
	g.keys("/")
	g.write(`src:hub "slow query"`)
	g.keys("enter", "v", "v", "v", "v", "z", "o", "j", " ", "esc")
	g.keys("s")
	g.write("slow queries")
	g.keys("enter")
	want := ui.LogView{
		Name: "slow queries", Sources: []hosts.LogSource{storySources()[0], storySources()[2]}, Back: 15 * time.Minute,
		Filter: `src:hub "slow query" >=warn`, Fold: true,
	}
	if len(k.list) != 1 || k.list[0].Filter != want.Filter || k.list[0].Back != want.Back || !k.list[0].Fold || !slices.Equal(k.list[0].Sources, want.Sources) {
		t.Fatalf("kept %+v, want %+v", k.list, want)
	}
	const command = `midwatch logs --screen --since 15m --filter 'src:hub "slow query" >=warn' web-1/container:ai_hub_service db-primary-2/unit:powernode-worker@default.service`
	g.keys("=")
	if g.copied != command {
		t.Errorf("copied %s", g.copied)
	}
	g.keys("esc", "z", "O")
	g.has("slow queries")
	g.keys("y")
	if g.copied != command {
		t.Errorf("copied %s", g.copied)
	}
	g.keys("enter")
	q := g.logs.queries[len(g.logs.queries)-1]
	if !q.Since.Equal(g.now.Add(-15*time.Minute)) || !q.Follow || !slices.Equal(q.Sources, want.Sources) {
		t.Errorf("opened %+v", q)
	}
	if g.s.filter.text != want.Filter || !g.s.look.fold {
		t.Errorf("the filter is %q", g.s.filter.text)
	}
	g.keys("O", "x")
	g.has("no view is kept yet")
	k.err = errors.New("disk full")
	g.keys("esc", "O")
	g.has("disk full")
}

// A time that has ended is shared with both of its ends, and the screen begins with the filter it is given.
func TestCommandOfATime(t *testing.T) {
	t.Parallel()
	open := follow(srcA)
	open.Logs.Since, open.Logs.Until, open.Logs.Follow = t0, t0.Add(time.Hour), false
	open.Filter = "it's >=warn"
	g := newStage(t, plain(), open, nil).open()
	if g.s.filter.text != open.Filter {
		t.Errorf("the filter is %q", g.s.filter.text)
	}
	if got, want := g.s.command(), `midwatch logs --screen --since 2026-03-14T02:00:00Z --until 2026-03-14T03:00:00Z --filter 'it'\''s >=warn' web-1/container:api`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	g.run(g.s.zoomTo(t0.Add(time.Minute).UnixNano(), t0.Add(2*time.Minute).UnixNano()))
	if got := g.s.command(); !strings.Contains(got, "--since 2026-03-14T02:01:00Z --until 2026-03-14T02:02:00Z") {
		t.Error(got)
	}
}

// Columns are switched in a pane, kept with a view, shared as a command, and taken from where the screen
// was opened.
func TestColumnsOnAndOff(t *testing.T) {
	t.Parallel()
	g := told(t, plain())
	g.s.SetSize(100, 24)
	k := &kept{}
	g.s.deps.Views = k
	g.has("02:58:01 web-1       ai_hub_service   E Traceback")
	g.keys("K", " ", "j", " ", "j", "j", " ")
	g.has("utc,no-host,no-level")
	g.has("02:58:01Z ai_hub_service   Traceback")
	if got := g.s.command(); !strings.Contains(got, "--screen --columns utc,no-host,no-level ") {
		t.Error(got)
	}
	g.keys("k", " ", "esc", "t", "t", "s")
	g.write("bare")
	g.keys("enter")
	want := ui.LogColumns{Time: ui.TimeOff, Host: ui.ShownNever, Source: ui.ShownNever, Level: ui.ShownNever}
	if len(k.list) != 1 || k.list[0].Columns != want {
		t.Fatalf("kept %+v", k.list)
	}
	if v := g.view(); !strings.Contains(v, "\n Traceback") {
		t.Error(v)
	}
	g.keys("K", "r", "esc")
	g.has("02:58:01 web-1       ai_hub_service   E Traceback")
	g.keys("O", "enter")
	if g.s.look.columns() != want {
		t.Errorf("opened with %s", g.s.look.columns())
	}

	open := follow(srcA)
	open.Columns = ui.LogColumns{Time: ui.TimeUTC, Host: ui.ShownAlways}
	g = newStage(t, plain(), open, nil).open()
	g.feed(hosts.LogBatch{Entries: numbered(srcA, 0, 1), Status: following(srcA)})
	g.has("02:00:00Z web-1")
}
