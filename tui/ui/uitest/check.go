package uitest

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"midwatch/tui/ui"
)

// CheckView asserts what every screen promises: at any size, exactly h lines, none wider than w,
// and no panic. It tries widths from 0 to 220 and heights from 0 to 70, all the small ones and
// those around the usual terminals, and the rest in steps.
func CheckView(t testing.TB, s ui.Screen) {
	t.Helper()
	CheckSizes(t, func(w, h int) string {
		s.SetSize(w, h)
		return s.View()
	})
}

// CheckSizes is CheckView for anything that draws itself in w by h cells.
func CheckSizes(t testing.TB, view func(w, h int) string) {
	t.Helper()
	widths := samples(220, 31, 40, 79, 80, 81, 110, 120, 121, 149, 150, 151, 200)
	heights := samples(70, 62, 12, 16, 23, 24, 25, 40, 50)
	for _, h := range heights {
		for _, w := range widths {
			if !checkOne(t, view, w, h) {
				return
			}
		}
	}
}

func samples(most, step int, extra ...int) []int {
	const small = 6
	seen := map[int]bool{}
	var out []int
	add := func(n int) {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for n := 0; n <= small; n++ {
		add(n)
	}
	for n := small; n <= most; n += step {
		add(n)
	}
	add(most)
	for _, n := range extra {
		add(n)
	}
	return out
}

func checkOne(t testing.TB, view func(w, h int) string, w, h int) (ok bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%dx%d: panic: %v", w, h, r)
			ok = false
		}
	}()
	v := view(w, h)
	lines := strings.Split(v, "\n")
	if h == 0 {
		if v != "" {
			t.Errorf("%dx%d: not empty: %q", w, h, v)
		}
		return v == ""
	}
	if len(lines) != h {
		t.Errorf("%dx%d: %d lines", w, h, len(lines))
		return false
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n > w {
			t.Errorf("%dx%d: line %d is %d cells: %q", w, h, i, n, l)
			return false
		}
	}
	return true
}
