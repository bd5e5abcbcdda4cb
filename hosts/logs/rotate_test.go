package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

// logFile is a log that a test writes numbered lines to.
type logFile struct {
	t    *testing.T
	path string
	f    *os.File
	n    int
}

func newLogFile(t *testing.T) *logFile {
	t.Helper()
	l := &logFile{t: t, path: filepath.Join(t.TempDir(), "app.log")}
	l.reopen()
	t.Cleanup(func() { _ = l.f.Close() })
	return l
}

func (l *logFile) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *logFile) reopen() {
	l.t.Helper()
	if l.f != nil {
		_ = l.f.Close()
	}
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	l.must(err)
	l.f = f
}

// write writes lines that go on counting.
func (l *logFile) write(lines int) {
	l.t.Helper()
	var b bytes.Buffer
	for range lines {
		l.n++
		fmt.Fprintf(&b, "2026-11-29T05:00:00.%06dZ n=%d\n", l.n, l.n)
	}
	_, err := l.f.Write(b.Bytes())
	l.must(err)
}

// shift renames what was put aside before and then the log itself; the writer still has it open.
func (l *logFile) shift() {
	l.t.Helper()
	for i := 5; i > 0; i-- {
		for _, end := range []string{"", ".gz"} {
			from := fmt.Sprintf("%s.%d%s", l.path, i, end)
			if _, err := os.Stat(from); err == nil {
				l.must(os.Rename(from, fmt.Sprintf("%s.%d%s", l.path, i+1, end)))
			}
		}
	}
	l.must(os.Rename(l.path, l.path+".1"))
}

// compress does to a log that was put aside what logrotate does.
func (l *logFile) compress(i int) {
	l.t.Helper()
	name := fmt.Sprintf("%s.%d", l.path, i)
	text, err := os.ReadFile(name)
	l.must(err)
	st, err := os.Stat(name)
	l.must(err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(text)
	l.must(err)
	l.must(z.Close())
	l.must(os.WriteFile(name+".gz", b.Bytes(), 0o600))
	l.must(os.Chtimes(name+".gz", st.ModTime(), st.ModTime()))
	l.must(os.Remove(name))
}

// numbers are those of the lines, gaps as 0 and everything else as -1.
func numbers(texts []hosts.Entry) []int {
	var out []int
	for _, e := range texts {
		n := -1
		if _, rest, ok := strings.Cut(e.Text, "n="); ok && e.Kind == hosts.EntryLine {
			rest, _, _ = strings.Cut(rest, " ")
			n, _ = strconv.Atoi(rest)
		}
		if e.Kind == hosts.EntryGap {
			n = 0
		}
		out = append(out, n)
	}
	return out
}

// counting fails unless the numbers are those from first to last, each once and in order.
func counting(t *testing.T, what string, got []int, first, last int) {
	t.Helper()
	for i, n := range got {
		if n != first+i {
			t.Fatalf("%s: number %d is %d, want %d (%d in all)", what, i, n, first+i, len(got))
		}
	}
	if len(got) != last-first+1 {
		t.Fatalf("%s: %d lines, want %d to %d", what, len(got), first, last)
	}
}

// segments reads until nothing more comes: from one file of the row to the next.
func segments(t *testing.T, r *fileReader) []hosts.Entry {
	t.Helper()
	var out []hosts.Entry
	for {
		again, err := readPart(t, r, &out)
		if err != nil {
			t.Fatal(err)
		}
		if !again {
			return out
		}
	}
}

// What happened to a log between two connections: nothing is lost and nothing comes twice.
func TestRotationIsFollowed(t *testing.T) {
	t.Parallel()
	from := shellSources(t)
	for name, rotate := range map[string]func(l *logFile){
		"once":  func(l *logFile) { l.shift(); l.write(3); l.reopen() },
		"twice": func(l *logFile) { l.shift(); l.reopen(); l.write(5); l.shift(); l.reopen() },
		"and compressed": func(l *logFile) {
			l.shift()
			l.reopen()
			l.write(7)
			l.compress(1)
			l.shift()
			l.reopen()
		},
		"by date": func(l *logFile) {
			l.must(os.Rename(l.path, l.path+"-20261129"))
			l.write(1)
			l.reopen()
		},
		"to another name": func(l *logFile) { l.must(os.Rename(l.path, l.path+".old")); l.write(2); l.reopen() },
		"by a copy": func(l *logFile) {
			l.write(4)
			text, err := os.ReadFile(l.path)
			l.must(err)
			l.must(os.WriteFile(l.path+".1", text, 0o600))
			l.must(os.Truncate(l.path, 0))
		},
	} {
		for _, before := range []int{2, 400} { // less and more than what a file is known by
			t.Run(fmt.Sprint(name, " after ", before), func(t *testing.T) {
				t.Parallel()
				l := newLogFile(t)
				l.write(before)
				r := &fileReader{from: from, q: hosts.LogQuery{Tail: 1000}, src: fileSource(l.path)}
				counting(t, "at first", numbers(segments(t, r)), 1, before)
				l.write(10)
				rotate(l)
				l.write(20)
				counting(t, "afterwards", numbers(segments(t, r)), before+1, l.n)
				l.write(1)
				counting(t, "at last", numbers(segments(t, r)), l.n, l.n)
			})
		}
	}
}

// rotator is a shell that lets a log be rotated in the middle of the script that looks at it, once.
type rotator struct {
	shell
	before string // the line of the script that it happens before
	do     string
}

func (r *rotator) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	if r.do != "" {
		c.Argv = slices.Clone(c.Argv)
		c.Argv[2] = strings.Replace(c.Argv[2], "\n"+r.before, "\n"+r.do+"\n"+r.before, 1)
		r.do = ""
	}
	return r.shell.Stream(ctx, c)
}

