package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/hosts/logs"
)

// How long a host is waited for before what is known of it is told, and its probes beyond that; and how
// often what is new is looked for at most.
const (
	tellWait  = 10 * time.Second
	probeWait = 10 * time.Second
	tellEvery = 250 * time.Millisecond
)

// teller tells the events of a host, or the answers of its probes, as lines of a log.
type teller struct {
	w     *world
	src   hosts.LogSource
	gen   uint64 // of the snapshot that was told
	ready bool
	book  past.Book
}

func (w *world) own(src hosts.LogSource) logs.Teller { return &teller{w: w, src: src} }

// Tell implements logs.Teller.
func (t *teller) Tell(ctx context.Context) ([]hosts.Entry, error) {
	host := t.src.Host
	if !t.ready && host != inventory.Here {
		t.ready = true
		if _, err := t.w.settle(ctx, tellWait, []string{host}); err != nil {
			return nil, err
		}
		answered := func(s *hosts.Snapshot) bool {
			h := s.Host(host)
			return h == nil || h.Link.State != hosts.StateConnected || !t.w.probing(h)
		}
		if t.src.Kind == hosts.LogProbes {
			if _, err := t.w.until(ctx, probeWait, answered); err != nil {
				return nil, err
			}
		}
	}
	snap := t.w.Fleet.Snapshot()
	t.gen = snap.Gen
	h := snap.Host(host)
	if h == nil && host != inventory.Here {
		return nil, fmt.Errorf("no host %q", host)
	}
	if t.src.Kind == hosts.LogProbes {
		if h == nil {
			return nil, errors.New("probes belong to hosts")
		}
		return t.probes(h), nil
	}
	return t.events(ctx, snap, h), nil
}

// Wait implements logs.Teller.
func (t *teller) Wait(ctx context.Context) error {
	timer := time.NewTimer(tellEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	_, err := t.w.Fleet.Next(ctx, t.gen)
	return err
}

// events are those of the host, seen or told by its facts, and what operators did to it; of here, what
// they did to no host in particular.
func (t *teller) events(ctx context.Context, snap *hosts.Snapshot, h *hosts.HostFacts) []hosts.Entry {
	name := ""
	one := &hosts.Snapshot{Gen: snap.Gen, At: snap.At}
	if h != nil {
		name, one.Hosts = h.Host.Name, []*hosts.HostFacts{h}
	}
	of := func(list []hosts.Event) []hosts.Event {
		var out []hosts.Event
		for i := range list {
			if list[i].Host == name {
				out = append(out, list[i])
			}
		}
		return out
	}
	one.Events = of(snap.Events)
	var acts []hosts.Event
	if t.w.record != nil {
		done, err := t.w.record.Recorded(ctx)
		if err == nil { // without a record there is nothing to tell of it; the Timeline says so
			acts = of(done)
		}
	}
	t.book.Take(one, acts)
	var out []hosts.Entry
	for _, e := range t.book.Entries() {
		if t.named(e.Object, e.Kind) {
			out = append(out, t.entry(e.At, eventText(e.Event), eventLevel(e.Tone)))
		}
	}
	return out
}

// named reports that something is meant by the name of the source; none means everything.
func (t *teller) named(names ...string) bool {
	for _, n := range names {
		if t.src.Name == "" || matches(t.src.Name, n) {
			return true
		}
	}
	return false
}

func (t *teller) entry(at time.Time, text string, level hosts.Level) hosts.Entry {
	return hosts.Entry{Time: at, Host: t.src.Host, Source: t.src, Level: level, Text: hosts.CleanLine(text)}
}

// eventText is an event as a line: what it is of, and what happened.
func eventText(e hosts.Event) string {
	text := e.Kind
	for _, word := range [...]string{e.Object, e.Action} {
		if word != "" {
			text += " " + word
		}
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func eventLevel(t past.Tone) hosts.Level {
	return map[past.Tone]hosts.Level{past.Good: hosts.LevelNotice, past.Warn: hosts.LevelWarn, past.Bad: hosts.LevelError, past.Plain: hosts.LevelInfo}[t]
}

// probes are the answers that are kept of the probes of a host, in the order of their times.
func (t *teller) probes(h *hosts.HostFacts) []hosts.Entry {
	var out []hosts.Entry
	for i := range h.Probes.Value {
		p := &h.Probes.Value[i]
		if !t.named(p.Name, p.Service) {
			continue
		}
		for j := range p.Results {
			r := &p.Results[j]
			level := hosts.LevelInfo
			switch {
			case !r.OK:
				level = hosts.LevelError
			case r.State != "" && !fineState(r.State):
				level = hosts.LevelWarn
			}
			out = append(out, t.entry(r.At, probeText(p, r), level))
		}
	}
	slices.SortStableFunc(out, func(a, b hosts.Entry) int { return a.Time.Compare(b.Time) })
	return out
}

// fineState reports states of a health endpoint that nothing is wrong with.
func fineState(state string) bool {
	switch strings.ToLower(state) {
	case "ok", "healthy", "up", "pass", "ready", "alive":
		return true
	}
	return false
}

// probeText is an answer as a line whose fields a filter can ask for: took>=1s, status>=500.
func probeText(p *hosts.Probe, r *hosts.ProbeResult) string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(p.Name, " ", "_"))
	b.WriteString(map[bool]string{true: " answers", false: " fails"}[r.OK])
	field := func(name, value string) {
		if value = hosts.CleanLine(value); value != "" {
			if strings.ContainsAny(value, " \"=") {
				value = strconv.Quote(value)
			}
			b.WriteString(" " + name + "=" + value)
		}
	}
	if r.Status != 0 {
		field("status", strconv.Itoa(r.Status))
	}
	field("took", r.Took.Round(time.Microsecond*100).String())
	field("state", r.State)
	field("reason", r.Reason)
	field("tolerated", r.Tolerated)
	field("target", p.Target)
	return b.String()
}

// sinceEvent is when the newest event was that a text is part of, of the hosts or of no host.
func (a *app) sinceEvent(ctx context.Context, w *world, names []string, text string) (time.Time, error) {
	want := strings.ToLower(text)
	var newest time.Time
	for _, name := range append([]string{inventory.Here}, names...) {
		list, err := w.own(hosts.LogSource{Host: name, Kind: hosts.LogEvents}).Tell(ctx)
		if ctx.Err() != nil {
			return newest, context.Cause(ctx)
		}
		if err != nil {
			continue // a host that is not there has no events
		}
		for i := range list {
			if list[i].Time.After(newest) && strings.Contains(strings.ToLower(list[i].Text), want) {
				newest = list[i].Time
			}
		}
	}
	if newest.IsZero() {
		return newest, wrong("--since event:%s: no such event is known (midwatch logs events shows them)", text)
	}
	return newest, nil
}

// recorded is where the log of what operators did lies; nil without a state directory.
func (a *app) recorded() *recorder {
	dir := inventory.StateDir(a.getenv)
	if dir == "" || a.flags.from != "" {
		return nil
	}
	name := auditFile
	if a.demoNow != nil {
		name = "audit-demo.jsonl"
	}
	return &recorder{path: filepath.Join(dir, name)}
}

var _ logs.Teller = (*teller)(nil)
