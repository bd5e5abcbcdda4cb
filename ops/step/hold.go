package step

import (
	"context"
	"fmt"
	"time"

	"midwatch/ops/deploy"
)

// hold is how long and how often probes are looked at.
type hold struct {
	probes    []deploy.Probe
	stableFor time.Duration // all must be good for so long without a break; 0: once
	within    time.Duration // until then
	every     time.Duration // default 1 s
	failFast  bool          // the first bad one ends it
}

// wait looks at the probes until all have been good for long enough, or the time is over. A probe that is
// not good is what the answer says.
func (h hold) wait(ctx context.Context, e *Env) (Seen, error) {
	began := time.Now()
	var since time.Time // of being good without a break
	for {
		lines, fault, lost := lookAll(ctx, e, h.probes)
		switch {
		case ctx.Err() != nil:
			return Seen{Lines: lines, Line: fault}, context.Cause(ctx)
		case lost != nil: // no verdict is made on what nobody sees
			return Seen{Lines: lines, Line: fault}, lost
		}
		now := time.Now()
		switch {
		case fault != "" && h.failFast, fault != "" && now.Sub(began) >= h.within:
			return Seen{Line: fault, Lines: lines}, nil
		case fault != "":
			since = time.Time{}
			note(e, "waits: %s", fault)
		case since.IsZero():
			since = now
			fallthrough
		default:
			if now.Sub(since) >= h.stableFor {
				return Seen{OK: true, Line: h.passed(len(lines)), Lines: lines}, nil
			}
			if now.Sub(began) >= h.within+h.stableFor {
				return Seen{Line: fmt.Sprintf("not good for %s without a break within %s", h.stableFor, h.within), Lines: lines}, nil
			}
			note(e, "good for %s / %s", round(now.Sub(since)), h.stableFor)
		}
		if err := pause(ctx, orElse(h.every, time.Second)); err != nil {
			return Seen{Lines: lines, Line: fault}, err
		}
	}
}

func (h hold) passed(n int) string {
	line := fmt.Sprintf("%d of %d probes pass", n, n)
	if h.stableFor > 0 {
		line += fmt.Sprintf(", for %s", h.stableFor)
	}
	return line
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

// lookAll looks at every probe once and returns what each saw, the first fault, and whether the way to the host
// is cut.
func lookAll(ctx context.Context, e *Env, probes []deploy.Probe) (lines []string, fault string, lost error) {
	for _, p := range probes {
		r := runProbe(ctx, e, p)
		lines = append(lines, r.line)
		if !r.ok && fault == "" {
			fault = r.line
		}
		if r.lost != nil {
			return lines, fault, r.lost
		}
	}
	return lines, fault, nil
}
