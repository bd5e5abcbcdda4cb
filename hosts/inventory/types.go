package inventory

import (
	"fmt"
	"slices"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/config"
)

// Here is the name that stands for the machine midwatch runs on, as the place a probe or an API call
// is made from.
const Here = "here"

// Fault is one thing wrong in an inventory.
type Fault = config.Fault

// Faults is all that is wrong in an inventory, in the order of its lines.
type Faults = config.Faults

// Inventory is what hosts.toml says, with inheritance applied.
type Inventory struct {
	File    string // "" when there is no file: Default
	Hosts   []Host // in the order of the file
	Groups  []Group
	Probes  []Probe
	Logs    []Log
	Agents  []Agents
	Edges   []Edge
	Console Console
	Runs    Runs
	// LogFields are the names of fields of every log, as far as a log names no others; nil for none.
	LogFields *hosts.LogFields
}

// Host returns the named host.
func (inv *Inventory) Host(name string) (*Host, bool) {
	for i := range inv.Hosts {
		if inv.Hosts[i].Name == name {
			return &inv.Hosts[i], true
		}
	}
	return nil, false
}

// Names lists the hosts that any of the words means, a host or a group, in the order of the file; all
// of them without a word. The error names the word that means nothing.
func (inv *Inventory) Names(words ...string) ([]string, error) {
	var out, known []string
	means := func(h Host, w string) bool { return h.Name == w || slices.Contains(h.Groups, w) }
	for _, h := range inv.Hosts {
		known = append(known, h.Name)
		if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return means(h, w) }) {
			out = append(out, h.Name)
		}
	}
	for _, g := range inv.Groups {
		known = append(known, g.Name)
	}
	for _, w := range words {
		if slices.ContainsFunc(inv.Hosts, func(h Host) bool { return means(h, w) }) || slices.Contains(known, w) {
			continue
		}
		if n := config.Nearest(w, known); n != "" {
			return nil, fmt.Errorf("no host or group %q, did you mean %q?", w, n)
		}
		return nil, fmt.Errorf("no host or group %q, known are %s", w, config.List(known))
	}
	return out, nil
}

// Group is a set of hosts that share settings. A host is in the groups it names and in their parents.
type Group struct {
	Name    string
	Parents []string
	Line    int
}

// Host is one host with everything it inherited.
type Host struct {
	hosts.Host
	Line int // in Inventory.File; 0 without a file

	SSH       SSH
	Sudo      Sudo
	Docker    Docker
	Systemd   Systemd
	Workers   []Workers
	Nginx     []Nginx
	Envoy     []Envoy
	Traefik   []Traefik
	Dokploy   []Dokploy
	Timeouts  Timeouts
	Intervals Intervals
}

// SSH says how the connection to a host is made. What is empty is left to the user's OpenSSH
// configuration, as "ssh -G ADDRESS" resolves it.
type SSH struct {
	Port            int
	Jump            []Jump   // in order, the first is dialled directly; empty: as ssh says
	NoJump          bool     // jump = [] was written: none, whatever ssh says
	IdentityFiles   []string // private keys; tried before those ssh names
	Certificates    []string
	KnownHosts      []string // known_hosts files; empty: as ssh says
	Config          string   // an ssh_config to use instead of the user's; "none" for no file
	Agent           string   // socket of the agent; "none" for no agent; "": as ssh says
	Password        Secret
	Passphrase      Secret // of the private keys
	InsecureHostKey bool   // accept any host key; shown all the time
	MaxSessions     int    // channels used at once; sshd's default MaxSessions is 10
}

// Jump is one step on the way to a host: a host of the inventory, or a destination as ssh -J takes it.
type Jump struct {
	Host string // name in the inventory; "" for a destination
	Dest string // [user@]host[:port] or an alias; "" for a host
}

// Sudo says how commands become root.
type Sudo struct {
	Mode     SudoMode
	Password Secret
}

// SudoMode is the policy for privileges on a host.
type SudoMode int

// The policies. The zero value never tries.
const (
	SudoNone     SudoMode = iota // nothing is run as root
	SudoNoPasswd                 // sudo -n
	SudoPassword                 // sudo with a password on standard input
	SudoRoot                     // the login is root already
)

func (m SudoMode) String() string {
	return [...]string{"none", "nopasswd", "password", "root"}[max(0, min(int(m), 3))]
}

// Docker says where the engine of a host answers.
type Docker struct {
	Off     bool   // docker = false: there is none, do not ask
	Socket  string // path on the host, reached through its connection; "" means /var/run/docker.sock
	Address string // tcp://HOST:PORT dialled from here; "" otherwise
	CA      string // PEM files for Address
	Cert    string
	Key     string
	Context string // a docker context whose endpoint is used; see ReadContext
	Sudo    bool   // the socket needs root: docker system dial-stdio through sudo
}

// Systemd says which units matter on a host.
type Systemd struct {
	Targets []string // powernode.target
	Units   []UnitRule
}

// UnitRule is what is known of the units that match a pattern: how they restart, what they listen on.
type UnitRule struct {
	Match      string // unit name or pattern: powernode-worker@*.service
	Ports      []int  // TCP ports it should listen on
	Expected   int    // instances that should run; 0 when not said
	Restart    string // "restart", "stop-start" or "reload"
	ReloadWith string // signal of a reload, "SIGUSR2"; "" for systemctl reload; the fix of rsync-partial-deploy names it
	// CheckAfter is how long after a restart the state means anything; DrainMax is how long
	// "deactivating" is normal; Cooldown is the least time between two restarts.
	CheckAfter, DrainMax, Cooldown time.Duration
	EnvFile                        string // configuration of an instance, %i is its name: /etc/powernode/worker-%i.conf
	Line                           int
}

