package logs

import (
	"iter"
	"slices"
	"sort"
)

// positions are an ascending list in runs, of which none is empty.
type positions [][]int

// runAt is the index of the first run that has a value not below v.
func (p positions) runAt(v int) int {
	return sort.Search(len(p), func(i int) bool { return p[i][len(p[i])-1] >= v })
}

// cut is the list without the values below v. It takes p's place.
func (p positions) cut(v int) positions {
	p = slices.Delete(p, 0, p.runAt(v))
	if len(p) > 0 {
		p[0] = p[0][sort.SearchInts(p[0], v):]
	}
	return p
}

// from gives the values from v on.
func (p positions) from(v int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := p.runAt(v); i < len(p); i++ {
			for _, x := range p[i][sort.SearchInts(p[i], v):] {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// deque is a list of positions that grows at both ends: a scan finds its hits from the newest line back and
// appends those that arrive meanwhile. It takes over what it is given, so that a million positions are never
// copied on the update loop. What share returned stays as it is.
type deque struct {
	runs positions
	n    int
}

// runLen is how many positions a run has room for that grows one by one; from adopted on a run is taken over
// as it is, and fewer are put behind the last one.
const (
	runLen  = 4096
	adopted = 512
)

func (d *deque) len() int { return d.n }

func (d *deque) pushOne(v int) {
	k := len(d.runs) - 1
	if k < 0 || len(d.runs[k]) == cap(d.runs[k]) {
		d.runs = append(d.runs, make([]int, 0, runLen))
		k++
	}
	d.runs[k] = append(d.runs[k], v)
	d.n++
}

func (d *deque) pushBack(p positions) {
	for _, r := range p {
		if len(r) >= adopted {
			d.runs = append(d.runs, r)
			d.n += len(r)
			continue
		}
		for _, v := range r {
			d.pushOne(v)
		}
	}
}

func (d *deque) pushFront(p positions) {
	for _, r := range p {
		d.n += len(r)
	}
	d.runs = slices.Insert(d.runs, 0, p...)
}

// share is the list as it is now, for other goroutines to read.
func (d *deque) share() positions { return slices.Clone(d.runs) }

// next is the first value not below v, -1 when there is none.
func (d *deque) next(v int) int {
	i := d.runs.runAt(v)
	if i == len(d.runs) {
		return -1
	}
	r := d.runs[i]
	return r[sort.SearchInts(r, v)]
}

// prev is the last value below v, -1 when there is none.
func (d *deque) prev(v int) int {
	i := d.runs.runAt(v)
	if i < len(d.runs) {
		if k := sort.SearchInts(d.runs[i], v); k > 0 {
			return d.runs[i][k-1]
		}
	}
	if i == 0 {
		return -1
	}
	r := d.runs[i-1]
	return r[len(r)-1]
}

// rank is how many values are below v.
func (d *deque) rank(v int) int {
	i, n := d.runs.runAt(v), 0
	for _, r := range d.runs[:i] {
		n += len(r)
	}
	if i < len(d.runs) {
		n += sort.SearchInts(d.runs[i], v)
	}
	return n
}

// dropBelow forgets the values below v.
func (d *deque) dropBelow(v int) {
	d.n -= d.rank(v)
	d.runs = d.runs.cut(v)
}
