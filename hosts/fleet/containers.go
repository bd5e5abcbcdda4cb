package fleet

import (
	"context"
	"errors"
	"maps"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/docker"
	"midwatch/hosts/history"
)

// The API calls behind the parts, for people.
const (
	sourceList   = "GET /containers/json?all=1"
	sourceImages = "GET /images/json"
	sourceEngine = "GET /info"
	sourceStats  = "GET /containers/ID/stats"
)

// stream is the event stream of an engine.
type stream struct {
	busy   bool
	open   bool
	opened time.Time
	retry  time.Time
	fails  int
}

// readList lists the containers when that is due.
func (m *member) readList(now time.Time) time.Time {
	r := &m.list
	if m.Docker == nil {
		return now.Add(time.Hour)
	}
	if r.lapsed(now) {
		m.listed(nil, tooLate(r), now)
	}
	ok, at := r.due(now)
	if !ok {
		return at
	}
	// Events come in bursts: one list answers many.
	if at := r.since.Add(listPause); now.Before(at) {
		return at
	}
	m.unlisted = nil
	m.send(r, now, func(ctx context.Context) func() {
		list, err := m.Docker.Containers(ctx)
		return func() { m.listDone(list, err) }
	}, func(err error) { m.listDone(nil, err) })
	return r.since.Add(r.late + lateGrace)
}

func (m *member) listDone(list []hosts.Container, err error) {
	now := m.f.p.Now()
	if m.interrupted(err) {
		m.list.done(now, nil, 0)
		m.list.next = time.Time{}
		return
	}
	m.list.done(now, err, m.spread(m.listPeriod()))
	if m.remember(nil, now); err == nil && len(m.recent) > 0 && !m.list.next.IsZero() { // once more, when it knows for sure
		if at := m.recent[len(m.recent)-1].at.Add(listSettles); at.Before(m.list.next) {
			m.list.next = at
		}
	}
	m.listed(list, err, now)
}

func (m *member) listPeriod() time.Duration {
	switch {
	case m.missing != "":
		return absentPeriod
	case m.stream.open:
		return listPeriod
	case m.f.watched(hosts.TopicContainers):
		return watchedPeriod
	default:
		return blindPeriod
	}
}

// listed takes over a list of containers, or why there is none.
func (m *member) listed(list []hosts.Container, err error, now time.Time) {
	m.dirty = true
	if m.Conn == nil {
		m.answered(now, err)
	}
	if err == nil {
		m.missing = ""
		old := m.facts.Containers
		look := history.Look{Before: old.At, At: now}
		if old.Known() && !m.stream.open {
			m.noteAll(history.Containers(old.Value, list, look))
		}
		if len(m.deployed) == 0 {
			m.deployed.Next(old.Value, look) // what another run knew
		}
		m.noteAll(m.deployed.Next(list, look))
		keepChecks(list, old.Value)
		m.facts.Containers = hosts.Read(list, sourceList, now)
		m.facts.Latest = now
		m.repatch(now)
		m.patchAll(m.unlisted)
		m.pruneStats(list)
		if m.facts.Compose.Known() {
			m.facts.Compose.Value = collect.RejoinCompose(m.facts.Compose.Value, list)
		}
		return
	}
	why := collect.OneLine(err.Error())
	m.missing = ""
	if errors.Is(err, hosts.ErrMissing) {
		m.missing = why
	}
	m.facts.Containers = m.facts.Containers.Failed(why, docker.Needs(err), sourceList, now)
	m.settleEngine(now)
}

// settleEngine decides what it means that no engine answers: that the host has none, which is no
// fault, or that it has one which is down.
func (m *member) settleEngine(now time.Time) {
	if m.missing == "" || !m.DockerAbsent || len(m.facts.Containers.Value) > 0 {
		return
	}
	if m.Conn != nil && !m.facts.Units.Known() {
		return
	}
	for _, u := range m.facts.Units.Value {
		if u.Load == "loaded" && (u.Name == "docker.service" || u.Name == "docker.socket") {
			return
		}
	}
	noEngine(&m.facts, m.missing, now)
	m.dirty = true
}

// readEngine asks the engine what it is.
func (m *member) readEngine(now time.Time) time.Time {
	r := &m.engine
	ok, at := r.due(now)
	if m.Docker == nil || !ok {
		return later(m.Docker != nil, at, now)
	}
	m.send(r, now, func(ctx context.Context) func() {
		e, err := m.Docker.Engine(ctx)
		return func() { m.engineDone(e, err) }
	}, func(err error) { m.engineDone(hosts.Engine{}, err) })
	return r.since.Add(r.late + lateGrace)
}

func (m *member) engineDone(e hosts.Engine, err error) {
	now := m.f.p.Now()
	stop := m.interrupted(err)
	take(m, &m.engine, &m.facts.Engine, e, err, stop, sourceEngine, m.spread(enginePeriod), now)
}

// readImages lists the images.
func (m *member) readImages(now time.Time) time.Time {
	r := &m.images
	ok, at := r.due(now)
	if m.Docker == nil || !ok {
		return later(m.Docker != nil, at, now)
	}
	m.send(r, now, func(ctx context.Context) func() {
		list, err := m.Docker.Images(ctx)
		return func() { m.imagesDone(list, err) }
	}, func(err error) { m.imagesDone(nil, err) })
	return r.since.Add(r.late + lateGrace)
}

