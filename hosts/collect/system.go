package collect

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// systemID is the section that the runner adds the clock to.
const systemID = "system"

// systemSection is what changes all the time. One grep prints every file with its name in front of
// each line, which costs one process.
func systemSection() Section {
	return Section{
		ID: systemID, Title: "load, memory, pressure and uptime",
		Source: "cat /proc/uptime /proc/loadavg /proc/meminfo /proc/pressure/*",
		Script: `grep -sH '' /proc/uptime /proc/loadavg /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io /proc/meminfo
[ -r /proc/loadavg ] || { echo 'no /proc on this host' >&2; exit 1; }; exit 0`,
		Plain: true, Every: 5 * time.Second,
		Fill: fillSystem,
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			f.System = f.System.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		},
	}
}

// identitySection is what changes with a reboot or an upgrade.
func identitySection() Section {
	return Section{
		ID: "identity", Title: "operating system, kernel and user",
		Source: "uname -m; nproc; id; cat /etc/os-release /etc/machine-id",
		Script: `grep -sH '' /proc/sys/kernel/hostname /proc/sys/kernel/osrelease /etc/machine-id /etc/os-release /usr/lib/os-release
echo "arch:$(uname -m)"
echo "cpus:$(nproc 2>/dev/null || grep -c '^processor' /proc/cpuinfo)"
echo "uid:$(id -u)"
echo "user:$(id -un 2>/dev/null)"
echo "groups:$(id -Gn 2>/dev/null)"
[ -d /run/systemd/system ] && echo "systemd:$(systemctl --version 2>/dev/null | head -n 1)"
command -v systemd-detect-virt >/dev/null 2>&1 && echo "virt:$(systemd-detect-virt 2>/dev/null)"
exit 0`,
		Every: 10 * time.Minute,
		Fill:  fillIdentity,
		// What a host is was known before or is simply missing from the summary; that the summary
		// itself is fresh or not is the system section's to say.
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			if !f.System.Known() && f.System.Reason == "" {
				f.System = f.System.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
			}
		},
	}
}

// clockMark begins the line that the runner adds to the system section: what it measured itself.
const clockMark = "midwatch-clock:"

func fillSystem(f *hosts.HostFacts, ev hosts.Evidence) error {
	s := f.System.Value
	if f.System.At.IsZero() && s.FailedUnits == 0 {
		s.FailedUnits = failedUnits(f)
	}
	if err := ParseSystem(ev.Data, &s); err != nil {
		return err
	}
	f.System = hosts.Read(s, ev.Source, ev.At)
	f.LoadTrend = appendTrend(f.LoadTrend, s.Load[0])
	return nil
}

// trendLen is how many loads are kept: ten minutes at the usual period.
const trendLen = 120

// appendTrend returns a new slice: the old one may be on somebody's screen.
func appendTrend(old []float64, v float64) []float64 {
	if len(old) >= trendLen {
		old = old[len(old)-trendLen+1:]
	}
	return append(slices.Clone(old), v)
}

// ParseSystem puts what the system section printed into s and leaves alone what it does not tell.
func ParseSystem(data []byte, s *hosts.System) error {
	load := false
	s.Pressure = hosts.Pressure{}
	for line := range lines(data) {
		path, text, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		switch path {
		case "/proc/uptime":
			if d, ok := seconds(first(text)); ok {
				s.Uptime = d
			}
		case "/proc/loadavg":
			load = parseLoad(text, &s.Load) || load
		case "/proc/meminfo":
			parseMem(text, s)
		case "/proc/pressure/cpu":
			parsePressure(text, &s.Pressure.CPU, &s.Pressure)
		case "/proc/pressure/memory":
			parsePressure(text, &s.Pressure.Memory, &s.Pressure)
		case "/proc/pressure/io":
			parsePressure(text, &s.Pressure.IO, &s.Pressure)
		case strings.TrimSuffix(clockMark, ":"):
			parseClock(text, s)
		}
	}
	if !load {
		return errors.New("no load average in the answer")
	}
	return nil
}

