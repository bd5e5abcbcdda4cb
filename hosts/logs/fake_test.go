package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/docker"
)

// script is a source that does what a test says, one step after another. Steps run in the order
// written; each open of the source goes on where the last one stopped.
type script struct {
	mu    sync.Mutex
	steps []step
	opens []docker.LogOptions
	argvs [][]string
	notes string // standard error of the rights question
	said  string // standard output of the same
	asked int
}

type step struct {
	after time.Duration
	line  string
	at    time.Time
	fail  error // ends the connection with this error, io.EOF included
	open  error // refuses to be opened
	exit  hosts.Result
	panic bool
	gap   bool
}

func (s *script) pop() (step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) == 0 {
		return step{}, false
	}
	st := s.steps[0]
	s.steps = s.steps[1:]
	return st, true
}

func (s *script) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) > 0 && s.steps[0].open != nil {
		err := s.steps[0].open
		s.steps = s.steps[1:]
		return err
	}
	return nil
}

// sources serves every container and journal of every host from scripts by "host/name".
func sources(scripts map[string]*script) Sources {
	find := func(host, name string) (*script, error) {
		if s, ok := scripts[host+"/"+name]; ok {
			return s, nil
		}
		return nil, fmt.Errorf("no script for %s/%s", host, name)
	}
	return Sources{
		Container: func(ctx context.Context, host, name string, o docker.LogOptions) (LineReader, error) {
			s, err := find(host, name)
			if err != nil {
				return nil, err
			}
			s.mu.Lock()
			s.opens = append(s.opens, o)
			s.mu.Unlock()
			if err := s.refusal(); err != nil {
				return nil, err
			}
			return &scriptLines{ctx: ctx, s: s}, nil
		},
		Runner: func(_ context.Context, host string) (Runner, error) {
			return scriptRunner{func(name string) (*script, error) { return find(host, name) }}, nil
		},
	}
}

type scriptLines struct {
	ctx context.Context
	s   *script
	n   int
}

func (l *scriptLines) Next() (docker.LogLine, error) {
	st, ok := l.s.pop()
	if !ok {
		<-l.ctx.Done()
		return docker.LogLine{}, l.ctx.Err()
	}
	if err := pause(l.ctx, st.after); err != nil {
		return docker.LogLine{}, err
	}
	if st.panic {
		panic("scripted")
	}
	if st.fail != nil {
		return docker.LogLine{}, st.fail
	}
	l.n++
	at := st.at
	if at.IsZero() {
		at = time.Now()
	}
	return docker.LogLine{Time: at, Text: st.line, Cursor: docker.LogCursor{At: at, N: 1}, Gap: st.gap}, nil
}

func (*scriptLines) Close() error { return nil }

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scriptRunner is a host whose journalctl is scripted by unit ("" for the whole journal).
type scriptRunner struct {
	find func(string) (*script, error)
}

func (r scriptRunner) unit(argv []string) string {
	for _, a := range argv {
		if u, ok := strings.CutPrefix(a, "--unit="); ok {
			return u
		}
	}
	return ""
}

func (r scriptRunner) Run(_ context.Context, c hosts.Cmd) (hosts.Result, error) {
	s, err := r.find("rights")
	if c.Argv[0] == "sh" {
		s, err = r.find("clock")
	}
	if err != nil {
		return hosts.Result{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return hosts.Result{Stderr: []byte(s.notes), Stdout: []byte(s.said)}, nil
}

func (r scriptRunner) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	s, err := r.find(r.unit(c.Argv))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.argvs = append(s.argvs, c.Argv)
	s.mu.Unlock()
	if err := s.refusal(); err != nil {
		return nil, err
	}
	return &scriptStream{ctx: ctx, s: s}, nil
}

type scriptStream struct {
	ctx  context.Context
	s    *script
	rest []byte
	res  hosts.Result
	err  error
}

func (t *scriptStream) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		st, ok := t.s.pop()
		if !ok {
			<-t.ctx.Done()
			return 0, t.ctx.Err()
		}
		if err := pause(t.ctx, st.after); err != nil {
			return 0, err
		}
		if st.fail != nil {
			t.res = st.exit
			if !errors.Is(st.fail, io.EOF) {
				t.err = st.fail
			}
			return 0, io.EOF
		}
		t.rest = []byte(st.line + "\n")
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *scriptStream) Wait() (hosts.Result, error) { return t.res, t.err }
func (*scriptStream) Close() error                  { return nil }

// got is everything a stream delivered.
type got struct {
	texts   []string
	entries []hosts.Entry
	batches int
	dropped uint64
	done    bool
	states  map[string][]string // by source name, each change once: "state: reason"
	status  map[string]hosts.LogStatus
}

// collect reads until the stream is done, or for d.
func collect(t *testing.T, s hosts.LogStream, d time.Duration) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	g := got{states: map[string][]string{}, status: map[string]hosts.LogStatus{}}
	for !g.done {
		b, err := s.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Next: %v", err)
			}
			return g
		}
		g.batches++
		g.dropped += b.Dropped
		g.done = b.Done
		g.entries = append(g.entries, b.Entries...)
		for _, e := range b.Entries {
			g.texts = append(g.texts, e.Text)
		}
		for _, st := range b.Status {
			name := st.Source.Name
			g.status[name] = st
			say := st.State
			if st.Reason != "" {
				say += ": " + st.Reason
			}
			if l := g.states[name]; len(l) == 0 || l[len(l)-1] != say {
				g.states[name] = append(l, say)
			}
		}
	}
	return g
}

func container(host, name string) hosts.LogSource {
	return hosts.LogSource{Host: host, Kind: hosts.LogContainer, Name: name}
}

func unit(host, name string) hosts.LogSource {
	return hosts.LogSource{Host: host, Kind: hosts.LogUnit, Name: name}
}
