// Package collect reads what a shell can tell about a host: it runs one batched POSIX script per
// refresh and turns what the script printed into facts.
//
// A Section is one thing to read: its script, what it needs, how often it is worth asking, and the
// pure function that puts its evidence into hosts.HostFacts. All is the list of them. A Runner
// sends due sections to a host through a hosts.Conn and returns hosts.Evidence; Apply turns evidence
// into facts and is the same for a live host and for a capture.
//
// The package imports hosts, the reader of nginx and hosts/redact. Sections and Apply may be used from any goroutine; a Runner and a
// Schedule belong to one goroutine at a time.
package collect
