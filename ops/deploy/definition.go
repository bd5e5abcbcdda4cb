package deploy

import (
	"time"

	"midwatch/hosts/config"
)

// Definition is a deploy as its file says it.
type Definition struct {
	File   string // for people, as given
	Digest string // SHA-256 of the file, hex
	Source []byte `json:"-"` // the text itself; nil for one that was made in memory
	Name   string
	Env    string // "production"; what the lock and the audit log say
	About  string
	// OnFailure is what a failed gate or step leads to: "stop", "offer-rollback" (default) or "rollback".
	OnFailure string
	Vars      map[string]string
	Targets   map[string]Target
	Lock      Lock
	Secrets   map[string]SecretSource
	Phases    map[string]string // phase id → title; a step names its phase
	Steps     []Step            // in order
	// Hints are words for failures: "probe refused" → "restart cxb-core@N, not nginx".
	Hints []Hint

	lines map[config.Path]int // of Source
}

// Target is the hosts that steps work on, in order.
type Target struct {
	Name     string
	Hosts    []string // names of the inventory
	Groups   []string // groups of the inventory, expanded when planning
	HostVars map[string]map[string]string
	Line     int
}

// Lock says on which targets the lock of the deploy lies; default is every target.
type Lock struct {
	On  []string
	TTL time.Duration // default 90 s
}

// SecretSource says where a secret comes from; the secret itself is never in a definition.
type SecretSource struct {
	Name string
	// From is "env" (Env), "file" (Path, refused when others may read it), "command" (Argv, run here),
	// "prompt" (asked for without echo) or "keyring" (Argv of secret-tool is made from Service, Account).
	From             string
	Env, Path        string
	Argv             []string
	JSON             string // of a command's or file's JSON output, the key that holds the secret; "" for all of it
	Service, Account string
	Line             int
}

// Hint is a line shown beside a failure that matches.
type Hint struct {
	Match string // RE2
	Say   string
}

// Step is one step of a deploy. Settings is a pointer to the struct of its kind, *Sync for "sync".
type Step struct {
	ID, Kind, Title string
	Phase           string
	On              string // name of a target; "" for local
	Local           bool   // on the machine of the operator
	When            Text   // runs unless it expands to "", "false", "no" or "0"
	Needs           []string
	Timeout         time.Duration // default by kind
	Retry           Retry
	Batch           Batch
	Gate            bool // failing it offers the way back, or takes it (OnFailure)
	Undo            UndoSpec
	// PointOfNoReturn is set on steps that the definition calls irreversible.
	PointOfNoReturn bool
	Settings        any
	Steps           []Step // of a group: run for one host after the other, in batches
	Line            int

	at config.Path // in the definition
}

// Retry is how often a step is tried on a host.
type Retry struct {
	Attempts int // default 1
	Delay    time.Duration
}

// Batch is how a step goes over the hosts of its target; the zero Batch is all of them one by one.
type Batch struct {
	Canary      int           // the first hosts, before anything else
	Size        int           // hosts at a time; 0 is one
	Percent     int           // instead of Size
	Pause       time.Duration // between batches
	MaxFailures int           // hosts that may fail
}

// UndoSpec is how a step is undone: by its kind, by a command, or not at all.
type UndoSpec struct {
	Mode string // "auto" (default), "none", "command"
	Argv []Text // of "command"
	Note string // for people
}

// Text is a string that may hold ${expressions}; it refuses secrets.
type Text string

// Sensitive is a string whose ${secret.name} is allowed: its sink keeps it out of argv, logs and records.
type Sensitive string
