// Package runs holds the screens of deploys: the definitions with what runs where, the plan of a run with
// its way back, the run itself, the history, and what can be taken back.
//
// It is one tab; OpenMsg.Object says which of the screens is meant (see Object). What a run looks like is
// drawn from run.State alone, so a colleague who only watches sees the same. Screens ask the service they
// are given in commands; leaving a screen stops the watching and never the run. The Desk lives as long as
// the console and calls when a run needs somebody, whatever is on display.
//
// Everything belongs to the update loop. The package imports ops/run, ops/step and ops/deploy for their
// values, and tui/ui.
package runs
