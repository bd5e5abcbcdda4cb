package ui

import (
	"strings"
	"time"

	"github.com/NimbleMarkets/ntcharts/canvas"
	"github.com/NimbleMarkets/ntcharts/canvas/graph"

	"midwatch/themes"
)

// PlotPoint is a value at a moment; a Bad one is a mark on the time line instead of a part of the
// line, because a request that failed has no latency worth a comparison.
type PlotPoint struct {
	At    time.Time
	Value float64
	Bad   bool
}

const plotMinW, plotMinH = 24, 4

// Plot draws values over time in w by h cells: a line from the first to the last point, the largest
// value and 0 at the left, the moments of both ends below. label writes a value in a few cells. With
// less room, or fewer than two points, there is nothing.
func Plot(st *themes.Styles, points []PlotPoint, w, h int, label func(float64) string) []string {
	if w < plotMinW || h < plotMinH || len(points) < 2 {
		return nil
	}
	top := 0.0
	for _, p := range points {
		if !p.Bad {
			top = max(top, p.Value)
		}
	}
	if top <= 0 {
		top = 1
	}
	high, low := label(top), label(0)
	left := max(Width(high), Width(low)) + 1
	gw, gh := w-left-1, h-2 // the axes, and the moments below them
	from, to := points[0].At, points[len(points)-1].At
	cells := plotCells(st, points, gw, gh, top, to.Sub(from))
	out := make([]string, 0, h)
	axis := st.Normal[themes.Border]
	for y := range gh {
		text := ""
		switch y {
		case 0:
			text = high
		case gh - 1:
			text = low
		}
		out = append(out, st.Normal.Render(themes.Faint, FitRight(text, left-1))+" "+axis.Render(st.Borders.Left)+cells[y])
	}
	const clock = "15:04:05"
	end := to.Format(clock)
	out = append(out,
		Spaces(left)+axis.Render(st.Borders.BottomLeft+strings.Repeat(st.Borders.Bottom, gw)),
		Spaces(left+1)+st.Normal.Render(themes.Faint, Between(from.Format(clock), end, gw)))
	return out
}

// plotCells draws the line and the marks into rows of gw cells: the line on one grid of dots, whose
// characters are taken, because a chart of the library makes such a grid, and a style, for each piece.
func plotCells(st *themes.Styles, points []PlotPoint, gw, gh int, top float64, span time.Duration) []string {
	grid := graph.NewBrailleGrid(gw, gh, 0, 1, 0, top)
	at := func(p PlotPoint) float64 {
		if span <= 0 {
			return 0
		}
		return float64(p.At.Sub(points[0].At)) / float64(span)
	}
	bad := make([]bool, gw)
	for i, p := range points {
		x := at(p)
		if p.Bad {
			bad[max(0, min(int(x*float64(gw-1)+0.5), gw-1))] = true
			continue
		}
		a := grid.GridPoint(canvas.Float64Point{X: x, Y: p.Value})
		b := a
		if i > 0 && !points[i-1].Bad {
			b = grid.GridPoint(canvas.Float64Point{X: at(points[i-1]), Y: points[i-1].Value})
		}
		for _, dot := range graph.GetLinePoints(b, a) {
			grid.Set(dot)
		}
	}
	out := make([]string, gh)
	for y, row := range grid.BraillePatterns() {
		if y >= gh {
			break
		}
		var line, run strings.Builder
		flush := func() {
			line.WriteString(st.Normal.Render(themes.Accent, run.String()))
			run.Reset()
		}
		for x := range gw {
			if bad[x] && y == gh-1 {
				flush()
				line.WriteString(st.Normal.Render(themes.Bad, st.Glyphs.Bad))
				continue
			}
			r := ' '
			const noDots = 0x2800
			if x < len(row) && row[x] != 0 && row[x] != noDots {
				r = row[x]
				if st.ASCII {
					r = '*'
				}
			}
			run.WriteRune(r)
		}
		flush()
		out[y] = line.String()
	}
	return out
}
