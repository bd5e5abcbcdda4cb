package logs

import (
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/tui/ui/uitest"
)

// press gives the screen keys and runs what follows at once; what takes time is returned.
func press(s *Screen, names ...string) (later []tea.Cmd) {
	var run func(cmd tea.Cmd)
	run = func(cmd tea.Cmd) {
		if cmd == nil {
			return
		}
		begun := time.Now()
		msg := cmd()
		if time.Since(begun) > 0 { // by the clock of synctest
			later = append(later, func() tea.Msg { return msg })
			return
		}
		if list, ok := msg.(tea.BatchMsg); ok {
			for _, c := range list {
				run(c)
			}
			return
		}
		run(s.Update(msg))
	}
	for _, k := range uitest.Keys(names...) {
		run(s.Update(k))
	}
	return later
}

// While a filter is being typed only the newest lines are asked; all of them are when typing pauses, or at once
// when the filter is kept.
func TestTypingLooksAtTheNewestFirst(t *testing.T) {
	t.Parallel()
	const lines = firstLines + 50_000
	for name, end := range map[string]func(s *Screen, later []tea.Cmd){
		"pause": func(s *Screen, later []tea.Cmd) {
			if len(later) != 1 {
				t.Fatalf("%d pauses are waited for", len(later))
			}
			drainAll(s, s.Update(later[0]()))
		},
		"enter": func(s *Screen, _ []tea.Cmd) { press(s, "enter") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newStage(t, plain(), follow(srcA, srcB), nil)
				g.s.list.buf = NewBuffer(0)
				fill(g.s.list.buf, lines)
				g.s.list.buf.Append(t0.Add(100*time.Hour), nil, 0)
				g.s.openFilter()
				begun := time.Now()
				later := press(g.s, "n")
				if n := g.s.list.filter.count(); n != firstLines {
					t.Errorf("%d lines were looked at while typing, want %d", n, firstLines)
				}
				if took := time.Since(begun); took != typingPause {
					t.Errorf("the end of typing is waited for %s", took)
				}
				// What was begun by the key before says nothing any more.
				stale := later
				later = press(g.s, "u")
				if len(stale) != 1 || g.s.Update(stale[0]()) != nil || g.s.list.filter.count() != firstLines {
					t.Error("a scan that was stopped goes on")
				}
				end(g.s, later)
				if n := g.s.list.filter.count(); n != lines || !g.s.list.filter.done(g.s.list.buf) {
					t.Errorf("%d lines were looked at in the end, want %d", n, lines)
				}
			})
		})
	}
}
