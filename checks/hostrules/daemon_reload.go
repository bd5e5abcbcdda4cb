package hostrules

import (
	"strings"

	"midwatch/checks"
)

func daemonReload() checks.Check {
	return checks.Check{
		ID:        "systemd-daemon-reload-needed",
		Title:     "a unit file has changed and systemd has not read it",
		Area:      checks.AreaSystemd,
		Severity:  checks.Warning,
		Why:       "The unit runs, and would be started again, by its old definition: the environment, the command, the limits that somebody changed are not in force.",
		Fix:       "systemctl daemon-reload, and restart the unit when its drain rules allow.",
		Verify:    "systemctl show -p NeedDaemonReload UNIT says no",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/systemctl.html#daemon-reload"},
		Diagnoses: []string{"drain-restart", "worker-count"},
		Needs:     []checks.Need{checks.NeedUnits},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, u := range h.Units.Value {
				if !u.NeedReload {
					continue
				}
				files := strings.TrimSpace(u.Fragment + " " + strings.Join(u.DropIns, " "))
				f := h.Find("unit "+u.Name, checks.NeedUnits, u.Name+": NeedDaemonReload=yes "+files)
				f.Title = u.Name + " was changed on disk and systemd goes by what it read before"
				f.File = u.Fragment
				out = append(out, f)
			}
			return out
		}),
	}
}
