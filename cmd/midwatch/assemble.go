package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
	"midwatch/hosts/fleet"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logs"
	"midwatch/hosts/transport"
)

// node is one host with the ways to it.
type node struct {
	host   *inventory.Host
	link   *transport.Link
	bell   fleet.Bell
	docker *docker.Client          // nil when there is none to be asked
	dialer *transport.DockerDialer // the way to its socket; nil for an engine over TCP
	absent bool                    // it is no fault when no engine answers: it was not asked for
}

// dialing is how nodes reach the world: for real, or the demo fleet inside the process.
type dialing struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: for real
	getenv func(string) string                                                  // the environment that SSH settings may look at
	home   string                                                               // "": the user's
}

// dialing is how the hosts of this run are reached.
func (a *app) dialing() (dialing, error) {
	d, err := a.demo()
	if d == nil {
		return dialing{getenv: a.getenv}, err
	}
	return d.dialing(), nil
}

// params are a transport's.
func (a *app) params(d dialing) transport.Params {
	return transport.Params{Log: a.log, Dial: d.dial, Getenv: d.getenv, Home: d.home}
}

// newNode opens the way to a host; nothing is dialled before it returns.
func (a *app) newNode(ctx context.Context, inv *inventory.Inventory, h *inventory.Host, d dialing, o opening) (*node, error) {
	engine := h.Docker
	t := target(inv, h)
	if engine.Context != "" {
		c, err := inventory.ReadContext(inventory.DockerConfigDir(a.getenv), engine.Context)
		if err == nil {
			err = throughContext(&t, &engine, c)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: host %s: %w", inv.File, h.Line, h.Name, err)
		}
		if c.SkipTLSVerify {
			return nil, fmt.Errorf("%s:%d: host %s: docker context %q verifies no certificates, which is refused: give it a CA", inv.File, h.Line, h.Name, engine.Context)
		}
	}
	config, err := tlsConfig(engine)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: host %s: %w", inv.File, h.Line, h.Name, err)
	}
	if t.Kind == hosts.KindDocker {
		t.Address, t.TLS = strings.TrimPrefix(engine.Address, "tcp://"), config
	}
	n := &node{host: h, bell: fleet.NewBell()}
	p := a.params(d)
	p.Log = a.log.With("host", h.Name)
	p.Ask, p.OnChange, p.Lazy, p.FailFast = o.ask, n.bell.Ring, !o.watch, o.failFast
	p.Keepalive, p.KeepaliveDeadline = h.Intervals.Keepalive, h.Timeouts.Keepalive
	n.link = transport.Open(ctx, t, p)
	if h.Maintenance != "" {
		n.link.SetMaintenance(h.Maintenance)
	}
	n.absent = engine == (inventory.Docker{})
	if !engine.Off {
		n.docker = docker.New(docker.Params{
			Host: h.Name, Dial: n.engineDial(engine, t, d), Endpoint: engineEndpoint(engine), TLS: config, Now: a.now,
			Timeout: h.Timeouts.Command,
		})
	}
	return n, nil
}

// engineDial returns what opens connections to the engine of a host.
func (n *node) engineDial(e inventory.Docker, t transport.Target, d dialing) func(context.Context) (net.Conn, error) {
	if e.Address == "" {
		n.dialer = &transport.DockerDialer{Conn: n.link, Socket: e.Socket, Sudo: e.Sudo || t.Sudo != transport.SudoNone}
		return n.dialer.Dial
	}
	hostPort := strings.TrimPrefix(e.Address, "tcp://")
	if t.Kind == hosts.KindDocker {
		return func(ctx context.Context) (net.Conn, error) { return n.link.Dial(ctx, "tcp", hostPort) }
	}
	dial := d.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context) (net.Conn, error) { return dial(ctx, "tcp", hostPort) }
}

