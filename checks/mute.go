package checks

import (
	"errors"
	"fmt"
	"time"
)

// Mute says that a finding is known and may be silent until a day. Empty fields match everything.
type Mute struct {
	Check  string
	Host   string
	Object string
	File   string
	Reason string
	Until  time.Time
}

// Validate says what is missing: a mute without a reason or an end would be a lie that nobody owns.
func (m Mute) Validate() error {
	var faults []error
	if m.Check == "" {
		faults = append(faults, errors.New("mute: check is missing: name the check that is to be silent"))
	}
	if m.Reason == "" {
		faults = append(faults, fmt.Errorf("mute of %s: reason is missing", m.Check))
	}
	if m.Until.IsZero() {
		faults = append(faults, fmt.Errorf("mute of %s: until is missing: a mute wants an end", m.Check))
	}
	return errors.Join(faults...)
}

func (m *Mute) matches(f *Finding, now time.Time) bool {
	return f.Status == Found && m.Check == f.Check && now.Before(m.Until) &&
		(m.Host == "" || m.Host == f.Host) && (m.Object == "" || m.Object == f.Object) && (m.File == "" || m.File == f.File)
}

// mute marks what somebody said is known. An answer is muted when nothing else is left in it.
func (r *Report) mute(mutes []Mute) {
	if len(mutes) == 0 {
		return
	}
	for i := range r.Answers {
		a := &r.Answers[i]
		left := false
		for j := range a.Findings {
			f := &a.Findings[j]
			for k := range mutes {
				if mutes[k].matches(f, r.At) {
					f.Mute = &mutes[k]
					break
				}
			}
			left = left || f.Mute == nil
		}
		if a.Status == Found && !left {
			a.Status = Muted
		}
	}
}
