package tty

import (
	"io"
	"os"
	"sync"

	"github.com/charmbracelet/x/term"
)

// leave undoes whatever a full-screen program may have left on: mouse reports, bracketed paste,
// focus reports, a hidden cursor, the alternate screen, colours. Each is harmless where it was off.
const leave = "\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[?25h\x1b[?1049l\x1b[0m"

// State is a terminal as it was before the console.
type State struct {
	in, out *os.File
	saved   *term.State
	once    sync.Once
}

// Save notes the state of a terminal; nil when in is none.
func Save(in, out *os.File) *State {
	saved, err := term.GetState(in.Fd())
	if err != nil {
		return nil
	}
	return &State{in: in, out: out, saved: saved}
}

// Restore puts the terminal back by force, for the ways out that Bubble Tea does not see. Later calls
// and calls on nil do nothing.
func (s *State) Restore() {
	if s == nil {
		return
	}
	s.once.Do(func() {
		_, _ = io.WriteString(s.out, leave)
		_ = term.Restore(s.in.Fd(), s.saved)
	})
}
