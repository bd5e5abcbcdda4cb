package shell

import (
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/sim"
)

// systemctl is one call of it.
type systemctl struct {
	p    *proc
	opts map[string]string
	verb string
	args []string
}

func systemctlProgram(p *proc) int {
	opts, rest, bad := flags(p.args[1:], "ptnHMos", "--property", "--type", "--state", "--lines", "--output", "--signal", "--kill-whom", "--kill-who")
	if bad != "" {
		return p.die(1, "systemctl: option requires an argument -- '%s'", bad[1:])
	}
	if has(opts, "--version") {
		v := p.host().Spec.Systemd
		p.printf("systemd %d (%d.30-1~deb12u2)\n+PAM +AUDIT +SELINUX +APPARMOR +IMA +SMACK +SECCOMP +GCRYPT -GNUTLS +OPENSSL +ACL +BLKID default-hierarchy=unified\n", v, v)
		return 0
	}
	s := &systemctl{p: p, opts: opts, verb: "list-units"}
	if len(rest) > 0 {
		s.verb, s.args = rest[0], rest[1:]
	}
	code := 0
	switch s.verb {
	case "show":
		p.locked(s.show)
	case "list-units":
		p.locked(func(h *sim.Host) { s.list(h) })
	case "list-unit-files":
		p.locked(func(h *sim.Host) { s.files(h) })
	case "list-timers", "list-sockets":
		p.locked(func(h *sim.Host) { s.timers(h) })
	case "list-dependencies":
		p.locked(func(h *sim.Host) { s.dependencies(h) })
	case "is-system-running":
		p.locked(func(h *sim.Host) { code = s.running(h) })
	case "is-active", "is-failed", "is-enabled":
		p.locked(func(h *sim.Host) { code = s.is(h) })
	case "status":
		p.locked(func(h *sim.Host) { code = s.status(h) })
	case "cat":
		p.locked(func(h *sim.Host) { code = s.cat(h) })
	case "start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "kill", "reset-failed", "enable", "disable", "daemon-reload", "mask", "unmask":
		code = s.change()
	default:
		return p.die(1, "Unknown command verb %s.", s.verb)
	}
	return code
}

// match lists the loaded units that the names and patterns mean.
func (s *systemctl) match(h *sim.Host, names []string) (units []*sim.Unit, missing []string) {
	for _, n := range names {
		if strings.ContainsAny(n, "*?[") {
			for _, u := range h.Units {
				if ok, _ := path.Match(n, u.Spec.Name); ok && (u.Active != "inactive" || has(s.opts, "--all") || s.opts["-a"] != "" || s.verb != "show") {
					units = append(units, u)
				}
			}
			continue
		}
		if u := h.Unit(n); u != nil {
			units = append(units, u)
			continue
		}
		if !strings.Contains(n, ".") {
			n += ".service"
		}
		missing = append(missing, n)
	}
	return units, missing
}

func (s *systemctl) show(h *sim.Host) {
	want := map[string]bool{}
	for _, key := range []string{"-p", "--property"} {
		for _, v := range many(s.opts[key]) {
			for _, n := range strings.Split(v, ",") {
				want[n] = true
			}
		}
	}
	print1 := func(props [][2]string) {
		for _, kv := range props {
			if len(want) > 0 && !want[kv[0]] {
				continue
			}
			if has(s.opts, "--value") {
				s.p.print(kv[1] + "\n")
			} else {
				s.p.print(kv[0] + "=" + kv[1] + "\n")
			}
		}
	}
	if len(s.args) == 0 {
		print1([][2]string{
			{"Version", strconv.Itoa(h.Spec.Systemd)},
			{"SystemState", systemState(h)},
			{"NFailedUnits", strconv.Itoa(failedUnits(h))},
			{"NNames", strconv.Itoa(len(h.Units))},
			{"NJobs", "0"},
			{"Virtualization", h.Spec.Virt},
			{"Architecture", "x86-64"},
		})
		return
	}
	units, missing := s.match(h, s.args)
	sort.SliceStable(units, func(i, j int) bool { return units[i].Spec.Name < units[j].Spec.Name })
	for i, u := range units {
		if i > 0 {
			s.p.print("\n")
		}
		print1(properties(u))
	}
	for i, n := range missing {
		if i > 0 || len(units) > 0 {
			s.p.print("\n")
		}
		print1([][2]string{
			{"Id", n},
			{"Names", n},
			{"Description", n},
			{"LoadState", "not-found"},
			{"ActiveState", "inactive"},
			{"SubState", "dead"},
			{"Result", "success"},
			{"UnitFileState", ""},
			{"MainPID", "0"},
			{"NRestarts", "0"},
			{"FragmentPath", ""},
			{"InvocationID", ""},
			{"StateChangeTimestamp", ""},
			{"MemoryCurrent", "[not set]"},
			{"NeedDaemonReload", "no"},
			{"Job", "0"},
		})
	}
}

