package night

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// Night is a person at the console.
type Night struct {
	Fleet *Fleet
	t     *testing.T
	tm    *teatest.TestModel
	frame *atomic.Pointer[string]
	seen  *frames
}

// frames are all that were shown.
type frames struct {
	mu  sync.Mutex // guards all
	all []string
}

// Frames are all screens that were shown, each once in a row: for looking for what must be on none of them.
func (n *Night) Frames() []string {
	n.seen.mu.Lock()
	defer n.seen.mu.Unlock()
	return slices.Clone(n.seen.all)
}

// watched is the console with its newest frame kept for looking at. Only what is on the screen now
// counts: the output of a program never sends an unchanged line again.
type watched struct {
	*tui.Root
	frame *atomic.Pointer[string]
	seen  *frames
}

func (w watched) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := w.Root.Update(m)
	return w, cmd
}

func (w watched) View() string {
	v := w.Root.View()
	w.frame.Store(&v)
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	if n := len(w.seen.all); n == 0 || w.seen.all[n-1] != v {
		w.seen.all = append(w.seen.all, v)
	}
	return v
}

// wait is how long something may take: a loaded machine is slow, not wrong.
const wait = 30 * time.Second

// Begin starts the console in w by h cells over a snapshot, with some of its screens.
func Begin(t *testing.T, w, h int, snap *hosts.Snapshot, logs ui.Logs, screens ...tui.ScreenFactory) *Night {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	n := &Night{t: t, frame: new(atomic.Pointer[string]), seen: new(frames), Fleet: &Fleet{snap: snap, changed: make(chan struct{})}}
	root, err := tui.New(tui.Params{
		Deps:    ui.Deps{Now: uitest.Now, Styles: uitest.Plain(), Fleet: n.Fleet, Logs: logs, Context: ctx},
		Screens: screens,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.tm = teatest.NewTestModel(t, watched{root, n.frame, n.seen}, teatest.WithInitialTermSize(w, h))
	t.Cleanup(func() {
		if err := n.tm.Quit(); err != nil {
			t.Error(err)
		}
		n.tm.WaitFinished(t, teatest.WithFinalTimeout(wait))
		root.Close()
		cancel()
	})
	return n
}

func (n *Night) screen() string {
	if f := n.frame.Load(); f != nil {
		return *f
	}
	return ""
}

// Sees waits until all texts are on the screen at once.
func (n *Night) Sees(texts ...string) *Night {
	n.t.Helper()
	return n.until(func(s string) bool {
		for _, x := range texts {
			if !strings.Contains(s, x) {
				return false
			}
		}
		return true
	}, fmt.Sprintf("%q", texts))
}

// SeesNo waits until a text is gone.
func (n *Night) SeesNo(text string) *Night {
	n.t.Helper()
	return n.until(func(s string) bool { return s != "" && !strings.Contains(s, text) }, "no "+text)
}

func (n *Night) until(ok func(string) bool, what string) *Night {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), wait)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok(n.screen()) {
		select {
		case <-ctx.Done():
			n.t.Fatalf("waited for %s; the screen is\n%s", what, n.screen())
		case <-tick.C:
		}
	}
	return n
}

// Presses sends keys.
func (n *Night) Presses(keys ...string) *Night {
	for _, k := range uitest.Keys(keys...) {
		n.tm.Send(k)
	}
	return n
}

// Types sends a text, key by key.
func (n *Night) Types(text string) *Night {
	for _, r := range text {
		n.Presses(string(r))
	}
	return n
}

// Fleet is a fleet that changes when it is told to.
type Fleet struct {
	mu      sync.Mutex // guards snap and changed
	snap    *hosts.Snapshot
	changed chan struct{}
}

// Snapshot returns the newest state.
func (f *Fleet) Snapshot() *hosts.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

// Next waits for a newer state.
func (f *Fleet) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	for {
		f.mu.Lock()
		s, changed := f.snap, f.changed
		f.mu.Unlock()
		if s.Gen > after {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Change publishes a snapshot in which a host is another. mod gets a copy of the host; what its
// parts point to is shared and must be replaced, not written to.
func (f *Fleet) Change(host string, mod func(*hosts.HostFacts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := &hosts.Snapshot{Gen: f.snap.Gen + 1, At: f.snap.At, Events: f.snap.Events}
	for _, h := range f.snap.Hosts {
		if h.Host.Name == host {
			c := *h
			mod(&c)
			h = &c
		}
		next.Hosts = append(next.Hosts, h)
	}
	f.snap = next
	close(f.changed)
	f.changed = make(chan struct{})
}

// Refresh, Watch and SetMaintenance have nobody to tell.
func (*Fleet) Refresh(string)                {}
func (*Fleet) Watch(hosts.Topic) func()      { return func() {} } //nolint:revive // see Refresh
func (*Fleet) SetMaintenance(string, string) {}                   //nolint:revive // see Refresh
