package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// Row is what one line about a host says. It is made of facts only: how it is written is up to the
// screen or the command that shows it.
type Row struct {
	Host    string
	State   hosts.State
	Reason  string // why the state is not connected; "" while it is
	Load    [3]float64
	CPUs    int
	Memory  int // percent of memory in use, -1 unknown
	Disk    hosts.Disk
	HasDisk bool // Disk is the fullest file system, by space or by inodes
	// Up and Total count containers; both -1 while they are unknown.
	Up, Total int
	Failing   []Problem // of this host, worst first
	Unknown   []Gap     // what could not be read
	Age       time.Duration
	Known     bool // something was read at least once
}

// Severity is how bad a Problem is.
type Severity int

// The severities, from harmless to worst.
const (
	SeverityNone Severity = iota
	SeverityWarning
	SeverityError
	SeverityCritical
)

func (s Severity) String() string {
	return [...]string{"ok", "warning", "error", "critical"}[max(0, min(int(s), 3))]
}

// Problem is one thing that is wrong on a host, as the facts tell it.
type Problem struct {
	Kind     string // one of the Kind constants
	Severity Severity
	Host     string
	Object   string // container, unit or mount; "" for the host itself
	Text     string // "exited 137, restarting", "94% of 20 GB used"
}

// The kinds of problems, in the order in which equally bad ones are shown.
const (
	KindHost       = "host"       // not connected
	KindUnit       = "unit"       // a failed systemd unit
	KindUnhealthy  = "unhealthy"  // a container whose healthcheck fails
	KindRestarting = "restarting" // a container in a restart loop
	KindDead       = "dead"       // a container Docker could not remove, or one killed for memory
	KindDisk       = "disk"       // space or inodes
	KindStale      = "stale"      // facts that are old although the host is connected
)

// Gap is a part of a host's facts that is not known.
type Gap struct {
	Host   string
	Part   string // "containers", "units", …
	Reason string
	Needs  string // what would make it readable; "" when nothing is known to
}

// Limits of what is a problem.
const (
	DiskFull     = 90 // percent of space or inodes
	DiskCritical = 97
	// StaleAfter is how old the facts of a connected host may be.
	StaleAfter = 45 * time.Second
)

// Summary makes the row of a host.
func Summary(h *hosts.HostFacts, now time.Time) Row {
	r := Row{
		Host: h.Host.Name, State: h.Link.State, Reason: h.Link.Reason,
		Load: h.System.Value.Load, CPUs: h.System.Value.CPUs,
		Memory: MemoryPercent(h.System.Value), Up: -1, Total: -1,
		Known: !h.Latest.IsZero(),
	}
	if !h.System.Known() {
		r.Memory = -1
	}
	if r.Known {
		r.Age = max(now.Sub(h.Latest), 0)
	}
	r.Disk, r.HasDisk = WorstDisk(h.Disks.Value)
	if h.Containers.Known() {
		r.Up, r.Total = Up(h.Containers.Value), len(h.Containers.Value)
	}
	r.Failing = Problems(h, now)
	r.Unknown = Gaps(h)
	return r
}

// MemoryPercent is how much of the memory is in use and cannot be had back, -1 when unknown.
func MemoryPercent(s hosts.System) int {
	if s.MemTotal == 0 || s.MemAvailable > s.MemTotal {
		return -1
	}
	return int((s.MemTotal - s.MemAvailable) * 100 / s.MemTotal)
}

// WorstDisk returns the file system that is fullest by space or by inodes. One that gave no answer
// is not fuller than any.
func WorstDisk(disks []hosts.Disk) (hosts.Disk, bool) {
	worst, found := hosts.Disk{}, false
	for _, d := range disks {
		if d.Problem != "" || d.Size == 0 {
			continue
		}
		if !found || fullness(d) > fullness(worst) {
			worst, found = d, true
		}
	}
	return worst, found
}

func fullness(d hosts.Disk) int { return max(d.UsedPercent(), d.InodePercent()) }

// Up counts the containers that run and are not known to be unhealthy.
func Up(list []hosts.Container) int {
	n := 0
	for i := range list {
		if list[i].State == "running" && list[i].Health != hosts.HealthUnhealthy {
			n++
		}
	}
	return n
}

