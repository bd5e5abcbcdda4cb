package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"midwatch/hosts"
)

// host is a fake Conn: it answers batches the way a shell does, after a delay, from canned sections.
type host struct {
	delay    time.Duration // one round trip
	mu       sync.Mutex
	sections map[string]string // what each prints; one that is missing prints nothing and fails
	hang     bool              // accepts commands and says nothing
	refuse   error
	flood    bool         // prints without end
	batches  atomic.Int32 // commands started as an ordinary user
	rooted   atomic.Int32 // and as root
}

func newHost(name string, delay time.Duration) *host {
	return &host{delay: delay, sections: map[string]string{
		"system": "/proc/uptime:100.00 1.0\n/proc/loadavg:0.50 0.40 0.30 1/100 42\n" +
			"/proc/meminfo:MemTotal:        1000 kB\n/proc/meminfo:MemAvailable:     250 kB\n",
		"identity":   "/proc/sys/kernel/hostname:" + name + "\narch:x86_64\ncpus:2\nuid:0\nuser:root\n",
		"unitstates": "ssh.service loaded active running OpenBSD Secure Shell server\n",
		"units":      "Id=ssh.service\nLoadState=loaded\nActiveState=active\nSubState=running\n",
		"disks":      "Filesystem Type 1-blocks Used Available Capacity Mounted on\n/dev/vda ext4 1000 500 500 50% /\n",
		"netdisks":   "\n",
		"addresses":  "1: lo    inet 127.0.0.1/8 scope host lo\n",
		"mounts":     "36 35 98:0 / / rw - ext4 /dev/sda1 rw\n",
		"unitenv":    "\n",
		"sockets":    "mw-sockets\n\nmw-processes\n",
		"compose":    "\n",
		"nginx":      "mw-absent nginx is not installed\n",
		"databases":  "mw-databases\n",
		"certs":      "\n",
		"code":       "mw-code\n",
		"symptoms":   "mw-symptoms\n",
	}}
}

func (h *host) set(id, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sections[id] = text
}

func (h *host) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	if c.Sudo {
		h.rooted.Add(1)
	} else {
		h.batches.Add(1)
	}
	h.mu.Lock()
	refuse, hang, flood := h.refuse, h.hang, h.flood
	h.mu.Unlock()
	if refuse != nil {
		return nil, refuse
	}
	script, err := io.ReadAll(c.Stdin)
	if err != nil {
		return nil, err
	}
	s := &answer{ctx: ctx, flood: flood}
	if hang {
		s.wait = make(chan time.Time)
	} else {
		s.wait = time.After(h.delay)
		s.rest = strings.NewReader(h.reply(string(script)))
	}
	return s, nil
}

// reply is what a shell prints for the batch.
func (h *host) reply(script string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	_, rest, _ := strings.Cut(script, "mw=")
	nonce, _, _ := strings.Cut(rest, "\n")
	fmt.Fprintf(&b, "\n%s start 100.00 %d.%09d yes\n", nonce, time.Now().Unix(), time.Now().Nanosecond())
	for line := range strings.Lines(script) {
		id, ok := strings.CutPrefix(strings.TrimSpace(line), "mw_b ")
		if !ok {
			continue
		}
		text, have := h.sections[id]
		exit := 0
		if !have {
			exit = 1
		}
		fmt.Fprintf(&b, "\n%s begin %s 100.00\n%s\n%s end %d 100.01\n", nonce, id, text, nonce, exit)
	}
	fmt.Fprintf(&b, "\n%s done 100.02\n", nonce)
	return b.String()
}

// answer is the stream of a fake command.
type answer struct {
	ctx   context.Context //nolint:containedctx // the life of one command
	wait  <-chan time.Time
	rest  io.Reader
	flood bool
	over  bool
}

func (a *answer) Read(p []byte) (int, error) {
	if !a.over {
		select {
		case <-a.ctx.Done():
			return 0, a.ctx.Err()
		case <-a.wait:
			a.over = true
		}
	}
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	if a.flood {
		<-time.After(20 * time.Millisecond) // fake time: printing takes some
		for i := range p {
			p[i] = 'y'
		}
		return len(p), nil
	}
	return a.rest.Read(p)
}

func (a *answer) Wait() (hosts.Result, error) { return hosts.Result{}, a.ctx.Err() }
func (a *answer) Close() error                { return nil }

func (*host) Run(context.Context, hosts.Cmd) (hosts.Result, error) {
	return hosts.Result{}, errors.New("not used")
}

func (*host) Dial(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("not used")
}

func (*host) Upload(context.Context, string, uint32, io.Reader) error {
	return errors.New("not used")
}
func (*host) Close() error { return nil }

