package logs

import (
	"math/rand"
	"slices"
	"testing"
)

// A deque says what a plain list says, whatever it grew by at either end, and what it shared stays.
func TestDequeIsAList(t *testing.T) {
	t.Parallel()
	for seed := range int64(20) {
		rng := rand.New(rand.NewSource(seed))
		var d deque
		var want []int
		low, high := 1_000_000, 1_000_000
		var shared positions
		var copied []int
		run := func(most int) (r []int) {
			for range 1 + rng.Intn(most) {
				high += 1 + rng.Intn(3)
				r = append(r, high)
			}
			return r
		}
		for range 200 {
			switch rng.Intn(5) {
			case 0:
				r := run(1)
				d.pushOne(r[0])
				want = append(want, r...)
			case 1:
				p := positions{run(adopted / 4), run(2 * adopted)}
				want = append(want, slices.Concat(p...)...)
				d.pushBack(p)
			case 2:
				var r []int
				for range 1 + rng.Intn(3*adopted) {
					low -= 1 + rng.Intn(3)
					r = append(r, low)
				}
				slices.Reverse(r)
				k := rng.Intn(len(r))
				p := slices.DeleteFunc(positions{slices.Clone(r[:k]), slices.Clone(r[k:])}, func(r []int) bool { return len(r) == 0 })
				d.pushFront(p)
				want = append(r, want...)
			case 3:
				if len(want) > 0 {
					v := want[rng.Intn(len(want))/4] + rng.Intn(2)
					d.dropBelow(v)
					want = slices.DeleteFunc(want, func(x int) bool { return x < v })
				}
			case 4:
				shared = d.share()
				copied = slices.Collect(shared.from(0))
			}
			if d.len() != len(want) {
				t.Fatalf("%d values, want %d", d.len(), len(want))
			}
			if got := slices.Collect(d.share().from(0)); !slices.Equal(got, want) {
				t.Fatalf("%d values differ from the %d of a list", len(got), len(want))
			}
			for range 10 {
				v := low - 2 + rng.Intn(high-low+5)
				i, _ := slices.BinarySearch(want, v)
				next, prev := -1, -1
				if i < len(want) {
					next = want[i]
				}
				if i > 0 {
					prev = want[i-1]
				}
				if d.next(v) != next || d.prev(v) != prev || d.rank(v) != i {
					t.Fatalf("around %d: %d %d %d, want %d %d %d", v, d.next(v), d.prev(v), d.rank(v), next, prev, i)
				}
			}
		}
		if !slices.Equal(slices.Collect(shared.from(0)), copied) {
			t.Error("what was shared has changed")
		}
	}
}
