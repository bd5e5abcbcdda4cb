// Package ports is the screen of ports: what is published, what listens, what proxies send traffic to
// and what a probe reached, joined by checks/ports into one row per binding and host. What is in the
// way of traffic stands first: traffic sent where nothing listens, a port bound to another address, a
// container that could not start or will not, a data store open to everybody.
//
// It may import tui/ui, themes, checks/ports and the plain values of hosts.
package ports
