package demo

import (
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"path"
	"strconv"
	"syscall"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
	"midwatch/hosts/demo/wire"
)

// Dial opens a connection from the operator's machine to an address of the fleet, and to nothing
// else: names and addresses the fleet does not have fail as unknown ones do. It is safe for use from
// any goroutine.
func (f *Fleet) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if f.ctx.Err() != nil {
		return nil, opError(network, address, errShutdown)
	}
	name, port, err := split(address)
	if err != nil {
		return nil, opError(network, address, err)
	}
	h := f.find(name)
	if h == nil {
		if net.ParseIP(name) == nil {
			return nil, opError(network, address, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true})
		}
		return nil, opError(network, address, os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	}
	h.site.open(f)
	if h.sim.Spec.Private {
		return nil, opError(network, address, os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	}
	local := wire.Addr{Net: "tcp", Text: "10.255.0.1:" + strconv.Itoa(40000+len(h.name))}
	return h.accept(ctx, f.faults(h.name), local, h.addr, port, false)
}

// faults are those of the way between the operator and a host.
func (f *Fleet) faults(name string) wire.Faults {
	x := fnv.New64a()
	_, _ = x.Write([]byte(name))
	return wire.Faults{Latency: f.p.Latency, Jitter: f.p.Latency / 5, Loss: f.p.Loss, Seed: f.p.Seed ^ x.Sum64(), Window: f.p.Window}
}

func split(address string) (string, int, error) {
	name, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("port %q is not a number", p)
	}
	return name, int(port), nil
}

// find returns the host that a name or address means to the operator.
func (f *Fleet) find(name string) *host {
	if h := f.byAddr[name]; h != nil {
		return h
	}
	if h := f.byName[name]; h != nil {
		return h
	}
	for _, s := range f.sites {
		if addr := s.plan.Resolve(s.world, name); addr != "" {
			return f.byAddr[addr]
		}
	}
	return nil
}

func opError(network, address string, err error) error {
	return &net.OpError{Op: "dial", Net: network, Addr: wire.Addr{Net: network, Text: address}, Err: err}
}

