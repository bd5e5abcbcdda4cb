package timeline

import (
	"cmp"
	"slices"
	"time"

	"midwatch/checks/past"
)

// spans are the widths of the window, from near to far.
func spans() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		day, 3 * day, 7 * day, 30 * day, 90 * day, 365 * day,
	}
}

// window is the part of time that is seen: from, and up to but without to.
type window struct{ from, to time.Time }

func (w window) holds(at time.Time) bool { return !at.Before(w.from) && at.Before(w.to) }

// column is the cell of n that a moment falls in, -1 outside.
func (w window) column(at time.Time, n int) int {
	d := w.to.Sub(w.from)
	if n <= 0 || d <= 0 || !w.holds(at) {
		return -1
	}
	return min(n-1, int(float64(at.Sub(w.from))/float64(d)*float64(n)))
}

// lanes puts entries into rows of n cells, each with the worst tone in it.
type lane struct {
	name  string
	count int
	worst past.Tone
	cells []cell
}

type cell struct {
	count int
	tone  past.Tone
}

func (l *lane) put(col int, t past.Tone) {
	l.count++
	l.worst = max(l.worst, t)
	c := &l.cells[col]
	c.count++
	c.tone = max(c.tone, t)
}

// lanes makes at most most lanes of n cells. With more names than that, the last one holds all the
// rest; those with the worst events, then with the most, have a lane of their own.
func lanes(entries []past.Entry, w window, n, most int, name func(past.Entry) string) []lane {
	if n <= 0 || most <= 0 {
		return nil
	}
	byName := map[string]*lane{}
	var all []*lane
	for i := range entries {
		e := &entries[i]
		col := w.column(e.At, n)
		if col < 0 {
			continue
		}
		k := name(*e)
		l := byName[k]
		if l == nil {
			l = &lane{name: k, cells: make([]cell, n)}
			byName[k], all = l, append(all, l)
		}
		l.put(col, e.Tone)
	}
	slices.SortFunc(all, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(b.worst, a.worst), cmp.Compare(b.count, a.count), cmp.Compare(a.name, b.name))
	})
	var rest *lane
	if len(all) > most {
		rest = &lane{name: plus(len(all) - most + 1), cells: make([]cell, n)}
		for _, l := range all[most-1:] {
			for i, c := range l.cells {
				rest.cells[i].count += c.count
				rest.cells[i].tone = max(rest.cells[i].tone, c.tone)
			}
			rest.count += l.count
			rest.worst = max(rest.worst, l.worst)
		}
		all = all[:most-1]
	}
	slices.SortFunc(all, func(a, b *lane) int { return cmp.Compare(a.name, b.name) })
	out := make([]lane, 0, len(all)+1)
	for _, l := range all {
		out = append(out, *l)
	}
	if rest != nil {
		out = append(out, *rest)
	}
	return out
}

// tick is a label of the ruler.
type tick struct {
	col  int
	text string
}

// steps are the distances of ticks.
func steps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
		15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 30 * day, 60 * day,
	}
}

// tickWidth is the least room of a tick: its label and air.
const tickWidth = 12

// ticks are round moments of the window in the zone loc, far enough apart to be read.
func ticks(w window, n int, loc *time.Location) []tick {
	d := w.to.Sub(w.from)
	if n < tickWidth || d <= 0 {
		return nil
	}
	all := steps()
	step := all[len(all)-1]
	for _, s := range all {
		if int(d/s) <= n/tickWidth {
			step = s
			break
		}
	}
	layout := "15:04"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 24*time.Hour:
		layout = "Jan 02"
	}
	// Round in local time, or days would begin at odd hours.
	_, offset := w.from.In(loc).Zone()
	shift := time.Duration(offset) * time.Second
	at := w.from.Add(shift).Truncate(step).Add(-shift)
	var out []tick
	for ; at.Before(w.to); at = at.Add(step) {
		col := w.column(at, n)
		if col < 0 {
			continue
		}
		text := at.In(loc).Format(layout)
		if layout == "15:04" && at.In(loc).Hour() == 0 && at.In(loc).Minute() == 0 {
			text = at.In(loc).Format("Jan 02")
		}
		if col+len(text) <= n {
			out = append(out, tick{col, text})
		}
	}
	return out
}
