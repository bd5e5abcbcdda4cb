package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"midwatch/hosts"
)

// AlertMsg asks the root to call the person to something that waits or has ended, whatever is on
// display: a line on the screen, the terminal's bell, and a notification of the desktop where the
// terminal can show one. Open is where it can be seen; the zero OpenMsg is nowhere.
type AlertMsg struct {
	Title, Text string // "cortex-hub", "asks: switch traffic?"
	Level       hosts.Level
	Open        OpenMsg
}

// Notification is how a terminal is asked for a notification of the desktop, beside the bell.
type Notification int

// The ways. They are told apart because a terminal that knows both would show two.
const (
	NotifyBell   Notification = iota // the bell only
	NotifyOSC9                       // iTerm2, kitty, WezTerm, Ghostty: one text
	NotifyOSC777                     // foot, urxvt, VTE: a title and a text
)

// NotificationOf reads off the environment what the terminal understands. One that does not say gets
// OSC 9, which terminals that do not know it drop; the Linux console would print it.
func NotificationOf(getenv func(string) string) Notification {
	term := getenv("TERM")
	switch {
	case term == "" || term == "dumb" || term == "linux" || strings.HasPrefix(term, "vt"):
		return NotifyBell
	case strings.HasPrefix(term, "foot"), strings.HasPrefix(term, "rxvt"), getenv("VTE_VERSION") != "":
		return NotifyOSC777
	}
	return NotifyOSC9
}

// Notifies says how Alert asks for a notification; the zero is the bell alone.
func (o *Output) Notifies(n Notification) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notify = n
}

// alertLimit bounds what a notification says, in cells; desktops show about as much.
const alertLimit = 200

// Alert rings the bell and asks the terminal for a notification. The terminal does not answer.
func (o *Output) Alert(title, text string) error {
	o.mu.Lock()
	notify := o.notify
	o.mu.Unlock()
	// A semicolon separates the fields of OSC 777, and begins a command of ConEmu after a number.
	title = strings.ReplaceAll(Trunc(Clean(title), alertLimit), ";", ",")
	text = strings.ReplaceAll(Trunc(Clean(text), alertLimit), ";", ",")
	seq := ""
	switch notify {
	case NotifyOSC9:
		seq = "\x1b]9;" + strings.TrimPrefix(title+": "+text, ": ") + "\x1b\\"
	case NotifyOSC777:
		seq = "\x1b]777;notify;" + title + ";" + text + "\x1b\\"
	}
	if o.tmux && seq != "" {
		seq = ansi.TmuxPassthrough(seq)
	}
	_, err := o.Write([]byte(seq + "\a")) // tmux itself knows the bell
	return err
}
