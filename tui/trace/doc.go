// Package trace is the screen that follows one request through the fleet, hop by hop: what takes it,
// why, what is passed on, and the first hop where it ends wrong. On demand each hop is asked for real
// from the one before it.
//
// The trace is worked out by checks/trace in a command, and again for every new snapshot; names are
// resolved and hops are asked through the Tracer of ui.Deps. History belongs to the program's update
// loop and is shared by all screens of this kind. Everything else is the screen's own.
package trace
