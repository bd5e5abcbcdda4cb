//go:build lab

package lab

import (
	"testing"
	"time"
)

// A console is blamed for its own slowness, and for nobody else's.
func TestKeysAreJudgedFairly(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 14, 2, 0, 0, 0, time.UTC)
	// A key each 100 ms, every tenth of them slow; an echo each 20 ms.
	const n = 200
	make2 := func(slowKey, slowEcho time.Duration) (keys, echoes []answer) {
		for i := range n {
			at := start.Add(time.Duration(i) * 100 * time.Millisecond)
			took := 5 * time.Millisecond
			if i%10 == 0 {
				took = slowKey
			}
			keys = append(keys, answer{at, took})
			for j := range 5 {
				e := answer{at.Add(time.Duration(j) * 20 * time.Millisecond), time.Millisecond}
				if i%10 == 0 && j == 1 {
					e.took = slowEcho
				}
				echoes = append(echoes, e)
			}
		}
		return keys, echoes
	}
	for name, x := range map[string]struct {
		key, echo time.Duration
		others    float64
		fails     bool
	}{
		"quick":                        {keyGoal - 1, 1, 0, false},
		"slow":                         {keyGoal + 1e6, 1, 0, true},
		"slow as the machine":          {keyGoal + 1e6, echoBound + 1e6, 0, false},
		"slower than the machine":      {keyGoal + 1e6, echoBound - 1e6, 0, true},
		"slow, and others were busy":   {keyGoal + 1e6, 1, othersBound + 0.01, false},
		"slow, and others were little": {keyGoal + 1e6, 1, othersBound - 0.01, true},
	} {
		keys, echoes := make2(x.key, x.echo)
		if verdict, fails := judgeKeys(keys, echoes, true, x.others); fails != x.fails {
			t.Errorf("%s: %q", name, verdict)
		}
	}
	keys, echoes := make2(keyGoal+1e6, 1)
	for i := range echoes {
		echoes[i].took = echoBound + 1e6 // nothing can be said about any key
	}
	if verdict, fails := judgeKeys(keys, echoes, true, 0); fails {
		t.Errorf("a machine that never answers: %q", verdict)
	}
	if verdict, _ := judgeKeys(nil, nil, false, 0); verdict == "goal met" {
		t.Error("the goal is met by fewer lines")
	}
}
