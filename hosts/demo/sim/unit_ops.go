package sim

import (
	"fmt"
	"time"
)

// Start asks systemd to start the unit and returns at once; Job is set until it is done.
func (u *Unit) Start() {
	now := u.Host.Site.now
	switch {
	case u.Active == "active" || u.Active == "activating":
		return
	case u.Active == "deactivating":
		u.again = true
		u.newJob("restart")
		return
	}
	u.starts = nil // an operator's start is not counted against the limit by a flushed counter
	u.newJob("start")
	u.begin(now)
}

// Stop asks systemd to stop the unit.
func (u *Unit) Stop() {
	u.again = false
	if u.Active == "inactive" || u.Active == "failed" {
		u.timer.Stop()
		return
	}
	u.newJob("stop")
	if u.Active == "deactivating" {
		return
	}
	u.terminate(u.Host.Site.now)
}

// Restart asks systemd to restart the unit; while it is still stopping, the request merges with the
// one before.
func (u *Unit) Restart() {
	if u.Active == "inactive" || u.Active == "failed" {
		u.Start()
		return
	}
	u.again = true
	if u.Active == "deactivating" {
		if u.Job == 0 {
			u.newJob("restart")
		}
		return
	}
	u.newJob("restart")
	u.terminate(u.Host.Site.now)
}

// Reload asks the process to read its configuration again. It reports false where the unit cannot.
func (u *Unit) Reload() bool {
	if u.Spec.Reload == "" || u.Active != "active" {
		return false
	}
	now := u.Host.Site.now
	u.manager(now, Info, "Reloading "+u.title()+"...")
	u.set("reloading", "reload", now)
	u.newJob("reload")
	u.timer = u.Host.Site.After(30*time.Millisecond, func(now time.Time) {
		if u.Spec.OnReload != nil {
			u.Spec.OnReload(u, now)
		}
		u.manager(now, Info, "Reloaded "+u.title()+".")
		u.set("active", u.activeSub(), now)
		u.doneJob()
	})
	return true
}

// ResetFailed forgets that the unit failed.
func (u *Unit) ResetFailed() {
	u.starts = nil
	if u.Active == "failed" {
		u.set("inactive", "dead", u.Host.Site.now)
		u.Result, u.Restarts = "success", 0
	}
}

// Signal sends a signal to the main process: HUP and USR2 are a reload to those that know them,
// TERM, INT and KILL end it.
func (u *Unit) Signal(sig string) {
	now := u.Host.Site.now
	if u.PID == 0 {
		return
	}
	switch sig {
	case "TERM", "INT", "QUIT":
		u.die(now, 0, "")
	case "KILL", "ABRT", "SEGV":
		u.die(now, 0, sig)
	case "HUP", "USR2":
		if u.Spec.OnReload != nil {
			u.Spec.OnReload(u, now)
		}
	}
}

// Fail ends the main process with an exit status, or by a signal when sig is set.
func (u *Unit) Fail(status int, sig string) {
	if u.PID != 0 {
		u.die(u.Host.Site.now, status, sig)
	}
}

func (u *Unit) newJob(kind string) {
	u.Host.job++
	u.Job, u.JobType = u.Host.job, kind
	u.Host.touch()
}

func (u *Unit) doneJob() {
	u.Job, u.JobType = 0, ""
	u.Host.touch()
}

func (u *Unit) set(active, sub string, now time.Time) {
	if u.Active != active {
		u.Changed = now
		switch active {
		case "active":
			if u.Active != "reloading" {
				u.Entered = now
			}
		case "inactive", "failed":
			u.Left = now
		}
	}
	u.Active, u.Sub = active, sub
	u.Host.touch()
}

// begin starts the main process.
func (u *Unit) begin(now time.Time) {
	u.timer.Stop()
	u.Invocation = u.Host.Hex("invocation "+u.Spec.Name, 32)
	u.manager(now, Info, "Starting "+u.title()+"...")
	u.NeedReload = false
	if u.hasProcess() {
		u.PID = u.Host.NewPID()
	}
	if u.Spec.Warmup > 0 {
		u.set("activating", "start", now)
		u.timer = u.Host.Site.After(u.Spec.Warmup, u.started)
		return
	}
	u.started(now)
}

func (u *Unit) started(now time.Time) {
	u.Result, u.ExitCode, u.ExitStatus, u.Deaf = "success", 0, 0, false
	u.set("active", u.activeSub(), now)
	u.manager(now, Info, "Started "+u.title()+".")
	if u.Spec.OnStart != nil {
		u.Spec.OnStart(u, now)
	}
	for _, name := range u.Spec.Wants {
		if w := u.Host.Unit(name); w != nil {
			w.Start()
		}
	}
	u.doneJob()
}