// dock is a fake engine.
type dock struct {
	delay time.Duration
	mu    sync.Mutex
	list  []hosts.Container
	err   error
	hang  bool
	panic bool
	subs  []chan hosts.Event
	noEvs bool              // the stream is refused
	lag   time.Duration     // how long lists are behind the events
	stale []hosts.Container // what they say until then
	until time.Time

	lists, samples, streams atomic.Int32
}

func (d *dock) wait(ctx context.Context) error {
	d.mu.Lock()
	hang, err, bad := d.hang, d.err, d.panic
	d.mu.Unlock()
	if bad {
		panic("engine of straw")
	}
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d.delay):
		return err
	}
}

func (d *dock) Containers(ctx context.Context) ([]hosts.Container, error) {
	d.lists.Add(1)
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	if err := d.wait(ctx); err != nil { // the inspects, all at once
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Now().Before(d.until) {
		return append([]hosts.Container{}, d.stale...), nil
	}
	return append([]hosts.Container{}, d.list...), nil
}

func (d *dock) Engine(ctx context.Context) (hosts.Engine, error) {
	return hosts.Engine{Version: "28"}, d.wait(ctx)
}

func (d *dock) Images(ctx context.Context) ([]hosts.Image, error) {
	return []hosts.Image{{ID: "i"}}, d.wait(ctx)
}

func (d *dock) Stats(ctx context.Context, ids []string) (map[string]hosts.Stats, error) {
	d.samples.Add(1)
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	out := map[string]hosts.Stats{}
	for _, id := range ids {
		out[id] = hosts.Stats{At: time.Now(), CPU: 1}
	}
	return out, nil
}

func (d *dock) Events(ctx context.Context, opened func(), emit func(hosts.Event)) error {
	d.streams.Add(1)
	if err := d.wait(ctx); err != nil {
		return err
	}
	if d.noEvs {
		return errors.New("no events here")
	}
	ch := make(chan hosts.Event, 10000)
	d.mu.Lock()
	d.subs = append(d.subs, ch)
	d.mu.Unlock()
	opened()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-ch:
			if !ok {
				return errors.New("stream ended")
			}
			emit(e)
		}
	}
}

func (d *dock) Evidence(context.Context, bool) []hosts.Evidence { return nil }

// kill makes a container die, as docker kill does.
func (d *dock) kill(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale, d.until = append([]hosts.Container{}, d.list...), time.Now().Add(d.lag)
	for i := range d.list {
		if d.list[i].Name == name {
			d.list[i].State, d.list[i].Exit = "exited", 137
		}
	}
	for _, ch := range d.subs {
		ch <- hosts.Event{At: time.Now(), Kind: "container", Object: name, ID: name, Action: "die", Detail: "exit 137"}
	}
}

// wire is a fake Linker.
type wire struct {
	mu     sync.Mutex
	link   hosts.Link
	bell   Bell
	paused string
	kicks  int
}

func newWire() *wire {
	return &wire{link: hosts.Link{State: hosts.StatePending}, bell: NewBell()}
}

func (w *wire) State() hosts.Link {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.link
}

func (w *wire) SetMaintenance(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = reason
}

func (w *wire) turn(s hosts.State, reason string) {
	w.mu.Lock()
	w.link = hosts.Link{State: s, Reason: reason, Since: time.Now()}
	w.mu.Unlock()
	w.bell.Ring(hosts.Link{})
}

// told returns what the fleet asked of the link.
func (w *wire) told() (paused string, kicks int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused, w.kicks
}

func (w *wire) Kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kicks++
}

// start runs a fleet until the test ends.
func start(t *testing.T, members ...Member) *Fleet {
	t.Helper()
	for i := range members {
		if members[i].Host.Name == "" {
			members[i].Host.Name = fmt.Sprintf("h%d", i+1)
		}
	}
	f := New(Params{Members: members, Now: time.Now, Logger: discard()})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

// container is one that runs.
func container(name string) hosts.Container {
	return hosts.Container{ID: name, Name: name, State: "running", Health: hosts.HealthNone}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// runFor runs a fleet for so long.
func runFor(t *testing.T, f *Fleet, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := f.Run(ctx); err != nil {
		t.Error(err)
	}
}

// stubborn is an engine whose list ignores its context.
type stubborn struct {
	*dock
	free  chan struct{}
	calls atomic.Int32
}

func (s *stubborn) Containers(context.Context) ([]hosts.Container, error) {
	s.calls.Add(1)
	<-s.free
	return nil, errors.New("too late")
}

// noRoot is a host whose inventory forbids sudo.
type noRoot struct{ *host }

func (n *noRoot) Stream(ctx context.Context, c hosts.Cmd) (hosts.Stream, error) {
	if c.Sudo {
		return nil, fmt.Errorf("sudo on h1: %w", hosts.ErrNoSudo)
	}
	return n.host.Stream(ctx, c)
}
