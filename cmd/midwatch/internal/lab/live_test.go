//go:build lab

package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowly is the beginning of an inventory whose hosts are asked so rarely that a change which shows
// within seconds was told by the host.
const slowly = `
[defaults.intervals]
refresh = "10m"
slow = "10m"
stats = "10m"
`

// finished is when a container ended, by the clock that the host and this machine share.
func finished(t *testing.T, l *Lab, host, container string) time.Time {
	t.Helper()
	out := l.Exec(t, host, "docker", "inspect", "--format", "{{json .State.FinishedAt}}", container)
	var at time.Time
	if err := json.Unmarshal([]byte(out), &at); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestKillIsSeen(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1")
	p := l.Program(t, l.Inventory(engineHosts...)+slowly)
	run := p.Start(t, "status", "--watch", "--json", "--every", "10ms")
	state := func(want string) func(string) bool {
		return func(line string) bool { return ParseStatus(t, line).Host(t, "h1").Container("victim") == want }
	}
	run.Next(t, 30*time.Second, "victim runs", state("running"))
	after(t, l.execArgv(t, "h1", "docker", "start", "victim")...)
	l.Exec(t, "h1", "docker", "kill", "victim")
	// The lines go on coming while the kill is waited for, so the moment is that of its own line.
	seen := run.Next(t, 10*time.Second, "victim is seen dead", state("exited"))
	t.Logf("status: a killed container is seen %s after its end (goal: 1 s)", seen.At.Sub(finished(t, l, "h1", "victim")).Round(time.Millisecond))
}

func TestJournalLineIsSeen(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory(engineHosts...))
	run := p.Start(t, "logs", "--follow", "--json", "-n", "1", "h1/unit:labtick", "h2/unit:labtick", "h3/unit:labtick")
	own := journalLags(t, l, "h1")
	var lags []time.Duration
	hosts := map[string]int{}
	deadline := time.Now().Add(60 * time.Second)
	for len(lags) < 30 && time.Now().Before(deadline) {
		line := run.Next(t, 15*time.Second, "a tick", func(s string) bool { return strings.Contains(s, "tick ") })
		e := ParseLogLine(t, line.Text)
		at, err := time.Parse(time.RFC3339Nano, e.Time)
		if err != nil {
			t.Fatalf("time of %s: %v", line.Text, err)
		}
		hosts[e.Host]++
		if hosts[e.Host] > 1 { // the first line of a host was there before
			lags = append(lags, line.At.Sub(at))
		}
	}
	if len(hosts) != 3 || len(lags) < 30 {
		t.Fatalf("lines of %v within a minute, want 30 of three hosts", hosts)
	}
	slices.Sort(lags)
	median, most := lags[len(lags)/2], lags[len(lags)-1]
	t.Logf("logs -f: a journal line is printed %s after it was written in the middle, %s at most (goal: 500 ms); journalctl -f on h1 itself: %s",
		median.Round(time.Millisecond), most.Round(time.Millisecond), own())
	if median > 3*time.Second {
		t.Errorf("median lag %s", median)
	}
}

// journalLags follows the same unit with journalctl on the host, without midwatch and without ssh. The
// func it returns ends that and says what came of it.
func journalLags(t *testing.T, l *Lab, host string) func() string {
	t.Helper()
	argv := l.execArgv(t, host, "journalctl", "-f", "-n", "0", "-o", "json", "-u", "labtick")
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	all := make(chan []time.Duration, 1)
	go func() {
		var lags []time.Duration
		for in := bufio.NewScanner(out); in.Scan(); {
			now := time.Now()
			var e struct {
				At int64 `json:"__REALTIME_TIMESTAMP,string"`
			}
			if json.Unmarshal(in.Bytes(), &e) == nil && e.At > 0 {
				lags = append(lags, now.Sub(time.UnixMicro(e.At)))
			}
		}
		all <- lags
	}()
	return func() string {
		cancel()
		lags := <-all
		_ = cmd.Wait() // it was ended
		if len(lags) == 0 {
			return "no line"
		}
		slices.Sort(lags)
		return fmt.Sprintf("%s and %s", lags[len(lags)/2].Round(time.Millisecond), lags[len(lags)-1].Round(time.Millisecond))
	}
}

func TestContainerLinesAreFollowed(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, engineHosts...)
	p := l.Program(t, l.Inventory(engineHosts...))
	// h3 refuses stream-local forwarding: its engine is reached another way, and the lines come all the same.
	run := p.Start(t, "logs", "--follow", "--json", "-n", "1", "container:shop-worker-1")
	count := map[string]int{}
	for len(count) < 3 || count["h1"] < 3 || count["h2"] < 3 || count["h3"] < 3 {
		line := run.Next(t, 20*time.Second, "lines of three containers", func(string) bool { return true })
		count[ParseLogLine(t, line.Text).Host]++
	}
}

// A container that is started while a pattern is followed joins, from its first line on.
func TestNewContainersJoin(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, "h1")
	p := l.Program(t, l.Inventory(engineHosts...))
	run := p.Start(t, "logs", "--follow", "--json", "-n", "1", "container:shop-*", "container:joins-*")
	run.Next(t, 30*time.Second, "lines of those that are there", func(s string) bool { return strings.Contains(s, "shop-worker-1") })
	after(t, l.execArgv(t, "h1", "sh", "-c", "docker rm -f joins-late >/dev/null")...)
	l.Exec(t, "h1", "docker", "run", "-d", "--name", "joins-late", "lab/svc:1", "log", "-every", "200ms")
	line := run.Next(t, 20*time.Second, "a line of the new one", func(s string) bool { return strings.Contains(s, "joins-late") })
	if first := ParseLogLine(t, line.Text).Text; !strings.HasSuffix(first, "line 1") {
		t.Errorf("its first line here is %q", first)
	}
}

// First data after "ssh HOST true" and a little: measured, because a loaded machine keeps no such bound.
func TestFirstData(t *testing.T) {
	l := Open(t)
	sshTrue := time.Hour
	for range 5 {
		start := time.Now()
		run(t, "ssh", "-n", "-F", l.Path("ssh_config"), "h1", "true")
		sshTrue = min(sshTrue, time.Since(start))
	}
	p := l.Program(t, l.Inventory("h1"))
	whole := time.Hour
	for range 5 {
		whole = min(whole, p.MustRun(t, 0, "status", "--json", "--timeout", "60s").Took)
	}
	t.Logf("ssh h1 true: %s; midwatch status, all of h1, start to end: %s (goal for the first data: %s)",
		sshTrue.Round(time.Millisecond), whole.Round(time.Millisecond), (sshTrue + 100*time.Millisecond).Round(time.Millisecond))
	if whole > sshTrue+20*time.Second {
		t.Errorf("status took %s", whole)
	}
}