// terminate sends SIGTERM; the process takes its time to drain, and is killed at the timeout.
func (u *Unit) terminate(now time.Time) {
	u.timer.Stop()
	u.manager(now, Info, "Stopping "+u.title()+"...")
	for _, p := range u.Host.Units {
		for _, of := range p.Spec.PartOf {
			if of == u.Spec.Name {
				p.Stop()
			}
		}
	}
	if u.Spec.OnStop != nil {
		u.Spec.OnStop(u, now)
	}
	if u.Spec.Drain == 0 || u.PID == 0 {
		u.stopped(now, "")
		return
	}
	u.set("deactivating", "stop-sigterm", now)
	drain := u.Spec.Drain
	if u.Busy == 0 && u.Spec.IdleStop > 0 {
		drain = u.Spec.IdleStop
	}
	if limit := u.TimeoutStop(); drain > limit {
		u.timer = u.Host.Site.After(limit, func(now time.Time) {
			u.manager(now, Warning, u.Spec.Name+": State 'stop-sigterm' timed out. Killing.")
			u.manager(now, Notice, fmt.Sprintf("%s: Killing process %d (%s) with signal SIGKILL.", u.Spec.Name, u.PID, u.ident()))
			u.stopped(now, "timeout")
		})
		return
	}
	u.timer = u.Host.Site.After(drain, func(now time.Time) { u.stopped(now, "") })
}

// Idle tells that nothing is in progress any more: one that was told to end does.
func (u *Unit) Idle() {
	if u.Busy > 0 || u.Spec.IdleStop == 0 || u.Sub != "stop-sigterm" {
		return
	}
	u.timer.Stop()
	u.timer = u.Host.Site.After(u.Spec.IdleStop, func(now time.Time) { u.stopped(now, "") })
}

func (u *Unit) stopped(now time.Time, result string) {
	u.PID, u.Busy = 0, 0
	if result != "" {
		u.Result, u.ExitCode, u.ExitStatus = result, 2, 9
		u.manager(now, Warning, fmt.Sprintf("%s: Failed with result '%s'.", u.Spec.Name, result))
		u.set("failed", "failed", now)
	} else {
		u.Result = "success"
		u.manager(now, Info, u.Spec.Name+": Deactivated successfully.")
		u.set("inactive", "dead", now)
	}
	u.manager(now, Info, "Stopped "+u.title()+".")
	if u.again {
		u.again = false
		u.begin(now)
		return
	}
	u.doneJob()
}

// die is the main process ending by itself.
func (u *Unit) die(now time.Time, status int, sig string) {
	u.timer.Stop()
	u.PID, u.Busy = 0, 0
	u.Host.touch()
	u.ExitCode, u.ExitStatus, u.Result = 1, status, "success"
	switch {
	case sig != "":
		u.ExitCode, u.ExitStatus, u.Result = 2, signalNumber(sig), "signal"
		u.manager(now, Notice, fmt.Sprintf("%s: Main process exited, code=killed, status=%d/%s", u.Spec.Name, u.ExitStatus, sig))
	case status != 0:
		u.Result = "exit-code"
		u.manager(now, Notice, fmt.Sprintf("%s: Main process exited, code=exited, status=%d/%s", u.Spec.Name, status, exitName(status)))
	}
	if u.Result == "success" {
		u.manager(now, Info, u.Spec.Name+": Deactivated successfully.")
	} else {
		u.manager(now, Warning, fmt.Sprintf("%s: Failed with result '%s'.", u.Spec.Name, u.Result))
	}
	again := u.Spec.Restart == "always" || u.Spec.Restart == "on-failure" && u.Result != "success"
	if !again {
		u.settle(now)
		return
	}
	u.set("activating", "auto-restart", now)
	u.timer = u.Host.Site.After(max(u.Spec.RestartSec, 100*time.Millisecond), u.autoRestart)
}

func (u *Unit) settle(now time.Time) {
	if u.Result == "success" {
		u.set("inactive", "dead", now)
	} else {
		u.set("failed", "failed", now)
	}
}

func (u *Unit) autoRestart(now time.Time) {
	burst, window := u.Spec.Burst, u.Spec.BurstInterval
	if burst == 0 {
		burst = 5
	}
	if window == 0 {
		window = 10 * time.Second
	}
	for len(u.starts) > 0 && now.Sub(u.starts[0]) > window {
		u.starts = u.starts[1:]
	}
	if len(u.starts) >= burst {
		u.manager(now, Warning, u.Spec.Name+": Start request repeated too quickly.")
		u.manager(now, Warning, u.Spec.Name+": Failed with result 'start-limit-hit'.")
		u.manager(now, Err, "Failed to start "+u.title()+".")
		u.Result = "start-limit-hit"
		u.settle(now)
		return
	}
	u.starts = append(u.starts, now)
	u.Restarts++
	u.manager(now, Info, fmt.Sprintf("%s: Scheduled restart job, restart counter is at %d.", u.Spec.Name, u.Restarts))
	u.begin(now)
}

func signalNumber(name string) int {
	n := map[string]int{
		"HUP": 1, "INT": 2, "QUIT": 3, "ABRT": 6, "KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12,
		"PIPE": 13, "TERM": 15, "STOP": 19, "CONT": 18, "WINCH": 28,
	}
	return n[name]
}

func exitName(status int) string {
	switch status {
	case 1:
		return "FAILURE"
	case 2:
		return "INVALIDARGUMENT"
	case 203:
		return "EXEC"
	case 217:
		return "USER"
	default:
		return "n/a"
	}
}
