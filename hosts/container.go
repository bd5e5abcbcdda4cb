package hosts

import (
	"strings"
	"time"
)

// Engine is a Docker engine (GET /version and /info).
type Engine struct {
	Version, APIVersion string
	OS, Arch, Kernel    string
	StorageDriver       string
	CgroupDriver        string
	RootDir             string
	NCPU                int
	MemTotal            uint64 // bytes
	Containers          int
	Running             int
	Paused              int
	Stopped             int
	Images              int
	LiveRestore         bool
	Swarm               string // LocalNodeState: inactive, active, …
	LogDriver           string
	Warnings            []string
}

// Container is one container, running or not (GET /containers/json?all=1 and /containers/ID/json).
type Container struct {
	ID        string // full
	Name      string // without the leading slash
	Image     string // as it was asked for
	ImageID   string // sha256:…
	Command   []string
	State     string // created, running, paused, restarting, removing, exited, dead
	Status    string // Docker's own words, "Up 3 minutes (healthy)"
	Health    Health
	Exit      int
	OOMKilled bool
	Error     string
	Restarts  int
	Policy    string // restart policy: no, always, on-failure, unless-stopped
	Created   time.Time
	Started   time.Time
	Finished  time.Time
	PID       int
	Ports     []Port
	Bindings  []Port // HostConfig.PortBindings: what it asks for when it is started
	Mounts    []ContainerMount
	Networks  []ContainerNetwork
	Labels    map[string]string
	EnvNames  []string // names only: values are not facts
	LogDriver string
	NetMode   string // HostConfig.NetworkMode: bridge, host, container:ID, a network's name
	Inspected bool   // the fields of inspect (restarts, env, health log, …) are filled
	Probe     string // the healthcheck command, "" without one
	HealthLog []HealthResult
	// Memory limit in bytes, 0 without one; CPUs 0 without a limit.
	MemLimit uint64
	CPULimit float64
	User     string
	Project  string // com.docker.compose.project or the Swarm stack's name
	Service  string // com.docker.compose.service or the Swarm service's name
}

// Health is the state of a container's healthcheck.
type Health int

// The health states; the zero value claims nothing.
const (
	HealthUnknown Health = iota
	HealthNone           // no healthcheck is defined
	HealthStarting
	HealthHealthy
	HealthUnhealthy
)

func (h Health) String() string {
	switch h {
	case HealthNone:
		return "none"
	case HealthStarting:
		return "starting"
	case HealthHealthy:
		return "healthy"
	case HealthUnhealthy:
		return "unhealthy"
	default:
		return "unknown"
	}
}

// HealthResult is one run of a healthcheck.
type HealthResult struct {
	At, End time.Time
	Exit    int
	Output  string
}

// Port is one published or exposed port.
type Port struct {
	HostIP        string // "" when exposed and not published; "0.0.0.0", "::", an address
	HostPort      uint16 // 0 when not published
	ContainerPort uint16
	Proto         string // tcp, udp, sctp
}

// ContainerMount is one mount of a container.
type ContainerMount struct {
	Type, Name, Source, Destination, Driver string
	RW                                      bool
}

// ContainerNetwork is a container's place in one network.
type ContainerNetwork struct {
	Name, IP, Gateway string
	Aliases           []string
}

// Stats is one sample of a running container (GET /containers/ID/stats).
type Stats struct {
	At          time.Time
	CPU         float64 // percent of one core, as docker stats prints
	Mem, Limit  uint64  // bytes; Mem without the inactive page cache, as docker stats prints
	RxBytes     uint64
	TxBytes     uint64
	BlkRead     uint64
	BlkWrite    uint64
	PIDs        uint64
	ThrottledNS uint64
}

// Image is one image of an engine (GET /images/json).
type Image struct {
	ID       string
	Tags     []string
	Digests  []string
	Created  time.Time
	Size     uint64 // bytes
	Labels   map[string]string
	Dangling bool
	InUse    int // containers made from it
}

// Event is something that happened on a host.
type Event struct {
	At     time.Time
	Host   string
	Kind   string // container, unit, link, probe, config, deploy, service, mount, system, action, watch, …
	Object string // container or unit name
	ID     string // container ID where there is one
	Action string // die, start, oom, health_status: unhealthy, connected, …
	Detail string // "exit 137"
}

// ContainerDetail is what is read only when a person looks at one container.
type ContainerDetail struct {
	Inspect string     // the redacted inspect document, indented JSON
	Top     [][]string // rows of ps; the first row holds the titles
	TopErr  string     // why there is no Top ("container is not running")
	At      time.Time
}

