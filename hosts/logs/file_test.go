package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestLineTime(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	at := func(h, m, s, ms int, z *time.Location) time.Time {
		return time.Date(2026, 11, 29, h, m, s, ms*1e6, z)
	}
	for line, want := range map[string]time.Time{
		"2026-11-29T05:08:03.123Z INFO up":                                    at(5, 8, 3, 123, time.UTC),
		"2026-11-29 05:08:03,120 WARN slow":                                   at(5, 8, 3, 120, berlin),
		"2026-11-29 05:08:03.5 +0200 x":                                       at(3, 8, 3, 500, time.UTC),
		"2026-11-29T05:08:03-05:00 x":                                         at(10, 8, 3, 0, time.UTC),
		"[2026-11-29 05:08:03] boot":                                          at(5, 8, 3, 0, berlin),
		"2026/11/29 05:08:03 [error] 12#12: *1 connect() failed":              at(5, 8, 3, 0, berlin),
		`203.0.113.7 - - [29/Nov/2026:05:08:03 +0000] "GET / HTTP/1.1" 200 5`: at(5, 8, 3, 0, time.UTC),
		`{"level":"info","time":"2026-11-29T05:08:03Z","msg":"x"}`:            at(5, 8, 3, 0, time.UTC),
		`{"timestamp": "2026-11-29T05:08:03.25Z"}`:                            at(5, 8, 3, 250, time.UTC),
	} {
		if got, ok := lineTime([]byte(line), berlin, nil); !ok || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", line, got, ok, want)
		}
	}
	for _, line := range []string{"", "\tat java.lang.Thread.run", "2026-13-29 05:08:03 x", "2026-11-29", "[notice] x", `{"time":1}`, "29/Nov/2026"} {
		if got, ok := lineTime([]byte(line), berlin, nil); ok {
			t.Errorf("%q has the time %v", line, got)
		}
	}
}

func FuzzLineTime(f *testing.F) {
	f.Add([]byte("2026-11-29T05:08:03.123Z x"))
	f.Add([]byte(`1 [29/Nov/2026:05:08:03 +0000]`))
	f.Fuzz(func(_ *testing.T, line []byte) { lineTime(line, time.UTC, nil) })
}

// shell runs the commands of a Runner on this machine.
type shell struct{}

func (sh shell) Run(ctx context.Context, c hosts.Cmd) (hosts.Result, error) {
	st, err := sh.Stream(ctx, c)
	if err != nil {
		return hosts.Result{}, err
	}
	out, err := io.ReadAll(st)
	if err != nil {
		return hosts.Result{}, err
	}
	res, err := st.Wait()
	res.Stdout = out
	return res, err
}

func (shell) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	cmd.WaitDelay = time.Second
	p := &process{cmd: cmd, cancel: cancel}
	cmd.Stderr = &p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p.out = out
	return p, cmd.Start()
}

type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	out    io.Reader
	stderr bytes.Buffer
	ended  bool
}

func (p *process) Read(b []byte) (int, error) { return p.out.Read(b) }
func (p *process) Wait() (hosts.Result, error) {
	p.ended = true
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return hosts.Result{}, err
	}
	return hosts.Result{Exit: p.cmd.ProcessState.ExitCode(), Stderr: p.stderr.Bytes()}, nil
}

func (p *process) Close() error {
	p.cancel()
	if !p.ended {
		p.ended = true
		_ = p.cmd.Wait()
	}
	return nil
}

func shellSources(t *testing.T) Sources {
	t.Helper()
	for _, name := range []string{"sh", "tail", "wc", "ls"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("no %s on this machine", name)
		}
	}
	return Sources{Runner: func(context.Context, string) (Runner, error) { return shell{}, nil }}
}

func fileSource(name string) hosts.LogSource {
	return hosts.LogSource{Host: "h", Kind: hosts.LogFile, Name: name}
}

// readPart takes everything a reader gives until the end of its stream; again says that it goes on with
// another file.
func readPart(t *testing.T, r *fileReader, out *[]hosts.Entry) (again bool, err error) {
	t.Helper()
	if err := r.open(t.Context(), clock{}); err != nil {
		return false, err
	}
	defer r.close()
	for {
		e, err := r.next()
		switch {
		case errors.Is(err, errAgain):
			return true, nil
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		}
		*out = append(*out, e)
	}
}

func readAll(t *testing.T, r *fileReader) ([]string, error) {
	t.Helper()
	var list []hosts.Entry
	_, err := readPart(t, r, &list)
	var out []string
	for _, e := range list {
		out = append(out, e.Text)
	}
	return out, err
}

func TestFileIsReadAndGoneOnWith(t *testing.T) {
	t.Parallel()
	from := shellSources(t)
	name := filepath.Join(t.TempDir(), "app 'log'.txt")
	write := func(flag int, text string) {
		f, err := os.OpenFile(name, flag|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	write(os.O_TRUNC, b.String())
	r := &fileReader{from: from, q: hosts.LogQuery{Tail: 3}, src: fileSource(name)}
	check := func(what string, want ...string) {
		t.Helper()
		got, err := readAll(t, r)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %q, %v; want %q", what, got, err, want)
		}
	}
	check("the last three", "line 297", "line 298", "line 299")
	check("nothing new")
	write(os.O_APPEND, "more\nand more\n")
	check("what was appended", "more", "and more")
	write(os.O_TRUNC, "short\n")
	check("a file that shrank", "gap: the file was truncated or replaced, and what it held behind the place that reading had come to is not there", "short")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, r); !errors.Is(err, errNoFile) {
		t.Errorf("a file that is gone: %v", err)
	}
	if _, err := readAll(t, &fileReader{from: from, src: fileSource(filepath.Dir(name))}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

func TestFileBetweenTwoMoments(t *testing.T) {
	t.Parallel()
	from := shellSources(t)
	name := filepath.Join(t.TempDir(), "error.log")
	text := "2026/11/29 05:00:00 a\n2026/11/29 05:10:00 b\n  of b\n2026/11/29 05:20:00 c\n2026/11/29 05:30:00 d\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(h, m int) time.Time { return time.Date(2026, 11, 29, h, m, 0, 0, time.UTC) }
	got, err := readAll(t, &fileReader{from: from, src: fileSource(name), q: hosts.LogQuery{Since: at(5, 5), Until: at(5, 25)}})
	want := []string{"2026/11/29 05:10:00 b", "  of b", "2026/11/29 05:20:00 c"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestFileIsFollowed(t *testing.T) {
	t.Parallel()
	from := shellSources(t)
	name := filepath.Join(t.TempDir(), "x.log")
	if err := os.WriteFile(name, []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := Open(ctx, from, hosts.LogQuery{Sources: []hosts.LogSource{fileSource(name)}, Tail: 1, Follow: true})
	defer s.Close()
	var got []string
	grown := false
	for len(got) < 2 {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		for _, e := range b.Entries {
			got = append(got, e.Text)
		}
		if len(got) == 1 && !grown {
			grown = true
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = f.WriteString("three\n")
			_ = f.Close()
		}
	}
	if !slices.Equal(got, []string{"two", "three"}) {
		t.Errorf("%q", got)
	}
}
