package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"midwatch/hosts"
)

// engineLane is a Docker engine over TCP: it can be dialled and that is all. It is found to be there, and
// to be gone, by asking it GET /_ping now and then over a connection that stays open: one that only
// accepts connections, or accepts no certificate of ours, is no engine we are connected to.
type engineLane struct {
	address string
	params  Params
	began   time.Time
	http    *http.Transport
	scheme  string

	mu     sync.Mutex // guards everything below
	seen   time.Time
	reason error
	lost   chan struct{}
	stop   context.CancelFunc
	ctx    context.Context // ends watch; the lane's life is not a call
}

func dialEngine(ctx context.Context, t Target, p Params) (lane, error) {
	e := &engineLane{address: t.Address, params: p, began: time.Now(), lost: make(chan struct{}), scheme: "http"}
	e.http = &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx, "tcp", t.Address) },
		MaxIdleConns:       1,
		DisableCompression: true,
	}
	if t.TLS != nil {
		e.scheme, e.http.TLSClientConfig = "https", t.TLS.Clone()
	}
	e.ctx, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	if _, err := e.probe(ctx, orDuration(t.ConnectTimeout, 10*time.Second)); err != nil {
		e.shut(err)
		return nil, err
	}
	return e, nil
}

// probe asks for a sign of life. Any answer in HTTP is one: what the engine thinks of requests is told
// by those that matter.
func (e *engineLane) probe(ctx context.Context, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.scheme+"://"+e.address+"/_ping", http.NoBody)
	if err != nil {
		return 0, e.fault(ctx, err, limit)
	}
	resp, err := e.http.RoundTrip(req)
	if err != nil {
		return 0, e.fault(ctx, err, limit)
	}
	// The connection can be used again once the answer, two letters, was read.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	e.mu.Lock()
	e.seen = time.Now()
	e.mu.Unlock()
	return time.Since(start), nil
}

// fault says what a failed probe came to.
func (e *engineLane) fault(ctx context.Context, err error, limit time.Duration) error {
	kind, text := hosts.ErrUnreached, dialReason(err)
	var refused *tls.CertificateVerificationError
	var alert tls.AlertError
	var op *net.OpError
	switch {
	case ctx.Err() != nil:
		text = fmt.Sprintf("no answer within %s", limit)
	case errors.As(err, &refused), errors.As(err, &alert), errors.As(err, &op) && op.Op == "remote error":
		kind, text = hosts.ErrAuth, cleanLine(err.Error())
	}
	return &connectError{text: fmt.Sprintf("dial %s: %s", e.address, text), kind: kind, cause: err}
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
func (e *engineLane) shut(error)             { e.stop(); e.http.CloseIdleConnections() }
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

var _ lane = (*engineLane)(nil)
