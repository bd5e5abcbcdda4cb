package hostrules

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func systemdDraining() checks.Check {
	return checks.Check{
		ID:        "systemd-draining",
		Title:     "a unit takes long to stop",
		Area:      checks.AreaSystemd,
		Severity:  checks.Info,
		Why:       "It was told to stop and finishes what it has begun. That is not a failure: a worker may need half a minute and more. When the time is over systemd kills it, and what it did is lost.",
		Fix:       "Wait. Do not start another restart meanwhile; for a unit that drains long use stop, wait, start instead of restart.",
		Verify:    "systemctl show -p ActiveState,SubState,Result UNIT",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#TimeoutStopSec="},
		Diagnoses: []string{"drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval:      checks.OnHost(evalDraining),
	}
}

// longDrain is how long the slowest ordinary worker takes (powernode's Sidekiq: 28 s).
const longDrain = 30 * time.Second

func evalDraining(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, u := range h.Units.Value {
		if !u.Draining() {
			continue
		}
		age := h.World.Now.Sub(u.Since)
		end := u.DrainEnd()
		if u.Since.IsZero() || age < longDrain {
			continue // as it should be
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("ActiveState=%s SubState=%s for %s", u.Active, u.Sub, age.Round(time.Second)))
		f.Title = fmt.Sprintf("%s has been stopping for %s", u.Name, age.Round(time.Second))
		switch {
		case end.IsZero():
			f.Severity = checks.Warning
			f.Title += " and is waited for without end"
		case end.Before(h.World.Now):
			f.Severity = checks.Warning
			f.Title += ": its time is over and it is being killed"
		case end.Sub(h.World.Now) < age/4:
			f.Severity = checks.Warning
			f.Title += fmt.Sprintf(" and is killed in %s", end.Sub(h.World.Now).Round(time.Second))
		}
		out = append(out, f)
	}
	return out
}

func systemdStartLimit() checks.Check {
	return checks.Check{
		ID:        "systemd-start-limit-hit",
		Title:     "systemd has given up on a unit",
		Area:      checks.AreaSystemd,
		Severity:  checks.Error,
		Why:       "It was started too often in too short a time (5 times in 10 s by default, starts by hand included), and is not started again until somebody says so.",
		Fix:       "Find out why it ended (journalctl -u UNIT), mend that, then once: systemctl reset-failed UNIT && systemctl start UNIT",
		Verify:    "systemctl is-active UNIT says active for longer than the interval",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#StartLimitIntervalSec=interval"},
		Diagnoses: []string{"drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, u := range h.Units.Value {
				if strings.HasPrefix(u.Result, "start-limit") {
					f := h.Find("unit "+u.Name, checks.NeedUnits, unitLine(u))
					f.Title = u.Name + " was started too often and stays down"
					out = append(out, f)
				}
			}
			return out
		}),
	}
}

func unitLine(u hosts.Unit) string {
	s := fmt.Sprintf("%s: ActiveState=%s SubState=%s Result=%s", u.Name, u.Active, u.Sub, u.Result)
	if u.Restarts > 0 {
		s += " NRestarts=" + strconv.Itoa(u.Restarts)
	}
	if u.ExitCode != "" {
		s += fmt.Sprintf(" ExecMainCode=%s ExecMainStatus=%d", u.ExitCode, u.ExitStatus)
	}
	return s
}