// A log that is rotated again while the place in it is looked for: the names of what was found are those of
// other files by then.
func TestRotationWhileItIsLookedAt(t *testing.T) {
	t.Parallel()
	shellSources(t)
	for _, before := range []string{"kind=live", `size=$(size_of "$seg")`} {
		t.Run(before, func(t *testing.T) {
			t.Parallel()
			l := newLogFile(t)
			run := &rotator{before: before}
			from := Sources{Runner: func(context.Context, string) (Runner, error) { return run, nil }}
			r := &fileReader{from: from, q: hosts.LogQuery{Tail: 1000}, src: fileSource(l.path)}
			l.write(40)
			counting(t, "at first", numbers(segments(t, r)), 1, 40)
			l.write(10)
			l.shift()
			l.reopen()
			l.write(100)
			if !strings.Contains(fileScript, "\n"+before) {
				t.Fatalf("the script has no line %q", before)
			}
			run.do = `mv "$f.1" "$f.2"; mv "$f" "$f.1"; : >"$f"`
			var got []hosts.Entry
			if _, err := readPart(t, r, &got); err == nil || !strings.Contains(err.Error(), "rotated") || len(got) > 0 {
				t.Errorf("%d lines, and %v", len(got), err)
			}
			l.reopen()
			l.write(5)
			counting(t, "afterwards", numbers(append(got, segments(t, r)...)), 41, l.n)
		})
	}
}

// Whatever was truncated without a copy is a gap, and reading goes on with what is there.
func TestTruncationIsAGap(t *testing.T) {
	t.Parallel()
	l := newLogFile(t)
	l.write(100)
	r := &fileReader{from: shellSources(t), q: hosts.LogQuery{Tail: 1000}, src: fileSource(l.path)}
	counting(t, "at first", numbers(segments(t, r)), 1, 100)
	l.must(os.Truncate(l.path, 0))
	l.write(200) // longer than before: the size alone says nothing
	got := numbers(segments(t, r))
	if len(got) == 0 || got[0] != 0 {
		t.Fatalf("no gap: %v", got)
	}
	counting(t, "after the gap", got[1:], 101, 300)
}

