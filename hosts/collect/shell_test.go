package collect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"midwatch/hosts"
)

// shell is a Conn that runs commands on this machine with the given shell, as the real transports
// do on a host.
type shell struct {
	argv  []string // "sh" is replaced by this
	path  string   // PATH; "" for that of the test
	sudo  error    // what a command with Sudo gets
	mu    sync.Mutex
	calls int
}

func (s *shell) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	if c.Sudo && s.sudo != nil {
		return nil, s.sudo
	}
	argv := c.Argv
	if argv[0] == "sh" && len(s.argv) > 0 {
		argv = append(append([]string{}, s.argv...), argv[1:]...)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // a test
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Stdin = c.Stdin
	if s.path != "" {
		cmd.Env = []string{"PATH=" + s.path}
	}
	p := &process{cmd: cmd, cancel: cancel, ctx: ctx}
	cmd.Stderr = &p.stderr
	r, w, err := os.Pipe()
	if err != nil {
		cancel()
		return nil, err
	}
	cmd.Stdout, cmd.WaitDelay = w, time.Second
	p.out = r
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	_ = w.Close()
	p.stop = context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	return p, nil
}

type process struct {
	cmd    *exec.Cmd
	ctx    context.Context //nolint:containedctx // the life of one process
	cancel func()
	stop   func() bool
	out    *os.File
	stderr bytes.Buffer
	once   sync.Once
	res    hosts.Result
	err    error
}

func (p *process) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil && p.ctx.Err() != nil {
		err = p.ctx.Err()
	}
	return n, err
}

func (p *process) Wait() (hosts.Result, error) {
	p.once.Do(func() {
		err := p.cmd.Wait()
		var ee *exec.ExitError
		if err != nil && !errors.As(err, &ee) {
			p.err = err
		}
		p.res.Exit = p.cmd.ProcessState.ExitCode()
		p.res.Stderr = p.stderr.Bytes()
	})
	return p.res, p.err
}

func (p *process) Close() error {
	p.cancel()
	_, _ = p.Wait()
	return p.out.Close()
}

func (*shell) Run(context.Context, hosts.Cmd) (hosts.Result, error) {
	return hosts.Result{}, errors.New("not used")
}

func (*shell) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("not used")
}

func (*shell) Upload(context.Context, string, uint32, io.Reader) error {
	return errors.New("not used")
}
func (*shell) Close() error { return nil }

// shells are those on this machine that can run a batch. busybox comes with its own tools in front
// of all others, as on a host that has nothing else.
func shells(t *testing.T) map[string]*shell {
	t.Helper()
	all := map[string]*shell{}
	for name, argv := range map[string][]string{
		"sh": {"sh"}, "dash": {"dash"}, "bash": {"bash"}, "busybox": {"busybox", "sh"},
	} {
		full, err := exec.LookPath(argv[0])
		if err != nil {
			continue
		}
		all[name] = &shell{argv: append([]string{full}, argv[1:]...)}
		if name == "busybox" {
			all[name].path = t.TempDir()
			if err := exec.CommandContext(t.Context(), full, "--install", "-s", all[name].path).Run(); err != nil {
				delete(all, name)
			}
		}
	}
	if len(all) == 0 {
		t.Skip("no POSIX shell on this machine")
	}
	return all
}

func run(t *testing.T, c hosts.Conn, sections []Section) ([]Answer, error) {
	t.Helper()
	var out []Answer
	r := NewRunner(Params{Host: "here", Conn: c, Now: time.Now, Grace: time.Second})
	err := r.Run(t.Context(), sections, func(a Answer) { out = append(out, a) })
	return out, err
}

// script is a section that runs s.
func script(id, s string) Section {
	return Section{ID: id, Source: id, Script: s, Limit: time.Second}
}

func byID(answers []Answer) map[string]Answer {
	m := map[string]Answer{}
	for _, a := range answers {
		m[a.Section.ID] = a
	}
	return m
}

func TestRunReadsThisMachine(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/loadavg"); err != nil {
		t.Skip("no /proc on this machine")
	}
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers, err := run(t, sh, All())
			if err != nil {
				t.Fatal(err)
			}
			var f hosts.HostFacts
			for _, a := range answers {
				if !Apply(&f, a.Evidence) {
					t.Errorf("%s: not applied", a.Evidence.Collector)
				}
			}
			s := f.System.Value
			if f.System.Standing() != hosts.Fresh || s.MemTotal == 0 || s.Uptime == 0 || s.Arch == "" || s.CPUs == 0 {
				t.Errorf("system: %s %+v", f.System.Reason, s)
			}
			if s.ClockOffset.Abs() > s.ClockError || s.ClockError == 0 || s.ClockError > time.Minute {
				t.Errorf("our own clock is off by %v ± %v", s.ClockOffset, s.ClockError)
			}
			if len(f.Disks.Value) == 0 {
				t.Errorf("no disks: %+v", f.Disks)
			}
			if !f.Units.Known() {
				t.Errorf("units: %s", f.Units.Reason)
			}
		})
	}
}

