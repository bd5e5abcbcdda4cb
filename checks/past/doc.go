// Package past puts together what is known of a fleet's past: the events that were seen, what the
// facts themselves say of when things happened (a container's start, a unit's last change, the flips of
// a probe, deployments), and what operators did. Each entry has a tone: bad, warning, plain or good.
//
// So a capture, and a console that was just started, have a past as well. The package is pure.
package past
