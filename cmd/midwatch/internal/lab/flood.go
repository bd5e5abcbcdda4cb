//go:build lab

package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"
)

// flood is what pours lines on one host.
type flood struct {
	host, kind string // kind is "unit", "container" or "file"
	name       string
	rate       int
	rotate     []time.Duration
}

// source is how "midwatch logs" calls it.
func (f flood) source() string {
	if f.kind == "file" {
		return f.host + "/file:" + f.file()
	}
	return f.host + "/" + f.kind + ":" + f.name
}

// key is how it is called in what is printed.
func (f flood) key() string {
	if f.kind == "unit" {
		return f.source() + ".service"
	}
	return f.source()
}

func (f flood) file() string { return "/var/log/" + f.name + ".log" }

// open lets it begin to pour after a while; it is taken away when the test ends.
func (f flood) open(t *testing.T, l *Lab, pause, last time.Duration) {
	t.Helper()
	args := []string{"pour", "-name", f.name, "-after", pause.String(), "-rate", strconv.Itoa(f.rate), "-lines", strconv.Itoa(f.lines(last))}
	for _, r := range f.rotate {
		args = append(args, "-rotate", r.String())
	}
	// What a test that was killed left behind goes first.
	clear := map[string]string{
		"container": "docker rm -f " + f.name + " >/dev/null 2>&1; true",
		"unit":      "systemctl stop " + f.name + " 2>/dev/null; true",
		"file":      "systemctl stop " + f.name + " 2>/dev/null; rm -f " + f.file() + "*",
	}[f.kind]
	l.Exec(t, f.host, "sh", "-c", clear)
	after(t, l.execArgv(t, f.host, "sh", "-c", clear)...)
	switch f.kind {
	case "container":
		l.Exec(t, f.host, append([]string{"docker", "run", "-d", "--name", f.name, "lab/svc:1"}, args...)...)
		return
	case "file":
		args = append(args, "-file", f.file())
	}
	l.Exec(t, f.host, append([]string{"systemd-run", "--quiet", "--collect", "--unit", f.name, "/usr/local/bin/svc"}, args...)...)
}

func (f flood) lines(last time.Duration) int { return int(float64(f.rate) * last.Seconds()) }

// count is what a test keeps of one source while it reads: no line is kept.
type count struct {
	lines    int
	next     int // the number that is due
	lost     int
	twice    int
	late     int
	disorder int // not marked as late and yet behind a newer one
	gaps     []string
	first    time.Time
	last     time.Time
}

// counter reads what "midwatch logs --json" prints.
type counter struct {
	by     map[string]*count
	newest time.Time
	worst  time.Duration // the most that a line not marked as late was behind a newer one
}

// line takes one. Reading it as JSON would cost more than everything else of the test.
func (c *counter) line(b []byte) error {
	src := field(b, `"source":"`)
	k := c.by[src]
	if k == nil {
		return fmt.Errorf("a line of no source that was asked for: %s", b)
	}
	if field(b, `"entry":"`) != "" {
		k.gaps = append(k.gaps, field(b, `"text":"`))
		return nil
	}
	text := field(b, `"text":"`)
	_, number, ok := strings.Cut(text, " n=")
	n, err := strconv.Atoi(number[:min(7, len(number))])
	if !ok || err != nil || n == 0 {
		return nil // systemd tells of the unit, before or behind which it says that it is ready
	}
	at, err := time.Parse(time.RFC3339Nano, field(b, `"time":"`))
	if err != nil {
		return err
	}
	k.lines++
	switch {
	case n == k.next:
		k.next++
	case n > k.next:
		k.lost += n - k.next
		k.next = n + 1
	default:
		k.twice++
	}
	switch late := bytes.Contains(b, []byte(`"late":true`)); {
	case late:
		k.late++
	case at.Before(c.newest):
		k.disorder++
		c.worst = max(c.worst, c.newest.Sub(at))
	default:
		c.newest = at
	}
	if k.first.IsZero() {
		k.first = at
	}
	k.last = at
	return nil
}

