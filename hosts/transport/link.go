package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"midwatch/hosts"
)

const (
	// settled is how long a connection has to last before a new failure counts from one again.
	settled = 10 * time.Second
	// authPause is the pause after a refused login: trying again as fast as a network would get the
	// address banned, and nothing changes by itself.
	authPause = 5 * time.Minute
	// keyPause is the pause after a refused host key, which somebody may be looking into.
	keyPause = time.Minute
)

// lane is one established way to a host: an SSH connection, or the local machine.
type lane interface {
	spawn(ctx context.Context, s spec) (process, error)
	dial(ctx context.Context, network, address string) (net.Conn, error)
	// lostC is closed when the lane ended, nil when it never does; why says what ended it.
	lostC() <-chan struct{}
	why() error
	// watch keeps the lane alive until it ends; answered is called for every sign of life.
	watch(answered func(rtt time.Duration))
	heard() time.Time
	info() Facts
	// shut ends the lane and waits for what ran on it.
	shut(err error)
}

// Link is one host: its connection, and how that stands. Make one with Open.
type Link struct {
	target  Target
	params  Params
	connect func(context.Context) (lane, error)
	run     *runner
	memory  *memory
	cancel  context.CancelFunc
	done    chan struct{} // closed when the supervisor has ended

	mu      sync.Mutex // guards everything below
	state   hosts.Link
	facts   Facts
	lane    lane
	fault   error         // of the last attempt, nil after one that worked
	wanted  bool          // somebody uses the link
	kicked  bool          // the operator asked for an attempt now
	paused  string        // the operator's reason for maintenance
	closed  bool          //
	changed chan struct{} // closed and replaced when anything above changes
}

// Open returns the Link of t at once; connecting happens in the background, at the first use when
// p.Lazy is set. The Link ends with ctx or Close.
func Open(ctx context.Context, t Target, p Params) *Link {
	p = p.withDefaults()
	p.Keepalive = orDuration(t.Keepalive, p.Keepalive)
	p.KeepaliveDeadline = orDuration(t.KeepaliveDeadline, p.KeepaliveDeadline)
	ctx, cancel := context.WithCancel(ctx)
	l := &Link{
		target: t, params: p, memory: newMemory(), cancel: cancel, done: make(chan struct{}),
		changed: make(chan struct{}), wanted: !p.Lazy,
	}
	l.state = hosts.Link{State: hosts.StatePending, Since: time.Now(), Via: firstVia(t)}
	l.state.Warning = insecure(t)
	switch t.Kind {
	case hosts.KindLocal:
		l.connect = func(context.Context) (lane, error) { return newLocalLane(p), nil }
	case hosts.KindDocker:
		l.connect = func(ctx context.Context) (lane, error) { return dialEngine(ctx, t, p) }
	default:
		l.connect = func(ctx context.Context) (lane, error) { return connectLane(ctx, t, p, l.memory) }
	}
	l.run = &runner{host: t.Name, spawn: l.spawn, timeout: orDuration(t.CommandTimeout, defaultTimeout)}
	l.run.sudo = &sudoer{policy: t.Sudo, password: l.sudoPassword(), look: l.look}
	go l.supervise(ctx)
	return l
}

// insecure says whose host key is not looked at on the way to t; "" usually.
func insecure(t Target) string {
	if t.InsecureHostKey {
		return "host key not verified (insecure_host_key)"
	}
	for _, j := range t.Jumps {
		if j.InsecureHostKey {
			return "host key of jump host " + j.Name + " not verified (insecure_host_key)"
		}
	}
	return ""
}

// connectLane keeps a nil *client out of the interface.
func connectLane(ctx context.Context, t Target, p Params, m *memory) (lane, error) {
	c, err := connectSSH(ctx, t, p, m)
	if err != nil {
		return nil, err
	}
	return &sshLane{client: c, keepalive: p.Keepalive, deadline: p.KeepaliveDeadline}, nil
}

// firstVia is what is known before anything was resolved.
func firstVia(t Target) string {
	switch t.Kind {
	case hosts.KindLocal:
		return "this machine"
	case hosts.KindDocker:
		return "docker " + t.Address
	}
	name := t.Alias
	if name == "" {
		name = t.Address
	}
	return "ssh " + name
}

func (l *Link) sudoPassword() SecretFunc {
	if l.target.SudoPassword != nil {
		return l.target.SudoPassword
	}
	if l.params.Ask == nil {
		return nil
	}
	login := "sudo\x00" + l.target.Name
	return func(ctx context.Context) (hosts.Secret, error) {
		if s, ok := l.memory.password(login); ok {
			return s, nil
		}
		s, err := l.params.Ask(ctx, Question{Kind: AskSudoPassword, Host: l.target.Name, Text: "sudo password on " + l.target.Name})
		if err == nil {
			l.memory.keepPassword(login, s)
		}
		return s, err
	}
}

