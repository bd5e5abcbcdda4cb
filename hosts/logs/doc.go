// Package logs reads the log sources of a fleet as one stream: container logs through the Docker
// API, journald through journalctl and files through tail, merged in the order of their times.
//
// Every source has a goroutine of its own that reads, reconnects with back-off and goes on behind
// the last line it delivered. They push into bounded queues, and one reader takes what is due with
// Next, a frame at a time: a source that is slow, silent or broken delays the others by a fraction
// of a second at most. While following, what nobody reads fast enough is dropped, oldest first, and
// counted; a query that does not follow loses nothing and holds its sources back instead.
//
// It imports hosts and hosts/docker only. All goroutines have ended when Close returns.
package logs
