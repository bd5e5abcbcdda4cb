package tui_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func TestGluedKeysAreSplit(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("jjwj")})
	if got := fmt.Sprint(c.top().got); got != "[gen1 jumped jumped j]" {
		t.Errorf("the screen got %v: each key must find what the last one left", got)
	}
}

func TestPasteNeverTriggers(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("j"), Paste: true})
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q2?"), Paste: true})
	if got := fmt.Sprint(c.top().got); got != "[gen1]" || c.quit {
		t.Errorf("a paste did something: %v", got)
	}
	c.press("w")
	c.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("q2?"), Paste: true})
	if got := fmt.Sprint(c.top().got); got != "[gen1 paste:q2?]" {
		t.Errorf("a paste into a text field: %v", got)
	}
}

func TestReadOnlyStopsChanges(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press("R")
	if got := fmt.Sprint(c.top().got); strings.Contains(got, "restarted") {
		t.Error("a change was made without the lease")
	}
	c.want("restart: read-only: unlock first")
	c.press("L")
	c.text("INC-7")
	c.press("enter")
	c.want("UNLOCKED INC-7 15:00")
	c.press("R")
	if got := fmt.Sprint(c.top().got); !strings.Contains(got, "restarted") {
		t.Error("the lease does not allow changes")
	}
	c.now = c.now.Add(14*time.Minute + 59*time.Second)
	c.want("UNLOCKED INC-7 00:01")
	c.now = c.now.Add(time.Second)
	c.want("read-only")
	tui.Tick(c.r)
	c.want(`the time for "INC-7" is over`)
	c.press("R")
	if n := strings.Count(fmt.Sprint(c.top().got), "restarted"); n != 1 {
		t.Errorf("%d changes, want 1", n)
	}
}

func TestLeasePrompt(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press("L", "enter")
	c.want("a reason is needed")
	c.press("tab")
	c.text("fix")
	c.press("enter")
	if d := c.ops.lease.Until.Sub(c.ops.lease.From); d != 5*time.Minute {
		t.Errorf("tab chose %v", d)
	}
	c.press("L")
	c.want("read-only again")
	if c.ops.lease.Active(c.now) {
		t.Error("L does not lock")
	}
	c.ops.err = errors.New("audit log: disk full")
	c.press("L")
	c.text("x")
	c.press("enter")
	c.want("unlock: audit log: disk full")
	c.press("L", "esc")
	c.wantNot("allow changes")
}

func TestNavigation(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.want("[1 One]")
	c.press("enter")
	c.want("one › two web")
	first := c.rec.screens[0]
	if c.top().open.Host != "web" || first.shown {
		t.Errorf("shown: %+v", c.top().open)
	}
	c.press("3")
	c.want("[3 Three]")
	c.press("1")
	c.want("one › two web") // a tab is shown as it was left
	c.press("[")
	c.want("[3 Three]")
	c.press("]")
	c.want("one › two web")
	pushed := c.top()
	c.press("esc")
	if !pushed.closed || c.top() != first {
		t.Error("esc does not go back to the first screen")
	}
	c.press("[")
	c.want("one › two web") // closed screens are built again by the history
	c.press("1")
	if c.top() != first {
		t.Error("the number of the tab that is shown does not go to its first screen")
	}
	c.press("2", "q")
	if c.top() != first {
		t.Error("q on another tab does not come back to the first")
	}
	c.press("esc")
	if c.quit {
		t.Error("esc quits")
	}
	c.press("q")
	if !c.quit {
		t.Error("q on the last screen does not quit")
	}
}

func TestBackAsksTheScreenFirst(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press("enter")
	c.top().backs = 1
	c.press("esc")
	c.want("one › two web")
	c.press("esc")
	c.wantNot("›")
}

func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	for range 40 {
		c.press("enter")
	}
	open := 0
	for _, s := range c.rec.screens {
		if !s.closed {
			open++
		}
	}
	if open > 12 {
		t.Errorf("%d screens are open", open)
	}
	c.want("too many screens")
}

func TestMessagesReachScreens(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press("2")
	c.send(privateMsg{})
	for i, s := range c.rec.screens {
		if !strings.Contains(fmt.Sprint(s.got), "private") {
			t.Errorf("screen %d does not get messages: %v", i, s.got)
		}
	}
	next := *c.fleet.snap
	next.Gen = 7
	tui.Publish(c.r, &next)
	old := *c.fleet.snap
	old.Gen = 5
	tui.Publish(c.r, &old)
	if got := fmt.Sprint(c.top().got); !strings.Contains(got, "gen7") || strings.Contains(got, "gen5") {
		t.Errorf("snapshots: %v", got)
	}
	c.press("1")
	if got := fmt.Sprint(c.top().got); !strings.Contains(got, "gen7") {
		t.Errorf("a hidden screen gets the newest snapshot when it is shown: %v", got)
	}
}