// Problems lists what is wrong on a host, worst first. It judges by what is known, old facts
// included: what was failing when the host was last heard of is still said.
func Problems(h *hosts.HostFacts, now time.Time) []Problem {
	var out []Problem
	add := func(kind string, s Severity, object, text string) {
		out = append(out, Problem{Kind: kind, Severity: s, Host: h.Host.Name, Object: object, Text: text})
	}
	switch h.Link.State {
	case hosts.StateDisconnected, hosts.StateError:
		add(KindHost, SeverityCritical, "", strings.TrimSuffix(h.Link.State.String()+": "+h.Link.Reason, ": "))
	case hosts.StateConnected:
		// One that is to be asked rarely is not stale until it was left out twice.
		if age := now.Sub(h.Latest); !h.Latest.IsZero() && age > max(StaleAfter, 3*h.Host.Refresh) {
			add(KindStale, SeverityWarning, "", "nothing new for "+age.Round(time.Second).String())
		}
	}
	for i := range h.Units.Value {
		if u := &h.Units.Value[i]; u.Active == "failed" {
			add(KindUnit, SeverityError, u.Name, strings.TrimSuffix("failed: "+u.Result, ": "))
		}
	}
	for i := range h.Containers.Value {
		if kind, s, text := containerProblem(&h.Containers.Value[i]); kind != "" {
			add(kind, s, h.Containers.Value[i].Name, text)
		}
	}
	for _, d := range h.Disks.Value {
		if s, text := diskProblem(d); s != SeverityNone {
			add(KindDisk, s, d.Mount, text)
		}
	}
	sortProblems(out)
	return out
}

// containerProblem judges one container. A stopped one is no problem by itself: jobs end, and people
// stop things. One that should have been restarted and is not, is.
func containerProblem(c *hosts.Container) (kind string, s Severity, text string) {
	switch {
	case c.State == "restarting":
		return KindRestarting, SeverityError, fmt.Sprintf("restarting after exit %d, %d times so far", c.Exit, c.Restarts)
	case c.State == "dead":
		return KindDead, SeverityError, "dead: docker could not remove it"
	case c.State == "running" && c.Health == hosts.HealthUnhealthy:
		return KindUnhealthy, SeverityError, "healthcheck fails"
	case c.State == "exited" && c.OOMKilled:
		return KindDead, SeverityError, "killed for using too much memory"
	case c.State == "exited" && c.Exit != 0 && (c.Policy == "always" || c.Policy == "unless-stopped"):
		return KindDead, SeverityWarning, fmt.Sprintf("exited %d and was not restarted", c.Exit)
	default:
		return "", SeverityNone, ""
	}
}

func diskProblem(d hosts.Disk) (Severity, string) {
	if d.Problem != "" {
		return SeverityWarning, d.Problem
	}
	s, what, of := SeverityNone, d.UsedPercent(), "space"
	if i := d.InodePercent(); i > what {
		what, of = i, "inodes"
	}
	switch {
	case what >= DiskCritical:
		s = SeverityCritical
	case what >= DiskFull:
		s = SeverityError
	}
	return s, fmt.Sprintf("%d%% of %s used", what, of)
}

func sortProblems(list []Problem) {
	order := []string{KindHost, KindUnit, KindUnhealthy, KindRestarting, KindDead, KindDisk, KindStale}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)))
	})
}

// Gaps lists what is not known of a host, or known from an earlier time only. What cannot be known
// of such a host, because it is reached without a shell, is no gap.
func Gaps(h *hosts.HostFacts) []Gap {
	var out []Gap
	shell := h.Host.Kind != hosts.KindDocker
	gap(&out, h, "system", h.System, shell)
	gap(&out, h, "disks", h.Disks, shell)
	gap(&out, h, "units", h.Units, shell)
	gap(&out, h, "containers", h.Containers, true)
	return out
}

func gap[T any](out *[]Gap, h *hosts.HostFacts, part string, p hosts.Part[T], asked bool) {
	if !asked || p.Standing() == hosts.Fresh {
		return
	}
	reason := p.Reason
	if reason == "" {
		reason = "not read yet"
	}
	*out = append(*out, Gap{Host: h.Host.Name, Part: part, Reason: reason, Needs: p.Needs})
}
