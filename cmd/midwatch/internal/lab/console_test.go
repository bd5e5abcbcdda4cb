//go:build lab

package lab

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var up = regexp.MustCompile(`● up`)

// The console fills in as hosts answer. Times are measured, with what tmux adds to them.
func TestConsoleShowsTheFleet(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory(engineHosts...))
	start := time.Now()
	term := p.Terminal(t, 160, 50)
	frame := term.Shows(30*time.Second, "midwatch")
	term.Tab("Fleet")
	var first time.Time
	all := term.Wait(60*time.Second, "three hosts are up", func(s string) bool {
		n := 0
		for _, h := range engineHosts {
			if Row(s, " "+h+" ", "● up") != "" {
				n++
			}
		}
		if n > 0 && first.IsZero() {
			first = time.Now()
		}
		return n == len(engineHosts)
	})
	t.Logf("console: first frame after %s (goal 100 ms), first host after %s, all three after %s",
		frame.Sub(start).Round(time.Millisecond), first.Sub(start).Round(time.Millisecond), all.Sub(start).Round(time.Millisecond))
}

// How long the console takes to its first frame, on a terminal that says what its background is, as
// most do, and without the time tmux takes. Measured; the bound is one that only something wrong exceeds.
func TestFirstFrame(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory(engineHosts...))
	for name, args := range map[string][]string{"demo": {"demo"}, "three hosts": {"--config", p.Config}} {
		var all []time.Duration
		for range 20 {
			all = append(all, p.FirstFrame(t, "read-only", args...))
		}
		slices.Sort(all)
		median := all[len(all)/2]
		t.Logf("%s: first frame after %s in the middle, %s to %s, of %d starts (goal: 100 ms)",
			name, median.Round(time.Millisecond), all[0].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond), len(all))
		if median > 5*time.Second {
			t.Errorf("%s: first frame after %s", name, median)
		}
	}
}

// Ten kills, since one may be lucky or not. The hosts are asked so rarely that what is seen was told.
func TestConsoleShowsAKill(t *testing.T) {
	const kills = 10
	l := Open(t)
	l.NeedEngine(t, "h1")
	p := l.Program(t, l.Inventory(engineHosts...)+slowly)
	term := p.Terminal(t, 160, 50)
	term.Tab("Containers")
	after(t, l.execArgv(t, "h1", "docker", "start", "victim")...)
	term.Wait(60*time.Second, "victim runs on h2", func(s string) bool { return Row(s, "victim", " h2 ", "● running") != "" })
	var lags, own []time.Duration // since the container's end, and since the engine told of it
	for range kills {
		term.Wait(60*time.Second, "victim runs on h1", func(s string) bool { return Row(s, "victim", " h1 ", "● running") != "" })
		start := time.Now()
		l.Exec(t, "h1", "docker", "kill", "victim")
		seen := term.Wait(15*time.Second, "victim is shown dead", func(s string) bool { return Row(s, "victim", " h1 ", "exited") != "" })
		lags = append(lags, seen.Sub(finished(t, l, "h1", "victim")).Round(time.Millisecond))
		// Now and not at the end: an engine remembers its last 256 events only.
		told := deaths(t, l, "h1", "victim", start)
		if len(told) == 0 {
			t.Fatal("the engine tells of no end")
		}
		own = append(own, seen.Sub(told[len(told)-1]).Round(time.Millisecond))
		if s := term.Screen(); Row(s, "victim", " h2 ", "● running") == "" {
			t.Errorf("victim of h2 does not run:\n%s", s)
		}
		l.Exec(t, "h1", "docker", "start", "victim")
	}
	t.Logf("in their order: %v; since the engine's event: %v", lags, own)
	slices.Sort(lags)
	slices.Sort(own)
	median, most := lags[kills/2], lags[kills-1]
	t.Logf("console: a killed container is shown %s after its end in the middle, %s at most, of %d (goal: 1 s); %s and %s after the engine's own event",
		median, most, kills, own[kills/2], own[kills-1])
	if median > time.Second {
		t.Errorf("half of %d kills were shown after %s or more", kills, median)
	}
}

