package read

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"midwatch/hosts/nginx"
)

// A realCase is one request and what nginx answers to it.
type realCase struct {
	host, method, uri string
	port              uint16
	headers           map[string]string
	want              string
}

func (c realCase) String() string { return c.method + " " + c.host + c.uri }

type realSet struct {
	name  string
	conf  string
	cases []realCase
	root  string
}

// loadReal reads one file of testdata/real with the names of this run put in.
func loadReal(t *testing.T, file string, names *strings.Replacer, root string) realSet {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := realSet{name: filepath.Base(file), root: root}
	for _, f := range a.Files {
		text := names.Replace(string(f.Data))
		switch {
		case f.Name == "nginx.conf":
			s.conf = text
		case f.Name == "cases":
			for line := range strings.Lines(text) {
				s.cases = append(s.cases, parseCase(t, strings.TrimSpace(line)))
			}
		default:
			p := filepath.Join(root, f.Name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, f.Data, 0o644); err != nil { //nolint:gosec // nginx's workers read it
				t.Fatal(err)
			}
		}
	}
	return s
}

func parseCase(t *testing.T, line string) realCase {
	t.Helper()
	left, want, ok := strings.Cut(line, " => ")
	f := strings.SplitN(left, " ", 4)
	if !ok || len(f) < 3 {
		t.Fatalf("bad case %q", line)
	}
	host, port, _ := strings.Cut(f[0], ":")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatalf("bad port in %q", line)
	}
	c := realCase{host: host, port: uint16(n), method: f[1], uri: f[2], want: want, headers: map[string]string{}}
	if len(f) == 4 {
		k, v, _ := strings.Cut(f[3], ": ")
		c.headers[k] = v
	}
	return c
}

// ours says what Handle makes of a case, in the words of the expectations.
func ours(h *nginx.HTTP, c realCase) string {
	r := nginx.Request{
		At: nginx.Socket{Addr: netip.MustParseAddr("127.0.0.1"), Port: c.port}, Host: c.host + ":" + strconv.Itoa(int(c.port)), Method: c.method, URI: c.uri, Headers: c.headers,
		Exists: func(p string) (bool, bool) {
			st, err := os.Stat(p)
			return err == nil && st.IsDir() == strings.HasSuffix(p, "/"), true
		},
	}
	o := h.Handle(r)
	switch o.Kind {
	case nginx.Returned:
		if o.Code >= 400 { // as ask has it: the page that nginx makes of an error is not ours to tell
			return strconv.Itoa(o.Code)
		}
		return strings.TrimSpace(fmt.Sprintf("%d %s", o.Code, o.Body))
	case nginx.Redirect:
		return fmt.Sprintf("%d %s", o.Code, o.Target)
	case nginx.Static:
		text, err := os.ReadFile(o.Target)
		if err != nil {
			return err.Error()
		}
		return "200 " + strings.TrimSpace(string(text))
	case nginx.Proxied:
		return "200 " + oursProxied(h, r, o)
	default:
		return fmt.Sprintf("%v %v", o.Kind, o.Unknown)
	}
}

func oursProxied(h *nginx.HTTP, r nginx.Request, o *nginx.Outcome) string {
	to := o.PassHost
	if o.Upstream != nil {
		to = o.Upstream.Members[0].Address
	}
	if strings.HasPrefix(to, "unix:") {
		to = "unix"
	}
	p := h.Passed(r, o)
	line := to + " " + o.PassURI
	for _, n := range [][2]string{{"host", "Host"}, {"xfp", "X-Forwarded-Proto"}, {"upgrade", "Upgrade"}, {"connection", "Connection"}} {
		v, _ := p.Sent(r, n[1])
		if v.Text != "" && (n[0] != "connection" || v.Text != "close") {
			line += " " + n[0] + "=" + v.Text
		}
	}
	return line
}

