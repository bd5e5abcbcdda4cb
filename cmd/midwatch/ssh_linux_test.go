package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts/sshd"
)

// machine is what a server of the tests runs commands on: this one.
type machine struct{}

func (machine) Exec(ctx context.Context, r *sshd.Request) int {
	cmd := exec.CommandContext(ctx, "sh", "-c", r.Command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.Stdin, r.Stdout, r.Stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode()
}

func (machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return nil, fmt.Errorf("no %s here", network)
}

// startSSH serves an SSH server on the loopback that wants a password, and returns its port and host
// key.
func startSSH(t *testing.T, password string) (port string, key ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	srv, err := sshd.New(sshd.Config{
		HostKeys: []ssh.Signer{signer}, Password: func(_, got string) bool { return got == password },
	}, machine{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _ = srv.Serve(ctx, c) })
		}
	})
	t.Cleanup(func() { cancel(); _ = l.Close(); wg.Wait() })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, signer.PublicKey()
}

// sshInventory writes an inventory with one host on the loopback.
func sshInventory(t *testing.T, port string) (file, known string) {
	t.Helper()
	dir := t.TempDir()
	file, known = filepath.Join(dir, "hosts.toml"), filepath.Join(dir, "known_hosts")
	text := fmt.Sprintf("[hosts.web]\naddress = \"127.0.0.1\"\nport = %s\nuser = \"ops\"\nssh_config = \"none\"\nagent = \"none\"\nknown_hosts = [%q]\ndocker = false\n", port, known)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, known
}

// The first login at a terminal: the unknown key is shown and asked about, the password is not
// echoed, and the terminal is as it was afterwards.
func TestPromptsAtTheTerminal(t *testing.T) {
	t.Parallel()
	const password = "correct horse"
	port, key := startSSH(t, password)
	file, known := sshInventory(t, port)
	x := startTerminal(t, "--config", file, "status", "--timeout", "30s")
	before := x.state()
	x.waitFor(ssh.FingerprintSHA256(key))
	x.waitFor("(yes/no)")
	x.send("yes\r")
	x.waitFor("assword")
	x.send(password + "\r")
	if code := x.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	out := x.text()
	if !strings.Contains(out, "connected") || strings.Contains(out, password) {
		t.Errorf("it wrote %q", out)
	}
	if x.state() != before {
		t.Error("the terminal's state was not put back")
	}
	recorded, err := os.ReadFile(known)
	if err != nil || !strings.Contains(string(recorded), strings.Fields(string(ssh.MarshalAuthorizedKey(key)))[1]) {
		t.Errorf("known_hosts holds %q, %v", recorded, err)
	}
}

// Interrupted at a prompt: nothing is left switched off.
func TestInterruptAtThePrompt(t *testing.T) {
	t.Parallel()
	port, _ := startSSH(t, "x")
	file, known := sshInventory(t, port)
	x := startTerminal(t, "--config", file, "hosts", "trust")
	before := x.state()
	x.waitFor("record and trust? (yes/no)")
	x.send("\x03")
	if code := x.exit(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if x.state() != before {
		t.Error("the terminal's state was not put back")
	}
	if _, err := os.Stat(known); err == nil {
		t.Error("a key was recorded without an answer")
	}
}

// hosts trust without a terminal records only the fingerprint that is named, and a key that changed
// is refused with the line that stands against it.
func TestTrust(t *testing.T) {
	t.Parallel()
	port, key := startSSH(t, "x")
	file, known := sshInventory(t, port)
	trust := func(args ...string) (string, int) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, append([]string{"--config", file, "hosts", "trust"}, args...)...)
		cmd.Args[0] = "midwatch"
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	fp := ssh.FingerprintSHA256(key)
	if out, code := trust(); code != 1 || !strings.Contains(out, "web: not trusted") || !strings.Contains(out, fp+"  not on record") {
		t.Errorf("unknown: %d %s", code, out)
	}
	if out, code := trust("--accept", "SHA256:another"); code != 1 {
		t.Errorf("another fingerprint: %d %s", code, out)
	}
	if _, err := os.Stat(known); err == nil {
		t.Error("a key was recorded without consent")
	}
	if out, code := trust("--accept", fp); code != 0 || !strings.Contains(out, "recorded now") {
		t.Errorf("accepted: %d %s", code, out)
	}
	if out, code := trust("--json"); code != 0 || !strings.Contains(out, `"state": "on record"`) {
		t.Errorf("again: %d %s", code, out)
	}
	// Another machine answers in its place.
	_, other := startSSH(t, "x")
	line := fmt.Sprintf("# before\n[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(other))
	if err := os.WriteFile(known, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := trust("--accept", fp); code != 1 || !strings.Contains(out, "changed, see "+known+":2") {
		t.Errorf("changed: %d %s", code, out)
	}
}
