package transport

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"midwatch/hosts"
	"midwatch/hosts/transport/conformance"
)

// openSSH is a real sshd on a loopback port, run by whoever runs the test.
type openSSH struct {
	dir    string
	port   int
	key    string // private key that may log in
	known  string
	target Target
	log    *bytes.Buffer
}

// writeKey makes a key file of OpenSSH's own format and returns its path and public half.
func writeKey(t testing.TB, dir, name, passphrase string) (string, ssh.PublicKey) {
	t.Helper()
	path := filepath.Join(dir, name)
	if keygen, kerr := exec.LookPath("ssh-keygen"); kerr == nil && passphrase != "" {
		// One round of its key derivation instead of sixteen, which take long under the race detector.
		out, gerr := exec.CommandContext(t.Context(), keygen, "-q", "-t", "ed25519", "-a", "1", "-N", passphrase, "-f", path).CombinedOutput()
		if gerr != nil {
			t.Fatalf("ssh-keygen: %v: %s", gerr, out)
		}
		pub, perr := readPublic(path + ".pub")
		if perr != nil {
			t.Fatal(perr)
		}
		_ = os.Remove(path + ".pub")
		return path, pub
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, name)
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, name, []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	pub, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return path, pub
}

// startOpenSSH starts sshd with extra lines of configuration, or skips the test.
func startOpenSSH(t *testing.T, extra string) *openSSH {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Skip("no sshd on this machine")
	}
	me, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd of root wants it
			t.Skip(err)
		}
	}
	s := &openSSH{dir: t.TempDir(), log: &bytes.Buffer{}}
	hostKey, hostPub := writeKey(t, s.dir, "host_key", "")
	var pub ssh.PublicKey
	s.key, pub = writeKey(t, s.dir, "id", "")
	auth := filepath.Join(s.dir, "authorized_keys")
	if err := os.WriteFile(auth, ssh.MarshalAuthorizedKey(pub), 0o600); err != nil {
		t.Fatal(err)
	}
	for try := 1; ; try++ {
		s.port = freePort(t)
		if s.start(t, program, hostKey, auth, extra) {
			break
		}
		if try == 5 {
			t.Skipf("sshd does not start here: %s", s.log)
		}
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	s.known = filepath.Join(s.dir, "known_hosts")
	if err := os.WriteFile(s.known, []byte(knownhosts.Line([]string{addr}, hostPub)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.target = Target{
		Name: "loopback", Kind: hosts.KindSSH, Address: "127.0.0.1", Port: s.port, User: me.Username,
		SSHConfig: noConfig, IdentityFiles: []string{s.key}, KnownHostsFiles: []string{s.known},
	}
	return s
}

func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *openSSH) start(t *testing.T, program, hostKey, auth, extra string) bool {
	t.Helper()
	conf := filepath.Join(s.dir, "sshd_config")
	text := fmt.Sprintf(`Port %d
ListenAddress 127.0.0.1
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 100
%s
`, s.port, hostKey, auth, extra)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	out := &lockedBuffer{mu: &mu, b: s.log}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-D", "-e", "-f", conf)
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			mu.Lock()
			defer mu.Unlock()
			t.Logf("sshd said:\n%s", s.log)
		}
	})
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
	up := false
	eventually(t, "sshd listens", func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return false
		}
		_ = c.Close()
		up = true
		return true
	})
	return up
}

type lockedBuffer struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func realParams(t testing.TB) Params {
	t.Helper()
	f := newFarm(t)
	p := f.params()
	p.Dial = nil
	return p
}

func TestOpenSSHConforms(t *testing.T) {
	t.Parallel()
	s := startOpenSSH(t, "MaxSessions 4")
	conformance.Run(t, conformance.Host{
		Dir: t.TempDir(), Echo: conformance.EchoServers(t),
		Open: func(t *testing.T) hosts.Conn {
			t.Helper()
			return open(t, s.target, realParams(t))
		},
	})
}

