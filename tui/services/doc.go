// Package services is the screen of services: systemd units by target or template over all hosts or
// one, and the services and nodes of Swarms. The order of importance is that of a person who was
// woken: what failed, what restarts again and again, what lacks replicas, what is still stopping.
//
// An item is one unit, service or node at one moment; what it is called and whether it is in trouble
// is decided once, by pure functions. A unit that is stopping is draining and is never called failed.
// What a host said before it went away stays, marked as stale and never in green.
//
// It may import tui/ui, themes and the plain values of hosts.
package services