// look runs one of sudo's questions on the host.
func (l *Link) look(ctx context.Context, script string) (string, error) {
	res, err := l.run.run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", script}})
	return string(res.Stdout), err
}

// State returns how the link stands now.
func (l *Link) State() hosts.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	if l.lane != nil {
		s.LastSeen = l.lane.heard()
	}
	return s
}

// Facts returns what the present connection is made of, or the last one.
func (l *Link) Facts() Facts {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lane != nil {
		return l.lane.info()
	}
	return l.facts
}

// Kick starts an attempt to connect now, and forgets that a sudo password was refused.
func (l *Link) Kick() {
	l.run.sudo.reset()
	l.memory.keepPassword("sudo\x00"+l.target.Name, hosts.Secret{})
	l.update(func() { l.kicked, l.wanted = true, true })
}

// SetMaintenance pauses the host for a reason: the connection is closed and not opened again until
// the reason is "".
func (l *Link) SetMaintenance(reason string) {
	l.update(func() { l.paused = reason })
}

// Run implements hosts.Conn. It waits until the host is connected or ctx ends.
func (l *Link) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) { return l.run.run(ctx, c) }

// Stream implements hosts.Conn.
func (l *Link) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	return l.run.stream(ctx, c)
}

// Dial implements hosts.Conn.
func (l *Link) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ln, err := l.ready(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: dial %s %s: %w", l.target.Name, network, address, err)
	}
	nc, err := ln.dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.target.Name, err)
	}
	return nc, nil
}

// Upload implements hosts.Conn.
func (l *Link) Upload(ctx context.Context, path string, mode uint32, r io.Reader) error {
	return l.run.upload(ctx, path, mode, r)
}

// Close implements hosts.Conn. It waits for the Link's goroutines.
func (l *Link) Close() error {
	l.cancel()
	<-l.done
	return nil
}

// spawn starts a command on whatever lane is up. A lane that turns out to be lost before the command
// was started is waited out.
func (l *Link) spawn(ctx context.Context, s spec) (process, error) {
	for {
		ln, err := l.ready(ctx)
		if err != nil {
			return nil, err
		}
		p, err := ln.spawn(ctx, s)
		if !errors.Is(err, errLost) || errors.Is(err, errMaybeRan) || l.params.FailFast {
			return p, err
		}
		if err := l.waitChange(ctx, ln); err != nil {
			return nil, err
		}
	}
}

// ready waits for a lane.
func (l *Link) ready(ctx context.Context) (lane, error) {
	l.want()
	for {
		l.mu.Lock()
		ln, changed, err := l.lane, l.changed, l.hopeless()
		reason := l.state.Reason
		l.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case ln != nil:
			return ln, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			cause := context.Cause(ctx)
			if reason == "" {
				reason = "still connecting"
			}
			return nil, &connectError{text: "not connected: " + reason, kind: hosts.ErrUnreached, cause: cause}
		}
	}
}

// want notes the first use, which a lazy link waits for.
func (l *Link) want() {
	l.mu.Lock()
	wanted := l.wanted
	l.mu.Unlock()
	if !wanted {
		l.update(func() { l.wanted = true })
	}
}

// hopeless says why waiting is of no use; mu is held.
func (l *Link) hopeless() error {
	switch {
	case l.closed:
		return hosts.ErrClosed
	case l.paused != "":
		return &connectError{text: "in maintenance: " + l.paused, kind: hosts.ErrUnreached}
	case l.lane != nil || l.fault == nil:
		return nil
	case l.params.FailFast, needsPerson(l.fault):
		return l.fault
	}
	return nil
}

// needsPerson reports whether a failure stays as it is until somebody does something.
func needsPerson(err error) bool {
	return errors.Is(err, hosts.ErrAuth) || errors.Is(err, hosts.ErrHostKey)
}

// waitChange waits until the link no longer offers a lane that is lost.
func (l *Link) waitChange(ctx context.Context, lost lane) error {
	for {
		l.mu.Lock()
		same, changed := l.lane == lost, l.changed
		l.mu.Unlock()
		if !same {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// update changes something under the lock and wakes whoever waits for a change.
func (l *Link) update(f func()) {
	l.mu.Lock()
	f()
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
}

// backoff is the pause before attempt n+1 after n failures, with a fifth of jitter so that a fleet
// behind one router does not come back in step.
func (l *Link) backoff(n int, err error) time.Duration {
	d := l.params.BackoffMax
	if n < 20 {
		d = min(d, l.params.BackoffMin<<max(0, n-1))
	}
	switch {
	case errors.Is(err, hosts.ErrHostKey):
		d = max(d, keyPause)
	case errors.Is(err, hosts.ErrAuth):
		d = max(d, authPause)
	}
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}

var _ hosts.Conn = (*Link)(nil)
