package logs

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"midwatch/hosts"
)

// clock is what is known of a host's time.
type clock struct {
	offset time.Duration // how far it is ahead of ours; 0 when that is not known
	boot   time.Time     // when the host was started, by its own clock; zero when that is not known
}

// clocks measures the clocks of hosts, each once as long as that holds.
type clocks struct {
	from Sources
	mu   sync.Mutex // guards by; a measurement runs without it
	by   map[string]*measurement
}

// measurement is the last look at one host's clock.
type measurement struct {
	mu    sync.Mutex // held while it is made: those who need the same wait for it
	at    time.Time
	clock clock
	known bool
}

// clockAge is how long a measurement holds: a quartz that is off by fifty millionths has drifted by half a
// millisecond in ten seconds, by thirty in ten minutes.
const clockAge = 10 * time.Minute

// clockTimeout bounds a measurement, which may have to wait for the connection. A host that could not be
// asked is not asked anew for as long: its other sources must not wait for that one after another.
const clockTimeout = 10 * time.Second

// exact is the error of a measurement that is good enough. The first one may have waited for the connection.
const exact = 100 * time.Millisecond

func newClocks(from Sources) *clocks { return &clocks{from: from, by: map[string]*measurement{}} }

// told is the offset that the fleet knows, without asking anybody.
func (c *clocks) told(host string) (time.Duration, bool) {
	if c.from.Clock == nil {
		return 0, false
	}
	offset, within, known := c.from.Clock(host)
	return certain(offset, within), known
}

// certain is an offset as far as it is more than the error of its measurement.
func certain(offset, within time.Duration) time.Duration {
	if offset.Abs() <= within {
		return 0
	}
	return offset
}

// of returns the clock of a host; boot asks for the moment it was started, too.
func (c *clocks) of(ctx context.Context, host string, boot bool) clock {
	offset, known := c.told(host)
	if known && !boot {
		return clock{offset: offset}
	}
	c.mu.Lock()
	m, ok := c.by[host]
	if !ok {
		m = new(measurement)
		c.by[host] = m
	}
	c.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	holds := clockTimeout
	if m.known {
		holds = clockAge
	}
	if m.at.IsZero() || time.Since(m.at) > holds {
		m.clock, m.known = measure(ctx, host, c.from)
		m.at = time.Now()
	}
	if known {
		return clock{offset: offset, boot: m.clock.boot}
	}
	return m.clock
}

// clockScript says the time and how long the host has been up.
const clockScript = `date +%s.%N; cat /proc/uptime`

func measure(ctx context.Context, host string, from Sources) (clock, bool) {
	if from.Runner == nil {
		return clock{}, false
	}
	conn, err := from.Runner(ctx, host)
	if err != nil {
		return clock{}, false
	}
	var took time.Duration
	ask := func() (clock, bool) {
		before := time.Now()
		res, err := conn.Run(ctx, hosts.Cmd{Argv: []string{"sh", "-c", clockScript}, Limit: 4096, Timeout: clockTimeout})
		took = time.Since(before)
		if err != nil {
			return clock{}, false
		}
		return readClock(string(res.Stdout), before.Add(took/2), took/2)
	}
	c, ok := ask()
	if !ok || took/2 <= exact {
		return c, ok
	}
	first := took
	if again, ok := ask(); ok && took < first {
		c = again
	}
	return c, true
}

// readClock reads what the script printed; it did so at ours, give or take within.
func readClock(said string, ours time.Time, within time.Duration) (clock, bool) {
	stamp, rest, _ := strings.Cut(said, "\n")
	sec, frac, _ := strings.Cut(strings.TrimSpace(stamp), ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return clock{}, false
	}
	theirs := time.Unix(n, 0)
	if ns, err := strconv.ParseInt(frac, 10, 64); err == nil && len(frac) == 9 && ns >= 0 {
		theirs = time.Unix(n, ns)
	} else { // busybox knows whole seconds only
		theirs, within = theirs.Add(time.Second/2), within+time.Second/2
	}
	c := clock{offset: certain(theirs.Sub(ours), within)}
	if up, err := strconv.ParseFloat(word(rest), 64); err == nil && up > 0 {
		c.boot = theirs.Add(-time.Duration(up * float64(time.Second)))
	}
	return c, true
}

// word is the first word of a text.
func word(s string) string {
	w, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return w
}
