package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/pipe"
)

// DockerSocket is where an engine listens when nothing else is said.
const DockerSocket = "/var/run/docker.sock"

// DockerWay is how the engine of a host is reached.
type DockerWay int

// The ways to an engine's socket.
const (
	DockerUnknown   DockerWay = iota // not tried yet
	DockerDirect                     // the socket itself, dialled through the connection
	DockerStdio                      // docker system dial-stdio as a command
	DockerStdioSudo                  // the same as root
)

func (w DockerWay) String() string {
	switch w {
	case DockerDirect:
		return "socket"
	case DockerStdio:
		return "docker system dial-stdio"
	case DockerStdioSudo:
		return "sudo docker system dial-stdio"
	default:
		return "unknown"
	}
}

// DockerDialer opens connections to the engine of one host and remembers the way that works. It is
// safe for concurrent use.
type DockerDialer struct {
	Conn   hosts.Conn
	Socket string // "" means DockerSocket
	Sudo   bool   // root may be used where the login may not open the socket

	mu  sync.Mutex // guards way
	way DockerWay
}

// DialDocker opens one connection to the engine behind socket, by the first way that works: the
// socket itself; docker system dial-stdio where the SSH server forwards no sockets; that as root
// where the login may not open it and sudo is true. The error says what is missing: ErrMissing,
// ErrNotAllowed or ErrNoSudo with the remedy.
func DialDocker(ctx context.Context, conn hosts.Conn, socket string, sudo bool) (net.Conn, DockerWay, error) {
	d := &DockerDialer{Conn: conn, Socket: socket, Sudo: sudo}
	nc, err := d.Dial(ctx)
	return nc, d.Way(), err
}

// Way returns the way that worked last.
func (d *DockerDialer) Way() DockerWay {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.way
}

func (d *DockerDialer) socket() string {
	if d.Socket == "" {
		return DockerSocket
	}
	return d.Socket
}

// Dial opens a connection. The context bounds the opening only.
func (d *DockerDialer) Dial(ctx context.Context) (net.Conn, error) {
	if way := d.Way(); way != DockerUnknown {
		nc, err := d.open(ctx, way)
		if err == nil || fatal(ctx, err) {
			return nc, err
		}
	}
	nc, way, err := d.discover(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.way = way
	d.mu.Unlock()
	return nc, nil
}

// fatal reports whether another way would fail of the same.
func fatal(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, hosts.ErrUnreached) || errors.Is(err, hosts.ErrClosed) || errors.Is(err, errLost)
}

// open uses one way.
func (d *DockerDialer) open(ctx context.Context, way DockerWay) (net.Conn, error) {
	if way == DockerDirect {
		return d.Conn.Dial(ctx, "unix", d.socket())
	}
	return dialStdio(ctx, d.Conn, hosts.Cmd{
		Argv: []string{"docker", "-H", "unix://" + d.socket(), "system", "dial-stdio"},
		Sudo: way == DockerStdioSudo,
	})
}

// lookDocker finds out why the socket could not be dialled.
const lookDocker = `if [ ! -e "$1" ]; then echo missing; elif [ ! -S "$1" ]; then echo other; ` +
	`elif [ -r "$1" ] && [ -w "$1" ]; then echo open; else echo denied; fi; command -v docker >/dev/null 2>&1 && echo cli; exit 0`

// discover tries the ways in order.
func (d *DockerDialer) discover(ctx context.Context) (net.Conn, DockerWay, error) {
	nc, direct := d.open(ctx, DockerDirect)
	if direct == nil {
		return nc, DockerDirect, nil
	}
	if fatal(ctx, direct) {
		return nil, DockerUnknown, direct
	}
	res, err := d.Conn.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", lookDocker, "sh", d.socket()}})
	if err != nil {
		return nil, DockerUnknown, direct
	}
	standing, cli, _ := strings.Cut(strings.TrimSpace(string(res.Stdout)), "\n")
	way := DockerStdio
	switch {
	case standing == "missing":
		return nil, DockerUnknown, fmt.Errorf("%w: no docker socket at %s; the engine is not installed, not running, or listens elsewhere", hosts.ErrMissing, d.socket())
	case standing == "other":
		return nil, DockerUnknown, fmt.Errorf("%w: %s is not a socket", hosts.ErrMissing, d.socket())
	case standing == "denied" && !d.Sudo:
		return nil, DockerUnknown, fmt.Errorf("%w: permission denied on %s; add the login to the group docker, or allow sudo for this host", hosts.ErrNotAllowed, d.socket())
	case standing != "open" && standing != "denied":
		return nil, DockerUnknown, direct
	case cli == "":
		return nil, DockerUnknown, fmt.Errorf("%w: %s is there, but the ssh server does not forward to it and the docker command is not installed; set AllowStreamLocalForwarding yes, or install docker-cli", hosts.ErrMissing, d.socket())
	case standing == "denied":
		way = DockerStdioSudo
	}
	if err := d.ping(ctx, way); err != nil {
		return nil, DockerUnknown, fmt.Errorf("%s: %w", way, err)
	}
	nc, err = d.open(ctx, way)
	return nc, way, err
}

// pingTimeout bounds the first words with an engine.
const pingTimeout = 10 * time.Second

// ping makes sure that an engine answers on the other side of dial-stdio, which starts well even
// when none is there.
func (d *DockerDialer) ping(ctx context.Context, way DockerWay) error {
	nc, err := d.open(ctx, way)
	if err != nil {
		return err
	}
	defer nc.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	_ = nc.SetDeadline(time.Now().Add(pingTimeout))
	if _, err := nc.Write([]byte("GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")); err != nil {
		return err
	}
	head := make([]byte, 7)
	n := 0
	for n < len(head) {
		k, err := nc.Read(head[n:])
		n += k
		if err != nil && n < len(head) {
			return fmt.Errorf("no answer from the engine: %w", err)
		}
	}
	if string(head) != "HTTP/1." {
		return errors.New("what answers does not speak HTTP")
	}
	return nil
}

// streamConn is a connection made of a command's standard input and output.
type streamConn struct {
	*pipe.Conn
	stream hosts.Stream
	cancel context.CancelFunc
	once   sync.Once
	wg     sync.WaitGroup
}

// dialStdio starts c and makes a connection of it. The context bounds the start only.
func dialStdio(ctx context.Context, conn hosts.Conn, c hosts.Cmd) (net.Conn, error) {
	near, far := pipe.New(pipe.Options{Name: shortCommand(c.Argv), Buffer: 64 << 10})
	c.Stdin = far
	sctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	st, err := conn.Stream(sctx, c)
	if !stop() || err != nil {
		cancel()
		_ = near.Close()
		if st != nil {
			_ = st.Close()
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	sc := &streamConn{Conn: near, stream: st, cancel: cancel}
	sc.wg.Go(func() {
		copyAll(far, st)
		_ = far.CloseWithError(commandEnd(st.Wait()))
	})
	return sc, nil
}

// commandEnd says why a command's output is over: nil for a good end.
func commandEnd(res hosts.Result, err error) error {
	switch {
	case err != nil:
		return err
	case res.Exit == 0:
		return nil
	}
	if why := lastLine(res.Stderr); why != "" {
		return fmt.Errorf("%s (exit %d)", why, res.Exit)
	}
	return fmt.Errorf("exit %d", res.Exit)
}

// Close ends the command.
func (c *streamConn) Close() error {
	c.once.Do(func() {
		_ = c.Conn.Close()
		_ = c.stream.Close()
		c.cancel()
		c.wg.Wait()
	})
	return nil
}

var _ net.Conn = (*streamConn)(nil)
