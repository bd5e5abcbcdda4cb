package tui_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"

	"github.com/muesli/termenv"
)

// fakeScreen records what reaches it.
type fakeScreen struct {
	d         ui.Deps
	open      ui.OpenMsg
	w, h      int
	got       []string
	capturing bool
	closed    bool
	shown     bool
	backs     int // how many Backs it takes
}

type record struct{ screens []*fakeScreen }

func (s *fakeScreen) Init() tea.Cmd { return nil }
func (s *fakeScreen) Update(m tea.Msg) tea.Cmd {
	switch m := m.(type) {
	case tea.KeyMsg:
		k := m.String()
		if m.Paste {
			k = "paste:" + string(m.Runes)
		}
		s.got = append(s.got, k)
		if k == "esc" {
			s.capturing = false
		}
	case tea.MouseMsg:
		s.got = append(s.got, fmt.Sprintf("mouse %d,%d", m.X, m.Y))
	case ui.SnapshotMsg:
		s.got = append(s.got, fmt.Sprintf("gen%d", m.Snapshot.Gen))
	case ui.ThemeChangedMsg:
		s.got = append(s.got, "theme "+m.Styles.Name)
		s.d.Styles = m.Styles
	case privateMsg:
		s.got = append(s.got, "private")
	}
	return nil
}

func (s *fakeScreen) View() string {
	return ui.Join(ui.Block([]string{s.open.Screen + " " + s.open.Host}, s.w, s.h), s.w, s.h)
}
func (s *fakeScreen) SetSize(w, h int) { s.w, s.h = w, h }
func (s *fakeScreen) Title() string    { return strings.TrimSpace(s.open.Screen + " " + s.open.Host) }

func (s *fakeScreen) Actions() []ui.Action {
	note := func(x string) func() tea.Cmd { return func() tea.Cmd { s.got = append(s.got, x); return nil } }
	restart := ui.Act("fake.restart", "Fake", "restart", note("restarted"), "R")
	restart.Effect = ui.Change
	return []ui.Action{
		ui.Act("fake.jump", "Fake", "jump", note("jumped"), "j"),
		ui.Act("fake.open", "Fake", "open web", func() tea.Cmd { return ui.Open(ui.OpenMsg{Screen: "two", Host: "web"}) }, "enter"),
		ui.Act("fake.write", "Fake", "write", func() tea.Cmd { s.capturing = true; return nil }, "w"),
		restart,
	}
}
func (s *fakeScreen) Capturing() bool { return s.capturing }
func (s *fakeScreen) Close()          { s.closed = true }
func (s *fakeScreen) Back() bool {
	if s.backs > 0 {
		s.backs--
		return true
	}
	return false
}
func (s *fakeScreen) Show(v bool) tea.Cmd { s.shown = v; return nil }

type privateMsg struct{}

type fakeFleet struct {
	mu        sync.Mutex
	snap      *hosts.Snapshot
	refreshed int
}

func (f *fakeFleet) Snapshot() *hosts.Snapshot { f.mu.Lock(); defer f.mu.Unlock(); return f.snap }
func (f *fakeFleet) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	if s := f.Snapshot(); s.Gen > after {
		return s, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}
func (f *fakeFleet) Refresh(string)                { f.refreshed++ }
func (f *fakeFleet) Watch(hosts.Topic) func()      { return func() {} }
func (f *fakeFleet) SetMaintenance(string, string) {}

// fakeOps is asked by the loop and by commands at the same time, as the real one is.
type fakeOps struct {
	mu    sync.Mutex
	lease hosts.Lease
	now   func() time.Time
	err   error
}

func (o *fakeOps) Lease() hosts.Lease { o.mu.Lock(); defer o.mu.Unlock(); return o.lease }
func (o *fakeOps) Unlock(reason string, d time.Duration) (hosts.Lease, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return hosts.Lease{}, o.err
	}
	o.lease = hosts.Lease{Reason: reason, From: o.now(), Until: o.now().Add(d)}
	return o.lease, nil
}
func (o *fakeOps) Lock() { o.mu.Lock(); defer o.mu.Unlock(); o.lease = hosts.Lease{} }
func (o *fakeOps) Container(context.Context, string, string, string, string) (string, error) {
	return "", errors.New("not here")
}

// console is a root under test with everything around it.
type console struct {
	t     *testing.T
	r     *tui.Root
	now   time.Time
	ops   *fakeOps
	fleet *fakeFleet
	rec   *record
	quit  bool
}

