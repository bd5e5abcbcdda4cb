package compare_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/exp/teatest"

	"midwatch/tui"
	"midwatch/tui/compare"
	"midwatch/tui/containers"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

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

// One host answers differently: from its container to what is different about it.
func TestFromAContainerToWhatIsDifferentAboutIt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	w, frame := fleet(), new(atomic.Pointer[string])
	d := w.deps(t, uitest.Plain())
	d.Context = ctx
	root, err := tui.New(tui.Params{Deps: d, Screens: []tui.ScreenFactory{
		{ID: "containers", Title: "Containers", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return containers.New(d, m) }},
		{ID: "compare", Title: "Compare", New: func(d ui.Deps, m ui.OpenMsg) ui.Screen { return compare.New(d, m) }},
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
	sees("shop-web-1")
	keys("/", "a", "p", "p", "-", "2", "enter", "c")
	sees("service shop/web  3 copies")
	keys("e", "n", "n", "n", "n", "enter")
	sees("+ DEBUG")
	sees("- LOG_LEVEL")
	keys("esc", "esc", "esc")
	sees("shop-web-1")
}
