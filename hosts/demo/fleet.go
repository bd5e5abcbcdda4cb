package demo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/wire"
	"midwatch/hosts/demo/worlds"
)

// Params is what a fleet is made of. The zero value is every world once, without faults of the
// network.
type Params struct {
	// Worlds are the names of worlds; none, or "all", are all of them.
	Worlds []string
	// Hosts is how many hosts there should be at least: the worlds are copied until there are. 0
	// means each world once.
	Hosts int
	// Latency is how long a segment travels, one way, between here and a host; Loss is the chance
	// from 0 to 1 that one has to be sent again.
	Latency time.Duration
	Loss    float64
	Window  int // of each connection, in bytes; 0 for the usual one
	// Hang names hosts that misbehave: "HOST" accepts a connection and says nothing, "HOST:docker"
	// has an engine that accepts and says nothing, "HOST:shell" starts commands that never end,
	// "HOST:flood" answers every command with output without end, "HOST:nfs" has network file
	// systems whose server is gone.
	Hang []string
	// Seed makes two fleets alike. 0 is a seed too.
	Seed uint64
	// Now is the clock; nil is the real one. With another clock nothing moves but by Tick.
	Now func() time.Time
	// Calm leaves out what the worlds' scripts would break from time to time (drops, crashes); what
	// they plant from the start stays.
	Calm bool
	Log  *slog.Logger // what goes wrong in the servers; nil is nobody's business
}

// Fleet is a running demo fleet.
type Fleet struct {
	p      Params
	sites  []*site
	hosts  []*host
	byName map[string]*host
	byAddr map[string]*host
	keys   keyring
	web    *webServer

	ctx    context.Context //nolint:containedctx // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex // guards closed, and that nothing is started once it is set
	closed bool
}

// spawn runs fn in a goroutine that Close waits for; it reports false after Close.
func (f *Fleet) spawn(fn func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Go(fn)
	return true
}

// site is one copy of a world.
type site struct {
	world worlds.World
	plan  *worlds.Plan
	once  sync.Once
	sim   *sim.Site
}

// warm is how much of the past a host has lived through when it is first looked at. Copies beyond
// the first few have less, because there are many.
const (
	warm     = 20 * time.Minute
	warmMany = 3 * time.Minute
	keep     = 6000
	keepMany = 600
)

// New builds a fleet. It fails for worlds and hosts that do not exist.
func New(p Params) (*Fleet, error) {
	real := p.Now == nil
	if real {
		p.Now = time.Now
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	chosen, err := choose(p.Worlds)
	if err != nil {
		return nil, err
	}
	f := &Fleet{p: p, byName: map[string]*host{}, byAddr: map[string]*host{}}
	f.ctx, f.cancel = context.WithCancel(context.Background()) //nolint:forbidigo // the fleet lives until Close, whoever made it
	f.keys = newKeyring(p.Seed)
	for n := 0; ; n++ {
		for i, w := range chosen {
			f.add(w, i, n, n > 0 && p.Hosts > 12)
		}
		if len(f.hosts) >= p.Hosts || n >= 250 {
			break
		}
	}
	if err := f.misbehave(p.Hang); err != nil {
		f.cancel()
		return nil, err
	}
	f.web = newWebServer(p.Log)
	f.spawn(f.web.run)
	if real {
		f.spawn(f.drive)
	}
	return f, nil
}

// choose finds the worlds by name.
func choose(names []string) ([]worlds.World, error) {
	all := worlds.All()
	if len(names) == 0 || slices.Contains(names, "all") {
		return all, nil
	}
	var out []worlds.World
	for _, n := range names {
		i := slices.IndexFunc(all, func(w worlds.World) bool { return w.Name == n })
		if i < 0 {
			return nil, fmt.Errorf("no world %q, there are %s", n, strings.Join(Worlds(), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// Worlds lists the names of the worlds there are.
func Worlds() []string {
	var out []string
	for _, w := range worlds.All() {
		out = append(out, w.Name)
	}
	return out
}

// add makes the n-th copy of a world. Its machines are built when one of them is first dialled.
func (f *Fleet) add(w worlds.World, index, n int, many bool) {
	pl := worlds.NewPlan(index, n)
	pl.Calm = f.p.Calm
	s := &site{world: w, plan: pl}
	for _, hd := range w.Hosts {
		h := &host{fleet: f, site: s, head: hd, name: pl.Name(hd.Name), addr: pl.Addr(hd.Addr), conns: map[*wire.Conn]struct{}{}}
		f.hosts = append(f.hosts, h)
		f.byName[h.name] = h
		f.byAddr[h.addr] = h
	}
	s.sim = sim.New(sim.Params{
		Name: pl.Name(w.Name), Seed: f.p.Seed, Now: f.p.Now, Warm: pick(many, warmMany, warm), Keep: pick(many, keepMany, keep),
	})
	f.sites = append(f.sites, s)
}

func pick[T any](cond bool, a, b T) T {
	if cond {
		return a
	}
	return b
}

// open builds the machines of the site once.
func (s *site) open(f *Fleet) {
	s.once.Do(func() {
		s.world.Build(s.sim, s.plan)
		for _, h := range f.hosts {
			if h.site == s {
				h.attach(s.sim.Host(h.name))
			}
		}
	})
}

// drive lets time pass for the sites somebody waits at: ten times a second is finer than a person
// sees, and costs a few lock operations.
func (f *Fleet) drive() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.Tick()
		case <-f.ctx.Done():
			return
		}
	}
}

// Tick lets everything happen that is due by the clock, on hosts that are in use.
func (f *Fleet) Tick() {
	for _, s := range f.sites {
		if s.sim.Followed() {
			s.sim.Lock()
			s.sim.Unlock() //nolint:staticcheck // Lock itself lets things happen
		}
	}
}

// Close ends all connections and waits until nothing of the fleet runs any more.
func (f *Fleet) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	for _, h := range f.hosts {
		h.cutAll(errShutdown)
	}
	f.web.close()
	f.wg.Wait()
	return nil
}

// Names lists the hosts.
func (f *Fleet) Names() []string {
	out := make([]string, len(f.hosts))
	for i, h := range f.hosts {
		out[i] = h.name
	}
	return out
}

// Resolve is the operator's DNS: the address of a name of the worlds, "" for any other.
func (f *Fleet) Resolve(name string) string {
	for _, s := range f.sites {
		if addr := s.plan.Resolve(s.world, name); addr != "" {
			return addr
		}
	}
	return ""
}

// Host gives tests and scripts the machine behind a host; nil when there is none of that name. Its
// site has to be locked while it is looked at.
func (f *Fleet) Host(name string) *sim.Host {
	h := f.byName[name]
	if h == nil {
		return nil
	}
	h.site.open(f)
	return h.sim
}

// misbehave notes what the operator of the demo asked for.
func (f *Fleet) misbehave(list []string) error {
	for _, item := range list {
		name, what, _ := strings.Cut(item, ":")
		h := f.byName[name]
		if h == nil {
			return fmt.Errorf("hang: no host %q in the demo fleet, there are %s", name, strings.Join(f.Names(), ", "))
		}
		switch what {
		case "":
			h.mute = true
		case "docker":
			h.dockerHangs = true
		case "shell":
			h.shellHangs = true
		case "flood":
			h.floods = true
		case "nfs":
			h.nfsHangs = true
		default:
			return fmt.Errorf("hang: %q: after the host's name comes docker, shell, flood, nfs or nothing", item)
		}
	}
	return nil
}
