package collect

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// noSystemd ends a script on a host whose init is another: that there are no units is then a fact.
const noSystemd = `[ -d /run/systemd/system ] || { echo 'mw-absent systemd is not running here'; exit 0; }
`

// absent reports what a script found missing on purpose.
func absent(data []byte) (string, bool) {
	rest, ok := strings.CutPrefix(string(data[:min(len(data), 200)]), "mw-absent ")
	what, _, _ := strings.Cut(rest, "\n")
	return hosts.CleanLine(what), ok
}

// noUnits records in f that the host has none.
func noUnits(f *hosts.HostFacts, ev hosts.Evidence, why string) error {
	f.Units = hosts.Read([]hosts.Unit{}, ev.Source, ev.At)
	f.Units.Needs = why
	f.System.Value.FailedUnits = 0
	return nil
}

const sourceStates = "systemctl list-units --all"

// unitStatesSection lists the states of all units in one call to the manager: a few milliseconds
// where reading every property costs one or two per unit.
func unitStatesSection() Section {
	return Section{
		ID: "unitstates", Title: "states of systemd units",
		Source: sourceStates, Needs: "systemd",
		Script: noSystemd + `o=$(systemctl list-units --all --full --plain --no-legend --no-pager ` +
			`--type=service,socket,timer,target,mount,automount,path,swap,scope,slice) || exit
printf '%s\n' "$o"
case $o in *activating*|*reloading*) echo mw-jobs; systemctl list-jobs --no-legend --no-pager;; esac
exit 0`,
		Limit: 5 * time.Second, Every: 10 * time.Second, Max: 4 << 20,
		Watch: hosts.TopicUnits, Faster: 4,
		Fill:  fillStates,
		Touch: touch(sourceStates, func(f *hosts.HostFacts) *hosts.Part[[]hosts.Unit] { return &f.Units }),
		Fail:  failUnits,
	}
}

// unitProps are the properties that are read of each unit.
const unitProps = "Id,Description,LoadState,ActiveState,SubState,Result,UnitFileState,StateChangeTimestamp," +
	"MainPID,NRestarts,MemoryCurrent,FragmentPath,DropInPaths,InvocationID,ExecMainStatus,ExecMainCode," +
	"Wants,PartOf,ConsistsOf,TimeoutStopUSec,EnvironmentFiles,Listen,LastTriggerUSec,NextElapseUSecRealtime,NeedDaemonReload"

func unitsSection() Section {
	return Section{
		ID: "units", Title: "systemd units",
		Source: "systemctl show --all '*.service' '*.socket' '*.timer' '*.target'", Needs: "systemd",
		Script: noSystemd + `systemctl show --all --no-pager -p ` + unitProps + ` '*.service' '*.socket' '*.timer' '*.target'`,
		Limit:  10 * time.Second, Every: time.Minute, Max: 4 << 20,
		Watch: hosts.TopicUnits, Faster: 4,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			if why, ok := absent(ev.Data); ok {
				return noUnits(f, ev, why)
			}
			got := ParseUnits(ev.Data)
			if len(got) == 0 {
				return errors.New("systemctl show printed no unit")
			}
			keepEnv(got, f.Units.Value)
			setEnv(got, f.UnitEnv)
			keepJobs(got, f.Units.Value)
			keepCounts(got, f.Units.Value, ev.At)
			// Failed units of other kinds are known from their states only.
			for _, u := range f.Units.Value {
				if !shownUnit(u.Name) && !slices.ContainsFunc(got, func(g hosts.Unit) bool { return g.Name == u.Name }) {
					got = append(got, u)
				}
			}
			sortUnits(got)
			f.Units = hosts.Read(got, ev.Source, ev.At)
			f.System.Value.FailedUnits = failedUnits(f)
			return nil
		},
		Fail: failUnits,
	}
}

// restartCounts bounds how many changes of a restart counter are remembered.
const restartCounts = 32

