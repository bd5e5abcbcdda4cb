package docker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/docker/docker/api"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
)

// Params is what a Client is made of.
type Params struct {
	// Host names the host in messages, events and evidence. Required.
	Host string
	// Dial opens a connection to the engine. Required.
	Dial func(context.Context) (net.Conn, error)
	// Endpoint says what Dial reaches, for messages: "/var/run/docker.sock", "10.0.0.5:2376".
	Endpoint string
	// TLS, when set, is spoken over the dialled connection.
	TLS *tls.Config
	// Timeout bounds a dial and each short request; 0 means 10 seconds.
	Timeout time.Duration
	// MaxConns bounds the connections of short requests; 0 means 4. Streams are not counted: who
	// opens them knows how many.
	MaxConns int
	// Now is the clock that stamps evidence and samples. Required.
	Now func() time.Time
}

const (
	defaultTimeout  = 10 * time.Second
	defaultMaxConns = 4
	idleTimeout     = 30 * time.Second
	// actTimeout bounds stop and restart, which wait for the container's own grace period.
	actTimeout = 3 * time.Minute
	// lowestAPI is what we ask for when the engine does not say what it speaks.
	lowestAPI = "1.24"
)

// Client reads from and acts on one Docker engine.
type Client struct {
	p     Params
	short *http.Transport // bounded, kept alive
	long  *http.Transport // streams and actions: one connection each

	asking chan struct{} // capacity 1: holds who negotiates, so that a crowd does it once

	mu      sync.Mutex // guards everything below
	api     *client.Client
	version string // negotiated API version, "" before
	seen    map[string]inspected
	samples map[string]sample
}

// New returns a Client. Nothing is dialled before the first call.
func New(p Params) *Client {
	if p.Dial == nil || p.Now == nil || p.Host == "" {
		panic("docker.New: Host, Dial and Now are required")
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultTimeout
	}
	if p.MaxConns <= 0 {
		p.MaxConns = defaultMaxConns
	}
	if p.Endpoint == "" {
		p.Endpoint = "the docker socket"
	}
	c := &Client{p: p, asking: make(chan struct{}, 1), seen: map[string]inspected{}, samples: map[string]sample{}}
	c.short = &http.Transport{
		DialContext:           c.dial,
		MaxConnsPerHost:       p.MaxConns,
		MaxIdleConns:          2,
		MaxIdleConnsPerHost:   2,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: p.Timeout,
		DisableCompression:    true,
	}
	c.long = &http.Transport{
		DialContext:        c.dial,
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	return c
}

// Host is the name the client was made with.
func (c *Client) Host() string { return c.p.Host }

// Close closes idle connections. Streams end with the contexts they were opened under.
func (c *Client) Close() error {
	c.short.CloseIdleConnections()
	c.long.CloseIdleConnections()
	return nil
}

// dial bounds every dial: net/http lets one go on after the request that wanted it was cancelled.
func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.p.Timeout)
	defer cancel()
	conn, err := c.p.Dial(ctx)
	if err != nil {
		return nil, &dialError{err}
	}
	if c.p.TLS == nil {
		return conn, nil
	}
	// TLS is spoken here and not by net/http, because the library opens connections for exec by
	// itself and would leave out our dialer for them.
	t := tls.Client(conn, c.p.TLS)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &dialError{fmt.Errorf("tls handshake: %w", err)}
	}
	return t, nil
}

// engine returns the library's client for the negotiated API version, negotiating first when that
// was not done or was undone by forget.
func (c *Client) engine(ctx context.Context) (*client.Client, string, error) {
	if cl, v := c.negotiated(); cl != nil {
		return cl, v, nil
	}
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	case <-ctx.Done():
		return nil, "", c.explain(ctx, "ping", ctx.Err())
	}
	if cl, v := c.negotiated(); cl != nil {
		return cl, v, nil
	}
	v, err := c.ping(ctx)
	if err != nil {
		return nil, "", err
	}
	if v == "" {
		v = lowestAPI
	}
	if versions.GreaterThan(v, api.DefaultVersion) {
		v = api.DefaultVersion
	}
	// WithHost comes first because it configures the transport it finds, from the environment too.
	cl, err := client.NewClientWithOpts(
		client.WithHost("tcp://"+dummyHost),
		client.WithHTTPClient(&http.Client{Transport: c.long, CheckRedirect: client.CheckRedirect}),
		client.WithVersion(v),
	)
	if err != nil {
		return nil, "", fmt.Errorf("docker client for %s: %w", c.p.Host, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.api, c.version = cl, v
	return cl, v, nil
}

func (c *Client) negotiated() (*client.Client, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.api, c.version
}

// forget drops the negotiated version: the engine was replaced by one that does not speak it.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.api, c.version = nil, ""
}

// ping asks for the engine's API version.
func (c *Client) ping(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.p.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dummyHost+"/_ping", http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := c.short.RoundTrip(req)
	if err != nil {
		return "", c.explain(ctx, "ping", err)
	}
	defer drain(resp)
	if resp.StatusCode >= http.StatusBadRequest {
		return "", c.explain(ctx, "ping", answerError(resp))
	}
	return resp.Header.Get("Api-Version"), nil
}
