// Package step does the steps of a deploy on one host: each kind says what it would change, records what
// undoing needs, acts, looks whether the effect is there, and takes it back.
//
// A kind keeps nothing between calls: everything it must remember after a crash is in its undo record, which
// the engine stores before it lets the kind act. It imports hosts for values and ops/deploy for settings;
// what reaches a host comes in through Env. Whoever would act on what somebody else has changed since the
// record was made is refused (ErrRefused) instead.
//
// What comes back, and what does not:
//
//	file, nginx       byte for byte, with mode, owner, times and extended attributes
//	sync              staged and inplace as file, for everything rsync would touch, saved before it is touched;
//	                  times of directories do not come back. release touches nothing that is live: it is left,
//	                  marked bad, or removed when it never got whole. What its commands did outside stays
//	swap              the link as it was; processes and mounts keep what it was when they began
//	systemd, compose, container  by the same verbs over the old files and images, not the processes' memory
//	envoy             a cluster that was there is sent again; one that was not, a person must remove
//	http              by undo_request, or by sending what "before" read; else not
//	drain             by restore; else not
//	migrate           by a declared down, after a person's decision; expand-contract needs nothing; else not
//	command           not by itself: the definition declares the command that does
//	retain, notify    not: what is removed is gone, what is told is told
//	check, snapshot, gate, verify, wait, approve  change nothing
package step