// keepCounts brings over how the restart counters went, and notes where they stand now.
func keepCounts(units, old []hosts.Unit, at time.Time) {
	was := make(map[string][]hosts.RestartCount, len(old))
	for i := range old {
		if c := old[i].Counts; len(c) > 0 {
			was[old[i].Name] = c
		}
	}
	for i := range units {
		u := &units[i]
		c := was[u.Name]
		if n := len(c); n == 0 && strings.HasSuffix(u.Name, ".service") || n > 0 && c[n-1].N != u.Restarts {
			c = append(slices.Clone(c[max(0, n-restartCounts+1):]), hosts.RestartCount{At: at, N: u.Restarts})
		}
		u.Counts = c
	}
}

func failUnits(f *hosts.HostFacts, ev hosts.Evidence) {
	f.Units = f.Units.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
	if !f.Units.Known() {
		f.System.Value.FailedUnits = -1
	}
}

// failedUnits counts what systemctl --failed lists, -1 when that is not known.
func failedUnits(f *hosts.HostFacts) int {
	if !f.Units.Known() {
		return -1
	}
	n := 0
	for _, u := range f.Units.Value {
		if u.Active == "failed" {
			n++
		}
	}
	return n
}

// shownUnit reports whether units of this kind are read in full.
func shownUnit(name string) bool {
	for _, kind := range []string{".service", ".socket", ".timer", ".target"} {
		if strings.HasSuffix(name, kind) {
			return true
		}
	}
	return false
}

func sortUnits(units []hosts.Unit) {
	slices.SortFunc(units, func(a, b hosts.Unit) int { return strings.Compare(a.Name, b.Name) })
}

// fillStates brings the states up to date and leaves what only systemctl show tells as it was. A
// unit whose state changed loses what belonged to the old one.
func fillStates(f *hosts.HostFacts, ev hosts.Evidence) error {
	if why, ok := absent(ev.Data); ok {
		return noUnits(f, ev, why)
	}
	got := ParseUnitStates(ev.Data)
	if len(got) == 0 {
		return errors.New("systemctl list-units printed no unit")
	}
	old := map[string]hosts.Unit{}
	for _, u := range f.Units.Value {
		old[u.Name] = u
	}
	units := make([]hosts.Unit, 0, len(got))
	for _, s := range got {
		if !shownUnit(s.Name) && s.Active != "failed" {
			continue
		}
		u, known := old[s.Name]
		if !known {
			units = append(units, s)
			continue
		}
		if u.Active != s.Active || u.Sub != s.Sub {
			u.Since, u.MainPID, u.Result = time.Time{}, 0, ""
		}
		u.Load, u.Active, u.Sub, u.Description, u.Job = s.Load, s.Active, s.Sub, s.Description, s.Job
		units = append(units, u)
	}
	sortUnits(units)
	f.Units = hosts.Read(units, ev.Source, ev.At)
	f.System.Value.FailedUnits = failedUnits(f)
	return nil
}

// ParseUnitStates reads systemctl list-units --plain --no-legend: unit, load, active, sub and the
// description, and after a line "mw-jobs" systemctl list-jobs: job, unit, type, state. Sorted by name.
func ParseUnitStates(data []byte) []hosts.Unit {
	var out []hosts.Unit
	jobs := map[string]string{}
	inJobs := false
	for line := range lines(data) {
		line = strings.TrimLeft(line, " ●○×*↻")
		f := strings.Fields(line)
		switch {
		case line == "mw-jobs":
			inJobs = true
		case len(f) < 4:
		case inJobs:
			jobs[f[1]] = f[2] + " " + f[3]
		case strings.Contains(f[0], "."):
			out = append(out, hosts.Unit{
				Name: f[0], Load: f[1], Active: f[2], Sub: f[3],
				Description: strings.TrimSpace(afterField(line, 4)),
			})
		}
	}
	for i := range out {
		out[i].Job = jobs[out[i].Name]
	}
	sortUnits(out)
	return slices.CompactFunc(out, func(a, b hosts.Unit) bool { return a.Name == b.Name })
}

