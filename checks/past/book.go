package past

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// Entry is one event on the axis.
type Entry struct {
	hosts.Event
	Key   string // stable and unique
	Tone  Tone
	Stamp bool // nobody saw it happen: the facts say when it did
}

// Book keeps the past of a fleet while its snapshots come and go. It is not safe for use by several
// goroutines.
type Book struct {
	Limit int // entries that are kept, the newest; 0 means 5000

	pages   map[string]page
	seen    []hosts.Event
	lost    uint64
	extra   []hosts.Event
	entries []Entry
	dropped uint64
	watched time.Time
	made    bool
}

type page struct {
	facts *hosts.HostFacts
	said  []hosts.Event
}

const defaultLimit = 5000

// sameMoment is how far apart an event and what the facts say of it may be.
const sameMoment = 3 * time.Second

// Take reads a snapshot and what is known beside it, such as what operators did, and reports whether
// the past is another one than before.
func (b *Book) Take(s *hosts.Snapshot, extra []hosts.Event) bool {
	changed := !b.made || !same(b.seen, s.Events) || !same(b.extra, extra) || b.lost != s.Forgotten
	pages := make(map[string]page, len(s.Hosts))
	for _, h := range s.Hosts {
		old, ok := b.pages[h.Host.Name]
		if ok && old.facts == h {
			pages[h.Host.Name] = old
			continue
		}
		p := page{h, Stamps(h)}
		changed = changed || !slices.Equal(p.said, old.said)
		pages[h.Host.Name] = p
	}
	changed = changed || len(pages) != len(b.pages)
	b.pages, b.seen, b.extra, b.lost, b.made = pages, s.Events, extra, s.Forgotten, true
	if changed {
		b.write(s)
	}
	return changed
}

// same reports lists that hold the same: they only ever grow, and are cut at the front.
func same(a, b []hosts.Event) bool {
	return len(a) == len(b) && (len(a) == 0 || a[0] == b[0] && a[len(a)-1] == b[len(b)-1])
}

// Entries are all that is kept, oldest first; they must not be changed.
func (b *Book) Entries() []Entry { return b.entries }

// Watched is since when events were seen as they happened; zero when none was.
func (b *Book) Watched() time.Time { return b.watched }

// Dropped counts what is not kept any more.
func (b *Book) Dropped() uint64 { return b.dropped }

// ref points to an event, so that a large fleet's past is sorted without being moved.
type ref struct {
	at    int64
	event *hosts.Event
	stamp bool
}

func (b *Book) write(s *hosts.Snapshot) {
	n := len(s.Events) + len(b.extra)
	for _, p := range b.pages {
		n += len(p.said)
	}
	refs := make([]ref, 0, n)
	b.watched = time.Time{}
	down := map[string]bool{}
	add := func(list []hosts.Event, stamp bool) {
		for i := range list {
			// The first connection to a host is no event of the host: it is when the watch began.
			if list[i].Kind == "watch" { // what is known from before ended here, and a new watch begins
				b.watched = time.Time{}
				clear(down)
			}
			if e := &list[i]; e.Kind == "link" && !stamp {
				began := e.Action == hosts.StateConnected.String() && !down[e.Host]
				down[e.Host] = true
				if began {
					if b.watched.IsZero() || e.At.Before(b.watched) {
						b.watched = e.At
					}
					continue
				}
			}
			refs = append(refs, ref{list[i].At.UnixNano(), &list[i], stamp})
		}
	}
	add(s.Events, false)
	add(b.extra, false)
	for _, h := range s.Hosts {
		add(b.pages[h.Host.Name].said, true)
	}
	slices.SortFunc(refs, func(x, y ref) int { return cmp.Compare(x.at, y.at) })
	limit := cmp.Or(b.Limit, defaultLimit)
	// Half as many again as are kept, because some are said twice.
	skipped := max(0, len(refs)-limit-limit/2-1)
	all := make([]Entry, 0, len(refs)-skipped)
	for _, r := range refs[skipped:] {
		all = append(all, Entry{Event: *r.event, Stamp: r.stamp})
	}
	slices.SortStableFunc(all, func(x, y Entry) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(x.Host, y.Host), strings.Compare(x.Object, y.Object), strings.Compare(x.Action, y.Action))
	})
	all = once(all)
	over := max(0, len(all)-limit)
	b.entries, b.dropped = slices.Clone(all[over:]), s.Forgotten+uint64(skipped+over) //nolint:gosec // not negative
	taken := make(map[string]int, len(b.entries))
	for i := range b.entries {
		e := &b.entries[i]
		e.Tone = ToneOf(e.Event)
		key := strconv.FormatInt(e.At.UnixNano(), 36) + " " + e.Host + " " + e.Kind + " " + e.Object + " " + e.Action
		if n := taken[key]; n > 0 {
			e.Key = key + " " + strconv.Itoa(n)
		} else {
			e.Key = key
		}
		taken[key]++
	}
}

// once leaves out what the facts say of something that was seen.
func once(all []Entry) []Entry {
	type what struct{ host, kind, object, action string }
	seen := map[what][]time.Time{}
	for _, e := range all {
		if !e.Stamp {
			k := what{e.Host, e.Kind, e.Object, e.Action}
			seen[k] = append(seen[k], e.At)
		}
	}
	out := all[:0]
	for _, e := range all {
		if e.Stamp && slices.ContainsFunc(seen[what{e.Host, e.Kind, e.Object, e.Action}], func(at time.Time) bool {
			return at.Sub(e.At).Abs() <= sameMoment
		}) {
			continue
		}
		out = append(out, e)
	}
	return out
}
