package logs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/golden"

	"midwatch/hosts"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// desk is a Pair in a test. Its streams give what was queued for them when they were opened.
type desk struct {
	t    *testing.T
	p    *Pair
	logs *fakeLogs
}

// pressed hands keys on as the root does.
func (d *desk) pressed(names ...string) {
	d.t.Helper()
	for _, k := range uitest.Keys(names...) {
		if d.p.Capturing() {
			d.run(d.p.Update(k))
			continue
		}
		if k.Type == tea.KeyEsc {
			d.p.Back()
			d.run(d.p.Update(ui.BackMsg{}))
			continue
		}
		if cmd, ok := ui.Dispatch(d.p.Actions(), k, true); ok {
			d.run(cmd)
		}
	}
}

func (d *desk) run(cmd tea.Cmd) {
	d.t.Helper()
	if cmd == nil {
		return
	}
	switch m := cmd().(type) {
	case nil, ui.ToastMsg:
	case tea.BatchMsg:
		for _, c := range m {
			d.run(c)
		}
	case batchMsg:
		if m.err == nil {
			d.run(d.p.Update(m))
		}
	case openedMsg:
		d.logs.last().queue = []hosts.LogBatch{{Entries: ticking(m.stream, d.logs), Status: following(d.logs.queries[len(d.logs.queries)-1].Sources...)}}
		d.run(d.p.Update(m))
	default:
		d.run(d.p.Update(m))
	}
}

// ticking are lines of a source, one each second.
func ticking(_ hosts.LogStream, l *fakeLogs) []hosts.Entry {
	src := l.queries[len(l.queries)-1].Sources[0]
	var out []hosts.Entry
	for i := range 300 {
		at := t0.Add(time.Duration(i) * time.Second)
		out = append(out, entry(src, at, fmt.Sprintf("%s at %s", sourceName(src), at.Format("15:04:05"))))
	}
	return out
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, logs: &fakeLogs{}}
	deps := ui.Deps{Now: func() time.Time { return t0.Add(time.Hour) }, Styles: plain(), Logs: d.logs, Fleet: fakeFleet{pickSnap()}, Context: t.Context()}
	d.p = Open(deps, follow(hosts.LogSource{Host: "web-1", Kind: hosts.LogContainer, Name: "ai_hub_service"}))
	t.Cleanup(d.p.Close)
	d.p.SetSize(160, 20)
	d.run(d.p.Init())
	return d
}

func (d *desk) has(want string) {
	d.t.Helper()
	if v := d.p.View(); !strings.Contains(v, want) {
		d.t.Errorf("%q is not in\n%s", want, v)
	}
}

func (d *desk) hasNot(want string) {
	d.t.Helper()
	if v := d.p.View(); strings.Contains(v, want) {
		d.t.Errorf("%q is in\n%s", want, v)
	}
}

// Two tails stand beside one another; each has its own filter and place, and one shows the other's time.
func TestPair(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.pressed("|")
	d.has("Follow which logs?")
	d.pressed("/")
	for _, r := range "frontend" {
		d.pressed(string(r))
	}
	d.pressed("enter", "enter")
	d.has("▌Logs web-1/ai_unified_frontend")
	d.has(" Logs web-1/ai_hub_service")
	d.has("ai_hub_service at 02:04:59")
	d.has("ai_unified_frontend at 02:04:59")
	d.pressed("tab", "g", "@")
	d.has("ai_unified_frontend at 02:00:00")
	d.has("ai_hub_service at 02:00:00")
	d.pressed("tab", "/")
	for _, r := range "01:30" {
		d.pressed(string(r))
	}
	d.pressed("enter")
	d.has("1 of 300")
	d.has("ai_hub_service at 02:00:00")
	for _, size := range uitest.Sizes() {
		d.p.SetSize(size[0], size[1])
		golden.RequireEqual(&named{t, fmt.Sprintf("%s/%dx%d", t.Name(), size[0], size[1])}, d.p.View())
	}
	d.p.SetSize(160, 20)
	d.pressed("esc", "esc") // the filter, then the second log
	d.hasNot("frontend")
	d.has("ai_hub_service at 02:00:00")
	if d.p.second != nil || d.p.first.list.buf.budget != defaultBudget {
		t.Error("the second log is still there")
	}
	<-d.logs.streams[1].closed
}

// named is a test under another name, for golden files of one story at several sizes.
type named struct {
	*testing.T
	name string
}

func (n *named) Name() string { return n.name }

func TestPairAtAnySize(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.pressed("|")
	uitest.CheckView(t, d.p)
	d.pressed("esc")
	uitest.CheckView(t, d.p)
}
