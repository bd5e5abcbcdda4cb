package fleet

import (
	"context"
	"fmt"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/history"
)

// readExtra asks collector number i when that is due.
func (m *member) readExtra(i int, now time.Time) time.Time {
	r, c := &m.extra[i], m.Collectors[i]
	if (!c.Offline && !m.reachable()) || (c.engine && m.missing != "") {
		return now.Add(time.Hour)
	}
	if c.Ready != nil && !c.Ready(&m.facts) {
		return now.Add(time.Hour) // what makes it ready is a read, which comes by here
	}
	if r.lapsed(now) {
		m.extraFailed(c, tooLate(r), now)
	}
	ok, at := r.due(now)
	if d := c.Faster; d > 1 && !r.busy && m.f.watched(c.Watch) {
		soon := r.since.Add(m.period(c) / time.Duration(d))
		if r.fails == 0 && soon.Before(at) {
			at = soon
		}
		ok = ok || !now.Before(at)
	}
	if !ok {
		return at
	}
	known := m.facts
	m.send(r, now, func(ctx context.Context) func() {
		got := c.Collect(ctx, &known)
		return func() { m.extraDone(i, got) }
	}, func(err error) {
		m.extra[i].done(m.f.p.Now(), err, m.period(c))
		m.extraFailed(c, err, m.f.p.Now())
	})
	return r.since.Add(r.late + lateGrace)
}

// period is the time between two questions of a collector.
func (m *member) period(c Collector) time.Duration {
	if c.Fixed {
		return m.jitter(c.Every)
	}
	return m.spread(c.Every)
}

// extraDone takes what a collector found.
func (m *member) extraDone(i int, got []hosts.Evidence) {
	r, c, now := &m.extra[i], m.Collectors[i], m.f.p.Now()
	var bad error
	for _, ev := range got {
		if ev.Error != "" {
			bad = fmt.Errorf("%s: %s", ev.Collector, ev.Error)
		}
	}
	if m.paused != "" || (!c.Offline && m.interrupted(bad)) {
		r.done(now, nil, 0)
		r.next = time.Time{}
		return
	}
	r.done(now, bad, m.period(c))
	m.mu.Lock()
	m.gathered[c.ID] = got
	m.mu.Unlock()
	for _, ev := range got {
		m.applyExtra(c, ev)
	}
}

// applyExtra puts one piece of evidence into the facts; a mistake in it changes nothing.
func (m *member) applyExtra(c Collector, ev hosts.Evidence) {
	m.dirty = true
	m.told(c.ID)
	err := m.f.guard("facts of "+c.ID, func() {
		before, next := m.facts, m.facts
		if err := c.Apply(&next, ev); err != nil {
			m.f.p.Logger.Warn("evidence not understood", "host", m.Host.Name, "collector", c.ID, "err", err)
			return
		}
		m.facts = next
		m.noteAll(history.Between(&before, &next, m.f.p.Now()))
	})
	if err != nil {
		m.f.p.Logger.Error("collector", "host", m.Host.Name, "collector", c.ID, "err", err)
	}
}

// extraFailed has the collector itself record that it gave no answer at all.
func (m *member) extraFailed(c Collector, err error, now time.Time) {
	m.applyExtra(c, hosts.Evidence{Host: m.Host.Name, Collector: c.ID, Source: c.Title, At: now, Error: err.Error()})
}
