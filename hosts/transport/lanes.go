package transport

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"midwatch/hosts"
)

// sshLane is a client as a Link sees it.
type sshLane struct {
	*client
	keepalive, deadline time.Duration
}

func (s *sshLane) lostC() <-chan struct{} { return s.dead }
func (s *sshLane) why() error             { return s.err() }
func (s *sshLane) heard() time.Time       { return s.wire.heard() }
func (s *sshLane) shut(err error)         { s.close(err) }
func (s *sshLane) info() Facts {
	f := s.facts
	f.Sessions = s.budget.allowed()
	return f
}

func (s *sshLane) watch(answered func(time.Duration)) {
	s.client.keepalive(s.keepalive, s.deadline, answered)
}

// localLane is this machine.
type localLane struct {
	*machine
	began time.Time
}

func newLocalLane(p Params) *localLane {
	return &localLane{machine: newMachine(p.Environ), began: time.Now()}
}

func (l *localLane) lostC() <-chan struct{}             { return nil }
func (l *localLane) why() error                         { return nil }
func (l *localLane) watch(answered func(time.Duration)) { answered(0) }
func (l *localLane) heard() time.Time                   { return time.Now() }
func (l *localLane) shut(error)                         { l.close() }
func (l *localLane) info() Facts {
	return Facts{Via: "this machine", User: localUser(Params{Getenv: func(string) string { return "" }}), Connected: l.began}
}

// engineLane is a Docker engine over TCP: it can be dialled and that is all. It is found to be gone
// by dialling it now and then.
type engineLane struct {
	address string
	params  Params
	began   time.Time

	mu     sync.Mutex // guards everything below
	seen   time.Time
	reason error
	lost   chan struct{}
	stop   context.CancelFunc
	ctx    context.Context // ends watch; the lane's life is not a call
}

func dialEngine(ctx context.Context, t Target, p Params) (lane, error) {
	e := &engineLane{address: t.Address, params: p, began: time.Now(), lost: make(chan struct{})}
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	if _, err := e.probe(ctx, orDuration(t.ConnectTimeout, 10*time.Second)); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// probe opens a connection and closes it.
func (e *engineLane) probe(ctx context.Context, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	nc, err := e.params.Dial(ctx, "tcp", e.address)
	if err != nil {
		text := dialReason(err)
		if ctx.Err() != nil {
			text = fmt.Sprintf("no answer within %s", limit)
		}
		return 0, &connectError{text: fmt.Sprintf("dial %s: %s", e.address, text), kind: hosts.ErrUnreached, cause: err}
	}
	_ = nc.Close()
	e.mu.Lock()
	e.seen = time.Now()
	e.mu.Unlock()
	return time.Since(start), nil
}

func (e *engineLane) watch(answered func(time.Duration)) {
	tick := time.NewTicker(e.params.Keepalive)
	defer tick.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-tick.C:
		}
		rtt, err := e.probe(e.ctx, e.params.KeepaliveDeadline)
		if err != nil {
			if e.ctx.Err() == nil {
				e.mu.Lock()
				e.reason = err
				e.mu.Unlock()
				close(e.lost)
			}
			return
		}
		answered(rtt)
	}
}

func (e *engineLane) spawn(context.Context, spec) (process, error) {
	return nil, fmt.Errorf("%w: a docker endpoint has no shell", hosts.ErrMissing)
}

func (e *engineLane) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if network == "unix" {
		return nil, fmt.Errorf("dial unix %s: %w: a docker endpoint over tcp has no sockets to dial", address, hosts.ErrMissing)
	}
	return e.params.Dial(ctx, network, address)
}

func (e *engineLane) lostC() <-chan struct{} { return e.lost }
func (e *engineLane) shut(error)             { e.stop() }
func (e *engineLane) info() Facts            { return Facts{Via: "docker " + e.address, Connected: e.began} }

func (e *engineLane) why() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.reason
}

func (e *engineLane) heard() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen
}

var (
	_ lane = (*sshLane)(nil)
	_ lane = (*localLane)(nil)
	_ lane = (*engineLane)(nil)
)
