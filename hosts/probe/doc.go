// Package probe finds out what a login can do on a host: whether it is reached and how, whether it
// may become root, open the Docker socket, read the journal and the nginx configuration. "midwatch
// hosts test" prints its reports.
//
// Examine asks through a hosts.Conn like everybody else. What it found is a Report of Checks, each
// with the exact reason where something is missing, and what would help. Reading what a script
// printed is pure and apart from the asking. It starts no goroutine that outlives Examine.
package probe