func parseLoad(text string, load *[3]float64) bool {
	f := strings.Fields(text)
	if len(f) < 3 {
		return false
	}
	var v [3]float64
	for i := range v {
		x, err := strconv.ParseFloat(f[i], 64)
		if err != nil || !(x >= 0 && x < 1e6) {
			return false
		}
		v[i] = x
	}
	*load = v
	return true
}

func parseMem(text string, s *hosts.System) {
	name, rest, ok := strings.Cut(text, ":")
	if !ok {
		return
	}
	kib, err := strconv.ParseUint(first(rest), 10, 64)
	if err != nil || kib > 1<<50 {
		return
	}
	switch name {
	case "MemTotal":
		s.MemTotal = kib << 10
	case "MemAvailable":
		s.MemAvailable = kib << 10
	case "SwapTotal":
		s.SwapTotal = kib << 10
	case "SwapFree":
		s.SwapFree = kib << 10
	}
}

// parsePressure reads "some avg10=0.12 avg60=… avg300=… total=…".
func parsePressure(text string, to *float64, p *hosts.Pressure) {
	f := strings.Fields(text)
	if len(f) < 2 || f[0] != "some" {
		return
	}
	v, err := strconv.ParseFloat(strings.TrimPrefix(f[1], "avg10="), 64)
	if err == nil && v >= 0 && v <= 100 {
		*to, p.Known = v, true
	}
}

func clockLine(c Clock) string {
	return fmt.Sprintf("%s%d %d\n", clockMark, c.Offset.Nanoseconds(), c.Error.Nanoseconds())
}

func parseClock(text string, s *hosts.System) {
	f := strings.Fields(text)
	if len(f) != 2 {
		return
	}
	off, err1 := strconv.ParseInt(f[0], 10, 64)
	within, err2 := strconv.ParseInt(f[1], 10, 64)
	if err1 == nil && err2 == nil {
		s.ClockOffset, s.ClockError = time.Duration(off), time.Duration(within)
	}
}

func fillIdentity(f *hosts.HostFacts, ev hosts.Evidence) error {
	s := f.System.Value
	if err := ParseIdentity(ev.Data, &s); err != nil {
		return err
	}
	// The age of the summary stays that of its load: this part of it does not grow old.
	f.System.Value = s
	return nil
}

// ParseIdentity puts what the identity section printed into s.
func ParseIdentity(data []byte, s *hosts.System) error {
	etc, seen := false, false
	for line := range lines(data) {
		path, text, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		switch path {
		case "/proc/sys/kernel/hostname":
			s.Hostname = text
		case "/proc/sys/kernel/osrelease":
			s.Kernel = text
		case "/etc/machine-id":
			s.MachineID = text
		case "/etc/os-release", "/usr/lib/os-release":
			if v, ok := strings.CutPrefix(text, "PRETTY_NAME="); ok && !etc {
				s.OS, etc = unquoteOS(v), true
			}
		case "arch":
			s.Arch, seen = text, true
		case "cpus":
			if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 1<<20 {
				s.CPUs = n
			}
		case "uid":
			if n, err := strconv.Atoi(text); err == nil && n >= 0 {
				s.UID = n
			}
		case "user":
			s.User = text
		case "groups":
			s.UserGroups = strings.Fields(text)
		case "systemd":
			s.Systemd = systemdVersion(text)
		case "virt":
			s.Virt = text
		}
	}
	if !seen {
		return errors.New("the answer names no architecture")
	}
	return nil
}

// systemdVersion reads the number of "systemd 252 (252.39-1~deb12u1)".
func systemdVersion(text string) string {
	if f := strings.Fields(text); len(f) >= 2 && f[0] == "systemd" {
		return f[1]
	}
	return ""
}

// unquoteOS undoes the shell quoting of os-release(5).
func unquoteOS(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		v = v[1 : len(v)-1]
	}
	return strings.NewReplacer(`\"`, `"`, `\$`, `$`, "\\`", "`", `\\`, `\`).Replace(v)
}

// lines yields the lines of data as clean text.
func lines(data []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(data) {
			if !yield(hosts.CleanLine(string(bytes.TrimSuffix(line, []byte("\n"))))) {
				return
			}
		}
	}
}

// first returns the first word of s.
func first(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}
