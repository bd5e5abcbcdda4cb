package logs

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func styles(p termenv.Profile, tokens themes.Tokens) *themes.Styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(p)
	return themes.New(r, tokens, themes.Options{})
}

func plain() *themes.Styles { return styles(termenv.Ascii, themes.Dark()) }

var errIdle = errors.New("nothing queued")

// fakeStream gives out what a test queued, one batch for each Next.
type fakeStream struct {
	queue  []hosts.LogBatch
	closed chan struct{}
}

func (f *fakeStream) Next(ctx context.Context) (hosts.LogBatch, error) {
	if err := ctx.Err(); err != nil {
		return hosts.LogBatch{}, err
	}
	if len(f.queue) == 0 {
		return hosts.LogBatch{}, errIdle
	}
	b := f.queue[0]
	f.queue = f.queue[1:]
	return b, nil
}

func (f *fakeStream) Close() error {
	close(f.closed)
	return nil
}

// fakeLogs opens fake streams.
type fakeLogs struct {
	err     error
	queries []hosts.LogQuery
	streams []*fakeStream
}

func (f *fakeLogs) Tail(_ context.Context, q hosts.LogQuery) (hosts.LogStream, error) {
	f.queries = append(f.queries, q)
	if f.err != nil {
		return nil, f.err
	}
	st := &fakeStream{closed: make(chan struct{})}
	f.streams = append(f.streams, st)
	return st, nil
}

func (f *fakeLogs) last() *fakeStream { return f.streams[len(f.streams)-1] }

type fakeFleet struct{ snap *hosts.Snapshot }

func (f fakeFleet) Snapshot() *hosts.Snapshot { return f.snap }
func (f fakeFleet) Next(ctx context.Context, _ uint64) (*hosts.Snapshot, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (fakeFleet) Refresh(string)                {}
func (fakeFleet) Watch(hosts.Topic) func()      { return func() {} }
func (fakeFleet) SetMaintenance(string, string) {}

// stage is a screen in a test: it runs the commands the screen returns and keeps what leaves it.
type stage struct {
	t      *testing.T
	s      *Screen
	logs   *fakeLogs
	now    time.Time
	copied string
	toasts []string
	opened []ui.OpenMsg
	idle   []tea.Cmd // waits for batches
}

func newStage(t *testing.T, st *themes.Styles, open ui.OpenMsg, snap *hosts.Snapshot) *stage {
	t.Helper()
	g := &stage{t: t, logs: &fakeLogs{}, now: t0.Add(time.Hour)}
	if snap == nil {
		snap = &hosts.Snapshot{}
	}
	d := ui.Deps{
		Now: func() time.Time { return g.now }, Styles: st, Logs: g.logs, Fleet: fakeFleet{snap},
		Copy: func(text string) error { g.copied = text; return nil }, Context: t.Context(),
	}
	g.s = New(d, open)
	t.Cleanup(g.s.Close)
	g.s.SetSize(80, 24)
	return g
}

// open runs Init.
func (g *stage) open() *stage {
	g.run(g.s.Init())
	return g
}

// run executes a command and everything that follows from it, except waiting for batches.
func (g *stage) run(cmd tea.Cmd) {
	g.t.Helper()
	if cmd == nil {
		return
	}
	switch m := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range m {
			g.run(c)
		}
	case ui.ToastMsg:
		g.toasts = append(g.toasts, m.Text)
	case ui.OpenMsg:
		g.opened = append(g.opened, m)
	case batchMsg:
		if errors.Is(m.err, errIdle) {
			g.idle = append(g.idle, cmd)
			return
		}
		g.run(g.s.Update(m))
	default:
		g.run(g.s.Update(m))
	}
}

// feed lets a batch arrive.
func (g *stage) feed(b hosts.LogBatch) {
	g.t.Helper()
	for len(g.idle) > 1 { // of streams that were closed since
		cmd := g.idle[0]
		g.idle = g.idle[1:]
		g.run(cmd)
	}
	if len(g.idle) != 1 {
		g.t.Fatalf("%d waits for a batch are in flight, want 1", len(g.idle))
	}
	g.logs.last().queue = append(g.logs.last().queue, b)
	cmd := g.idle[0]
	g.idle = nil
	g.run(cmd)
}

// keys presses keys as the root hands them on: to the field that is open, or to an action.
func (g *stage) keys(names ...string) {
	g.t.Helper()
	for _, k := range uitest.Keys(names...) {
		if g.s.Capturing() {
			g.run(g.s.Update(k))
			continue
		}
		if k.Type == tea.KeyEsc {
			g.s.Back()
			g.run(g.s.Update(ui.BackMsg{}))
			continue
		}
		cmd, ok := ui.Dispatch(g.s.Actions(), k, true)
		if !ok {
			cmd = g.s.Update(k)
		}
		g.run(cmd)
	}
}

// write types a text.
func (g *stage) write(text string) {
	for _, r := range text {
		g.keys(string(r))
	}
}

// view is what is seen, without trailing blanks.
func (g *stage) view() string {
	lines := strings.Split(g.s.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (g *stage) has(want string) {
	g.t.Helper()
	if v := g.view(); !strings.Contains(v, want) {
		g.t.Errorf("%q is not in\n%s", want, v)
	}
}

func (g *stage) hasNot(want string) {
	g.t.Helper()
	if v := g.view(); strings.Contains(v, want) {
		g.t.Errorf("%q is in\n%s", want, v)
	}
}

func follow(srcs ...hosts.LogSource) ui.OpenMsg {
	return ui.OpenMsg{Screen: "logs", Logs: &hosts.LogQuery{Sources: srcs, Follow: true}}
}

func following(srcs ...hosts.LogSource) []hosts.LogStatus {
	var out []hosts.LogStatus
	for _, s := range srcs {
		out = append(out, hosts.LogStatus{Source: s, State: "following"})
	}
	return out
}
