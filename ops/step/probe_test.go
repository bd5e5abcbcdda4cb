package step

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// site answers as several services would.
func site(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "nginx")
		fmt.Fprintf(w, `{"status":"ok","active_calls":3,"list":[{"n":"x"}],"proto":%q}`, r.Header.Get("X-Forwarded-Proto"))
	})
	mux.HandleFunc("/secure", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sentinel-token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://dex.example.com/auth", http.StatusFound)
	})
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "envoy")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/voice", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		c, buf, _ := w.(http.Hijacker).Hijack()
		fmt.Fprintf(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
		_ = buf.Flush()
		_ = c.Close()
	})
	mux.HandleFunc("/notvoice", func(w http.ResponseWriter, _ *http.Request) {
		c, buf, _ := w.(http.Hijacker).Hijack()
		fmt.Fprint(buf, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_ = buf.Flush()
		_ = c.Close()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestProbes(t *testing.T) {
	s := site(t)
	b := newBench(t, nil)
	b.secrets["api"] = "sentinel-token"
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	_ = free.Close()
	write(t, b.path("n"), "7\n", 0o644)
	url := func(p string) deploy.Text { return deploy.Text(s.URL + p) }
	for name, c := range map[string]struct {
		p    deploy.Probe
		ok   bool
		says string
	}{
		"status":       {deploy.Probe{HTTP: url("/health"), Status: 200}, true, "/health: 200"},
		"wrong status": {deploy.Probe{HTTP: url("/health"), Status: 204}, false, "200, not 204"},
		"missing page": {deploy.Probe{HTTP: url("/none")}, false, "404"},
		"json":         {deploy.Probe{HTTP: url("/health"), JSON: map[string]deploy.Text{"status": "ok", "list.0.n": "x", "active_calls": "3.0"}}, true, "200"},
		"other json":   {deploy.Probe{HTTP: url("/health"), JSON: map[string]deploy.Text{"status": "fine"}}, false, "status is ok, not fine"},
		"no such path": {deploy.Probe{HTTP: url("/health"), JSON: map[string]deploy.Text{"a.b": "1"}}, false, "a.b is not in the answer"},
		"not json":     {deploy.Probe{HTTP: url("/secure"), Header: map[string]deploy.Sensitive{"Authorization": "Bearer ${secret.api}"}, Number: "x"}, false, "not JSON"},
		"number":       {deploy.Probe{HTTP: url("/health"), Number: "active_calls"}, true, "active_calls is 3"},
		"header":       {deploy.Probe{HTTP: url("/health"), Header: map[string]deploy.Sensitive{"X-Forwarded-Proto": "https"}, JSON: map[string]deploy.Text{"proto": "https"}}, true, ""},
		"secret":       {deploy.Probe{HTTP: url("/secure"), Header: map[string]deploy.Sensitive{"Authorization": "Bearer ${secret.api}"}}, true, ""},
		"no secret":    {deploy.Probe{HTTP: url("/secure")}, false, "401"},
		"unknown":      {deploy.Probe{HTTP: url("/secure"), Header: map[string]deploy.Sensitive{"Authorization": "${secret.gone}"}}, false, "header Authorization"},
		"contains":     {deploy.Probe{HTTP: url("/health"), Contains: "active"}, true, ""},
		"contains not": {deploy.Probe{HTTP: url("/health"), Contains: "passive"}, false, "does not hold"},
		"not header":   {deploy.Probe{HTTP: url("/down"), Status: 503, NotHeader: map[string]string{"server": "envoy"}}, false, "header server is envoy"},
		"other header": {deploy.Probe{HTTP: url("/health"), NotHeader: map[string]string{"server": "envoy"}}, true, ""},
		"redirect":     {deploy.Probe{HTTP: url("/login"), RedirectTo: "^https://"}, true, "302"},
		"redirect to":  {deploy.Probe{HTTP: url("/login"), RedirectTo: "^http://"}, false, "dex.example.com"},
		"websocket":    {deploy.Probe{HTTP: url("/voice"), WebSocket: true}, true, "101"},
		"no websocket": {deploy.Probe{HTTP: url("/health"), WebSocket: true}, false, "not 101"},
		"blind proxy":  {deploy.Probe{HTTP: url("/notvoice"), WebSocket: true}, false, "websocket key is wrong"},
		"tcp":          {deploy.Probe{TCP: deploy.Text(s.Listener.Addr().String())}, true, "open"},
		"tcp closed":   {deploy.Probe{TCP: deploy.Text(closed)}, false, "refused"},
		"http closed":  {deploy.Probe{HTTP: deploy.Text("http://" + closed + "/?token=x")}, false, "refused"},
		"argv":         {deploy.Probe{Argv: []deploy.Text{"cat", "n"}, Dir: deploy.Text(b.dir), Match: "^7"}, true, "cat n: 7"},
		"argv fails":   {deploy.Probe{Argv: []deploy.Text{"cat", "none"}, Dir: deploy.Text(b.dir)}, false, "exit 1"},
		"argv match":   {deploy.Probe{Argv: []deploy.Text{"cat", "n"}, Dir: deploy.Text(b.dir), Match: "8"}, false, "does not match 8"},
		"argv here":    {deploy.Probe{Argv: []deploy.Text{"pwd"}, From: "here", Match: b.src}, true, ""},
		"no program":   {deploy.Probe{Argv: []deploy.Text{"midwatch-no-such-program"}}, false, "not found"},
		"empty":        {deploy.Probe{}, false, "asks for nothing"},
		"log":          {deploy.Probe{Log: "unit:midwatch-no-such.service", Since: "nonsense"}, false, "say step:ID"},
	} {
		t.Run(name, func(t *testing.T) {
			got := runProbe(t.Context(), b.Env, c.p)
			if got.ok != c.ok || !strings.Contains(got.line, c.says) {
				t.Errorf("%v %q, want %v %q", got.ok, got.line, c.ok, c.says)
			}
			if strings.Contains(got.line, "token") {
				t.Errorf("tells a secret: %q", got.line)
			}
		})
	}
	if p := runProbe(t.Context(), b.Env, deploy.Probe{Argv: []deploy.Text{"cat", deploy.Text(b.path("n"))}}); !p.counted || p.number != 7 {
		t.Errorf("the number of an argv: %+v", p)
	}
	b.noSecret("sentinel-token")
}

func TestProbeOverASocketOfTheHost(t *testing.T) {
	b := newBench(t, nil)
	dir := shortDir(t)
	sock := filepath.Join(dir, "w.sock")
	l, err := net.Listen("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"active_calls":0,"asked":%q}`, r.URL.Path)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	p := deploy.Probe{HTTP: deploy.Text("http://unix:" + sock + ":/health"), Number: "active_calls", JSON: map[string]deploy.Text{"asked": "/health"}}
	got := runProbe(t.Context(), b.Env, p)
	if !got.ok || !got.counted || got.number != 0 {
		t.Errorf("%+v", got)
	}
}

func TestProbesGoThroughTheHost(t *testing.T) {
	s := site(t)
	b := newBench(t, nil)
	var here, there atomic.Int32
	b.HTTP = NewWeb(func(ctx context.Context, n, a string) (net.Conn, error) {
		here.Add(1)
		return (&net.Dialer{}).DialContext(ctx, n, a)
	}, nil)
	b.Conn = dialSpy{b.conn, &there}
	p := deploy.Probe{HTTP: deploy.Text(s.URL + "/health")}
	if got := runProbe(t.Context(), b.Env, p); !got.ok {
		t.Fatal(got.line)
	}
	p.From = "here"
	if got := runProbe(t.Context(), b.Env, p); !got.ok {
		t.Fatal(got.line)
	}
	if here.Load() != 1 || there.Load() != 1 {
		t.Errorf("dialled %d times here, %d times on the host; want 1 and 1", here.Load(), there.Load())
	}
}

type dialSpy struct {
	*spyConn
	n *atomic.Int32
}

func (d dialSpy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.n.Add(1)
	return d.spyConn.Dial(ctx, network, address)
}

func TestSecretHeadersDoNotFollowARedirectElsewhere(t *testing.T) {
	var got atomic.Value
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header.Clone()) }))
	t.Cleanup(other.Close)
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }))
	t.Cleanup(first.Close)
	b := newBench(t, nil)
	b.secrets["api"] = "sentinel-token"
	plain, secret, err := headers(t.Context(), b.Env, map[string]deploy.Sensitive{"X-Api-Key": "${secret.api}", "X-Plain": "p"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.HTTP.Do(t.Context(), Request{URL: first.URL, Header: plain, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	h := got.Load().(http.Header)
	if h.Get("X-Api-Key") != "" || h.Get("X-Plain") != "p" {
		t.Errorf("the other server was given %v", h)
	}
}

func TestHoldWaitsForARowOfGoodLooks(t *testing.T) {
	b := newBench(t, nil)
	// Good, bad, then good: what counts begins after the bad one.
	state := b.path("state")
	write(t, state, "ok", 0o644)
	var looks int
	b.conn.meddle = func([]string) {
		looks++
		text := "ok"
		if looks == 2 {
			text = "bad"
		}
		write(t, state, text, 0o644)
	}
	h := hold{
		probes:    []deploy.Probe{{Argv: []deploy.Text{"cat", deploy.Text(state)}, Match: "ok"}},
		stableFor: 50 * time.Millisecond, within: time.Minute, every: 10 * time.Millisecond,
	}
	seen, err := h.wait(t.Context(), b.Env)
	if err != nil || !seen.OK || looks < 4 {
		t.Errorf("%+v after %d looks, %v", seen, looks, err)
	}
	// The first bad one ends it when it is told to fail fast.
	looks = 1
	h.failFast = true
	if seen, err = h.wait(t.Context(), b.Env); err != nil || seen.OK || looks != 2 {
		t.Errorf("%+v after %d looks, %v", seen, looks, err)
	}
	// Never good: it ends, and says what was wrong.
	h.failFast, h.within = false, 30*time.Millisecond
	h.probes[0].Match = "never"
	if seen, err = h.wait(t.Context(), b.Env); err != nil || seen.OK || !strings.Contains(seen.Line, "does not match never") {
		t.Errorf("%+v, %v", seen, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.wait(ctx, b.Env); err == nil {
		t.Error("goes on after its context ended")
	}
}

// cutConn is a connection whose way is cut: some calls say so, others only run out of time.
type cutConn struct {
	hosts.Conn
	err, ping error
}

func (c cutConn) Run(_ context.Context, cmd hosts.Cmd) (hosts.Result, error) {
	if cmd.Argv[0] == "true" {
		return hosts.Result{}, c.ping
	}
	return hosts.Result{}, c.err
}

func (c cutConn) Dial(context.Context, string, string) (net.Conn, error) { return nil, c.err }

func TestACutWayIsNoVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		err, ping error
		lost      bool
	}{
		"said so":     {hosts.ErrUnreached, nil, true},
		"no answer":   {hosts.ErrTimeout, hosts.ErrTimeout, true},
		"slow answer": {hosts.ErrTimeout, nil, false}, // the host is alive, the service is not
		"refused":     {errors.New("connection refused"), nil, false},
	} {
		for _, p := range []deploy.Probe{{HTTP: "http://127.0.0.1:1/"}, {TCP: "127.0.0.1:1"}, {Argv: argv("x")}, {Log: "web"}, {Unit: "web.service"}} {
			b := newBench(t, nil)
			b.Conn = cutConn{b.conn, c.err, c.ping}
			seen, err := hold{probes: []deploy.Probe{p}}.wait(t.Context(), b.Env)
			if seen.OK || (err != nil) != c.lost || c.lost && !linkLost(err) {
				t.Errorf("%s, %s: %+v, %v", name, probeName(p), seen, err)
			}
		}
	}
}

func TestJSONPathsAndComparison(t *testing.T) {
	doc, err := decodeJSON([]byte(`{"a":[{"b":1.50}],"n":null,"t":true,"s":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"a.0.b": "1.50", "a[0].b": "1.50", "$.a[0].b": "1.50", "t": "true", "n": "null", "s": "x"} {
		v, ok := jsonAt(doc, path)
		if !ok || jsonText(v) != want {
			t.Errorf("%s is %v, %v", path, v, ok)
		}
	}
	for _, path := range []string{"a.1", "a.x", "s.x", "a.-1"} {
		if v, ok := jsonAt(doc, path); ok {
			t.Errorf("%s is %v", path, v)
		}
	}
	if _, err := decodeJSON([]byte(`{} {}`)); err == nil {
		t.Error("two values are one")
	}
	for _, c := range []struct {
		have, want, differs string
	}{
		{`{"a":1,"b":2}`, `{"a":1.0}`, ""},
		{`{"a":1}`, `{"a":2}`, "a"},
		{`{"a":[1,2]}`, `{"a":[1]}`, "a"},
		{`{"a":{"b":[{"c":1}]}}`, `{"a":{"b":[{"c":2}]}}`, "a.b.0.c"},
		{`[]`, `{}`, "."},
		{`{"a":"1"}`, `{"a":1}`, "a"},
	} {
		h, _ := decodeJSON([]byte(c.have))
		w, _ := decodeJSON([]byte(c.want))
		if got := jsonHolds(h, w, ""); got != c.differs {
			t.Errorf("%s in %s differs at %q", c.want, c.have, got)
		}
	}
	if !jsonSame([]byte(`{"a":1,"b":[2]}`), []byte(` {"b":[2.0], "a":1}`)) || jsonSame([]byte(`{"a":1}`), []byte(`{"a":1,"b":2}`)) || !jsonSame([]byte("x"), []byte("x")) {
		t.Error("sameness of bodies")
	}
}

func TestTextDiff(t *testing.T) {
	d, add, del := textDiff("f", "a\nb\nc\n", "a\nB\nc\nd\n")
	if add != 2 || del != 1 || !d.Diff || !strings.Contains(d.Text, "-b\n+B\n c\n+d") {
		t.Errorf("+%d -%d\n%s", add, del, d.Text)
	}
	if d, _, _ := textDiff("f", "a\x00", "b"); d.Diff {
		t.Error("bytes are shown as lines")
	}
	if d, add, _ := textDiff("f", "", "+++ x\n"); add != 1 || !strings.Contains(d.Text, "++++ x") {
		t.Errorf("a line that begins with plus signs: %d %q", add, d.Text)
	}
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if len(dir) > 80 { // a socket's path has room for about a hundred bytes
		t.Skip("the directory for temporary files has a name too long for a socket")
	}
	return dir
}
