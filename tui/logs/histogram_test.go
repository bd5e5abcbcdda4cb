package logs

import (
	"math/rand"
	"testing"
	"time"

	"midwatch/hosts"
	"midwatch/tui/ui"
)

// The bars together are the lines that are shown, whatever is filtered and however wide the pane is.
func TestHistogramCountsWhatIsShown(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA, srcB), nil).open()
	rng := rand.New(rand.NewSource(3))
	var es []hosts.Entry
	for i := range 5000 {
		e := entry([]hosts.LogSource{srcA, srcB}[i%2], t0.Add(time.Duration(rng.Intn(3600_000))*time.Millisecond), "even")
		if i%7 == 0 {
			e.Text, e.Level = "odd", hosts.LevelError
		}
		es = append(es, e)
	}
	g.feed(hosts.LogBatch{Entries: es, Status: following(srcA, srcB), Dropped: 3})
	for _, x := range []struct {
		filter    string
		all, errs uint32
	}{{"", 5000, 715}, {"odd", 715, 715}, {"even", 4285, 0}, {"nothing", 0, 0}} {
		g.s.filter.set(x.filter)
		g.run(g.s.rescan())
		for _, w := range []int{8, 40, 120} {
			m := runCount(t.Context(), g.s.countJob(1, w))().(countedMsg)
			if len(m.bins.counts) > w {
				t.Errorf("%q: %d bins in %d cells", x.filter, len(m.bins.counts), w)
			}
			all, errs := uint32(0), uint32(0)
			for i := range m.bins.counts {
				all += m.bins.all(i, hosts.LevelNone)
				errs += m.bins.all(i, hosts.LevelError)
			}
			if all != x.all || errs != x.errs {
				t.Errorf("%q in %d cells: %d lines and %d errors, want %d and %d", x.filter, w, all, errs, x.all, x.errs)
			}
		}
	}
}

func TestHistogramZooms(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil).open()
	var es []hosts.Entry
	for i := range 600 {
		e := entry(srcA, t0.Add(time.Duration(i)*time.Second), "line")
		if i == 300 {
			e.Level = hosts.LevelError
		}
		es = append(es, e)
	}
	g.feed(hosts.LogBatch{Entries: es, Status: following(srcA)})
	g.keys("i")
	g.has("Lines over time")
	g.has("a column is 10s")
	g.keys("N") // from the end back to the error
	g.has("02:05:00 to 02:05:10  10 lines  1 error  9 info")
	if l := g.s.current(); l == nil || l.key != t0.Add(5*time.Minute).UnixNano() {
		t.Errorf("the log is at %+v", l)
	}
	g.keys(" ", "l", "l", "enter")
	g.has("30 of 600")
	g.has("02:05:00 to 02:05:30 (x)")
	g.keys("-")
	g.hasNot("(x)")
	g.keys("enter", "esc") // the pane closes, the time stays
	g.has("10 of 600")
	g.keys("esc")
	g.hasNot("(x)")
	g.hasNot("10 of 600")
}

// Bins of any two moments are few enough, in order, and hold both.
func TestLayBins(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewSource(5))
	for range 5000 {
		from := t0.UnixNano() + rng.Int63n(1e18) - 2e18
		to := from + 1 + rng.Int63n(int64(1)<<rng.Intn(62))
		most := 1 + rng.Intn(200)
		b := layBins(from, to, most)
		if n := len(b.counts); n < 1 || n > max(2, most) {
			t.Fatalf("%d bins for %d cells of %v", n, most, time.Duration(to-from))
		}
		if b.binOf(from) != 0 || b.binOf(to-1) != len(b.counts)-1 {
			t.Fatalf("the ends are in bins %d and %d of %d", b.binOf(from), b.binOf(to-1), len(b.counts))
		}
	}
	if b := layBins(5, 5, 80); len(b.counts) != 0 {
		t.Error("no time has bins")
	}
}

func TestRangeText(t *testing.T) {
	t.Parallel()
	s := &Screen{now: t0}
	for want, d := range map[string]time.Duration{
		"02:00:00 to 02:00:10": 10 * time.Second, "02:00:00.000 to 02:00:00.050": 50 * time.Millisecond, "Mar 14 02:00 to Mar 15 02:00": 24 * time.Hour,
	} {
		if got := s.rangeText(t0.UnixNano(), t0.Add(d).UnixNano()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if ui.Width(shortCount(99_999)) > histLabelW-1 || ui.Width(shortCount(9_999_999)) > histLabelW-1 {
		t.Error("a count is wider than its column")
	}
}
