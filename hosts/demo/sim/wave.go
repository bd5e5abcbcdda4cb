package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Wave is a quantity that moves smoothly: a base and four sines, the slowest over most of an hour.
// It never falls below zero, and its integral is exact, so counters made of it never run backwards.
type Wave struct {
	Base, Swing float64 // moves between Base-Swing and Base+Swing
	phase       [4]float64
}

// NewWave returns a wave; swing is cut to base so that it stays positive.
func NewWave(r *rand.Rand, base, swing float64) Wave {
	w := Wave{Base: base, Swing: math.Min(math.Abs(swing), base)}
	for i := range w.phase {
		w.phase[i] = r.Float64() * 2 * math.Pi
	}
	return w
}

func waveParts() [4]struct{ share, period float64 } {
	return [4]struct{ share, period float64 }{{0.4, 2340}, {0.3, 611}, {0.2, 137}, {0.1, 23}}
}

// At returns the value at t.
func (w Wave) At(t time.Time) float64 { return w.over(t, 0) }

// over is the value at t with everything faster than a time constant smoothed away, as load
// averages do.
func (w Wave) over(t time.Time, tau float64) float64 {
	s := seconds(t)
	v := w.Base
	for i, p := range waveParts() {
		omega := 2 * math.Pi / p.period
		damp := 1 / math.Sqrt(1+omega*omega*tau*tau)
		v += w.Swing * p.share * damp * math.Sin(omega*s+w.phase[i]-math.Atan(omega*tau))
	}
	return math.Max(0, v)
}

// Sum returns the integral from a to b in value-seconds.
func (w Wave) Sum(a, b time.Time) float64 {
	if !b.After(a) {
		return 0
	}
	return math.Max(0, w.prim(b)-w.prim(a))
}

func (w Wave) prim(t time.Time) float64 {
	s := seconds(t)
	v := w.Base * s
	for i, p := range waveParts() {
		omega := 2 * math.Pi / p.period
		v -= w.Swing * p.share / omega * math.Cos(omega*s+w.phase[i])
	}
	return v
}

// seconds counts from a fixed day, which keeps a float64 exact to well below a microsecond.
func seconds(t time.Time) float64 {
	const day = 1767225600 // 2026-01-01
	return float64(t.Unix()-day) + float64(t.Nanosecond())/1e9
}