func (m *member) imagesDone(list []hosts.Image, err error) {
	now := m.f.p.Now()
	stop := m.interrupted(err)
	take(m, &m.images, &m.facts.Images, list, err, stop, sourceImages, m.spread(imagesPeriod), now)
}

// take puts the answer of a simple read into its part.
func take[T any](m *member, r *read, p *hosts.Part[T], v T, err error, stop bool, source string, period time.Duration, now time.Time) {
	if stop {
		r.done(now, nil, 0)
		r.next = time.Time{}
		return
	}
	if m.missing != "" {
		period = max(period, absentPeriod)
	}
	r.done(now, err, period)
	m.dirty = true
	if err == nil {
		*p = hosts.Read(v, source, now)
		return
	}
	*p = p.Failed(collect.OneLine(err.Error()), docker.Needs(err), source, now)
	m.settleEngine(now)
}

func later(asked bool, at, now time.Time) time.Time {
	if !asked {
		return now.Add(time.Hour)
	}
	return at
}

// readStats samples the running containers while somebody looks.
func (m *member) readStats(now time.Time) time.Time {
	r := &m.stats
	if m.Docker == nil || !m.f.watched(hosts.TopicStats) || !m.facts.Containers.Known() {
		return now.Add(time.Hour)
	}
	if r.lapsed(now) {
		m.facts.Stats = m.facts.Stats.Failed(tooLate(r).Error(), "", sourceStats, now)
		m.dirty = true
	}
	ok, at := r.due(now)
	if !ok {
		return at
	}
	var ids []string
	for i := range m.facts.Containers.Value {
		if c := &m.facts.Containers.Value[i]; c.State == "running" {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return now.Add(time.Hour) // the next list looks again
	}
	m.send(r, now, func(ctx context.Context) func() {
		got, err := m.Docker.Stats(ctx, ids)
		return func() { m.statsDone(got, err) }
	}, func(err error) { m.statsDone(nil, err) })
	return r.since.Add(r.late + lateGrace)
}

func (m *member) statsDone(got map[string]hosts.Stats, err error) {
	now := m.f.p.Now()
	if m.interrupted(err) {
		m.stats.done(now, nil, 0)
		return
	}
	took := now.Sub(m.stats.since)
	m.stats.done(now, err, 0)
	if err == nil { // sampling is slow by nature: it waits for the second of two samples
		m.stats.next = now.Add(max(m.Pace.Stats-took, took))
	}
	m.dirty = true
	if err != nil {
		m.facts.Stats = m.facts.Stats.Failed(collect.OneLine(err.Error()), docker.Needs(err), sourceStats, now)
		return
	}
	next := maps.Clone(m.facts.Stats.Value)
	if next == nil {
		next = map[string]hosts.Series{}
	}
	for id, s := range got {
		next[id] = appendBounded(next[id], []hosts.Stats{s}, hosts.SeriesLen)
	}
	m.facts.Stats = hosts.Read(next, sourceStats, now)
}

// pruneStats forgets the samples of containers that are gone.
func (m *member) pruneStats(list []hosts.Container) {
	here := make(map[string]bool, len(list))
	for i := range list {
		here[list[i].ID] = true
	}
	gone := false
	for id := range m.facts.Stats.Value {
		gone = gone || !here[id]
	}
	if !gone {
		return
	}
	next := maps.Clone(m.facts.Stats.Value)
	maps.DeleteFunc(next, func(id string, _ hosts.Series) bool { return !here[id] })
	m.facts.Stats.Value = next
}

// listen keeps the event stream open.
func (m *member) listen(now time.Time) time.Time {
	s := &m.stream
	if m.Docker == nil || s.busy {
		return now.Add(time.Hour)
	}
	if now.Before(s.retry) {
		return s.retry
	}
	s.busy = true
	live, name := m.live, "events of "+m.Host.Name
	m.f.spawn(m.ctx, name, func(context.Context) {
		ctx, cancel := context.WithCancel(live)
		defer cancel()
		var err error
		if bad := m.f.guard(name, func() {
			err = m.Docker.Events(ctx, func() { m.post(m.streamOpen) }, m.deliver)
		}); bad != nil {
			err = bad
		}
		m.post(func() { m.streamEnd(err) })
	})
	return now.Add(time.Hour)
}

// streamOpen has the list read after the stream stands, so that nothing falls in between.
func (m *member) streamOpen() {
	m.stream.open, m.stream.opened = true, m.f.p.Now()
	m.list.soon()
}

func (m *member) streamEnd(err error) {
	at := m.f.p.Now()
	s := &m.stream
	lasted := s.open && at.Sub(s.opened) > lastRetry
	wasOpen := s.open
	s.busy, s.open = false, false
	if m.interrupted(err) {
		s.retry = time.Time{}
		return
	}
	if lasted {
		s.fails = 0
	}
	s.fails++
	s.retry = at.Add(m.jitter(backoff(s.fails)))
	if wasOpen {
		m.list.soon() // is the engine still there?
	}
}

// deliver takes an event from the stream; it never waits.
func (m *member) deliver(e hosts.Event) {
	e.Action, e.Detail, e.Object = collect.OneLine(e.Action), collect.OneLine(e.Detail), hosts.CleanLine(e.Object)
	m.order(func() {
		if len(m.inbox) >= burstKept {
			m.inbox = m.inbox[1:]
			m.lost++
		}
		m.inbox = append(m.inbox, e)
	})
}
