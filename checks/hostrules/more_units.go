package hostrules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func systemdMasked() checks.Check {
	return checks.Check{
		ID:        "systemd-masked",
		Title:     "a unit that another one wants is masked",
		Area:      checks.AreaSystemd,
		Severity:  checks.Warning,
		Why:       "A masked unit cannot be started, not by hand and not at boot. What wants it starts without it, and nothing fails visibly.",
		Fix:       "systemctl unmask UNIT && systemctl start UNIT, or take it out of the Wants of the other.",
		Verify:    "systemctl is-enabled UNIT does not say masked",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemctl.html"},
		Diagnoses: []string{"drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval:      checks.OnHost(evalMasked),
	}
}

func evalMasked(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, u := range h.Units.Value {
		if u.Load != "masked" && u.Enabled != "masked" && u.Enabled != "masked-runtime" {
			continue
		}
		by := ""
		for _, x := range h.Units.Value {
			// What the distribution's own targets want is masked on purpose, often.
			if slices.Contains(x.Wants, u.Name) && !systemTarget(x.Name) {
				by = x.Name
				break
			}
		}
		if by == "" {
			continue
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: LoadState=%s UnitFileState=%s, wanted by %s", u.Name, u.Load, u.Enabled, by))
		f.Title = u.Name + " is masked, and " + by + " wants it"
		out = append(out, f)
	}
	return out
}

func systemTarget(name string) bool {
	return slices.Contains([]string{
		"multi-user.target", "basic.target", "sysinit.target", "default.target", "graphical.target", "sockets.target", "timers.target",
		"paths.target", "local-fs.target", "network-online.target", "network.target", "getty.target", "initrd.target",
	}, name)
}

func timerMissed() checks.Check {
	return checks.Check{
		ID:        "systemd-timer-missed",
		Title:     "a timer did not run when it was due",
		Area:      checks.AreaSystemd,
		Severity:  checks.Warning,
		Why:       "What it does (renew certificates, rotate logs, back up) has not been done. Timers stay behind when they are stopped, or when their service never ends.",
		Fix:       "systemctl status TIMER and its service: start the timer, or end the run that hangs. Persistent=true makes up for what was missed.",
		Verify:    "systemctl list-timers shows a LAST that is recent and a NEXT in the future",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.timer.html"},
		Diagnoses: []string{"tls-expiry", "log-rotation"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval:      checks.OnHost(evalTimer),
	}
}

// timerLate is how far a timer may be behind: AccuracySec is a minute by default, and machines sleep.
const timerLate = 10 * time.Minute

func evalTimer(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	now := h.Units.At // when it was asked, not when we look
	for _, u := range h.Units.Value {
		if !strings.HasSuffix(u.Name, ".timer") {
			continue
		}
		late := now.Sub(u.NextRun)
		switch {
		case u.Active == "active" && !u.NextRun.IsZero() && late > timerLate:
			f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: next run was due %s, last run %s", u.Name, u.NextRun.UTC().Format(time.RFC3339), when(u.LastRun)))
			f.Title = fmt.Sprintf("%s is %s late", u.Name, late.Round(time.Minute))
			out = append(out, f)
		case u.Active == "inactive" && u.Enabled == "enabled":
			f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: enabled and inactive, last run %s", u.Name, when(u.LastRun)))
			f.Title = u.Name + " is enabled and was stopped: it does not run until the next boot"
			out = append(out, f)
		}
	}
	return out
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

func bypassedProcess() checks.Check {
	return checks.Check{
		ID:       "systemd-bypassed-process",
		Title:    "a server runs outside its unit",
		Area:     checks.AreaSystemd,
		Severity: checks.Warning,
		Why: "Somebody started it by hand in a login: it has another environment, is not restarted, ends with the session, and takes the port or the queue from the one that systemd starts. " +
			"Changes to the unit do not reach it.",
		Fix:       "Stop the process and start the unit: systemctl start UNIT.",
		Verify:    "cat /proc/PID/cgroup names the unit",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemd.scope.html"},
		Diagnoses: []string{"drain-restart", "port-collision"},
		Needs:     []checks.Need{checks.NeedSockets, checks.NeedUnits},
		Eval:      checks.OnHost(evalBypassed),
	}
}

// servers are programs that serve, by the names that ss shows.
var servers = []string{"puma", "sidekiq", "uvicorn", "gunicorn", "ruby", "python", "python3", "node", "nginx", "java", "php-fpm", "celery", "redis-server", "postgres", "caddy", "envoy", "traefik"}

func evalBypassed(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, s := range h.Sockets.Value {
		session := strings.HasPrefix(s.Unit, "session-") && strings.HasSuffix(s.Unit, ".scope")
		if !session || s.Container != "" || !slices.ContainsFunc(servers, func(n string) bool {
			return s.Process == n || strings.HasPrefix(s.Process, n+".") || strings.HasPrefix(s.Process, n+" ")
		}) {
			continue
		}
		where := fmt.Sprintf("%s:%d", s.Address, s.Port)
		if s.Proto == "unix" {
			where = s.Address
		}
		f := h.Find(fmt.Sprintf("process %d", s.PID), checks.NeedSockets, fmt.Sprintf("%s (pid %d) of %s listens on %s", s.Process, s.PID, s.Unit, where))
		f.Title = fmt.Sprintf("%s on %s belongs to a login and not to a unit", s.Process, where)
		f.Key = where
		out = append(out, f)
	}
	return out
}

func portOwners() checks.Check {
	return checks.Check{
		ID:        "service-4567-refused",
		Title:     "the unit that has a known port does not listen",
		Area:      checks.AreaSystemd,
		Severity:  checks.Error,
		Why:       "Others connect to the port and are refused. The port belongs to one unit; it is stopped, draining or failed, or it listens on another port.",
		Fix:       "systemctl status UNIT, then start it; if it runs, look at the PORT in its configuration.",
		Verify:    "ss -lntp 'sport = :PORT' names the process of the unit",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemctl.html"},
		Diagnoses: []string{"reachability", "drain-restart"},
		Needs:     []checks.Need{checks.NeedUnits, checks.NeedSockets},
		After:     []string{"systemd-failed-template-instance"},
		Eval:      checks.OnHost(evalPortOwners),
	}
}

// portOwner is a unit, or a template, and its port.
type portOwner struct {
	unit string
	port uint16
}

// owners are the units that are known to have a port: template or name, and the port of the instance
// "default" or of the unit itself.
var owners = []portOwner{
	{"powernode-worker-web", 4567},
}

func evalPortOwners(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, o := range owners {
		i := slices.IndexFunc(h.Units.Value, func(u hosts.Unit) bool {
			return u.Name == o.unit+".service" || u.Name == o.unit+"@default.service"
		})
		if i < 0 || slices.ContainsFunc(h.Sockets.Value, func(s hosts.Socket) bool { return s.Proto == "tcp" && s.Port == o.port }) {
			continue
		}
		u := h.Units.Value[i]
		if u.Active == "inactive" && u.Enabled != "enabled" {
			continue // nobody wants it to run
		}
		f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: %s (%s)", u.Name, u.Active, u.Sub))
		f.Title = fmt.Sprintf("nothing listens on %d, which is the port of %s (%s)", o.port, u.Name, u.Active)
		out = append(out, f)
	}
	return append(out, saidPorts(h)...)
}

// saidPorts finds ports that the inventory gives to units and that nobody listens on.
func saidPorts(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	for _, r := range h.Host.Units {
		for _, port := range r.Ports {
			if slices.ContainsFunc(h.Sockets.Value, func(s hosts.Socket) bool { return s.Proto == "tcp" && int(s.Port) == port }) {
				continue
			}
			for _, u := range h.Units.Value {
				known := slices.ContainsFunc(owners, func(o portOwner) bool { return int(o.port) == port })
				if !r.Matches(u.Name) || known || settling(h, u, r) || u.Active == "inactive" && u.Enabled != "enabled" {
					continue
				}
				f := h.Find("unit "+u.Name, checks.NeedUnits, fmt.Sprintf("%s: %s (%s)", u.Name, u.Active, u.Sub))
				f.Title = fmt.Sprintf("nothing listens on %d, which the inventory gives to %s (%s)", port, u.Name, u.Active)
				f.Key = fmt.Sprint(port)
				out = append(out, f)
				break // one unit tells it
			}
		}
	}
	return out
}
