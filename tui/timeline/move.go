package timeline

import (
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// frozen is the age from which a first snapshot is not that of a live fleet, which would have another
// by then: a capture's present is its own.
const frozen = 10 * time.Minute

// present is the newest moment there is: now, or when the capture was made.
func (s *Screen) present() time.Time {
	now := s.d.Now()
	if s.snap != nil && s.snap.Gen <= 1 && !s.snap.At.IsZero() && now.Sub(s.snap.At) > frozen {
		return s.snap.At.In(now.Location())
	}
	return now
}

// enough events to begin with: the first window is the narrowest that holds so many.
const enough = 8

// fitFirst chooses the first window: narrow, and not empty.
func (s *Screen) fitFirst() {
	chosen := s.sel
	now := s.present()
	for i, d := range spans() {
		s.span = i
		n := 0
		for _, e := range chosen {
			if e.At.After(now.Add(-d)) {
				n++
			}
		}
		if d >= time.Hour && n >= min(enough, len(chosen)) {
			return
		}
	}
}

// fitAll shows all that is kept.
func (s *Screen) fitAll() tea.Cmd {
	chosen := s.sel
	if len(chosen) == 0 {
		return ui.Toast(hosts.LevelInfo, "there is nothing to show")
	}
	s.end = time.Time{}
	need := s.present().Sub(chosen[0].At)
	all := spans()
	s.span = len(all) - 1
	if i := slices.IndexFunc(all, func(d time.Duration) bool { return d > need }); i >= 0 {
		s.span = i
	}
	s.rows()
	return nil
}

// zoom goes nearer (by -1) or farther, and keeps the selected event in sight.
func (s *Screen) zoom(by int) {
	to := max(0, min(s.span+by, len(spans())-1))
	if to == s.span {
		return
	}
	before := s.window()
	s.span = to
	r, ok := s.table.Selected()
	if ok {
		// The event stays in its column.
		d, was := spans()[to], before.to.Sub(before.from)
		part := float64(r.Value.At.Sub(before.from)) / float64(was)
		s.moveTo(r.Value.At.Add(time.Duration((1 - part) * float64(d))))
	}
	s.rows()
}

// moveTo puts the end of the window at a moment; one that is not past is now.
func (s *Screen) moveTo(end time.Time) {
	if now := s.present(); end.After(now.Add(-spans()[s.span] / 100)) {
		end = time.Time{}
	}
	s.end = end
}

// pan moves the window by halves of itself.
func (s *Screen) pan(halves int) {
	w := s.window()
	s.moveTo(w.to.Add(time.Duration(halves) * spans()[s.span] / 2))
	s.rows()
}

// step selects the next event in another column, in the window or beyond it.
func (s *Screen) step(newer bool) tea.Cmd {
	l, w := s.layout(), s.window()
	at := w.to
	if newer {
		at = w.from.Add(-1)
	}
	col := -2
	if r, ok := s.table.Selected(); ok {
		at, col = r.Value.At, w.column(r.Value.At, l.cells)
	}
	order := slices.All[[]past.Entry]
	if !newer {
		order = slices.Backward[[]past.Entry]
	}
	for _, e := range order(s.sel) {
		if newer && !e.At.After(at) || !newer && !e.At.Before(at) {
			continue
		}
		if c := w.column(e.At, l.cells); c >= 0 && c == col {
			continue
		}
		s.show(e)
		return nil
	}
	word := "earlier"
	if newer {
		word = "later"
	}
	return ui.Toast(hosts.LevelInfo, "nothing "+word+" is known")
}

// show selects an event, with the window around it.
func (s *Screen) show(e past.Entry) {
	if w := s.window(); !w.holds(e.At) {
		s.moveTo(e.At.Add(spans()[s.span] / 2))
	}
	s.rows()
	s.table.Select(e.Key)
	s.detail()
}

// pick selects the event nearest to a column of the axis.
func (s *Screen) pick(col int) {
	l, w := s.layout(), s.window()
	if col < 0 || col >= l.cells {
		return
	}
	var best past.Entry
	dist := -1
	for _, e := range s.sel {
		c := w.column(e.At, l.cells)
		if c < 0 {
			continue
		}
		if d := max(c-col, col-c); dist < 0 || d <= dist {
			best, dist = e, d
		}
	}
	if dist >= 0 {
		s.table.Select(best.Key)
		s.detail()
	}
}

// around counts what else happened near an event: within a minute, on its host and elsewhere.
func (s *Screen) around(e past.Entry) near {
	var n near
	for i := range s.entries {
		o := &s.entries[i]
		if o.Key == e.Key || o.At.Sub(e.At).Abs() > time.Minute {
			continue
		}
		if o.Host == e.Host {
			n.here = append(n.here, *o)
		} else {
			n.elsewhere++
		}
	}
	return n
}

type near struct {
	here      []past.Entry
	elsewhere int
}