// Unit is a systemd unit (systemctl show).
type Unit struct {
	Name        string // powernode-worker@default.service
	Description string
	Load        string    // loaded, not-found, masked, …
	Active      string    // active, inactive, failed, activating, deactivating, reloading
	Sub         string    // running, exited, dead, stop-sigterm, auto-restart, …
	Result      string    // success, exit-code, signal, start-limit-hit, …
	Enabled     string    // enabled, disabled, static, …
	Since       time.Time // StateChangeTimestamp
	MainPID     int
	Restarts    int // NRestarts
	// Counts is Restarts as it was first seen and at each change since, oldest first, bounded.
	Counts       []RestartCount
	Memory       uint64
	Fragment     string // FragmentPath
	DropIns      []string
	InvocationID string
	ExitCode     string // how the main process ended: exited, killed, dumped; "" while it never did
	ExitStatus   int    // ExecMainStatus: its exit code or the number of its signal
	Job          string // what systemd is doing to it, "stop running"; "" usually
	Wants        []string
	PartOf       []string
	ConsistsOf   []string      // the units that are PartOf this one
	StopTimeout  time.Duration // TimeoutStopUSec: how long it may take to drain; 0 unknown, -1 for ever
	EnvFiles     []EnvFile     // EnvironmentFiles, with the names they set
	Listen       []string      // of a socket unit: "/run/web.sock (Stream)"
	Port         int           // PORT of its own Environment=, 0 without one
	NeedReload   bool          // NeedDaemonReload: its files have changed since systemd read them
	LastRun      time.Time     // of a timer
	NextRun      time.Time
}

// EnvFile is a file of environment variables of a unit. Values are not facts, but for a few numbers.
type EnvFile struct {
	Path     string // may be a pattern
	Optional bool   // written with "-": no fault when it is missing
	Names    []string
	Numbers  map[string]int         // of *_WORKERS, MAX_CONCURRENT_* and PORT, where they are plain numbers
	Paths    map[string]string      // of *RECORDING*_DIR, _PATH and the like, where they are plain paths
	URLs     map[string][]ListedURL // of *_URLS
	Read     bool                   // Names were read
	Error    string                 // why they could not be: "missing", "not readable"; "" otherwise
}

// ListedURL is an entry of a list of URLs, without its path.
type ListedURL struct {
	Origin string // "https://a.example.com:8443"
	Again  bool   // the very same entry stands earlier in the list
}

// EnvPort is the PORT that the unit's environment says, and where: files override Environment=, later
// files earlier ones. 0 where none says one.
func (u Unit) EnvPort() (port int, from string) {
	if u.Port > 0 {
		port, from = u.Port, "Environment="
	}
	for _, f := range u.EnvFiles {
		if n := f.Numbers["PORT"]; n > 0 {
			port, from = n, f.Path
		}
	}
	return port, from
}

// Instance splits the name of an instance of a template: "worker@.service" and "eu" of
// "worker@eu.service"; both empty for other units.
func (u Unit) Instance() (template, instance string) {
	dot := strings.LastIndexByte(u.Name, '.')
	at := strings.IndexByte(u.Name, '@')
	if at < 1 || dot <= at+1 {
		return "", ""
	}
	return u.Name[:at+1] + u.Name[dot:], u.Name[at+1 : dot]
}

// RestartCount is a restart counter as it stood at a moment.
type RestartCount struct {
	At time.Time
	N  int
}

// RestartsSince is how often the unit was restarted after a moment, as far as its counter was
// watched. A counter that fell was set back by a start by hand and counts from zero again.
func (u Unit) RestartsSince(at time.Time) int {
	n := 0
	for i := 1; i < len(u.Counts); i++ {
		was, is := u.Counts[i-1].N, u.Counts[i]
		if !is.At.After(at) {
			continue
		}
		if is.N < was {
			was = 0
		}
		n += is.N - was
	}
	return n
}

// Draining reports that the unit was told to stop and has not yet.
func (u Unit) Draining() bool { return u.Active == "deactivating" }

// DrainEnd is when systemd stops waiting and kills; zero when that is not known or never.
func (u Unit) DrainEnd() time.Time {
	if !u.Draining() || u.Since.IsZero() || u.StopTimeout <= 0 {
		return time.Time{}
	}
	return u.Since.Add(u.StopTimeout)
}
