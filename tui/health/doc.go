// Package health is the screen of health: for each service all endpoints that say how it is, side by
// side, with latency, certificates and, for fleets, the capacity that is claimed beside the workers
// that are there. What is unknown is never shown as healthy, a bad certificate that is tolerated is
// said loudly, and a service that answers while a deeper look fails is failing.
//
// The judging is done by checks/health; this package shows it. It may import tui/ui, themes,
// checks/health and the plain values of hosts.
package health
