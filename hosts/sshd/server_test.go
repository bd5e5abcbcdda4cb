package sshd_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"midwatch/hosts/sshd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a backend whose commands are words.
type machine struct{ dials chan net.Conn }

func (m *machine) Exec(ctx context.Context, r *sshd.Request) int {
	switch {
	case r.Command == "":
		s := <-r.Resize
		_, _ = fmt.Fprintf(r.Stdout, "%s %dx%d then %dx%d", r.Term.Name, r.Term.Cols, r.Term.Rows, s.Cols, s.Rows)
	case r.Command == "cat":
		_, _ = io.Copy(r.Stdout, r.Stdin)
	case r.Command == "env":
		_, _ = io.WriteString(r.Stdout, r.Env["LANG"])
		_, _ = io.WriteString(r.Stderr, "to stderr")
		return 3
	case r.Command == "hang":
		<-ctx.Done()
	case r.Command == "flood":
		for ctx.Err() == nil {
			if _, err := r.Stdout.Write(make([]byte, 32<<10)); err != nil {
				break
			}
		}
	case r.Command == "trap":
		r.ExitSignal = <-r.Signals
	case r.Command == "panic":
		panic("boom")
	}
	return 0
}

func (m *machine) Dial(_ context.Context, network, address string) (net.Conn, error) {
	if address == "/refused" {
		return nil, errors.New("connection refused")
	}
	near, far := sshd.Pipe(sshd.PipeOptions{Name: network + " " + address})
	m.dials <- near
	return far, nil
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start serves conf on an in-memory pipe and returns a logged-in client.
func start(t *testing.T, conf sshd.Config, auth ...ssh.AuthMethod) (*ssh.Client, *machine) {
	t.Helper()
	m := &machine{dials: make(chan net.Conn, 4)}
	c, err := connect(t, conf, m, auth...)
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

func connect(t *testing.T, conf sshd.Config, m *machine, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	conf.HostKeys = []ssh.Signer{signer(t)}
	srv, err := sshd.New(conf, m)
	if err != nil {
		t.Fatal(err)
	}
	near, far := sshd.Pipe(sshd.PipeOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ctx, far) })
	t.Cleanup(func() { cancel(); wg.Wait(); _ = near.Close() })
	cc, chans, reqs, err := ssh.NewClientConn(near, "demo:22", &ssh.ClientConfig{
		User: "ops", Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the pipe is ours
	})
	if err != nil {
		return nil, err
	}
	c := ssh.NewClient(cc, chans, reqs)
	t.Cleanup(func() { _ = c.Close() })
	return c, nil
}

func session(t *testing.T, c *ssh.Client) *ssh.Session {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExec(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true})

	s := session(t, c)
	s.Stdin = strings.NewReader("through")
	if out, err := s.Output("cat"); string(out) != "through" || err != nil {
		t.Errorf("cat: %q, %v", out, err)
	}

	s = session(t, c)
	var stderr bytes.Buffer
	s.Stderr = &stderr
	if err := s.Setenv("LANG", "C"); err != nil {
		t.Error(err)
	}
	out, err := s.Output("env")
	var exit *ssh.ExitError
	if !errors.As(err, &exit) || exit.ExitStatus() != 3 || string(out) != "C" || stderr.String() != "to stderr" {
		t.Errorf("env: %q, %q, %v", out, stderr.String(), err)
	}

	err = session(t, c).Run("panic")
	if !errors.As(err, &exit) || exit.Signal() != "ABRT" {
		t.Errorf("panic: %v", err)
	}
}

func TestSignalsAndKill(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true})
	for command, sig := range map[string]ssh.Signal{"trap": ssh.SIGTERM, "hang": ssh.SIGKILL, "flood": ssh.SIGKILL} {
		s := session(t, c)
		s.Stdout = io.Discard
		if err := s.Start(command); err != nil {
			t.Fatal(err)
		}
		if err := s.Signal(sig); err != nil {
			t.Fatal(err)
		}
		var exit *ssh.ExitError
		if err := s.Wait(); !errors.As(err, &exit) || exit.Signal() != string(sig) {
			t.Errorf("%s: %v, want signal %s", command, err, sig)
		}
	}
}

