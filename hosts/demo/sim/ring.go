package sim

// Ring keeps the newest values and lets readers wait for more. It is guarded by the site's lock.
type Ring[T any] struct {
	items []T
	first uint64 // number of items[0]
	max   int
	wake  chan struct{}
}

// NewRing returns a ring that keeps max values.
func NewRing[T any](keep int) *Ring[T] { return &Ring[T]{max: keep} }

// Add appends a value and wakes those who wait.
func (r *Ring[T]) Add(v T) {
	r.items = append(r.items, v)
	// Moving the rest down once a quarter of the room is used keeps an Add cheap.
	if drop := len(r.items) - r.max; drop > r.max/4 {
		r.items = append(make([]T, 0, r.max+r.max/4+1), r.items[drop:]...)
		r.first += uint64(drop)
	}
	if r.wake != nil {
		close(r.wake)
		r.wake = nil
	}
}

// Next is the number the next value will have.
func (r *Ring[T]) Next() uint64 { return r.first + uint64(len(r.items)) }

// From returns the values from number n on. The slice stays as it is when the ring goes on, so it may
// be read after Unlock; it must not be changed.
func (r *Ring[T]) From(n uint64) []T {
	if n < r.first {
		n = r.first
	}
	if n >= r.Next() {
		return nil
	}
	return r.items[n-r.first:]
}

// All returns everything that is kept.
func (r *Ring[T]) All() []T { return r.items }

// First is the number of the oldest value kept.
func (r *Ring[T]) First() uint64 { return r.first }

// Wait returns a channel that is closed by the next Add.
func (r *Ring[T]) Wait() <-chan struct{} {
	if r.wake == nil {
		r.wake = make(chan struct{})
	}
	return r.wake
}
