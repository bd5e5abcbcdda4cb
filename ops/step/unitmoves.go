package step

import (
	"fmt"
	"time"
)

// The rules of restarting a unit (deploy model §3.4), as a state machine that is fed with what systemctl
// show says and answers what to do next. It has no clock and no host of its own.

// move is what to do next with a unit.
type move int

const (
	moveWait  move = iota // look again
	moveStop              // order the stop, and no further restart
	moveStart             // order the start that follows a stop
	moveUp                // it runs in another invocation
	moveFail              // it will not come up
)

// turn is the answer to one look.
type turn struct {
	move move
	note string // what it does now, of moveWait
	line string // why, of moveFail and moveStop
}

// settleSoon is how long a unit may stand between two states before that is taken for its answer: a job
// that was ordered is not in the queue at once.
const settleSoon = 3 * time.Second

// restarter watches one unit through a restart.
type restarter struct {
	before    unitState
	stopAfter time.Duration // of draining, before stop and start are two operations
	stopped   bool          // the stop was ordered
	started   bool          // the start after it was ordered
	startedAt time.Duration
	low       int // fewest automatic restarts seen of the new invocation; −1 none
}

func newRestarter(before unitState, stopAfter time.Duration) *restarter {
	return &restarter{before: before, stopAfter: stopAfter, low: -1}
}

// next judges a look; took is the time since the restart was ordered.
func (r *restarter) next(now unitState, took time.Duration) turn {
	if line := r.storm(now); line != "" {
		return turn{move: moveFail, line: line}
	}
	fresh := now.Invocation != "" && now.Invocation != r.before.Invocation
	if r.stopped && !r.started {
		return r.stopping(now, fresh, took)
	}
	switch now.Active {
	case "deactivating":
		if fresh {
			return turn{note: "ending by itself " + clock(took)}
		}
		if !r.started && took >= r.stopAfter {
			r.stopped = true
			return turn{move: moveStop, line: "drains longer than " + clock(r.stopAfter) + ": stop, then start"}
		}
		return turn{note: "draining " + clock(took) + " / " + clock(r.stopAfter)}
	case "activating":
		return turn{note: "starting " + clock(took)}
	case "active", "reloading":
		if fresh {
			return turn{move: moveUp}
		}
		if now.Job != "" || took < settleSoon {
			return turn{note: "waiting for systemd"}
		}
		return turn{move: moveFail, line: "the restart was taken back: no job is queued and the unit runs as before"}
	case "failed":
		if now.Job != "" || !fresh && took < settleSoon {
			return turn{note: "waiting for systemd"}
		}
		return turn{move: moveFail, line: failedLine(now)}
	case "inactive":
		return r.inactive(now, fresh, took)
	}
	return turn{note: "state " + now.words()}
}

// inactive is a unit between stop and start, one whose program is done, or one that does not start.
func (r *restarter) inactive(now unitState, fresh bool, took time.Duration) turn {
	if fresh && now.oneshot() && now.Result == "success" && now.Job == "" {
		return turn{move: moveUp}
	}
	if now.Job != "" || took-r.startedAt < settleSoon {
		return turn{note: "waiting for systemd"}
	}
	return turn{move: moveFail, line: "ended and was not started again: a condition of the unit is not met, or it ends at once; see systemctl status"}
}

// stopping is the time between the stop and the start that were ordered as two.
func (r *restarter) stopping(now unitState, fresh bool, took time.Duration) turn {
	switch {
	case fresh && now.runs():
		return turn{move: moveUp} // somebody else has started it
	case now.Active == "inactive" || now.Active == "failed":
		r.started, r.startedAt = true, took
		return turn{move: moveStart}
	}
	note := "stopping " + clock(took)
	if now.StopWithin > 0 {
		note += ", killed at " + clock(now.StopWithin)
	}
	return turn{note: note}
}

// storm tells a unit that systemd starts again and again. The counter begins anew with a manual start, and
// the first look may come after the first crash: what counts is that it is not what it was and not 0, or that
// it rises.
func (r *restarter) storm(now unitState) string {
	if now.Result == "start-limit-hit" {
		return fmt.Sprintf("systemd gave up starting it (start-limit-hit, exit %d): mend the cause, then systemctl reset-failed, or roll back", now.Exit)
	}
	if now.Invocation == r.before.Invocation || now.Invocation == "" {
		return ""
	}
	if r.low < 0 {
		r.low = now.Restarts
		if now.Restarts == 0 || now.Restarts == r.before.Restarts {
			return ""
		}
		return stormLine(now)
	}
	if now.Restarts > r.low {
		return stormLine(now)
	}
	r.low = min(r.low, now.Restarts)
	return ""
}

func stormLine(now unitState) string {
	line := "restart storm: systemd has started it again " + times(now.Restarts) + " by itself"
	if now.Exit != 0 { // 0 is also what one that runs has
		line += fmt.Sprintf(", last exit %d", now.Exit)
	}
	return line
}

func failedLine(now unitState) string {
	return fmt.Sprintf("failed to start: result %s, exit %d", now.Result, now.Exit)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// clock is a duration as minutes and seconds, "00:30".
func clock(d time.Duration) string {
	s := int(d / time.Second)
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// steadyUnit judges whether a unit that came up stays up: it must be active for alive, in the invocation and
// with the counter of restarts that ref shows. done is false while it is too early to tell.
func steadyUnit(ref, now unitState, alive time.Duration) (done bool, note, fail string) {
	switch {
	case now.Result == "start-limit-hit", now.Restarts > ref.Restarts:
		return true, "", stormLine(now)
	case now.Active == "failed":
		return true, "", fmt.Sprintf("ended after it had started: result %s, exit %d", now.Result, now.Exit)
	case now.Invocation != ref.Invocation:
		return true, "", "was started again while it was looked at, by somebody else or by systemd"
	case now.oneshot() && now.Active == "inactive" && now.Result == "success":
		return true, "", ""
	case now.Active == "inactive":
		return true, "", "ended by itself after it had started, exit " + fmt.Sprint(now.Exit)
	case !now.runs():
		return false, now.words(), ""
	case now.Job != "":
		return false, "a job is queued for it", ""
	case !now.oneshot() && ref.MainPID != 0 && now.MainPID != ref.MainPID:
		return true, "", fmt.Sprintf("its main process was replaced, %d by %d, while it was looked at", ref.MainPID, now.MainPID)
	case now.Up < alive:
		return false, "alive " + clock(now.Up) + " / " + clock(alive), ""
	}
	return true, "", ""
}
