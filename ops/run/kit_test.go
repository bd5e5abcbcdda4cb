package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/transport"
	"midwatch/ops"
	"midwatch/ops/audit"
	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// world is what a test runs in: hosts that are directories of this machine, reached as any host is.
type world struct {
	root string
	// wrap, when not nil, stands between a run and a host.
	wrap func(host string, c hosts.Conn) hosts.Conn
	prod map[string]bool
	now  func() time.Time
	mu   sync.Mutex
	defs []*deploy.Definition
}

func (w *world) hostDir(h string) string { return filepath.Join(w.root, hostName(h)) }

// path is a file of a host.
func (w *world) path(h, name string) string { return filepath.Join(w.hostDir(h), name) }

// operator is a person with a state directory, a gate and an audit log of their own.
type operator struct {
	*Runs
	gate  *ops.Manager
	audit string
	w     *world
}

func (w *world) operator(ctx context.Context, name string, tune func(*Params)) (*operator, error) {
	dir := filepath.Join(w.root, "operators", name)
	log, err := audit.Open(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		return nil, err
	}
	now := w.now
	if now == nil {
		now = time.Now
	}
	host := func(h string) (hosts.Host, bool) {
		return hosts.Host{Name: h, Production: w.prod[h]}, strings.HasPrefix(h, "h")
	}
	gate := ops.New(ops.Params{
		Context: ctx, Now: now, Audit: log, Who: name, From: name + "-laptop", Host: host,
		Containers: func(context.Context, string) (ops.Containers, error) { return nil, errors.New("none") },
	})
	local := transport.Open(ctx, transport.Target{Name: "local", Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
	conns := map[string]hosts.Conn{}
	var mu sync.Mutex
	p := Params{
		Context: ctx, Dir: filepath.Join(dir, "runs"), Local: local, Gate: gate, Host: host, Now: now, Who: name, From: name + "-laptop",
		Definitions: func(context.Context) ([]*deploy.Definition, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.defs, nil
		},
		Group: func(string) []string { return nil },
		Conn: func(_ context.Context, h string) (hosts.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if conns[h] == nil {
				conns[h] = transport.Open(ctx, transport.Target{Name: h, Kind: hosts.KindLocal}, transport.Params{Log: slog.New(slog.DiscardHandler)})
				if w.wrap != nil {
					conns[h] = w.wrap(h, conns[h])
				}
			}
			return conns[h], nil
		},
		RootOf: func(h string) string { return w.path(h, "midwatch") },
		Kinds:  map[string]step.Kind{"file": fileKind{}, "command": commandKind{}, "approve": approveKind{}, "gate": gateKind{}, "container": lateKind{}},
		Expand: w.expand,
		Text:   func(t deploy.Text, s Scope) (string, error) { return w.text(string(t), s), nil },
		Reveal: func(_ context.Context, _ *deploy.Definition, t deploy.Sensitive, s Scope) (hosts.Secret, error) {
			return hosts.NewSecret(w.text(string(t), s)), nil
		},
		Log: slog.New(slog.DiscardHandler),
	}
	if tune != nil {
		tune(&p)
	}
	return &operator{Runs: New(p), gate: gate, audit: filepath.Join(dir, "audit.jsonl"), w: w}, nil
}

// text puts the directory of a step's host, and outputs, into a text.
func (w *world) text(t string, s Scope) string {
	t = strings.ReplaceAll(t, "${dir}", w.hostDir(s.Host))
	for id, names := range s.Outputs {
		for name, byHost := range names {
			for _, v := range byHost {
				t = strings.ReplaceAll(t, "${"+id+"."+name+"}", v)
			}
		}
	}
	return t
}

func (w *world) expand(settings any, s Scope) (any, error) {
	switch v := settings.(type) {
	case *deploy.File:
		c := *v
		c.Dst, c.Content = deploy.Text(w.text(string(v.Dst), s)), deploy.Sensitive(w.text(string(v.Content), s))
		return &c, nil
	case *deploy.Command:
		c := *v
		c.Argv = nil
		for _, a := range v.Argv {
			c.Argv = append(c.Argv, deploy.Text(w.text(string(a), s)))
		}
		return &c, nil
	case *deploy.Gate:
		c := *v
		c.Checks = []deploy.Probe{{TCP: deploy.Text(w.text(string(v.Checks[0].TCP), s))}}
		return &c, nil
	case *deploy.Container:
		c := *v
		c.Name = deploy.Text(w.text(string(v.Name), s))
		return &c, nil
	}
	return settings, nil
}

// newWorld makes hosts.
func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	w := &world{root: t.TempDir(), prod: map[string]bool{}}
	for _, h := range append(names, "local") {
		if err := os.MkdirAll(w.hostDir(h), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// person is an operator of a test, who may change things.
func (w *world) person(t *testing.T, name string, tune func(*Params)) *operator {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o, err := w.operator(ctx, name, tune)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.Close(context.Background())
		o.gate.Close(context.Background())
		cancel()
	})
	if _, err := o.gate.Unlock("page 3141", time.Hour); err != nil {
		t.Fatal(err)
	}
	return o
}

func fileStep(id, on, dst, content string) deploy.Step {
	return deploy.Step{ID: id, Kind: "file", On: on, Settings: &deploy.File{Dst: deploy.Text("${dir}/" + dst), Content: deploy.Sensitive(content)}}
}

func commandStep(id, on, script string) deploy.Step {
	return deploy.Step{ID: id, Kind: "command", On: on, Settings: &deploy.Command{Argv: []deploy.Text{"sh", "-c", deploy.Text(script)}}}
}

func gateStep(id, on, file string) deploy.Step {
	return deploy.Step{ID: id, Kind: "gate", On: on, Gate: true, Settings: &deploy.Gate{Checks: []deploy.Probe{{TCP: deploy.Text("${dir}/" + file)}}}}
}

// definition is a deploy on hosts.
func (w *world) definition(hosts []string, steps ...deploy.Step) *deploy.Definition {
	d := &deploy.Definition{
		File: filepath.Join(w.root, "web.toml"), Digest: "d1", Name: "web", Env: "production", OnFailure: "offer-rollback",
		Targets: map[string]deploy.Target{"all": {Name: "all", Hosts: hosts}}, Steps: steps,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.defs = []*deploy.Definition{d}
	return d
}

// begin plans and starts.
func (o *operator) begin(t *testing.T, opt Options) string {
	t.Helper()
	p, err := o.Plan(t.Context(), "web", opt)
	if err != nil {
		t.Fatal(err)
	}
	id, err := o.Start(t.Context(), p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// until follows a run until its state is as wanted.
func (o *operator) until(t *testing.T, id string, want func(State) bool) State {
	t.Helper()
	var gen uint64
	for {
		st, g, err := o.Next(t.Context(), id, gen)
		if err != nil {
			t.Fatal(err)
		}
		if gen = g; want(st) {
			return st
		}
		if st.Phase.Ended() {
			t.Fatalf("it ended first: %s", describe(st))
		}
	}
}

func ended1(st State) bool { return st.Phase.Ended() }

// wait follows a run to its end, and waits until its driver has ended too.
func (o *operator) wait(t *testing.T, id string) State {
	t.Helper()
	d := o.driver(id)
	st := o.until(t, id, ended1)
	if d != nil {
		<-d.done
		st, _ = d.snapshot()
	}
	return st
}

func describe(st State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s: %s\n", st.ID, st.Kind, st.Phase, st.Note)
	for _, s := range st.Steps {
		fmt.Fprintf(&b, "  %-10s %-12s %s\n", s.ID, s.State, s.Line)
		for _, h := range s.Hosts {
			fmt.Fprintf(&b, "      %-6s %-12s try %d %s %s\n", h.Host, h.State, h.Try, h.Line, h.Note)
		}
	}
	for _, q := range st.Questions {
		fmt.Fprintf(&b, "  ? %s %s %q %q\n", q.ID, q.Step, q.Text, q.Choices)
	}
	for _, l := range st.Warnings {
		fmt.Fprintf(&b, "  ! %s\n", l)
	}
	return b.String()
}

func (w *world) read(t *testing.T, host, name string) string {
	t.Helper()
	b, err := os.ReadFile(w.path(host, name))
	if errors.Is(err, os.ErrNotExist) {
		return "(none)"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// unlocked wants no lock on any host.
func (w *world) unlocked(t *testing.T, hosts ...string) {
	t.Helper()
	for _, h := range hosts {
		if left, _ := filepath.Glob(w.path(h, "midwatch/locks/*.json")); len(left) > 0 {
			t.Errorf("%s is locked: %v", h, left)
		}
	}
}

// cut is a way to a host that can be cut: what is under way is lost, and nothing new is begun.
type cut struct {
	hosts.Conn
	mu      sync.Mutex
	down    bool
	streams []hosts.Stream
}

func (c *cut) set(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = down
	for _, s := range c.streams {
		s.Close()
	}
	c.streams = nil
}

func (c *cut) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

var errCut = fmt.Errorf("h1: %w: the cable is out", hosts.ErrUnreached)

func (c *cut) Run(ctx context.Context, cmd hosts.Cmd) (hosts.Result, error) {
	if c.broken() {
		return hosts.Result{}, errCut
	}
	res, err := c.Conn.Run(ctx, cmd)
	if c.broken() { // it happened, and nobody hears of it
		return hosts.Result{}, errCut
	}
	return res, err
}

func (c *cut) Stream(ctx context.Context, cmd hosts.Cmd) (hosts.Stream, error) {
	if c.broken() {
		return nil, errCut
	}
	s, err := c.Conn.Stream(ctx, cmd)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.streams = append(c.streams, s)
	}
	return s, err
}

func (c *cut) Upload(ctx context.Context, path string, mode uint32, r io.Reader) error {
	if c.broken() {
		return errCut
	}
	err := c.Conn.Upload(ctx, path, mode, r)
	if c.broken() {
		return errCut
	}
	return err
}
