// Package wire is the network of the demo fleet: connections that stay inside the process, with the
// faults of a real one.
//
// A connection is two bounded buffers. Bytes become readable after a latency, a "lost" segment
// becomes readable only after a retransmission timeout as TCP would make it, a frozen connection
// delivers nothing and reports nothing, and a cut one fails at both ends. Deadlines work as those of
// net.Conn do. No goroutine belongs to a connection, so thousands may lie idle.
//
// The package imports the standard library only. Everything in it may be used from any goroutine.
package wire
