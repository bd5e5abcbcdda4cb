package checks

import "time"

// Tracker remembers findings over successive runs: since when each is there, which are new, and which
// are held back because they have not lasted. It belongs to one goroutine.
type Tracker struct {
	known map[string]*tracked
}

type tracked struct {
	f     Finding
	first time.Time
	shown bool
}

// Delta is what changed from one run to the next.
type Delta struct {
	New   []Finding // shown for the first time
	Still []Finding
	Gone  []Finding // no longer found, where somebody looked
	Held  []Finding // found, and not for long enough to be shown
	// Since says when each finding that is there now was first seen, by its ID.
	Since map[string]time.Time
}

// NewTracker returns one that knows nothing.
func NewTracker() *Tracker { return &Tracker{known: map[string]*tracked{}} }

// Add takes the next report. What a check could not tell this time stays as it was: a host that is
// away has not become well. Findings that are muted or explained by another are not counted.
func (t *Tracker) Add(r *Report) Delta {
	d := Delta{Since: map[string]time.Time{}}
	now := map[string]bool{}
	unsure := map[[2]string]bool{} // by check and host
	asked := map[string]bool{}
	for i := range r.Answers {
		a := &r.Answers[i]
		asked[a.Check.ID] = true
		if a.Status == Unknown || hasUnsure(a) {
			unsure[[2]string{a.Check.ID, a.Host}] = true
		}
		for j := range a.Findings {
			f := &a.Findings[j]
			if f.Status == Found && f.Under == "" && f.Mute == nil {
				now[f.ID()] = true
				t.see(f, a, r.At, &d)
			}
		}
	}
	for id, k := range t.known {
		switch {
		case now[id]:
			continue
		case !asked[k.f.Check], unsure[[2]string{k.f.Check, k.f.Host}], unsure[[2]string{k.f.Check, ""}]:
			if k.shown {
				d.Still = append(d.Still, k.f)
				d.Since[id] = k.first
			}
			continue
		case k.shown:
			d.Gone = append(d.Gone, k.f)
		}
		delete(t.known, id)
	}
	for _, list := range [][]Finding{d.New, d.Still, d.Gone, d.Held} {
		Sort(list)
	}
	return d
}

func hasUnsure(a *Answer) bool {
	for i := range a.Findings {
		if a.Findings[i].Status == Unknown {
			return true
		}
	}
	return false
}

func (t *Tracker) see(f *Finding, a *Answer, at time.Time, d *Delta) {
	id := f.ID()
	k := t.known[id]
	if k == nil {
		k = &tracked{first: at}
		t.known[id] = k
	}
	k.f = *f
	d.Since[id] = k.first
	switch {
	case k.shown:
		d.Still = append(d.Still, *f)
	case a.Check.Holds > 0 && at.Sub(k.first) < a.Check.Holds:
		d.Held = append(d.Held, *f)
	default:
		k.shown = true
		d.New = append(d.New, *f)
	}
}

// Compare says what changed between two reports that stand alone; nothing is held back.
func Compare(before, after *Report) Delta {
	t := NewTracker()
	t.Add(before)
	for _, k := range t.known {
		k.shown = true
	}
	d := t.Add(after)
	d.New = append(d.New, d.Held...)
	d.Held = nil
	Sort(d.New)
	return d
}
