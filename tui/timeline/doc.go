// Package timeline is the screen of what happened: containers, units, probes, configuration, links,
// deploys and what operators did, on one axis of time in lanes, with the list of the events in the
// window below it. checks/past puts the events together, in a command, so that a large fleet's past
// does not hold up the keyboard.
//
// Everything here belongs to the update loop; axis.go is pure.
package timeline
