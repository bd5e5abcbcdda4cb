package remote

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/step"
)

type heard struct {
	mu       sync.Mutex
	out, err []string
}

func (h *heard) line(text string, stderr bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if stderr {
		h.err = append(h.err, text)
	} else {
		h.out = append(h.out, text)
	}
}

// TestJobOutlivesItsClient: the client of a job is killed; another one finds the job, gets all of its output and
// its exit status, and cannot start it again.
func TestJobOutlivesItsClient(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	cmd, said := other(t, "job", root)
	if got := []string{<-said, <-said}; !slices.Contains(got, "one") {
		t.Fatalf("said %q", got)
	}
	cmd.Process.Kill()
	cmd.Wait()
	h := here(t, root)
	j := h.Jobs("r1", "s.1")
	if p, _, err := j.Find(t.Context(), "main"); p != step.Running || err != nil {
		t.Fatalf("found %v, %v", p, err)
	}
	r := record("op")
	if _, _, err := h.Acquire(t.Context(), r, Over{}); err != nil {
		t.Fatal(err)
	}
	age(t, root, r, time.Hour)
	look := only(t, h)
	if look.Jobs != 1 || look.State() != "live" || !look.Quiet() {
		t.Errorf("a job of the run is alive, its lock: %+v", look)
	}
	if _, _, err := h.Acquire(t.Context(), record("me"), Over{Token: r.Token, Quiet: r.TTL}); !errors.Is(err, ErrHeld) {
		t.Errorf("taken over while a job runs: %v", err)
	}
	if err := os.WriteFile(filepath.Join(root, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it has ended: it is not run again
		var l heard
		exit, err := j.Run(t.Context(), "main", step.Job{Argv: []string{"false"}}, l.line)
		if err != nil || exit != 7 || strings.Join(l.out, "|") != "one|two|three|four" || strings.Join(l.err, "|") != "oops" {
			t.Fatalf("exit %d, %v, %q %q", exit, err, l.out, l.err)
		}
	}
	if p, exit, err := j.Find(t.Context(), "main"); p != step.Ended || exit != 7 || err != nil {
		t.Errorf("found %v %d, %v", p, exit, err)
	}
	if b, err := j.Log(t.Context(), "main", 8); err != nil || string(b) != "ree\nfouroops\n" {
		t.Errorf("log %q, %v", b, err)
	}
	if p, _, _ := h.Jobs("r1", "s.2").Find(t.Context(), "main"); p != step.NotStarted {
		t.Errorf("another try: %v", p)
	}
}

// TestJobStartsOnce: many clients start the same job at once; it runs once.
func TestJobStartsOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	count := filepath.Join(root, "count")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var l heard
			exit, err := h.Jobs("r-"+t.Name(), "s.1").Run(t.Context(), "main", step.Job{Argv: []string{"sh", "-c", `echo x >>"$1"; echo done`, "sh", count}}, l.line)
			if err != nil || exit != 0 || len(l.out) != 1 || l.out[0] != "done" {
				t.Errorf("exit %d, %v, %q", exit, err, l.out)
			}
		})
	}
	wg.Wait()
	if b, _ := os.ReadFile(count); string(b) != "x\n" {
		t.Errorf("it ran: %q", b)
	}
}

func TestJobStop(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	j := h.Jobs("r-"+t.Name(), "s.1")
	pid := filepath.Join(root, "child")
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(ctx, "main", step.Job{Argv: []string{"sh", "-c", `sleep 1000 & echo $! >"$1"; echo up; wait`, "sh", pid}},
			func(string, bool) { close(began) })
		ended <- err
	}()
	<-began
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if p, _, _ := j.Find(t.Context(), "main"); p != step.Running {
		t.Errorf("who waits left, and the job: %v", p)
	}
	if err := j.Stop(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	p, exit, err := j.Find(t.Context(), "main")
	if p != step.Ended || exit != 143 || err != nil {
		t.Errorf("stopped: %v %d %v", p, exit, err)
	}
	b, _ := os.ReadFile(pid)
	if stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("its child is alive: %s", stat)
	}
	if err := j.Stop(t.Context(), "never"); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(root, "mark")
	if exit, err := j.Run(t.Context(), "never", step.Job{Argv: []string{"touch", mark}}, func(string, bool) {}); exit != 143 || err != nil {
		t.Errorf("stopped before it began: %d, %v", exit, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a stopped job was started")
	}
}

