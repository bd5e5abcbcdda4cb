package run

import (
	"slices"
	"sync"
	"time"
)

// stopwatch ends a step that takes too long; the time in which its host is not reached does not count.
type stopwatch struct {
	limit time.Duration
	fire  func()

	mu     sync.Mutex // guards everything below
	left   time.Duration
	since  time.Time
	timer  *time.Timer
	paused int // how many hold it
}

// newStopwatch starts one; a limit of 0 never ends.
func newStopwatch(limit time.Duration, fire func()) *stopwatch {
	w := &stopwatch{limit: limit, left: limit, fire: fire, paused: 1}
	w.resume()
	return w
}

func (w *stopwatch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused--; w.paused == 0 && w.limit > 0 {
		w.since, w.timer = time.Now(), time.AfterFunc(max(w.left, 0), w.fire)
	}
}

func (w *stopwatch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused++; w.timer != nil {
		w.timer.Stop()
		w.left -= time.Since(w.since)
		w.timer = nil
	}
}

func (w *stopwatch) stop() { w.pause() }

// watched has a stopwatch stand while the link to host is lost, until the function that it returns is called.
func (d *driver) watched(host string, w *stopwatch) (done func()) {
	l := d.links[host]
	if l == nil {
		return func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watches = append(l.watches, w)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watches = slices.DeleteFunc(l.watches, func(o *stopwatch) bool { return o == w })
	}
}
