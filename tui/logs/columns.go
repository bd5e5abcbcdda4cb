package logs

import (
	"time"

	"midwatch/tui/ui"
)

// columns are the widths of what stands before the text of a line; 0 is a column not shown. Each
// shown one is followed by a blank. The gutter of one cell comes first.
type columns struct {
	time, host, source, level int
	count                     int // how often the line was repeated
	text                      int
}

const (
	gutterW = 1
	levelW  = 1
	clockW  = len("15:04:05")
	milliW  = len("15:04:05.000")
	ageW    = 6
	countW  = 5
	// narrow is the width below which a line is all text, wide the one from which times are exact.
	narrow = 40
	wide   = 110
)

// layoutColumns gives a line of w cells its columns. host and source are the widths their longest
// names would like, 0 for a column switched off.
func layoutColumns(w int, mode ui.LogTime, host, source int, fold bool) columns {
	c := columns{level: levelW}
	if fold {
		c.count = countW
	}
	if w >= narrow {
		switch mode {
		case ui.TimeLocal:
			c.time = clockW
			if w >= wide {
				c.time = milliW
			}
		case ui.TimeUTC:
			c.time = clockW + 1
			if w >= wide {
				c.time = milliW + 1
			}
		case ui.TimeAge:
			c.time = ageW
		}
		c.host = min(host, max(6, w/9), 20)
		c.source = min(source, max(8, w/6), 30)
	}
	c.text = w - gutterW
	for _, n := range [...]int{c.time, c.host, c.source, c.level, c.count} {
		if n > 0 {
			c.text -= n + 1
		}
	}
	if c.text < 8 && w > 0 {
		return columns{text: max(0, w-gutterW)}
	}
	return c
}

// appendTime writes the time column in exactly w cells. A line of another day has its date, or its
// age where there is no room for one.
func appendTime(dst []byte, mode ui.LogTime, at, now time.Time, w int) []byte {
	from := len(dst)
	switch {
	case at.IsZero():
		dst = append(dst, '-')
	case mode == ui.TimeAge:
		dst = append(dst, ui.Age(now.Sub(at))...)
	default:
		loc := now.Location()
		if mode == ui.TimeUTC {
			loc = time.UTC
		}
		at, now = at.In(loc), now.In(loc)
		clock := true
		other := at.YearDay() != now.YearDay() || at.Year() != now.Year()
		switch {
		case other && w >= milliW:
			dst = at.AppendFormat(dst, "Jan 02 15:04")
		case other && now.Sub(at) >= time.Hour:
			dst = append(dst, ui.Age(now.Sub(at))...)
			clock = false
		case w >= milliW:
			dst = at.AppendFormat(dst, "15:04:05.000")
		default:
			dst = at.AppendFormat(dst, "15:04:05")
		}
		if mode == ui.TimeUTC && clock {
			dst = append(dst, 'Z')
		}
	}
	if n := len(dst) - from; n < w { // to the right, where ages line up
		dst = append(dst, ui.Spaces(w-n)...)
		copy(dst[from+w-n:], dst[from:from+n])
		copy(dst[from:], ui.Spaces(w-n))
	}
	return dst[:min(len(dst), from+w)]
}
