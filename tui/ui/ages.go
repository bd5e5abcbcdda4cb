package ui

import (
	"time"

	"midwatch/hosts"
)

// Ages gathers how old the parts of several hosts are, for the note of a frame.
type Ages struct {
	hosts, reading, unknown, stale int
	oldest                         time.Duration
}

// AddAge counts one part of a host.
func AddAge[T any](a *Ages, h *hosts.HostFacts, p hosts.Part[T], now time.Time) {
	a.hosts++
	switch {
	case p.Standing() == hosts.Unasked:
		a.reading++
	case !p.Known():
		a.unknown++
	case Old(h, p):
		a.stale++
	}
	a.oldest = max(a.oldest, p.Age(now))
}

// Old reports that a part may have changed since it was read: the host is away, or the last read
// failed.
func Old[T any](h *hosts.HostFacts, p hosts.Part[T]) bool {
	return h.Link.State != hosts.StateConnected || p.Standing() != hosts.Fresh
}

// Note writes "3 hosts, 1 stale, oldest 4m", and whether that is a warning.
func (a *Ages) Note() (string, bool) {
	note := Count(a.hosts, "host")
	for _, x := range [...]struct {
		n    int
		what string
	}{{a.reading, "reading"}, {a.unknown, "unknown"}, {a.stale, "stale"}} {
		if x.n > 0 {
			note += ", " + itoa(x.n) + " " + x.what
		}
	}
	if a.oldest > 0 {
		note += ", oldest " + Age(a.oldest)
	}
	return note, a.unknown+a.stale > 0
}

// WhyUnknown says why a part of a host has no value, "" when it has one.
func WhyUnknown[T any](h *hosts.HostFacts, p hosts.Part[T]) string {
	switch {
	case p.Known():
		return ""
	case h.Link.State != hosts.StateConnected && h.Link.Reason != "":
		return "host " + h.Link.State.String() + ": " + Clean(h.Link.Reason)
	case p.Standing() == hosts.Unasked:
		return "no answer yet"
	case p.Needs != "":
		return Clean(p.Reason) + " (needs " + Clean(p.Needs) + ")"
	}
	return Clean(p.Reason)
}

// WhyOld says how old the facts are and why they are not newer.
func WhyOld[T any](h *hosts.HostFacts, p hosts.Part[T], now time.Time) string {
	text := "as of " + Age(p.Age(now)) + " ago"
	switch {
	case h.Link.State != hosts.StateConnected && h.Link.Reason != "":
		return text + ": host " + h.Link.State.String() + ": " + Clean(h.Link.Reason)
	case p.Reason != "":
		return text + ": " + Clean(p.Reason)
	}
	return text
}

// AsOf is the moment for which a part is to be read: now, or when it was read where it may have changed
// since, and in a capture, where what drained then does not drain for days.
func AsOf[T any](h *hosts.HostFacts, p hosts.Part[T], now time.Time) time.Time {
	if p.Known() && (h.Link.Captured() || Old(h, p)) {
		return p.At
	}
	return now
}
