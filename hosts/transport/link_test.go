package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
)

// words is a backend whose commands are the last word of the line; it runs no process, so that it can
// live in a bubble of fake time.
type words struct{}

func (words) Exec(ctx context.Context, r *sshd.Request) int {
	f := strings.Fields(r.Command)
	switch f[len(f)-1] {
	case "hang":
		<-ctx.Done()
	case "flood":
		for ctx.Err() == nil {
			if _, err := r.Stdout.Write(make([]byte, 32<<10)); err != nil {
				break
			}
		}
	case "gigabyte":
		line := make([]byte, 1<<20)
		for range 1024 {
			if _, err := r.Stdout.Write(line); err != nil {
				return 1
			}
		}
	default:
		_, _ = io.WriteString(r.Stdout, f[len(f)-1])
	}
	return 0
}

func (words) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

// wordHost is a host with words at address, and its Target.
func (f *farm) wordHost(address string, conf sshd.Config) Target {
	f.t.Helper()
	t := f.plain(address, conf)
	key := newSigner(f.t)
	conf.HostKeys, conf.NoAuth = []ssh.Signer{key}, true
	f.serve(address, conf, words{})
	t.KnownHostsFiles = []string{knownFile(f.t, key.PublicKey(), address)}
	return t
}

// states records what OnChange was told.
type states struct {
	mu   sync.Mutex
	list []hosts.Link
}

func (s *states) add(l hosts.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, l)
}

func (s *states) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, l := range s.list {
		out = append(out, l.State.String())
	}
	return strings.Join(out, " ")
}

func echo(word string) hosts.Cmd { return hosts.Cmd{Argv: []string{word}} }

func TestLinkStates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		target := f.wordHost("10.0.0.1:22", sshd.Config{})
		var seen states
		p := f.params()
		p.OnChange, p.BackoffMin, p.BackoffMax, p.Lazy = seen.add, time.Second, 30*time.Second, true
		l := open(t, target, p)
		if s := l.State(); s.State != hosts.StatePending || s.Via != "ssh 10.0.0.1" {
			t.Errorf("at first: %+v", s)
		}
		res, err := l.Run(t.Context(), echo("hello"))
		if err != nil || string(res.Stdout) != "hello" {
			t.Fatalf("%q, %v", res.Stdout, err)
		}
		s := l.State()
		if s.State != hosts.StateConnected || s.Reason != "" || s.Via != "ssh ops@10.0.0.1" || s.LastSeen.IsZero() {
			t.Errorf("connected: %+v", s)
		}
		if fa := l.Facts(); fa.Auth != "none" || fa.User != "ops" || fa.HostKeyStatus != HostKeyOnRecord || !strings.HasPrefix(fa.HostKey, "ssh-ed25519 SHA256:") {
			t.Errorf("facts: %+v", fa)
		}

		// The host goes away and refuses: disconnected, and an error after five failures.
		f.remove("10.0.0.1:22")
		_ = f.last("10.0.0.1:22").Close()
		synctest.Wait()
		if s = l.State(); s.State != hosts.StateDisconnected || s.Failures != 1 || !strings.Contains(s.Reason, "ops@10.0.0.1") {
			t.Errorf("lost: %+v", s)
		}
		<-time.After(2 * time.Minute)
		s = l.State()
		if s.State != hosts.StateError || s.Failures < 5 || !strings.Contains(s.Reason, "connection refused") {
			t.Errorf("after two minutes: %+v", s)
		}
		if d := time.Until(s.Retry); d > 30*time.Second {
			t.Errorf("the next attempt is in %s", d)
		}
		if got := seen.text(); !strings.HasPrefix(got, "connected disconnected disconnected disconnected disconnected error") {
			t.Errorf("told: %s", got)
		}

		// It comes back by itself.
		f.wordHostAgain("10.0.0.1:22", target)
		l.Kick()
		if res, err := l.Run(t.Context(), echo("back")); err != nil || string(res.Stdout) != "back" {
			t.Fatalf("after the host came back: %q, %v", res.Stdout, err)
		}
		<-time.After(time.Minute)
		if s := l.State(); s.State != hosts.StateConnected || s.Failures != 0 {
			t.Errorf("settled: %+v", s)
		}
	})
}

// wordHostAgain serves a host anew; its key is another one, so the target must not mind.
func (f *farm) wordHostAgain(address string, target Target) {
	f.t.Helper()
	f.mu.Lock()
	file := target.KnownHostsFiles[0]
	f.mu.Unlock()
	key := newSigner(f.t)
	f.serve(address, sshd.Config{HostKeys: []ssh.Signer{key}, NoAuth: true}, words{})
	if err := writeFile(file, knownFileText(key.PublicKey(), address)); err != nil {
		f.t.Fatal(err)
	}
}

