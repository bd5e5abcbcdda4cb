//go:build lab

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit of the times in /proc (USER_HZ, which is the same on every Linux of Go's ports).
const tick = time.Second / 100

// processors says what this machine's processors did since it was started.
type processors struct {
	at   time.Time
	busy time.Duration // for programs and the kernel, or taken away by what this machine runs on
	ours time.Duration // of that, for the test and the hosts of the lab
}

// goFirst lets the session of a process go before what else this machine does, until the test ends. It
// reports whether that can be done here.
//
// In real life the hosts have processors of their own. In the lab they have the console's: their engines,
// journals and sshds take most of the machine, and a key would wait for them. So the console, the terminal it is
// on, which is this test, and the echo that it is compared with go first.
func goFirst(t *testing.T, pid int) bool {
	t.Helper()
	const first = -10 // nine times the weight of others
	name := fmt.Sprintf("/proc/%d/autogroup", pid)
	was, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	_, nice, ok := strings.Cut(strings.TrimSpace(string(was)), " nice ")
	if !ok || os.WriteFile(name, []byte(strconv.Itoa(first)), 0) != nil {
		return false
	}
	t.Cleanup(func() { _ = os.WriteFile(name, []byte(nice), 0) }) // the process may have ended
	return true
}

// processors looks at what the processors do.
func (l *Lab) processors(t *testing.T) processors {
	t.Helper()
	roots := []int{os.Getpid()}
	for _, h := range l.Hosts {
		pid, err := strconv.Atoi(strings.TrimSpace(run(t, "docker", "inspect", "-f", "{{.State.Pid}}", h.Container)))
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, pid)
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(stat), "\n")
	f := strings.Fields(first) // cpu user nice system idle iowait irq softirq steal
	if len(f) < 9 {
		t.Fatalf("/proc/stat begins with %q", first)
	}
	p := processors{at: time.Now()}
	for _, i := range []int{1, 2, 3, 8} {
		p.busy += ticks(f[i])
	}
	used, parent := map[int]time.Duration{}, map[int]int{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is a good one
	for _, name := range all {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The name of the program may hold blanks and parentheses.
		var pid int
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		f := strings.Fields(rest) // state ppid … utime stime cutime cstime
		if _, err := fmt.Sscanf(name, "/proc/%d/stat", &pid); err != nil || len(f) < 15 {
			continue
		}
		parent[pid], _ = strconv.Atoi(f[1]) // a number of the kernel's
		used[pid] = ticks(f[11]) + ticks(f[12]) + ticks(f[13]) + ticks(f[14])
	}
	for pid, d := range used {
		if descends(pid, parent, roots) {
			p.ours += d
		}
	}
	return p
}

func ticks(s string) time.Duration {
	n, _ := strconv.ParseInt(s, 10, 64) // a number of the kernel's
	return time.Duration(n) * tick
}

func descends(pid int, parent map[int]int, roots []int) bool {
	for ; pid > 1; pid = parent[pid] {
		for _, r := range roots {
			if pid == r {
				return true
			}
		}
	}
	return false
}

// others is the share of the processors that was taken since an earlier look by what is not ours.
func (p processors) others(since processors) float64 {
	all := p.at.Sub(since.at).Seconds() * float64(runtime.NumCPU())
	return max(0, ((p.busy-since.busy)-(p.ours-since.ours)).Seconds()/all)
}

// share is the share of the processors that was in use since an earlier look.
func (p processors) share(since processors) float64 {
	return (p.busy - since.busy).Seconds() / (p.at.Sub(since.at).Seconds() * float64(runtime.NumCPU()))
}
