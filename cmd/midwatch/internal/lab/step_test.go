//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// stage is what a kind of step works with, on a host of the lab; the engine is not there, the host is.
type stage struct {
	*step.Env
	t    *testing.T
	lab  *Lab
	host string

	mu    sync.Mutex // guards what Emit and Ask write
	said  []string
	notes []string
	asked []step.Question
	reply step.Answer
}

// stage opens a host for a kind, as user root.
func (l *Lab) stage(t *testing.T, host string, settings any) *stage {
	t.Helper()
	return l.stageAs(t, host, transport.Target{Name: host, Kind: hosts.KindSSH, Alias: host, SSHConfig: l.Path("ssh_config"), Sudo: transport.SudoRoot}, settings)
}

func (l *Lab) stageAs(t *testing.T, host string, target transport.Target, settings any) *stage {
	t.Helper()
	params := transport.Params{Log: slog.New(slog.DiscardHandler)}
	conn := transport.Open(t.Context(), target, params)
	t.Cleanup(func() { _ = conn.Close() })
	local := transport.Open(t.Context(), transport.Target{Name: "desk", Kind: hosts.KindLocal}, params)
	t.Cleanup(func() { _ = local.Close() })
	dir := strings.TrimSpace(l.Exec(t, host, "mktemp", "-d"))
	after(t, l.execArgv(t, host, "rm", "-rf", dir)...)
	s := &stage{t: t, lab: l, host: host}
	files := &hostFiles{lab: l, t: t, host: host, dir: dir}
	began := time.Now()
	s.Env = &step.Env{
		Run: "lab1", Step: "it", Try: 1, Settings: settings, Host: host, Conn: conn, Local: local, Base: t.TempDir(), Sudo: true,
		Store: files, Jobs: &hostJobs{conn: conn, t: t, dir: dir}, Now: time.Now, Outputs: map[string]string{},
		Started: func(string) time.Time { return began },
		Output:  func(string, string) {},
		Vars:    func(string) string { return "" },
		HTTP:    step.NewWeb((&net.Dialer{}).DialContext, nil),
		Reveal: func(_ context.Context, v deploy.Sensitive) (hosts.Secret, error) {
			return hosts.NewSecret(string(v)), nil
		},
		Ask: func(_ context.Context, q step.Question) (step.Answer, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = append(s.asked, q)
			return s.reply, nil
		},
		Emit: func(o step.Output) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if o.Line != "" {
				s.said = append(s.said, o.Line)
			}
			if o.Note != "" {
				s.notes = append(s.notes, o.Note)
			}
		},
	}
	return s
}

// as is a login of a host that may do what sudo lets it without a password.
func (l *Lab) as(user, host string) transport.Target {
	return transport.Target{Name: host, Kind: hosts.KindSSH, Alias: host, User: user, SSHConfig: l.Path("ssh_config"), Sudo: transport.SudoNoPasswd}
}

// heard is everything the step has said.
func (s *stage) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "notes:\n  " + strings.Join(s.notes, "\n  ") + "\noutput:\n  " + strings.Join(s.said, "\n  ")
}

func kind(t *testing.T, name string) step.Kind {
	t.Helper()
	k := step.Kinds()[name]
	if k == nil {
		t.Fatalf("no kind %s", name)
	}
	return k
}

// record takes the record of a step.
func (s *stage) record(k step.Kind) step.Undo {
	s.t.Helper()
	u, err := k.Record(s.t.Context(), s.Env)
	if err != nil {
		s.t.Fatalf("record: %v", err)
	}
	return u
}

// forward plans, records, acts and verifies; the step must be seen to be done.
func (s *stage) forward(k step.Kind) step.Undo {
	s.t.Helper()
	if c, err := k.Plan(s.t.Context(), s.Env); err != nil {
		s.t.Fatalf("plan: %v", err)
	} else {
		s.t.Logf("plan: %q, back %q", c.Lines, c.BackLines)
	}
	u := s.record(k)
	if err := k.Act(s.t.Context(), s.Env, u); err != nil {
		s.t.Fatalf("act: %v\n%s", err, s.heard())
	}
	seen, err := k.Verify(s.t.Context(), s.Env, u)
	if err != nil || !seen.OK {
		s.t.Fatalf("verify: %+v, %v\n%s", seen, err, s.heard())
	}
	s.t.Logf("seen: %s", seen.Line)
	return u
}

