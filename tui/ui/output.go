package ui

import (
	"fmt"
	"io"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"midwatch/hosts"
)

// File is what Output needs of the terminal; *os.File has it.
type File interface {
	io.ReadWriteCloser
	Fd() uintptr
}

// Output is the terminal as both the renderer and the clipboard write to it. The renderer writes a
// frame with one Write, so a sequence written under the same lock never lands inside a frame. Give
// it to tea.WithOutput; it has a descriptor, so the program still finds a terminal there.
type Output struct {
	File
	mu     sync.Mutex // guards writes to File, and notify
	tmux   bool
	notify Notification
}

// NewOutput wraps the terminal; tmux says that we run inside tmux, which passes sequences on only
// when they are wrapped.
func NewOutput(f File, tmux bool) *Output { return &Output{File: f, tmux: tmux} }

// Write writes p whole.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.File.Write(p)
}

// copyLimit is where terminals begin to drop an OSC 52 sequence (its base64 stays under 100,000).
const copyLimit = 74_000

// Copy asks the terminal to put text on its clipboard, over any number of SSH hops (OSC 52). The
// terminal does not answer, so success means asked, not done.
func (o *Output) Copy(text string) error {
	if len(text) > copyLimit {
		return fmt.Errorf("%s is more than a terminal takes (%s)", Bytes(uint64(len(text))), Bytes(copyLimit))
	}
	seq := ansi.SetSystemClipboard(text)
	if o.tmux {
		// tmux takes the plain sequence with set-clipboard on and passes the wrapped one with
		// allow-passthrough on; which is set is not known, and both together do no harm.
		seq += ansi.TmuxPassthrough(seq)
	}
	_, err := o.Write([]byte(seq))
	return err
}

// Copy returns a command that copies text and says so; what names it ("container id").
func Copy(d Deps, what, text string) tea.Cmd {
	write := d.Copy
	return func() tea.Msg {
		if write == nil {
			return ToastMsg{Text: "copy " + what + ": no terminal to copy with", Level: hosts.LevelWarn}
		}
		if err := write(text); err != nil {
			return ToastMsg{Text: "copy " + what + ": " + err.Error(), Level: hosts.LevelError}
		}
		return ToastMsg{Text: "sent " + what + " to the terminal's clipboard (OSC 52)", Level: hosts.LevelInfo}
	}
}
