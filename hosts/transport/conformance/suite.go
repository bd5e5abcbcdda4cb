package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
)

// Host is what is tested.
type Host struct {
	// Open returns a connection that works; the suite closes it.
	Open func(t *testing.T) hosts.Conn
	// Dir is an existing directory on the host that the login may write to.
	Dir string
	// Echo is the address of something on the host that sends back what it is sent and then half-closes,
	// for each network; missing ones are not tested.
	Echo map[string]string
	// NoTerm skips what needs a terminal.
	NoTerm bool
}

// Run runs the suite.
func Run(t *testing.T, h Host) {
	t.Helper()
	for name, test := range map[string]func(subject){
		"exit status":     exitStatus,
		"signal":          killedBySignal,
		"input":           input,
		"standard error":  standardError,
		"environment":     environment,
		"quoting":         quoting,
		"refused argv":    refusedArgv,
		"big output":      bigOutput,
		"truncation":      truncation,
		"flood":           flood,
		"stream":          streamed,
		"back-pressure":   backPressure,
		"cancel":          cancelled,
		"cancel stream":   cancelledStream,
		"timeout":         timedOut,
		"concurrency":     concurrency,
		"dial":            dialled,
		"dial refused":    dialRefused,
		"upload":          uploaded,
		"upload failures": uploadFailures,
		"terminal":        terminalSize,
		"close":           closed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := h.Open(t)
			t.Cleanup(func() { _ = c.Close() })
			test(subject{t, h, c})
		})
	}
}

// subject is one connection under one test.
type subject struct {
	*testing.T
	host Host
	conn hosts.Conn
}

