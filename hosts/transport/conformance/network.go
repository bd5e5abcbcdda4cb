package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

// EchoServers starts the services that Host.Echo asks for on this machine and returns their
// addresses. They end with the test.
func EchoServers(t *testing.T) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "echo") // short: a socket's path may have 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	out := map[string]string{}
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "s")} {
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), network, address)
		if err != nil {
			t.Fatal(err)
		}
		out[network] = l.Addr().String()
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		done := make(chan struct{})
		go func() {
			defer close(done)
			echo(ctx, l)
		}()
		t.Cleanup(func() { cancel(); _ = l.Close(); <-done })
	}
	return out
}

func echo(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { _ = c.Close() })
		go func() {
			defer stop()
			defer c.Close()
			_, _ = io.Copy(c, c)
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
		}()
	}
}

func dialled(s subject) {
	t, h, c := s.T, s.host, s.conn
	if len(h.Echo) == 0 {
		t.Skip("nothing to dial on this host")
	}
	for network, address := range h.Echo {
		nc, err := c.Dial(bounded(t), network, address)
		if err != nil {
			t.Fatalf("dial %s %s: %v", network, address, err)
		}
		data := make([]byte, 3<<20) // more than any window
		_, _ = rand.Read(data)
		go func() {
			_, _ = nc.Write(data)
			_ = nc.(interface{ CloseWrite() error }).CloseWrite()
		}()
		_ = nc.SetReadDeadline(time.Now().Add(limit))
		got, err := io.ReadAll(nc)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d of %d bytes came back, %v", network, len(got), len(data), err)
		}
		if err := nc.Close(); err != nil {
			t.Errorf("%s: close: %v", network, err)
		}
		deadlines(t, c, network, address)
	}
}

// deadlines checks a read that nobody answers.
func deadlines(t *testing.T, c hosts.Conn, network, address string) {
	t.Helper()
	nc, err := c.Dial(bounded(t), network, address)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: read past its deadline: %v", network, err)
	}
	_ = nc.SetReadDeadline(time.Time{})
	ended := make(chan error, 1)
	go func() {
		_, err := nc.Read(make([]byte, 1))
		ended <- err
	}()
	_ = nc.Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Errorf("%s: a read went on after Close", network)
		}
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: a read hangs after Close", network)
	}
}

func dialRefused(s subject) {
	t, h, c := s.T, s.host, s.conn
	for network, address := range map[string]string{"tcp": "127.0.0.1:1", "unix": h.Dir + "/no-such-socket", "udp": "127.0.0.1:1"} {
		if nc, err := c.Dial(bounded(t), network, address); err == nil {
			_ = nc.Close()
			t.Errorf("%s %s was connected", network, address)
		}
	}
	if res := mustRun(t, c, sh("echo alive")); string(res.Stdout) != "alive\n" {
		t.Errorf("after refused dials: %q", res.Stdout)
	}
}

func uploaded(s subject) {
	t, h, c := s.T, s.host, s.conn
	path := h.Dir + "/it's a file " + nonce()
	data := make([]byte, 2<<20)
	_, _ = rand.Read(data)
	if err := c.Upload(bounded(t), path, 0o640, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if res := mustRun(t, c, hosts.Cmd{Argv: []string{"cat", path}}); !bytes.Equal(res.Stdout, data) {
		t.Errorf("the file has %d bytes, want %d", len(res.Stdout), len(data))
	}
	if res := mustRun(t, c, sh(`ls -l "$1"; ls "$2" | grep -c midwatch-`, path, h.Dir)); !strings.HasPrefix(string(res.Stdout), "-rw-r-----") {
		t.Errorf("ls -l: %s", res.Stdout)
	}
	if err := c.Upload(bounded(t), path, 0o755, strings.NewReader("short")); err != nil {
		t.Fatalf("upload over an existing file: %v", err)
	}
	if res := mustRun(t, c, sh(`cat "$1"; test -x "$1"`, path)); string(res.Stdout) != "short" || res.Exit != 0 {
		t.Errorf("replaced file: %q, exit %d", res.Stdout, res.Exit)
	}
	if err := c.Upload(bounded(t), path, 0o600, strings.NewReader("")); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

func uploadFailures(s subject) {
	t, h, c := s.T, s.host, s.conn
	err := c.Upload(bounded(t), h.Dir+"/missing/file", 0o600, strings.NewReader("x"))
	if !errors.Is(err, hosts.ErrMissing) {
		t.Errorf("into a directory that is not there: %v, want ErrMissing", err)
	}
	if err := c.Upload(bounded(t), h.Dir, 0o600, strings.NewReader("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	path := h.Dir + "/half-" + nonce()
	broken := errors.New("disk on fire")
	err = c.Upload(bounded(t), path, 0o600, io.MultiReader(strings.NewReader("half"), failing{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v, want %v", err, broken)
	}
	res := mustRun(t, c, sh(`ls -d "$1"*`, path))
	if len(res.Stdout) != 0 {
		t.Errorf("half an upload left %q", res.Stdout)
	}
}