// TestJobSecrets: they reach the program, and nothing but the program: not its directory, not any argv.
func TestJobSecrets(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	const secret = "s3ntinel'\"$(x)\nsecond line"
	var l heard
	// The job prints what it got backwards, and the arguments of all processes.
	script := `printf %s "$TOKEN" | rev; echo; cat | rev; echo; tr '\0' ' ' </proc/$PPID/cmdline; echo; cat /proc/*/cmdline 2>/dev/null | tr '\0\n' '  '; echo; umask; pwd; echo "$PLAIN"`
	exit, err := h.Jobs("r-"+t.Name(), "s.1").Run(t.Context(), "main", step.Job{
		Argv: []string{"sh", "-c", script}, Dir: root, Env: map[string]string{"PLAIN": "it's $HOME"},
		Secret: map[string]hosts.Secret{"TOKEN": hosts.NewSecret(secret)}, Stdin: hosts.NewSecret(secret),
	}, l.line)
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Join(l.out, "\n")
	if strings.Contains(out, "s3ntinel") || strings.Count(out, `)x($"'lenitn3s`) != 2 || strings.Count(out, "enil dnoces") != 2 {
		t.Errorf("exit %d: %q %q", exit, l.out, l.err)
	}
	if !strings.Contains(out, root+"\nit's $HOME") {
		t.Errorf("directory or environment: %q", out)
	}
	filepath.WalkDir(root, func(p string, d os.DirEntry, _ error) error {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), "s3ntinel") {
			t.Errorf("the secret is in %s", p)
		}
		return nil
	})
	for _, base := range []string{"/run", "/dev/shm"} {
		if left, _ := filepath.Glob(base + "/midwatch-r-TestJobSecrets*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestJobLost(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := here(t, root)
	j := h.Jobs("r-"+t.Name(), "s.1")
	began := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		_, err := j.Run(t.Context(), "main", step.Job{Argv: []string{"sh", "-c", "echo up; sleep 1000"}}, func(string, bool) { close(began) })
		ended <- err
	}()
	<-began
	b, err := os.ReadFile(filepath.Join(j.dir("main"), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(b), " ")
	if out, err := exec.Command("kill", "-9", "--", "-"+pid).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := <-ended; !errors.Is(err, ErrLost) {
		t.Errorf("the runner was killed: %v", err)
	}
	if p, _, err := j.Find(t.Context(), "main"); p != step.Unclear || err != nil {
		t.Errorf("found %v, %v", p, err)
	}
}

func TestJobRefuses(t *testing.T) {
	t.Parallel()
	h := here(t, t.TempDir())
	for name, job := range map[string]step.Job{
		"nothing": {}, "NUL": {Argv: []string{"a\x00b"}}, "env": {Argv: []string{"x"}, Env: map[string]string{"a b": "1"}},
		"secret": {Argv: []string{"x"}, Secret: map[string]hosts.Secret{"x;y": hosts.NewSecret("1")}},
	} {
		if _, err := h.Jobs("r", "s").Run(t.Context(), "main", job, func(string, bool) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestSweep takes out the secrets of a job whose start was cut off before it had them.
func TestSweep(t *testing.T) {
	t.Parallel()
	h := here(t, t.TempDir())
	unit := h.Jobs("r-sweep", "s.1").unit("main")
	dir, err := os.MkdirTemp("/dev/shm", unit+".")
	if err != nil {
		t.Skip(err)
	}
	other, err := os.MkdirTemp("/dev/shm", "midwatch-r-sweeper-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(other)
	if err := h.Sweep(t.Context(), "r-sweep"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another run's: %v", err)
	}
}
