package run

import (
	"time"

	"midwatch/ops/step"
)

// Phase is the state of a run; the zero Phase is unknown.
type Phase string

// The states of a run (deploy model §3.7).
const (
	Pending          Phase = "pending"
	Queued           Phase = "queued" // another run holds the lock
	Active           Phase = "running"
	Paused           Phase = "paused"
	AwaitingApproval Phase = "awaiting_approval"
	Success          Phase = "success"
	Failure          Phase = "failure"
	Cancelled        Phase = "cancelled"
	Interrupted      Phase = "interrupted" // nobody drives it and it has no end
	RollingBack      Phase = "rolling_back"
	RolledBack       Phase = "rolled_back"
	RollbackFailed   Phase = "rollback_failed"
)

// Ended reports a state that a run does not leave by itself.
func (p Phase) Ended() bool {
	switch p {
	case Success, Failure, Cancelled, RolledBack, RollbackFailed:
		return true
	}
	return false
}

// StepPhase is the state of a step, or of a step on one host.
type StepPhase string

// The states of a step.
const (
	StepPending    StepPhase = "pending"
	StepSkipped    StepPhase = "skipped"
	StepRunning    StepPhase = "running"
	StepWaiting    StepPhase = "waiting" // for a person, a host, a drain: Note says
	StepOK         StepPhase = "ok"
	StepNoChange   StepPhase = "ok_nochange"
	StepFailed     StepPhase = "failed"
	StepCancelled  StepPhase = "cancelled"
	StepUnknown    StepPhase = "unknown" // begun, and nobody knows how it ended
	StepUndoing    StepPhase = "undoing"
	StepUndone     StepPhase = "undone"
	StepUndoFailed StepPhase = "undo_failed"
	StepManual     StepPhase = "manual" // the way back is a person's
)

// State is a run as its journal tells it.
type State struct {
	ID        string
	Deploy    string
	Env       string
	Kind      string // "deploy" or "rollback"
	Parent    string // of a rollback: the run it takes back
	Phase     Phase
	Note      string // why it is in that phase, one line
	Who, From string // operator who drives it, and machine
	Reason    string // of the write lease
	Plan      string // fingerprint
	File      string // definition
	Started   time.Time
	Ended     time.Time
	Beat      time.Time // last sign of whoever drives it
	Steps     []StepState
	Questions []OpenQuestion
	Hosts     []string
	Bad       string // release or image that was left behind as bad
	PausedBy  string
	Records   int
	Warnings  []string // "journal: 1 torn line was cut"
}

// StepState is one step of a run.
type StepState struct {
	ID, Kind, Title string
	Phase           string // title of the visual phase, "Switch"
	Gate            bool
	NoReturn        bool // the point of no return is before this step
	State           StepPhase
	Line            string // what was seen, or why not
	Started, Ended  time.Time
	Usual           time.Duration // of earlier runs; 0 unknown
	Hosts           []HostState
	Undo            []string // what undoing would do
	Way             step.Way
	Group           string // id of the group it belongs to
	Outputs         map[string]string
}

// HostState is a step on one host; Host is "" on the operator's machine.
type HostState struct {
	Host           string
	State          StepPhase
	Note           string // "draining 00:12 / 00:30"
	Line           string
	Try            int
	Started, Ended time.Time
	Done, Total    int64 // of a transfer
}

// OpenQuestion waits for an operator.
type OpenQuestion struct {
	ID         string // within the run
	Step, Host string
	step.Question
	Asked time.Time
	Until time.Time // zero: no limit
}