// TestRealExpectations compares Handle with answers that a real nginx gave: see TestRealNginx, which
// proves the same table on the nginx of this machine.
func TestRealExpectations(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	names := strings.NewReplacer("@P1@", "8001", "@P2@", "8002", "@P3@", "8003", "@P4@", "8004",
		"@ECHO@", "127.0.0.1:9001", "@ECHO2@", "127.0.0.1:9002", "@UNIX@", "/run/echo.sock", "@ROOT@", root)
	n := 0
	for _, s := range loadAll(t, names, root) {
		c := Parse([]nginx.File{{Name: "/etc/nginx/nginx.conf", Text: []byte("http {" + s.conf + "}")}})
		if len(c.Faults) > 0 {
			t.Fatal(c.Faults)
		}
		h := nginx.NewHTTP(c)
		for _, k := range s.cases {
			n++
			if got := ours(h, k); got != k.want {
				t.Errorf("%s %s:\n got %s\nwant %s", s.name, k, got, k.want)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d cases", n)
	}
}

func loadAll(t *testing.T, names *strings.Replacer, root string) []realSet {
	t.Helper()
	files, _ := filepath.Glob("testdata/real/*.txt")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	var out []realSet
	for _, f := range files {
		out = append(out, loadReal(t, f, names, root))
	}
	return out
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test port
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

func echo(t *testing.T, name string, l net.Listener) {
	t.Helper()
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s host=%s", name, r.RequestURI, r.Host)
		for _, n := range [][2]string{{"xfp", "X-Forwarded-Proto"}, {"upgrade", "Upgrade"}, {"connection", "Connection"}} {
			if v := r.Header.Get(n[1]); v != "" && (n[0] != "connection" || v != "close") {
				fmt.Fprintf(w, " %s=%s", n[0], v)
			}
		}
	})}
	go srv.Serve(l) //nolint:errcheck // ends with the test
	t.Cleanup(func() { srv.Close() })
}

// TestRealNginx asks a real nginx every case of the table, so that the expectations are nginx's own
// words and not ours.
func TestRealNginx(t *testing.T) {
	bin, err := exec.LookPath("nginx")
	if err != nil {
		if _, err := os.Stat("/usr/sbin/nginx"); err != nil {
			t.Skip("no nginx on this machine")
		}
		bin = "/usr/sbin/nginx"
	}
	root, err := os.MkdirTemp("", "midwatch-nginx-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	_ = os.Chmod(root, 0o755) //nolint:gosec // nginx's workers read it
	e1, e2, e3 := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0"), listen(t, "unix", filepath.Join(root, "echo.sock"))
	_ = os.Chmod(filepath.Join(root, "echo.sock"), 0o777) //nolint:gosec // nginx's workers connect to it
	names := strings.NewReplacer("@P1@", freePort(t), "@P2@", freePort(t), "@P3@", freePort(t), "@P4@", freePort(t),
		"@ECHO@", e1.Addr().String(), "@ECHO2@", e2.Addr().String(), "@UNIX@", filepath.Join(root, "echo.sock"), "@ROOT@", root)
	echo(t, e1.Addr().String(), e1)
	echo(t, e2.Addr().String(), e2)
	echo(t, "unix", e3)
	for _, s := range loadAll(t, names, root) {
		t.Run(s.name, func(t *testing.T) {
			startNginx(t, bin, root, s)
			for _, c := range s.cases {
				if got := ask(t, c); got != c.want {
					t.Errorf("%s:\nnginx says %s\n  expected %s", c, got, c.want)
				}
			}
		})
	}
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, addr) //nolint:noctx // a test listener
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func startNginx(t *testing.T, bin, root string, s realSet) {
	t.Helper()
	conf := filepath.Join(root, s.name+".conf")
	text := "daemon off; worker_processes 1; pid " + root + "/nginx.pid; error_log stderr warn;\nevents {}\nhttp { access_log off;\n" +
		"client_body_temp_path " + root + "/b; proxy_temp_path " + root + "/p; fastcgi_temp_path " + root + "/f; uwsgi_temp_path " + root + "/u; scgi_temp_path " + root + "/s;\n" +
		"default_type text/plain;\n" + s.conf + "}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, bin, "-c", conf, "-p", root)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Log(stderr.String())
		}
	})
	addr := fmt.Sprintf("127.0.0.1:%d", s.cases[0].port)
	for deadline := time.Now().Add(10 * time.Second); ; {
		c, err := net.DialTimeout("tcp", addr, time.Second) //nolint:noctx // bounded by the deadline
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-done:
			t.Fatalf("nginx ended: %s", stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("nginx does not listen: " + stderr.String())
		}
	}
}

// ask sends the case byte for byte, since a client library would tidy the URI.
func ask(t *testing.T, c realCase) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", c.port), 5*time.Second) //nolint:noctx // bounded
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Length: 0\r\n", c.method, c.uri, c.host, c.port)
	for k, v := range c.headers {
		fmt.Fprintf(conn, "%s: %s\r\n", k, v)
	}
	fmt.Fprint(conn, "\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	defer resp.Body.Close()
	if loc := resp.Header.Get("Location"); loc != "" {
		return fmt.Sprintf("%d %s", resp.StatusCode, loc)
	}
	if resp.StatusCode >= 400 {
		return strconv.Itoa(resp.StatusCode)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, strings.TrimSpace(string(body)))
}
