package step

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it; nothing is kept secret by it
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

const (
	maxAnswer    = 1 << 20          // of a body that is kept
	maxRedirects = 10               //
	webTimeout   = 30 * time.Second // of a request that says nothing about it
)

// DialFunc opens a connection; network is "tcp" or "unix".
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Web sends requests over connections that are dialled from here or, by Request.Via, from a host.
type Web struct {
	dial  DialFunc
	roots *x509.CertPool
}

// NewWeb returns a Doer that dials from here with dial; roots are the certificate authorities it trusts,
// nil for the system's.
func NewWeb(dial DialFunc, roots *x509.CertPool) *Web {
	if dial == nil {
		panic("step: NewWeb without a way to dial")
	}
	return &Web{dial: dial, roots: roots}
}

// Do sends one request. An answer of any status is no error.
func (w *Web) Do(ctx context.Context, r Request) (Response, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Response{}, fmt.Errorf("%q is not an http or https URL", hosts.CleanLine(r.URL))
	}
	timeout := orElse(r.Timeout, webTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out Response
	var sent atomic.Bool // written to by the goroutine that sends
	trace := &httptrace.ClientTrace{
		GotConn:      func(i httptrace.GotConnInfo) { out.Remote = i.Conn.RemoteAddr().String() },
		WroteHeaders: func() { sent.Store(true) },
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), orMethod(r.Method), r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return out, err
	}
	key := r.fill(req)
	c := w.client(r)
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	if out.Sent = sent.Load(); err != nil {
		return out, webFault(r, err, timeout)
	}
	defer resp.Body.Close()
	out.Status, out.Header = resp.StatusCode, resp.Header
	if resp.StatusCode == http.StatusSwitchingProtocols { // the body is the connection now
		return out, acceptsKey(resp, key)
	}
	out.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil && len(out.Body) == 0 {
		return out, webFault(r, err, timeout)
	}
	return out, nil
}

func orMethod(m string) string {
	if m == "" {
		return http.MethodGet
	}
	return strings.ToUpper(m)
}

// fill sets the headers and returns the key of a websocket handshake.
func (r Request) fill(req *http.Request) (key string) {
	for k, v := range r.Header {
		if strings.EqualFold(k, "Host") {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	for k, v := range r.Secret {
		req.Header.Set(k, v.Reveal())
	}
	if !r.WebSocket {
		return ""
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	key = base64.StdEncoding.EncodeToString(nonce)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	req.Header.Set("Sec-WebSocket-Key", key)
	return key
}

// acceptsKey checks that whoever switched protocols speaks websocket: a proxy that passes an upgrade on
// without understanding it does not know the answer.
func acceptsKey(resp *http.Response, key string) error {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 §4.2.2
	if resp.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("101, but the answer to the websocket key is wrong")
	}
	return nil
}

// client dials as the request says.
func (w *Web) client(r Request) *http.Client {
	dial := w.dial
	if r.Via != nil {
		dial = r.Via.Dial
	}
	to := func(ctx context.Context, network, address string) (net.Conn, error) {
		switch path, unix := strings.CutPrefix(r.Host, "unix:"); {
		case unix:
			return dial(ctx, "unix", path)
		case r.Host != "":
			return dial(ctx, "tcp", r.Host)
		}
		return dial(ctx, "tcp", address)
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: to, DisableKeepAlives: !r.WebSocket, Proxy: nil, MaxResponseHeaderBytes: 1 << 20,
			TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case r.NoRedirect:
				return http.ErrUseLastResponse
			case len(via) >= maxRedirects:
				return fmt.Errorf("more than %d redirects", maxRedirects)
			}
			if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				for k := range r.Secret { // a secret is for the one it was given for
					req.Header.Del(k)
				}
			}
			return nil
		},
	}
}

// webFault says what went wrong without the URL's query, which may be long or tell too much.
func webFault(r Request, err error, timeout time.Duration) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: no answer within %s: %w", shortURL(r.URL), timeout, hosts.ErrTimeout)
	}
	return fmt.Errorf("%s: %w", shortURL(r.URL), err)
}

// shortURL is a URL for people: without user, query and fragment.
func shortURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "URL"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return hosts.CleanLine(u.String())
}

// unixURL splits "http://unix:/run/x.sock:/health" into where to dial and the URL to ask for; other URLs
// come back as they are.
func unixURL(s string) (host, asked string) {
	rest, ok := strings.CutPrefix(s, "http://unix:")
	if !ok {
		return "", s
	}
	sock, p, ok := strings.Cut(rest, ":")
	if !ok {
		p = "/"
	}
	return "unix:" + sock, "http://localhost" + p
}

var _ Doer = (*Web)(nil)
