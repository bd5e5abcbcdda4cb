//go:build lab

package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts/docker"
)

// TestRealEngine runs the suite against the engine at MIDWATCH_LAB_DOCKER, a socket path, or else
// at the default socket.
func TestRealEngine(t *testing.T) {
	socket := os.Getenv("MIDWATCH_LAB_DOCKER")
	if socket == "" {
		socket = "/var/run/docker.sock"
	}
	if _, err := os.Stat(socket); err != nil {
		t.Skip("no Docker engine:", err)
	}
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("no docker command to make containers with:", err)
	}
	l := &lab{socket: socket}
	l.build(t)
	c := docker.New(docker.Params{
		Host: "lab", Endpoint: socket, Now: time.Now,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	})
	t.Cleanup(func() { _ = c.Close() })
	Run(t, Fixture{Client: c, Create: l.create})
}

// lab makes containers with the docker command.
type lab struct {
	socket, image string
	made          int
}

func (l *lab) docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"--host", "unix://" + l.socket}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes an image of the suite's program, without a registry.
func (l *lab) build(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "prog"), "./prog")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build prog: %v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "prog"), filepath.Join(dir, "bin", "sh")); err != nil {
		t.Fatal(err)
	}
	l.image = fmt.Sprintf("mwtest-prog:%d", os.Getpid())
	tarball := filepath.Join(t.TempDir(), "prog.tar")
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", dir, "-cf", tarball, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	if _, err := l.docker(t.Context(), "import", tarball, l.image); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := l.docker(context.Background(), "rmi", "-f", l.image); err != nil {
			t.Error(err)
		}
	})
}

func (l *lab) create(t *testing.T, s Spec) string {
	t.Helper()
	l.made++
	name := fmt.Sprintf("mwtest-%d-%d", os.Getpid(), l.made)
	args := []string{"run", "-d", "--name", name, "--stop-timeout", "5"}
	if s.Term {
		args = append(args, "-t")
	}
	switch s.Health {
	case "ok", "bad":
		args = append(args, "--health-cmd", "probe "+s.Health, "--health-interval", "200ms", "--health-retries", "1")
	}
	for k, v := range s.Labels {
		args = append(args, "--label", k+"="+v)
	}
	for k, v := range s.Env {
		args = append(args, "-e", k+"="+v)
	}
	if s.Port != 0 {
		args = append(args, "-p", fmt.Sprintf("127.0.0.1::%d", s.Port))
	}
	if s.Policy != "" {
		args = append(args, "--restart", s.Policy)
	}
	args = append(args, l.image, "/prog", "-out", strings.Join(s.Out, "|"), "-err", strings.Join(s.Err, "|"),
		"-long", fmt.Sprint(s.Long), "-tick", s.Tick.String(), fmt.Sprintf("-stays=%v", s.Stays),
		fmt.Sprintf("-burn=%v", s.Burn), "-exit", fmt.Sprint(s.Exit))
	t.Cleanup(func() {
		if _, err := l.docker(context.Background(), "rm", "-f", name); err != nil && !strings.Contains(err.Error(), "No such container") {
			t.Error(err)
		}
	})
	if _, err := l.docker(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	if s.Stays {
		eventually(t, func(ctx context.Context) error {
			_, err := l.docker(ctx, "exec", name, "/bin/sh", "-c", "ready")
			return err
		})
	}
	return name
}
