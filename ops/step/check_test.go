package step

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"midwatch/ops/deploy"
)

func TestCheckLooksAtTheHost(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("nginx.conf"), "a\nproxy_set_header Connection \"upgrade\";\n", 0o644)
	write(t, b.src+"/local.conf", "map $http_upgrade $x {}", 0o644)
	for name, c := range map[string]struct {
		s    deploy.Check
		ok   bool
		says string
	}{
		"tool":            {deploy.Check{Tools: argv("sh")}, true, "sh is there"},
		"no tool":         {deploy.Check{Tools: argv("midwatch-no-such-tool")}, false, "midwatch-no-such-tool is not installed"},
		"version":         {deploy.Check{Tools: argv("tar>=1.0")}, true, "tar is "},
		"too old":         {deploy.Check{Tools: argv("tar>=99")}, false, ", not >=99"},
		"tool words":      {deploy.Check{Tools: argv(">=3")}, false, "not understood"},
		"disk":            {deploy.Check{DiskFree: []deploy.DiskFree{{Path: deploy.Text(b.path("not/yet/there")), Min: "1KiB", MinInodes: 1}}}, true, "free"},
		"disk full":       {deploy.Check{DiskFree: []deploy.DiskFree{{Path: "/", Min: "900TiB"}}}, false, "are wanted: free some space"},
		"disk words":      {deploy.Check{DiskFree: []deploy.DiskFree{{Path: "/", Min: "much"}}}, false, "not understood"},
		"clock":           {deploy.Check{ClockOffset: 5 * time.Second}, true, "clock agrees"},
		"not on nfs":      {deploy.Check{NotOnNFS: argv(b.dir)}, true, "lies on"},
		"must":            {deploy.Check{FileMatches: []deploy.FileMatch{{Path: "local.conf", Local: true, Must: `map\s+\$http_upgrade`}}}, true, "holds"},
		"must fails":      {deploy.Check{FileMatches: []deploy.FileMatch{{Path: "local.conf", Local: true, Must: "nothing"}}}, false, "which it must"},
		"must not":        {deploy.Check{FileMatches: []deploy.FileMatch{{Path: deploy.Text(b.path("nginx.conf")), MustNot: `Connection\s+"upgrade"`}}}, false, "nginx.conf:2 holds"},
		"must not passes": {deploy.Check{FileMatches: []deploy.FileMatch{{Path: deploy.Text(b.path("nginx.conf")), MustNot: "evil"}}}, true, "does not hold"},
		"no file":         {deploy.Check{FileMatches: []deploy.FileMatch{{Path: deploy.Text(b.path("none")), MustNot: "evil"}}}, false, "not known"},
		"nobody asks":     {deploy.Check{Checks: argv("nginx.upgrade")}, false, "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			b.Settings = &c.s
			ch := b.plan(check{})
			_, seen := b.run(check{})
			if seen.OK != c.ok || !strings.Contains(strings.Join(seen.Lines, "\n"), c.says) {
				t.Errorf("%+v, want %v %q", seen, c.ok, c.says)
			}
			if !ch.Nothing || ch.Lines[0] != seen.Line {
				t.Errorf("planned %q, seen %q", ch.Lines, seen.Line)
			}
		})
	}
}

func TestCheckCountsWhatFails(t *testing.T) {
	b := newBench(t, &deploy.Check{Tools: argv("sh", "midwatch-no-such-a", "midwatch-no-such-b")})
	if _, seen := b.run(check{}); seen.OK || seen.Line != "2 of 3 checks fail: midwatch-no-such-a is not installed" {
		t.Errorf("%q", seen.Line)
	}
	b.Settings = &deploy.Check{Checks: argv("a.b")}
	b.Checks = func(_ context.Context, host string, ids []string) ([]string, error) {
		return []string{host + ": " + strings.Join(ids, ",") + " finds trouble"}, nil
	}
	if _, seen := b.run(check{}); seen.OK || !strings.Contains(seen.Line, "box: a.b finds trouble") {
		t.Errorf("%+v", seen)
	}
	b.Checks = func(context.Context, string, []string) ([]string, error) { return nil, nil }
	if _, seen := b.run(check{}); !seen.OK {
		t.Errorf("%+v", seen)
	}
}

