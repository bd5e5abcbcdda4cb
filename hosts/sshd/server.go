package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Server answers SSH connections on behalf of a Backend. Make one with New.
type Server struct {
	conf    Config
	ssh     *ssh.ServerConfig
	backend Backend
}

// New returns a server; it fails when the configuration has no host key.
func New(conf Config, backend Backend) (*Server, error) {
	sc, err := conf.server()
	if err != nil {
		return nil, err
	}
	if conf.MaxSessions == 0 {
		conf.MaxSessions = DefaultMaxSessions
	}
	if conf.HandshakeTimeout == 0 {
		conf.HandshakeTimeout = 2 * time.Minute
	}
	return &Server{conf: conf, ssh: sc, backend: backend}, nil
}

// Serve answers one connection until it ends or the context does, and closes it. It returns after
// every command and every forwarded connection on it has ended. A connection that was closed by the
// client is no error.
func (s *Server) Serve(ctx context.Context, nc net.Conn) error {
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()

	// A deadline on the connection itself bounds a client that stops in the middle of the handshake.
	_ = nc.SetDeadline(time.Now().Add(s.conf.HandshakeTimeout))
	sc, chans, reqs, err := ssh.NewServerConn(nc, s.ssh)
	if err != nil {
		_ = nc.Close()
		return fmt.Errorf("ssh handshake with %s: %w", nc.RemoteAddr(), err)
	}
	_ = nc.SetDeadline(time.Time{})

	c := &conn{server: s, user: sc.User(), commands: ctx}
	if s.conf.LeaveRunning {
		c.commands = whole
	}
	c.wg.Go(func() { c.globalRequests(reqs) })
	for nch := range chans {
		c.open(ctx, nch)
	}
	cancel()
	_ = sc.Close()
	c.wg.Wait()
	return nil
}

// ServeListener answers every connection of l until the context ends, then closes l, waits for the
// connections and returns the context's error. Errors of single connections are given to onError,
// which may be nil.
func (s *Server) ServeListener(ctx context.Context, l net.Listener, onError func(error)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		wg.Go(func() {
			if err := s.Serve(ctx, nc); err != nil && onError != nil {
				onError(err)
			}
		})
	}
}

// conn is one client.
type conn struct {
	server *Server
	user   string
	// commands is what commands run under.
	commands context.Context // one of two, chosen once for the connection
	wg       sync.WaitGroup

	mu       sync.Mutex
	sessions int // open session channels; mu guards it
}

func (c *conn) globalRequests(reqs <-chan *ssh.Request) {
	for r := range reqs {
		if c.server.conf.MuteKeepalive && r.Type == "keepalive@openssh.com" {
			continue
		}
		if r.WantReply {
			// OpenSSH refuses keepalive@openssh.com as well: any answer proves life.
			_ = r.Reply(false, nil)
		}
	}
}

func (c *conn) open(ctx context.Context, nch ssh.NewChannel) {
	switch nch.ChannelType() {
	case "session":
		if !c.takeSession() {
			// OpenSSH's answer when MaxSessions is reached.
			_ = nch.Reject(ssh.ConnectionFailed, "open failed")
			return
		}
		ch, reqs, err := nch.Accept()
		if err != nil {
			c.freeSession()
			return
		}
		c.wg.Go(func() {
			se := newSession(c, ch)
			defer se.free()
			se.run(c.commands, reqs)
		})
	case "direct-tcpip", "direct-streamlocal@openssh.com":
		c.wg.Go(func() { c.forward(ctx, nch) })
	default:
		_ = nch.Reject(ssh.UnknownChannelType, "unsupported channel type")
	}
}

func (c *conn) takeSession() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions >= c.server.conf.MaxSessions {
		return false
	}
	c.sessions++
	return true
}

func (c *conn) freeSession() {
	c.mu.Lock()
	c.sessions--
	c.mu.Unlock()
}
