package logs

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
)

const million = 1_000_000

// accessLine is a line such as a busy proxy writes; every 1,009th is a failure.
func accessLine(i int) string {
	status, path := 200, "/api/v1/items"
	switch {
	case i%1009 == 0:
		status, path = 502, "/api/v1/orders/checkout"
	case i%37 == 0:
		status = 404
	}
	return fmt.Sprintf(`10.0.%d.%d - - [14/Mar/2026:02:%02d:%02d +0000] "GET %s/%d HTTP/1.1" %d %d "-" "curl/8.5.0"`,
		i>>8&255, i&255, i/60000%60, i/1000%60, path, i, status, 100+i%9000)
}

// loaded is a million lines in a buffer, made once for all benchmarks of a run.
var loaded = sync.OnceValue(func() *Buffer {
	b := NewBuffer(0)
	now := t0
	for i := 0; i < million; {
		es := make([]hosts.Entry, 0, 5000)
		for ; i < million && len(es) < cap(es); i++ {
			now = now.Add(time.Millisecond)
			level := hosts.LevelInfo
			if i%1009 == 0 {
				level = hosts.LevelError
			}
			src := srcA
			if i%3 == 0 {
				src = srcB
			}
			es = append(es, hosts.Entry{Time: now, Source: src, Level: level, Text: accessLine(i)})
		}
		b.Append(now, es, 0)
	}
	return b
})

// accessFile writes the same lines to a file, for the programs that are compared with.
func accessFile(b *testing.B) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "access.log")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range million {
		w.WriteString(accessLine(i))
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return name
}

// takes is the shortest of three runs of a program; b is skipped where it is not installed.
func takes(b *testing.B, env []string, name string, args ...string) time.Duration {
	b.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		b.Skipf("%s is not installed", name)
	}
	best := time.Hour
	for range 3 {
		cmd := exec.CommandContext(b.Context(), path, args...)
		cmd.Env = append(os.Environ(), env...)
		begun := time.Now()
		if out, err := cmd.Output(); err != nil {
			b.Fatalf("%s: %v %.200s", name, err, out)
		}
		best = min(best, time.Since(begun))
	}
	return best
}

// ratio reports how many times as long as the other program took one pass of ours took.
func ratio(b *testing.B, other time.Duration, name string) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(other), "x_"+name)
}

// BenchmarkMillionGrep is a filter over a million lines, complete, beside grep -c over the same bytes.
func BenchmarkMillionGrep(b *testing.B) {
	for _, x := range []struct {
		filter string
		grep   []string
	}{
		{`"GET /api/v1/orders"`, []string{"-c", "GET /api/v1/orders"}},
		{"checkout", []string{"-ci", "checkout"}},
		{`/orders.*50\d/`, []string{"-ciE", "orders.*50[0-9]"}},
		{"curl", []string{"-ci", "curl"}},
	} {
		b.Run(x.filter, func(b *testing.B) {
			buf, p := loaded(), predicateOf(b, x.filter)
			grep := takes(b, nil, "grep", append(slices.Clone(x.grep), accessFile(b))...)
			b.ResetTimer()
			for b.Loop() {
				s := newScan(context.Background(), nil, 1, p, buf)
				drain(s, buf, s.next(buf))
			}
			ratio(b, grep, "grep")
		})
	}
}

// BenchmarkMillionFilter is a filter over a million lines: complete, and up to the first screen.
func BenchmarkMillionFilter(b *testing.B) {
	for _, f := range []string{"checkout", "status>=500", `/5\d\d /`, ">=error", "!curl", "source:post checkout", "status=502 checkout"} {
		for _, enough := range []int{50, million} {
			b.Run(fmt.Sprintf("%s/%d", f, enough), func(b *testing.B) {
				buf, p := loaded(), predicateOf(b, f)
				for b.Loop() {
					s := newScan(context.Background(), nil, 1, p, buf)
					for cmd := s.next(buf); cmd != nil && s.count() < enough; {
						cmd = s.take(cmd().(scannedMsg), buf)
					}
				}
			})
		}
	}
}

// BenchmarkMillionLoad takes a million lines in, beside lnav loading the same from a file.
func BenchmarkMillionLoad(b *testing.B) {
	name := accessFile(b)
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	lnav := takes(b, []string{"HOME=" + b.TempDir(), "TERM=xterm"}, "lnav", "-n", "-q", "-c", ":filter-in checkout", name)
	b.ResetTimer()
	for b.Loop() {
		buf := NewBuffer(0)
		now := t0
		for i := 0; i < len(lines); i += 5000 {
			es := make([]hosts.Entry, 0, 5000)
			for _, l := range lines[i:min(i+5000, len(lines))] {
				now = now.Add(time.Millisecond)
				es = append(es, hosts.Entry{Time: now, Source: srcA, Text: l})
			}
			buf.Append(now, es, 0)
		}
	}
	b.ReportMetric(float64(million)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	ratio(b, lnav, "lnav")
}

// BenchmarkMillionMemory is what a million lines take on the heap for each byte of their text.
func BenchmarkMillionMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		buf := NewBuffer(0)
		now, text := t0, 0
		for i := 0; i < million; {
			es := make([]hosts.Entry, 0, 5000)
			for ; len(es) < cap(es); i++ {
				now = now.Add(time.Millisecond)
				es = append(es, hosts.Entry{Time: now, Source: srcA, Level: hosts.LevelInfo, Text: accessLine(i)})
				text += len(es[len(es)-1].Text)
			}
			buf.Append(now, es, 0)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(text), "heap/text")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(buf.bytes), "heap/counted")
		runtime.KeepAlive(buf)
	}
}

// BenchmarkMillionScroll is a page up and down among a thousand lines and among a million.
func BenchmarkMillionScroll(b *testing.B) {
	for _, lines := range []int{1000, million} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			g := bigScreen(b, lines)
			g.s.page.first(&g.s.list, g.s.bodyH())
			for b.Loop() {
				g.s.page.page(&g.s.list, g.s.bodyH(), 1)
				g.s.View()
				g.s.page.page(&g.s.list, g.s.bodyH(), -1)
				g.s.View()
			}
		})
	}
}

// BenchmarkMillionJump is n, to the next of a thousand finds among a million lines, drawn.
func BenchmarkMillionJump(b *testing.B) {
	g := bigScreen(b, 1000)
	g.s.list.buf = loaded()
	g.s.find.set("checkout")
	drainAll(g.s, g.s.research())
	g.s.page.first(&g.s.list, g.s.bodyH())
	for b.Loop() {
		g.s.jump(1)
		g.s.View()
	}
}

// BenchmarkMillionCount is the lines of a million over time.
func BenchmarkMillionCount(b *testing.B) {
	g := bigScreen(b, 1000)
	g.s.list.buf = loaded()
	for b.Loop() {
		runCount(b.Context(), g.s.countJob(1, 180))()
	}
}

// BenchmarkMillionPatterns is the patterns of a million lines.
func BenchmarkMillionPatterns(b *testing.B) {
	buf := loaded()
	for b.Loop() {
		m := newMining(1, nil, buf)
		for cmd := m.next(b.Context(), nil, buf); cmd != nil; cmd = m.next(b.Context(), nil, buf) {
			m.take(cmd().(patternedMsg))
		}
	}
}

// drainAll gives a screen the results of its scans until there are no more.
func drainAll(s *Screen, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch m := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range m {
			drainAll(s, c)
		}
	case scannedMsg:
		drainAll(s, s.scanned(m))
	}
}