func engineEndpoint(e inventory.Docker) string {
	switch {
	case e.Address != "":
		return strings.TrimPrefix(e.Address, "tcp://")
	case e.Socket != "":
		return e.Socket
	}
	return transport.DockerSocket
}

// tlsConfig reads the certificates of an engine; nil for one that is not reached over TCP, or, on
// the loopback only, without TLS.
func tlsConfig(e inventory.Docker) (*tls.Config, error) {
	if e.Address == "" || e.CA == "" && e.Cert == "" {
		return nil, nil //nolint:nilnil // no configuration is what net/http knows as no TLS
	}
	// The cache spares both sides most of a handshake: every followed log is a connection of its own.
	c := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	if u, err := url.Parse(e.Address); err == nil {
		c.ServerName = u.Hostname()
	}
	if e.CA != "" {
		pem, err := os.ReadFile(inventory.ExpandHome(e.CA))
		if err != nil {
			return nil, fmt.Errorf("read docker's ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read docker's ca: %s holds no certificate in PEM form", e.CA)
		}
	}
	if e.Cert != "" {
		pair, err := tls.LoadX509KeyPair(inventory.ExpandHome(e.Cert), inventory.ExpandHome(e.Key))
		if err != nil {
			return nil, fmt.Errorf("read docker's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// member is the node as the fleet watches it.
func (n *node) member(inv *inventory.Inventory, d dialing, now func() time.Time) fleet.Member {
	every := n.host.Intervals
	m := fleet.Member{
		Host: n.host.Host, Link: n.link, Bell: n.bell, DockerAbsent: n.absent,
		Pace: fleet.Pace{Every: every.Refresh, Slow: every.Slow, Stats: every.Stats},
	}
	if n.host.Kind != hosts.KindDocker {
		m.Conn, m.Sections = n.link, n.sections(inv)
	}
	if n.docker != nil {
		m.Docker = fleet.Engine(n.docker)
	}
	m.Collectors = n.collectors(inv, d.here(), now)
	return m
}

func (n *node) Close() error {
	var err error
	if n.docker != nil {
		err = n.docker.Close()
	}
	return errors.Join(err, n.link.Close())
}

// logSources is where log streams find the hosts.
func (w *world) logSources() logs.Sources {
	find := func(host string) (*node, error) {
		if n, ok := w.nodes[host]; ok {
			return n, nil
		}
		if w.live == nil {
			return nil, errCapture
		}
		return nil, fmt.Errorf("no host %q", host)
	}
	return logs.Sources{
		Fields: w.Inventory.FieldsOf, Own: w.own,
		Runner: func(_ context.Context, host string) (logs.Runner, error) {
			n, err := find(host)
			if err != nil {
				return nil, err
			}
			return n.link, nil
		},
		Container: logs.Docker(func(_ context.Context, host string) (*docker.Client, error) {
			n, err := find(host)
			switch {
			case err != nil:
				return nil, err
			case n.docker == nil:
				return nil, fmt.Errorf("%s: the inventory says that it has no docker", host)
			}
			return n.docker, nil
		}),
		Sudo: func(host string) bool {
			n, ok := w.nodes[host]
			return ok && n.host.Sudo.Mode != inventory.SudoNone
		},
		Clock: func(host string) (offset, within time.Duration, known bool) {
			h := w.Fleet.Snapshot().Host(host)
			if h == nil || !h.System.Known() || h.System.Value.ClockError == 0 {
				return 0, 0, false
			}
			return h.System.Value.ClockOffset, h.System.Value.ClockError, true
		},
	}
}

var (
	_ fleet.Linker = (*transport.Link)(nil)
	_ io.Closer    = (*node)(nil)
)

// pick returns the hosts of an inventory with these names; nil means all.
func pick(inv *inventory.Inventory, names []string) []*inventory.Host {
	var out []*inventory.Host
	for i := range inv.Hosts {
		if names == nil || slices.Contains(names, inv.Hosts[i].Name) {
			out = append(out, &inv.Hosts[i])
		}
	}
	return out
}
