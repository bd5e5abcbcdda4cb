package collect

import "time"

// Schedule remembers when each section of one host is due. A section that failed or took long is
// asked less often, so that a sick host is not made sicker.
type Schedule struct {
	next map[string]time.Time
	sick map[string]int
}

// Bounds of the back-off.
const (
	maxSick   = 5  // periods double at most this often: 32 times
	tookShare = 20 // a section may take at most 1/20 of its period
)

// Due returns the sections of all that are to be read at now. faster divides the period of the
// sections it names; nil divides none.
func (s *Schedule) Due(now time.Time, all []Section, faster map[string]int) []Section {
	var due []Section
	for _, sec := range all {
		at, asked := s.next[sec.ID]
		if d := faster[sec.ID]; d > 1 && asked {
			at = at.Add(-sec.Every + sec.Every/time.Duration(d))
		}
		if !asked || !now.Before(at) {
			due = append(due, sec)
		}
	}
	return due
}

// Done notes that a section was read, or tried, at now.
func (s *Schedule) Done(sec Section, now time.Time, took time.Duration, failed bool) {
	if s.next == nil {
		s.next, s.sick = map[string]time.Time{}, map[string]int{}
	}
	if failed {
		s.sick[sec.ID] = min(s.sick[sec.ID]+1, maxSick)
	} else {
		delete(s.sick, sec.ID)
	}
	every := max(sec.Every<<s.sick[sec.ID], took*tookShare)
	s.next[sec.ID] = now.Add(every)
}

// Soon makes a section due at once; "" makes all due.
func (s *Schedule) Soon(id string) {
	if id == "" {
		clear(s.next)
		return
	}
	delete(s.next, id)
}
