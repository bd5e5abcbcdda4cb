package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout is how long sent data may stay unacknowledged before the kernel gives the connection
// up, in milliseconds: a little longer than our own keepalive takes.
const userTimeout = 14_000

// limitUnacknowledged sets TCP_USER_TIMEOUT. Failing to is no reason not to connect.
func limitUnacknowledged(_, _ string, c syscall.RawConn) error {
	_ = c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout)
	})
	return nil
}
