package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"
)

func points(n int) []ui.PlotPoint {
	var out []ui.PlotPoint
	for i := range n {
		out = append(out, ui.PlotPoint{At: uitest.Now().Add(time.Duration(i) * time.Second), Value: float64(i * i % 97), Bad: i%11 == 5})
	}
	return out
}

func TestPlot(t *testing.T) {
	t.Parallel()
	ms := func(v float64) string { return ui.Millis(time.Duration(v * float64(time.Millisecond))) }
	up := []ui.PlotPoint{{At: uitest.Now(), Value: 0}, {At: uitest.Now().Add(30 * time.Second), Bad: true}, {At: uitest.Now().Add(40 * time.Second), Value: 5}, {At: uitest.Now().Add(time.Minute), Value: 10}}
	got := ui.Plot(uitest.Styles(themes.Dark(), termenv.Ascii, true), up, 40, 6, ms)
	want := []string{
		"10ms |                            ******",
		"     |                      *******",
		"     |",
		"   - |*                X",
		"     +----------------------------------",
		"      03:12:07                  03:13:07",
	}
	for i := range got {
		got[i] = strings.TrimRight(got[i], " ")
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, st := range []*themes.Styles{uitest.Plain(), uitest.Styles(themes.Dark(), termenv.TrueColor, true)} {
		for _, n := range []int{0, 1, 2, 3, 240} {
			for _, w := range []int{0, 5, 23, 24, 25, 40, 81} {
				for _, h := range []int{0, 3, 4, 9} {
					lines := ui.Plot(st, points(n), w, h, ms)
					if lines != nil && len(lines) != h {
						t.Fatalf("%d points, %dx%d: %d lines", n, w, h, len(lines))
					}
					for _, l := range lines {
						if ansi.StringWidth(l) > w {
							t.Fatalf("%d points, %dx%d: %q", n, w, h, l)
						}
					}
				}
			}
		}
	}
}

func BenchmarkPlot(b *testing.B) {
	st, ps := uitest.Plain(), points(240)
	b.ReportAllocs()
	for b.Loop() {
		ui.Plot(st, ps, 80, 8, func(float64) string { return "1ms" })
	}
}
