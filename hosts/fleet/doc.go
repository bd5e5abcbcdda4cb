// Package fleet keeps a hosts.Snapshot of all hosts current.
//
// Each host has one supervisor goroutine that owns its facts. It starts reads (a shell batch, lists
// of the Docker engine, samples, an event stream) in goroutines of their own, at most one of a kind
// at a time, takes their results one by one, and publishes a copy of the facts. So a host that
// hangs, refuses or lies spoils nothing but its own row.
//
// Readers take the published Snapshot without a lock that a supervisor could hold. Everything else
// of a Fleet may be called from any goroutine. The package imports hosts, hosts/collect,
// hosts/docker, hosts/endpoint and hosts/history.
package fleet
