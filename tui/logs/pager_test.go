package logs

import (
	"math/rand"
	"slices"
	"testing"
)

// fakeList has positions 10, 20, 30 … each as high as its number says.
type fakeList []int

func (f fakeList) after(pos int) int {
	for i := range f {
		if 10*(i+1) >= pos {
			return 10 * (i + 1)
		}
	}
	return -1
}

func (f fakeList) before(pos int) int {
	for i := len(f) - 1; i >= 0; i-- {
		if 10*(i+1) < pos {
			return 10 * (i + 1)
		}
	}
	return -1
}
func (f fakeList) rows(pos int) int { return f[pos/10-1] }
func (f fakeList) end() int         { return 10*len(f) + 10 }

func ones(n int) fakeList {
	f := make(fakeList, n)
	for i := range f {
		f[i] = 1
	}
	return f
}

func TestPagerFollowsTheEnd(t *testing.T) {
	t.Parallel()
	p := pager{follow: true}
	got := p.window(fakeList{1, 3, 1}, 4)
	want := []place{{20, 0}, {20, 1}, {20, 2}, {30, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := p.window(ones(2), 5); len(got) != 2 {
		t.Errorf("few lines: %v", got)
	}
	if got := p.window(fakeList{}, 5); len(got) != 0 {
		t.Errorf("no lines: %v", got)
	}
	if got := p.window(fakeList{9}, 2); !slices.Equal(got, []place{{10, 7}, {10, 8}}) {
		t.Errorf("a line higher than the screen: %v", got)
	}
}

func TestPagerYieldsToTheReader(t *testing.T) {
	t.Parallel()
	l := ones(20)
	p := pager{follow: true}
	p.move(l, 5, -1)
	if p.follow || p.cursor != 190 || p.seenEnd != l.end() {
		t.Fatalf("after up: %+v", p)
	}
	before := p.window(l, 5)
	l = append(l, ones(30)...)
	if got := p.window(l, 5); !slices.Equal(got, before) {
		t.Errorf("new lines moved the view: %v, was %v", got, before)
	}
	p.move(l, 5, 1)
	if p.follow {
		t.Error("down in the middle must not follow")
	}
	for range 40 {
		p.move(l, 5, 1)
	}
	if !p.follow {
		t.Errorf("down at the end must follow: %+v", p)
	}
}

func TestPagerScrollToTheEndFollows(t *testing.T) {
	t.Parallel()
	l := ones(20)
	p := pager{follow: true}
	p.scroll(l, 5, -3, false)
	if w := p.window(l, 5); p.follow || w[0].pos != 130 || p.cursor != 170 {
		t.Fatalf("wheel up: %v cursor %d", w, p.cursor)
	}
	p.scroll(l, 5, 2, false)
	if p.follow {
		t.Fatal("one row is missing")
	}
	p.scroll(l, 5, 1, false)
	if !p.follow {
		t.Error("the end is in sight")
	}
	p.page(l, 5, -1)
	if w := p.window(l, 5); w[0].pos != 120 || p.cursor != 160 {
		t.Errorf("page up: %v cursor %d", w, p.cursor)
	}
	for range 9 {
		p.page(l, 5, -1)
	}
	if w := p.window(l, 5); w[0].pos != 10 || p.cursor != 10 {
		t.Errorf("at the beginning: %v cursor %d", w, p.cursor)
	}
}

func TestPagerJump(t *testing.T) {
	t.Parallel()
	l := ones(100)
	p := pager{follow: true}
	p.jump(l, 11, 500)
	if w := p.window(l, 11); p.cursor != 500 || w[0].pos != 460 {
		t.Errorf("%v cursor %d", w, p.cursor)
	}
	p.jump(l, 11, 510) // seen already: the view stays
	if w := p.window(l, 11); w[0].pos != 460 {
		t.Errorf("%v", w)
	}
	p.first(l, 11)
	if w := p.window(l, 11); w[0].pos != 10 || p.cursor != 10 {
		t.Errorf("%v", w)
	}
}

// Whatever is pressed: the window has as many rows as there are, in order, and holds the cursor.
func TestPagerProperty(t *testing.T) {
	t.Parallel()
	for seed := range int64(300) {
		rng := rand.New(rand.NewSource(seed))
		l := make(fakeList, rng.Intn(30))
		for i := range l {
			l[i] = 1 + rng.Intn(8)
		}
		p := pager{follow: true}
		height := 5
		for step := range 60 {
			if h := rng.Intn(40); h < 12 {
				height = h
				if !p.follow {
					p.reveal(l, h)
				}
			}
			h := height
			switch rng.Intn(7) {
			case 0:
				p.move(l, h, rng.Intn(5)-2)
			case 1:
				p.page(l, h, rng.Intn(3)-1)
			case 2:
				p.scroll(l, h, rng.Intn(9)-4, false)
			case 3:
				p.first(l, h)
			case 4:
				p.resume()
			case 5:
				if len(l) > 0 {
					p.jump(l, h, 10*(1+rng.Intn(len(l))))
				}
			case 6:
				l = append(l, 1+rng.Intn(8))
			}
			total := 0
			for _, n := range l {
				total += n
			}
			w := p.window(l, h)
			if len(w) != min(h, total) {
				t.Fatalf("seed %d step %d: %d rows of %d on %d", seed, step, len(w), total, h)
			}
			seen := p.follow || len(w) == 0
			for i, pl := range w {
				seen = seen || pl.pos == p.cursor
				if i == 0 {
					continue
				}
				within := pl.pos == w[i-1].pos && pl.row == w[i-1].row+1
				next := pl.pos > w[i-1].pos && pl.row == 0
				if !within && !next {
					t.Fatalf("seed %d step %d: %v", seed, step, w)
				}
			}
			if !seen && h > 0 {
				t.Fatalf("seed %d step %d: cursor %d not in %v", seed, step, p.cursor, w)
			}
		}
	}
}
