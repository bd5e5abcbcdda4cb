package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

func testRun(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true})
	for cmd, want := range map[string]struct {
		out, err string
		exit     int
	}{
		"echo hello":       {out: "hello\n"},
		"echo trouble >&2": {err: "trouble\n"},
		"exit 7":           {exit: 7},
	} {
		r, err := f.Client.Run(t.Context(), name, 0, "sh", "-c", cmd)
		if err != nil || string(r.Stdout) != want.out || string(r.Stderr) != want.err || r.Exit != want.exit || r.Truncated {
			t.Errorf("%s: %q, %q, exit %d, %v", cmd, r.Stdout, r.Stderr, r.Exit, err)
		}
	}
	if r, err := f.Client.Run(t.Context(), name, 3, "sh", "-c", "echo hello"); err != nil || string(r.Stdout) != "hel" || !r.Truncated {
		t.Errorf("bounded: %q, %v, %v", r.Stdout, r.Truncated, err)
	}
	if _, err := f.Client.Run(t.Context(), name, 0, "mwtest-no-such-command"); !errors.Is(err, hosts.ErrMissing) {
		t.Errorf("no such command: %v", err)
	}
}

func testInput(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true})
	var out strings.Builder
	code, err := f.Client.Exec(t.Context(), name, docker.ExecSpec{
		Argv: []string{"sh", "-c", "cat"}, Stdin: strings.NewReader("one\ntwo\n"), Stdout: &out,
	})
	if err != nil || code != 0 || out.String() != "one\ntwo\n" {
		t.Errorf("%q, exit %d, %v", out.String(), code, err)
	}
}

// keyboard is a standard input that a test types on and that can be ended.
type keyboard struct {
	*io.PipeReader
	w    *io.PipeWriter
	once sync.Once
}

func newKeyboard() *keyboard {
	r, w := io.Pipe()
	return &keyboard{PipeReader: r, w: w}
}

// Cancel implements docker.Canceler.
func (k *keyboard) Cancel() bool {
	k.once.Do(func() { _ = k.w.Close() })
	return true
}

// screen collects output and can be waited on.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) shows(want string) func(context.Context) error {
	return func(context.Context) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !strings.Contains(s.text.String(), want) {
			return fmt.Errorf("the screen shows %q, want %q in it", s.text.String(), want)
		}
		return nil
	}
}

func testShell(t *testing.T, f Fixture) {
	name := f.Create(t, Spec{Stays: true})
	keys, out := newKeyboard(), &screen{}
	sizes := make(chan hosts.Size)
	ended := make(chan error, 1)
	go func() {
		ended <- f.Client.ExecShell(t.Context(), name, keys, out, io.Discard, hosts.Term{Cols: 91, Rows: 33, Resize: sizes})
	}()
	ask := func(want string) {
		t.Helper()
		// The size reaches the terminal a moment after the shell does.
		eventually(t, func(ctx context.Context) error {
			if _, err := io.WriteString(keys.w, "stty size\n"); err != nil {
				return err
			}
			return out.shows(want)(ctx)
		})
	}
	ask("33 91")
	sizes <- hosts.Size{Cols: 120, Rows: 40}
	ask("40 120")
	if _, err := io.WriteString(keys.w, "exit 3\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("shell: %v", err)
	}
	// A context ends a shell that nobody leaves.
	ctx, cancel := context.WithCancel(t.Context())
	out = &screen{}
	go func() {
		ended <- f.Client.ExecShell(ctx, name, newKeyboard(), out, io.Discard, hosts.Term{Cols: 80, Rows: 24})
	}()
	eventually(t, out.shows("$ "))
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled shell: %v", err)
	}
}
