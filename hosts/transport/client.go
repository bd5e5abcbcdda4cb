package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
	"midwatch/hosts/pipe"
)

// errLost is the cause of everything that fails because the connection went away. It is also
// hosts.ErrUnreached.
var errLost error = lostError{}

type lostError struct{}

func (lostError) Error() string        { return "connection lost" }
func (lostError) Is(target error) bool { return target == hosts.ErrUnreached }

// errMaybeRan goes with errLost when the host may have begun the command: it is not tried again.
var errMaybeRan = errors.New("it is not known whether the command ran")

// client is one established SSH connection, with the connections to its jump hosts before it.
type client struct {
	ssh    *ssh.Client
	wire   *wire     // the connection ssh runs on
	via    []*client // jump hosts, nearest to us first; closed with the client
	budget *budget
	facts  Facts
	wg     sync.WaitGroup // everything started here

	dead chan struct{} // closed when the connection ended
	mu   sync.Mutex    // guards reason
	// reason says why it ended; the first one stands.
	reason error
}

// newClient takes over an established connection.
func newClient(c *ssh.Client, w *wire, sessions int) *client {
	cl := &client{ssh: c, wire: w, budget: newBudget(sessions), dead: make(chan struct{})}
	cl.wg.Go(func() {
		err := c.Wait()
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("the host closed the connection")
		}
		cl.fail(err)
	})
	return cl
}

// fail ends the connection because of err. It never blocks.
func (c *client) fail(err error) {
	c.mu.Lock()
	first := c.reason == nil
	if first {
		c.reason = err
		close(c.dead)
	}
	c.mu.Unlock()
	if !first {
		return
	}
	c.budget.close(fmt.Errorf("%w: %w", errLost, err))
	// The connection nearest to us goes first: closing one that runs through another would have to
	// write through it.
	for _, v := range c.via {
		v.fail(err)
	}
	_ = c.wire.Close()
}

// err says why the connection ended.
func (c *client) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// close ends the connection and waits for everything that ran on it.
func (c *client) close(err error) {
	c.fail(err)
	c.wg.Wait()
	for _, v := range c.via {
		v.close(err)
	}
}

// lost is the error of something that the end of the connection cut off.
func (c *client) lost() error {
	err := c.err()
	if errors.Is(err, hosts.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

// background runs something that may wait for the host, and close waits for it. After the connection
// ended there is nothing to wait for: f is not run, and the answer is false.
func (c *client) background(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason != nil {
		return false
	}
	c.wg.Go(f)
	return true
}

// opened is what OpenChannel returned.
type opened struct {
	ch   ssh.Channel
	reqs <-chan *ssh.Request
	err  error
}

// open opens a channel. When the context ends first, the channel is closed as soon as the host
// answers, and abandoned is called then; until then it counts on the server.
func (c *client) open(ctx context.Context, kind string, payload []byte, abandoned func()) (ssh.Channel, <-chan *ssh.Request, error) {
	got := make(chan opened)
	left := make(chan struct{}) // closed when nobody waits for the channel any more
	started := c.background(func() {
		ch, reqs, err := c.ssh.OpenChannel(kind, payload)
		select {
		case got <- opened{ch, reqs, err}:
			return
		case <-left:
		}
		if err == nil {
			_ = ch.Close()
			ssh.DiscardRequests(reqs)
		}
		if abandoned != nil {
			abandoned()
		}
	})
	if !started {
		return nil, nil, c.lost()
	}
	select {
	case o := <-got:
		return o.ch, o.reqs, c.openFault(o.err)
	case <-ctx.Done():
		close(left)
		return nil, nil, context.Cause(ctx)
	}
}

// openFault leaves a refusal as it is; anything else is the end of the connection.
func (c *client) openFault(err error) error {
	var refused *ssh.OpenChannelError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	if !c.cut() {
		c.fail(fmt.Errorf("open a channel: %w", err))
	}
	return c.lost()
}

// cutSoon is cut for an end that a server announced: its channels end a moment before the connection.
func (c *client) cutSoon() bool {
	if c.cut() {
		return true
	}
	t := time.NewTimer(lostGrace)
	defer t.Stop()
	select {
	case <-c.dead:
		return true
	case <-t.C:
		return false
	}
}

// lostGrace is how long an unexplained end is waited on to turn out as the end of the connection.
const lostGrace = 100 * time.Millisecond

// dial opens a connection from the host. It needs no session channel.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var kind string
	var payload []byte
	switch network {
	case "tcp":
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", address, err)
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("dial %s: port %q is not a number", address, port)
		}
		kind = "direct-tcpip"
		payload = ssh.Marshal(struct {
			Host     string
			Port     uint32
			OrigHost string
			OrigPort uint32
		}{host, uint32(n), "127.0.0.1", 0})
	case "unix":
		kind = "direct-streamlocal@openssh.com"
		payload = ssh.Marshal(struct {
			Path     string
			Reserved string
			Unused   uint32
		}{Path: address})
	default:
		return nil, fmt.Errorf("dial %s %s: unknown network", network, address)
	}
	ch, reqs, err := c.open(ctx, kind, payload, nil)
	if err != nil {
		return nil, forwardFault(network, address, err)
	}
	return c.attach(ch, reqs, network+" "+address)
}