// A section that hangs, floods, fails or ends the shell loses nothing but itself.
func TestRunSectionsFailAlone(t *testing.T) {
	t.Parallel()
	for name, sh := range shells(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sections := []Section{
				script("one", "echo 1"),
				script("hang", "sleep 600"),
				script("two", "echo 2"),
				script("flood", "yes"),
				script("three", "printf 3"),
				script("fail", "echo careful >&2; echo no disk in drive >&2; exit 4"),
				script("half", "echo some; echo rest not permitted >&2; exit 1"),
				script("exit", "exit 0"),
				script("stdin", "cat; echo end"),
				{ID: "plain", Script: "exit 7", Plain: true},
				script("four", "echo 4"),
			}
			answers, err := run(t, sh, sections)
			if err != nil {
				t.Fatal(err)
			}
			got := byID(answers)
			if len(answers) != len(sections) || len(got) != len(sections) {
				t.Fatalf("%d answers for %d sections", len(answers), len(sections))
			}
			for id, want := range map[string]string{
				"one": "1\n", "two": "2\n", "three": "3", "exit": "", "stdin": "end\n", "four": "4\n", "half": "some\n",
			} {
				if ev := got[id].Evidence; string(ev.Data) != want || ev.Error != "" {
					t.Errorf("%s: %q, error %q", id, ev.Data, ev.Error)
				}
			}
			for id, want := range map[string]string{
				"hang": "no answer within", "flood": "more than", "fail": "no disk in drive", "plain": "exit 7",
			} {
				if a := got[id]; !strings.Contains(a.Evidence.Error, want) || !a.Sick {
					t.Errorf("%s: error %q, sick %v", id, a.Evidence.Error, a.Sick)
				}
			}
			if n := got["half"].Evidence.Needs; n != "partly: rest not permitted" {
				t.Errorf("half: needs %q", n)
			}
			if n := len(got["flood"].Evidence.Data); n > DefaultMax {
				t.Errorf("flood kept %d bytes", n)
			}
		})
	}
}

// What cannot be seen is not said to be missing.
func TestGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed")
	if err := os.MkdirAll(filepath.Join(closed, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("a: b"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) }) //nolint:gosec // so that it can be removed
	for name, sh := range shells(t) {
		for path, want := range map[string]string{
			there: "here", filepath.Join(dir, "no"): "gone", filepath.Join(dir, "no/no/no"): "gone", "/no-such-folder/x": "gone",
			filepath.Join(closed, "in/x"): "here",
		} {
			if os.Getuid() == 0 && strings.HasPrefix(path, closed) {
				continue // root may search every folder
			}
			got, err := run(t, sh, []Section{script("x", shellGone+"if mw_gone "+quote(path)+"; then echo gone; else echo here; fi")})
			if err != nil || strings.TrimSpace(string(got[0].Evidence.Data)) != want {
				t.Errorf("%s: %s is %q, %v", name, path, got[0].Evidence.Data, err)
			}
		}
	}
}

// The compose section on real files.
func TestRunCompose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "my compose.yml")
	if err := os.WriteFile(file, []byte("services:\n  web:\n    image: a\n    environment:\n      A: s3ntinel\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var f hosts.HostFacts
	c := composeContainer("web", "web", "a", time.Now().Add(time.Hour))
	c.Labels[labelFiles] = file + "," + filepath.Join(dir, "gone.yml")
	f.Containers = hosts.Read([]hosts.Container{c}, "", time.Now())
	for name, sh := range shells(t) {
		s := composeSection()
		s.Script = s.Make(&f)
		got, err := run(t, sh, []Section{s})
		if err != nil {
			t.Fatal(err)
		}
		Apply(&f, got[0].Evidence)
		p := f.Compose.Value
		if len(p) != 1 || len(p[0].Files) != 2 || p[0].Files[1].Error != "missing" || p[0].Files[0].MTime.IsZero() ||
			!strings.Contains(p[0].Files[0].Text, "A: \""+hosts.Dots+"\"") || len(p[0].Drift) != 1 {
			t.Errorf("%s: %s %+v", name, f.Compose.Reason, p)
		}
		if strings.Contains(string(got[0].Evidence.Data), "s3ntinel") {
			t.Errorf("%s: the evidence holds a secret", name)
		}
	}
}

// An nginx of another name with another configuration is asked as the inventory says.
func TestNginxOfAnotherName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := filepath.Join(dir, "it's nginx")
	fake := `#!/bin/sh
case "$*" in
-v) echo 'nginx version: nginx/1.22.1' >&2;;
"-c /etc/own conf -t") echo "test is successful" >&2;;
"-c /etc/own conf -T") echo '# configuration file /etc/own conf:'; echo 'events {} http { server { listen 8123; } }';;
*) echo "asked $*" >&2; exit 9;;
esac
`
	if err := os.WriteFile(binary, []byte(fake), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	for name, sh := range shells(t) {
		got, err := run(t, sh, []Section{NginxSection(binary, "/etc/own conf")})
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %d answers", name, err, len(got))
		}
		f := &hosts.HostFacts{}
		got[0].Section.Apply(f, got[0].Evidence)
		if n := f.Nginx.Value; len(n) != 1 || n[0].Config == nil || !strings.Contains(n[0].Version, "1.22.1") {
			t.Errorf("%s: %+v of %s", name, f.Nginx, got[0].Evidence.Data)
		}
	}
}
