package fleet

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"midwatch/hosts"
)

// Fleet watches hosts and publishes what is known of them.
type Fleet struct {
	p       Params
	board   *board
	members []*member
	topics  [hosts.Topics]atomic.Int32
	work    sync.WaitGroup
}

// New returns a Fleet that already has a snapshot: every host pending, or as it was last known. It
// panics without a clock or a logger.
func New(p Params) *Fleet {
	if p.Now == nil || p.Logger == nil {
		panic("fleet: a Fleet needs a clock and a logger")
	}
	if p.Jitter == nil {
		p.Jitter = func() float64 { return 0.5 }
	}
	first := &hosts.Snapshot{Gen: 1, At: p.Now()}
	first.Events = appendBounded(nil, remembered(p.Last), eventsKept)
	f := &Fleet{p: p}
	for i, m := range p.Members {
		facts := initial(m, p.Last, first.At)
		first.Hosts = append(first.Hosts, facts)
		f.members = append(f.members, newMember(f, i, m, *facts))
	}
	f.board = newBoard(p.Now, first)
	return f
}

// Run watches the hosts until the context ends, and returns when everything it started has ended.
// It is called once.
func (f *Fleet) Run(ctx context.Context) error {
	for _, m := range f.members {
		f.spawn(ctx, "fleet "+m.Host.Name, m.supervise)
	}
	<-ctx.Done()
	f.work.Wait()
	return nil
}

// spawn runs fn in a goroutine that Run waits for. A panic is logged and ends the goroutine, not the
// program.
func (f *Fleet) spawn(ctx context.Context, name string, fn func(context.Context)) {
	f.work.Go(func() {
		if err := f.guard(name, func() { fn(ctx) }); err != nil {
			f.p.Logger.ErrorContext(ctx, "goroutine ended by a panic", "name", name, "err", err)
		}
	})
}

// guard runs fn and turns a panic into an error.
func (f *Fleet) guard(name string, fn func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f.p.Logger.Error("panic", "name", name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("midwatch made a mistake in %s: %v; please report it", name, r)
		}
	}()
	fn()
	return nil
}

// Snapshot returns what is known now; never nil.
func (f *Fleet) Snapshot() *hosts.Snapshot { return f.board.cur.Load() }

// Next waits for a snapshot with a Gen above after. It wakes at most once every 50 ms, so a caller
// in a loop is never flooded; the first change after a quiet time is returned at once.
func (f *Fleet) Next(ctx context.Context, after uint64) (*hosts.Snapshot, error) {
	return f.board.next(ctx, after)
}

// Refresh asks for new facts of a host, "" for all, as soon as a read that is running has ended.
func (f *Fleet) Refresh(host string) {
	for _, m := range f.members {
		if host == "" || m.Host.Name == host {
			m.order(func() { m.refresh = true })
		}
	}
}

// Watch says that a kind of data is looked at; it is read more often until release is called.
func (f *Fleet) Watch(topic hosts.Topic) (release func()) {
	if topic < 0 || int(topic) >= len(f.topics) {
		return func() {}
	}
	if f.topics[topic].Add(1) == 1 {
		f.nudge()
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			if f.topics[topic].Add(-1) == 0 {
				f.nudge()
			}
		})
	}
}

func (f *Fleet) watched(topic hosts.Topic) bool { return f.topics[topic].Load() > 0 }

func (f *Fleet) nudge() {
	for _, m := range f.members {
		m.order(func() {})
	}
}

// SetMaintenance takes a host out of service with a reason, or puts it back with "". While out, the
// host is not contacted and what is shown of it is what was known before.
func (f *Fleet) SetMaintenance(host, reason string) {
	for _, m := range f.members {
		if m.Host.Name == host {
			m.order(func() { m.wanted = reason })
		}
	}
}

// Evidence returns the latest raw answers the shell of each host gave, in the order of the hosts and
// of collect.All. The data is shared and must not be changed.
func (f *Fleet) Evidence() []hosts.Evidence {
	var out []hosts.Evidence
	for _, m := range f.members {
		out = append(out, m.latest()...)
	}
	return out
}

// Capture returns Evidence and asks every engine for its own, all at the same time. Without samples
// it leaves out what takes a while to measure.
func (f *Fleet) Capture(ctx context.Context, samples bool) []hosts.Evidence {
	engines := make([][]hosts.Evidence, len(f.members))
	var wg sync.WaitGroup
	for i, m := range f.members {
		h := f.Snapshot().Hosts[i]
		if m.Docker == nil || m.DockerAbsent && h.Containers.Standing() == hosts.Fresh && !h.Engine.Known() {
			engines[i] = []hosts.Evidence{{Host: m.Host.Name, Collector: collectAbsent, Source: "no engine on this host", At: f.p.Now()}}
			continue
		}
		if h.Link.State != hosts.StateConnected {
			continue
		}
		wg.Go(func() {
			err := f.guard("capture of "+m.Host.Name, func() { engines[i] = m.Docker.Evidence(ctx, samples) })
			if err != nil {
				engines[i] = []hosts.Evidence{{Host: m.Host.Name, Collector: "docker", At: f.p.Now(), Error: err.Error()}}
			}
		})
	}
	wg.Wait()
	var out []hosts.Evidence
	for i, m := range f.members {
		out = append(append(out, m.latest()...), engines[i]...)
	}
	return out
}
