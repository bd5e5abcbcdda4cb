package hosts

import "time"

// Swarm is what a manager knows (GET /nodes, /services, /tasks).
type Swarm struct {
	ClusterID string
	Manager   bool // this engine is a manager; without it the lists are empty
	Nodes     []SwarmNode
	Services  []SwarmService
	Tasks     []SwarmTask
}

// SwarmNode is a node.
type SwarmNode struct {
	ID, Hostname, Role, Availability, State, Addr, EngineVersion string
	Leader                                                       bool
	Reachability                                                 string
	Labels                                                       map[string]string
}

// SwarmService is a service.
type SwarmService struct {
	ID, Name, Stack, Image  string
	Mode                    string // replicated, global, replicated-job, global-job
	Wanted, Running         int
	Ports                   []Port
	PublishMode             string // ingress or host
	UpdateState, UpdateInfo string // UpdateStatus.State and Message
	Updated                 time.Time
	Labels                  map[string]string
	EnvNames                []string
	Mounts                  []ContainerMount
	Constraints             []string
	Networks                []string
	HealthCmd               string
	Restart                 string // condition of the restart policy, "" when none is given
	MaxAttempts             int
	UpdateOrder, OnFailure  string
	Command                 []string
	VersionIndex            uint64
	// Endpoint is how its name is answered: "vip", "dnsrr" (the addresses of its tasks); "" unknown.
	Endpoint string
	VIPs     []string // its address in each network
}

// SwarmTask is a task.
type SwarmTask struct {
	ID, Service, Node, State, Desired, Error, Message string
	Slot                                              int
	ContainerID                                       string
	At                                                time.Time
	Image                                             string
}

// ComposeProject is a compose project as its running containers and their files tell it.
type ComposeProject struct {
	Name       string
	WorkingDir string
	Files      []ComposeFile
	Services   []ComposeService
	Drift      []Drift
}

// ComposeFile is one file a project was started with, values of the environment masked.
type ComposeFile struct {
	Path  string
	Text  string
	Error string // why it could not be read: a file that is gone is drift
	MTime time.Time
}

// ComposeService is a service of a project, joined with its containers.
type ComposeService struct {
	Name       string
	InFiles    bool
	Image      string   // as the files ask for it
	Containers []string // container IDs
	ConfigHash string   // label of the running containers
}

// Drift is one difference between files and reality.
type Drift struct {
	Service, Kind, Detail, File string
	Line                        int
}

// Database is a SQLite database in use.
type Database struct {
	Path      string // as the host sees it
	Size      uint64
	WALSize   uint64 // 0 without a -wal file
	Process   string
	PID       int
	Container string // container ID of the process
	Unit      string
	Mount     Mount  // the file system beneath
	InnerPath string // as the process sees it, when that differs
	// How the process holds it; all empty where an older capture does not tell.
	WAL     bool     // its header says that it is written through a log
	SHM     bool     // there is a -shm file
	Writes  bool     // the process may write it
	Deleted []string // what it has open and was deleted: "" the file itself, "-wal", "-shm"
	Locked  bool     // the process may not make files in its folder
	User    string   // the process's user, a number
}

// LooseLog is a -wal file whose database nobody has open: its process was not ended in an orderly way.
type LooseLog struct {
	Path string
	Size uint64
	At   time.Time // last written
}

// Agent is a self-updating agent node (cortex).
type Agent struct {
	Name    string
	Version string // of its VERSION file
	Path    string
	Running bool
}

// AgentHub is what the hub says of the version agents should have.
type AgentHub struct {
	URL     string
	Version string
}

// Dokploy is what a Dokploy server says of its projects; only whitelisted fields are kept.
type Dokploy struct {
	URL      string
	Version  string
	Projects []DokployProject
}

// DokployProject is a project.
type DokployProject struct {
	ID, Name string
	Apps     []DokployApp
}

// DokployApp is an application or compose stack.
type DokployApp struct {
	ID, Name, AppName, Kind, Status, Image, SourceType string
	Replicas                                           int
	Domains                                            []DokployDomain
	Deployments                                        []DokployDeployment
}

// DokployDomain is a domain of an application.
type DokployDomain struct {
	ID, Host, Path, CertificateType, Service string
	Port                                     int
	HTTPS                                    bool
}

// DokployDeployment is one deployment of an application.
type DokployDeployment struct {
	ID, Title, Status, Error string
	Created, Finished        time.Time
}

// Probe is a health endpoint that is asked regularly.
type Probe struct {
	Name    string
	Service string // several probes of one service are shown together
	From    string // the host it is asked from; "" for this machine
	Target  string // URL or host:port
	// ServerName is the name it asks for where Target has an address, "" where that is in Target.
	ServerName string
	Kind       string // basic, detailed, ready, live, fleet, tcp, tls
	Every      time.Duration
	Origin     string // "inventory", "healthcheck of CONTAINER", …
	// Page probes want a page: a text that must occur in the answer says so, and HTML is no wonder.
	Page bool
	// Tolerant probes accept certificates that do not verify, and say so.
	Tolerant bool
	Results  []ProbeResult // oldest first, bounded
}

// ProbeResult is one answer.
type ProbeResult struct {
	At        time.Time
	Took      time.Duration
	OK        bool
	Status    int    // HTTP status
	Reason    string // why it is not OK, one line
	State     string // "status" of a JSON body: healthy, degraded, …
	Body      string // the first bytes, cleaned and redacted
	Cert      *ProbeCert
	Tolerated string // the certificate fault that was tolerated
	// Capacity and Workers are what /health/fleet says; -1 when it does not.
	Capacity, Workers, Busy int
}

// ProbeCert is the certificate that was served.
type ProbeCert struct {
	Subject  string
	Names    []string
	Issuer   string
	From     time.Time
	Until    time.Time
	Verified bool
	Fault    string // why it does not verify
}
