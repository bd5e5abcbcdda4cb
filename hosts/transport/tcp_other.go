//go:build !linux

package transport

import "syscall"

// limitUnacknowledged does nothing: only Linux has TCP_USER_TIMEOUT, and our keepalive is enough.
func limitUnacknowledged(_, _ string, _ syscall.RawConn) error { return nil }
