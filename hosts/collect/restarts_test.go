package collect

import (
	"testing"
	"time"

	"midwatch/hosts"
)

func TestRestartsAreCounted(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	var have []hosts.Unit
	read := func(n int, after time.Duration) {
		got := []hosts.Unit{{Name: "a.service", Restarts: n}, {Name: "a.timer"}}
		keepCounts(got, have, at.Add(after))
		have = got
	}
	read(5, 0)
	if n := have[0].RestartsSince(at.Add(-time.Hour)); n != 0 {
		t.Errorf("what was there before we looked is no restart of now: %d", n)
	}
	read(5, time.Minute)
	read(7, 2*time.Minute)
	read(8, 20*time.Minute)
	read(1, 21*time.Minute) // started by hand, and restarted once
	for _, k := range []struct {
		since time.Duration
		want  int
	}{{-time.Hour, 4}, {10 * time.Minute, 2}, {20 * time.Minute, 1}, {21 * time.Minute, 0}} {
		if n := have[0].RestartsSince(at.Add(k.since)); n != k.want {
			t.Errorf("since %s: %d, want %d", k.since, n, k.want)
		}
	}
	if len(have[0].Counts) != 4 || have[1].Counts != nil {
		t.Errorf("counts %+v, of the timer %+v", have[0].Counts, have[1].Counts)
	}
	before := have[0].Counts[0]
	for i := range 2 * restartCounts {
		read(10+i, time.Hour)
	}
	if n := len(have[0].Counts); n != restartCounts || before.N != 5 {
		t.Errorf("%d counts are kept", n)
	}
}
