// Package journal is the append-only record of a run: one JSON object a line, each with the hash of the line
// before it and a checksum of itself.
//
// A record is on the disk before Append returns, so that what it announces may begin. One process writes at a
// time (a lock of the file says so, and ends with the process); any number may read and follow. A line that was
// cut by a crash is taken off when the file is opened for writing, and readers do not see it. The chain shows
// that a line was changed, taken out or put in; it does not keep anybody from writing a chain anew.
package journal
