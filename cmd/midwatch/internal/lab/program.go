//go:build lab

package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is the built binary with an inventory and directories of its own.
type Program struct {
	lab    *Lab
	bin    string
	Home   string // XDG directories are below it
	Config string // hosts.toml
	env    []string
	from   string // a capture, instead of Config
}

// Program writes inventory as a hosts.toml and returns the binary ready to run with it. Every host of
// the inventory is reached with the lab's ssh_config unless it says otherwise.
func (l *Lab) Program(t *testing.T, inventory string) *Program {
	t.Helper()
	bin := os.Getenv("MIDWATCH_BIN")
	if bin == "" {
		t.Skip("MIDWATCH_BIN is not set: make lab-test builds it and says where it is")
	}
	home := t.TempDir()
	p := &Program{lab: l, bin: bin, Home: home, Config: filepath.Join(home, "hosts.toml")}
	if err := os.WriteFile(p.Config, []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "MIDWATCH_"), strings.HasPrefix(name, "SSH_"),
			strings.HasPrefix(name, "DOCKER_"), name == "TERM", name == "TMUX", name == "NO_COLOR":
		default:
			p.env = append(p.env, e)
		}
	}
	for _, d := range []string{"CONFIG", "STATE", "CACHE", "DATA"} {
		p.env = append(p.env, "XDG_"+d+"_HOME="+filepath.Join(home, strings.ToLower(d)))
	}
	return p
}

// Inventory is the text of a hosts.toml with these hosts, by the aliases of the lab's ssh_config. The
// refresh is slow on purpose: what shows sooner was pushed by the host.
func (l *Lab) Inventory(names ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[defaults]\nssh_config = %s\n\n", strconv.Quote(l.Path("ssh_config")))
	for _, n := range names {
		fmt.Fprintf(&b, "[hosts.%s]\naddress = %q\nsudo = \"root\"\n\n", n, n)
	}
	return b.String()
}

// Setenv adds a variable to the program's environment.
func (p *Program) Setenv(name, value string) { p.env = append(p.env, name+"="+value) }

// Result is what a finished run left.
type Result struct {
	Stdout, Stderr string
	Exit           int
	Took           time.Duration
}

// source is the fleet the program looks at.
func (p *Program) source() []string {
	if p.from != "" {
		return []string{"--from", p.from}
	}
	return []string{"--config", p.Config}
}

// Away is the program on another machine: it has the capture, and neither hosts, keys, an inventory, ssh
// nor an engine.
func (p *Program) Away(capture string) *Program {
	gone := filepath.Join(p.Home, "away")
	return &Program{lab: p.lab, bin: p.bin, Home: gone, from: capture, env: []string{
		"PATH=" + gone, "HOME=" + gone, "LANG=C.UTF-8", "DOCKER_HOST=tcp://127.0.0.1:1", "SSH_AUTH_SOCK=" + filepath.Join(gone, "agent"),
		"XDG_CONFIG_HOME=" + gone, "XDG_STATE_HOME=" + gone, "XDG_CACHE_HOME=" + gone, "XDG_DATA_HOME=" + gone,
	}}
}

func (p *Program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.bin, append(p.source(), args...)...)
	cmd.Env = append(p.env, "TERM=dumb")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// Run runs the program to its end, at most for three minutes.
func (p *Program) Run(t *testing.T, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := p.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String(), Took: time.Since(start), Exit: cmd.ProcessState.ExitCode()}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("midwatch %s: %v", strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("midwatch %s: still running after three minutes\n%s%s", strings.Join(args, " "), r.Stdout, r.Stderr)
	}
	return r
}

// MustRun is Run for a run that has to end with the given exit code.
func (p *Program) MustRun(t *testing.T, exit int, args ...string) Result {
	t.Helper()
	r := p.Run(t, args...)
	if r.Exit != exit {
		t.Fatalf("midwatch %s: exit %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.Exit, exit, r.Stdout, r.Stderr)
	}
	return r
}

// Line is a line of a running program, with the moment it came.
type Line struct {
	Text string
	At   time.Time
}

// Running is a program that goes on until the test ends.
type Running struct {
	Pid   int
	Lines <-chan Line // standard output; closed at its end

	mu     sync.Mutex
	stderr bytes.Buffer
}

// Write takes the program's standard error.
func (r *Running) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.Write(b)
}

// Stderr is what the program wrote to standard error so far.
func (r *Running) Stderr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stderr.String()
}

// Start starts the program; it is interrupted and waited for when the test ends.
func (p *Program) Start(t *testing.T, args ...string) *Running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := p.command(ctx, args...)
	r := new(Running)
	cmd.Stderr = r
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	r.Pid = cmd.Process.Pid
	lines := make(chan Line, 1<<14) // nobody may be reading for a while, and the moment a line came must be true
	r.Lines = lines
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		in := bufio.NewScanner(out)
		in.Buffer(nil, 16<<20)
		for in.Scan() {
			select {
			case lines <- Line{in.Text(), time.Now()}:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait() // it was told to end
	})
	return r
}

// Next returns the first line from now on that ok accepts, and fails the test after limit.
func (r *Running) Next(t *testing.T, limit time.Duration, what string, ok func(string) bool) Line {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var last string
	for {
		select {
		case l, open := <-r.Lines:
			if !open {
				t.Fatalf("%s: the program ended; last line %q, stderr:\n%s", what, last, r.Stderr())
			}
			if ok(l.Text) {
				return l
			}
			last = l.Text
		case <-timer.C:
			t.Fatalf("%s: not within %s; last line %q, stderr:\n%s", what, limit, last, r.Stderr())
		}
	}
}
