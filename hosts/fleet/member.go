package fleet

import (
	"context"
	"slices"
	"sync"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/history"
)

// member supervises one host. Everything that is not behind mu belongs to the supervise goroutine.
type member struct {
	Member
	f     *Fleet
	index int

	facts    hosts.HostFacts
	events   []hosts.Event // not yet published
	dirty    bool
	lazy     time.Time // when routine news are shown at the latest; zero without any
	paused   string    // the reason of the maintenance in force
	sections []collect.Section
	runner   *collect.Runner
	schedule collect.Schedule

	shell, list, engine, images, stats read
	stream                             stream
	extra                              []read        // of Collectors, in their order
	unlisted                           []hosts.Event // that came since the list on its way was asked for
	recent                             []recent      // events a list may be behind
	missing                            string        // why there is no engine, while there is none
	deployed                           history.Images

	ctx     context.Context //nolint:containedctx // the supervisor's, for what it starts
	live    context.Context //nolint:containedctx // of reads; ends with a maintenance
	halt    context.CancelFunc
	results chan func() // what reads came to, run by supervise

	kick chan struct{} // has one element when there is something behind mu to look at

	mu       sync.Mutex // guards everything below
	refresh  bool
	wanted   string                      // the maintenance asked for
	last     *hosts.HostFacts            // what was known in another run; nil once it was looked at
	inbox    []hosts.Event               // of the engine
	lost     int                         // events the inbox had no room for
	evidence map[string]hosts.Evidence   // the last of each section
	gathered map[string][]hosts.Evidence // the last of each collector
}

func newMember(f *Fleet, i int, from Member, facts hosts.HostFacts) *member {
	m := &member{
		Member: from, f: f, index: i, facts: facts, wanted: from.Host.Maintenance,
		sections: sections(from.Sections),
		results:  make(chan func()), kick: make(chan struct{}, 1),
		deployed: history.Images{},
		evidence: map[string]hosts.Evidence{}, gathered: map[string][]hosts.Evidence{},
		shell:  read{what: "shell", late: shellLate},
		list:   read{what: "list of containers", late: dockerLate},
		engine: read{what: "state of the engine", late: dockerLate},
		images: read{what: "list of images", late: dockerLate},
		stats:  read{what: "samples of containers", late: statsLate},
	}
	m.Pace = from.Pace.withDefaults()
	if d, ok := from.Docker.(interface{ Collectors() []Collector }); ok {
		m.Collectors = append(slices.Clone(m.Collectors), d.Collectors()...)
	}
	for _, c := range m.Collectors {
		r := read{what: c.Title, late: c.Limit}
		if r.late <= 0 {
			r.late = dockerLate
		}
		m.extra = append(m.extra, r)
	}
	if m.Conn != nil {
		m.runner = collect.NewRunner(collect.Params{Host: m.Host.Name, Conn: m.Conn, Now: f.p.Now})
	}
	return m
}

// sections are those of every host with a host's own.
func sections(own []collect.Section) []collect.Section {
	out := collect.All()
	for _, s := range own {
		if i := slices.IndexFunc(out, func(o collect.Section) bool { return o.ID == s.ID }); i >= 0 {
			out[i] = s
			continue
		}
		out = append(out, s)
	}
	return out
}

// order changes what is behind mu and has the supervisor look at it.
func (m *member) order(change func()) {
	m.mu.Lock()
	change()
	m.mu.Unlock()
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// supervise keeps the facts current until the context ends.
func (m *member) supervise(ctx context.Context) {
	m.ctx = ctx
	m.live, m.halt = context.WithCancel(ctx)
	defer func() { m.halt() }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := firstRetry                                                      // after a mistake of ours, which is logged
		_ = m.f.guard("supervisor of "+m.Host.Name, func() { wait = m.step() }) //nolint:contextcheck // what it starts runs under m.ctx, which is ctx
		m.publish()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-m.kick:
		case <-m.Bell:
		case fn := <-m.results:
			m.settle(fn)
		}
	}
}

// settle takes a result and those that are waiting behind it.
func (m *member) settle(fn func()) {
	for range 64 {
		_ = m.f.guard("result of "+m.Host.Name, fn)
		select {
		case fn = <-m.results:
		default:
			return
		}
	}
}