// A moment long ago is looked for in what was put aside, too, compressed or not.
func TestHistoryIsRead(t *testing.T) {
	t.Parallel()
	l := newLogFile(t)
	for range 3 {
		l.write(50)
		l.shift()
		l.reopen()
	}
	l.compress(3)
	l.compress(2)
	l.write(50)
	since := time.Date(2026, 11, 29, 5, 0, 0, 30_000, time.UTC)
	r := &fileReader{from: shellSources(t), q: hosts.LogQuery{Since: since}, src: fileSource(l.path)}
	// The files were written just now, years before or after what their lines say: what counts is that they
	// were written to after the moment.
	back := since.Add(time.Hour)
	for _, name := range []string{".3.gz", ".2.gz", ".1"} {
		back = back.Add(time.Minute)
		l.must(os.Chtimes(l.path+name, back, back))
	}
	counting(t, "since", numbers(segments(t, r)), 30, 200)

	old := since.Add(-time.Hour)
	l.must(os.Chtimes(l.path+".3.gz", old, old))
	r = &fileReader{from: shellSources(t), q: hosts.LogQuery{Since: since}, src: fileSource(l.path)}
	counting(t, "what was last written before it is left out", numbers(segments(t, r)), 51, 200)

	l.must(os.Chtimes(l.path+".3.gz", since.Add(time.Second), since.Add(time.Second)))
	r = &fileReader{from: shellSources(t), q: hosts.LogQuery{Since: since, Grep: "n=15"}, src: fileSource(l.path)}
	if got := numbers(segments(t, r)); len(got) != 11 || got[0] != 150 || got[10] != 159 {
		counting(t, "with a text", got, 150, 159)
	}
}

// A file that is followed is put aside twice while its writer goes on for a moment.
func TestRotationWhileFollowed(t *testing.T) {
	t.Parallel()
	from := shellSources(t)
	l := newLogFile(t)
	l.write(5)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := Open(ctx, from, hosts.LogQuery{Sources: []hosts.LogSource{fileSource(l.path)}, Tail: 5, Follow: true})
	defer s.Close()
	var got []hosts.Entry
	until := func(n int) {
		t.Helper()
		for len(got) < n {
			b, err := s.Next(ctx)
			if err != nil {
				t.Fatalf("%v after %d lines of %d: %v", err, len(got), n, numbers(got))
			}
			got = append(got, b.Entries...)
		}
	}
	until(5)
	for range 2 {
		l.write(100)
		l.shift()
		l.write(7)
		l.reopen()
		l.write(100)
		until(l.n)
	}
	counting(t, "followed", numbers(got), 1, l.n)
}

func TestPlaceInAFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "big.log")
	start := time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for i := 0; b.Len() < 6<<20; i++ {
		fmt.Fprintf(&b, "%s n=%d %s\n", start.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i, strings.Repeat("x", 200))
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(b.Bytes(), []byte("\n"))
	for _, back := range []int{10, 10_000, 20_000} {
		r := &fileReader{from: shellSources(t), q: hosts.LogQuery{Since: start.Add(time.Duration(lines-back) * time.Second)}, src: fileSource(name)}
		if err := r.open(t.Context(), clock{}); err != nil {
			t.Fatal(err)
		}
		read := int64(b.Len()) - r.part.start
		r.close()
		if want := int64(back) * 240; read > 4*want+2<<20 {
			t.Errorf("%d bytes are read for %d", read, want)
		}
		r = &fileReader{from: r.from, q: r.q, src: r.src}
		counting(t, "since", numbers(segments(t, r)), lines-back, lines-1)
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("cksum"); err != nil {
		t.Skip("no cksum on this machine")
	}
	for _, text := range []string{"", "a", "123456789", strings.Repeat("midwatch\n", 1000)} {
		cmd := exec.Command("cksum")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want, _, _ := strings.Cut(string(out), " "); want != fmt.Sprint(cksum([]byte(text))) {
			t.Errorf("%.20q: %d, the command says %s", text, cksum([]byte(text)), want)
		}
	}
	if cksum([]byte("x")) == crc32.ChecksumIEEE([]byte("x")) {
		t.Error("that is another checksum")
	}
}
