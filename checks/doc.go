// Package checks holds the questions about a system: facts in, findings out. It reads a
// hosts.Snapshot and nothing else.
package checks