// attach puts an in-memory connection before a channel: it has deadlines, and its Close returns at
// once although the host may never answer.
func (c *client) attach(ch ssh.Channel, reqs <-chan *ssh.Request, name string) (net.Conn, error) {
	near, far := pipe.New(pipe.Options{Name: name, Buffer: 64 << 10})
	out := func() {
		_, err := io.Copy(ch, far)
		if err == nil {
			err = ch.CloseWrite()
		}
		if err != nil {
			_ = ch.Close()
		}
	}
	in := func() {
		_, err := io.Copy(far, ch)
		if err == nil && c.cut() {
			err = c.lost()
		}
		if err != nil {
			_ = far.CloseWithError(err)
			_ = ch.Close()
			return
		}
		_ = far.CloseWrite() // ours may go on: half-close
	}
	started := c.background(func() {
		c.wg.Go(func() { ssh.DiscardRequests(reqs) })
		c.wg.Go(func() { _, _ = io.Copy(io.Discard, ch.Stderr()) })
		c.wg.Go(out)
		in()
	})
	if !started {
		return nil, c.lost()
	}
	return &channelConn{Conn: near, ch: ch, client: c}, nil
}

// cut reports whether an end that a channel saw is really the end of the connection. Channels end
// a moment before the connection is known to have.
func (c *client) cut() bool {
	select {
	case <-c.dead:
		return true
	default:
	}
	if c.wire.broken() {
		<-c.dead
		return true
	}
	return false
}

// channelConn is the near end; closing it also closes the channel, in the background.
type channelConn struct {
	*pipe.Conn
	ch     ssh.Channel
	client *client
	once   sync.Once
}

func (c *channelConn) Close() error {
	c.once.Do(func() {
		_ = c.Conn.Close()
		c.client.background(func() { _ = c.ch.Close() })
	})
	return nil
}

// forwardFault explains a refused forwarding. OpenSSH says the same to a socket that is missing and
// to one that it may not forward to, so the reason is left as it was given.
func forwardFault(network, address string, err error) error {
	var o *ssh.OpenChannelError
	if !errors.As(err, &o) {
		return err
	}
	words := cleanLine(o.Message)
	switch {
	case o.Reason == ssh.Prohibited:
		return fmt.Errorf("dial %s %s: %w: forwarding is refused by the ssh server (%s)", network, address, hosts.ErrNotAllowed, words)
	case network == "unix":
		return fmt.Errorf("dial unix %s: %w: the ssh server could not or would not connect (%s)", address, errForward, words)
	}
	return fmt.Errorf("dial %s %s: %w (%s)", network, address, errForward, words)
}

// errForward is a dial that the host tried, or refused without saying so.
var errForward = errors.New("connection refused")

// keepalive asks for a sign of life every interval and ends the connection when, deadline after
// having asked, nothing at all has come from the host. A busy host is alive although its answer
// stands in a queue behind its output.
func (c *client) keepalive(interval, deadline time.Duration, answered func(time.Duration)) {
	tick := time.NewTimer(0) // the first at once: it measures the round trip
	defer tick.Stop()
	for {
		select {
		case <-c.dead:
			return
		case <-tick.C:
		}
		if !c.alive(deadline, answered) {
			c.fail(fmt.Errorf("no answer to a keepalive within %s", deadline))
			return
		}
		tick.Reset(interval)
	}
}

// alive waits for the answer to one keepalive, and on as long as other data comes.
func (c *client) alive(deadline time.Duration, answered func(time.Duration)) bool {
	asked := time.Now()
	done := make(chan bool, 1)
	c.background(func() {
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		done <- err == nil
	})
	wait := time.NewTimer(deadline)
	defer wait.Stop()
	for {
		select {
		case ok := <-done:
			if ok {
				answered(time.Since(asked))
			}
			return ok
		case <-c.dead:
			return true // for another reason
		case <-wait.C:
			heard := c.wire.heard()
			if heard.Before(asked) || time.Since(heard) >= deadline {
				return false
			}
			wait.Reset(deadline - time.Since(heard))
		}
	}
}