// Workers ties a pool of one-call workers to the nginx upstream in front of it.
type Workers struct {
	Unit     string // template: cxbcore@*.service
	Upstream string // name of the nginx upstream
	Expected int    // how many there should be
	CountEnv string // variable that must say the same: CXBCORE_WORKERS
	MaxConns int    // max_conns that each server of the upstream must have; 0 when not said
	Outboxes []string
	Line     int
}

// Nginx is one nginx of a host: its binary, or a container.
type Nginx struct {
	Binary    string // "nginx" by default
	Container string // name; "" for the host's own
	Config    string // main configuration file; "" for the compiled-in one
	Access    []string
	Error     []string
	Line      int
}

// Envoy is one Envoy reached through a host.
type Envoy struct {
	Admin        string // HOST:PORT of the admin interface as the host sees it
	ControlPlane string // URL of the control plane's interface; "" without one
	Container    string
	Line         int
}

// Traefik is one Traefik reached through a host.
type Traefik struct {
	API         string // URL as the host sees it
	InsecureTLS bool
	Container   string
	User        string
	Password    Secret
	Line        int
}

// Dokploy is one Dokploy API.
type Dokploy struct {
	URL      string // as From sees it
	From     string // Here, or "" for the host itself
	Token    Secret
	Projects []string // names that matter; empty: all
	Line     int
}

// Agents is a fleet of self-updating agents and the place that says which version they should have.
type Agents struct {
	Name        string
	From        string // host the URL is asked from, or Here
	URL         string // version endpoint
	Header      string // request header that carries Key
	Key         Secret
	Nodes       []string // hosts that run an agent
	VersionFile string   // on each node
	Line        int
}

// Edge is a forward in front of the fleet that no host of it can tell: a router or load balancer
// that hands a public name or address to a host. Traces start with it.
type Edge struct {
	Name   string
	Public string // host name, "*.example.com", or address
	Port   int    // public port
	Host   string
	To     int // port on the host
	Line   int
}

// Secrets are the secrets of a host and its endpoints, for making sure that none gets out.
func (h *Host) Secrets() []Secret {
	out := []Secret{h.SSH.Password, h.SSH.Passphrase, h.Sudo.Password}
	for _, t := range h.Traefik {
		out = append(out, t.Password)
	}
	for _, d := range h.Dokploy {
		out = append(out, d.Token)
	}
	return out
}

// Probe is one question asked again and again: is it up, how fast, which certificate.
type Probe struct {
	Name            string
	Service         string // probes of one service are shown together; the name by default
	Kind            string // basic, detailed, ready, live, fleet
	From            string // host it is made from, or Here
	URL             string // one of URL, TCP and TLS is set
	TCP             string // HOST:PORT
	TLS             string // HOST:PORT
	Method          string
	Header          map[string]string
	SecretHeader    map[string]Secret
	Body            string
	HostHeader      string // Host and, unless ServerName says otherwise, SNI
	ServerName      string
	Resolve         string // address that is dialled instead of the URL's host
	ExpectStatus    []StatusRange
	ExpectJSON      map[string]any // values that must be equal, by dotted path
	ExpectBody      string         // text that must occur
	Capacity        string         // kind fleet: dotted path of the number of workers in the answer
	Interval        time.Duration
	Timeout         time.Duration
	CertDays        int // a certificate with fewer days left is a finding
	TolerateBadCert bool
	FollowRedirects bool
	Line            int
}

// StatusRange is an inclusive range of HTTP status codes.
type StatusRange struct{ Low, High int }

// Log is a named set of sources, opened together.
type Log struct {
	Name    string
	Sources []LogSource
	Grep    string
	Fields  *hosts.LogFields // what the lines of its sources call their time, level, …; nil: as usual
	Line    int
}

// LogSource selects sources. Name may hold * for containers and units.
type LogSource struct {
	Hosts []string // names; empty: every host
	Kind  hosts.LogKind
	Name  string
	Line  int
}

// Timeouts bound what a host may take.
type Timeouts struct {
	Connect   time.Duration // dialling, key exchange and login together
	Command   time.Duration // one collecting command
	Keepalive time.Duration // an unanswered keepalive after this long is a lost host
}

// Intervals say how often a host is asked.
type Intervals struct {
	Refresh   time.Duration // facts of the machine
	Slow      time.Duration // images, volumes and other things that move rarely
	Stats     time.Duration // container CPU and memory while somebody looks
	Keepalive time.Duration
}

// Console is what the inventory says about the console itself.
type Console struct {
	Theme string // auto, dark, light
	// LogSpill is the file for what falls out of the memory of the Logs screen; "" for none.
	LogSpill string
	Keys     map[string][]string // action ID → keys; an empty list unbinds
	Lease    time.Duration       // how long the write lease lasts unless another end is given
}

// Runs is what the inventory says about deploys and rollbacks.
type Runs struct {
	// Yes are the environments in which --yes may stand for a person's answers, as in a pipeline; none by default.
	Yes []string
	// Root is the directory on the hosts that keeps records of runs and locks; "" is /var/lib/midwatch, or below
	// the login's home where that cannot be written.
	Root string
}
