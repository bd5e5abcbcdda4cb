//go:build lab

package lab

import (
	"fmt"
	"strings"
	"testing"
)

// connected runs status and wants every host of the inventory connected and read.
func connected(t *testing.T, p *Program, names ...string) Status {
	t.Helper()
	r := p.Run(t, "status", "--json", "--timeout", "60s")
	s := ParseStatus(t, r.Stdout)
	for _, n := range names {
		h := s.Host(t, n)
		if h.State != "connected" || h.Load == nil {
			t.Errorf("%s is %s: %s\n%s", n, h.State, h.Reason, r.Stderr)
		}
		t.Logf("%s: %s", n, h.Via)
	}
	return s
}

// sshd of h3 refuses to forward unix sockets; its engine is reached all the same.
func TestDockerWithoutStreamLocal(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h3")
	p := l.Program(t, l.Inventory("h3"))
	s := connected(t, p, "h3")
	if n := len(s.Host(t, "h3").Containers); n < 5 {
		t.Errorf("%d containers", n)
	}
}

func TestJumpHost(t *testing.T) {
	l := Open(t)
	// As ssh has it (ProxyJump), and as the inventory has it, with nothing of ssh's.
	p := l.Program(t, l.Inventory("inner")+fmt.Sprintf(`
[groups.plain]
ssh_config = "none"
user = "root"
identity_files = [%[1]q]
known_hosts = [%[2]q]
agent = "none"

[hosts.gate]
address = %[3]q
groups = ["plain"]

[hosts.behind]
address = %[4]q
groups = ["plain"]
jump = ["gate"]

[hosts.alone]
address = %[4]q
groups = ["plain"]
timeouts = { connect = "3s" }
`, l.Path("id_ed25519"), l.Path("known_hosts"), l.Host(t, "bastion").Address, l.Host(t, "inner").Address))
	s := connected(t, p, "inner", "gate", "behind")
	if h := s.Host(t, "alone"); h.State == "connected" {
		t.Log("inner answers without the jump too: the firewall of this machine could not be set, so the jump is used but not needed")
	} else {
		t.Logf("without the jump: %s: %s", h.State, h.Reason)
	}
}

func TestCertificates(t *testing.T) {
	l := Open(t)
	connected(t, l.Program(t, l.Inventory("cert")), "cert")
}

func TestKeyWithPassphrase(t *testing.T) {
	l := Open(t)
	p := l.Program(t, fmt.Sprintf(`
[hosts.h1]
address = %q
ssh_config = "none"
user = "root"
identity_files = [%q]
known_hosts = [%q]
agent = "none"
passphrase = { env = "LAB_PASSPHRASE" }
`, l.Host(t, "h1").Address, l.Path("id_pass"), l.Path("known_hosts")))
	p.Setenv("LAB_PASSPHRASE", "correct horse")
	connected(t, p, "h1")

	p.Setenv("LAB_PASSPHRASE", "wrong mule")
	r := p.MustRun(t, 3, "status", "--json", "--timeout", "60s")
	if h := ParseStatus(t, r.Stdout).Host(t, "h1"); h.State == "connected" || strings.Contains(r.Stdout+r.Stderr, "wrong mule") {
		t.Errorf("with a wrong passphrase: %s: %s", h.State, h.Reason)
	} else {
		t.Logf("with a wrong passphrase: %s", h.Reason)
	}
}

func TestLoginByPassword(t *testing.T) {
	l := Open(t)
	p := l.Program(t, fmt.Sprintf(`
[hosts.h1]
address = %q
ssh_config = "none"
user = "pw"
identity_files = []
known_hosts = [%q]
agent = "none"
password = { file = %q }
`, l.Host(t, "h1").Address, l.Path("known_hosts"), l.Path("pw.password")))
	connected(t, p, "h1")
}

// The key of h2 is on record hashed, that of h1 plainly, and neither where there is no file.
func TestUnknownHostKeyIsNotTrusted(t *testing.T) {
	l := Open(t)
	connected(t, l.Program(t, l.Inventory("h2")), "h2")
	empty := t.TempDir() + "/known_hosts"
	p := l.Program(t, l.Inventory("h1")+fmt.Sprintf("known_hosts = [%q]\n", empty))
	h := ParseStatus(t, p.MustRun(t, 3, "status", "--json", "--timeout", "60s").Stdout).Host(t, "h1")
	if h.State == "connected" || !strings.Contains(h.Reason, "SHA256:") {
		t.Fatalf("h1 is %s: %s; want it refused and the fingerprint shown", h.State, h.Reason)
	}
	shown := p.MustRun(t, 1, "hosts", "trust", "h1").Stdout
	fingerprint := strings.Fields(l.Exec(t, "h1", "ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"))[1]
	if !strings.Contains(shown, fingerprint) {
		t.Fatalf("hosts trust shows\n%s\nwant %s", shown, fingerprint)
	}
	p.MustRun(t, 0, "hosts", "trust", "h1", "--accept", fingerprint)
	connected(t, p, "h1")
}