// ParseUnits reads the blocks of systemctl show, sorted by name.
func ParseUnits(data []byte) []hosts.Unit {
	var out []hosts.Unit
	var u hosts.Unit
	end := func() {
		if u.Name != "" {
			out = append(out, u)
		}
		u = hosts.Unit{}
	}
	for line := range lines(data) {
		if line == "" {
			end()
			continue
		}
		if name, v, ok := strings.Cut(line, "="); ok {
			setUnit(&u, name, v)
		}
	}
	end()
	sortUnits(out)
	// A name and its alias both match a pattern and print the same Id.
	return slices.CompactFunc(out, func(a, b hosts.Unit) bool { return a.Name == b.Name })
}

func setUnit(u *hosts.Unit, name, v string) {
	switch name {
	case "Id":
		u.Name = v
	case "Description":
		u.Description = v
	case "LoadState":
		u.Load = v
	case "ActiveState":
		u.Active = v
	case "SubState":
		u.Sub = v
	case "Result":
		u.Result = v
	case "UnitFileState":
		u.Enabled = v
	case "StateChangeTimestamp":
		u.Since = systemdTime(v)
	case "MainPID":
		u.MainPID = small(v)
	case "NRestarts":
		u.Restarts = small(v)
	case "MemoryCurrent":
		u.Memory = amount(v)
	case "FragmentPath":
		u.Fragment = v
	case "DropInPaths":
		u.DropIns = strings.Fields(v)
	case "InvocationID":
		u.InvocationID = v
	case "ExecMainStatus":
		u.ExitStatus = small(v)
	case "ExecMainCode":
		u.ExitCode = exitCode(v)
	default:
		setRelations(u, name, v)
	}
}

// setRelations sets what says how a unit stands to others, to files and to time.
func setRelations(u *hosts.Unit, name, v string) {
	switch name {
	case "Wants":
		u.Wants = strings.Fields(v)
	case "PartOf":
		u.PartOf = strings.Fields(v)
	case "ConsistsOf":
		u.ConsistsOf = strings.Fields(v)
	case "TimeoutStopUSec":
		u.StopTimeout = span(v)
	case "EnvironmentFiles":
		path, options, _ := strings.Cut(v, " (ignore_errors=")
		if path != "" && len(u.EnvFiles) < 100 {
			u.EnvFiles = append(u.EnvFiles, hosts.EnvFile{Path: path, Optional: options == "yes)"})
		}
	case "Listen":
		if v != "" && len(u.Listen) < 100 {
			u.Listen = append(u.Listen, v)
		}
	case "NeedDaemonReload":
		u.NeedReload = v == "yes"
	case "LastTriggerUSec":
		u.LastRun = systemdTime(v)
	case "NextElapseUSecRealtime":
		u.NextRun = systemdTime(v)
	}
}

// span reads systemd's time spans, "1min 30s"; -1 for infinity and 0 for what cannot be read.
func span(v string) time.Duration {
	if v == "infinity" {
		return -1
	}
	units := map[string]time.Duration{
		"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour,
		"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "month": 2629800 * time.Second, "y": 31557600 * time.Second,
	}
	var sum time.Duration
	for _, word := range strings.Fields(v) {
		i := strings.IndexFunc(word, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if i < 1 {
			return 0
		}
		n, err := strconv.ParseFloat(word[:i], 64)
		unit, ok := units[word[i:]]
		if err != nil || !ok || n > 1e6 {
			return 0
		}
		sum += time.Duration(n * float64(unit))
	}
	return sum
}

// exitCode names the CLD_ code that systemctl prints as a number.
func exitCode(v string) string {
	names := []string{"", "exited", "killed", "dumped", "trapped", "stopped", "continued"}
	if n := small(v); n > 0 && n < len(names) {
		return names[n]
	}
	return ""
}

// systemdTime reads "Sun 2026-11-29 04:26:25 UTC"; the batch asks for UTC.
func systemdTime(v string) time.Time {
	t, err := time.Parse("Mon 2006-01-02 15:04:05 MST", v)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func small(v string) int {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1<<31 {
		return 0
	}
	return n
}

// amount reads a number of bytes; "[not set]" and the largest number stand for none.
func amount(v string) uint64 {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n > 1<<62 {
		return 0
	}
	return n
}
