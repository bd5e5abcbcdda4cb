package sim

import (
	"container/heap"
	"hash/fnv"
	"math/rand/v2"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Params is what a Site is made of. Now must be set.
type Params struct {
	Name string
	Seed uint64
	Now  func() time.Time
	Warm time.Duration // how much of the past is lived through before the first look
	Keep int           // log lines kept of each container and journal; 0 means 4000
}

// Site is a group of hosts that live together. mu guards everything in it and in its hosts.
type Site struct {
	Name string
	Seed uint64
	Keep int

	mu     sync.Mutex
	clock  func() time.Time
	now    time.Time
	start  time.Time
	queue  queue
	serial uint64
	hosts  []*Host
	byName map[string]*Host
	names  map[string]string // DNS: name → address
	follow atomic.Int64
}

// New returns an empty site whose past begins Warm before now.
func New(p Params) *Site {
	if p.Now == nil {
		panic("sim: Params.Now is nil")
	}
	if p.Keep == 0 {
		p.Keep = 4000
	}
	s := &Site{
		Name: p.Name, Seed: p.Seed, Keep: p.Keep, clock: p.Now,
		byName: map[string]*Host{}, names: map[string]string{},
	}
	s.start = p.Now().Truncate(time.Second)
	s.now = s.start.Add(-p.Warm)
	return s
}

// Lock lets everything happen that was due and keeps the site still until Unlock.
func (s *Site) Lock() {
	s.mu.Lock()
	s.run(s.clock())
}

// Unlock lets others look.
func (s *Site) Unlock() { s.mu.Unlock() }

// Now is the moment the site has reached.
func (s *Site) Now() time.Time { return s.now }

// Start is the moment the site was made; what lies before it is its invented past.
func (s *Site) Start() time.Time { return s.start }

// run lives until t. Things that are due are done in the order of their time, then of their making.
func (s *Site) run(t time.Time) {
	for len(s.queue) > 0 && !s.queue[0].at.After(t) {
		it := heap.Pop(&s.queue).(*item) //nolint:forcetypeassert // the queue holds nothing else
		if it.do == nil {
			continue
		}
		s.now = it.at
		do := it.do
		it.do = nil
		do(it.at)
	}
	if t.After(s.now) {
		s.now = t
	}
}

// Timer is a thing to come.
type Timer struct{ it *item }

// Stop takes it back; stopping twice, or a zero Timer, does nothing.
func (t Timer) Stop() {
	if t.it != nil {
		t.it.do = nil
	}
}

// After has do called d from now.
func (s *Site) After(d time.Duration, do func(now time.Time)) Timer {
	return s.At(s.now.Add(d), do)
}

// At has do called at t, or at once when t has passed.
func (s *Site) At(t time.Time, do func(now time.Time)) Timer {
	if t.Before(s.now) {
		t = s.now
	}
	s.serial++
	it := &item{at: t, serial: s.serial, do: do}
	heap.Push(&s.queue, it)
	return Timer{it}
}

// Every has do called again and again; it returns how long until the next time, and ends with 0.
func (s *Site) Every(first time.Duration, do func(now time.Time) time.Duration) {
	var step func(time.Time)
	step = func(now time.Time) {
		if d := do(now); d > 0 {
			s.At(now.Add(d), step)
		}
	}
	s.After(first, step)
}

// Rand returns the stream of chances that belongs to a name. The same name gives the same stream
// from its beginning, so one process never disturbs another.
func (s *Site) Rand(name string) *rand.Rand {
	return rand.New(rand.NewPCG(s.Seed, s.hash(name))) //nolint:gosec // a simulation, not a secret
}

func (s *Site) hash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.Name + "/" + name))
	return h.Sum64()
}

// Hex returns n hexadecimal digits that belong to a name: container IDs, digests.
func (s *Site) Hex(name string, n int) string {
	r := s.Rand("hex " + name)
	b := make([]byte, 0, n+16)
	for len(b) < n {
		x := strconv.FormatUint(r.Uint64(), 16)
		b = append(b, "0000000000000000"[len(x):]...)
		b = append(b, x...)
	}
	return string(b[:n])
}

// Host returns the host of that name, or nil.
func (s *Site) Host(name string) *Host { return s.byName[name] }

// Hosts returns the hosts in the order they were added.
func (s *Site) Hosts() []*Host { return s.hosts }

// ByAddr returns the host that has an address, or nil.
func (s *Site) ByAddr(addr string) *Host {
	for _, h := range s.hosts {
		if h.Spec.Addr == addr {
			return h
		}
		for _, a := range h.Spec.Extra {
			if a == addr {
				return h
			}
		}
	}
	return nil
}

// SetName makes name resolve to addr on every host of the site.
func (s *Site) SetName(name, addr string) { s.names[name] = addr }

// Resolve looks a name up; ok is false for unknown names.
func (s *Site) Resolve(name string) (addr string, ok bool) {
	if h := s.byName[name]; h != nil {
		return h.Spec.Addr, true
	}
	addr, ok = s.names[name]
	return addr, ok
}

// Names lists the names that resolve, sorted.
func (s *Site) Names() []string {
	out := make([]string, 0, len(s.names))
	for n := range s.names {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

// Follow says that somebody waits for what happens, so the site must be driven; call release once.
func (s *Site) Follow() (release func()) {
	s.follow.Add(1)
	return sync.OnceFunc(func() { s.follow.Add(-1) })
}

// Followed reports whether somebody waits. It does not need the lock.
func (s *Site) Followed() bool { return s.follow.Load() > 0 }

type item struct {
	at     time.Time
	serial uint64
	do     func(time.Time)
}

type queue []*item

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].serial < q[j].serial
	}
	return q[i].at.Before(q[j].at)
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(*item)) } //nolint:forcetypeassert // heap.Interface

func (q *queue) Pop() any {
	old := *q
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return it
}
