package sim

import (
	"crypto/tls"
	"net/http"
	"sort"
	"strings"
	"time"

	"midwatch/hosts/demo/vfs"
)

// EngineSpec describes a Docker engine.
type EngineSpec struct {
	Version    string // "27.3.1"
	API        string // "1.47"
	MinAPI     string
	RootDir    string
	LogDriver  string // default: json-file
	Compose    string // version of the compose plugin, "" without it
	LiveRest   bool
	Refuses    bool // the daemon does not answer: the socket is there and nobody accepts
	NoForward  bool // sshd forbids stream-local forwarding, docker system dial-stdio works
	Registries []string
}

// Image is an image of an engine.
type Image struct {
	ID      string // sha256:…
	Tags    []string
	Digests []string
	Created time.Time
	Size    uint64
	Labels  map[string]string
	Env     []string
	Cmd     []string
	Entry   []string
	Ports   []string // exposed, "80/tcp"
	WorkDir string
	User    string
	Health  *HealthSpec
	OS      string
}

// Network is a network of an engine.
type Network struct {
	ID, Name, Driver, Scope string
	Subnet, Gateway         string
	Internal, Attachable    bool
	Labels                  map[string]string
	Created                 time.Time
	First                   int // the first address given, for the parts of one overlay on several hosts; 0 is 2
	next                    int
}

// Volume is a volume of an engine.
type Volume struct {
	Name, Driver string
	Options      map[string]string
	Labels       map[string]string
	Created      time.Time
	Size         uint64
}

// ContainerSpec describes a container.
type ContainerSpec struct {
	Name       string
	Image      string
	Entrypoint []string
	Cmd        []string
	Env        []string
	User       string
	WorkDir    string
	Ports      []PortSpec
	Expose     []string // "3000/tcp"
	Mounts     []MountSpec
	Networks   []string // names; the first is the network mode
	Aliases    []string
	NetMode    string // host, none, container:…; "" is the first network
	Labels     map[string]string
	Restart    string // no, always, on-failure, unless-stopped
	MaxRetry   int
	Health     *HealthSpec
	MemLimit   uint64
	CPUs       float64
	LogDriver  string
	LogOpts    map[string]string
	Privileged bool
	Open       []string                                    // files the main process holds open, as it sees them
	Died       func(c *Container, now time.Time, exit int) // called when the main process has ended
	TTY        bool                                        // has a terminal: its log is one raw stream
	ExitCode   int                                         // when it is ended by SIGTERM

	Off      string        // starts as "exited" or "created" instead of running
	Exit     int           // exit code of an exited one
	Error    string        // State.Error of a created one
	Up       time.Duration // since it was started (or, for exited ones, since it ended)
	Age      time.Duration // since it was created; 0 is Up and a little
	Restarts int

	CPU, CPUSwing float64 // percent of one core
	Mem, MemSwing float64 // bytes
	Net           float64 // bytes a second, both ways
	Procs         [][]string
	StopTime      time.Duration // from SIGTERM to the end
	Warmup        time.Duration // from start until its port answers
	Boot          func(c *Container, now time.Time)
	Halt          func(c *Container, now time.Time)
	HTTP          map[int]http.Handler // by container port; 0 answers on every port
	TLS           map[int]*tls.Config  // ports that begin with a handshake
	Loopback      []int                // ports of a container on the host's network that listen on 127.0.0.1 only
	Banner        map[int]string       // what a server that is not HTTP says first
	Files         map[string]vfs.Node
	Service       string // Swarm service
	Node          string
}

// PortSpec is a published port.
type PortSpec struct {
	IP    string // "" is all addresses
	Host  int
	Port  int
	Proto string // "" is tcp
}

// MountSpec is a mount of a container.
type MountSpec struct {
	Type, Name, Source, Target, Driver string
	RO                                 bool
	FSType, Device, Options            string // as /proc/self/mountinfo shows them inside; "" is the host's
}

// HealthSpec is a healthcheck.
type HealthSpec struct {
	Test        []string // "CMD-SHELL", "curl -f …"
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Retries     int
	Good, Bad   string // what the check prints
	BadExit     int
}

// Container is a container.
type Container struct {
	Host *Host
	Spec ContainerSpec
	ID   string

	State     string // created, running, paused, restarting, exited, dead
	Exit      int
	OOM       bool
	Err       string
	Restarts  int
	PID       int
	Created   time.Time
	Started   time.Time
	Finished  time.Time
	Health    string // "", starting, healthy, unhealthy
	Streak    int
	HealthLog []HealthResult
	Image     *Image
	Log       *Ring[Line]
	IPs       map[string]string // network → address
	Sick      string            // why its healthcheck fails and its endpoints answer 5xx; "" when well
	Ready     bool              // its ports answer
	FS        *vfs.FS
	Extra     float64 // more CPU for a while, percent

	cpu, mem, net Wave
	stopped       bool // by an operator: restart policies do not bring it back
	back          time.Duration
	timer         Timer
	probe         Timer
	warm          Timer
	ops           uint64
}

// HealthResult is one run of a healthcheck.
type HealthResult struct {
	Start, End time.Time
	Exit       int
	Output     string
}