// field is the text behind a key, up to the next quote.
func field(b []byte, key string) string {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return ""
	}
	rest := b[i+len(key):]
	j := bytes.IndexByte(rest, '"')
	return string(rest[:max(0, j)])
}

// Tail reads the program's standard output line by line until done says so of what was read, and ends
// the program.
func (p *Program) Tail(t *testing.T, limit time.Duration, line func([]byte) (done bool, err error), args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // it was told to end
		if stderr.Len() > 0 {
			t.Logf("it says:\n%s", stderr.String())
		}
	}()
	in := bufio.NewScanner(out)
	in.Buffer(make([]byte, 1<<20), 16<<20)
	for in.Scan() {
		done, err := line(in.Bytes())
		if err != nil {
			t.Error(err)
			return
		}
		if done {
			return
		}
	}
	t.Errorf("the program's output ended, or the %s were over", limit)
}

// Console is the program on a terminal of its own, without tmux: what it paints is read as it comes.
type Console struct {
	t     *testing.T
	tty   *os.File
	Pid   int
	paint chan []byte
	shown []byte
}

// Console starts the program on a terminal of w by h cells.
func (p *Program) Console(t *testing.T, w, h uint16, args ...string) *Console {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, p.bin, append(p.source(), args...)...)
	cmd.Env = append(p.env, "TERM=xterm-256color")
	return startConsole(t, cancel, cmd, w, h)
}

// startConsole starts a command on a terminal of its own; cancel ends it.
func startConsole(t *testing.T, cancel context.CancelFunc, cmd *exec.Cmd, w, h uint16) *Console {
	t.Helper()
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: h, Cols: w})
	if err != nil {
		cancel()
		t.Skipf("no pseudo-terminal: %v", err)
	}
	c := &Console{t: t, tty: tty, Pid: cmd.Process.Pid, paint: make(chan []byte, 1<<14)}
	go func() {
		defer close(c.paint)
		for {
			buf := make([]byte, 64<<10)
			n, err := tty.Read(buf)
			if n > 0 {
				c.paint <- buf[:n]
			}
			if err != nil { // the terminal's end, once nobody has it open
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range c.paint {
		}
		_ = cmd.Wait() // it was ended
		_ = tty.Close()
	})
	return c
}

// Press writes keys and returns how long it took until the terminal was sent text, styles aside; ok is
// false when that was not within limit.
func (c *Console) Press(keys, text string, limit time.Duration) (took time.Duration, ok bool) {
	c.t.Helper()
	c.drain()
	start := time.Now()
	if _, err := c.tty.WriteString(keys); err != nil {
		c.t.Errorf("the program has left its terminal: %v", err)
		return 0, false
	}
	over := time.NewTimer(limit)
	defer over.Stop()
	for {
		select {
		case b, open := <-c.paint:
			if !open {
				c.t.Errorf("the program has left its terminal")
				return time.Since(start), false
			}
			c.take(b)
			if strings.Contains(ansi.Strip(string(c.shown)), text) {
				return time.Since(start), true
			}
		case <-over.C:
			return limit, false
		}
	}
}

// Wrote is the end of what was painted since the last key, without its styles.
func (c *Console) Wrote() string {
	s := ansi.Strip(string(c.shown))
	return s[max(0, len(s)-6000):]
}

// take keeps what was painted since the last key, and answers what a terminal is asked.
func (c *Console) take(b []byte) {
	if bytes.Contains(b, []byte("\x1b]11;?")) {
		if _, err := c.tty.WriteString("\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62c"); err != nil {
			c.t.Error(err)
		}
	}
	c.shown = append(c.shown, b...)
}

// drain forgets what was painted before.
func (c *Console) drain() {
	for {
		select {
		case b, open := <-c.paint:
			if !open {
				return
			}
			c.take(b)
		default:
			c.shown = c.shown[:0]
			return
		}
	}
}

// Memory is the most that a process has had resident, in bytes.
func Memory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	f := strings.Fields(rest)
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
