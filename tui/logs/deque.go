package logs

import (
	"slices"
	"sort"
)

// deque is an ascending list of positions that grows at both ends in amortized constant time: a
// scan finds its hits from the newest line back and appends those that arrive meanwhile. What share
// returned stays as it is as long as nothing is put in front after values were dropped there.
type deque struct {
	buf []int
	off int // buf[off:] is in use
}

func (d *deque) len() int     { return len(d.buf) - d.off }
func (d *deque) at(i int) int { return d.buf[d.off+i] }

func (d *deque) pushOne(v int)    { d.buf = append(d.buf, v) }
func (d *deque) pushBack(v []int) { d.buf = append(d.buf, v...) }

func (d *deque) pushFront(v []int) {
	if len(v) > d.off {
		n := d.len()
		room := len(v) + n // as much again, for the next ones
		buf := make([]int, room+n, room+n+n/4)
		copy(buf[room:], d.buf[d.off:])
		d.buf, d.off = buf, room
	}
	d.off -= len(v)
	copy(d.buf[d.off:], v)
}

// share is the list as it is now, for other goroutines to read.
func (d *deque) share() []int { return d.buf[d.off:len(d.buf):len(d.buf)] }

// search returns the index of the first value not below v.
func (d *deque) search(v int) int { return sort.SearchInts(d.buf[d.off:], v) }

// dropBelow forgets the values below v and gives their memory back when it is most of it.
func (d *deque) dropBelow(v int) {
	d.off += d.search(v)
	if d.off > 4096 && d.off > 3*d.len() {
		d.buf, d.off = slices.Clone(d.buf[d.off:]), 0
	}
}