func TestPalette(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press(":")
	c.want("palette")
	c.text("three")
	c.press("enter")
	c.want("[3 Three]")
	c.press("ctrl+p")
	c.text("restart")
	c.want("read-only: unlock first")
	c.press("enter")
	c.want("restart: read-only: unlock first")
	c.press(":")
	c.text("theme light")
	c.press("enter")
	if got := fmt.Sprint(c.rec.screens[0].got); !strings.Contains(got, "theme light") {
		t.Errorf("theme: %v", got)
	}
	c.press(":")
	c.text("nginx on web")
	c.want("container")
	c.press("esc")
	c.press(":")
	c.text("zzzz")
	c.want("nothing has these letters")
	c.press("enter", "esc")
	c.wantNot("nothing has these letters")
}

func TestHelpIsMadeFromActions(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.send(tea.WindowSizeMsg{Width: 200, Height: 60})
	c.press("?")
	for _, s := range []string{"jump", "open web", "restart (read-only: unlock first)", "palette", "unlock changes", "history back"} {
		c.want(s)
	}
	c.press("esc")
	c.wantNot("history back")
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	done := 0
	ask := func(typed string) ui.ConfirmMsg {
		return ui.ConfirmMsg{
			Title: "restart nginx on web?", Body: []string{"3 routes point to it"}, Typed: typed, Effect: ui.Destroy,
			Run: func(got string) tea.Cmd {
				if got != typed {
					t.Errorf("typed %q", got)
				}
				done++
				return nil
			},
		}
	}
	for _, x := range []struct {
		name, typed string
		keys        []string
		runs        int
	}{
		{"enter is no", "", []string{"enter"}, 0},
		{"esc", "", []string{"esc"}, 0},
		{"y", "", []string{"y"}, 1},
		{"tab enter", "", []string{"tab", "enter"}, 1},
		{"y is text", "web", []string{"y", "enter", "esc"}, 0},
		{"wrong name", "web", []string{"w", "e", "enter"}, 0},
		{"right name", "web", []string{"w", "e", "b", "enter"}, 1},
	} {
		c := start(t, nil)
		_, _ = c.ops.Unlock("r", time.Hour)
		done = 0
		c.send(ask(x.typed))
		c.want("3 routes point to it")
		c.press(x.keys...)
		if done != x.runs {
			t.Errorf("%s: ran %d times, want %d", x.name, done, x.runs)
		}
	}
	c := start(t, nil)
	done = 0
	c.send(ask(""))
	c.press("y")
	if done != 0 {
		t.Error("a confirmation ran after the lease had ended")
	}
	c.want("not done: read-only")
}

// A field holds what is suggested, may be changed, and is not left while something is wrong with it.
func TestConfirmWithAField(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		keys []string
		got  []string
	}{
		{"as it is", []string{"enter"}, []string{"https://a.test/"}},
		{"changed", []string{"x", "enter"}, []string{"https://a.test/x"}},
		{"esc", []string{"x", "esc"}, nil},
		{"wrong", []string{"ctrl+u", "enter", "esc"}, nil},
	} {
		c := start(t, nil)
		var got []string
		c.send(ui.ConfirmMsg{
			Title: "Ask for real?", Body: []string{"it only reads"}, Field: "URL", Text: "https://a.test/",
			Wrong: func(s string) string {
				if s == "" {
					return "type a URL"
				}
				return ""
			},
			Run: func(s string) tea.Cmd {
				got = append(got, s)
				return nil
			},
		})
		c.want("https://a.test/")
		if x.name == "wrong" {
			c.press(x.keys[:2]...)
			c.want("type a URL")
			x.keys = x.keys[2:]
		}
		c.press(x.keys...)
		if !slices.Equal(got, x.got) {
			t.Errorf("%s: ran with %q, want %q", x.name, got, x.got)
		}
		c.wantNot("Ask for real?")
	}
}

func TestQuitAsksWhileOperationsRun(t *testing.T) {
	t.Parallel()
	busy := []string{"deploy cortex: step 3 of 9; quitting finishes the step, then stops"}
	c := start(t, func(p *tui.Params) { p.Busy = func() []string { return busy } })
	c.press("ctrl+c", "ctrl+c")
	c.want("quit while 1 operation is running")
	c.want("finishes the step")
	c.press("n")
	c.wantNot("quit while")
	c.send(tui.QuitMsg{})
	c.press("y")
	if !c.quit {
		t.Error("yes does not quit")
	}
	if c.r.View() != "" {
		t.Error("the last view is not empty")
	}
}

