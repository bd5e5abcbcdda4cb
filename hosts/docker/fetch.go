package docker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// dummyHost stands in URLs; the dialer decides what is reached.
	dummyHost = "docker.localhost"
	// maxBody bounds an answer: the list of 10,000 containers is about 20 MB.
	maxBody = 64 << 20
)

// fetch reads one GET answer whole, within the client's timeout. op is what a person would call it.
func (c *Client) fetch(ctx context.Context, op, path string, q url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.p.Timeout)
	defer cancel()
	body, err := c.fetchOnce(ctx, op, path, q)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Text, "client version") {
		c.forget()
		body, err = c.fetchOnce(ctx, op, path, q)
	}
	return body, err
}

func (c *Client) fetchOnce(ctx context.Context, op, path string, q url.Values) ([]byte, error) {
	resp, err := c.get(ctx, c.short, op, path, q)
	if err != nil {
		return nil, err
	}
	defer drain(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, c.explain(ctx, op, err)
	}
	if len(body) > maxBody {
		return nil, &Error{Op: op, Host: c.p.Host, Text: "answer over 64 MB"}
	}
	return body, nil
}

// get sends a GET and returns a good answer with its body open.
func (c *Client) get(ctx context.Context, via *http.Transport, op, path string, q url.Values) (*http.Response, error) {
	_, v, err := c.engine(ctx)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "http", Host: dummyHost, Path: "/v" + v + path, RawQuery: q.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, c.explain(ctx, op, err)
	}
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, c.explain(ctx, op, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer drain(resp)
		return nil, c.explain(ctx, op, answerError(resp))
	}
	return resp, nil
}

// drain lets a connection be used again where little was left to read.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	_ = resp.Body.Close()
}

// checkID refuses what cannot be a container's name or ID: it comes from lists, but also from
// people, and it becomes part of a path.
func (c *Client) checkID(op, id string) error {
	ok := id != "" && id[0] != '.'
	for _, r := range id {
		ok = ok && (r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}
	if ok {
		return nil
	}
	return &Error{
		Op: op, Host: c.p.Host, Status: http.StatusNotFound, kind: ErrNotFound,
		Text: strconv.Quote(oneLine(id)) + " is not a container's name or ID",
	}
}