// deaths is when the engine reported the ends of a container. On a busy machine it is slower to say so
// than to end it, which no console can help.
func deaths(t *testing.T, l *Lab, host, container string, since time.Time) []time.Time {
	t.Helper()
	now := time.Now() // "0s" would be the beginning of this second
	out := l.Exec(t, host, "docker", "events", "--since", strconv.FormatInt(since.Unix(), 10), "--until", fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()),
		"--filter", "event=die", "--filter", "container="+container, "--format", "{{.TimeNano}}")
	var all []time.Time
	for _, f := range strings.Fields(out) {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Unix(0, n))
	}
	return all
}

func TestConsoleShowsALostHost(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory(engineHosts...))
	term := p.Terminal(t, 160, 50)
	term.Tab("Fleet")
	term.Wait(60*time.Second, "three hosts are up", func(s string) bool { return len(up.FindAllString(s, -1)) == 3 })
	mend := l.Cut(t, "h3")
	cut := time.Now()
	seen := term.Wait(time.Minute, "h3 is down, with a reason", func(s string) bool {
		return strings.Contains(Row(s, " h3 ", "○ down"), "no answer")
	})
	s := term.Screen()
	t.Logf("console: a host cut off is shown down after %s (goal: 15 s): %s", seen.Sub(cut).Round(100*time.Millisecond), strings.TrimSpace(Row(s, " h3 ", "○ down")))
	for _, h := range []string{"h1", "h2"} {
		if Row(s, " "+h+" ", "● up") == "" {
			t.Errorf("%s is not up while h3 is cut off:\n%s", h, s)
		}
	}
	mend()
	term.Wait(2*time.Minute, "h3 is back by itself", func(s string) bool { return Row(s, " h3 ", "● up") != "" })
}

// ctrl+c ends the console and leaves the terminal as it was.
func TestConsoleLeavesTheTerminal(t *testing.T) {
	l := Open(t)
	p := l.Program(t, l.Inventory("h1"))
	term := p.Shell(t, 100, 30)
	term.Shows(20*time.Second, "read-only")
	term.Keys("C-c")
	term.Wait(20*time.Second, "the shell is back, on its own screen", func(s string) bool {
		return strings.Contains(s, "left with 0") && !strings.Contains(s, "read-only")
	})
	if modes := term.Modes(); !strings.HasSuffix(modes, "cursor 1 alternate 0 mouse 0") {
		t.Errorf("the terminal was left with %s", modes)
	}
}

// How much the open console costs on three hosts where nothing happens. Measured; the bound is one that
// only something wrong exceeds.
func TestIdleConsole(t *testing.T) {
	l := Open(t)
	l.NeedEngine(t, engineHosts...)
	for _, h := range engineHosts {
		after(t, l.execArgv(t, h, "sh", "-ec", "docker start shop-web-1 shop-worker-1 victim loop >/dev/null; systemctl start labtick")...)
		l.Exec(t, h, "sh", "-ec", "docker stop -t 1 loop shop-web-1 shop-worker-1 victim >/dev/null; systemctl stop labtick")
	}
	p := l.Program(t, l.Inventory(engineHosts...))
	term := p.Terminal(t, 160, 50)
	term.Tab("Fleet")
	term.Wait(60*time.Second, "three hosts are up", func(s string) bool { return len(up.FindAllString(s, -1)) == 3 })
	pause(t, 5*time.Second)
	const window = time.Minute // the last known state is written in it once, and every two minutes after that
	before := cpu(t, term.Pid)
	start := time.Now()
	pause(t, window)
	used, took := cpu(t, term.Pid)-before, time.Since(start)
	share := 100 * used.Seconds() / took.Seconds()
	t.Logf("console: %.2f %% of a core over %s on three quiet hosts (goal: below 1 %%)", share, took.Round(time.Second))
	if share > 15 {
		t.Errorf("an idle console takes %.1f %% of a core", share)
	}
}

// pause lets time pass that is measured, not waited out.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// cpu is what a process has used, from the kernel's clock of 100 ticks a second.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name of the command stands in parentheses and may hold anything.
	_, rest, _ := strings.Cut(string(data), ") ")
	f := strings.Fields(rest)
	var ticks int
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.Atoi(f[i])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
