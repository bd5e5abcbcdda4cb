package demo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
	"midwatch/hosts/docker"
	dockersuite "midwatch/hosts/docker/conformance"
	"midwatch/hosts/transport/conformance"
)

func TestShellConforms(t *testing.T) {
	t.Parallel()
	f, inv := fleet(t, Params{Calm: true})
	h := f.Host("prod-113")
	echo := func(c net.Conn) {
		_, _ = io.Copy(c, c)
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	h.Site.Lock()
	h.AddUnit(sim.UnitSpec{Name: "echo.service", Listen: []sim.Listener{
		{Proto: "tcp", IP: "127.0.0.1", Port: 7, Serve: echo}, {Proto: "unix", Path: "/run/echo.sock", Serve: echo},
	}})
	h.Site.Unlock()
	h.FS.Put("/run/echo.sock", vfs.Node{Mode: fs.ModeSocket | 0o666})
	conformance.Run(t, conformance.Host{
		Open: func(t *testing.T) hosts.Conn { return link(t, f, inv, "prod-113") },
		Dir:  "/home/coder",
		Echo: map[string]string{"tcp": "127.0.0.1:7", "unix": "/run/echo.sock"},
	})
}

func TestEngineConforms(t *testing.T) {
	t.Parallel()
	f, inv := fleet(t, Params{Calm: true})
	l := link(t, f, inv, "prod-113")
	d := docker.New(docker.Params{Host: "prod-113", Now: time.Now, Dial: func(ctx context.Context) (net.Conn, error) {
		return l.Dial(ctx, "unix", "/var/run/docker.sock")
	}})
	t.Cleanup(func() { _ = d.Close() })
	h := f.Host("prod-113")
	made := 0
	dockersuite.Run(t, dockersuite.Fixture{Client: d, Create: func(t *testing.T, s dockersuite.Spec) string {
		t.Helper()
		h.Site.Lock()
		defer h.Site.Unlock()
		made++
		spec := program(s)
		spec.Name = fmt.Sprintf("mwtest-%d", made)
		c := h.AddContainer(spec)
		t.Cleanup(func() {
			h.Site.Lock()
			defer h.Site.Unlock()
			c.Kill("KILL")
			c.Remove()
		})
		c.Start()
		return spec.Name
	}})
}

// program is a container that does what the suite's program does.
func program(s dockersuite.Spec) sim.ContainerSpec {
	spec := sim.ContainerSpec{
		Image: "mwtest:latest", Cmd: []string{"/prog"}, User: "app", Networks: []string{"bridge"}, Off: "created", Labels: s.Labels, TTY: s.Term, ExitCode: s.Exit,
		CPU: 0.1, Mem: 4 << 20, StopTime: 30 * time.Millisecond,
	}
	if s.Burn {
		spec.CPU = 90
	}
	var retries string
	spec.Restart, retries, _ = strings.Cut(s.Policy, ":")
	spec.MaxRetry, _ = strconv.Atoi(retries)
	for k, v := range s.Env {
		spec.Env = append(spec.Env, k+"="+v)
	}
	if s.Port != 0 {
		spec.Ports = []sim.PortSpec{{IP: "127.0.0.1", Host: 49153, Port: s.Port}}
	}
	if s.Health != "" {
		spec.Health = &sim.HealthSpec{Test: []string{"CMD-SHELL", "probe " + s.Health}, Interval: 200 * time.Millisecond, Retries: 1, Good: "probe says yes\n", Bad: "probe says no\n"}
	}
	spec.Boot = func(c *sim.Container, now time.Time) {
		if s.Health == "bad" {
			c.Sick = "bad"
		}
		for i := range max(len(s.Out), len(s.Err)) {
			if i < len(s.Out) {
				c.Out(now, s.Out[i])
			}
			if i < len(s.Err) {
				c.Errout(now, s.Err[i])
			}
		}
		if s.Long > 0 {
			c.Out(now, strings.Repeat("x", s.Long))
		}
		if !s.Stays {
			c.Host.Site.After(10*time.Millisecond, func(time.Time) { c.Fail(s.Exit) })
			return
		}
		n := 0
		if s.Tick > 0 {
			c.Host.Site.Every(s.Tick, func(now time.Time) time.Duration {
				if !c.Running() {
					return 0
				}
				n++
				c.Out(now, fmt.Sprint("tick ", n))
				return s.Tick
			})
		}
	}
	return spec
}
