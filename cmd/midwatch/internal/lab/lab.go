//go:build lab

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Lab is a lab that is up.
type Lab struct {
	ID    string `json:"id"`
	Tag   string `json:"tag"` // prefix of containers, comment of firewall rules
	Dir   string `json:"dir"` // keys, ssh_config, known_hosts
	Hosts []Host `json:"hosts"`
}

// Host is one host of the lab.
type Host struct {
	Name      string `json:"name"`
	Container string `json:"container"` // of the engine of this machine
	Address   string `json:"address"`
	Engine    bool   `json:"engine"`  // has a Docker Engine that works
	Compose   string `json:"compose"` // version of its compose plugin; "" has none
}

// Open reads what lab.sh left. It skips the test when there is no lab.
func Open(t *testing.T) *Lab {
	t.Helper()
	dir := os.Getenv("MIDWATCH_LAB")
	if dir == "" {
		t.Skip("MIDWATCH_LAB is not set: run make lab-up, then make lab-test")
	}
	data, err := os.ReadFile(filepath.Join(dir, "lab.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the lab is not up (no lab.json in %s): run make lab-up", dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	l := new(Lab)
	if err := json.Unmarshal(data, l); err != nil {
		t.Fatalf("lab.json: %v", err)
	}
	return l
}

// Host returns the named host.
func (l *Lab) Host(t *testing.T, name string) Host {
	t.Helper()
	for _, h := range l.Hosts {
		if h.Name == name {
			return h
		}
	}
	t.Fatalf("the lab has no host %q", name)
	return Host{}
}

// NeedEngine skips the test unless all the named hosts have an engine that works.
func (l *Lab) NeedEngine(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if !l.Host(t, name).Engine {
			t.Skipf("%s has no working Docker Engine on this machine", name)
		}
	}
}

// NeedCompose skips the test unless all the named hosts have an engine and docker compose.
func (l *Lab) NeedCompose(t *testing.T, names ...string) {
	t.Helper()
	l.NeedEngine(t, names...)
	for _, name := range names {
		if l.Host(t, name).Compose == "" {
			t.Skipf("%s has no docker compose: lab.sh could not get the plugin, see its words", name)
		}
	}
}

// Path is a file of the lab's state directory.
func (l *Lab) Path(name string) string { return filepath.Join(l.Dir, name) }

// run is a command of this machine; it fails the test when the command fails.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := try(t.Context(), argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// try runs a command of this machine for a minute at most and returns its standard output.
func try(ctx context.Context, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), &runError{argv: argv, stderr: strings.TrimSpace(stderr.String()), err: err}
	}
	return stdout.String(), nil
}

type runError struct {
	argv   []string
	stderr string
	err    error
}

func (e *runError) Error() string {
	return strings.Join(e.argv, " ") + ": " + e.err.Error() + ": " + e.stderr
}

func (e *runError) Unwrap() error { return e.err }

// Exec runs a command on a host as root, not over ssh: what midwatch says is compared with it.
func (l *Lab) Exec(t *testing.T, host string, argv ...string) string {
	t.Helper()
	return run(t, l.execArgv(t, host, argv...)...)
}

func (l *Lab) execArgv(t *testing.T, host string, argv ...string) []string {
	t.Helper()
	return append([]string{"docker", "exec", l.Host(t, host).Container}, argv...)
}

// after runs clean-up commands when the test ends, though its context is over by then.
func after(t *testing.T, argv ...string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := try(context.Background(), argv...); err != nil {
			t.Errorf("clean-up: %v", err)
		}
	})
}

// Poll asks again and again until ok says so, and fails the test after limit with what ok saw last.
func Poll(t *testing.T, limit time.Duration, what string, ok func() (done bool, seen string)) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var seen string
	for {
		var done bool
		if done, seen = ok(); done {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %s; last seen:\n%s", what, limit, seen)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v; last seen:\n%s", what, t.Context().Err(), seen)
		case <-tick.C:
		}
	}
}

// Cut drops every packet to and from a host, as a broken network does, and returns the way to mend it;
// it is mended anyway when the test ends. It skips the test where the firewall cannot be changed.
func (l *Lab) Cut(t *testing.T, host string) (mend func()) {
	t.Helper()
	addr := l.Host(t, host).Address
	comment := l.Tag + "-cut-" + host
	rules := [][]string{
		{"INPUT", "-s", addr, "-m", "comment", "--comment", comment, "-j", "DROP"},
		{"OUTPUT", "-d", addr, "-m", "comment", "--comment", comment, "-j", "DROP"},
	}
	mended := false
	mend = func() {
		if mended {
			return
		}
		mended = true
		for _, r := range rules {
			if _, err := try(context.Background(), append([]string{"iptables", "-w", "10", "-D"}, r...)...); err != nil {
				t.Errorf("mend %s: %v", host, err)
			}
		}
	}
	for i, r := range rules {
		if _, err := try(t.Context(), append([]string{"iptables", "-w", "10", "-I"}, r...)...); err != nil {
			rules = rules[:i]
			mend()
			t.Skipf("the firewall cannot be changed here: %v", err)
		}
	}
	t.Cleanup(mend)
	return mend
}

// NewHostKey gives a host another key and restarts its sshd, as a host that was built anew has, or
// one that is not what it says; the old key is back when the test ends.
func (l *Lab) NewHostKey(t *testing.T, host string) {
	t.Helper()
	const key = "/etc/ssh/ssh_host_ed25519_key"
	after(t, l.execArgv(t, host, "sh", "-ec", "mv "+key+".was "+key+"; mv "+key+".pub.was "+key+".pub; systemctl restart ssh")...)
	l.Exec(t, host, "sh", "-ec", "mv "+key+" "+key+".was; mv "+key+".pub "+key+".pub.was; ssh-keygen -q -t ed25519 -N '' -f "+key+"; systemctl restart ssh")
}