func params(c *console) tui.Params {
	factory := func(id, title string) tui.ScreenFactory {
		return tui.ScreenFactory{ID: id, Title: title, New: func(d ui.Deps, m ui.OpenMsg) ui.Screen {
			s := &fakeScreen{d: d, open: m}
			c.rec.screens = append(c.rec.screens, s)
			return s
		}}
	}
	return tui.Params{
		Deps: ui.Deps{
			Now: func() time.Time { return c.now }, Styles: uitest.Plain(), Fleet: c.fleet, Ops: c.ops,
			Context: c.t.Context(),
		},
		Screens: []tui.ScreenFactory{factory("one", "One"), factory("two", "Two"), factory("three", "Three")},
		Themes: []*themes.Styles{
			uitest.Styles(themes.Dark(), termenv.Ascii, false),
			uitest.Styles(themes.Light(), termenv.Ascii, true),
		},
	}
}

func start(t *testing.T, change func(*tui.Params)) *console {
	t.Helper()
	c := &console{t: t, now: uitest.Now(), rec: &record{}}
	c.ops = &fakeOps{now: func() time.Time { return c.now }}
	c.fleet = &fakeFleet{snap: snapshot(c.now)}
	p := params(c)
	if change != nil {
		change(&p)
	}
	r, err := tui.New(p)
	if err != nil {
		t.Fatal(err)
	}
	c.r = r
	c.rec.screens = nil
	r.Init() // its commands wait for the world; tests send what they would bring
	c.send(tea.WindowSizeMsg{Width: 100, Height: 30})
	c.now = c.now.Add(time.Minute)
	return c
}

// send gives the root a message and all that comes of it at once. Commands that wait (ticks, pumps)
// are told by their not being ready and left.
func (c *console) send(m tea.Msg) {
	c.t.Helper()
	_, cmd := c.r.Update(m)
	c.run(cmd)
}

func (c *console) run(cmd tea.Cmd) {
	c.t.Helper()
	if cmd == nil {
		return
	}
	got := make(chan tea.Msg, 1)
	go func() { got <- cmd() }()
	select {
	case m := <-got:
		switch m := m.(type) {
		case tea.BatchMsg:
			for _, x := range m {
				c.run(x)
			}
		case tea.QuitMsg:
			c.quit = true
		case nil:
		default:
			c.send(m)
		}
	case <-time.After(100 * time.Millisecond): // a tick or a pump: it waits for the world
	}
}

func (c *console) press(keys ...string) {
	c.t.Helper()
	for _, k := range uitest.Keys(keys...) {
		c.send(k)
	}
}

func (c *console) text(s string) {
	for _, r := range s {
		c.press(string(r))
	}
}

func (c *console) top() *fakeScreen {
	for i := len(c.rec.screens) - 1; i >= 0; i-- {
		if c.rec.screens[i].shown {
			return c.rec.screens[i]
		}
	}
	c.t.Fatal("no screen is shown")
	return nil
}

func (c *console) want(text string) {
	c.t.Helper()
	if v := c.r.View(); !strings.Contains(v, text) {
		c.t.Errorf("view lacks %q:\n%s", text, v)
	}
}

func (c *console) wantNot(text string) {
	c.t.Helper()
	if v := c.r.View(); strings.Contains(v, text) {
		c.t.Errorf("view has %q:\n%s", text, v)
	}
}

func snapshot(now time.Time) *hosts.Snapshot {
	at := now.Add(-3 * time.Second)
	h := func(name string, s hosts.State) *hosts.HostFacts {
		f := &hosts.HostFacts{Host: hosts.Host{Name: name}, Link: hosts.Link{State: s}}
		if s == hosts.StateConnected {
			f.Latest = at
			f.System = hosts.Read(hosts.System{CPUs: 2}, "uname", at)
			f.Containers = hosts.Read([]hosts.Container{{ID: "c1" + name, Name: "nginx", State: "running"}}, "GET /containers/json", at)
			f.Units = hosts.Read([]hosts.Unit{{Name: "sshd.service", Active: "active"}}, "systemctl show", at)
		}
		return f
	}
	return &hosts.Snapshot{Gen: 1, At: now, Hosts: []*hosts.HostFacts{h("web", hosts.StateConnected), h("db", hosts.StateDisconnected)}}
}
