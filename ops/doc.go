// Package ops holds the verbs that change a system. A Manager owns the write lease and every
// operation that is running, and it is where read-only mode is enforced: each verb goes through one
// gate, which wants an active lease, the typed name of a production host, and an audit record on
// the disk before anything happens.
//
// An operation belongs to the Manager and not to who asked for it: when the asking screen closes,
// it goes on to its end and is audited. A verb is done only when its effect was seen; the answer of
// an API that promised it is not enough.
//
// It imports hosts and ops/audit. Targets are small interfaces that hosts/docker satisfies. All
// methods may be called from any goroutine; Lease does no I/O.
package ops
