package runs

import (
	"context"
	"strings"

	"midwatch/ops/deploy"
	"midwatch/ops/run"
	"midwatch/ops/step"
	"midwatch/tui/ui"
)

// Service is what the screens ask and tell; run.Service says what each of it means.
type Service interface {
	Reader
	Planner
	Driver
	Locker
}

// Reader tells what there is. It changes nothing.
type Reader interface {
	Definitions(ctx context.Context) ([]*deploy.Definition, error)
	Overview(ctx context.Context) ([]run.Overview, error)
	List(ctx context.Context, hosts []string) ([]run.State, error)
	Next(ctx context.Context, id string, gen uint64) (run.State, uint64, error)
	Output(ctx context.Context, id, step, host string, from int64) ([]byte, int64, error)
}

// Planner reads what a run would do, and starts it.
type Planner interface {
	Plan(ctx context.Context, name string, o run.Options) (*run.Plan, error)
	Candidates(ctx context.Context, name string) ([]run.Candidate, error)
	PlanRollback(ctx context.Context, id string, o run.Options) (*run.Plan, error)
	Start(ctx context.Context, p *run.Plan, o run.Options) (id string, err error)
}

// Driver tells a run something.
type Driver interface {
	Resume(ctx context.Context, id string, o run.Options) error
	Order(ctx context.Context, id string, o run.Order) error
	Answer(ctx context.Context, id, question string, a step.Answer) error
}

// Locker holds targets by hand.
type Locker interface {
	TakeLock(ctx context.Context, deploy string, reason string, force bool, typed []string) error
	ReleaseLock(ctx context.Context, deploy string) error
}

// Deps are what the screens are built with, beside those of every screen.
type Deps struct {
	ui.Deps
	// Service is nil where there are no runs; Why says why: "a capture cannot be deployed to".
	Service Service
	Why     string
	// Dir is where definitions are looked for, as a person would write it: "~/.config/midwatch/deploys".
	Dir string
	// None says why there are no definitions where there is no directory for them.
	None string
	// Desk follows runs beside the screens; required with a Service.
	Desk *Desk
}

// screenID is what OpenMsg asks for this package's screens by.
const screenID = "deploys"

// Kinds of screens in OpenMsg.Object, each followed by a space and a name or an ID.
const (
	kindPlan    = "plan"    // of a deploy
	kindUndo    = "undo"    // the plan of taking a run back
	kindRun     = "run"     //
	kindHistory = "history" // of a deploy, or of all
	kindBack    = "back"    // what of a deploy can be taken back
)

// Object is the OpenMsg.Object of a screen: kind is "plan", "undo", "run", "history" or "back", name the
// deploy or the run. Anything else is a deploy in the list.
func Object(kind, name string) string { return strings.TrimSpace(kind + " " + name) }

// OpenRun asks for the screen of a run.
func OpenRun(id string) ui.OpenMsg { return ui.OpenMsg{Screen: screenID, Object: Object(kindRun, id)} }

// OpenPlan asks for the plan of a deploy.
func OpenPlan(name string) ui.OpenMsg {
	return ui.OpenMsg{Screen: screenID, Object: Object(kindPlan, name)}
}

func openKind(kind, name string) ui.OpenMsg {
	return ui.OpenMsg{Screen: screenID, Object: Object(kind, name)}
}

// New returns the screen that open asks for.
func New(d Deps, open ui.OpenMsg) ui.Screen {
	kind, name, _ := strings.Cut(open.Object, " ")
	switch kind {
	case kindPlan:
		return newPlan(d, open, name, false)
	case kindUndo:
		return newPlan(d, open, name, true)
	case kindRun:
		return newRun(d, name)
	case kindHistory:
		return newHistory(d, open, name)
	case kindBack:
		return newBack(d, open, name)
	}
	return newDeploys(d, open)
}
