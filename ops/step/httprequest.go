package step

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// request makes the request of the settings with another method, URL and body.
func request(ctx context.Context, e *Env, s *deploy.HTTP, method, url string, body []byte) (Request, error) {
	plain, secret, err := headers(ctx, e, s.Header)
	if err != nil {
		return Request{}, err
	}
	if s.Bearer != "" {
		v, err := e.Reveal(ctx, deploy.Sensitive("${secret."+strings.TrimPrefix(s.Bearer, "secret.")+"}"))
		if err != nil {
			return Request{}, fmt.Errorf("bearer: %w", err)
		}
		secret["Authorization"] = hosts.NewSecret("Bearer " + v.Reveal())
	}
	if len(body) > 0 && !hasHeader(s.Header, "Content-Type") && json.Valid(body) {
		plain["Content-Type"] = "application/json"
	}
	if s.Key && changes(method) {
		plain["Idempotency-Key"] = e.Run + "/" + e.Step
	}
	dial, asked := unixURL(url)
	r := Request{Method: orMethod(method), URL: asked, Host: dial, Header: plain, Secret: secret, Body: body, NoRedirect: changes(method)}
	if e.Host != "" {
		r.Via = e.Conn
	}
	return r, nil
}

func hasHeader(h map[string]deploy.Sensitive, name string) bool {
	for k := range h {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// httpBody is the body of the request. With masked, secrets are dots: for plans.
func httpBody(ctx context.Context, e *Env, s *deploy.HTTP, masked bool) ([]byte, error) {
	reveal := func(text deploy.Sensitive) (string, error) {
		if masked && hasSecret(text) {
			return hosts.Dots, nil
		}
		v, err := e.Reveal(ctx, text)
		return v.Reveal(), err
	}
	if s.JSON == nil {
		text, err := reveal(s.Body)
		return []byte(text), err
	}
	v, err := revealJSON(s.JSON, reveal)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return json.Marshal(v)
}

// revealJSON reveals every text of a JSON value, each as a text of its own: a secret with quotes in it is
// still one text.
func revealJSON(v any, reveal func(deploy.Sensitive) (string, error)) (any, error) {
	switch v := v.(type) {
	case string:
		return reveal(deploy.Sensitive(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			x, err := revealJSON(v[k], reveal)
			if err != nil {
				return nil, err
			}
			out[k] = x
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			x, err := revealJSON(v[i], reveal)
			if err != nil {
				return nil, err
			}
			out[i] = x
		}
		return out, nil
	}
	return v, nil
}

// askBefore reads what stands there now.
func askBefore(ctx context.Context, e *Env, s *deploy.HTTP) (Response, error) {
	r, err := request(ctx, e, s, s.Before.Method, orWord(string(s.Before.URL), string(s.URL)), nil)
	if err != nil {
		return Response{}, err
	}
	resp, err := e.HTTP.Do(ctx, r)
	if err != nil {
		return resp, fmt.Errorf("read what is there before: %w", err)
	}
	if resp.Status/100 != 2 && resp.Status != http.StatusNotFound {
		return resp, refused("%s: reading what is there before is answered %d: correct the request or its rights", shortURL(r.URL), resp.Status)
	}
	return resp, nil
}

// Times of a poll that says nothing about them.
const (
	pollEvery  = 2 * time.Second
	pollWithin = 10 * time.Minute
)

// poll asks until a value says how it ended.
func poll(ctx context.Context, e *Env, s *deploy.HTTP, location string) (ok bool, line string, err error) {
	url := orWord(string(s.Poll.URL), orWord(location, string(s.URL)))
	if strings.HasPrefix(url, "/") {
		url = origin(string(s.URL)) + url
	}
	began, within := time.Now(), orElse(s.Poll.Within, pollWithin)
	for {
		v, err := pollOnce(ctx, e, s, url)
		switch {
		case ctx.Err() != nil:
			return false, "", context.Cause(ctx)
		case err != nil:
			line = err.Error()
		case slices.Contains(s.Poll.Success, v):
			return true, fmt.Sprintf("%s is %s", s.Poll.Path, brief(v)), nil
		case slices.Contains(s.Poll.Failure, v):
			return false, fmt.Sprintf("%s is %s", s.Poll.Path, brief(v)), nil
		default:
			line = fmt.Sprintf("%s is %s", s.Poll.Path, brief(v))
		}
		if time.Since(began) >= within {
			return false, fmt.Sprintf("still not ended after %s: %s", within, line), nil
		}
		note(e, "waits: %s", line)
		if err := pause(ctx, orElse(s.Poll.Every, pollEvery)); err != nil {
			return false, line, err
		}
	}
}

// origin is scheme and host of a URL.
func origin(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

func pollOnce(ctx context.Context, e *Env, s *deploy.HTTP, url string) (string, error) {
	r, err := request(ctx, e, s, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := e.HTTP.Do(ctx, r)
	if err != nil {
		return "", err
	}
	if resp.Status/100 != 2 {
		return "", fmt.Errorf("%s: %d%s", shortURL(url), resp.Status, serverSays(resp.Body))
	}
	doc, err := decodeJSON(resp.Body)
	if err != nil {
		return "", err
	}
	v, ok := jsonAt(doc, s.Poll.Path)
	if !ok {
		return "", fmt.Errorf("%s is not in the answer", s.Poll.Path)
	}
	return jsonText(v), nil
}
