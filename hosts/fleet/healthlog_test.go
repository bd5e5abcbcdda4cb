package fleet

import (
	"testing"
	"time"

	"midwatch/hosts"
)

func TestHealthchecksAreRemembered(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	runs := func(from, to int) []hosts.HealthResult {
		var out []hosts.HealthResult
		for i := from; i <= to; i++ {
			r := hosts.HealthResult{At: at.Add(time.Duration(i) * 30 * time.Second), Output: "said"}
			if i%10 == 3 {
				r.Exit = 1
			}
			out = append(out, r)
		}
		return out
	}
	c := func(started int, rs []hosts.HealthResult) []hosts.Container {
		return []hosts.Container{{ID: "a", Started: at.Add(time.Duration(started) * time.Second), HealthLog: rs}, {ID: "b"}}
	}
	have := c(0, runs(0, 4))
	for last := 6; last <= 200; last += 2 {
		next := c(0, runs(last-4, last))
		keepChecks(next, have)
		have = next
	}
	log := have[0].HealthLog
	if len(log) != checksKept || log[len(log)-1].At != runs(200, 200)[0].At {
		t.Fatalf("%d runs, the last of %s", len(log), log[len(log)-1].At)
	}
	for i := 1; i < len(log); i++ {
		if log[i].At.Sub(log[i-1].At) != 30*time.Second {
			t.Fatalf("a run is missing or there twice at %d", i)
		}
		if old := i < len(log)-5; old && (log[i].Output == "") != (log[i].Exit == 0) {
			t.Errorf("run %d: exit %d, output %q", i, log[i].Exit, log[i].Output)
		}
	}
	if have[1].HealthLog != nil {
		t.Error("a container without a check has runs")
	}
	again := c(9, runs(201, 201))
	keepChecks(again, have)
	if len(again[0].HealthLog) != 1 {
		t.Errorf("a container that was started anew has %d runs of its former life", len(again[0].HealthLog)-1)
	}
}
