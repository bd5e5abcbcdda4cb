package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"midwatch/hosts"
)

// Facts are what a connection to a host was made of, for people.
type Facts struct {
	Via           string // "ssh ops@10.0.0.1:22 via bastion"
	User          string
	Auth          string // "agent key SHA256:…", "certificate ~/.ssh/id-cert.pub", "password", …
	HostKey       string // algorithm and fingerprint
	HostKeyStatus HostKeyStanding
	Server        string // the server's identification, "SSH-2.0-OpenSSH_9.2p1"
	Connected     time.Time
	Sessions      int // session channels believed to be allowed at once
}

// connectSSH opens the connection to t, through its jump hosts.
func connectSSH(ctx context.Context, t Target, p Params, m *memory) (*client, error) {
	hops, err := route(ctx, t, p)
	if err != nil {
		return nil, &connectError{text: cleanLine(err.Error()), kind: hosts.ErrUnreached, cause: err}
	}
	var via []*client
	abort := func() {
		for _, c := range slices.Backward(via) {
			c.close(hosts.ErrClosed)
		}
	}
	for i, hop := range hops {
		last := i == len(hops)-1
		nc, err := dialHop(ctx, hop.Settings, via, p)
		if err != nil {
			abort()
			return nil, err
		}
		c, err := handshake(ctx, nc, hop.Settings, hop.as, p, m)
		if err != nil {
			abort()
			return nil, err
		}
		c.facts.Via = viaText(hops)
		if last {
			c.via = via
			return c, nil
		}
		via = append(via, c)
	}
	return nil, errors.New("a route without hops") // route never returns one
}

// jumpTarget is what of a target holds for its jump hosts: where keys and known hosts are, and not
// its password.
func jumpTarget(t Target) Target {
	return Target{
		Name: t.Name, SSHConfig: t.SSHConfig, KnownHostsFiles: t.KnownHostsFiles, IdentityFiles: t.IdentityFiles,
		CertificateFiles: t.CertificateFiles, IdentityAgent: t.IdentityAgent, InsecureHostKey: t.InsecureHostKey, Passphrase: t.Passphrase,
		ConnectTimeout: t.ConnectTimeout,
	}
}

// viaText says how the target is reached.
func viaText(hops []hop) string {
	text := "ssh " + hops[len(hops)-1].label()
	names := make([]string, 0, len(hops))
	for _, h := range hops[:len(hops)-1] {
		names = append(names, h.label())
	}
	if cmd := hops[0].ProxyCommand; cmd != "" {
		names = append([]string{"command " + shortCommand(strings.Fields(cmd))}, names...)
	}
	if len(names) > 0 {
		text += " via " + strings.Join(names, ", ")
	}
	return text
}

// dialHop opens the connection the next handshake runs on.
func dialHop(ctx context.Context, s Settings, via []*client, p Params) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.ConnectTimeout, hosts.ErrTimeout)
	defer cancel()
	var nc net.Conn
	var err error
	where := s.address()
	switch {
	case len(via) > 0:
		prev := via[len(via)-1]
		where += " from " + prev.facts.HostName()
		nc, err = prev.dial(ctx, "tcp", s.address())
	case s.ProxyCommand != "":
		where += " by proxy command"
		nc, err = dialCommand(ctx, s.ProxyCommand, p)
	default:
		network := "tcp"
		switch s.AddressFamily {
		case "inet":
			network = "tcp4"
		case "inet6":
			network = "tcp6"
		}
		nc, err = p.Dial(ctx, network, s.address())
	}
	if err == nil {
		return nc, nil
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), hosts.ErrTimeout) {
		return nil, &connectError{
			text: fmt.Sprintf("dial %s: no answer within %s", where, s.ConnectTimeout), kind: hosts.ErrUnreached, cause: hosts.ErrTimeout,
		}
	}
	return nil, &connectError{text: fmt.Sprintf("dial %s: %s", where, dialReason(err)), kind: hosts.ErrUnreached, cause: err}
}

// HostName is the host part of Via.
func (f Facts) HostName() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(f.Via, "ssh "), " via ")
	return name
}

// dialReason is a dial error without the address, which the caller has said.
func dialReason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		var dns *net.DNSError
		if errors.As(op.Err, &dns) {
			return dns.Err + ": " + dns.Name
		}
		var sys *os.SyscallError
		if errors.As(op.Err, &sys) {
			return sys.Err.Error()
		}
		return op.Err.Error()
	}
	text := err.Error()
	if rest, ok := strings.CutPrefix(text, "dial tcp "); ok {
		if _, after, found := strings.Cut(rest, ": "); found {
			text = after
		}
	}
	return cleanLine(text)
}

// holdTimer is the deadline of a handshake, which stands still while a person is asked.
type holdTimer struct {
	mu    sync.Mutex // guards everything below
	timer *time.Timer
	held  int
	left  time.Duration
	since time.Time
	fired bool
}

