package step

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
