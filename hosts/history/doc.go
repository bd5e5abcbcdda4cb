// Package history says what happened on a host between two looks at it, as events: units that
// changed, probes that flipped, configuration that is another one, deploys, mounts, reboots, and
// containers where the engine sends no events. What was unknown on one side has no history: nothing
// is said of it.
//
// The package is pure.
package history
