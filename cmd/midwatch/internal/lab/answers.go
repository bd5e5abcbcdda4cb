//go:build lab

package lab

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// answer is a key and how long it took until the terminal was sent what it brings about.
type answer struct {
	at   time.Time
	took time.Duration
}

func (a answer) end() time.Time { return a.at.Add(a.took) }

// answer writes a key and waits for the text that answers it, until limit at most.
func (c *Console) answer(keys, text string, limit time.Duration) (answer, bool) {
	c.t.Helper()
	at := time.Now()
	took, ok := c.Press(keys, text, limit)
	return answer{at, took}, ok
}

// typing types into the filter until the time is over.
func typing(t *testing.T, c *Console, until time.Time) []answer {
	t.Helper()
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	const empty = "text  !not" // what a filter may be is said while there is none
	var out []answer
	press := func(key, text string) bool {
		a, ok := c.answer(key, text, 5*time.Second)
		if !ok {
			t.Errorf("the key %q is not answered by %q within 5 s; the console wrote\n%s", key, text, c.Wrote())
		}
		out = append(out, a)
		await(t, 80*time.Millisecond) // as people type
		return ok
	}
	if !press("/", empty) {
		return out
	}
	for time.Now().Before(until) {
		// A filter that takes every line: the log goes on beneath it.
		for text := "!"; len(text) < len(letters) && time.Now().Before(until); text += letters[len(text)-1 : len(text)] {
			if !press(text[len(text)-1:], "filter "+text) {
				return out
			}
		}
		if !press("\x15", empty) { // ctrl+u
			return out
		}
	}
	return out
}

// echoEvery is how often a key is pressed that is only echoed.
const echoEvery = 15 * time.Millisecond

// echoing types into a program that only echoes, on a terminal of its own, until the time is over: so soon
// does this machine answer when there is nothing to do.
func echoing(t *testing.T, until time.Time) []answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "sh", "-c", "stty raw -echo && echo ready && exec cat")
	c := startConsole(t, cancel, cmd, 80, 24)
	goFirst(t, c.Pid)
	if _, ok := c.Press("", "ready", 20*time.Second); !ok {
		t.Error("no program that echoes can be run on a terminal")
		return nil
	}
	var out []answer
	for time.Now().Before(until) {
		a, ok := c.answer("x", "x", 20*time.Second)
		if !ok {
			t.Error("a key is not echoed within 20 s")
			return out
		}
		out = append(out, a)
		await(t, echoEvery)
	}
	return out
}

// The bounds within which the machine is good enough to judge the console by it.
const (
	echoBound   = keyGoal / 5 // a slower echo excuses the keys that were pressed meanwhile
	othersBound = 0.15        // of the processors, taken by what is no part of the test
)

// fair are the keys that were pressed and answered while every echo came soon: none of the others says
// anything about the console.
func fair(keys, echoes []answer) []answer {
	var slow []answer
	for _, e := range echoes {
		if e.took > echoBound {
			slow = append(slow, e)
		}
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k answer) bool {
		return slices.ContainsFunc(slow, func(e answer) bool { return e.at.Before(k.end()) && k.at.Before(e.end()) })
	})
}

// within is the time within which so many of a hundred were answered.
func within(list []answer, percent int) time.Duration {
	if len(list) == 0 {
		return 0
	}
	took := make([]time.Duration, len(list))
	for i, a := range list {
		took[i] = a.took
	}
	slices.Sort(took)
	return took[min(len(took)-1, len(took)*percent/100)].Round(time.Millisecond / 10)
}

// slowest are the answers that took longest, in the order of their moments after the start.
func slowest(list []answer, start time.Time) string {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b answer) int { return int(b.took - a.took) })
	list = list[:min(len(list), 12)]
	slices.SortFunc(list, func(a, b answer) int { return a.at.Compare(b.at) })
	var out []string
	for _, a := range list {
		out = append(out, fmt.Sprintf("%.1fs+%dms", a.at.Sub(start).Seconds(), a.took.Milliseconds()))
	}
	return strings.Join(out, " ")
}

// judgeKeys says what came of the goal for keys. poured says that the lines came at the rate that the goal is
// about; others is the share of the processors that was taken by what is no part of the test: a console that has
// to share them with a whole test run is not what the goal is about.
func judgeKeys(keys, echoes []answer, poured bool, others float64) (verdict string, fails bool) {
	calm := fair(keys, echoes)
	switch {
	case !poured:
		return "NOT JUDGED: this machine does not write lines as fast as they are wanted", false
	case within(keys, 99) <= keyGoal:
		return "goal met", false
	case within(calm, 99) <= keyGoal && 2*len(calm) >= len(keys):
		return "goal met by the keys during which this machine echoed within " + echoBound.String(), false
	case others > othersBound || 2*len(calm) < len(keys):
		return "NOT JUDGED, GOAL NOT MET: this machine has too much else to do", false
	}
	return "goal not met", true
}
