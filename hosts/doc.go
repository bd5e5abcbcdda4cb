// Package hosts is the vocabulary of midwatch: plain values that say what a fleet is, how one of
// its hosts is reached and what was found there.
//
// It starts no goroutine and does no I/O, so every layer above may use it; beside the standard
// library it imports only the pure readers of proxy configuration, hosts/nginx and hosts/envoy.
// The packages below it do the work: inventory reads hosts.toml, transport holds the connections,
// docker is the one place that knows the Engine API, collect turns raw evidence into facts, fleet
// keeps a Snapshot current, logs reads log sources, sshd is an in-process SSH server and demo the
// embedded fleet built on it.
//
// Values here are never changed once they are shared. A Snapshot may be read by any goroutine.
package hosts
