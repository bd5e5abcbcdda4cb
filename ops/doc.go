// Package ops holds the verbs that change a system: it owns the write lease, the audit log and
// every operation that is running, and it is where read-only mode is enforced.
package ops
