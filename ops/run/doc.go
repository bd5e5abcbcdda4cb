// Package run plans deploys, runs them step by step, survives its own death, and takes them back.
//
// The journal of a run is the only truth about it: State is a pure fold over its records, and the screen of
// the operator, the console of a colleague, history and resume all read that. The engine writes a record
// before it acts and another after it looked; a step is ok only when its post-condition was observed.
//
// It imports ops/deploy (definitions), ops/step (what kinds of steps do), ops/journal and ops/remote (what
// lies on the targets). Every run has one goroutine that decides; hosts of a batch work beside it.
package run
