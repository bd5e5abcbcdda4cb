//go:build lab

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Terminal is the program in a terminal of its own, which tmux plays.
type Terminal struct {
	t      *testing.T
	socket string
	Pid    int
}

// Terminal starts the program in a terminal of w by h cells. It skips the test without tmux.
func (p *Program) Terminal(t *testing.T, w, h int, args ...string) *Terminal {
	t.Helper()
	return p.terminal(t, w, h, append(append([]string{p.bin}, p.source()...), args...)...)
}

// Shell starts the program from a shell that stays when it ends and then says "left with" its exit code.
func (p *Program) Shell(t *testing.T, w, h int, args ...string) *Terminal {
	t.Helper()
	argv := append([]string{"sh", "-c", `"$@"; echo "left with $?"; exec sleep 600`, "sh", p.bin, "--config", p.Config}, args...)
	return p.terminal(t, w, h, argv...)
}

func (p *Program) terminal(t *testing.T, w, h int, program ...string) *Terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed, and it plays the terminal")
	}
	term := &Terminal{t: t, socket: fmt.Sprintf("midwatch-%s-%d", p.lab.ID, time.Now().UnixNano())}
	argv := []string{"tmux", "-L", term.socket, "-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h), "--", "env", "-i"}
	argv = append(argv, p.env...)
	argv = append(argv, "TERM=tmux-256color", "COLORTERM=truecolor")
	argv = append(argv, program...)
	t.Cleanup(func() {
		// The server ends with its last session; then there is nobody to kill.
		_, _ = try(context.Background(), "tmux", "-L", term.socket, "kill-server")
	})
	run(t, argv...)
	pid, err := strconv.Atoi(strings.TrimSpace(run(t, "tmux", "-L", term.socket, "list-panes", "-F", "#{pane_pid}")))
	if err != nil {
		t.Fatal(err)
	}
	term.Pid = pid
	return term
}

// FirstFrame starts the program with args and no others on a terminal without tmux, ends it, and returns how long it took to show
// text.
func (p *Program) FirstFrame(t *testing.T, text string, args ...string) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.bin, args...)
	cmd.Env = append(p.env, "TERM=xterm-256color")
	start := time.Now()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 160})
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	defer tty.Close()
	var shown []byte
	var took time.Duration
	answered := false
	buf := make([]byte, 64<<10)
	for {
		n, err := tty.Read(buf)
		shown = append(shown, buf[:n]...)
		if !answered && bytes.Contains(shown, []byte("\x1b]11;?")) {
			answered = true
			if _, err := tty.WriteString("\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62c"); err != nil {
				t.Fatal(err)
			}
		}
		if took == 0 && bytes.Contains(shown, []byte(text)) {
			took = time.Since(start)
			_ = cmd.Process.Signal(syscall.SIGTERM) // its end is read below
		}
		if err != nil { // the terminal's end, once nobody has it open
			break
		}
	}
	_ = cmd.Wait() // ended by a signal
	if took == 0 {
		t.Fatalf("the console did not show %q; it wrote %q", text, shown)
	}
	return took
}

// Screen is what the terminal shows.
func (term *Terminal) Screen() string {
	term.t.Helper()
	out, err := try(term.t.Context(), "tmux", "-L", term.socket, "capture-pane", "-p")
	if err != nil {
		term.t.Fatalf("the program has left its terminal: %v", err)
	}
	return out
}

// Keys presses keys, by tmux's names: "Enter", "Escape", "c".
func (term *Terminal) Keys(keys ...string) {
	term.t.Helper()
	run(term.t, append([]string{"tmux", "-L", term.socket, "send-keys"}, keys...)...)
}

// Modes says what a program may have left behind in the terminal.
func (term *Terminal) Modes() string {
	term.t.Helper()
	return strings.TrimSpace(run(term.t, "tmux", "-L", term.socket, "list-panes", "-F", "cursor #{cursor_flag} alternate #{alternate_on} mouse #{mouse_any_flag}"))
}

// Wait looks at the screen until ok accepts it and returns the moment.
func (term *Terminal) Wait(limit time.Duration, what string, ok func(screen string) bool) time.Time {
	term.t.Helper()
	Poll(term.t, limit, what, func() (bool, string) {
		s := term.Screen()
		return ok(s), s
	})
	return time.Now()
}

// Shows is Wait for a text.
func (term *Terminal) Shows(limit time.Duration, text string) time.Time {
	term.t.Helper()
	return term.Wait(limit, "the screen shows "+strconv.Quote(text), func(s string) bool { return strings.Contains(s, text) })
}

// Row returns the first line of screen that holds all of words, or "".
func Row(screen string, words ...string) string {
next:
	for line := range strings.Lines(screen) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return strings.TrimRight(line, "\n")
	}
	return ""
}

// Tab goes to a screen by the number that stands before its title. It skips the test where the console
// has no such screen.
func (term *Terminal) Tab(title string) {
	term.t.Helper()
	tab := regexp.MustCompile(`\b(\d) ` + regexp.QuoteMeta(title) + `\b`)
	var screen string
	term.Wait(10*time.Second, "the console is there", func(s string) bool {
		screen = s
		return strings.Contains(s, "midwatch")
	})
	m := tab.FindStringSubmatch(screen)
	if m == nil {
		term.t.Skipf("the console has no screen %s", title)
	}
	term.Keys(m[1])
}