func newHoldTimer(d time.Duration, f func()) *holdTimer {
	h := &holdTimer{left: d, since: time.Now()}
	h.timer = time.AfterFunc(d, func() {
		h.mu.Lock()
		fire := h.held == 0 && !h.fired
		h.fired = h.fired || fire
		h.mu.Unlock()
		if fire {
			f()
		}
	})
	return h
}

// hold stops the time until the returned function is called.
func (h *holdTimer) hold() func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held++; h.held == 1 {
		h.timer.Stop()
		h.left -= time.Since(h.since)
	}
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.held--; h.held == 0 {
			// Whatever was left, the host gets a moment after a person has answered.
			h.left = max(h.left, 2*time.Second)
			h.since = time.Now()
			h.timer.Reset(h.left)
		}
	})
}

func (h *holdTimer) stop() bool {
	h.timer.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fired
}

// handshake makes an SSH connection of nc: key exchange, host key, login.
func handshake(ctx context.Context, nc net.Conn, s Settings, t Target, p Params, m *memory) (*client, error) {
	v, err := newVerifier(s, t, p, s.label())
	if err != nil {
		_ = nc.Close()
		return nil, &connectError{text: err.Error(), kind: hosts.ErrHostKey, cause: err}
	}
	w := newWire(nc)
	timer := newHoldTimer(s.ConnectTimeout, func() { _ = nc.Close() })
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	l := &login{
		ctx: ctx, settings: s, password: t.Password, ask: p.Ask, memory: m, hold: timer.hold,
		keys: &keyring{settings: s, home: p.Home, passphrase: t.Passphrase, ask: p.Ask, memory: m},
	}
	defer l.keys.close()
	conf := &ssh.ClientConfig{
		User:              s.User,
		HostKeyAlgorithms: v.known.algorithms(s),
		ClientVersion:     "SSH-2.0-midwatch",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			defer timer.hold()()
			return v.callback(ctx, key)
		},
		BannerCallback: func(string) error { return nil },
		AuthCallback:   l.next,
	}
	cc, chans, reqs, err := ssh.NewClientConn(w, s.address(), conf)
	late := timer.stop()
	stop()
	if err != nil {
		_ = nc.Close()
		if c, ok := nc.(*commandConn); ok {
			err = c.explain(err)
		}
		return nil, handshakeFault(ctx, err, late, s, v, l)
	}
	c := newClient(ssh.NewClient(cc, chans, reqs), w, t.MaxSessions)
	c.facts = Facts{
		Via: "ssh " + s.label(), User: s.User, Auth: l.done(), HostKeyStatus: v.standing,
		Server: cleanLine(string(cc.ServerVersion())), Connected: time.Now(),
	}
	if v.key != nil {
		c.facts.HostKey = v.key.Type() + " " + ssh.FingerprintSHA256(v.key)
	}
	return c, nil
}

// brokenOff reports that the other side went away; broken and closed pipes are what our own write
// meets when it comes after the other side's close.
func brokenOff(err error) bool {
	text := err.Error()
	return errors.Is(err, io.EOF) || strings.HasSuffix(text, "EOF") || strings.Contains(text, "connection reset") ||
		strings.Contains(text, "broken pipe") || strings.Contains(text, "closed pipe")
}

// handshakeFault finds out what a failed handshake failed of; ssh's own words are the last resort.
func handshakeFault(ctx context.Context, err error, late bool, s Settings, v *verifier, l *login) error {
	var ce *connectError
	switch {
	case v.err != nil:
		return &connectError{text: v.err.Error(), kind: hosts.ErrHostKey, cause: v.err}
	case l.fault != nil:
		return l.fault
	case errors.As(err, &ce):
		return ce
	case ctx.Err() != nil:
		return &connectError{text: "connect to " + s.address() + ": " + context.Cause(ctx).Error(), kind: hosts.ErrUnreached, cause: context.Cause(ctx)}
	case late && v.key == nil:
		return &connectError{
			text: fmt.Sprintf("%s accepts connections and did not complete the ssh key exchange within %s", s.address(), s.ConnectTimeout),
			kind: hosts.ErrUnreached, cause: hosts.ErrTimeout,
		}
	case late:
		return &connectError{
			text: fmt.Sprintf("%s stopped answering during authentication, after %s", s.address(), s.ConnectTimeout),
			kind: hosts.ErrUnreached, cause: hosts.ErrTimeout,
		}
	}
	text := cleanLine(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ssh: handshake failed: "), "ssh: "))
	if l.attempt != "" && strings.Contains(text, "disconnect") {
		// The server's own way to say no: too many attempts, or a login it closes.
		return l.wrap(fmt.Sprintf("the server ended the login (%s)", text), hosts.ErrAuth)
	}
	if brokenOff(err) {
		text = "it closed the connection during the handshake"
	}
	return &connectError{text: fmt.Sprintf("ssh with %s: %s", s.address(), text), kind: hosts.ErrUnreached, cause: err}
}
