package tui_test

import (
	"errors"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/tui"
	"midwatch/tui/ui"
)

// watcher calls when it is told to.
type watcher struct {
	started bool
	call    ui.AlertMsg
}

func (w *watcher) Start() tea.Cmd { w.started = true; return nil }
func (w *watcher) Update(m tea.Msg) tea.Cmd {
	if _, ok := m.(privateMsg); !ok {
		return nil
	}
	return func() tea.Msg { return w.call }
}

// What a watcher calls for rings the terminal, stands in a line, and ! goes there, once.
func TestAlert(t *testing.T) {
	t.Parallel()
	w := &watcher{call: ui.AlertMsg{Title: "shop", Text: "asks: go?", Level: hosts.LevelWarn, Open: ui.OpenMsg{Screen: "two", Object: "run r1"}}}
	var rung []string
	fail := error(nil)
	c := start(t, func(p *tui.Params) {
		p.Watchers = []tui.Watcher{w}
		p.Deps.Alert = func(title, text string) error { rung = append(rung, title+"|"+text); return fail }
	})
	if !w.started {
		t.Error("the watcher was not started")
	}
	c.press("!")
	c.want("nothing has called")
	c.send(privateMsg{})
	c.want("shop: asks: go? (! goes there)")
	if len(rung) != 1 || rung[0] != "shop|asks: go?" {
		t.Errorf("rung %q", rung)
	}
	c.press("!")
	if top := c.top(); top.open != w.call.Open {
		t.Errorf("opened %+v", top.open)
	}
	n := len(c.rec.screens)
	c.press("!")
	if len(c.rec.screens) != n {
		t.Error("it is on display already")
	}
	fail = errors.New("gone")
	c.send(privateMsg{})
	c.want("ring the terminal: gone")
}
