package step

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

func TestReadConf(t *testing.T) {
	dump := `# configuration file /etc/nginx/nginx.conf:
pid run/ngx.pid;
error_log /var/log/e.log warn;
events {}
http {
  include conf.d/*.conf;
}
# configuration file /etc/nginx/conf.d/a.conf:
upstream calls { server unix:/run/1.sock max_conns=1; server 127.0.0.1:8080 max_conns=2; server 127.0.0.1:8081; }
upstream plain { server 127.0.0.1:9; }
`
	c := readConf(dump, "nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/usr/share/nginx --pid-path=/run/nginx.pid")
	if c.pidFile != "/usr/share/nginx/run/ngx.pid" || c.errorLog != "/var/log/e.log" || c.names() != "calls" || len(c.capped[0].members) != 2 || c.shutdown != "" {
		t.Errorf("%+v", c)
	}
	c = readConf("# configuration file /e:\nerror_log stderr;\nworker_shutdown_timeout 10s;\n", "")
	if c.pidFile != "/run/nginx.pid" || c.errorLog != "stderr" || c.shutdown != "10s" || c.names() != "" {
		t.Errorf("%+v", c)
	}
}

func TestParseProcs(t *testing.T) {
	ps := `  1 0 /sbin/init
 10 1 nginx: master process /usr/sbin/nginx
 11 10 nginx: worker process
 12 10 nginx: worker process is shutting down
 13 10 nginx: cache manager process
 20 1 nginx: master process nginx -g daemon off;
 21 20 nginx: worker process
PID PPID COMMAND
x
`
	p := parseProcs(ps, 10)
	if p.Master != 10 || fmt.Sprint(p.Workers) != "[11]" || fmt.Sprint(p.Ending) != "[12]" {
		t.Errorf("%+v", p)
	}
	if p := parseProcs(ps, 0); p.Master != 10 {
		t.Errorf("first master: %+v", p)
	}
	if p := parseProcs(ps, 11); p.Master != 0 {
		t.Errorf("a pid file that points at something else: %+v", p)
	}
}

func TestReloaded(t *testing.T) {
	before := ngxProcs{Master: 10, Workers: []int{11, 12}}
	for name, c := range map[string]struct {
		now  ngxProcs
		done bool
		line string
	}{
		"as before":       {before, false, "no new worker"},
		"in between":      {ngxProcs{Master: 10, Workers: []int{11, 13}}, false, "1 of the workers before"},
		"all new":         {ngxProcs{Master: 10, Workers: []int{13, 14}}, true, "2 new workers"},
		"old ones linger": {ngxProcs{Master: 10, Workers: []int{13}, Ending: []int{11, 12}}, true, "1 new worker, 2 before finish"},
		"restarted":       {ngxProcs{Master: 9, Workers: []int{13}}, false, "another master"},
		"gone":            {ngxProcs{}, false, "no master"},
	} {
		done, line := reloaded(before, c.now)
		if done != c.done || !strings.Contains(line, c.line) {
			t.Errorf("%s: %v %q", name, done, line)
		}
	}
}

func TestEmergency(t *testing.T) {
	log := "2026/11/29 15:00:00 [notice] 1#1: x\n2026/11/29 15:00:01 [emerg] 77#77: bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
	e, final := emergencies(log)
	if len(e) != 1 || final || emergency(e[0]) != "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)" {
		t.Errorf("%q, final %v", e, final)
	}
	if _, final := emergencies(log + "2026/11/29 15:00:03 [emerg] 77#77: still could not bind()\n"); !final {
		t.Error("nginx gave up, and it is not taken for its answer")
	}
	if got := testFault("nginx: [emerg] unknown directive \"x\" in /a:3\nnginx: configuration file /a test failed\n"); got != `[emerg] unknown directive "x" in /a:3` {
		t.Errorf("%q", got)
	}
	if got := testFault("sudo: a password is required\n"); got != "sudo: a password is required" {
		t.Errorf("%q", got)
	}
}

func TestCountBusy(t *testing.T) {
	ss := `0      0         127.0.0.1:41000     127.0.0.1:8080
0      0         127.0.0.1:8080      127.0.0.1:41000
u_str ESTAB 0 0 /run/1.sock 2001 * 2000
u_str ESTAB 0 0 * 2000 * 2001
u_str ESTAB 0 0 /run/11.sock 3001 * 3000
`
	n, detail := countBusy(ss, []ngxUpstream{{"a", []string{"unix:/run/1.sock", "127.0.0.1:8080"}}})
	if n != 2 || fmt.Sprint(detail) != "[127.0.0.1:8080: 1 unix:/run/1.sock: 1]" {
		t.Errorf("%d %v", n, detail)
	}
}

// nginxBench is a real nginx of this machine, started by the user of the test on loopback.
type nginxBench struct {
	*bench
	root string
	port int
	pid  int
}

