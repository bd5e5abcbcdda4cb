// Package demo is a fleet of hosts that lives inside the process and is reached as any other: through
// the SSH protocol, the Docker Engine API and HTTP, over connections that never leave the process. It
// is what "midwatch demo" shows, the fixture of journeys and benchmarks, and an honest one, because the
// transports, collectors, parsers and screens that meet it are those that meet real hosts.
//
// New builds it from worlds (package worlds), each a description of one operation with its planted
// faults. Install writes what a user's machine would have: hosts.toml, known_hosts, keys. Dial is what
// transports are given instead of a net.Dialer.
//
// Below it: wire is the network, vfs the disks, sim the life, shell what answers commands, engine the
// Docker API. Hosts cost nothing until they are dialled. Every goroutine belongs to a connection or to
// the one clock of the fleet, and Close waits for all.
package demo
