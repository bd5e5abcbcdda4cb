package fleet

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/history"
)

// faster names the sections that are read more often while somebody looks at what they tell.
func (m *member) faster() map[string]int {
	out := map[string]int{}
	for _, s := range m.sections {
		if s.Faster > 1 && m.f.watched(s.Watch) {
			out[s.ID] = s.Faster
		}
	}
	return out
}

// readShell sends the sections that are due in one batch.
func (m *member) readShell(now time.Time) time.Time {
	r := &m.shell
	if m.runner == nil {
		return now.Add(time.Hour)
	}
	if r.lapsed(now) {
		m.answered(now, tooLate(r))
		m.failShell(tooLate(r), now)
	}
	ok, at := r.due(now)
	if !ok {
		return at
	}
	fast := m.faster()
	if at := m.schedule.Next(m.sections, fast); now.Before(at) {
		return at
	}
	due := m.scripted(m.due(now, fast), now)
	if len(due) == 0 {
		return now.Add(m.Pace.Every)
	}
	m.send(r, now, func(ctx context.Context) func() {
		err := m.runner.Run(ctx, due, func(a collect.Answer) {
			m.post(func() { m.answer(a) })
		})
		return func() { m.shellDone(err) }
	}, m.shellDone)
	return r.since.Add(r.late + lateGrace)
}

// due returns what is to be read now. What would be due in a moment rides along: one batch is cheaper
// than two. What wants root rides along from farther away: every sudo is a line in the host's log.
func (m *member) due(now time.Time, fast map[string]int) []collect.Section {
	due := m.schedule.Due(now, m.Pace.Every*11/10, m.sections, fast)
	root := func(s collect.Section) bool { return s.Root != collect.RootNever }
	if !slices.ContainsFunc(due, root) {
		return due
	}
	for _, s := range m.schedule.Due(now, m.Pace.Every*rideAlong, m.sections, fast) {
		if root(s) && !slices.ContainsFunc(due, func(d collect.Section) bool { return d.ID == s.ID }) {
			due = append(due, s)
		}
	}
	return due
}

// scripted gives the sections their scripts, where these depend on what is known. One that has
// nothing to ask yet is looked at again soon.
func (m *member) scripted(due []collect.Section, now time.Time) []collect.Section {
	out := due[:0]
	for _, s := range due {
		if s.Make != nil {
			if s.Script = s.Make(&m.facts); s.Script == "" {
				later := s
				later.Every = m.Pace.Every
				m.schedule.Done(later, now, 0, false)
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// shellDone notes the end of a batch.
func (m *member) shellDone(err error) {
	now := m.f.p.Now()
	if m.interrupted(err) {
		m.shell.done(now, nil, 0)
		m.shell.next = time.Time{}
		return
	}
	m.answered(now, err)
	m.dirty = m.dirty || !m.lazy.IsZero()
	m.shell.done(now, err, 0)
	if err == nil {
		m.shell.next = now // the schedule says when
		return
	}
	m.failShell(err, now)
	m.shell.next = now.Add(m.jitter(backoff(m.shell.fails)))
}

// failShell marks the shell's parts, for sections that never got as far as an answer.
func (m *member) failShell(err error, now time.Time) {
	markAll(shellParts(&m.facts), collect.OneLine(err.Error()), true, now)
	m.dirty = true
}

// news has the facts shown: at once while something is missing, with the rest of the batch when all
// is as it was and only younger.
func (m *member) news() {
	f := &m.facts
	if f.System.Standing() != hosts.Fresh || f.Units.Standing() != hosts.Fresh || f.Disks.Standing() != hosts.Fresh {
		m.dirty = true
	} else if m.lazy.IsZero() {
		m.lazy = m.f.p.Now().Add(lazyPause)
	}
}

// answer takes the answer of one section.
func (m *member) answer(a collect.Answer) {
	if a.Lost && m.interrupted(fmt.Errorf("%s", a.Evidence.Error)) {
		return
	}
	m.news()
	m.mu.Lock()
	before := m.evidence[a.Evidence.Collector]
	m.evidence[a.Evidence.Collector] = a.Evidence
	m.mu.Unlock()
	now := m.f.p.Now()
	if !a.Lost {
		sec := a.Section
		sec.Every = m.spread(sec.Every)
		m.schedule.Done(sec, now, a.Evidence.Took, a.Sick)
		m.answered(now, nil)
	}
	if a.Section.Touch != nil && a.Evidence.Error == "" && before.Error == "" && !before.At.IsZero() &&
		before.Needs == a.Evidence.Needs && bytes.Equal(before.Data, a.Evidence.Data) &&
		a.Section.Touch(&m.facts, a.Evidence.At) {
		m.facts.Latest = a.Evidence.At
		return
	}
	m.parse(a, now)
}

// told notes that a collector has given an answer.
func (m *member) told(collector string) {
	if m.facts.Answered[collector] {
		return
	}
	next := make(map[string]bool, len(m.facts.Answered)+1) // what is published shares the old one
	maps.Copy(next, m.facts.Answered)
	next[collector] = true
	m.facts.Answered = next
}

// parse puts the answer of one section into the facts.
func (m *member) parse(a collect.Answer, now time.Time) {
	m.told(a.Section.ID)
	before := m.facts
	err := m.f.guard("parser of "+a.Section.ID, func() {
		next := m.facts // a panic leaves the facts as they were
		a.Section.Apply(&next, a.Evidence)
		m.facts = next
	})
	if err != nil {
		a.Section.Fail(&m.facts, hosts.Evidence{
			Host: m.Host.Name, Collector: a.Section.ID, Source: a.Section.Source, At: a.Evidence.At, Error: err.Error(),
		})
		return
	}
	m.settleEngine(now)
	changed := history.Between(&before, &m.facts, now)
	m.noteAll(changed)
	if a.Section.ID == "unitstates" && slices.ContainsFunc(changed, func(e hosts.Event) bool { return e.Kind == history.KindUnit }) {
		m.schedule.Sooner("units")
	}
}
