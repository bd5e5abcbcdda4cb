package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops/step"
)

// Roles of the test binary when it runs as another process.
const (
	roleEnv = "MIDWATCH_TEST_ROLE"
	rootEnv = "MIDWATCH_TEST_ROOT"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(context.Background(), role, os.Getenv(rootEnv)); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

func open(ctx context.Context) hosts.Conn {
	return transport.Open(ctx, transport.Target{Name: "here", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
}

// play is what another process does: it holds a lock, or runs a job, until it is killed.
func play(ctx context.Context, role, root string) error {
	h, err := Open(ctx, "here", open(ctx), root, false)
	if err != nil {
		return err
	}
	switch role {
	case "hold":
		l, _, err := h.Acquire(ctx, record("holder"), Over{})
		if err != nil {
			return err
		}
		return l.Hold(ctx, func(Beat) { fmt.Fprintln(os.Stdout, "beat") })
	case "job":
		_, err := h.Jobs("r1", "s.1").Run(ctx, "main", step.Job{Argv: []string{"sh", "-c", slowJob, "sh", root}},
			func(text string, _ bool) { fmt.Fprintln(os.Stdout, text) })
		return err
	}
	return errors.New("no such role")
}

// slowJob prints a line, waits until a file says go on, and ends with status 7.
const slowJob = `echo one; echo two; echo oops >&2; while [ ! -e "$1/go" ]; do sleep 0.05; done; echo three; printf four; exit 7`

// other starts this test as another process in a role; said are the lines it prints.
func other(t *testing.T, role, root string) (cmd *exec.Cmd, said chan string) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), roleEnv+"="+role, rootEnv+"="+root)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said = make(chan string, 1000)
	go func() {
		defer close(said)
		b := make([]byte, 4096)
		rest := ""
		for {
			n, err := out.Read(b)
			rest += string(b[:n])
			for {
				line, after, ok := strings.Cut(rest, "\n")
				if !ok {
					break
				}
				said <- line
				rest = after
			}
			if err != nil {
				return
			}
		}
	}()
	return cmd, said
}

// here is a Host on this machine with a root of its own.
func here(t *testing.T, root string) *Host {
	t.Helper()
	c := open(context.Background())
	t.Cleanup(func() { c.Close() })
	h, err := Open(t.Context(), "here", c, root, false)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func record(user string) LockRecord {
	return LockRecord{Token: NewToken(), Run: "r1", Deploy: "web", Env: "production", User: user, Machine: "laptop", Reason: `why "run":"x" *`, TTL: 1e9, PID: os.Getpid()}
}
