package containers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/containers"
	"midwatch/tui/logs"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// night is a person at the console: keys go in, and what is on the screen is waited for.
type night struct {
	t     *testing.T
	tm    *teatest.TestModel
	frame *atomic.Pointer[string]
	fleet *fleet
	ops   *operator
	logs  *tails
}

// watched is the console with its newest frame kept for looking at. Only what is on the screen now
// counts: the output of a program never sends an unchanged line again.
type watched struct {
	*tui.Root
	frame *atomic.Pointer[string]
}

func (w watched) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := w.Root.Update(m)
	return w, cmd
}

func (w watched) View() string {
	v := w.Root.View()
	w.frame.Store(&v)
	return v
}

func begin(t *testing.T, w, h int) *night {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := newFleet()
	n := &night{t: t, frame: new(atomic.Pointer[string]), fleet: f, ops: &operator{fleet: f}, logs: &tails{}}
	root, err := tui.New(tui.Params{
		Deps: ui.Deps{Now: uitest.Now, Styles: uitest.Plain(), Fleet: f, Ops: n.ops, Logs: n.logs, Detail: f, Context: ctx},
		Screens: []tui.ScreenFactory{
			{ID: "containers", Title: "Containers", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return containers.New(d, m) }},
			{ID: "logs", Title: "Logs", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return logs.New(d, m) }},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.tm = teatest.NewTestModel(t, watched{root, n.frame}, teatest.WithInitialTermSize(w, h))
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

const wait = 30 * time.Second // a loaded machine is slow, not wrong

func (n *night) screen() string {
	if f := n.frame.Load(); f != nil {
		return *f
	}
	return ""
}

// sees waits until all texts are on the screen at once.
func (n *night) sees(texts ...string) *night {
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

// seesNo waits until a text is gone.
func (n *night) seesNo(text string) *night {
	n.t.Helper()
	return n.until(func(s string) bool { return s != "" && !strings.Contains(s, text) }, "no "+text)
}

func (n *night) until(ok func(string) bool, what string) *night {
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

func (n *night) presses(keys ...string) *night {
	for _, k := range uitest.Keys(keys...) {
		n.tm.Send(k)
	}
	return n
}

func (n *night) types(text string) *night {
	for _, r := range text {
		n.presses(string(r))
	}
	return n
}

// The container that dies is found, its log is read, it is started again with consent, and the
// result is seen.
func TestJourneyADeadContainerIsBroughtBack(t *testing.T) {
	n := begin(t, 120, 40)
	n.sees("✗ exited 137 OOM", "1 failing")
	n.presses("e").sees("only trouble").seesNo("cortex-db")
	n.presses("enter").sees("[overview]", "exited 137 OOM")
	n.presses("tab").sees(`"Name": "/cortex-node"`)
	n.presses("l").sees("Logs hub-1/cortex-node", "● following")
	n.logs.send("Out of memory: Killed process 4242 (python)", "node stopped")
	n.sees("Killed process 4242", "● following")
	n.presses("/").types("killed").sees("1 of 2").presses("enter").seesNo("node stopped")
	n.presses("esc").sees("node stopped")
	n.presses("esc").sees("[inspect]")
	// Read-only until a reason is given.
	n.presses("U").sees("read-only")
	n.presses("L").sees("allow changes").types("OOM on node").presses("enter").sees("UNLOCKED")
	n.presses("U").sees("start cortex-node on hub-1?", "type hub-1 to go on")
	n.types("hub-2").presses("enter").sees("start cortex-node on hub-1?")
	for range len("hub-2") {
		n.presses("backspace")
	}
	n.types("hub-1").presses("enter").sees("hub-1/cortex-node: running")
	n.presses("esc").presses("e").seesNo("exited 137")
	if got := n.ops.last(); got != "start hub-1 node hub-1" {
		t.Errorf("the operator did %q", got)
	}
}

// The reader scrolls up while lines go on arriving, finds the error, and comes back to the end.
func TestJourneyReadingAMovingLog(t *testing.T) {
	n := begin(t, 80, 24)
	n.sees("cortex-db").presses("l").sees("● following")
	for i := range 50 {
		n.logs.send(fmt.Sprintf("line %d", i))
	}
	n.sees("line 49").presses("k", "k", "k").sees("paused")
	n.logs.send("ERROR cannot connect", "line after")
	n.sees("2 new below").seesNo("line after")
	n.presses("f").types("cannot").presses("enter").sees("ERROR cannot connect", "1/1")
	n.presses("G").sees("line after", "● following")
	n.presses("o").sees("Sources", "following").presses("esc").seesNo("Sources")
	n.presses("q").sees("Containers", "cortex-db")
	n.logs.waitClosed(t)
}

// A host goes away: what it last said stays, marked, and nothing of it is green any more.
func TestJourneyAHostGoesAway(t *testing.T) {
	n := begin(t, 120, 40)
	n.sees("● running")
	n.fleet.change(func(h *hosts.HostFacts) {
		h.Link = hosts.Link{State: hosts.StateDisconnected, Reason: "no answer within the deadline"}
	})
	n.sees("host disconnected: no answer within the deadline", "~ running").seesNo("● running").seesNo("✓ healthy")
}

// fleet is a fleet of one host in production that changes when it is told to.
type fleet struct {
	mu      sync.Mutex // guards snap and changed
	snap    *hosts.Snapshot
	changed chan struct{}
}

func newFleet() *fleet {
	at := uitest.Now()
	c := func(id, state string) hosts.Container {
		return hosts.Container{
			ID: id, Name: "cortex-" + id, State: state, Image: "cortex/" + id + ":1", Inspected: true, Health: hosts.HealthHealthy,
			Project: "cortex", Service: id, Created: at.Add(-time.Hour), Started: at.Add(-time.Hour),
		}
	}
	node := c("node", "exited")
	node.Exit, node.OOMKilled, node.Finished = 137, true, at.Add(-2*time.Minute)
	h := &hosts.HostFacts{
		Host: hosts.Host{Name: "hub-1", Production: true}, Link: hosts.Link{State: hosts.StateConnected},
		Containers: hosts.Read([]hosts.Container{c("db", "running"), node}, "GET /containers/json", at),
	}
	return &fleet{snap: &hosts.Snapshot{Gen: 1, At: at, Hosts: []*hosts.HostFacts{h}}, changed: make(chan struct{})}
}

func (f *fleet) Snapshot() *hosts.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *fleet) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
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

// change publishes a snapshot in which the host is another.
func (f *fleet) change(mod func(*hosts.HostFacts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := *f.snap.Hosts[0]
	h.Containers.Value = append([]hosts.Container(nil), h.Containers.Value...)
	mod(&h)
	f.snap = &hosts.Snapshot{Gen: f.snap.Gen + 1, At: f.snap.At, Hosts: []*hosts.HostFacts{&h}}
	close(f.changed)
	f.changed = make(chan struct{})
}

func (*fleet) Refresh(string)                {}
func (*fleet) Watch(hosts.Topic) func()      { return func() {} }
func (*fleet) SetMaintenance(string, string) {}

func (*fleet) ContainerDetail(_ context.Context, _, id string) (hosts.ContainerDetail, error) {
	return hosts.ContainerDetail{Inspect: "{\n  \"Name\": \"/cortex-" + id + "\"\n}", TopErr: "container is not running"}, nil
}

// operator starts what it is told to start, under a lease.
type operator struct {
	mu    sync.Mutex // guards lease and calls
	fleet *fleet
	lease hosts.Lease
	calls []string
}

func (o *operator) Lease() hosts.Lease {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lease
}

func (o *operator) Unlock(reason string, d time.Duration) (hosts.Lease, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lease = hosts.Lease{Reason: reason, From: uitest.Now(), Until: uitest.Now().Add(d)}
	return o.lease, nil
}

func (o *operator) Lock() {}

func (o *operator) Container(_ context.Context, verb, host, id, typed string) (string, error) {
	if !o.Lease().Active(uitest.Now()) {
		return "", hosts.ErrReadOnly
	}
	o.mu.Lock()
	o.calls = append(o.calls, strings.Join([]string{verb, host, id, typed}, " "))
	o.mu.Unlock()
	o.fleet.change(func(h *hosts.HostFacts) {
		for i := range h.Containers.Value {
			if c := &h.Containers.Value[i]; c.ID == id {
				c.State, c.Exit, c.OOMKilled, c.Started = "running", 0, false, uitest.Now()
			}
		}
	})
	return "running for 2 s, healthy", nil
}

func (o *operator) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.calls) == 0 {
		return ""
	}
	return o.calls[len(o.calls)-1]
}

// tails opens streams that a test writes to.
type tails struct {
	mu   sync.Mutex // guards last
	last *tail
}

func (l *tails) Tail(_ context.Context, q hosts.LogQuery) (hosts.LogStream, error) {
	t := &tail{src: q.Sources[0], lines: make(chan string, 100), closed: make(chan struct{})}
	l.mu.Lock()
	l.last = t
	l.mu.Unlock()
	return t, nil
}

// stream is the newest stream. A test sees on the screen that there is one before it writes.
func (l *tails) stream() *tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *tails) send(lines ...string) {
	t := l.stream()
	for _, x := range lines {
		t.lines <- x
	}
}

func (l *tails) waitClosed(t *testing.T) {
	t.Helper()
	select {
	case <-l.stream().closed:
	case <-time.After(wait):
		t.Error("the stream goes on after its screen was left")
	}
}

type tail struct {
	src    hosts.LogSource
	lines  chan string
	once   sync.Once
	closed chan struct{}
	n      int
}

var errClosed = errors.New("closed")

func (t *tail) Next(ctx context.Context) (hosts.LogBatch, error) {
	b := hosts.LogBatch{Status: []hosts.LogStatus{{Source: t.src, State: "following"}}}
	for {
		var line string
		select {
		case line = <-t.lines:
		case <-t.closed:
			return b, errClosed
		case <-ctx.Done():
			return b, ctx.Err()
		}
		t.n++
		b.Entries = append(b.Entries, hosts.Entry{Time: uitest.Now().Add(time.Duration(t.n) * time.Millisecond), Host: t.src.Host, Source: t.src, Text: line})
		if len(t.lines) == 0 {
			return b, nil
		}
	}
}

func (t *tail) Close() error {
	t.once.Do(func() { close(t.closed) })
	return nil
}
