package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"midwatch/hosts/pipe"
)

// maxHops bounds a chain of jump hosts that names itself.
const maxHops = 8

// hop is one host on the way to a target, the target at the end.
type hop struct {
	Settings
	as Target // whose keys, passwords and trust are used there
}

// route resolves t and the hosts before it, nearest to us first. As with ssh, the first jump host is
// reached as its own configuration says, the others from the one before them.
func route(ctx context.Context, t Target, p Params) ([]hop, error) {
	s, err := resolve(ctx, t, p)
	if err != nil {
		return nil, err
	}
	hops := []hop{{s, t}}
	for hops[0].ProxyJump != "" {
		jumps := splitComma(hops[0].ProxyJump)
		front := make([]hop, 0, len(jumps)+len(hops))
		for i, j := range jumps {
			jt, err := parseJump(j, t)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				jt.Jump = noConfig
			}
			js, err := resolve(ctx, jt, p)
			if err != nil {
				return nil, err
			}
			front = append(front, hop{js, jt})
		}
		// Hosts reached from another one have no way of their own any more.
		hops[0].ProxyJump, hops[0].ProxyCommand = "", ""
		hops = append(front, hops...)
		if len(hops) > maxHops {
			return nil, fmt.Errorf("resolve %s: more than %d jump hosts; one of them jumps through itself", t.Name, maxHops-1)
		}
	}
	if hops[0].ProxyUseFdpass && hops[0].ProxyCommand != "" {
		return nil, fmt.Errorf("resolve %s: ProxyUseFdpass is not supported", t.Name)
	}
	return hops, nil
}

// parseJump reads one hop of ProxyJump: [user@]host[:port] or ssh://[user@]host[:port].
func parseJump(j string, t Target) (Target, error) {
	if known, ok := t.Jumps[j]; ok {
		return known, nil
	}
	jt := jumpTarget(t)
	host, port := j, ""
	if strings.HasPrefix(j, "ssh://") {
		u, err := url.Parse(j)
		if err != nil {
			return jt, fmt.Errorf("resolve %s: jump host %q: not a URI", t.Name, j)
		}
		host, port = u.Hostname(), u.Port()
		if u.User != nil {
			jt.User = u.User.Username()
		}
	} else {
		if i := strings.LastIndexByte(j, '@'); i >= 0 {
			jt.User, host = j[:i], j[i+1:]
		}
		if h, p, err := net.SplitHostPort(host); err == nil {
			host, port = h, p
		} else {
			host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		}
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return jt, fmt.Errorf("resolve %s: jump host %q: port %q", t.Name, j, port)
		}
		jt.Port = int(n)
	}
	if host == "" {
		return jt, fmt.Errorf("resolve %s: jump host %q: no host", t.Name, j)
	}
	jt.Alias = host
	return jt, nil
}

// dialCommand runs a proxy command; its standard input and output are the connection.
func dialCommand(ctx context.Context, command string, p Params) (net.Conn, error) {
	m := newMachine(p.Environ)
	// A session of its own: the command cannot ask on the terminal the console is drawn on.
	proc, err := m.spawnSession([]string{"/bin/sh", "-c", "exec " + command})
	if err != nil {
		return nil, fmt.Errorf("start it: %w", err)
	}
	if ctx.Err() != nil {
		m.close()
		return nil, context.Cause(ctx)
	}
	return newCommandConn(proc, "proxy command", func() { m.close() }), nil
}

// spawnSession starts a command apart from our terminal.
func (m *machine) spawnSession(argv []string) (*localProcess, error) {
	p := &localProcess{m: m, killed: make(chan struct{}), done: make(chan struct{})}
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // ended by Kill, together with its group
	p.cmd.Env = m.env
	if err := p.startPipes(&syscall.SysProcAttr{Setsid: true}); err != nil {
		return nil, err
	}
	m.add(p)
	go p.reap()
	return p, nil
}

// commandConn is a connection made of a command's standard input and output.
type commandConn struct {
	*pipe.Conn
	proc process
	errs *tail
	once sync.Once
	wg   sync.WaitGroup
	free func()
}

// newCommandConn takes proc over; free is called in the end.
func newCommandConn(proc process, name string, free func()) *commandConn {
	near, far := pipe.New(pipe.Options{Name: name, Buffer: 64 << 10})
	c := &commandConn{Conn: near, proc: proc, errs: newTail(4 << 10), free: free}
	errsRead := make(chan struct{})
	c.wg.Go(func() {
		defer close(errsRead)
		copyAll(c.errs, proc.Stderr())
	})
	c.wg.Go(func() {
		copyAll(proc.Stdin(), far)
		_ = proc.Stdin().Close()
	})
	c.wg.Go(func() {
		copyAll(far, proc.Stdout())
		<-errsRead
		_ = far.CloseWithError(c.ended())
	})
	return c
}

// ended says why the output of the command is over: nil for a good end.
func (c *commandConn) ended() error {
	st, err := c.proc.Wait()
	switch {
	case errors.Is(err, errKilled):
		return net.ErrClosed
	case err != nil:
		return err
	case st.code == 0:
		return nil
	}
	if why := lastLine(c.errs.Bytes()); why != "" {
		return fmt.Errorf("%s (exit %d)", why, st.code)
	}
	return fmt.Errorf("exit %d", st.code)
}

// explain puts the command's own last words in the place of an error that says only that it went
// away: whether our write or its end is noticed first is a matter of luck. Call it after Close.
func (c *commandConn) explain(err error) error {
	if why := lastLine(c.errs.Bytes()); why != "" && brokenOff(err) {
		return errors.New(why)
	}
	return err
}

// Close ends the command.
func (c *commandConn) Close() error {
	c.once.Do(func() {
		_ = c.Conn.Close()
		c.proc.Kill()
		c.free()
		c.wg.Wait()
	})
	return nil
}

var _ net.Conn = (*commandConn)(nil)
