package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// limit is far above what anything here takes: it only ends a test that hangs.
const limit = 30 * time.Second

// terminal is the program on a pseudo-terminal.
type terminal struct {
	t     *testing.T
	cmd   *exec.Cmd
	ours  *os.File // what a terminal emulator holds
	hers  *os.File // what the program has; kept open to look at its state
	mu    sync.Mutex
	shown bytes.Buffer
	more  chan struct{} // has an element after new output
	ended chan error    // of Wait
}

// startTerminal runs the program on a terminal of its own that answers nothing.
func startTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	return startTerminalAt(t, t.TempDir(), args...)
}

// startTerminalAt is startTerminal of a person with this home directory.
func startTerminalAt(t *testing.T, home string, args ...string) *terminal {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ours, hers, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	if err := pty.Setsize(ours, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, ours: ours, hers: hers, more: make(chan struct{}, 1), ended: make(chan error, 1)}
	// The test binary is the program when it is called by its name.
	term.cmd = exec.CommandContext(t.Context(), self, args...)
	term.cmd.Args[0] = "midwatch"
	term.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "HOME=" + home, "LANG=C.UTF-8",
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_STATE_HOME=" + filepath.Join(home, "state"),
	}
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = hers, hers, hers
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := term.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 32<<10)
		for {
			n, err := ours.Read(buf)
			term.mu.Lock()
			term.shown.Write(buf[:n])
			term.mu.Unlock()
			select {
			case term.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	go func() { term.ended <- term.cmd.Wait() }()
	t.Cleanup(func() {
		_ = term.cmd.Process.Kill()
		_ = hers.Close()
		_ = ours.Close()
		<-read
	})
	return term
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.shown.String()
}

// waitFor waits until the output holds text.
func (x *terminal) waitFor(text string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), limit)
	defer cancel()
	for !strings.Contains(x.text(), text) {
		select {
		case <-x.more:
		case err := <-x.ended:
			x.t.Fatalf("ended (%v) before it showed %q; it wrote %q", err, text, x.text())
		case <-ctx.Done():
			x.t.Fatalf("did not show %q; it wrote %q", text, x.text())
		}
	}
}

// drain waits until the output holds text, after the program has ended.
func (x *terminal) drain(text string) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), limit)
	defer cancel()
	for !strings.Contains(x.text(), text) {
		select {
		case <-x.more:
		case <-ctx.Done():
			x.t.Fatalf("its output did not end; it wrote %q", x.text())
		}
	}
}

func (x *terminal) send(keys string) {
	x.t.Helper()
	if _, err := x.ours.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (x *terminal) exit() int {
	x.t.Helper()
	select {
	case err := <-x.ended:
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			x.t.Fatal(err)
		}
		// What it wrote last may still be on its way: what we write behind it arrives after it.
		x.ended <- err
		const end = "(end of the output)"
		if _, err := x.hers.WriteString(end); err != nil {
			x.t.Fatal(err)
		}
		x.drain(end)
		return x.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		x.t.Fatalf("did not end; it wrote %q", x.text())
		return -1
	}
}

func (x *terminal) state() unix.Termios {
	x.t.Helper()
	s, err := unix.IoctlGetTermios(int(x.hers.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return *s
}

const (
	enterAlt, leaveAlt     = "\x1b[?1049h", "\x1b[?1049l"
	hideCursor, showCursor = "\x1b[?25l", "\x1b[?25h"
	mouseOn, mouseOff      = "\x1b[?1002h", "\x1b[?1002l"
)

// balanced checks that what was switched on was switched off after it.
func (x *terminal) balanced() {
	x.t.Helper()
	out := x.text()
	for on, off := range map[string]string{enterAlt: leaveAlt, hideCursor: showCursor, mouseOn: mouseOff} {
		if i := strings.LastIndex(out, on); i >= 0 && strings.LastIndex(out, off) < i {
			x.t.Errorf("%q was not undone by %q", on, off)
		}
	}
	if !strings.Contains(out, enterAlt) {
		x.t.Errorf("the console never took the screen: %q", out)
	}
}

func TestConsoleLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		end  func(*terminal)
		want int
	}{
		"ctrl+c":  {func(x *terminal) { x.send("\x03") }, 0},
		"q":       {func(x *terminal) { x.send("q") }, 0},
		"SIGINT":  {func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGINT) }, 130},
		"SIGTERM": {func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		"SIGHUP":  {func(x *terminal) { _ = x.cmd.Process.Signal(syscall.SIGHUP) }, 130},
		"twice": {func(x *terminal) {
			_ = x.cmd.Process.Signal(syscall.SIGTERM)
			_ = x.cmd.Process.Signal(syscall.SIGINT)
		}, 130},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startTerminal(t)
			before := x.state()
			x.waitFor(enterAlt)
			x.waitFor("midwatch")
			tc.end(x)
			if got := x.exit(); got != tc.want {
				t.Errorf("exit code %d, want %d", got, tc.want)
			}
			if after := x.state(); after != before {
				t.Errorf("the terminal's state is %+v, was %+v", after, before)
			}
			x.balanced()
		})
	}
}

// A terminal that answers no question must not be asked one by commands that only print: Bubble Tea
// would wait 5 s for it before main begins.
func TestCommandsDoNotAskTheTerminal(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"nonsense"}, {"hosts", "import", "--ssh-config", "/nonexistent"}} {
		x := startTerminal(t, args...)
		x.exit()
		if out := x.text(); strings.Contains(out, "\x1b]") || strings.Contains(out, "\x1b[6n") || strings.Contains(out, "\x1b[c") {
			t.Errorf("%v asked the terminal: %q", args, out)
		}
	}
}

// A terminal far away answers the question about its background after the console has begun: the
// answer holds ":" and "/", which are keys, and must not be taken for any.
func TestLateAnswerIsNoKey(t *testing.T) {
	t.Parallel()
	x := startTerminal(t)
	x.waitFor("\x1b]11;?")
	x.waitFor(enterAlt)
	x.waitFor("midwatch")
	x.send("\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c")
	x.send("q")
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	x.balanced()
}

// What is typed before the console has asked its question is not lost.
func TestEarlyKeysCount(t *testing.T) {
	t.Parallel()
	x := startTerminal(t)
	x.send("q")
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Nothing of the terminal's answer is needed where the flag says what it is.
func TestThemeFlagAsksNothing(t *testing.T) {
	t.Parallel()
	x := startTerminal(t, "--theme", "light")
	x.waitFor("midwatch")
	x.send("\x03")
	x.exit()
	if strings.Contains(x.text(), "\x1b]11;?") {
		t.Error("the terminal was asked for what the flag says")
	}
}
