package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
)

func local(t *testing.T) *Link {
	t.Helper()
	return open(t, Target{Name: "here", Kind: hosts.KindLocal}, Params{Log: slog.New(slog.DiscardHandler)})
}

func TestLocalLink(t *testing.T) {
	t.Parallel()
	l := local(t)
	if _, err := l.Run(within(t), hosts.Cmd{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	if s := l.State(); s.State != hosts.StateConnected || s.Via != "this machine" {
		t.Errorf("state %+v", s)
	}
	if fa := l.Facts(); fa.User == "" {
		t.Errorf("facts %+v", fa)
	}
}

func TestLocalNotExecutable(t *testing.T) {
	t.Parallel()
	l := local(t)
	res, err := l.Run(within(t), hosts.Cmd{Argv: []string{write(t, "plain", "text")}})
	if err != nil || res.Exit != 126 {
		t.Errorf("exit %d, %v; want 126 as a shell says", res.Exit, err)
	}
}

// A command that leaves a process behind which holds the output does not hold Run for ever.
func TestLocalBackgroundProcess(t *testing.T) {
	t.Parallel()
	l := local(t)
	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 1)
	go func() {
		_, err := l.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", "sleep 600 & echo begun"}})
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) && err != nil {
		t.Error(err)
	}
}

func TestParamsNeedALogger(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Open without a logger did not panic")
		}
	}()
	Open(t.Context(), Target{}, Params{})
}

// What is typed after the command ended belongs to whoever reads the terminal next.
func TestInteractiveLosesNoKeys(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	l := open(t, f.plain("10.0.0.1:22", sshd.Config{}), f.params())
	in, keys, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer keys.Close()
	var out lockedOutput
	ended := make(chan error, 1)
	go func() {
		res, err := Interactive(within(t), l, hosts.Cmd{
			Argv: []string{"sh", "-c", `read x; echo "got $x"; exit 4`}, Term: &hosts.Term{Name: "xterm", Cols: 80, Rows: 24},
		}, in, &out)
		if err == nil && res.Exit != 4 {
			err = errors.New("exit status lost")
		}
		ended <- err
	}()
	_, _ = keys.WriteString("hello\r")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "got hello") {
		t.Errorf("output %q", out.String())
	}
	_, _ = keys.WriteString("next")
	buf := make([]byte, 4)
	if _, err := io.ReadFull(in, buf); err != nil || string(buf) != "next" {
		t.Errorf("the next reader got %q, %v", buf, err)
	}
	if _, err := Interactive(within(t), l, hosts.Cmd{Argv: []string{"sh"}}, in, &out); err == nil {
		t.Error("an interactive command without a terminal was run")
	}
}

type lockedOutput struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedOutput) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedOutput) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
