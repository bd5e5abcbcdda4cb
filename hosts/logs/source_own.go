package logs

import (
	"context"
	"slices"
	"time"

	"midwatch/hosts"
)

// Teller tells what is known of one host beside its logs, as lines: the events of it, or what its probes
// were answered. One goroutine uses it.
type Teller interface {
	// Tell returns all that is known, oldest first, once the host has said what it has or cannot. The
	// error says why nothing can be told.
	Tell(ctx context.Context) ([]hosts.Entry, error)
	// Wait waits until there may be more; the error is that of the context, or the end.
	Wait(ctx context.Context) error
}

// readOwn is the life of a source that a Teller has.
func (s *stream) readOwn(ctx context.Context, qu *queue, q hosts.LogQuery) {
	s.setState(qu, stateConnecting, "")
	if s.from.Own == nil {
		s.setState(qu, stateFailed, reason(errUnset))
		return
	}
	from := s.from.Own(qu.src)
	since := q.Since
	if q.Boot {
		if c := s.clocks.of(ctx, qu.src.Host, true); !c.boot.IsZero() {
			since = c.boot.Add(-c.offset)
		}
	}
	s.opened(qu, 0, false)
	told := telling{}
	for first := true; ; first = false {
		all, err := from.Tell(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.setState(qu, stateFailed, reason(err))
			return
		}
		fresh := told.fresh(&q, since, all)
		if n := tail(q); first && since.IsZero() && len(fresh) > n {
			fresh = fresh[len(fresh)-n:]
		}
		s.setState(qu, stateFollowing, "")
		for i := range fresh {
			if s.push(ctx, qu, fresh[i], false) != nil {
				return
			}
		}
		if !following(q) || from.Wait(ctx) != nil {
			s.setState(qu, stateEnded, "")
			return
		}
	}
}

// nearby is how far apart the same line may be that is told twice, once by who saw it happen and once by
// the facts.
const nearby = 3 * time.Second

// telling is what was told already: the times of each text.
type telling map[string][]time.Time

// fresh are the entries that are wanted and were not told yet. What is not known any more is forgotten.
func (t *telling) fresh(q *hosts.LogQuery, since time.Time, all []hosts.Entry) []hosts.Entry {
	var out []hosts.Entry
	now := make(telling, len(*t))
	for i := range all {
		e := &all[i]
		near := nearby
		if e.Source.Kind == hosts.LogProbes {
			near = 0
		}
		known := slices.ContainsFunc((*t)[e.Text], func(at time.Time) bool { return at.Sub(e.Time).Abs() <= near })
		now[e.Text] = append(now[e.Text], e.Time)
		if known || e.Time.Before(since) || !q.Until.IsZero() && e.Time.After(q.Until) || !wanted(q, e) {
			continue
		}
		out = append(out, *e)
	}
	*t = now
	return out
}
