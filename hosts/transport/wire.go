package transport

import (
	"net"
	"sync/atomic"
	"time"
)

// wire is the connection SSH runs on. It knows when the host was last heard, and that it broke.
type wire struct {
	net.Conn
	last   atomic.Int64 // unix nanoseconds of the last byte read
	failed atomic.Bool
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	w.last.Store(time.Now().UnixNano())
	return w
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.last.Store(time.Now().UnixNano())
	}
	if err != nil {
		w.failed.Store(true) // before ssh tells its channels
	}
	return n, err
}

// heard is when the host last sent anything.
func (w *wire) heard() time.Time { return time.Unix(0, w.last.Load()) }

// broken reports whether reading failed.
func (w *wire) broken() bool { return w.failed.Load() }
