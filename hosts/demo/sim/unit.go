package sim

import (
	"fmt"
	"path"
	"strings"
	"time"
)

// UnitSpec describes a systemd unit.
type UnitSpec struct {
	Name, Description string
	Kind              string // simple, notify, forking, oneshot; "" is simple. Only for services
	Enabled           string // UnitFileState; "" is enabled
	Off               bool   // not started at boot
	Fragment          string // "" is /etc/systemd/system or /lib/systemd/system by Vendor
	Vendor            bool   // came with the distribution
	DropIns           []string
	Exec              []string // main process
	ExecReload        []string
	EnvFiles          []string
	Env               []string
	User              string // "" is root
	Restart           string // no, always, on-failure; "" is no
	RestartSec        time.Duration
	Burst             int           // StartLimitBurst; 0 is 5
	BurstInterval     time.Duration // 0 is 10s
	TimeoutStop       time.Duration // 0 is 90s
	Drain             time.Duration // how long the process takes to end after SIGTERM
	IdleStop          time.Duration // how long, when nothing is in progress; 0 is as long
	Warmup            time.Duration // activating
	Reload            string        // "signal", "command" or "": cannot
	PartOf            []string
	Wants             []string // of targets
	Listen            []Listener
	Mem               float64 // bytes
	CPU               float64 // percent of one core
	Tasks             int
	Since             time.Duration // active for this long already
	Restarts          int
	Ident             string
	Failed            string // starts as failed with this Result
	ExitStatus        int
	OnStart           func(u *Unit, now time.Time)
	OnStop            func(u *Unit, now time.Time)
	OnReload          func(u *Unit, now time.Time)
	Trigger           string // of timers: the unit
	Next              time.Duration
	Files             []string    // files the main process holds open, as it sees them
	Mounts            []MountSpec // what only the unit sees: PrivateTmp=, StateDirectory= of a DynamicUser=
}

// Unit is a systemd unit.
type Unit struct {
	Host *Host
	Spec UnitSpec

	Active, Sub, Result string
	Enabled             string
	PID                 int
	Restarts            int
	Invocation          string
	Changed             time.Time // StateChangeTimestamp
	Entered             time.Time // ActiveEnterTimestamp
	Left                time.Time // InactiveEnterTimestamp
	ExitCode            int       // ExecMainCode: 1 exited, 2 killed
	ExitStatus          int
	Job                 int
	JobType             string
	NeedReload          bool
	Deaf                bool // runs, and its ports refuse connections
	Sick                bool // health endpoints of the process answer with an error
	Busy                int  // calls or jobs in progress, for services that have such

	mem    Wave
	cpu    Wave
	timer  Timer
	again  bool        // start again when it has stopped: a restart
	starts []time.Time // for the start limit
}

// AddUnit adds a unit in the state its description starts with.
func (h *Host) AddUnit(spec UnitSpec) *Unit {
	u := &Unit{Host: h, Spec: spec, Enabled: spec.Enabled, Restarts: spec.Restarts, Result: "success"}
	if u.Enabled == "" {
		u.Enabled = "enabled"
		if spec.Vendor && !u.Service() {
			u.Enabled = "static"
		}
	}
	u.mem = NewWave(h.rnd, spec.Mem, spec.Mem*0.15)
	u.cpu = NewWave(h.rnd, spec.CPU, spec.CPU*0.8)
	since := spec.Since
	if since == 0 {
		since = max(time.Second, h.Spec.Up-20*time.Second)
	}
	u.Changed = h.Site.start.Add(-since)
	switch {
	case spec.Failed != "":
		u.Active, u.Sub, u.Result = "failed", "failed", spec.Failed
		u.ExitCode, u.ExitStatus = 1, spec.ExitStatus
		u.Left = u.Changed
		u.Invocation = h.Hex("invocation "+spec.Name, 32)
	case spec.Off:
		u.Active, u.Sub = "inactive", "dead"
		if spec.Restarts == 0 && spec.Since == 0 {
			u.Changed = time.Time{}
		}
	default:
		u.Active, u.Sub = "active", u.activeSub()
		u.Entered = u.Changed
		u.Invocation = h.Hex("invocation "+spec.Name, 32)
		if u.hasProcess() {
			u.PID = h.NewPID()
		}
	}
	h.Units = append(h.Units, u)
	h.units[spec.Name] = u
	h.touch()
	return u
}

