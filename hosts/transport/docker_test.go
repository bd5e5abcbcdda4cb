package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
	"midwatch/hosts/sshd"
	"midwatch/hosts/transport/conformance"
)

// playDocker is "docker -H unix://PATH system dial-stdio", played by the test program under the name
// docker.
func playDocker(args []string) int {
	if len(args) != 4 || args[0] != "-H" || args[2] != "system" || args[3] != "dial-stdio" {
		fmt.Fprintf(os.Stderr, "unexpected arguments %q\n", args)
		return 2
	}
	c, err := net.Dial("unix", strings.TrimPrefix(args[1], "unix://")) //nolint:noctx // a program of its own
	if err != nil {
		fmt.Fprintln(os.Stderr, "Cannot connect to the Docker daemon. Is the docker daemon running?")
		return 1
	}
	go func() {
		_, _ = io.Copy(c, os.Stdin)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, c)
	return 0
}

// dockerProgram puts the docker command into a directory for PATH.
func dockerProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "docker")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// engine answers /_ping and streams on /events at a socket.
func engine(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/events":
			_, _ = io.WriteString(w, "first\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, "OK")
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return l.Addr().String()
}

// request speaks HTTP over a dialled connection.
func request(t *testing.T, nc net.Conn, path string) (*http.Response, *bufio.Reader) {
	t.Helper()
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: docker\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(nc)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res, br
}

func TestDialDocker(t *testing.T) {
	t.Parallel()
	socket, programs := engine(t), dockerProgram(t)
	for _, tc := range []struct {
		name string
		conf sshd.Config
		want DockerWay
	}{
		{"forwarded", sshd.Config{}, DockerDirect},
		{"refused", sshd.Config{RefuseStreamLocal: true}, DockerStdio},
		{"refused, as OpenSSH", sshd.Config{RefuseStreamLocal: true, LeaveRunning: true}, DockerStdio},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			l := open(t, f.dockerHost(t, "10.0.0.1:22", programs, tc.conf), f.params())
			d := &DockerDialer{Conn: l, Socket: socket}
			for range 3 {
				nc, err := d.Dial(within(t))
				if err != nil {
					t.Fatal(err)
				}
				res, _ := request(t, nc, "/_ping")
				body, _ := io.ReadAll(res.Body)
				if string(body) != "OK" || d.Way() != tc.want {
					t.Errorf("%q by %s, want %s", body, d.Way(), tc.want)
				}
				res, _ = request(t, nc, "/events")
				line, err := bufio.NewReader(res.Body).ReadString('\n')
				if err != nil || line != "first\n" {
					t.Errorf("events: %q, %v", line, err)
				}
				_ = nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
				if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("deadline: %v", err)
				}
				_ = nc.Close()
				_ = nc.Close()
			}
			if n := l.State().Failures; n != 0 {
				t.Errorf("%d failures", n)
			}
		})
	}
}

// dockerHost is a host whose PATH begins with programs; "" leaves it nothing but a shell.
func (f *farm) dockerHost(t *testing.T, address, programs string, conf sshd.Config) Target {
	t.Helper()
	path := programs + ":/usr/bin:/bin"
	if programs == "" {
		path = t.TempDir()
		if err := os.Symlink("/bin/sh", filepath.Join(path, "sh")); err != nil {
			t.Fatal(err)
		}
	}
	target := f.plain(address, conf)
	key := newSigner(t)
	conf.HostKeys, conf.NoAuth = []ssh.Signer{key}, true
	f.serve(address, conf, conformance.Machine{Env: []string{"PATH=" + path}})
	target.KnownHostsFiles = []string{knownFile(t, key.PublicKey(), address)}
	return target
}

func TestDialDockerSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	socket, programs := engine(t), dockerProgram(t)
	dead := filepath.Join(filepath.Dir(socket), "dead.sock")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	plain := write(t, "plain", "")
	for _, tc := range []struct {
		name, socket, programs, want string
		conf                         sshd.Config
		kind                         error
	}{
		{"no engine", "/no/such.sock", programs, "no docker socket at /no/such.sock", sshd.Config{}, hosts.ErrMissing},
		{"a file", plain, programs, "is not a socket", sshd.Config{}, hosts.ErrMissing},
		{"no command", socket, "", "AllowStreamLocalForwarding", sshd.Config{RefuseStreamLocal: true}, hosts.ErrMissing},
		{"nobody listens", dead, programs, "Cannot connect to the Docker daemon", sshd.Config{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			conn := open(t, f.dockerHost(t, "10.0.0.1:22", tc.programs, tc.conf), f.params())
			nc, way, err := DialDocker(within(t), conn, tc.socket, false)
			if err == nil {
				_ = nc.Close()
				t.Fatalf("dialled by %s", way)
			}
			if !strings.Contains(err.Error(), tc.want) || tc.kind != nil && !errors.Is(err, tc.kind) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// denied is a connection to a host whose socket the login may not open.
type denied struct {
	hosts.Conn
	sudo []bool
}

func (d *denied) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errForward
}

func (d *denied) Run(context.Context, hosts.Cmd) (hosts.Result, error) {
	return hosts.Result{Stdout: []byte("denied\ncli\n")}, nil
}

func (d *denied) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	d.sudo = append(d.sudo, c.Sudo)
	c.Sudo = false
	return d.Conn.Stream(ctx, c)
}

func TestDialDockerWithSudo(t *testing.T) {
	t.Parallel()
	socket, programs := engine(t), dockerProgram(t)
	f := newFarm(t)
	conn := &denied{Conn: open(t, f.dockerHost(t, "10.0.0.1:22", programs, sshd.Config{}), f.params())}
	if _, _, err := DialDocker(within(t), conn, socket, false); !errors.Is(err, hosts.ErrNotAllowed) || !strings.Contains(err.Error(), "group docker") {
		t.Errorf("without sudo: %v", err)
	}
	nc, way, err := DialDocker(within(t), conn, socket, true)
	if err != nil || way != DockerStdioSudo {
		t.Fatalf("with sudo: %s, %v", way, err)
	}
	defer nc.Close()
	if res, _ := request(t, nc, "/_ping"); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	for i, sudo := range conn.sudo {
		if !sudo {
			t.Errorf("stream %d was not for root", i)
		}
	}
}

// A connection that is cut must not look like a body that has ended.
func TestDockerStreamCut(t *testing.T) {
	t.Parallel()
	socket, programs := engine(t), dockerProgram(t)
	for name, conf := range map[string]sshd.Config{"forwarded": {}, "dial-stdio": {RefuseStreamLocal: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t)
			l := open(t, f.dockerHost(t, "10.0.0.1:22", programs, conf), f.params())
			nc, _, err := DialDocker(within(t), l, socket, false)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_, br := request(t, nc, "/events")
			_ = f.last("10.0.0.1:22").Close()
			if _, err := io.Copy(io.Discard, br); err == nil {
				t.Error("the cut looked like an end")
			}
		})
	}
}