// step does what is to be done now and returns how long there will be nothing.
func (m *member) step() time.Duration {
	now := m.f.p.Now()
	m.obey(now)
	m.look(now)
	m.mail()
	next := now.Add(time.Hour)
	if !m.lazy.IsZero() {
		next = m.lazy
	}
	if m.paused != "" {
		return time.Hour // an order ends it
	}
	for i := range m.extra {
		if at := m.readExtra(i, now); at.Before(next) {
			next = at
		}
	}
	if !m.reachable() {
		return max(next.Sub(now), 0) // or a change of the link
	}
	for _, at := range []time.Time{
		m.readShell(now), m.readList(now), m.readEngine(now), m.readImages(now), m.readStats(now), m.listen(now),
	} {
		if at.Before(next) {
			next = at
		}
	}
	return max(next.Sub(now), 0)
}

// obey carries out orders.
func (m *member) obey(now time.Time) {
	m.mu.Lock()
	refresh, wanted, last := m.refresh, m.wanted, m.last
	m.refresh, m.last = false, nil
	m.mu.Unlock()
	if recall(&m.facts, last) {
		m.dirty = true
	}
	if wanted != m.paused {
		m.maintain(wanted, now)
	}
	if refresh {
		m.askAll()
		if m.Link != nil && m.paused == "" && !m.reachable() {
			m.Link.Kick()
		}
	}
}

// askAll makes everything due.
func (m *member) askAll() {
	m.schedule.Soon()
	for _, r := range []*read{&m.shell, &m.list, &m.engine, &m.images} {
		r.soon()
	}
	for i := range m.extra {
		m.extra[i].soon()
	}
	m.stream.retry = time.Time{}
}

// maintain takes the host out of service, or puts it back.
func (m *member) maintain(reason string, now time.Time) {
	m.paused = reason
	m.facts.Host.Maintenance = reason
	m.dirty = true
	if m.Link != nil {
		m.Link.SetMaintenance(reason)
	}
	m.halt()
	if reason == "" {
		m.live, m.halt = context.WithCancel(m.ctx)
		m.setLink(hosts.Link{State: hosts.StatePending, Since: now, Via: m.facts.Link.Via, LastSeen: m.facts.Link.LastSeen})
		m.askAll()
		return
	}
	m.setLink(hosts.Link{State: hosts.StateMaintenance, Reason: reason, Since: now, Via: m.facts.Link.Via, LastSeen: m.facts.Link.LastSeen})
	m.staleAll("in maintenance: "+reason, now)
}

// mail takes the engine's events out of the inbox.
func (m *member) mail() {
	m.mu.Lock()
	got, lost := m.inbox, m.lost
	m.inbox, m.lost = nil, 0
	m.mu.Unlock()
	if len(got) == 0 {
		return
	}
	if lost > 0 {
		m.note(hosts.Event{At: m.f.p.Now(), Kind: "container", Action: "skipped", Detail: plural(lost, "event") + " in between"})
	}
	for _, e := range got {
		m.note(e)
	}
	m.patchAll(got)
	m.remember(got, m.f.p.Now())
	if m.list.busy { // the answer that is on its way may be older than these
		m.unlisted = appendBounded(m.unlisted, got, burstKept)
	}
	m.list.soon()
}

// post hands a result to the supervisor.
func (m *member) post(fn func()) {
	select {
	case m.results <- fn:
	case <-m.ctx.Done():
	}
}

// note adds an event of this host.
func (m *member) note(e hosts.Event) {
	e.Host = m.Host.Name
	m.events = append(m.events, e)
	m.dirty = true
}

func (m *member) noteAll(events []hosts.Event) {
	for _, e := range events {
		m.note(e)
	}
}

// publish shows the facts as they are now, when they changed.
func (m *member) publish() {
	if !m.dirty && (m.lazy.IsZero() || m.f.p.Now().Before(m.lazy)) {
		return
	}
	m.lazy = time.Time{}
	facts := m.facts
	m.f.board.publish(m.index, &facts, m.events)
	m.dirty, m.events = false, nil
}

// latest returns the last evidence of each section and collector.
func (m *member) latest() []hosts.Evidence {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]hosts.Evidence, 0, len(m.evidence))
	for _, s := range m.sections {
		if ev, ok := m.evidence[s.ID]; ok {
			out = append(out, ev)
		}
	}
	for _, c := range m.Collectors {
		out = append(out, m.gathered[c.ID]...)
	}
	return out
}