// startNginx starts an nginx over a directory with sites, and makes "nginx" in PATH the one that knows it.
func startNginx(t *testing.T) *nginxBench {
	t.Helper()
	bin, err := exec.LookPath("nginx")
	if err != nil {
		if bin = "/usr/sbin/nginx"; !isFile(bin) {
			t.Skip("no nginx on this machine")
		}
	}
	root, err := os.MkdirTemp("", "midwatch-ngx-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	_ = os.Chmod(root, 0o755) //nolint:gosec // workers of another user look in
	n := &nginxBench{bench: newBench(t, nil), root: root, port: free(t)}
	write(t, root+"/nginx.conf", "worker_processes 1; pid "+root+"/nginx.pid; error_log "+root+"/error.log notice;\nevents {}\nhttp { access_log off;\n"+
		"client_body_temp_path "+root+"/b; proxy_temp_path "+root+"/p; fastcgi_temp_path "+root+"/f; uwsgi_temp_path "+root+"/u; scgi_temp_path "+root+"/s;\n"+
		"include "+root+"/sites/*.conf;\n}\n", 0o644)
	n.site("one")
	tools := t.TempDir()
	write(t, tools+"/nginx", "#!/bin/sh\nexec "+bin+" -c "+root+"/nginx.conf -p "+root+" \"$@\"\n", 0o755)
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, "-c", root+"/nginx.conf", "-p", root, "-g", "daemon off;")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	n.pid = cmd.Process.Pid
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); n.ask() != "one" || !isFile(root+"/nginx.pid"); {
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not answer: %s", read(t, root+"/error.log"))
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // polls another process
	}
	return n
}

func isFile(p string) bool { _, err := os.Stat(p); return err == nil }

func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (n *nginxBench) conf(says string) string {
	return fmt.Sprintf("server { listen 127.0.0.1:%d; location / { return 200 %q; } }\n", n.port, says)
}

func (n *nginxBench) site(says string) {
	write(n.t, n.root+"/sites/site.conf", n.conf(says), 0o644)
}

// ask is what the site answers to a new connection.
func (n *nginxBench) ask() string {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/", n.port))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b := make([]byte, 100)
	k, _ := resp.Body.Read(b)
	return string(b[:k])
}

func (n *nginxBench) step(content string) *deploy.Nginx {
	s := &deploy.Nginx{
		Files:         []deploy.File{{Content: deploy.Sensitive(content), Dst: deploy.Text(n.root + "/sites/site.conf")}},
		OnlyIfChanged: true, Within: 20 * time.Second,
	}
	n.Settings = s
	return s
}

func (n *nginxBench) workers() []int {
	out, err := exec.Command("ps", "-eo", "pid=,ppid=,args=").Output()
	if err != nil {
		n.t.Fatal(err)
	}
	return parseProcs(string(out), n.pid).Workers
}

func TestNginxForwardAndBack(t *testing.T) {
	n := startNginx(t)
	s := n.step(n.conf("two"))
	s.Require = []string{"return 200"}
	s.Probe = []deploy.Probe{{HTTP: deploy.Text(fmt.Sprintf("http://127.0.0.1:%d/", n.port)), Contains: "two"}}
	before, was := tree(t, n.root+"/sites"), n.workers()
	ch := n.plan(nginxKind{})
	if ch.Nothing || ch.Back != BackReversible || !strings.Contains(strings.Join(ch.Lines, "\n"), "tested and reloaded") || !strings.Contains(ch.Detail[0].Text, `+server`) {
		t.Errorf("plan %+v", ch)
	}
	u := n.forward(nginxKind{})
	if got := n.ask(); got != "two" {
		t.Errorf("it answers %q", got)
	}
	after := n.workers()
	if fmt.Sprint(after) == fmt.Sprint(was) {
		t.Errorf("workers %v stayed", after)
	}
	if !n.isNothing(u) {
		t.Error("a second plan changes something")
	}
	n.wayBack(u, before, "one")
	if len(mustGlob(t, n.root+"/sites/*")) != 1 {
		t.Errorf("left behind: %q", mustGlob(t, n.root+"/sites/*"))
	}
}

// isNothing wants a step that was done to be seen as done: planning and acting again change no worker.
func (n *nginxBench) isNothing(u Undo) bool {
	n.t.Helper()
	was := fmt.Sprint(n.workers())
	if err := (nginxKind{}).Act(n.t.Context(), n.Env, u); err != nil {
		n.t.Errorf("acting again: %v", err)
	}
	return n.plan(nginxKind{}).Nothing && n.record(nginxKind{}).Nothing && fmt.Sprint(n.workers()) == was && n.drift(nginxKind{}, u) == nil
}

