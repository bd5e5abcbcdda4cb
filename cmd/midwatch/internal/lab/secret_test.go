//go:build lab

package lab

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The sudo password does its work and is nowhere to be found: not in the process lists of the host or
// of this machine, not in the host's journal or files, not in a file or a line of ours.
func TestSudoPasswordIsNowhere(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1")
	raw, err := os.ReadFile(l.Path("pw.password"))
	if err != nil {
		t.Fatal(err)
	}
	password := string(raw)
	// pw is not in the docker group: the containers are read through sudo or not at all.
	p := l.Program(t, l.Inventory()+fmt.Sprintf(`
[hosts.h1]
address = "h1"
user = "pw"
sudo = "password"
sudo_password = { file = %q }
`, l.Path("pw.password")))

	watch := startWatching(t, l, password)
	debug := filepath.Join(p.Home, "debug.log")
	var said strings.Builder
	for range 3 {
		r := p.Run(t, "--debug", debug, "status", "--json", "--timeout", "60s")
		h := ParseStatus(t, r.Stdout).Host(t, "h1")
		if h.State != "connected" || len(h.Containers) < 5 {
			t.Errorf("h1 is %s (%s) with %d containers: sudo did not work; unknown: %+v", h.State, h.Reason, len(h.Containers), h.Unknown)
		}
		said.WriteString(r.Stdout + r.Stderr)
	}
	r := p.Run(t, "--debug", debug, "logs", "h1/journal", "-n", "50")
	said.WriteString(r.Stdout + r.Stderr)
	samples := watch.stop()
	t.Logf("%d samples of the process lists", samples)
	if samples < 5 {
		t.Errorf("only %d samples of the process lists: this proves little", samples)
	}
	for _, where := range watch.found {
		t.Errorf("the password was in %s", where)
	}

	if strings.Contains(said.String(), password) {
		t.Error("the password is in the output")
	}
	if out := l.Exec(t, "h1", "sh", "-c", "journalctl -q -o export --no-pager | grep -acF '"+password+"' || true"); strings.TrimSpace(out) != "0" {
		t.Errorf("the password is in %s lines of the host's journal", strings.TrimSpace(out))
	}
	if out := l.Exec(t, "h1", "sh", "-c", "grep -rlaF '"+password+"' /root /home /tmp /var/tmp /var/log /run /dev/shm 2>/dev/null || true"); strings.TrimSpace(out) != "" {
		t.Errorf("the password is in files of the host: %s", out)
	}
	err = filepath.WalkDir(p.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, raw) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(l.Exec(t, "h1", "journalctl", "-q", "--no-pager", "-o", "cat", "-t", "sudo", "-n", "50"), "pw") {
		t.Error("the host's journal knows of no sudo by pw: this proves nothing")
	}
}

// watching looks at process lists again and again.
type watching struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	samples int
	found   []string
}

// startWatching samples the command lines and environments of every process of h1 and of this machine,
// its own aside.
func startWatching(t *testing.T, l *Lab, password string) *watching {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{cancel: cancel}
	argv := l.execArgv(t, "h1", "sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; true")
	w.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			out, err := try(ctx, argv...)
			if err == nil {
				w.samples++
			}
			if strings.Contains(out, password) {
				w.found = append(w.found, "the process list of the host")
			}
			if local := processes(); strings.Contains(local, password) {
				w.found = append(w.found, "the process list of this machine")
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *watching) stop() int {
	w.cancel()
	w.done.Wait()
	return w.samples
}

// processes is the command lines and environments of this machine's processes. Those that are gone, or
// not ours to read, are left out.
func processes() string {
	var b strings.Builder
	for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, n := range names {
			if data, err := os.ReadFile(n); err == nil {
				b.Write(data)
			}
		}
	}
	return b.String()
}