func TestClocksThatDisagree(t *testing.T) {
	b := newBench(t, &deploy.Check{ClockOffset: 5 * time.Second})
	b.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) }
	if _, seen := b.run(check{}); seen.OK || !strings.Contains(seen.Line, "clock is off by ") {
		t.Errorf("%q", seen.Line)
	}
}

func TestPortIsHeldBy(t *testing.T) {
	if _, err := exec.LookPath("ss"); err == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		self, _ := os.Executable()
		name := filepath.Base(self)
		b := newBench(t, &deploy.Check{PortOwner: []deploy.PortOwner{{Port: deploy.Text(port)}}})
		if _, seen := b.run(check{}); seen.OK || !strings.Contains(seen.Line, "is held by "+name[:min(len(name), 15)]) {
			t.Errorf("%q", seen.Line)
		}
		_ = l.Close()
		if _, seen := b.run(check{}); !seen.OK || !strings.Contains(strings.Join(seen.Lines, ""), "is free") {
			t.Errorf("%q", seen.Line)
		}
	}
	// As a host with an engine says it.
	sockets := "LISTEN 0 4096 0.0.0.0:8002 0.0.0.0:* users:((\"docker-proxy\",pid=712,fd=4))\nLISTEN 0 511 *:80 *:* users:((\"nginx\",pid=9,fd=6),(\"nginx\",pid=8,fd=6))\n"
	containers := "ai_unified_frontend\t0.0.0.0:8002->80/tcp, :::8002->80/tcp\nother\t80/tcp\n"
	for port, want := range map[string]string{"8002": "ai_unified_frontend", "80": "nginx", "443": ""} {
		held, owners := portOwners(sockets, containers, "tcp", port)
		if strings.Join(owners, ",") != want || held != (want != "") {
			t.Errorf("%s: %v %q", port, held, owners)
		}
	}
}

func TestVersionsAndSizes(t *testing.T) {
	for _, c := range []struct {
		a, op, b string
		want     bool
	}{
		{"2.24.4", ">=", "2.24.4", true},
		{"2.24.10", ">=", "2.24.4", true},
		{"2.9", ">=", "2.24", false},
		{"24.0.7", ">=", "24", true},
		{"1.2", ">", "1.2.0", false},
		{"1.2", "=", "1.2.0", true},
		{"3", "<", "3.1", true},
		{"3.1", "<=", "3", false},
	} {
		if got := versionFits(compareVersions(c.a, c.b), c.op); got != c.want {
			t.Errorf("%s %s %s: %v", c.a, c.op, c.b, got)
		}
	}
	for s, want := range map[string]int64{"6GiB": 6 << 30, "1.5MiB": 3 << 19, "500MB": 500e6, "42": 42, "7K": 7000, "1TiB": 1 << 40} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
}

func TestSnapshotNotesHowThingsAre(t *testing.T) {
	b := newBench(t, nil)
	write(t, b.path("f"), "x", 0o640)
	_ = os.Symlink("releases/r0", b.path("current"))
	b.Settings = &deploy.Snapshot{Files: argv(b.path("f"), b.path("current"), b.path("none"), b.dir)}
	if c := b.plan(snapshot{}); !c.Nothing || !strings.Contains(c.Lines[0], "4 things") {
		t.Errorf("%+v", c)
	}
	b.forward(snapshot{})
	var got map[string]string
	if err := json.Unmarshal([]byte(read(t, filepath.Join(b.store.dir, blobSnapshot))), &got); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{"f": "sha256=" + digest([]byte("x")) + " mode=0640", "current": "-> releases/r0", "none": "absent"} {
		if !strings.HasPrefix(got["file "+b.path(p)], want) {
			t.Errorf("%s: %q", p, got["file "+b.path(p)])
		}
	}
	b.Settings = &deploy.Snapshot{Units: argv("midwatch-no-such.service")}
	if _, seen := b.run(snapshot{}); seen.OK || !strings.Contains(strings.Join(seen.Lines, ""), "not known") {
		t.Errorf("a unit that is not there is noted: %+v", seen)
	}
}
