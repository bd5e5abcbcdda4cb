package step

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// TestALookThatIsCutIsNoVerdict: a step that only looks has not failed when the way to its host is cut; the engine
// waits and looks again.
func TestALookThatIsCutIsNoVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		k        Kind
		settings any
	}{
		"check, a tool":       {check{}, &deploy.Check{Tools: argv("rsync")}},
		"check, a disk":       {check{}, &deploy.Check{DiskFree: []deploy.DiskFree{{Path: "/", Min: "1KiB"}}}},
		"check, a unit":       {check{}, &deploy.Check{Units: argv("ssh.service")}},
		"snapshot, a unit":    {snapshot{}, &deploy.Snapshot{Units: argv("ssh.service")}},
		"snapshot, a file":    {snapshot{}, &deploy.Snapshot{Files: argv("/etc/hosts")}},
		"snapshot, an image":  {snapshot{}, &deploy.Snapshot{Images: argv("web:1")}},
		"snapshot, a project": {snapshot{}, &deploy.Snapshot{Project: "web"}},
	} {
		for _, why := range []error{hosts.ErrUnreached, hosts.ErrTimeout, hosts.ErrClosed} {
			b := newBench(t, c.settings)
			b.Conn = cutConn{b.conn, why, why}
			if seen, err := c.k.Verify(t.Context(), b.Env, Undo{}); seen.OK || err == nil || !linkLost(err) {
				t.Errorf("%s, %v: %+v, %v", name, why, seen, err)
			}
		}
	}
}

// TestAContainerIsRestartedOnce: an order whose end nobody heard is found again, and not given a second time.
func TestAContainerIsRestartedOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docker"), `#!/bin/sh
case $1 in
inspect) echo '[{"Id":"c1","Name":"/web","Image":"sha256:1","State":{"Status":"running","StartedAt":"2026-01-02T03:04:05Z"},"Config":{"Image":"web:1"}}]' ;;
restart) echo x >>`+dir+`/restarts ;;
esac
`, 0o755)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	b := newBench(t, &deploy.Container{Name: "web", Op: "restart"})
	u, err := containerKind{}.Record(t.Context(), b.Env)
	if err != nil {
		t.Fatal(err)
	}
	count := func() int {
		text, _ := os.ReadFile(filepath.Join(dir, "restarts"))
		return strings.Count(string(text), "x")
	}
	for range 2 {
		if err := (containerKind{}).Act(t.Context(), b.Env, u); err != nil {
			t.Fatal(err)
		}
	}
	if count() != 1 {
		t.Errorf("restarted %d times by one try", count())
	}
	b.Try = 2
	if err := (containerKind{}).Act(t.Context(), b.Env, u); err != nil || count() != 2 {
		t.Errorf("another try: %d restarts, %v", count(), err)
	}
}

// TestATransferThatIsCut: a sync whose way to the host is cut has not failed.
func TestATransferThatIsCut(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync is not installed here")
	}
	for _, mode := range []string{modeInPlace, modeStaged, modeRelease} {
		b := newBench(t, nil)
		b.Settings = &deploy.Sync{From: "tree/", To: deploy.Text(filepath.Join(b.dir, "app")), Mode: mode}
		write(t, filepath.Join(b.src, "tree/file"), "new", 0o644)
		write(t, filepath.Join(b.dir, "app/file"), "old", 0o644)
		u, err := syncKind{}.Record(t.Context(), b.Env)
		if err != nil {
			t.Fatal(err)
		}
		rsh := filepath.Join(t.TempDir(), "rsh")
		write(t, rsh, "#!/bin/sh\necho 'midwatch: box: connection lost' >&2\nexit 255\n", 0o755)
		b.Rsh = func(context.Context) (string, string, func(), error) { return rsh, "box", func() {}, nil }
		if err := (syncKind{}).Act(t.Context(), b.Env, u); err == nil || !linkLost(err) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// TestALostAnswer: a request that went out and was not answered is no failure: whether it had an effect is asked.
// One that never went out has failed, and one that changes nothing is only tried again.
func TestALostAnswer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	}))
	t.Cleanup(s.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	for _, c := range []struct {
		method, url string
		lost        bool
	}{{"POST", s.URL, true}, {"GET", s.URL, false}, {"POST", closed, false}} {
		b := newBench(t, &deploy.HTTP{Method: c.method, URL: deploy.Text(c.url)})
		if err := (httpKind{}).Act(t.Context(), b.Env, Undo{}); err == nil || linkLost(err) != c.lost {
			t.Errorf("%s: %v", c.method, err)
		}
	}
}

// deafConn loses the way to the host with the first order that holds a word: it never arrives.
type deafConn struct {
	hosts.Conn
	word string
	lost bool
}

func (c *deafConn) Run(ctx context.Context, cmd hosts.Cmd) (hosts.Result, error) {
	if !c.lost && slices.Contains(cmd.Argv, c.word) {
		c.lost = true
		return hosts.Result{}, hosts.ErrClosed
	}
	return c.Conn.Run(ctx, cmd)
}

// TestAReloadThatIsCut: an order to reload that was lost is no nginx that did not take it; it is given again.
func TestAReloadThatIsCut(t *testing.T) {
	n := startNginx(t)
	n.step(n.conf("two"))
	u := n.record(nginxKind{})
	n.Conn = &deafConn{Conn: n.Conn, word: "reload"}
	if err := (nginxKind{}).Act(t.Context(), n.Env, u); err == nil || !linkLost(err) {
		t.Fatalf("lost: %v", err)
	}
	if err := (nginxKind{}).Act(t.Context(), n.Env, u); err != nil {
		t.Fatalf("again: %v", err)
	}
	if got := n.ask(); got != "two" {
		t.Errorf("it answers %q", got)
	}
}
