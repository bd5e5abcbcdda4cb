package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
	"midwatch/hosts/transport/conformance"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker" { // see dockerProgram
		os.Exit(playDocker(os.Args[1:])) //nolint:forbidigo // this process is that program
	}
	goleak.VerifyTestMain(m)
}

// newSigner makes a key.
func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// farm serves any number of hosts in memory, by the address they are dialled at.
type farm struct {
	t     testing.TB
	ctx   context.Context
	mu    sync.Mutex // guards everything below
	hosts map[string]func(net.Conn)
	conns map[string][]*sshd.PipeConn // our ends, by address
	dials map[string]int
	wg    sync.WaitGroup
}

func newFarm(t testing.TB) *farm {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &farm{
		t: t, ctx: ctx, hosts: map[string]func(net.Conn){}, conns: map[string][]*sshd.PipeConn{}, dials: map[string]int{},
	}
	t.Cleanup(func() { cancel(); f.wg.Wait() })
	return f
}

// serve puts a server at an address.
func (f *farm) serve(address string, conf sshd.Config, b sshd.Backend) {
	f.t.Helper()
	srv, err := sshd.New(conf, b)
	if err != nil {
		f.t.Fatal(err)
	}
	f.handle(address, func(nc net.Conn) { _ = srv.Serve(f.ctx, nc) })
}

// handle puts anything at an address; h has to end when the connection does.
func (f *farm) handle(address string, h func(net.Conn)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[address] = h
}

// remove lets dials to an address be refused.
func (f *farm) remove(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.hosts, address)
}

func (f *farm) dialled(address string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dials[address]
}

// last is our end of the newest connection to an address.
func (f *farm) last(address string) *sshd.PipeConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.conns[address]
	return c[len(c)-1]
}

// Dial is for Params.
func (f *farm) Dial(_ context.Context, _, address string) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials[address]++
	h := f.hosts[address]
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errRefused{})}
	}
	near, far := sshd.Pipe(sshd.PipeOptions{Name: address})
	f.conns[address] = append(f.conns[address], near)
	stop := context.AfterFunc(f.ctx, func() { _ = far.Close() })
	f.wg.Go(func() {
		defer stop()
		h(far)
	})
	return near, nil
}

type errRefused struct{}

func (errRefused) Error() string { return "connection refused" }

// params are Params for tests: a farm to dial, an empty home, no environment, short pauses.
func (f *farm) params() Params {
	return Params{
		Log: slog.New(slog.DiscardHandler), Dial: f.Dial, Home: f.t.TempDir(),
		Getenv:     func(string) string { return "" },
		BackoffMin: 10 * time.Millisecond, BackoffMax: 40 * time.Millisecond,
	}
}

// write makes a file in the test's directory and returns its path.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// knownFile makes a known_hosts file with one key for addresses.
func knownFile(t testing.TB, key ssh.PublicKey, addresses ...string) string {
	t.Helper()
	return write(t, "known_hosts", knownFileText(key, addresses...))
}

func knownFileText(key ssh.PublicKey, addresses ...string) string {
	return knownhosts.Line(addresses, key) + "\n"
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

// plain is a host at address that lets everybody in and runs real commands, and the Target for it.
func (f *farm) plain(address string, conf sshd.Config) Target {
	f.t.Helper()
	key := newSigner(f.t)
	conf.HostKeys = []ssh.Signer{key}
	conf.NoAuth = true
	f.serve(address, conf, conformance.Machine{})
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		f.t.Fatal(err)
	}
	return Target{
		Name: host, Kind: hosts.KindSSH, Address: host, User: "ops", SSHConfig: noConfig,
		KnownHostsFiles: []string{knownFile(f.t, key.PublicKey(), address)},
	}
}

// open opens a Link that ends with the test.
func open(t testing.TB, target Target, p Params) *Link {
	t.Helper()
	l := Open(context.Background(), target, p)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// within is a context for one step of a test.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