// accept connects to a port of the host. local says that the connection comes from the host itself.
func (h *host) accept(ctx context.Context, faults wire.Faults, from net.Addr, ip string, port int, local bool) (net.Conn, error) {
	to := wire.Addr{Net: "tcp", Text: net.JoinHostPort(ip, strconv.Itoa(port))}
	ssh := port == h.sshPort()
	s := h.site.sim
	s.Lock()
	down, hole := h.sim.Down, h.sim.Blackhole
	l, found := h.sim.Find(ip, port, local)
	s.Unlock()
	switch {
	case down && hole && !local:
		<-ctx.Done()
		return nil, opError("tcp", to.Text, os.NewSyscallError("connect", syscall.ETIMEDOUT))
	case down && !local:
		return nil, opError("tcp", to.Text, os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	case !found && !(ssh && h.mute):
		return nil, opError("tcp", to.Text, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	near, far := wire.Pipe(faults, from, to)
	if !local {
		h.track(near)
	}
	release := s.Follow()
	near.OnClose(release)
	if h.fleet.ctx.Err() != nil {
		near.Cut(errShutdown)
	}
	switch {
	case h.mute:
	case ssh:
		if !h.fleet.spawn(func() { h.serveSSH(far) }) {
			near.Cut(errShutdown)
		}
	default:
		h.fleet.serve(far, l)
	}
	return near, nil
}

// sshPort is where the host's sshd listens.
func (h *host) sshPort() int {
	if p := h.sim.Spec.Port; p != 0 {
		return p
	}
	return 22
}

// serve answers a connection the way the listener does.
func (f *Fleet) serve(c *wire.Conn, l sim.Listener) {
	switch {
	case l.Handler != nil:
		f.web.take(f.ctx, c, l)
	case l.Serve != nil:
		if !f.spawn(func() { l.Serve(c) }) {
			c.Cut(errShutdown)
		}
	default:
		if !f.spawn(func() { banner(c, l.Banner) }) {
			c.Cut(errShutdown)
		}
	}
}

// banner is a server that greets and then listens in silence.
func banner(c *wire.Conn, text string) {
	defer c.Close()
	if text != "" {
		if _, err := c.Write([]byte(text)); err != nil {
			return
		}
	}
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// dial opens a connection as the host, or a container on it, sees the network.
func (h *host) dial(ctx context.Context, c *sim.Container, who vfs.Cred, network, address string) (net.Conn, error) {
	if network == "unix" {
		return h.dialUnix(c, who, address)
	}
	name, port, err := split(address)
	if err != nil {
		return nil, opError(network, address, err)
	}
	s := h.site.sim
	s.Lock()
	ip := h.resolve(c, name)
	box, inside := sim.Listener{}, false
	if ip != "" {
		box, inside = h.sim.FindInside(ip, port)
	}
	loop := isLoopback(ip)
	if c != nil && loop && c.NetMode() != "host" {
		hd := c.Handler(port)
		text, greets := c.Spec.Banner[port]
		box, inside = sim.Listener{Handler: hd, Banner: text, C: c, TLS: c.Spec.TLS[port]}, hd != nil || greets
		if !inside {
			s.Unlock()
			return nil, opError(network, address, os.NewSyscallError("connect", syscall.ECONNREFUSED))
		}
	}
	s.Unlock()
	from := wire.Addr{Net: "tcp", Text: net.JoinHostPort(pick(loop, "127.0.0.1", h.addr), "41812")}
	if c != nil && c.IP() != "" {
		from.Text = net.JoinHostPort(c.IP(), "41812")
	}
	switch {
	case ip == "":
		return nil, opError(network, address, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true})
	case inside:
		near, far := wire.Pipe(wire.Faults{}, from, wire.Addr{Net: "tcp", Text: net.JoinHostPort(ip, strconv.Itoa(port))})
		h.fleet.serve(far, box)
		return near, nil
	case loop || ip == h.addr:
		return h.accept(ctx, wire.Faults{}, from, ip, port, true)
	}
	other := h.fleet.byAddr[ip]
	if other == nil {
		return nil, opError(network, address, os.NewSyscallError("connect", syscall.EHOSTUNREACH))
	}
	other.site.open(h.fleet)
	return other.accept(ctx, wire.Faults{}, from, ip, port, false)
}

func isLoopback(ip string) bool {
	p := net.ParseIP(ip)
	return p != nil && p.IsLoopback()
}

// resolve looks a name up as the host, or a container on it, does; the site is locked.
func (h *host) resolve(c *sim.Container, name string) string {
	switch {
	case name == "localhost":
		return "127.0.0.1"
	case net.ParseIP(name) != nil:
		return name
	case name == h.name:
		return "127.0.0.1"
	}
	if c != nil {
		if name == "host.docker.internal" {
			return h.addr
		}
		if ip := c.Lookup(name); ip != "" {
			return ip
		}
	}
	ip, _ := h.site.sim.Resolve(name)
	return ip
}

// dialUnix opens a unix socket of the host: the engine's, or one that a unit listens on.
func (h *host) dialUnix(c *sim.Container, who vfs.Cred, name string) (net.Conn, error) {
	fail := func(e syscall.Errno) (net.Conn, error) {
		return nil, opError("unix", name, os.NewSyscallError("connect", e))
	}
	if c != nil {
		return fail(syscall.ENOENT)
	}
	real, err := h.sim.FS.Resolve(who, name)
	if err != nil {
		real = path.Clean(name)
	}
	if err := h.sim.FS.Access(who, real, 6); err != nil {
		if os.IsPermission(err) {
			return fail(syscall.EACCES)
		}
		return fail(syscall.ENOENT)
	}
	from, to := wire.Addr{Net: "unix", Text: "@"}, wire.Addr{Net: "unix", Text: name}
	s := h.site.sim
	s.Lock()
	l, found := h.sim.FindUnix(real)
	s.Unlock()
	docker := h.engine != nil && real == "/run/docker.sock"
	if !docker && !found {
		return fail(syscall.ECONNREFUSED)
	}
	near, far := wire.Pipe(wire.Faults{}, from, to)
	switch {
	case docker && (h.dockerHangs || h.sim.Spec.Engine.Refuses):
		h.track(near) // accepted, and nobody answers
	case docker:
		h.fleet.serve(far, sim.Listener{Handler: h.engine})
	default:
		h.fleet.serve(far, l)
	}
	return near, nil
}