func TestRebinding(t *testing.T) {
	t.Parallel()
	c := start(t, func(p *tui.Params) {
		p.Keys = map[string][]string{"fake.jump": {"x"}, "app.help": {"f1", "H"}, "app.quit": {}}
	})
	c.press("j", "x")
	if got := fmt.Sprint(c.top().got); got != "[gen1 j jumped]" {
		t.Errorf("rebound: %v", got)
	}
	c.press("H")
	c.want("help: one")
	c.press("esc", "ctrl+c")
	if !c.quit {
		t.Error("ctrl+c must always ask to quit")
	}
}

func TestRebindingMistakes(t *testing.T) {
	t.Parallel()
	c := &console{t: t, now: uitest.Now(), rec: &record{}, ops: &fakeOps{}, fleet: &fakeFleet{snap: snapshot(uitest.Now())}}
	p := params(c)
	p.Keys = map[string][]string{"fake.jmp": {"x"}, "fake.jump": {"?"}}
	_, err := tui.New(p)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`no action "fake.jmp"`, "key ? of app.help is taken by fake.jump"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n > 4 {
		t.Errorf("%d lines for two mistakes:\n%v", n+1, err)
	}
}

func TestMouse(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	click := tea.MouseMsg{X: 10, Y: 1, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress}
	c.send(click)
	c.want("[2 Two]")
	c.send(tea.MouseMsg{X: 5, Y: 9, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
	if got := fmt.Sprint(c.top().got); !strings.Contains(got, "mouse 5,7") {
		t.Errorf("mouse: %v", got)
	}
	c.press(":")
	before := len(c.top().got)
	c.send(tea.MouseMsg{X: 5, Y: 9, Button: tea.MouseButtonWheelDown})
	if len(c.top().got) != before {
		t.Error("the mouse reaches the screen under an overlay")
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	c := start(t, func(p *tui.Params) { p.Where = "demo" })
	c.now = uitest.Now()
	c.want("midwatch demo")
	c.want("1 host down")
	c.want("?1 unknown")
	c.want("data 3s")
	c.want("read-only")
	c.want("03:12:07")
	c.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	c.want("1 host down")
	c.want("03:12:07")
}

func TestToasts(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.send(ui.ToastMsg{Text: "one\x1b[2J", Level: hosts.LevelError})
	c.send(ui.ToastMsg{Text: "two", Level: hosts.LevelInfo})
	c.send(ui.ToastMsg{Text: "two", Level: hosts.LevelInfo})
	c.want("✗ one")
	if n := strings.Count(c.r.View(), "✓ two"); n != 1 {
		t.Errorf("the same toast is shown %d times", n)
	}
	c.now = c.now.Add(5 * time.Second)
	tui.Tick(c.r)
	c.wantNot("✓ two")
	c.want("✗ one")
	c.now = c.now.Add(6 * time.Second)
	tui.Tick(c.r)
	c.wantNot("✗ one")
	c.press("M")
	c.want("✗ one")
}

func TestActionsHaveNoConflicts(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	if bad := ui.Conflicts(c.top().Actions(), tui.Actions(c.r)); bad != nil {
		t.Error(bad)
	}
}

func TestCloseClosesScreens(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.press("enter", "2", "3")
	c.r.Close()
	for i, s := range c.rec.screens {
		if !s.closed {
			t.Errorf("screen %d is open", i)
		}
	}
}

func TestRootAnySize(t *testing.T) {
	t.Parallel()
	hostile := "日本語🚀\x1b[31m" + strings.Repeat("long ", 60)
	open := map[string]func(c *console){
		"plain":   func(*console) {},
		"palette": func(c *console) { c.press(":") },
		"help":    func(c *console) { c.press("?") },
		"lease":   func(c *console) { c.press("L"); c.text("日本語 reason") },
		"confirm": func(c *console) { c.send(ui.ConfirmMsg{Title: hostile, Body: []string{hostile, hostile}}) },
		"field": func(c *console) {
			c.send(ui.ConfirmMsg{Title: hostile, Body: []string{hostile}, Field: hostile, Text: hostile, Wrong: func(s string) string { return s }})
			c.press("enter")
		},
		"typed": func(c *console) { c.send(ui.ConfirmMsg{Title: hostile, Body: []string{hostile}, Typed: "web"}) },
		"toast": func(c *console) { c.send(ui.ToastMsg{Text: hostile}) },
		"unlocked": func(c *console) {
			_, _ = c.ops.Unlock(hostile, time.Hour)
			c.send(ui.OpenMsg{Screen: "two", Host: hostile})
		},
	}
	for name, f := range open {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, func(p *tui.Params) { p.Where = hostile })
			f(c)
			uitest.CheckSizes(t, func(w, h int) string {
				c.r.Update(tea.WindowSizeMsg{Width: w, Height: h})
				if v := c.r.View(); w > 0 {
					return v
				}
				return ui.Join(nil, w, h)
			})
		})
	}
}