// wayBack undoes and wants the tree and the answers of before.
func (n *nginxBench) wayBack(u Undo, before, says string) {
	n.t.Helper()
	n.Undoing = true
	n.back(nginxKind{}, u)
	if got := tree(n.t, n.root+"/sites"); got != before {
		n.t.Errorf("before\n%safter the way back\n%s", before, got)
	}
	if got := n.ask(); got != says {
		n.t.Errorf("it answers %q", got)
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	t.Helper()
	m, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What nginx refuses, and what it takes without being able to do it, leaves it as it was: files, workers and
// answers, with one line that says why.
func TestNginxRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		content func(n *nginxBench) string
		require string
		words   string
		told    bool
	}{
		"does not pass -t":       {func(n *nginxBench) string { return n.conf("x") + "nonsense on;\n" }, "", `unknown directive "nonsense"`, false},
		"lacks what is required": {func(n *nginxBench) string { return n.conf("x") }, "map $http_upgrade", "does not hold", false},
		"cannot bind": {func(n *nginxBench) string {
			return n.conf("x") + fmt.Sprintf("server { listen %s; }\n", taken.Addr())
		}, "", "98: Address already in use", true},
	} {
		t.Run(name, func(t *testing.T) {
			n := startNginx(t)
			s := n.step(c.content(n))
			if c.require != "" {
				s.Require = []string{c.require}
			}
			before, was := tree(t, n.root+"/sites"), fmt.Sprint(n.workers())
			u := n.record(nginxKind{})
			err := nginxKind{}.Act(t.Context(), n.Env, u)
			if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "back as they were") {
				t.Errorf("%v", err)
			}
			if got := tree(t, n.root+"/sites"); got != before {
				t.Errorf("before\n%snow\n%s", before, got)
			}
			if got := fmt.Sprint(n.workers()); got != was {
				t.Errorf("workers %s, were %s", got, was)
			}
			if seen, err := (nginxKind{}).Verify(t.Context(), n.Env, u); err != nil || seen.OK {
				t.Errorf("verify: %+v, %v", seen, err)
			}
			if d := n.drift(nginxKind{}, u); d != nil {
				t.Errorf("what the step put back is taken for somebody's change: %q", d)
			}
			n.wayBack(u, before, "one")
			if got := fmt.Sprint(n.workers()); got != was {
				t.Errorf("the way back reloaded an nginx that had kept its configuration: %s, %s", got, was)
			}
		})
	}
}

// An upstream that counts its connections is not made to forget them while it has one.
func TestNginxBusy(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("no ss on this machine")
	}
	n := startNginx(t)
	back, err := net.Listen("unix", n.root+"/back.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	_ = os.Chmod(n.root+"/back.sock", 0o777) //nolint:gosec // workers of another user connect
	got := make(chan net.Conn, 1)
	go func() {
		c, err := back.Accept()
		if err == nil {
			got <- c
		}
	}()
	with := n.conf("one") + "upstream calls { server unix:" + n.root + "/back.sock max_conns=1; }\n" +
		fmt.Sprintf("server { listen 127.0.0.1:%d; location / { proxy_pass http://calls; } }\n", free(t))
	port := strings.Split(strings.Split(with, "listen 127.0.0.1:")[2], ";")[0]
	n.step(with)
	u := n.forward(nginxKind{})
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	held := <-got // a call is under way
	n.store = &dirStore{dir: t.TempDir()}
	n.Store = n.store
	s := n.step(with + "# more\n")
	s.BusyWait = time.Nanosecond
	was := fmt.Sprint(n.workers())
	u2 := n.record(nginxKind{})
	wantRefused(t, nginxKind{}.Act(t.Context(), n.Env, u2), "max_conns are busy, 1 connections")
	if read(t, n.root+"/sites/site.conf") != with || fmt.Sprint(n.workers()) != was {
		t.Error("something was done all the same")
	}
	s.WhenBusy = "ask"
	n.answers = []Answer{{Yes: false}, {Yes: true}}
	if err := (nginxKind{}).Act(t.Context(), n.Env, u2); err == nil || fmt.Sprint(n.workers()) != was {
		t.Errorf("declined: %v", err)
	}
	if err := (nginxKind{}).Act(t.Context(), n.Env, u2); err != nil || fmt.Sprint(n.workers()) == was {
		t.Errorf("agreed: %v", err)
	}
	held.Close()
	_ = u
}

// A secret in a configuration is placed, tested and reloaded, and is in nothing that is said, recorded or called.
func TestNginxSecret(t *testing.T) {
	n := startNginx(t)
	n.secrets["db"] = "sentinel-ngx"
	n.step(n.conf("say ${secret.db}"))
	ch := n.plan(nginxKind{})
	if text := fmt.Sprint(ch); strings.Contains(text, "sentinel") || !strings.Contains(text, "holds secrets") {
		t.Errorf("plan %s", text)
	}
	u := n.forward(nginxKind{})
	if got := n.ask(); got != "say sentinel-ngx" {
		t.Errorf("it answers %q", got)
	}
	n.noSecret("sentinel-ngx", u)
	if st, err := os.Stat(n.root + "/sites/site.conf"); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("others may read it: %v %v", st.Mode(), err)
	}
}
