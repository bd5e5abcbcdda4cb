package hosts

import (
	"path"
	"time"
)

// Host is a host as the inventory names it: plain values, no connection.
type Host struct {
	Name        string
	Address     string // what is dialled or given to ssh -G; "" for the local machine
	Kind        Kind
	User        string
	Groups      []string
	Labels      map[string]string
	Environment string // "production", "staging", …; "" when the inventory does not say
	Production  bool   // actions ask for the host's name to be typed
	Maintenance string // the operator's reason while the host is paused; "" otherwise
	// Refresh is how often the host is asked; 0 is as usual.
	Refresh time.Duration `json:",omitempty"`
	// Units and Pools are what the inventory says there should be; checks compare it with what is.
	Units []UnitRule   `json:",omitempty"`
	Pools []WorkerPool `json:",omitempty"`
}

// UnitRule is what should be true of the units that match.
type UnitRule struct {
	Match    string // unit name or pattern: "worker@*.service"
	Ports    []int  // TCP ports that they listen on
	Expected int    // instances that should run; 0 when not said
	// CheckAfter is how long after a change the state of a unit means nothing yet.
	CheckAfter time.Duration
	// Restart is how new code and settings come into them, "restart", "stop-start" or "reload"; ReloadWith is the
	// signal of a reload, "" for systemctl reload.
	Restart    string `json:",omitempty"`
	ReloadWith string `json:",omitempty"`
}

// Renew is the command that makes a unit load its code again.
func (r UnitRule) Renew(unit string) string {
	switch {
	case r.Restart == "reload" && r.ReloadWith != "":
		return "systemctl kill --kill-whom=main -s " + r.ReloadWith + " " + unit
	case r.Restart == "reload":
		return "systemctl reload " + unit
	case r.Restart == "stop-start":
		return "systemctl stop " + unit + " && systemctl start " + unit
	}
	return "systemctl restart " + unit
}

// Matches reports that the rule is about a unit.
func (r UnitRule) Matches(unit string) bool {
	ok, err := path.Match(r.Match, unit)
	return ok && err == nil
}

// WorkerPool is a pool of workers behind an nginx upstream.
type WorkerPool struct {
	Unit     string // pattern of the unit: "core@*.service"
	Upstream string // name of the nginx upstream
	Expected int    // how many there should be; 0 when not said
	CountEnv string // variable that must say how many there are
	MaxConns int    // max_conns that each server must have; 0 when not said
	Outboxes []string
}

// Kind says how a host is reached.
type Kind int

// The ways to reach a host.
const (
	KindUnknown Kind = iota
	KindSSH
	KindLocal
	KindDocker // a Docker engine over TCP and TLS, no shell
)

func (k Kind) String() string {
	switch k {
	case KindSSH:
		return "ssh"
	case KindLocal:
		return "local"
	case KindDocker:
		return "docker"
	default:
		return "unknown"
	}
}

// State is the state of the link to a host (the names are Powernode's Devops::DockerHost states).
type State int

// The states of a link.
const (
	StatePending      State = iota // not yet contacted
	StateConnected                 // answered within its deadline
	StateDisconnected              // was or should be reachable, is not; retried with back-off
	StateError                     // five consecutive failures; still retried, slowly
	StateMaintenance               // paused by the operator, not contacted
)

func (s State) String() string {
	switch s {
	case StateConnected:
		return "connected"
	case StateDisconnected:
		return "disconnected"
	case StateError:
		return "error"
	case StateMaintenance:
		return "maintenance"
	default:
		return "pending"
	}
}

// ErrorAfter is the number of consecutive failures that turns disconnected into error.
const ErrorAfter = 5

// Link is what is known about the connection to a host.
type Link struct {
	State    State
	Reason   string        // one line: what failed, where, what to do; "" while connected
	Since    time.Time     // when State was entered
	LastSeen time.Time     // last time the host answered anything
	Failures int           // consecutive failures
	Retry    time.Time     // when the next attempt starts; zero when none is planned
	RTT      time.Duration // of the last keepalive
	Via      string        // how it is reached, for people: "ssh ops@10.0.0.1:22 via bastion"
	Warning  string        // shown all the time: "host key not verified (insecure_host_key)"; "" usually
}

// ViaCapture is Link.Via of a host that is known from a capture.
const ViaCapture = "capture"

// Captured reports that what is known of the host is from a capture: it was so then, and nobody is
// asked again.
func (l Link) Captured() bool { return l.Via == ViaCapture }