func TestShellWithTerminal(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true})
	s := session(t, c)
	if err := s.RequestPty("xterm", 24, 80, nil); err != nil {
		t.Fatal(err)
	}
	r, _ := s.StdoutPipe()
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := s.WindowChange(50, 200); err != nil {
		t.Fatal(err)
	}
	if out, _ := io.ReadAll(r); string(out) != "xterm 80x24 then 200x50" {
		t.Errorf("shell: %q", out)
	}
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true, MaxSessions: 2})
	a, _ := session(t, c), session(t, c)
	_, err := c.NewSession()
	var open *ssh.OpenChannelError
	if !errors.As(err, &open) || open.Reason != ssh.ConnectionFailed {
		t.Fatalf("third session: %v", err)
	}
	if err := a.Run("cat"); err != nil {
		t.Fatal(err)
	}
	session(t, c)
}

func TestClosingTheChannelEndsTheCommand(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true})
	for _, command := range []string{"hang", "flood"} {
		s := session(t, c)
		if err := s.Start(command); err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
	}
	// start's cleanup waits for Serve, and Serve for both commands.
}

func TestLeaveRunning(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true, MaxSessions: 1, LeaveRunning: true})
	if v := string(c.ServerVersion()); strings.Contains(v, sshd.EndsCommands) {
		t.Errorf("the server says %q", v)
	}
	s := session(t, c)
	if err := s.Start("hang"); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	if _, err := c.NewSession(); err == nil {
		t.Error("the place of a command that still runs was given away")
	}
	_ = c.Close() // Serve goes on until its own context ends, in start's cleanup
}

func TestForwarding(t *testing.T) {
	t.Parallel()
	c, m := start(t, sshd.Config{NoAuth: true})
	for network, addr := range map[string]string{"tcp": "10.0.0.1:80", "unix": "/run/x.sock"} {
		near, err := c.Dial(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		far := <-m.dials
		if got, want := far.RemoteAddr().String(), network+" "+addr; got != want {
			t.Errorf("dialled %q, want %q", got, want)
		}
		_, _ = near.Write([]byte("ask"))
		_ = near.(interface{ CloseWrite() error }).CloseWrite()
		if b, err := io.ReadAll(far); string(b) != "ask" || err != nil {
			t.Errorf("host read %q, %v", b, err)
		}
		_, _ = far.Write([]byte("answer"))
		_ = far.Close()
		if b, err := io.ReadAll(near); string(b) != "answer" || err != nil {
			t.Errorf("client read %q, %v", b, err)
		}
	}
	if _, err := c.Dial("unix", "/refused"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("refused dial: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c, _ := start(t, sshd.Config{NoAuth: true, RefuseTCP: true, RefuseStreamLocal: true, RefuseEnv: true, RefusePTY: true})
	for network, addr := range map[string]string{"tcp": "10.0.0.1:80", "unix": "/run/x.sock"} {
		_, err := c.Dial(network, addr)
		var open *ssh.OpenChannelError
		if !errors.As(err, &open) || open.Reason != ssh.Prohibited {
			t.Errorf("%s: %v", network, err)
		}
	}
	s := session(t, c)
	if s.Setenv("A", "b") == nil {
		t.Error("env was accepted")
	}
	if s.RequestPty("xterm", 1, 1, nil) == nil {
		t.Error("a terminal was given")
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	key, ca := signer(t), signer(t)
	cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"ops"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	certSigner, err := ssh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	answers := func(text string) ssh.AuthMethod {
		return ssh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
			out := make([]string, len(q))
			for i := range out {
				out[i] = text
			}
			return out, nil
		})
	}
	conf := sshd.Config{
		Password:  func(u, p string) bool { return u == "ops" && p == "right" },
		PublicKey: func(_ string, k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.PublicKey().Marshal()) },
		UserCAs:   []ssh.PublicKey{ca.PublicKey()},
		KeyboardInteractive: func(_ string, ask sshd.Ask) bool {
			a, err := ask("", []string{"Code: "}, []bool{false})
			return err == nil && a[0] == "123456"
		},
	}
	for name, tc := range map[string]struct {
		auth ssh.AuthMethod
		ok   bool
	}{
		"password": {ssh.Password("right"), true}, "wrong password": {ssh.Password("wrong"), false},
		"key": {ssh.PublicKeys(key), true}, "other key": {ssh.PublicKeys(ca), false},
		"certificate": {ssh.PublicKeys(certSigner), true},
		"code":        {answers("123456"), true}, "wrong code": {answers("0"), false},
	} {
		_, err := connect(t, conf, &machine{}, tc.auth)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v, want accepted %v", name, err, tc.ok)
		}
	}
}

func TestNewNeedsAHostKey(t *testing.T) {
	t.Parallel()
	if _, err := sshd.New(sshd.Config{}, &machine{}); err == nil {
		t.Error("a server without a host key was made")
	}
}