// AddImage adds an image; its ID and digest follow from its first tag when they are not given.
func (h *Host) AddImage(im Image) *Image {
	key := strings.Join(im.Tags, ",") + im.ID
	if im.ID == "" {
		im.ID = "sha256:" + h.Site.Hex("image "+key, 64)
	}
	if im.Digests == nil && len(im.Tags) > 0 && !strings.HasPrefix(im.Tags[0], "local/") {
		im.Digests = []string{Repo(im.Tags[0]) + "@sha256:" + h.Site.Hex("digest "+key, 64)}
	}
	if im.OS == "" {
		im.OS = "linux"
	}
	if im.Created.IsZero() {
		im.Created = h.Site.start.Add(-time.Duration(20+h.rnd.IntN(60)) * 24 * time.Hour).Truncate(time.Second)
	}
	p := &im
	h.Images = append(h.Images, p)
	return p
}

// Repo is an image reference without its tag and digest.
func Repo(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		return ref[:i]
	}
	return ref
}

// Tagged adds the tag latest to a reference that has none.
func Tagged(ref string) string {
	if strings.Contains(ref, "@") || Repo(ref) != ref {
		return ref
	}
	return ref + ":latest"
}

// ImageBy finds an image by reference, ID or the beginning of an ID.
func (h *Host) ImageBy(ref string) *Image {
	for _, im := range h.Images {
		for _, t := range im.Tags {
			if t == Tagged(ref) {
				return im
			}
		}
		for _, d := range im.Digests {
			if d == ref {
				return im
			}
		}
		short := strings.TrimPrefix(im.ID, "sha256:")
		if im.ID == ref || len(ref) >= 4 && strings.HasPrefix(short, strings.TrimPrefix(ref, "sha256:")) {
			return im
		}
	}
	return nil
}

// AddNetwork adds a network.
func (h *Host) AddNetwork(n Network) *Network {
	if n.ID == "" {
		n.ID = h.Site.Hex("network "+h.Spec.Name+n.Name, 64)
	}
	if n.Driver == "" {
		n.Driver = "bridge"
	}
	if n.Scope == "" {
		n.Scope = "local"
	}
	n.Created = h.Site.start.Add(-h.Spec.Up)
	n.next = max(2, n.First)
	p := &n
	h.Networks = append(h.Networks, p)
	return p
}

// Network returns the network of that name or ID, or nil.
func (h *Host) Network(name string) *Network {
	for _, n := range h.Networks {
		if n.Name == name || n.ID == name {
			return n
		}
	}
	return nil
}

// AddVolume adds a volume.
func (h *Host) AddVolume(v Volume) *Volume {
	if v.Driver == "" {
		v.Driver = "local"
	}
	v.Created = h.Site.start.Add(-h.Spec.Up)
	p := &v
	h.Volumes = append(h.Volumes, p)
	return p
}

// Volume returns the volume of that name, or nil.
func (h *Host) Volume(name string) *Volume {
	for _, v := range h.Volumes {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Container finds a container by name, ID or the beginning of an ID.
func (h *Host) Container(ref string) *Container {
	ref = strings.TrimPrefix(ref, "/")
	for _, c := range h.Containers {
		if c.Spec.Name == ref || c.ID == ref {
			return c
		}
	}
	var found *Container
	for _, c := range h.Containers {
		if len(ref) >= 2 && strings.HasPrefix(c.ID, ref) {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}

// Newest returns the containers, the last created first, as docker ps orders them.
func (h *Host) Newest() []*Container {
	out := append([]*Container(nil), h.Containers...)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Created.After(out[j].Created) })
	return out
}

// Swarm is what a manager knows of its cluster.
type Swarm struct {
	ID       string
	Worker   bool // this engine is no manager: it knows that it belongs, and no more
	NodeID   string
	Nodes    []SwarmNode
	Services []*SwarmService
	Created  time.Time
}

// SwarmNode is a machine of a cluster.
type SwarmNode struct {
	ID, Hostname, Addr string
	Role, Availability string // manager or worker; active, pause, drain
	State              string // ready, down
	Message            string
	Leader             bool
	Engine, OS, Arch   string
	CPUs               int
	Mem                uint64
	Labels             map[string]string
	Unreachable        bool
	Since              time.Duration
	Host               *Host // nil when the machine is not part of the demo fleet
	ManagerAddr        string
}

// SwarmService is a service of a cluster.
type SwarmService struct {
	ID, Name, Image string
	Stack           string
	Global          bool
	Replicas        int
	Labels          map[string]string
	Env             []string
	Args            []string
	Constraints     []string
	Ports           []PortSpec
	Networks        []string
	Mounts          []MountSpec
	Update          *UpdateStatus
	Tasks           []*SwarmTask
	Created         time.Time
	Updated         time.Time
	Version         int
	Previous        string // image before
	FailureAction   string
	RestartPolicy   string
	MaxAttempts     int
	Health          *HealthSpec
}

// UpdateStatus is how the last update of a service stands.
type UpdateStatus struct {
	State, Message     string
	Started, Completed time.Time
}

// Running counts the tasks that run as wanted.
func (v *SwarmService) Running() int {
	n := 0
	for _, t := range v.Tasks {
		if t.Now() == "running" && t.Desired == "running" {
			n++
		}
	}
	return n
}

// Now is the state of the task: that of its container where this engine has it.
func (t *SwarmTask) Now() string {
	c := t.Container
	switch {
	case c == nil || t.Desired != "running":
		return t.State
	case c.Running() && c.Health == "starting":
		return "starting"
	case c.Running():
		return "running"
	case c.State == "created":
		return "preparing"
	default:
		return "failed"
	}
}

// SwarmTask is one instance of a service.
type SwarmTask struct {
	ID, NodeID  string
	Slot        int
	State       string // running, failed, starting, shutdown, …
	Desired     string
	Message     string
	Err         string
	Image       string
	ContainerID string
	PID         int
	Exit        int
	At          time.Time
	Container   *Container
}