func failedUnits(h *sim.Host) int {
	n := 0
	for _, u := range h.Units {
		if u.Active == "failed" {
			n++
		}
	}
	return n
}

func systemState(h *sim.Host) string {
	if failedUnits(h) > 0 {
		return "degraded"
	}
	return "running"
}

func sdTime(h *sim.Host, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return h.Local(t).UTC().Format("Mon 2006-01-02 15:04:05 UTC")
}

// mono is a moment on the monotonic clock, in microseconds since boot.
func mono(h *sim.Host, t time.Time) string {
	if t.IsZero() {
		return "0"
	}
	return strconv.FormatInt(max(0, t.Sub(h.Boot).Microseconds()), 10)
}

func sdSpan(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	var out []string
	for _, u := range []struct {
		n string
		d time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if k := d / u.d; k > 0 {
			out = append(out, strconv.Itoa(int(k))+u.n)
			d -= k * u.d
		}
	}
	return strings.Join(out, " ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func orUnset(n uint64) string {
	if n == 0 {
		return "[not set]"
	}
	return strconv.FormatUint(n, 10)
}

// properties are what systemctl show prints of a unit.
func properties(u *sim.Unit) [][2]string {
	h, sp := u.Host, u.Spec
	kind := sp.Kind
	if kind == "" {
		kind = "simple"
	}
	restart := sp.Restart
	if restart == "" {
		restart = "no"
	}
	burst, window := sp.Burst, sp.BurstInterval
	if burst == 0 {
		burst = 5
	}
	if window == 0 {
		window = 10 * time.Second
	}
	group := u.ControlGroup()
	slice := path.Base(path.Dir(group))
	out := [][2]string{}
	add := func(k, v string) { out = append(out, [2]string{k, v}) }
	if u.Service() {
		add("Type", kind)
		add("Restart", restart)
		add("NotifyAccess", "none")
		add("RestartUSec", sdSpan(max(sp.RestartSec, 100*time.Millisecond)))
		add("TimeoutStartUSec", "1min 30s")
		add("TimeoutStopUSec", sdSpan(u.TimeoutStop()))
		add("MainPID", strconv.Itoa(u.PID))
		add("ControlPID", "0")
		add("NRestarts", strconv.Itoa(u.Restarts))
		add("Result", u.Result)
		add("ReloadResult", "success")
		add("UID", "[not set]")
		add("ExecMainStartTimestamp", sdTime(h, u.Entered))
		add("ExecMainPID", strconv.Itoa(u.PID))
		add("ExecMainCode", strconv.Itoa(u.ExitCode))
		add("ExecMainStatus", strconv.Itoa(u.ExitStatus))
		add("ExecStart", execText(sp.Exec))
		if len(sp.ExecReload) > 0 {
			add("ExecReload", execText(sp.ExecReload))
		}
		add("User", sp.User)
		add("Environment", strings.Join(sp.Env, " "))
		for _, f := range sp.EnvFiles {
			add("EnvironmentFiles", strings.TrimPrefix(f, "-")+" (ignore_errors="+yes(strings.HasPrefix(f, "-"))+")")
		}
		add("MemoryCurrent", orUnset(u.Memory()))
		add("CPUUsageNSec", orUnset(u.CPUNanos()))
		add("TasksCurrent", orUnset(uint64(max(sp.Tasks, min(u.PID, 1))))) //nolint:gosec // counts
		add("ControlGroup", group)
	} else {
		add("Result", u.Result)
	}
	if sp.Trigger != "" {
		add("Unit", sp.Trigger)
		add("NextElapseUSecRealtime", sdTime(h, h.Site.Now().Add(sp.Next)))
	}
	add("Slice", slice)
	add("Id", sp.Name)
	add("Names", sp.Name)
	add("PartOf", strings.Join(sp.PartOf, " "))
	add("Wants", strings.Join(sp.Wants, " "))
	add("WantedBy", strings.Join(sp.PartOf, " "))
	add("Description", description(u))
	add("LoadState", "loaded")
	add("ActiveState", u.Active)
	add("FreezerState", "running")
	add("SubState", u.Sub)
	add("FragmentPath", u.FragmentPath())
	add("DropInPaths", strings.Join(sp.DropIns, " "))
	add("UnitFileState", u.Enabled)
	add("UnitFilePreset", "enabled")
	add("StateChangeTimestamp", sdTime(h, u.Changed))
	add("StateChangeTimestampMonotonic", mono(h, u.Changed))
	add("ActiveEnterTimestamp", sdTime(h, u.Entered))
	add("ActiveEnterTimestampMonotonic", mono(h, u.Entered))
	add("InactiveEnterTimestamp", sdTime(h, u.Left))
	add("InactiveEnterTimestampMonotonic", mono(h, u.Left))
	add("CanStart", "yes")
	add("CanStop", "yes")
	add("CanReload", yes(sp.Reload != ""))
	if u.Job != 0 {
		add("Job", strconv.Itoa(u.Job))
	}
	add("NeedDaemonReload", yes(u.NeedReload))
	add("StartLimitIntervalUSec", sdSpan(window))
	add("StartLimitBurst", strconv.Itoa(burst))
	add("InvocationID", u.Invocation)
	return out
}

func description(u *sim.Unit) string {
	if u.Spec.Description == "" {
		return u.Spec.Name
	}
	return u.Spec.Description
}

func execText(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return "{ path=" + argv[0] + " ; argv[]=" + strings.Join(argv, " ") + " ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }"
}

// selected reports whether list-units shows a unit.
func (s *systemctl) selected(u *sim.Unit) bool {
	set := func(keys ...string) []string {
		var out []string
		for _, k := range keys {
			for _, v := range many(s.opts[k]) {
				out = append(out, strings.Split(v, ",")...)
			}
		}
		return out
	}
	if t := set("-t", "--type"); len(t) > 0 && !contains(t, u.Suffix()) {
		return false
	}
	state := set("--state")
	if has(s.opts, "--failed") {
		state = append(state, "failed")
	}
	if len(state) > 0 {
		return contains(state, u.Active) || contains(state, u.Sub) || contains(state, "loaded")
	}
	return u.Active != "inactive" || has(s.opts, "--all") || s.opts["-a"] != "" || u.Job != 0
}

func (s *systemctl) list(h *sim.Host) {
	var rows [][]string
	units := h.Units
	if len(s.args) > 0 {
		units, _ = s.match(h, s.args)
	}
	for _, u := range units {
		if s.selected(u) {
			mark := "  "
			if u.Active == "failed" && !has(s.opts, "--plain") {
				mark = "● "
			}
			rows = append(rows, []string{mark, u.Spec.Name, "loaded", u.Active, u.Sub, description(u)})
		}
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i][1] < rows[j][1] })
	w := [5]int{2, 4, 4, 6, 3}
	for _, r := range rows {
		for i := 1; i < 5; i++ {
			w[i] = max(w[i], len(r[i]))
		}
	}
	var b strings.Builder
	legend := !has(s.opts, "--no-legend") && s.opts["--legend"] != "false"
	line := func(r []string) {
		if has(s.opts, "--plain") {
			r[0] = ""
		}
		fmt.Fprintf(&b, "%s%-*s %-*s %-*s %-*s %s\n", r[0], w[1], r[1], w[2], r[2], w[3], r[3], w[4], r[4], r[5])
	}
	if legend && len(rows) > 0 {
		line([]string{"  ", "UNIT", "LOAD", "ACTIVE", "SUB", "DESCRIPTION"})
	}
	for _, r := range rows {
		line(r)
	}
	if legend {
		if len(rows) > 0 {
			b.WriteString("\nLOAD   = Reflects whether the unit definition was properly loaded.\nACTIVE = The high-level unit activation state, i.e. generalization of SUB.\nSUB    = The low-level unit activation state, values depend on unit type.\n")
		}
		fmt.Fprintf(&b, "%d loaded units listed.\n", len(rows))
	}
	s.p.print(b.String())
}