// limit bounds every step of the suite; nothing is measured against it.
const limit = 60 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func sh(script string, args ...string) hosts.Cmd {
	return hosts.Cmd{Argv: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func mustRun(t *testing.T, c hosts.Conn, cmd hosts.Cmd) hosts.Result {
	t.Helper()
	res, err := c.Run(bounded(t), cmd)
	if err != nil {
		t.Fatalf("run %q: %v", cmd.Argv, err)
	}
	return res
}

func exitStatus(s subject) {
	t, c := s.T, s.conn
	for _, code := range []int{0, 1, 7, 126, 127, 255} {
		res := mustRun(t, c, sh(fmt.Sprintf("exit %d", code)))
		if res.Exit != code || res.Signal != "" {
			t.Errorf("exit %d: %+v", code, res)
		}
	}
	res := mustRun(t, c, hosts.Cmd{Argv: []string{"/no/such/command", "x"}})
	if res.Exit != 127 || len(res.Stderr) == 0 {
		t.Errorf("a missing command: exit %d, %q; want 127 and a word about it", res.Exit, res.Stderr)
	}
}

func killedBySignal(s subject) {
	t, c := s.T, s.conn
	res := mustRun(t, c, sh("kill -TERM $$; sleep 30"))
	if res.Signal != "TERM" || res.Exit != 128+15 {
		t.Errorf("killed by TERM: exit %d signal %q", res.Exit, res.Signal)
	}
}

func input(s subject) {
	t, c := s.T, s.conn
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	res := mustRun(t, c, hosts.Cmd{Argv: []string{"cat"}, Stdin: bytes.NewReader(data)})
	if !bytes.Equal(res.Stdout, data) {
		t.Errorf("cat gave back %d bytes, not the %d it was sent", len(res.Stdout), len(data))
	}
	if res := mustRun(t, c, hosts.Cmd{Argv: []string{"cat"}}); len(res.Stdout) != 0 || res.Exit != 0 {
		t.Errorf("cat without input: %q, exit %d", res.Stdout, res.Exit)
	}
	// A command that ends without reading its input ends all the same.
	if res := mustRun(t, c, hosts.Cmd{Argv: []string{"true"}, Stdin: bytes.NewReader(data)}); res.Exit != 0 {
		t.Errorf("true with input it does not read: exit %d", res.Exit)
	}
	broken := errors.New("disk on fire")
	_, err := c.Run(bounded(t), hosts.Cmd{Argv: []string{"cat"}, Stdin: io.MultiReader(strings.NewReader("x"), failing{broken})})
	if !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func standardError(s subject) {
	t, c := s.T, s.conn
	res := mustRun(t, c, sh("echo out; echo err >&2"))
	if string(res.Stdout) != "out\n" || string(res.Stderr) != "err\n" {
		t.Errorf("stdout %q, stderr %q", res.Stdout, res.Stderr)
	}
	res = mustRun(t, c, sh(`i=0; while [ $i -lt 3000 ]; do echo "line $i ........................................................" >&2; i=$((i+1)); done; echo last >&2`))
	if n := len(res.Stderr); n > 64<<10 || !bytes.HasSuffix(res.Stderr, []byte("last\n")) {
		t.Errorf("long stderr: kept %d bytes ending in %q", n, res.Stderr[max(0, n-10):])
	}
}

// nasty are words that a shell must not understand.
func nasty() []string {
	return []string{
		"", " ", "plain", "two words", "'", `"`, `\`, `\\`, `'\''`, "$HOME", "`id`", "$(id)", "a;b", "a&b", "a|b",
		"*", "?", "[a]", "~", "~root", "#x", "!x", "{a,b}", "<x", ">x", "a=b", "-n", "--", "\t", "line\nbreak",
		"ünïcødé", "\x01\x7f", "\xff\xfe", "if", "%s", "\r\n", `a\nb`, "end'",
	}
}

func environment(s subject) {
	t, c := s.T, s.conn
	env := map[string]string{}
	var want strings.Builder
	for i, v := range nasty() {
		env[fmt.Sprintf("MW_%02d", i)] = v
		want.WriteString(v + "\x00")
	}
	var script strings.Builder
	for i := range nasty() {
		fmt.Fprintf(&script, "printf '%%s\\000' \"$MW_%02d\"; ", i)
	}
	cmd := sh(script.String())
	cmd.Env = env
	if res := mustRun(t, c, cmd); string(res.Stdout) != want.String() {
		t.Errorf("environment came as %q, want %q", res.Stdout, want.String())
	}
	res := mustRun(t, c, hosts.Cmd{Argv: []string{"sh", "-c", "echo $A-$PATH"}, Env: map[string]string{"A": "b"}})
	if got := string(res.Stdout); !strings.HasPrefix(got, "b-/") {
		t.Errorf("the host's own environment is gone: %q", got)
	}
}

func quoting(s subject) {
	t, c := s.T, s.conn
	res := mustRun(t, c, sh(`for a; do printf '%s\000' "$a"; done`, nasty()...))
	want := strings.Join(nasty(), "\x00") + "\x00"
	if string(res.Stdout) != want {
		t.Errorf("arguments came as %q, want %q", res.Stdout, want)
	}
}

func refusedArgv(s subject) {
	t, c := s.T, s.conn
	for _, argv := range [][]string{nil, {""}, {"echo", "a\x00b"}, {"-x"}} {
		if res, err := c.Run(bounded(t), hosts.Cmd{Argv: argv}); err == nil {
			t.Errorf("%q was run: %+v", argv, res)
		}
	}
	if _, err := c.Run(bounded(t), hosts.Cmd{Argv: []string{"true"}, Env: map[string]string{"A=B": "c"}}); err == nil {
		t.Error("a variable with = in its name was set")
	}
}

func bigOutput(s subject) {
	t, c := s.T, s.conn
	const size = 6 << 20
	res := mustRun(t, c, sh(fmt.Sprintf("head -c %d /dev/zero; echo end >&2", size)))
	if len(res.Stdout) != size || res.Truncated || string(res.Stderr) != "end\n" {
		t.Errorf("%d bytes, truncated %v, stderr %q; want %d", len(res.Stdout), res.Truncated, res.Stderr, size)
	}
}

func truncation(s subject) {
	t, c := s.T, s.conn
	cmd := sh("head -c 300000 /dev/zero; exit 3")
	cmd.Limit = 1000
	if res := mustRun(t, c, cmd); len(res.Stdout) != 1000 || !res.Truncated || res.Exit != 3 {
		t.Errorf("kept %d bytes, truncated %v, exit %d; want 1000, true, 3", len(res.Stdout), res.Truncated, res.Exit)
	}
	cmd = sh("head -c 1000 /dev/zero")
	cmd.Limit = 1000
	if res := mustRun(t, c, cmd); len(res.Stdout) != 1000 || res.Truncated {
		t.Errorf("exactly the limit: kept %d bytes, truncated %v", len(res.Stdout), res.Truncated)
	}
}

func flood(s subject) {
	t, c := s.T, s.conn
	cmd := hosts.Cmd{Argv: []string{"yes"}, Limit: 1000, Timeout: limit}
	if res := mustRun(t, c, cmd); len(res.Stdout) != 1000 || !res.Truncated || res.Signal != "KILL" {
		t.Errorf("kept %d bytes, truncated %v, signal %q", len(res.Stdout), res.Truncated, res.Signal)
	}
}

func mustStream(ctx context.Context, t *testing.T, c hosts.Conn, cmd hosts.Cmd) hosts.Stream {
	t.Helper()
	st, err := c.Stream(ctx, cmd)
	if err != nil {
		t.Fatalf("stream %q: %v", cmd.Argv, err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func streamed(s subject) {
	t, c := s.T, s.conn
	st := mustStream(bounded(t), t, c, sh("echo one; echo two >&2; cat; exit 5"))
	out, err := io.ReadAll(st)
	if err != nil || string(out) != "one\n" {
		t.Errorf("read %q, %v", out, err)
	}
	res, err := st.Wait()
	if err != nil || res.Exit != 5 || string(res.Stderr) != "two\n" || len(res.Stdout) != 0 {
		t.Errorf("wait: %+v, %v", res, err)
	}
	if again, err := st.Wait(); err != nil || again.Exit != 5 {
		t.Errorf("second wait: %+v, %v", again, err)
	}
	if err := st.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// backPressure lets a command write without reading it, and sees it come to a standstill.
func backPressure(s subject) {
	t, h, c := s.T, s.host, s.conn
	const rounds = 4096 // of 64 KiB: 256 MiB, more than anybody may buffer
	file := h.Dir + "/rounds-" + nonce()
	st := mustStream(bounded(t), t, c, sh(
		fmt.Sprintf(`n=0; while [ $n -lt %d ]; do head -c 65536 /dev/zero; n=$((n+1)); echo $n >"$1"; done`, rounds), file))
	if _, err := io.ReadFull(st, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	last := ""
	eventually(t, "the writer stands still", func() bool {
		// Two looks, a moment apart on the host's own clock.
		res := mustRun(t, c, sh(`cat "$1"; sleep 1; cat "$1"`, file))
		a, b, _ := strings.Cut(strings.TrimSpace(string(res.Stdout)), "\n")
		last = b
		return a != "" && a == b
	})
	var n int
	if _, err := fmt.Sscan(last, &n); err != nil || n >= rounds {
		t.Errorf("the writer stands at round %q of %d", last, rounds)
	}
	_ = st.Close()
}

// eventually tries until ok, or fails at the suite's limit.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func nonce() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// gone waits until the process whose number is in file has ended.
func gone(t *testing.T, c hosts.Conn, file string) {
	t.Helper()
	eventually(t, "the command is gone from the host", func() bool {
		res := mustRun(t, c, sh(`kill -0 "$(cat "$1")" 2>/dev/null && echo there`, file))
		return len(res.Stdout) == 0
	})
}

func cancelled(s subject) {
	t, h, c := s.T, s.host, s.conn
	file := h.Dir + "/pid-" + nonce()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := c.Run(ctx, sh(`echo $$ >"$1"; exec sleep 600`, file))
		ended <- err
	}()
	eventually(t, "the command runs", func() bool {
		return len(mustRun(t, c, sh(`cat "$1" 2>/dev/null`, file)).Stdout) > 0
	})
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a cancelled command did not return")
	}
	gone(t, c, file)
}

func cancelledStream(s subject) {
	t, h, c := s.T, s.host, s.conn
	file := h.Dir + "/pid-" + nonce()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	st := mustStream(ctx, t, c, sh(`echo $$ >"$1"; echo begun; exec sleep 600`, file))
	if _, err := io.ReadFull(st, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := st.Read(make([]byte, 1))
		ended <- err
	}()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a cancelled stream did not return")
	}
	if _, err := st.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
	gone(t, c, file)
}

func timedOut(s subject) {
	t, c := s.T, s.conn
	cmd := hosts.Cmd{Argv: []string{"sleep", "600"}, Timeout: 200 * time.Millisecond}
	_, err := c.Run(bounded(t), cmd)
	if !errors.Is(err, hosts.ErrTimeout) || !strings.Contains(err.Error(), "sleep 600") {
		t.Errorf("timeout: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.Run(ctx, hosts.Cmd{Argv: []string{"sleep", "600"}})
	if !errors.Is(err, hosts.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline of the context: %v", err)
	}
	if res := mustRun(t, c, sh("echo alive")); string(res.Stdout) != "alive\n" {
		t.Errorf("after timeouts: %q", res.Stdout)
	}
}

func concurrency(s subject) {
	t, c := s.T, s.conn
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			want := fmt.Sprintf("%d\n", i)
			res, err := c.Run(bounded(t), sh("sleep 0.2; echo $1", strings.TrimSpace(want)))
			if err != nil || string(res.Stdout) != want {
				t.Errorf("command %d: %q, %v", i, res.Stdout, err)
			}
		})
	}
	wg.Wait()
}

func terminalSize(s subject) {
	t, h, c := s.T, s.host, s.conn
	if h.NoTerm {
		t.Skip("this host gives no terminal")
	}
	resize := make(chan hosts.Size, 1)
	keys, typed := io.Pipe()
	defer typed.Close()
	cmd := sh(`echo "$TERM"; stty size; read x; echo "got $x"; while :; do stty size; sleep 0.1; done`)
	cmd.Term = &hosts.Term{Name: "xterm-256color", Cols: 91, Rows: 33, Resize: resize}
	cmd.Stdin = keys
	st := mustStream(bounded(t), t, c, cmd)
	seen := readUntil(t, st, "", "xterm-256color")
	seen = readUntil(t, st, seen, "33 91")
	_, _ = typed.Write([]byte("hello\r"))
	seen = readUntil(t, st, seen, "got hello")
	resize <- hosts.Size{Cols: 120, Rows: 50}
	readUntil(t, st, seen, "50 120")
}

func readUntil(t *testing.T, r io.Reader, seen, want string) string {
	t.Helper()
	buf := make([]byte, 1024)
	for !strings.Contains(seen, want) {
		n, err := r.Read(buf)
		seen += string(buf[:n])
		if err != nil {
			t.Fatalf("read %q and then %v; want %q", seen, err, want)
		}
	}
	return seen
}

func closed(s subject) {
	t, c := s.T, s.conn
	st := mustStream(bounded(t), t, c, sh("echo begun; exec sleep 600"))
	if _, err := io.ReadFull(st, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := st.Read(make([]byte, 1))
		ended <- err
	}()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a stream went on after Close")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a stream hangs after Close")
	}
	if _, err := st.Wait(); !errors.Is(err, hosts.ErrClosed) {
		t.Errorf("wait after Close: %v, want ErrClosed", err)
	}
	if _, err := c.Run(bounded(t), sh("true")); !errors.Is(err, hosts.ErrClosed) {
		t.Errorf("run after Close: %v, want ErrClosed", err)
	}
	if _, err := c.Dial(bounded(t), "tcp", "127.0.0.1:1"); !errors.Is(err, hosts.ErrClosed) {
		t.Errorf("dial after Close: %v, want ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
