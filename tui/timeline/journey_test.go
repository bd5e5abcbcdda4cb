package timeline_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/logs"
	"midwatch/tui/timeline"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

// asked keeps what was asked of the logs, and gives none.
type asked struct {
	q atomic.Pointer[hosts.LogQuery]
}

func (a *asked) Tail(_ context.Context, q hosts.LogQuery) (hosts.LogStream, error) {
	a.q.Store(&q)
	return ended{}, nil
}

type ended struct{}

func (ended) Next(context.Context) (hosts.LogBatch, error) { return hosts.LogBatch{Done: true}, nil }
func (ended) Close() error                                 { return nil }

// seen is the console with its newest frame kept for looking at.
type seen struct {
	*tui.Root
	frame *atomic.Pointer[string]
}

func (s seen) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := s.Root.Update(m)
	return s, cmd
}

func (s seen) View() string {
	v := s.Root.View()
	s.frame.Store(&v)
	return v
}

// From the first thing that went wrong to the lines that were written in that minute.
func TestFromTheFirstFaultToItsLogs(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w, a, frame := night(), &asked{}, new(atomic.Pointer[string])
	d := w.deps(t, uitest.Plain())
	d.Context, d.Logs = ctx, a
	root, err := tui.New(tui.Params{Deps: d, Screens: []tui.ScreenFactory{
		{ID: "timeline", Title: "Timeline", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return timeline.New(d, m) }},
		{ID: "logs", Title: "Logs", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return logs.New(d, m) }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const wait = 30 * time.Second
	tm := teatest.NewTestModel(t, seen{root, frame}, teatest.WithInitialTermSize(80, 24))
	t.Cleanup(func() {
		if err := tm.Quit(); err != nil {
			t.Error(err)
		}
		tm.WaitFinished(t, teatest.WithFinalTimeout(wait))
		root.Close()
		cancel()
	})
	sees := func(text string) {
		t.Helper()
		late := time.After(wait)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if f := frame.Load(); f != nil && strings.Contains(*f, text) {
				return
			}
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("no %q on the screen:\n%s", text, *frame.Load())
			}
		}
	}
	keys := func(names ...string) {
		for _, k := range uitest.Keys(names...) {
			tm.Send(k)
		}
	}
	sees("11 events, 4 bad")
	keys("e", "G")
	sees("only trouble")
	keys("e", "G", "k", "k")
	sees("▌ ✗ 02:50:37 app-1")
	keys("l")
	sees("Logs")
	late := time.After(wait)
	for a.q.Load() == nil {
		select {
		case <-late:
			t.Fatal("no logs were asked for")
		default:
		}
	}
	q := a.q.Load()
	if at := at(21*time.Minute + 30*time.Second); !q.Since.Equal(at.Add(-time.Minute)) || !q.Until.Equal(at.Add(time.Minute)) || q.Sources[0].Key() != "app-1/container:api" {
		t.Errorf("asked for %+v", q)
	}
	keys("esc")
	sees("▌ ✗ 02:50:37 app-1")
}