func TestLinkBackoff(t *testing.T) {
	t.Parallel()
	l := &Link{params: Params{BackoffMin: time.Second, BackoffMax: 30 * time.Second}}
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 6: 30 * time.Second, 1000: 30 * time.Second} {
		for range 50 {
			if d := l.backoff(n, hosts.ErrUnreached); d > want || d < want*4/5-1 {
				t.Fatalf("after %d failures %s, want %s less a fifth at most", n, d, want)
			}
		}
	}
	if d := l.backoff(1, hosts.ErrAuth); d < time.Minute {
		t.Errorf("a refused login is tried again after %s", d)
	}
}

// A firewall that drops packets makes no sound; the keepalive has to notice.
func TestLinkNoticesSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{}), f.params())
		if _, err := l.Run(t.Context(), echo("hello")); err != nil {
			t.Fatal(err)
		}
		<-time.After(9 * time.Second)
		if s := l.State(); s.State != hosts.StateConnected {
			t.Fatalf("idle: %+v", s)
		}
		start := time.Now()
		f.last("10.0.0.1:22").Freeze(true)
		f.remove("10.0.0.1:22")
		ended := make(chan error, 1)
		go func() {
			st, err := l.Stream(t.Context(), echo("hang"))
			if err == nil {
				_, err = st.Wait()
			}
			ended <- err
		}()
		for l.State().State == hosts.StateConnected {
			<-time.After(100 * time.Millisecond)
			if time.Since(start) > time.Minute {
				t.Fatal("silence was never noticed")
			}
		}
		if d := time.Since(start); d > 13*time.Second {
			t.Errorf("noticed after %s, want 12 s at most", d)
		}
		if s := l.State(); !strings.Contains(s.Reason, "keepalive") && !strings.Contains(s.Reason, "refused") {
			t.Errorf("reason %q", s.Reason)
		}
		_ = l.Close()
		if err := <-ended; err == nil {
			t.Error("a command on a dead connection ended well")
		}
	})
}

// A server that does everything but answer keepalives is hung.
func TestLinkMutedKeepalive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{MuteKeepalive: true}), f.params())
		if _, err := l.Run(t.Context(), echo("hello")); err != nil {
			t.Fatal(err)
		}
		<-time.After(9 * time.Second)
		if f.dialled("10.0.0.1:22") < 2 {
			t.Error("a connection without answers was kept")
		}
	})
}

// A busy host is alive although its answer to the keepalive stands in line.
func TestLinkFloodIsAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{MuteKeepalive: true}), f.params())
		st, err := l.Stream(t.Context(), echo("flood"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		buf := make([]byte, 32<<10)
		for time.Since(start) < time.Minute { // 32 KiB every 100 ms
			if _, err := st.Read(buf); err != nil {
				t.Fatalf("after %s: %v", time.Since(start), err)
			}
			<-time.After(100 * time.Millisecond)
		}
		_ = st.Close()
	})
}

func TestLinkMaintenance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{}), f.params())
		st, err := l.Stream(t.Context(), echo("hang"))
		if err != nil {
			t.Fatal(err)
		}
		l.SetMaintenance("new disk")
		if _, err := st.Wait(); err == nil {
			t.Error("a stream survived maintenance")
		}
		synctest.Wait()
		if s := l.State(); s.State != hosts.StateMaintenance || s.Reason != "new disk" {
			t.Errorf("state %+v", s)
		}
		if _, err := l.Run(t.Context(), echo("hello")); !errors.Is(err, hosts.ErrUnreached) || !strings.Contains(err.Error(), "new disk") {
			t.Errorf("run: %v", err)
		}
		l.Kick()
		<-time.After(time.Minute)
		if n := f.dialled("10.0.0.1:22"); n != 1 {
			t.Errorf("dialled %d times in maintenance", n)
		}
		l.SetMaintenance("")
		if _, err := l.Run(t.Context(), echo("hello")); err != nil {
			t.Errorf("after maintenance: %v", err)
		}
	})
}

func TestLinkWaitsOrFailsFast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		target := Target{Name: "web1", Address: "10.0.0.9", SSHConfig: noConfig}
		l := open(t, target, f.params())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := l.Run(ctx, echo("hello"))
		if !errors.Is(err, hosts.ErrUnreached) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if want := "web1: not connected: dial 10.0.0.9:22: connection refused"; err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		p := f.params()
		p.FailFast = true
		l = open(t, target, p)
		if _, err := l.Run(t.Context(), echo("hello")); !errors.Is(err, hosts.ErrUnreached) {
			t.Errorf("fail fast: %v", err)
		}
		if _, err := l.Dial(t.Context(), "tcp", "127.0.0.1:80"); !errors.Is(err, hosts.ErrUnreached) {
			t.Errorf("fail fast dial: %v", err)
		}
	})
}

