package step

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"midwatch/hosts"
)

// dirStore is a Store in a directory.
type dirStore struct{ dir string }

func (s *dirStore) Dir() string { return s.dir }
func (s *dirStore) Put(_ context.Context, name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	p := filepath.Join(s.dir, name)
	i, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	st := i.Sys().(*syscall.Stat_t)
	return errors.Join(os.WriteFile(p, b, 0o600), os.Chown(p, int(st.Uid), int(st.Gid)))
}

func (s *dirStore) Get(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, name))
}

// dirJobs are real processes with a log and an exit status in files.
type dirJobs struct {
	dir     string
	conn    hosts.Conn
	mu      sync.Mutex
	running map[string]*exec.Cmd
	had     map[string]int // lines given
	started []string
	jobs    []Job
	as      func(Job) []string
}

func (d *dirJobs) file(name, what string) string { return filepath.Join(d.dir, name+"."+what) }

func (d *dirJobs) Run(ctx context.Context, name string, j Job, line func(string, bool)) (int, error) {
	if p, _, err := d.Find(ctx, name); err != nil {
		return 0, err
	} else if p == NotStarted {
		if err := d.start(name, j); err != nil {
			return 0, err
		}
	}
	for {
		p, exit, err := d.Find(ctx, name)
		if err != nil {
			return 0, err
		}
		if p == Ended {
			b, _ := d.Log(ctx, name, 1<<30)
			lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
			d.mu.Lock()
			from := d.had[name]
			d.had[name] = len(lines)
			d.mu.Unlock()
			for _, l := range lines[min(from, len(lines)):] {
				line(l, false)
			}
			return exit, nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func (d *dirJobs) start(name string, j Job) error {
	if d.as != nil {
		j.Argv = d.as(j)
	}
	c := exec.Command(j.Argv[0], j.Argv[1:]...)
	c.Dir, c.Env = j.Dir, os.Environ()
	for k, v := range j.Env {
		c.Env = append(c.Env, k+"="+v)
	}
	for k, v := range j.Secret {
		c.Env = append(c.Env, k+"="+v.Reveal())
	}
	c.Stdin = strings.NewReader(j.Stdin.Reveal())
	log, err := os.Create(d.file(name, "log"))
	if err != nil {
		return err
	}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d.mu.Lock()
	d.started = append(d.started, name)
	d.jobs = append(d.jobs, j)
	d.running[name] = c
	d.mu.Unlock()
	rc := "127"
	if err := c.Start(); err != nil {
		fmt.Fprintln(log, err)
		_ = log.Close()
		return os.WriteFile(d.file(name, "rc"), []byte(rc), 0o600)
	}
	go func() {
		_ = c.Wait()
		_ = log.Close()
		_ = os.WriteFile(d.file(name, "rc.tmp"), []byte(fmt.Sprint(c.ProcessState.ExitCode())), 0o600)
		_ = os.Rename(d.file(name, "rc.tmp"), d.file(name, "rc"))
	}()
	return nil
}

func (d *dirJobs) Find(_ context.Context, name string) (Progress, int, error) {
	if b, err := os.ReadFile(d.file(name, "rc")); err == nil {
		var exit int
		_, err = fmt.Sscan(string(b), &exit)
		return Ended, exit, err
	}
	if _, err := os.Stat(d.file(name, "log")); err == nil {
		return Running, 0, nil
	}
	return NotStarted, 0, nil
}

func (d *dirJobs) Stop(ctx context.Context, name string) error {
	d.mu.Lock()
	c := d.running[name]
	d.mu.Unlock()
	if c == nil || c.Process == nil {
		return nil
	}
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	for {
		if p, _, _ := d.Find(ctx, name); p == Ended {
			return nil
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

func (d *dirJobs) Log(_ context.Context, name string, limit int64) ([]byte, error) {
	b, err := os.ReadFile(d.file(name, "log"))
	if int64(len(b)) > limit {
		b = b[int64(len(b))-limit:]
	}
	return b, err
}