// Unit returns the unit of that name, ".service" may be left out; nil when it is not loaded.
func (h *Host) Unit(name string) *Unit {
	if u := h.units[name]; u != nil {
		return u
	}
	return h.units[name+".service"]
}

// Service reports whether the unit is a service.
func (u *Unit) Service() bool { return strings.HasSuffix(u.Spec.Name, ".service") }

// Suffix is the kind of unit: service, socket, target, timer, mount.
func (u *Unit) Suffix() string { return strings.TrimPrefix(path.Ext(u.Spec.Name), ".") }

func (u *Unit) hasProcess() bool { return u.Service() && u.Spec.Kind != "oneshot" }

func (u *Unit) activeSub() string {
	switch u.Suffix() {
	case "socket":
		return "listening"
	case "timer":
		return "waiting"
	case "mount":
		return "mounted"
	case "target":
		return "active"
	case "service":
		if u.Spec.Kind == "oneshot" {
			return "exited"
		}
		return "running"
	default:
		return "active"
	}
}

func (u *Unit) ident() string {
	if u.Spec.Ident != "" {
		return u.Spec.Ident
	}
	if len(u.Spec.Exec) > 0 {
		return path.Base(u.Spec.Exec[0])
	}
	return strings.TrimSuffix(u.Spec.Name, ".service")
}

func (u *Unit) uid() int {
	if us, ok := u.Host.User(u.Spec.User); ok {
		return us.UID
	}
	return 0
}

// Running reports whether the main process is there and not on its way out.
func (u *Unit) Running() bool { return u.Active == "active" || u.Active == "reloading" }

// Memory is MemoryCurrent in bytes, 0 while nothing runs.
func (u *Unit) Memory() uint64 {
	if u.PID == 0 {
		return 0
	}
	return uint64(u.mem.At(u.Host.Site.now))
}

// CPUNanos is CPUUsageNSec since the process started.
func (u *Unit) CPUNanos() uint64 {
	if u.PID == 0 {
		return 0
	}
	return uint64(u.cpu.Sum(u.Entered, u.Host.Site.now) / 100 * 1e9)
}

// CPU is what the process uses now, in percent of one core.
func (u *Unit) CPU() float64 {
	if u.PID == 0 {
		return 0
	}
	return u.cpu.At(u.Host.Site.now)
}

// FragmentPath is where the unit file is.
func (u *Unit) FragmentPath() string {
	if u.Spec.Fragment != "" {
		return u.Spec.Fragment
	}
	file := u.Spec.Name
	if at := strings.IndexByte(file, '@'); at >= 0 {
		file = file[:at+1] + path.Ext(file)
	}
	if u.Spec.Vendor {
		return "/lib/systemd/system/" + file
	}
	return "/etc/systemd/system/" + file
}

// InstanceName is what stands between @ and the suffix, "" for units that are not instances.
func (u *Unit) InstanceName() string {
	at := strings.IndexByte(u.Spec.Name, '@')
	if at < 0 {
		return ""
	}
	return strings.TrimSuffix(u.Spec.Name[at+1:], path.Ext(u.Spec.Name))
}

// TimeoutStop is how long systemd waits before SIGKILL.
func (u *Unit) TimeoutStop() time.Duration {
	if u.Spec.TimeoutStop > 0 {
		return u.Spec.TimeoutStop
	}
	return 90 * time.Second
}

func (u *Unit) title() string {
	if u.Spec.Description == "" {
		return u.Spec.Name
	}
	return fmt.Sprintf("%s - %s", u.Spec.Name, u.Spec.Description)
}
