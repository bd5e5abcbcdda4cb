package ui_test

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/tui/ui"
)

// tube is a terminal that hands over what is written.
type tube struct{ writes chan string }

func (u *tube) Write(b []byte) (int, error) { u.writes <- string(b); return len(b), nil }
func (u *tube) Read([]byte) (int, error)    { return 0, io.EOF }
func (u *tube) Close() error                { return nil }
func (u *tube) Fd() uintptr                 { return ^uintptr(0) }

// until collects what is written up to text.
func (u *tube) until(t *testing.T, text string) string {
	t.Helper()
	var all strings.Builder
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !strings.Contains(all.String(), text) {
		select {
		case s := <-u.writes:
			all.WriteString(s)
		case <-limit.C:
			t.Fatalf("%q was not written; this was: %q", text, all.String())
		}
	}
	return all.String()
}

// poster shows what it is told.
type poster struct{ lines []string }

type (
	postMsg []string
	execMsg struct{ tea.ExecCommand }
)

func (m *poster) Init() tea.Cmd { return nil }
func (m *poster) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case postMsg:
		m.lines = msg
	case execMsg:
		return m, tea.Exec(msg, nil)
	}
	return m, nil
}

func (m *poster) View() string { return strings.Join(m.lines, "\n") }

// guest is a program that has the terminal for a while.
type guest struct{ out io.Writer }

func (g *guest) SetStdin(io.Reader)    {}
func (g *guest) SetStdout(w io.Writer) { g.out = w }
func (g *guest) SetStderr(io.Writer)   {}
func (g *guest) Run() error {
	_, err := io.WriteString(g.out, "guest\r\n")
	if err == nil {
		_, err = g.out.Write([]byte("left"))
	}
	return err
}

// The library itself is run: the Painter goes by how it writes.
func TestPainter(t *testing.T) {
	t.Parallel()
	term := &tube{writes: make(chan string, 1000)}
	keys, nobody, err := os.Pipe() // an input that can be let go of, as a terminal can
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	defer nobody.Close()
	painter := ui.NewPainter(ui.NewOutput(term, false))
	p := tea.NewProgram(painter.Model(&poster{}), tea.WithInput(keys), tea.WithOutput(painter),
		tea.WithAltScreen(), tea.WithoutSignalHandler(), tea.WithFPS(1))
	var ended sync.WaitGroup
	ended.Go(func() {
		if _, err := p.Run(); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	defer ended.Wait()
	defer p.Quit()

	p.Send(tea.WindowSizeMsg{Width: 10, Height: 3})
	p.Send(postMsg{"one       ", "two", "a line that is too long"})
	first := term.until(t, "tha")
	if !strings.Contains(first, "\x1b[?1049h") {
		t.Errorf("no alternate screen in %q", first)
	}
	frame := first[strings.LastIndex(first, "\x1b[4;1H"):]
	if want := "\x1b[4;1H\x1b[J\x1b[Hone       \x1b[2;1Htwo\x1b[K\x1b[3;1Ha line tha"; frame != want {
		t.Errorf("the first frame is %q, want %q", frame, want)
	}
	p.Send(postMsg{"one       ", "2", "a line that is too long"})
	if got := term.until(t, "2;1H2"); got != "\x1b[2;1H2\x1b[K" {
		t.Errorf("one line changed, and %q was written", got)
	}
	p.Send(execMsg{ExecCommand: &guest{}})
	handed := term.until(t, "left")
	if !strings.Contains(handed, "\x1b[?1049l") || !strings.Contains(handed, "guest\r\nleft") {
		t.Errorf("a program was given the terminal, and %q was written", handed)
	}
	p.Send(postMsg{"one       ", "2", "3"})
	back := term.until(t, "\x1b[3;1H3")
	if !strings.Contains(back, "\x1b[?1049h") || !strings.Contains(back, "\x1b[Hone") {
		t.Errorf("the terminal came back, and %q was written", back)
	}
	p.Send(postMsg{"1", "2"})
	if got := term.until(t, "\x1b[2;1H2"); !strings.HasPrefix(got[strings.Index(got, "\x1b["):], "\x1b[3;1H\x1b[J\x1b[H1") {
		t.Errorf("the frame became shorter, and %q was written", got)
	}
}

// What answers a key does not wait for the pause after a frame that a log has just painted; keys that come in a
// flood share frames all the same.
func TestPainterAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := &tube{writes: make(chan string, 100)}
		painter := ui.NewPainter(ui.NewOutput(term, false))
		m := painter.Model(&poster{})
		send := func(msg tea.Msg, lines ...string) string {
			m, _ = m.Update(msg)
			m, _ = m.Update(postMsg(lines))
			m.View()
			select {
			case s := <-term.writes:
				return s
			default:
				return ""
			}
		}
		if _, err := painter.WriteString("\x1b[?1049h"); err != nil {
			t.Fatal(err)
		}
		<-term.writes
		key := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{'x'}}
		for _, x := range []struct {
			msg   tea.Msg
			frame string
			now   bool
		}{
			{tea.WindowSizeMsg{Width: 10, Height: 1}, "log 1", true},
			{nil, "log 2", false},
			{key, "answer 1", true},
			{key, "answer 2", false},
			{nil, "log 3", false},
		} {
			if got := send(x.msg, x.frame); strings.Contains(got, x.frame) != x.now {
				t.Errorf("%s: %q was written at once, want it: %v", x.frame, got, x.now)
			}
		}
		if got := <-term.writes; !strings.Contains(got, "log 3") {
			t.Errorf("after the pause %q was written", got)
		}
		select {
		case got := <-term.writes:
			t.Errorf("and %q", got)
		case <-time.After(time.Second):
		}
	})
}
