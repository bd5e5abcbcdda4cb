package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/hosts/endpoint"
	"midwatch/tui/ui"
)

// tracer follows requests through a world, for the command and for the console.
type tracer struct {
	w     *world
	now   func() time.Time
	edges []trace.Edge
	// lookup resolves a name; nil where names are not asked for.
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)

	mu    sync.Mutex // guards names
	names map[string]resolved
}

// resolved is an answer of the resolver, kept because a trace is worked out again with every snapshot.
type resolved struct {
	addrs []netip.Addr
	err   error
	at    time.Time
}

const (
	resolveWait = 3 * time.Second
	resolveKept = 30 * time.Second
	askWait     = 5 * time.Second
)

func (a *app) tracer(w *world) *tracer {
	t := &tracer{w: w, now: a.now, edges: edges(w.Inventory), names: map[string]resolved{}}
	switch {
	case w.live == nil: // a capture: what a name resolves to today says nothing of then
	case a.demoNow != nil:
		t.lookup = a.demoNow.lookup
	default:
		t.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	return t
}

// Trace follows q through s.
func (t *tracer) Trace(ctx context.Context, s *hosts.Snapshot, q trace.Question) (*trace.Trace, error) {
	q.Edges = t.edges
	if t.lookup != nil {
		q.Lookup = func(name string) ([]netip.Addr, string, error) {
			addrs, err := t.resolve(ctx, name)
			return addrs, "this machine's resolver", err
		}
	}
	return trace.Run(s, q)
}

func (t *tracer) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	name = strings.ToLower(name)
	t.mu.Lock()
	r, ok := t.names[name]
	t.mu.Unlock()
	if ok && t.now().Sub(r.at) < resolveKept {
		return r.addrs, r.err
	}
	limited, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	r.addrs, r.err = t.lookup(limited, name)
	r.at = t.now()
	if ctx.Err() == nil { // an answer that was given up is none
		t.mu.Lock()
		t.names[name] = r
		t.mu.Unlock()
	}
	return r.addrs, r.err
}

// NoLive says why no hop can be asked.
func (t *tracer) NoLive() string {
	if t.w.live == nil {
		return "a capture has no hosts to ask"
	}
	return ""
}

// Ask asks one hop from the host before it, with the same Host and server name. Certificates are not
// checked: the question is what answers there.
func (t *tracer) Ask(ctx context.Context, h trace.Hop) *trace.Answer {
	if h.Ask == nil || !trace.Safe(h.Ask.Method) || masked(h.Ask.Headers) {
		return nil
	}
	n := t.w.nodes[h.Host]
	if from, ok := t.w.nodes[h.Ask.From]; ok {
		n = from
	}
	if n == nil {
		return nil
	}
	x := endpoint.Exchange{
		Network: h.Ask.Network, Address: h.Ask.Address, TLS: h.Ask.TLS, SNI: h.Ask.SNI, Host: h.Ask.Host,
		Method: h.Ask.Method, URI: h.Ask.URI, Header: h.Ask.Headers, Timeout: askWait,
	}
	r := x.Do(ctx, n.link.Dial, t.now)
	if ctx.Err() != nil {
		return nil
	}
	return &trace.Answer{Status: r.Status, Location: r.Location, Server: r.Server, Err: r.Err}
}

// masked reports that a header is sent whose value was taken out when the configuration was read: what
// is answered without it says nothing.
func masked(headers map[string]string) bool {
	for _, v := range headers {
		if strings.Contains(v, hosts.Dots) {
			return true
		}
	}
	return false
}

// askAll asks all hops at the same time; nil for those that cannot be asked.
func (t *tracer) askAll(ctx context.Context, tr *trace.Trace) []*trace.Answer {
	out := make([]*trace.Answer, len(tr.Hops))
	var wg sync.WaitGroup
	for i, h := range tr.Hops {
		wg.Go(func() { out[i] = t.Ask(ctx, h) })
	}
	wg.Wait()
	return out
}

var _ ui.Tracer = (*tracer)(nil)
