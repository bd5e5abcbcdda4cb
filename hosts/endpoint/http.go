package endpoint

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"midwatch/hosts"
)

// Dial opens a connection as some place sees it: a host's Conn.Dial, or a net.Dialer here.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// maxBody bounds what is read of one answer of an API.
const maxBody = 8 << 20

// budget is how many bytes the answers of one read may have together. Parsing multiplies them, a capture
// holds them, and a host may ask for this every few seconds: it is far above what works and far below what
// hurts.
type budget struct {
	left atomic.Int64
	what string // whose answers, for the error
	all  int64
}

func newBudget(what string, n int64) *budget {
	b := &budget{what: what, all: n}
	b.left.Store(n)
	return b
}

var errOver = errors.New("over the budget")

// spend reads r to its end, at most limit bytes, and takes them from the budget; nil has no end.
func (b *budget) spend(r io.Reader, limit int64) ([]byte, error) {
	if b != nil {
		r = &spender{r: r, b: b}
	}
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case errors.Is(err, errOver):
		return nil, fmt.Errorf("%s answer more than %d MiB together", b.what, b.all>>20)
	case err == nil && int64(len(body)) > limit:
		return nil, fmt.Errorf("the answer is larger than %d MiB", limit>>20)
	}
	return body, err
}

type spender struct {
	r io.Reader
	b *budget
}

func (s *spender) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.b.left.Add(-int64(n)) < 0 {
		return n, errOver
	}
	return n, err
}

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
	return fetch(ctx, c, address, header, nil, maxBody)
}

// fetch fetches one page, of limit bytes at most, out of a budget.
func fetch(ctx context.Context, c *http.Client, address string, header map[string]string, b *budget, limit int64) ([]byte, error) {
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
	body, err := b.spend(resp.Body, limit)
	switch {
	case err != nil:
		return nil, fmt.Errorf("GET %s: %w", req.URL.Path, cause(err))
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
