package collect

import (
	"strconv"
	"strings"
	"time"
)

// Clock is how far a host's clock is from ours.
type Clock struct {
	Offset time.Duration // the host's minus ours; positive when the host is ahead
	Error  time.Duration // the true offset is within Offset ± Error
	Known  bool
}

// clockMeter narrows the offset down by every moment that is known on both clocks: what the host
// stamped cannot have been before we asked nor after we read it.
type clockMeter struct {
	low, high time.Duration // bounds of the offset
	haveLow   bool
	haveHigh  bool
}

// after notes that the host's stamp was made after ours.
func (m *clockMeter) after(host, ours time.Time) {
	if d := host.Sub(ours); !m.haveHigh || d < m.high {
		m.high, m.haveHigh = d, true
	}
}

// before notes that the host's stamp was made before ours.
func (m *clockMeter) before(host, ours time.Time) {
	if d := host.Sub(ours); !m.haveLow || d > m.low {
		m.low, m.haveLow = d, true
	}
}

// clock returns the middle of the bounds. Bounds that cross mean that a clock was set meanwhile.
func (m *clockMeter) clock(grain time.Duration) Clock {
	if !m.haveLow || !m.haveHigh || m.low > m.high+grain {
		return Clock{}
	}
	return Clock{Offset: m.low + (m.high-m.low)/2, Error: (m.high-m.low).Abs()/2 + grain, Known: true}
}

// stamp reads what date +%s.%N printed, and how exact that is: busybox prints whole seconds.
func stamp(s string) (time.Time, time.Duration, bool) {
	sec, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, 0, false
	}
	ns, err := strconv.ParseInt(frac, 10, 64)
	if err != nil || len(frac) != 9 || ns < 0 {
		return time.Unix(n, int64(500*time.Millisecond)), 500 * time.Millisecond, true
	}
	return time.Unix(n, ns), 0, true
}
