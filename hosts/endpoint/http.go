package endpoint

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"midwatch/hosts"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Dial opens a connection as some place sees it: a host's Conn.Dial, or a net.Dialer here.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// maxBody bounds what is read of an API answer.
const maxBody = 64 << 20

// client makes an HTTP client that asks through dial and follows no redirect: a redirect is an
// answer to be shown, not a wish.
func client(dial Dial, tlsConf *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: tlsConf, DisableKeepAlives: true,
			ResponseHeaderTimeout: timeout, TLSHandshakeTimeout: timeout, Proxy: nil,
			MaxResponseHeaderBytes: 1 << 20,
		},
	}
}

// basic is the header of basic authentication; nil without a user.
func basic(ctx context.Context, user string, password func(context.Context) (hosts.Secret, error)) (map[string]string, error) {
	if user == "" {
		return nil, nil //nolint:nilnil // no header is none
	}
	var secret hosts.Secret
	if password != nil {
		var err error
		if secret, err = password(ctx); err != nil {
			return nil, err
		}
	}
	word := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret.Reveal()))
	return map[string]string{"Authorization": "Basic " + word}, nil
}

// get fetches one page of an API.
func get(ctx context.Context, c *http.Client, address string, header map[string]string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("GET %s: %w", req.URL.Path, cause(err))
	case len(body) > maxBody:
		return nil, fmt.Errorf("GET %s: the answer is larger than %d MiB", req.URL.Path, maxBody>>20)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("GET %s: HTTP %d", req.URL.Path, resp.StatusCode)
	}
	return body, nil
}

// cause takes the URL out of a client's error: it may hold a token, and the source names it already.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// since measures a read.
func since(now func() time.Time, at time.Time) time.Duration { return now().Sub(at) }