func (s *systemctl) files(h *sim.Host) {
	seen := map[string]bool{}
	var rows []string
	for _, u := range h.Units {
		f := path.Base(u.FragmentPath())
		if seen[f] || len(s.args) > 0 && !matchAny(s.args, f) {
			continue
		}
		seen[f] = true
		rows = append(rows, fmt.Sprintf("%-40s %-9s %s", f, u.Enabled, "enabled"))
	}
	sort.Strings(rows)
	if !has(s.opts, "--no-legend") {
		rows = append([]string{"UNIT FILE                                STATE     PRESET"}, append(rows, "", strconv.Itoa(len(seen))+" unit files listed.")...)
	}
	s.p.print(strings.Join(rows, "\n") + "\n")
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

func (s *systemctl) timers(h *sim.Host) {
	for _, u := range h.Units {
		switch {
		case s.verb == "list-timers" && u.Suffix() == "timer":
			next := h.Site.Now().Add(u.Spec.Next)
			s.p.printf("%s %s left - - %s %s\n", sdTime(h, next), sdSpan(u.Spec.Next.Truncate(time.Second)), u.Spec.Name, u.Spec.Trigger)
		case s.verb == "list-sockets" && u.Suffix() == "socket":
			for _, l := range u.Spec.Listen {
				at := l.Path
				if at == "" {
					at = l.IP + ":" + strconv.Itoa(l.Port)
				}
				s.p.printf("%s %s %s\n", at, u.Spec.Name, strings.TrimSuffix(u.Spec.Name, ".socket")+".service")
			}
		}
	}
}

func (s *systemctl) dependencies(h *sim.Host) {
	units, _ := s.match(h, s.args)
	for _, u := range units {
		s.p.print(u.Spec.Name + "\n")
		for i, w := range u.Spec.Wants {
			branch := "├─"
			if i == len(u.Spec.Wants)-1 {
				branch = "└─"
			}
			if has(s.opts, "--plain") {
				branch = "  "
			}
			s.p.print("● " + branch + w + "\n")
		}
	}
}

func (s *systemctl) running(h *sim.Host) int {
	st := systemState(h)
	s.p.print(st + "\n")
	if st == "running" {
		return 0
	}
	return 1
}

func (s *systemctl) is(h *sim.Host) int {
	code := 3
	if s.verb != "is-active" {
		code = 1
	}
	quiet := s.opts["-q"] != "" || has(s.opts, "--quiet")
	say := func(t string) {
		if !quiet {
			s.p.print(t + "\n")
		}
	}
	for _, n := range s.args {
		units, missing := s.match(h, []string{n})
		for range missing {
			if s.verb == "is-enabled" {
				s.p.die(1, "Failed to get unit file state for %s: No such file or directory", n)
				continue
			}
			say("inactive")
		}
		for _, u := range units {
			switch s.verb {
			case "is-enabled":
				say(u.Enabled)
				if u.Enabled == "enabled" || u.Enabled == "static" {
					code = 0
				}
			default:
				say(u.Active)
				if s.verb == "is-active" && (u.Active == "active" || u.Active == "reloading") || s.verb == "is-failed" && u.Active == "failed" {
					code = 0
				}
			}
		}
	}
	return code
}

func (s *systemctl) status(h *sim.Host) int {
	if len(s.args) == 0 {
		s.p.printf("● %s\n    State: %s\n    Units: %d loaded\n     Jobs: 0 queued\n   Failed: %d units\n", h.Spec.Name, systemState(h), len(h.Units), failedUnits(h))
		return 0
	}
	units, missing := s.match(h, s.args)
	for _, n := range missing {
		return s.p.die(4, "Unit %s could not be found.", n)
	}
	code := 0
	for _, u := range units {
		dot := "●"
		switch u.Active {
		case "inactive":
			dot, code = "○", 3
		case "failed":
			dot, code = "×", 3
		}
		s.p.printf("%s %s - %s\n     Loaded: loaded (%s; %s; preset: enabled)\n     Active: %s (%s) since %s; %s ago\n", dot, u.Spec.Name, description(u),
			u.FragmentPath(), u.Enabled, u.Active, u.Sub, sdTime(h, u.Changed), sdSpan(h.Site.Now().Sub(u.Changed).Truncate(time.Second)))
		if u.PID > 0 {
			s.p.printf("   Main PID: %d (%s)\n     Memory: %s\n", u.PID, pathBase(u.Spec.Exec), human(u.Memory()))
		}
		all := h.Journal.All()
		var lines []string
		for i := len(all) - 1; i >= 0 && len(lines) < 10; i-- {
			if all[i].Unit == u.Spec.Name {
				lines = append([]string{shortLine(h, all[i])}, lines...)
			}
		}
		if len(lines) > 0 {
			s.p.print("\n" + strings.Join(lines, "\n") + "\n")
		}
	}
	return code
}

func pathBase(argv []string) string {
	if len(argv) == 0 {
		return "main"
	}
	return path.Base(argv[0])
}

func (s *systemctl) cat(h *sim.Host) int {
	units, missing := s.match(h, s.args)
	for _, n := range missing {
		return s.p.die(1, "No files found for %s.", n)
	}
	for i, u := range units {
		if i > 0 {
			s.p.print("\n")
		}
		for _, f := range append([]string{u.FragmentPath()}, u.Spec.DropIns...) {
			s.p.print("# " + f + "\n" + unitFile(s.p, u, f) + "\n")
		}
	}
	return 0
}

// unitFile is the text of a unit file: the one on the host's disk, or what the description says.
func unitFile(p *proc, u *sim.Unit, name string) string {
	if data, err := p.m.fs().ReadFile(p.cred(), name); err == nil {
		return strings.TrimSuffix(string(data), "\n")
	}
	var b strings.Builder
	b.WriteString("[Unit]\nDescription=" + description(u) + "\n")
	if u.Service() {
		b.WriteString("\n[Service]\nExecStart=" + strings.Join(u.Spec.Exec, " ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// change does what needs root, and waits for its end as systemctl does.
func (s *systemctl) change() int {
	p := s.p
	if !p.root() {
		what := strings.Join(s.args, " ")
		return p.die(1, "Failed to %s %s: Interactive authentication required.\nSee system logs and 'systemctl status %s' for details.", s.verb, what, what)
	}
	if s.verb == "daemon-reload" || s.verb == "reset-failed" && len(s.args) == 0 {
		p.locked(func(h *sim.Host) {
			for _, u := range h.Units {
				u.NeedReload = u.NeedReload && s.verb != "daemon-reload"
				if s.verb == "reset-failed" {
					u.ResetFailed()
				}
			}
		})
		return 0
	}
	if len(s.args) == 0 {
		return p.die(1, "Too few arguments.")
	}
	code := 0
	var waitFor []*sim.Unit
	release := p.host().Site.Follow()
	defer release()
	p.locked(func(h *sim.Host) {
		units, missing := s.match(h, s.args)
		for _, n := range missing {
			code = p.die(5, "Failed to %s %s: Unit %s not found.", s.verb, n, n)
		}
		for _, u := range units {
			if c := s.apply(u); c != 0 {
				code = c
				continue
			}
			waitFor = append(waitFor, u)
		}
	})
	if has(s.opts, "--no-block") || code != 0 {
		return code
	}
	for _, u := range waitFor {
		if c := s.wait(u); c != 0 {
			code = c
		}
	}
	return code
}

func (s *systemctl) apply(u *sim.Unit) int {
	switch s.verb {
	case "start":
		u.Start()
	case "stop":
		u.Stop()
	case "restart":
		u.Restart()
	case "try-restart":
		if u.Running() {
			u.Restart()
		}
	case "reload-or-restart":
		if !u.Reload() {
			u.Restart()
		}
	case "reload":
		if u.Active != "active" {
			return s.p.die(1, "%s is not active, cannot reload.", u.Spec.Name)
		}
		if !u.Reload() {
			return s.p.die(1, "Failed to reload %s: Job type reload is not applicable for unit %s.", u.Spec.Name, u.Spec.Name)
		}
	case "kill":
		sig := last(s.opts["-s"])
		if sig == "" {
			sig = s.opts["--signal"]
		}
		if sig == "" {
			sig = "TERM"
		}
		u.Signal(signalName(sig))
	case "reset-failed":
		u.ResetFailed()
	case "enable", "disable":
		if u.Enabled == "static" {
			return s.p.die(1, "The unit files have no installation config.")
		}
		u.Enabled = s.verb + "d"
		if has(s.opts, "--now") {
			if s.verb == "enable" {
				u.Start()
			} else {
				u.Stop()
			}
		}
	case "mask":
		u.Enabled = "masked"
	case "unmask":
		u.Enabled = "disabled"
	}
	return 0
}

// wait waits for the unit's job.
func (s *systemctl) wait(u *sim.Unit) int {
	h := u.Host
	for {
		h.Site.Lock()
		job, failed, ch := u.Job, u.Active == "failed", h.Changed()
		h.Site.Unlock()
		if job == 0 {
			if failed && (s.verb == "start" || s.verb == "restart") {
				return s.p.die(1, "Job for %s failed because the control process exited with error code.\nSee \"systemctl status %s\" and \"journalctl -xeu %s\" for details.", u.Spec.Name, u.Spec.Name, u.Spec.Name)
			}
			return 0
		}
		select {
		case <-ch:
		case <-s.p.ctx.Done():
			return 130
		}
	}
}
