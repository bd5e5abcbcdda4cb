package ui_test

import (
	"strings"
	"testing"

	"midwatch/tui/ui"
)

func TestAlert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		notify ui.Notification
		tmux   bool
		want   string
	}{
		{"bell", ui.NotifyBell, false, "\a"},
		{"osc 9", ui.NotifyOSC9, false, "\x1b]9;shop: asks: go, now?\x1b\\\a"},
		{"osc 777", ui.NotifyOSC777, false, "\x1b]777;notify;shop;asks: go, now?\x1b\\\a"},
		{"in tmux", ui.NotifyOSC9, true, "\x1bPtmux;\x1b\x1b]9;shop: asks: go, now?\x1b\x1b\\\x1b\\\a"},
		{"bell in tmux", ui.NotifyBell, true, "\a"},
	} {
		f := &terminal{}
		out := ui.NewOutput(f, c.tmux)
		out.Notifies(c.notify)
		if err := out.Alert("sh\x1b[2Jop", "asks: go; now?\a"); err != nil {
			t.Error(err)
		}
		if len(f.writes) != 1 || string(f.writes[0]) != c.want {
			t.Errorf("%s: %q, want %q", c.name, f.writes, c.want)
		}
	}
	f := &terminal{}
	out := ui.NewOutput(f, false)
	out.Notifies(ui.NotifyOSC9)
	if err := out.Alert("t", strings.Repeat("long ", 1000)); err != nil || len(f.writes[0]) > 300 {
		t.Errorf("%v, %d bytes", err, len(f.writes[0]))
	}
}

func TestNotificationOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		term, vte string
		want      ui.Notification
	}{
		{"xterm-256color", "", ui.NotifyOSC9},
		{"xterm-256color", "7200", ui.NotifyOSC777},
		{"tmux-256color", "", ui.NotifyOSC9},
		{"foot", "", ui.NotifyOSC777},
		{"rxvt-unicode-256color", "", ui.NotifyOSC777},
		{"linux", "", ui.NotifyBell},
		{"dumb", "", ui.NotifyBell},
		{"", "", ui.NotifyBell},
	} {
		got := ui.NotificationOf(func(k string) string { return map[string]string{"TERM": c.term, "VTE_VERSION": c.vte}[k] })
		if got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