func TestLinkLazy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		target := f.wordHost("10.0.0.1:22", sshd.Config{})
		p := f.params()
		p.Lazy = true
		l := open(t, target, p)
		<-time.After(time.Minute)
		if n := f.dialled("10.0.0.1:22"); n != 0 {
			t.Fatalf("dialled %d times before it was used", n)
		}
		if _, err := l.Run(t.Context(), echo("hello")); err != nil {
			t.Fatal(err)
		}
	})
}

// A call that is waiting when the connection drops goes on when it is back.
func TestLinkWaitsOutAReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{}), f.params())
		for i := range 20 {
			res, err := l.Run(t.Context(), echo("hello"))
			if errors.Is(err, errMaybeRan) {
				continue // it was under way when the connection went: that is said, and not done twice
			}
			if err != nil || string(res.Stdout) != "hello" {
				t.Fatalf("round %d: %q, %v", i, res.Stdout, err)
			}
			_ = f.last("10.0.0.1:22").Close()
		}
	})
}

func TestHostileHandshakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host func(net.Conn)
		want string
	}{
		"silence": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "did not complete the ssh key exchange within"},
		"stalls after its version": {func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-stall\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "did not complete the ssh key exchange within"},
		"another protocol": {func(c net.Conn) {
			_, _ = io.WriteString(c, strings.Repeat("HTTP/1.1 400 Bad Request\r\n", 2000))
			_ = c.Close()
		}, "ssh with 10.0.0.1:22"},
		"hangs up":      {func(c net.Conn) { _ = c.Close() }, "closed the connection during the handshake"},
		"control bytes": {func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-\x1b]0;x\x07\r\n\xff\xfe\x00\x00"); _ = c.Close() }, "ssh with 10.0.0.1:22"},
		"endless banner": {func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "all work and no play\r\n"); err != nil {
					return
				}
			}
		}, "10.0.0.1:22"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFarm(t)
				f.handle("10.0.0.1:22", tc.host)
				p := f.params()
				p.FailFast = true
				l := open(t, Target{Name: "web1", Address: "10.0.0.1", SSHConfig: noConfig}, p)
				start := time.Now()
				_, err := l.Run(t.Context(), echo("hello"))
				if !errors.Is(err, hosts.ErrUnreached) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%v, want %q", err, tc.want)
				}
				if d := time.Since(start); d > 11*time.Second {
					t.Errorf("it took %s", d)
				}
				for _, r := range err.Error() {
					if r < ' ' {
						t.Errorf("control bytes in %q", err)
					}
				}
			})
		})
	}
}

func TestGigabyteIsCut(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{}), f.params())
	res, err := l.Run(within(t), hosts.Cmd{Argv: []string{"gigabyte"}, Limit: 1 << 20})
	if err != nil || len(res.Stdout) != 1<<20 || !res.Truncated || res.Signal != "KILL" {
		t.Errorf("%d bytes, truncated %v, signal %q, %v", len(res.Stdout), res.Truncated, res.Signal, err)
	}
	if res, err := l.Run(within(t), echo("alive")); err != nil || string(res.Stdout) != "alive" {
		t.Errorf("after it: %q, %v", res.Stdout, err)
	}
}

// A host that hangs does not keep its Link from closing, whatever is under way.
func TestCloseWhileEverythingHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFarm(t)
		l := open(t, f.wordHost("10.0.0.1:22", sshd.Config{}), f.params())
		ended := make(chan error, 30)
		for i := range 10 {
			go func() {
				_, err := l.Run(t.Context(), echo("hang"))
				ended <- err
			}()
			go func() {
				st, err := l.Stream(t.Context(), echo("flood"))
				if err == nil {
					_, err = st.Wait()
				}
				ended <- err
			}()
			go func() {
				_, err := l.Dial(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", i+1))
				ended <- err
			}()
		}
		<-time.After(time.Second)
		f.last("10.0.0.1:22").Freeze(true)
		start := time.Now()
		_ = l.Close()
		if d := time.Since(start); d > time.Second {
			t.Errorf("close took %s", d)
		}
		for range 30 {
			if err := <-ended; err == nil {
				t.Error("something ended well")
			}
		}
	})
}