func systemdRestartStorm() checks.Check {
	return checks.Check{
		ID:        "systemd-restart-storm",
		Title:     "a unit is started again and again",
		Area:      checks.AreaSystemd,
		Severity:  checks.Error,
		Why:       "It ends soon after every start and Restart= brings it back. Each round drops what it had begun; a fast one ends at the start limit.",
		Fix:       "Stop it, read why it ends (journalctl -u UNIT -b), mend that, start it once.",
		Verify:    "systemctl show -p NRestarts UNIT stays where it is",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Restart="},
		Diagnoses: []string{"drain-restart", "oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedUnits},
		After:     []string{"systemd-start-limit-hit"},
		Eval:      checks.OnHost(evalRestartStorm),
	}
}

// stormWindow is within which a unit that has been restarted thrice is in trouble now, not in the past.
const stormWindow = 10 * time.Minute

func evalRestartStorm(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, u := range h.Units.Value {
		waiting := u.Sub == "auto-restart" || u.Sub == "auto-restart-queued"
		// A state without a time is one that was entered after systemctl show was last read: a moment ago.
		young := u.Since.IsZero() && (u.Active == "active" || u.Active == "activating") || !u.Since.IsZero() && h.World.Now.Sub(u.Since) < stormWindow
		if u.Restarts < 3 || !waiting && !young {
			continue
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, unitLine(u))
		f.Title = fmt.Sprintf("%s has been restarted %d times and %s", u.Name, u.Restarts, doing(h, u, waiting))
		f.Fix = exitMeans(u) + f.Fix
		if !waiting {
			f.Severity = checks.Warning // it may have recovered
		}
		out = append(out, f)
	}
	return out
}

func doing(h *checks.Host, u hosts.Unit, waiting bool) string {
	if waiting {
		return "is about to be started again"
	}
	if u.Since.IsZero() {
		return "was started just now"
	}
	return "has run for " + h.World.Now.Sub(u.Since).Round(time.Second).String()
}

// exits are systemd's own exit codes (systemd.exec(5), "Process exit codes"): the program was never run.
var exits = map[int]string{
	200: "the working directory is not there (CHDIR)", 203: "the program cannot be executed (EXEC): the path, its mode, the interpreter",
	209: "standard output cannot be set up (STDOUT)", 216: "the group is not there (GROUP)", 217: "the user is not there (USER)",
	226: "the file system view cannot be set up (NAMESPACE): a path of ReadWritePaths= or the like is missing", 233: "the runtime directory cannot be made",
	238: "the state directory cannot be made", 242: "the configuration directory cannot be made",
}

func exitMeans(u hosts.Unit) string {
	if why := exits[u.ExitStatus]; why != "" && u.ExitCode == "exited" {
		return "Exit code " + strconv.Itoa(u.ExitStatus) + ": " + why + ". "
	}
	return ""
}

func systemdFailed() checks.Check {
	return checks.Check{
		ID:       "systemd-failed-template-instance",
		Title:    "a unit has failed",
		Area:     checks.AreaSystemd,
		Severity: checks.Error,
		Why: "It has ended and is not started again. A target that wants it stays active all the same, so the target says nothing of it; an instance whose " +
			"file of variables is missing cannot start at all.",
		Fix:       "journalctl -u UNIT -n 50, mend the cause, systemctl restart UNIT",
		Verify:    "systemctl is-failed UNIT says active",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Process%20Exit%20Codes"},
		Diagnoses: []string{"drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits},
		After:     []string{"systemd-start-limit-hit"},
		Eval:      checks.OnHost(evalFailed),
	}
}

func evalFailed(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, u := range h.Units.Value {
		missing := missingEnv(u)
		if u.Active != "failed" && (missing == "" || u.Active == "active") || strings.HasPrefix(u.Result, "start-limit") {
			continue
		}
		if u.Active != "failed" && u.Enabled != "enabled" {
			continue // an instance nobody asked for
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, unitLine(u))
		f.Title = fmt.Sprintf("%s has failed: %s", u.Name, why(u))
		f.Fix = exitMeans(u) + f.Fix
		if missing != "" {
			f.Title = fmt.Sprintf("%s cannot start: %s is missing", u.Name, missing)
			f.Fix = "Write " + missing + ", or disable the instance."
			f.Evidence = append(f.Evidence, checks.Evidence{Source: "EnvironmentFile", Text: missing + ": missing", Host: h.Name, At: h.Units.At})
		}
		out = append(out, f)
	}
	return append(out, tooFew(h)...)
}

// tooFew finds templates of which fewer instances run than the inventory says. One that has just changed
// its state does not count against them yet.
func tooFew(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, r := range h.Host.Units {
		run := 0
		for _, u := range h.Units.Value {
			if r.Matches(u.Name) && (u.Active == "active" || u.Active == "reloading" || u.Draining() || settling(h, u, r)) {
				run++
			}
		}
		if r.Expected == 0 || run >= r.Expected {
			continue
		}
		f := h.Find("units "+r.Match, checks.NeedUnits, fmt.Sprintf("%s: %d active", r.Match, run))
		f.Title = fmt.Sprintf("%d of %d instances of %s run", run, r.Expected, r.Match)
		f.Severity = checks.Warning
		f.Fix = "systemctl list-units --all '" + r.Match + "', then start those that are missing, or correct expected in the inventory."
		out = append(out, f)
	}
	return out
}

// settling reports a unit that changed its state so shortly ago that the state means nothing yet.
func settling(h *checks.Host, u hosts.Unit, r hosts.UnitRule) bool {
	return r.CheckAfter > 0 && !u.Since.IsZero() && h.World.Now.Sub(u.Since) < r.CheckAfter
}

// why says how a unit ended, in words.
func why(u hosts.Unit) string {
	switch u.Result {
	case "timeout":
		return "it did not start or stop in time and was killed"
	case "oom-kill":
		return "killed for its memory"
	case "signal":
		return "ended by signal " + strconv.Itoa(u.ExitStatus)
	case "core-dump":
		return "crashed"
	case "watchdog":
		return "its watchdog got no answer"
	case "exit-code":
		return "exit code " + strconv.Itoa(u.ExitStatus)
	case "resources":
		return "something it needs is not there"
	case "":
		return u.Sub
	}
	return u.Result
}

// missingEnv is a file of variables that must be there and is not.
func missingEnv(u hosts.Unit) string {
	for _, e := range u.EnvFiles {
		if !e.Optional && e.Error == "missing" {
			return e.Path
		}
	}
	return ""
}

func systemdNotEnabled() checks.Check {
	return checks.Check{
		ID:        "systemd-not-enabled",
		Title:     "a unit runs and will not after a reboot",
		Area:      checks.AreaSystemd,
		Severity:  checks.Info,
		Why:       "It was started by hand and nothing enables it: the next reboot, which may come at night by itself, leaves it down.",
		Fix:       "systemctl enable UNIT, or let a target want it.",
		Verify:    "systemctl is-enabled UNIT",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemctl.html#enable%20UNIT%E2%80%A6"},
		Diagnoses: []string{"drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval:      checks.OnHost(evalNotEnabled),
	}
}

func evalNotEnabled(h *checks.Host) []checks.Finding {
	wanted := map[string]bool{}
	for _, u := range h.Units.Value {
		for _, w := range u.Wants {
			wanted[w] = true
		}
		for _, w := range u.Listen {
			wanted[w] = true
		}
		if service, ok := strings.CutSuffix(u.Name, ".socket"); ok {
			wanted[service+".service"] = true
		}
		if service, ok := strings.CutSuffix(u.Name, ".timer"); ok {
			wanted[service+".service"] = true
		}
	}
	var out []checks.Finding
	for _, u := range h.Units.Value {
		if u.Active != "active" || u.Sub != "running" || u.Enabled != "disabled" || !strings.HasSuffix(u.Name, ".service") || wanted[u.Name] {
			continue
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, u.Name+" is active and disabled")
		f.Title = u.Name + " runs but is not enabled"
		out = append(out, f)
	}
	return out
}
