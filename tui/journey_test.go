package tui_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/fleet"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// liveFleet publishes snapshots to whoever waits.
type liveFleet struct {
	fakeFleet
	mu   sync.Mutex // guards everything below
	snap *hosts.Snapshot
	news chan struct{}
}

func (f *liveFleet) Snapshot() *hosts.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *liveFleet) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	for {
		f.mu.Lock()
		s, news := f.snap, f.news
		f.mu.Unlock()
		if s.Gen > after {
			return s, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *liveFleet) publish(change func(h []*hosts.HostFacts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := &hosts.Snapshot{Gen: f.snap.Gen + 1, At: f.snap.At}
	for _, h := range f.snap.Hosts {
		c := *h
		next.Hosts = append(next.Hosts, &c)
	}
	change(next.Hosts)
	f.snap = next
	close(f.news)
	f.news = make(chan struct{})
}

// operator drives the console as a person does: they wait for a text, then press keys.
type operator struct {
	t  *testing.T
	tm *teatest.TestModel
}

// waitLong is far beyond what a console under the race detector takes.
const waitLong = 30 * time.Second

func (o *operator) sees(text string) *operator {
	o.t.Helper()
	teatest.WaitFor(o.t, o.tm.Output(), func(b []byte) bool { return bytes.Contains(b, []byte(text)) },
		teatest.WithDuration(waitLong), teatest.WithCheckInterval(10*time.Millisecond))
	return o
}

func (o *operator) presses(keys ...string) *operator {
	for _, k := range uitest.Keys(keys...) {
		o.tm.Send(k)
	}
	return o
}

// TestJourneyHostGoesDown: the person on call sees a host go down, with its reason, looks at it,
// unlocks the console, and leaves.
func TestJourneyHostGoesDown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	world := &liveFleet{snap: snapshot(uitest.Now()), news: make(chan struct{})}
	ops := &fakeOps{now: uitest.Now}
	judge := func(h *hosts.HostFacts, now time.Time) fleet.Row {
		r := fleet.Row{Memory: -1, Up: -1, Total: -1, Known: !h.Latest.IsZero(), Age: now.Sub(h.Latest)}
		if h.Link.State == hosts.StateDisconnected {
			r.Failing = []fleet.Problem{{Level: hosts.LevelError, Text: h.Link.Reason}}
		}
		return r
	}
	root, err := tui.New(tui.Params{
		Deps: ui.Deps{Now: uitest.Now, Styles: uitest.Plain(), Fleet: world, Ops: ops, Context: ctx},
		Screens: []tui.ScreenFactory{{ID: "fleet", Title: "Fleet", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
			return fleet.New(d, m, judge)
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &operator{t: t, tm: teatest.NewTestModel(t, root, teatest.WithInitialTermSize(120, 40))}
	o.sees("1 host down")
	world.publish(func(h []*hosts.HostFacts) {
		h[0].Link = hosts.Link{State: hosts.StateDisconnected, Reason: "keepalive: no answer within 15s"}
	})
	o.sees("keepalive: no answer within 15s").presses("d").sees("disconnected")
	o.presses("esc", "L").sees("allow changes").presses("I", "N", "C", "enter").sees("UNLOCKED INC 15:00")
	o.presses("ctrl+c")
	o.tm.WaitFinished(t, teatest.WithFinalTimeout(waitLong))
	_, _ = io.Copy(io.Discard, o.tm.FinalOutput(t))
	root.Close()
}

var _ tea.Model = (*tui.Root)(nil)
