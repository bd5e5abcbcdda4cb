package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

// Exchange is one request sent to a given address with given names, as one hop of a trace is asked.
type Exchange struct {
	Network, Address  string // tcp or unix, as the dialling place sees it
	TLS               bool
	SNI               string
	Host, Method, URI string
	Header            map[string]string
	Timeout           time.Duration
}

// Answer is what came back.
type Answer struct {
	Status   int
	Location string
	Server   string // the Server header: "envoy", "nginx/1.27.1"
	Upstream bool   // Envoy says that the answer came from behind it (x-envoy-upstream-service-time)
	Body     string // its first bytes, cleaned
	Took     time.Duration
	// First is the time until the first byte of the body came; 0 when none did.
	First time.Duration
	// ContentType and Flags are headers: Flags are Envoy's response flags, where it is told to send them.
	ContentType, Flags string
	Err                string // one line; "" when there was an answer
}

// Do sends the request once. Certificates are not checked: the question is what answers there.
func (x Exchange) Do(ctx context.Context, dial Dial, now func() time.Time) Answer {
	at := now()
	a, err := x.do(ctx, dial, now)
	a.Took = now().Sub(at)
	if err != nil {
		a.Err = hosts.CleanLine(redact.Text(cause(err).Error()))
		if errors.Is(err, context.DeadlineExceeded) {
			a.Err = fmt.Sprintf("no answer within %s", x.timeout())
		}
	}
	return a
}

func (x Exchange) timeout() time.Duration {
	if x.Timeout <= 0 {
		return timeout
	}
	return x.Timeout
}

func (x Exchange) do(ctx context.Context, dial Dial, now func() time.Time) (Answer, error) {
	began := now()
	ctx, cancel := context.WithTimeout(ctx, x.timeout())
	defer cancel()
	fixed := func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, x.Network, x.Address) }
	c := client(fixed, &tls.Config{ServerName: x.SNI, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10}) //nolint:gosec // the question is what answers, whoever it is
	c.Timeout = x.timeout()
	defer c.CloseIdleConnections()
	scheme := "http"
	if x.TLS {
		scheme = "https"
	}
	host := x.Host
	if host == "" {
		host = "localhost"
	}
	req, err := http.NewRequestWithContext(ctx, x.Method, scheme+"://"+host+"/", nil)
	if err != nil {
		return Answer{}, fmt.Errorf("form the request: %w", err)
	}
	req.URL.Opaque = x.URI // sent as it is
	if !strings.HasPrefix(x.URI, "/") {
		req.URL.Opaque = "/" + x.URI
	}
	for k, v := range x.Header {
		req.Header.Set(k, v)
	}
	if strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "bWlkd2F0Y2ggdHJhY2Uh")
	}
	resp, err := c.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{
		Status: resp.StatusCode, Location: hosts.CleanLine(redact.Text(resp.Header.Get("Location"))), Server: hosts.CleanLine(resp.Header.Get("Server")),
		Upstream: resp.Header.Get("X-Envoy-Upstream-Service-Time") != "", ContentType: hosts.CleanLine(resp.Header.Get("Content-Type")),
		Flags: hosts.CleanLine(resp.Header.Get("X-Envoy-Response-Flags")),
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		// A stream of events never ends; what has come by the deadline is enough.
		body := make([]byte, 1, 2048)
		if n, _ := io.ReadFull(resp.Body, body); n == 0 {
			return a, nil
		}
		a.First = max(now().Sub(began), time.Nanosecond)
		rest, _ := io.ReadAll(io.LimitReader(resp.Body, 2047))
		body = append(body, rest...)
		a.Body = hosts.Clean(redact.Text(string(body)))
	}
	return a, nil
}
