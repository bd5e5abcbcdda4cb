package run

import (
	"context"
	"errors"

	"midwatch/ops/deploy"
	"midwatch/ops/step"
)

// Runs plans runs and drives them. It implements Service.
type Runs struct {
	p Params
}

var _ Service = (*Runs)(nil)

// errNotBuilt is answered by what is still being built; nothing that an operator reaches uses it.
var errNotBuilt = errors.New("not built yet")

// New returns a Runs that drives nothing yet.
func New(p Params) *Runs { return &Runs{p: p} }

// Close stops driving and waits for that: runs stay as they are, and can be resumed.
func (r *Runs) Close(context.Context) error { return nil }

// Definitions implements Service.
func (r *Runs) Definitions(ctx context.Context) ([]*deploy.Definition, error) {
	return r.p.Definitions(ctx)
}

// Overview implements Service.
func (r *Runs) Overview(context.Context) ([]Overview, error) { return nil, errNotBuilt }

// Plan implements Service.
func (r *Runs) Plan(context.Context, string, Options) (*Plan, error) { return nil, errNotBuilt }

// Start implements Service.
func (r *Runs) Start(context.Context, *Plan, Options) (string, error) { return "", errNotBuilt }

// Resume implements Service.
func (r *Runs) Resume(context.Context, string, Options) error { return errNotBuilt }

// Candidates implements Service.
func (r *Runs) Candidates(context.Context, string) ([]Candidate, error) { return nil, errNotBuilt }

// PlanRollback implements Service.
func (r *Runs) PlanRollback(context.Context, string, Options) (*Plan, error) {
	return nil, errNotBuilt
}

// List implements Service.
func (r *Runs) List(context.Context, []string) ([]State, error) { return nil, errNotBuilt }

// Show implements Service.
func (r *Runs) Show(context.Context, string) (State, error) { return State{}, errNotBuilt }

// Next implements Service.
func (r *Runs) Next(context.Context, string, uint64) (State, uint64, error) {
	return State{}, 0, errNotBuilt
}

// Output implements Service.
func (r *Runs) Output(context.Context, string, string, string, int64) ([]byte, int64, error) {
	return nil, 0, errNotBuilt
}

// Order implements Service.
func (r *Runs) Order(context.Context, string, Order) error { return errNotBuilt }

// Answer implements Service.
func (r *Runs) Answer(context.Context, string, string, step.Answer) error { return errNotBuilt }

// Locks implements Service.
func (r *Runs) Locks(context.Context) ([]LockState, error) { return nil, errNotBuilt }

// TakeLock implements Service.
func (r *Runs) TakeLock(context.Context, string, string, bool, []string) error { return errNotBuilt }

// ReleaseLock implements Service.
func (r *Runs) ReleaseLock(context.Context, string) error { return errNotBuilt }
