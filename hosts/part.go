package hosts

import "time"

// Part is one fact, or one list of facts, together with where it came from and how old it is.
// The zero Part means that nobody has asked yet.
type Part[T any] struct {
	Value  T
	Source string    // the command or API call that was read, as a person would run it
	At     time.Time // when Value was read, by our clock; zero while it never was
	Tried  time.Time // when it was last asked for, whether or not that worked
	Reason string    // why the last try gave no value, one clear line; "" when it did
	Needs  string    // what would make it readable ("root or passwordless sudo"); "" when nothing is missing
}

// Standing tells how far a Part can be trusted.
type Standing int

// The standings of a Part. The zero value is the one that claims least.
const (
	Unasked Standing = iota // never tried: loading
	Unknown                 // tried and not readable, nothing older to show
	Stale                   // an older value stands, the last try failed or is overdue
	Fresh                   // read when it was last asked for
)

func (s Standing) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Stale:
		return "stale"
	case Fresh:
		return "fresh"
	default:
		return "loading"
	}
}

// Standing derives the standing from what was recorded; a value is never fresh after a failed try.
func (p Part[T]) Standing() Standing {
	switch {
	case p.At.IsZero() && p.Reason == "":
		return Unasked
	case p.At.IsZero():
		return Unknown
	case p.Reason != "":
		return Stale
	default:
		return Fresh
	}
}

// Known reports whether there is a value to show, fresh or stale.
func (p Part[T]) Known() bool { return !p.At.IsZero() }

// Age is how old the value is at now; 0 when there is none.
func (p Part[T]) Age(now time.Time) time.Duration {
	if p.At.IsZero() || now.Before(p.At) {
		return 0
	}
	return now.Sub(p.At)
}

// Read returns the Part that follows a successful read.
func Read[T any](v T, source string, at time.Time) Part[T] {
	return Part[T]{Value: v, Source: source, At: at, Tried: at}
}

// Failed returns p after a try that gave nothing: the old value stays, marked with the reason.
func (p Part[T]) Failed(reason, needs, source string, at time.Time) Part[T] {
	p.Reason, p.Needs, p.Tried = reason, needs, at
	if p.Source == "" {
		p.Source = source
	}
	return p
}
