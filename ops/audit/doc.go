// Package audit is the append-only record of what operators did: JSON lines in a file that only its
// owner reads. A record is on the disk (fsync) before the effect it announces begins, and a second
// one tells how it ended. Each record holds the hash of the one before it and of itself, so a line
// that was changed, taken out or put in is found by Verify; what Verify cannot see is the loss of
// the newest lines, which is why it reports the hash of the last one to be kept elsewhere.
//
// Several processes may append to one file: each append happens under a lock of the file and goes
// on from the line that is last at that moment.
package audit
