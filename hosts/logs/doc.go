// Package logs reads the log sources of a fleet as one stream: container logs through the Docker
// API, journald through journalctl and files through tail, merged in the order of their times.
//
// Every source has a goroutine of its own that reads, reconnects with back-off and goes on behind
// the last line it delivered: behind a cursor of the journal, a time of the engine, an offset in a file that
// is known again when it was rotated or compressed meanwhile. Where what came next is not there any more, an
// entry of its own says so. They push into bounded queues and are held back when these are full; one reader
// takes what is due with Next, a frame at a time, in the order of the times by our own clock. A source that
// is slow, silent or broken delays the others by a fraction of a second at most, and what it brings later is
// marked as late.
//
// It imports hosts and hosts/docker only. All goroutines have ended when Close returns.
package logs