// fails runs a step that must not be done: its words, from acting or from looking.
func (s *stage) fails(k step.Kind) (step.Undo, string) {
	s.t.Helper()
	u := s.record(k)
	if err := k.Act(s.t.Context(), s.Env, u); err != nil {
		return u, s.oneLine(err.Error())
	}
	seen, err := k.Verify(s.t.Context(), s.Env, u)
	if err != nil {
		return u, s.oneLine(err.Error())
	}
	if seen.OK {
		s.t.Fatalf("the step is said to be done: %+v\n%s", seen, s.heard())
	}
	return u, s.oneLine(seen.Line)
}

func (s *stage) oneLine(text string) string {
	s.t.Helper()
	if strings.Contains(text, "\n") {
		s.t.Errorf("more than one line: %q", text)
	}
	s.t.Logf("failed: %s", text)
	return text
}

// back takes a step back; it must be seen to be gone.
func (s *stage) back(k step.Kind, u step.Undo) {
	s.t.Helper()
	s.Undoing = true
	if err := k.Undo(s.t.Context(), s.Env, u); err != nil {
		s.t.Fatalf("undo: %v\n%s", err, s.heard())
	}
	seen, err := k.Undone(s.t.Context(), s.Env, u)
	if err != nil || !seen.OK {
		s.t.Fatalf("undone: %+v, %v\n%s", seen, err, s.heard())
	}
	s.t.Logf("undone: %s", seen.Line)
}

// hostFiles is a Store on a host, written behind midwatch's back.
type hostFiles struct {
	lab       *Lab
	t         *testing.T
	host, dir string
}

func (f *hostFiles) Dir() string { return f.dir }

func (f *hostFiles) Put(ctx context.Context, name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, err = try(ctx, f.lab.execArgv(f.t, f.host, "sh", "-c", `printf %s "$1" | base64 -d >"$2"`, "sh", b64(b), f.dir+"/"+name)...)
	return err
}

func (f *hostFiles) Get(ctx context.Context, name string) ([]byte, error) {
	out, err := try(ctx, f.lab.execArgv(f.t, f.host, "cat", f.dir+"/"+name)...)
	return []byte(out), err
}

// hostJobs runs jobs over the connection and keeps their logs and ends. It is no way to survive anything:
// what detaches jobs is the engine's, and tested there.
type hostJobs struct {
	conn hosts.Conn
	t    *testing.T
	dir  string

	mu   sync.Mutex
	logs map[string]string
	ends map[string]int
}

func (j *hostJobs) Run(ctx context.Context, name string, job step.Job, line func(string, bool)) (int, error) {
	j.mu.Lock()
	if exit, ok := j.ends[name]; ok {
		j.mu.Unlock()
		return exit, nil
	}
	j.mu.Unlock()
	argv := job.Argv
	if job.Dir != "" {
		argv = append([]string{"sh", "-c", `cd -- "$1" && shift && exec "$@"`, "sh", job.Dir}, argv...)
	}
	argv = append([]string{"sh", "-c", `exec "$@" 2>&1`, "sh"}, argv...)
	r, err := j.conn.Run(ctx, hosts.Cmd{Argv: argv, Env: job.Env, Sudo: job.Sudo, Timeout: 5 * time.Minute})
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(r.Stdout)) {
		line(strings.TrimRight(l, "\n"), false)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ends == nil {
		j.logs, j.ends = map[string]string{}, map[string]int{}
	}
	j.logs[name], j.ends[name] = string(r.Stdout), r.Exit
	return r.Exit, nil
}

func (j *hostJobs) Find(_ context.Context, name string) (step.Progress, int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if exit, ok := j.ends[name]; ok {
		return step.Ended, exit, nil
	}
	return step.NotStarted, 0, nil
}

func (j *hostJobs) Stop(context.Context, string) error {
	return errors.New("no job of this test is stopped")
}

func (j *hostJobs) Log(_ context.Context, name string, limit int64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	log, ok := j.logs[name]
	if !ok {
		return nil, fmt.Errorf("no job %s", name)
	}
	return []byte(log[max(0, len(log)-int(limit)):]), nil
}