// Twelve reads at once on a host that allows four sessions.
func TestOpenSSHMaxSessions(t *testing.T) {
	t.Parallel()
	s := startOpenSSH(t, "MaxSessions 4")
	l := open(t, s.target, realParams(t))
	for round := range 3 {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				want := fmt.Sprintf("%d.%d\n", round, i)
				res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "sleep 0.1; echo $1", "sh", strings.TrimSpace(want)}})
				if err != nil || string(res.Stdout) != want {
					t.Errorf("read %s: %q, %v", strings.TrimSpace(want), res.Stdout, err)
				}
			})
		}
		wg.Wait()
	}
	if got := l.Facts().Sessions; got > 4 {
		t.Errorf("the budget still believes in %d sessions", got)
	}
}

// Commands that were cancelled must not keep the few sessions of a connection.
func TestOpenSSHCancelledCommandsFreeTheirSessions(t *testing.T) {
	t.Parallel()
	s := startOpenSSH(t, "MaxSessions 2")
	l := open(t, s.target, realParams(t))
	for range 12 {
		ctx, cancel := context.WithCancel(within(t))
		st, err := l.Stream(ctx, hosts.Cmd{Argv: []string{"sh", "-c", "echo begun; sleep 600"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(st, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, _ = st.Wait()
	}
	if res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"echo", "alive"}}); err != nil || string(res.Stdout) != "alive\n" {
		t.Fatalf("after twelve cancelled commands: %q, %v", res.Stdout, err)
	}
	if n := l.State().Failures; n != 0 {
		t.Errorf("the connection was lost %d times", n)
	}
}

func TestOpenSSHWithoutForwarding(t *testing.T) {
	t.Parallel()
	s := startOpenSSH(t, "AllowStreamLocalForwarding no\nAllowTcpForwarding no")
	l := open(t, s.target, realParams(t))
	echo := conformance.EchoServers(t)
	if _, err := l.Dial(within(t), "tcp", echo["tcp"]); !errors.Is(err, hosts.ErrNotAllowed) {
		t.Errorf("tcp: %v, want ErrNotAllowed", err)
	}
	if _, err := l.Dial(within(t), "unix", echo["unix"]); err == nil {
		t.Error("unix was forwarded")
	}
}

func TestOpenSSHJump(t *testing.T) {
	t.Parallel()
	jump, far := startOpenSSH(t, ""), startOpenSSH(t, "")
	// One known_hosts file that knows both, and a target that is reached through the other.
	a, _ := os.ReadFile(jump.known)
	b, _ := os.ReadFile(far.known)
	target := far.target
	target.KnownHostsFiles = []string{write(t, "both", string(a)+string(b))}
	target.IdentityFiles = []string{far.key, jump.key}
	target.Jump = fmt.Sprintf("%s@127.0.0.1:%d", jump.target.User, jump.port)
	l := open(t, target, realParams(t))
	res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", "echo $SSH_CONNECTION"}})
	if err != nil || !strings.Contains(string(res.Stdout), strconv.Itoa(far.port)) {
		t.Fatalf("through a jump host: %q, %v", res.Stdout, err)
	}
	if via := l.State().Via; !strings.Contains(via, "via "+jump.target.User+"@127.0.0.1:"+strconv.Itoa(jump.port)) {
		t.Errorf("via %q does not name the jump host", via)
	}
}

func TestOpenSSHProxyCommand(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh client on this machine")
	}
	jump, far := startOpenSSH(t, ""), startOpenSSH(t, "")
	target := far.target
	target.ProxyCommand = fmt.Sprintf("ssh -F none -o BatchMode=yes -o UserKnownHostsFile=%s -i %s -p %d -W [%%h]:%%p %s@127.0.0.1",
		jump.known, jump.key, jump.port, jump.target.User)
	l := open(t, target, realParams(t))
	if res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"echo", "through"}}); err != nil || string(res.Stdout) != "through\n" {
		t.Fatalf("by a proxy command: %q, %v", res.Stdout, err)
	}
}

func TestOpenSSHComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	s := startOpenSSH(t, "")
	l := open(t, s.target, realParams(t))
	if _, err := l.Run(within(t), hosts.Cmd{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	// The session's own process is killed: the connection ends without a word.
	_, _ = l.Run(within(t), hosts.Cmd{Argv: []string{"sh", "-c", `kill -9 $PPID; sleep 5`}, Timeout: 5 * time.Second})
	if res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"echo", "back"}}); err != nil || string(res.Stdout) != "back\n" {
		t.Fatalf("after the connection was killed: %q, %v", res.Stdout, err)
	}
}
