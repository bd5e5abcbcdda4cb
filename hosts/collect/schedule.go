package collect

import "time"

// Schedule remembers when each section of one host is due. A section that failed or took long is
// asked less often, so that a sick host is not made sicker.
type Schedule struct {
	past map[string]past
}

// past is the last read of a section.
type past struct {
	at    time.Time
	every time.Duration // until the next one
	least time.Duration // what every may not be cut below
	sick  int           // failures in a row
}

// Bounds of the back-off.
const (
	maxSick   = 5  // periods double at most this often: 32 times
	tookShare = 20 // a section may take at most 1/20 of its period
)

// Due returns the sections of all that are to be read at now, and those that would be due within
// early, because one batch is cheaper than two; no period is cut by more than a third for that.
// faster divides the period of the sections it names; nil divides none.
func (s *Schedule) Due(now time.Time, early time.Duration, all []Section, faster map[string]int) []Section {
	var due []Section
	for _, sec := range all {
		if !now.Before(s.next(sec.ID, faster).Add(-min(early, s.past[sec.ID].every/3))) {
			due = append(due, sec)
		}
	}
	return due
}

// Next returns when the first of the sections is due; the zero time when one is due already.
func (s *Schedule) Next(all []Section, faster map[string]int) time.Time {
	var first time.Time
	for i, sec := range all {
		if at := s.next(sec.ID, faster); i == 0 || at.Before(first) {
			first = at
		}
	}
	return first
}

func (s *Schedule) next(id string, faster map[string]int) time.Time {
	p, asked := s.past[id]
	if !asked {
		return time.Time{}
	}
	every := p.every
	if d := faster[id]; d > 1 && p.sick == 0 {
		every = max(every/time.Duration(d), p.least)
	}
	return p.at.Add(every)
}

// Done notes that a section was read, or tried, at now.
func (s *Schedule) Done(sec Section, now time.Time, took time.Duration, failed bool) {
	if s.past == nil {
		s.past = map[string]past{}
	}
	p := past{at: now, least: took * tookShare}
	if failed {
		p.sick = min(s.past[sec.ID].sick+1, maxSick)
	}
	p.every = max(sec.Every<<p.sick, p.least)
	s.past[sec.ID] = p
}

// Soon makes all sections due at once.
func (s *Schedule) Soon() { clear(s.past) }

// Sooner makes one section due as soon as its last read, if that was a dear one, allows.
func (s *Schedule) Sooner(id string) {
	if p, ok := s.past[id]; ok && p.sick == 0 {
		p.every = p.least
		s.past[id] = p
	}
}
