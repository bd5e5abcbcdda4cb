package runs

import (
	"context"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/ops/run"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// tail is the output of one step on one host, from the first byte on, as far as it is kept.
type tail struct {
	of      string // the ref it is of; "" nothing
	gen     uint64
	from    int64 // the next byte
	lines   []string
	rest    string // a line that has not ended
	size    int    // bytes of lines
	dropped int    // lines that are not kept any more
	reading bool
	err     error
	last    bool // it was read after the step had ended: there is no more
}

// What is kept of an output: enough to scroll back through, whatever it writes.
const (
	tailLines = 5000
	tailBytes = 1 << 20
)

// outputMsg brings more output.
type outputMsg struct {
	owner *Run
	gen   uint64
	data  []byte
	next  int64
	ended bool // the step had ended when it was asked for
	err   error
}

func readOutput(ctx context.Context, owner *Run, svc Reader, id, step, host string, from int64, gen uint64, ended bool, pause time.Duration) tea.Cmd {
	return func() tea.Msg {
		if rest(ctx, pause) != nil {
			return nil
		}
		data, next, err := svc.Output(ctx, id, step, host, from)
		if ctx.Err() != nil {
			return nil
		}
		return outputMsg{owner, gen, data, next, ended, err}
	}
}

// outputPause is how often a step that runs is asked for what it said.
const outputPause = 300 * time.Millisecond

// listen reads the output of what the cursor is on, from the beginning when it is another step or host.
func (s *Run) listen() tea.Cmd {
	st, host := s.target()
	if st == nil || s.d.Service == nil {
		return nil
	}
	of := ref(st.ID, host)
	if of != s.tail.of {
		s.tail = tail{of: of, gen: s.tail.gen + 1}
		s.pane.Top()
		s.drawPane()
	}
	if s.tail.reading || s.tail.last {
		return nil
	}
	return s.hear(st, host, 0)
}

func (s *Run) hear(st *run.StepState, host string, pause time.Duration) tea.Cmd {
	s.tail.reading = true
	return readOutput(s.ctx, s, s.d.Service, s.id, st.ID, host, s.tail.from, s.tail.gen, ended(st, host), pause)
}

// ended reports that a step on a host says nothing more.
func ended(st *run.StepState, host string) bool {
	p := st.State
	if h := hostState(st, host); h != nil {
		p = h.State
	}
	return !live(p) && p != run.StepPending && p != run.StepUnknown
}

// said takes more output and asks for the rest.
func (s *Run) said(m outputMsg) tea.Cmd {
	t := &s.tail
	if m.gen != t.gen {
		return nil
	}
	t.reading, t.err = false, m.err
	st, host := s.target()
	if st == nil || ref(st.ID, host) != t.of {
		return nil // the cursor has moved on, and listen has been told
	}
	if m.err != nil {
		s.drawPane()
		return s.hear(st, host, retryPause)
	}
	t.from = m.next
	t.add(m.data)
	t.last = m.ended && len(m.data) == 0
	s.drawPane()
	switch {
	case len(m.data) > 0:
		return s.hear(st, host, framePause)
	case t.last:
		return nil
	case ended(st, host):
		return s.hear(st, host, 0) // it may have said more before it ended
	}
	return s.hear(st, host, outputPause)
}

// add splits output into lines, cleaned, and drops the oldest beyond what is kept. A carriage return goes
// back to the beginning of the line, as programs that draw their progress mean it.
func (t *tail) add(data []byte) {
	text := t.rest + string(data)
	for {
		i := strings.IndexByte(text, '\n')
		if i < 0 {
			break
		}
		t.push(text[:i])
		text = text[i+1:]
	}
	if len(text) > tailBytes { // a line without an end
		t.push(text)
		text = ""
	}
	t.rest = text
	for len(t.lines) > tailLines || t.size > tailBytes && len(t.lines) > 1 {
		t.size -= len(t.lines[0])
		t.lines = t.lines[1:]
		t.dropped++
	}
}

func (t *tail) push(l string) {
	l = outputLine(l)
	t.lines = append(t.lines, l)
	t.size += len(l)
}

func outputLine(l string) string {
	l = strings.TrimRight(l, "\r")
	if i := strings.LastIndexByte(l, '\r'); i >= 0 {
		l = l[i+1:]
	}
	const widest = 4096
	if len(l) > widest {
		l = l[:widest]
	}
	return ui.Clean(strings.ReplaceAll(l, "\t", "    "))
}

// outputLines is the output as the pane shows it.
func (s *Run) outputLines() []string {
	t := &s.tail
	st := s.d.Styles
	var out []string
	if t.err != nil {
		out = append(out, st.Normal.Render(themes.Warn, st.Glyphs.Stale+" output cannot be read: "+oneLine(t.err.Error())))
	}
	if t.dropped > 0 {
		out = append(out, st.Normal.Render(themes.Faint, st.Glyphs.Ellipsis+" "+ui.Count(t.dropped, "earlier line")+" not kept here; midwatch runs show has them"))
	}
	out = append(out, t.lines...)
	if t.rest != "" {
		out = append(out, outputLine(t.rest))
	}
	if len(t.lines) == 0 && t.rest == "" && t.err == nil {
		word := "no output yet"
		if t.last {
			word = "it said nothing"
		}
		out = append(out, st.Normal.Render(themes.Faint, word))
	}
	return out
}

// drawPane fills the pane. Output that is seen to its end stays so.
func (s *Run) drawPane() {
	if s.details {
		p := ui.NewPage(s.d.Styles, max(1, s.rects().paneW-ui.FrameW-2))
		s.writeDetails(p)
		s.pane.SetLines(p.Lines())
		return
	}
	end := s.pane.AtEnd()
	lines := s.outputLines()
	s.pane.SetLines(lines)
	if end {
		s.pane.ScrollBy(len(lines), 0)
	}
}
