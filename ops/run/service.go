package run

import (
	"context"
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// Service is everything that can be asked about runs; screens and commands use parts of it. Runs and the
// engine's Manager implement it.
type Service interface {
	// Definitions are the deploys of the configuration, with what is wrong in their files.
	Definitions(ctx context.Context) ([]*deploy.Definition, error)
	// Overview says what runs where: version per host, last run, lock.
	Overview(ctx context.Context) ([]Overview, error)
	// Plan reads what a deploy would do. It has no effect.
	Plan(ctx context.Context, name string, o Options) (*Plan, error)
	// Start begins the run of a plan; it is refused without a write lease, without the typed names, and when
	// what the plan saw has changed. The run goes on when ctx ends.
	Start(ctx context.Context, p *Plan, o Options) (id string, err error)
	// Resume goes on with an interrupted run, this operator's or, adopted, another's.
	Resume(ctx context.Context, id string, o Options) error
	// Candidates are the runs that can be taken back, newest first.
	Candidates(ctx context.Context, name string) ([]Candidate, error)
	// PlanRollback reads what taking a run back would do, by host or step where they are given.
	PlanRollback(ctx context.Context, id string, o Options) (*Plan, error)
	// List is the history, newest first, of this machine and, with hosts, of what lies on them.
	List(ctx context.Context, hosts []string) ([]State, error)
	// Show returns the state of a run.
	Show(ctx context.Context, id string) (State, error)
	// Next waits until the state of a run is newer than gen.
	Next(ctx context.Context, id string, gen uint64) (State, uint64, error)
	// Output returns the output of a step on a host from a byte offset on, and the offset behind it.
	Output(ctx context.Context, id, step, host string, from int64) ([]byte, int64, error)
	// Order tells a run something: see Order.
	Order(ctx context.Context, id string, o Order) error
	// Answer answers a question of a run.
	Answer(ctx context.Context, id, question string, a step.Answer) error
	// Locks are the locks on targets.
	Locks(ctx context.Context) ([]LockState, error)
	// TakeLock and ReleaseLock hold a target by hand, with a reason; force takes over a stale one.
	TakeLock(ctx context.Context, deploy string, reason string, force bool, typed []string) error
	ReleaseLock(ctx context.Context, deploy string) error
}

// Options go with planning and starting.
type Options struct {
	Vars     map[string]string // over the definition's
	FromStep string
	Only     []string // hosts
	Steps    []string // of a rollback: these only
	Typed    []string // names of production hosts as typed
	Consent  bool     // to everything in Plan.Consent
	Word     string   // typed for Plan.TypeWord
	Reason   string
	Yes      bool // approvals are given: in CI, where the lease policy allows
	Queue    bool // wait for a lock that is held
	Takeover bool // of a stale lock
	Bad      bool // mark what a rollback leaves behind as bad
}

// Order is what an operator can tell a run.
type Order struct {
	Verb   string // "pause", "go", "cancel", "retry", "skip"
	Step   string // of retry and skip
	Host   string // of retry and skip; "" all
	Reason string // of skip and cancel
}

// Overview is a deploy at a glance.
type Overview struct {
	Name, Env, About string
	Hosts            []HostVersion
	Last             *State
	Lock             *LockState
	Faults           []string
}

// HostVersion is what of a deploy runs on a host; skew is told from these.
type HostVersion struct {
	Host    string
	Release string    // release directory's name, image id or revision; "" unknown
	Wanted  string    // of the last successful run
	Run     string    // that put it there
	At      time.Time // when
	Skew    string    // "ok", "behind", "mixed", "old process", "unknown"
	Detail  []string  // unit or container → what it runs
	Err     string
}

// Candidate is a run that could be taken back.
type Candidate struct {
	Run      State
	Possible bool
	Why      string   // why not, or what is missing
	Changes  []string // what would change, a line a host
	Risk     string
	Takes    time.Duration
	Bad      bool // left behind as bad once already
}

// LockState is a lock as it lies on a target.
type LockState struct {
	Deploy, Env, Host string
	Run               string
	Owner             string // "anna@laptop"
	Reason            string
	Since             time.Duration // age, by the target's clock
	Beat              time.Duration // since the last sign of its holder, by the target's clock
	State             string        // "live", "stale", "frozen"
	Mine              bool
}
