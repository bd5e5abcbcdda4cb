package run

import (
	"time"

	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// Plan is what a run would do, forward and back, as seen at one moment.
type Plan struct {
	Deploy      *deploy.Definition
	Kind        string // "deploy" or "rollback"
	Parent      string // of a rollback
	Made        time.Time
	Fingerprint string // of the definition, the targets and everything the steps saw
	Steps       []PlanStep
	Hosts       []string
	Lock        []string // "free", or who holds it, a line each
	Faults      []string // what keeps it from being run, a line each
	Warnings    []string
	Consent     []string // what must be agreed to: drift, deletions, schema crossings
	TypeNames   []string // production hosts whose names must be typed
	TypeWord    string   // of a schema crossing: the version to type; "" none
}

// PlanStep is one step of a plan.
type PlanStep struct {
	ID, Kind, Title string
	Phase           string
	Group           string
	Gate            bool
	NoReturn        bool   // the point of no return lies before it
	Skip            string // why it will not run; "" it will
	Hosts           []PlanHost
	Usual           time.Duration
}

// PlanHost is a step on one host. Err is why nothing could be read of what it would change.
type PlanHost struct {
	Host   string
	Change step.Change
	Err    string
}
