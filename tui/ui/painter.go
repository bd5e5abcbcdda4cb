package ui

import (
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
)

// framePause is the least time between two frames on the terminal, and between two that answer the person
// at it: such a frame does not wait for what a log has just painted.
const framePause = 16 * time.Millisecond

// The sequences that switch to the alternate screen and back, as the library sends them.
const (
	enterAlt = "\x1b[?1049h"
	leaveAlt = "\x1b[?1049l"
)

// Painter puts the frames of a program on the terminal when they change, and sleeps otherwise. Bubble
// Tea's own renderer looks for changes at every tick of a clock, and on a quiet fleet these ticks are
// most of what an open console costs; a key is also answered up to a tick later. That renderer is still
// there and manages the terminal's modes: it sends those with WriteString, and its frames, which are
// empty, with Write.
//
// Give the Painter to tea.WithOutput, its Model to tea.NewProgram, and have the library's clock tick
// slowly. It has the terminal's descriptor.
type Painter struct {
	*Output

	mu    sync.Mutex // guards everything below, and the order of what is written
	ours  bool       // the alternate screen is on: between programs that have the terminal
	w     int        // cells in a line, 0 unknown
	next  string     // the newest frame
	shown []string   // the lines the terminal shows; nil when that is not known
	at    time.Time  // of the last frame
	asked bool       // what was done at the terminal last is not answered yet
	told  time.Time  // when such a thing was answered last
	timer *time.Timer
	armed bool // the timer will paint
}

// NewPainter returns a Painter on a terminal.
func NewPainter(out *Output) *Painter { return &Painter{Output: out} }

// WriteString sends a sequence of the library's renderer.
func (p *Painter) WriteString(seq string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Contains(seq, leaveAlt) {
		p.ours = false
	}
	n, err := p.Output.Write([]byte(seq))
	if strings.Contains(seq, enterAlt) {
		p.ours = true
	}
	// Whatever it was, it may have moved or erased something; such sequences are rare.
	p.shown = nil
	return n, err
}

// Write drops the renderer's frames, which say nothing. While a program has the terminal, it is that
// program's output.
func (p *Painter) Write(b []byte) (int, error) {
	p.mu.Lock()
	ours := p.ours
	p.mu.Unlock()
	if ours {
		return len(b), nil
	}
	return p.Output.Write(b)
}

// Model returns m, painted by p.
func (p *Painter) Model(m tea.Model) tea.Model { return painted{m, p} }

type painted struct {
	m tea.Model
	p *Painter
}

func (m painted) Init() tea.Cmd { return m.m.Init() }

func (m painted) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.p.resize(msg.Width)
	case tea.KeyMsg, tea.MouseMsg:
		m.p.ask()
	}
	next, cmd := m.m.Update(msg)
	return painted{next, m.p}, cmd
}

func (m painted) View() string {
	m.p.show(m.m.View())
	return ""
}

// resize forgets what the terminal shows: it may have moved everything.
func (p *Painter) resize(w int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.w, p.shown = w, nil
}

// ask notes that the next frame answers somebody.
func (p *Painter) ask() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = true
}

// show paints a frame now, or at the end of the pause after the last one.
func (p *Painter) show(frame string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == frame && p.shown != nil {
		return
	}
	p.next = frame
	asked := p.asked
	p.asked = false
	if asked && time.Since(p.told) >= framePause {
		p.told = time.Now()
		p.paint() // a timer that is armed paints what comes until then
		return
	}
	if p.armed {
		return
	}
	wait := framePause - time.Since(p.at)
	if wait <= 0 {
		p.paint()
		return
	}
	p.armed = true
	if p.timer == nil {
		p.timer = time.AfterFunc(wait, p.late)
		return
	}
	p.timer.Reset(wait)
}

// late paints what had to wait.
func (p *Painter) late() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = false
	p.paint()
}

// paint writes the lines that differ, in one piece. The caller holds mu.
func (p *Painter) paint() {
	if !p.ours || p.w <= 0 || p.next == "" {
		return
	}
	lines := strings.Split(p.next, "\n")
	var b strings.Builder
	if len(p.shown) != len(lines) {
		p.shown = nil
		// What is below goes. On a full screen this is the last line, which is painted after it.
		b.WriteString(ansi.CursorPosition(1, len(lines)+1) + ansi.EraseScreenBelow)
	}
	for i, line := range lines {
		if p.shown != nil && p.shown[i] == line {
			continue
		}
		b.WriteString(ansi.CursorPosition(1, i+1))
		switch w := Width(line); {
		case w > p.w:
			b.WriteString(Slice(line, 0, p.w)) // a line that wraps would shift the others
		case w == p.w:
			b.WriteString(line)
		default:
			b.WriteString(line + ansi.EraseLineRight)
		}
	}
	p.shown, p.at = lines, time.Now()
	if b.Len() > 0 {
		_, _ = p.Output.Write([]byte(b.String())) // a terminal that is gone ends the program by its input
	}
}
