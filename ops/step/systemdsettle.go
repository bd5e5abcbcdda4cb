package step

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"midwatch/ops/deploy"
)

// busyCount is how much a unit has to do. What cannot be counted is not taken for idle.
func busyCount(ctx context.Context, e *Env, p deploy.Probe) (n float64, line string, err error) {
	r := runProbe(ctx, e, p)
	switch {
	case ctx.Err() != nil:
		return 0, "", context.Cause(ctx)
	case r.lost != nil:
		return 0, "", r.lost
	case !r.ok:
		return -1, "its work cannot be counted: " + r.line, nil
	case !r.counted:
		return -1, "its work cannot be counted, no number in the answer: " + r.line, nil
	}
	return r.number, strconv.FormatFloat(r.number, 'f', -1, 64) + " busy", nil
}

// settleUnits waits until units that came up are seen to stay up and to be healthy. refs are the units as
// they were seen first.
func settleUnits(ctx context.Context, e *Env, r unitRules, refs []unitState) error {
	names := make([]string, len(refs))
	for i, s := range refs {
		names[i] = s.Name
	}
	if len(names) == 0 {
		return nil
	}
	start := time.Now()
	alive := max(r.Settle.AliveFor, 0)
	err := again(ctx, e, unitsLook, func() (bool, error) {
		states, err := showUnits(ctx, e, names)
		if err != nil {
			return false, err
		}
		all := true
		for i, s := range states {
			done, what, fail := steadyUnit(refs[i], s, alive)
			switch {
			case fail != "":
				return true, unitFailed(ctx, e, s.Name, fail)
			case !done && time.Since(start) > r.Settle.Within+alive:
				return true, unitFailed(ctx, e, s.Name, fmt.Sprintf("not up for %s within %s: %s", alive, r.Settle.Within, what))
			case !done:
				all = false
				note(e, "%s: %s", s.Name, what)
			case s.Up < r.Settle.CheckAfter && !s.oneshot():
				all = false
				note(e, "%s: no verdict yet, %s / %s", s.Name, clock(s.Up), clock(r.Settle.CheckAfter))
			}
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	return healthy(ctx, e, r, names)
}

// healthy waits until every unit's probes are good.
func healthy(ctx context.Context, e *Env, r unitRules, names []string) error {
	for _, n := range names {
		seen, err := probesOf(r.Settle.Health, n, r.Settle.Within).wait(ctx, e)
		if err != nil {
			return err
		}
		if !seen.OK {
			return unitFailed(ctx, e, n, fmt.Sprintf("not healthy within %s: %s", r.Settle.Within, seen.Line))
		}
	}
	return nil
}

// probesOf are probes that have to be good once, in the words of a unit.
func probesOf(probes []deploy.Probe, unit string, within time.Duration) hold {
	h := hold{within: within}
	for _, p := range probes {
		h.probes = append(h.probes, forUnit(p, unit))
	}
	return h
}

// proved waits for the proof that units took a signal: a line of the journal behind its cursor, and probes.
func proved(ctx context.Context, e *Env, r unitRules, units []unitRecord) (lines []string, err error) {
	for _, u := range units {
		n := u.Name
		if r.ProofLog != "" {
			line, err := journalProof(ctx, e, r, n, u.Cursor)
			if err != nil {
				return lines, err
			}
			lines = append(lines, n+": "+line)
		}
		seen, err := probesOf(r.Proof, n, r.Settle.Within).wait(ctx, e)
		if err != nil {
			return lines, err
		}
		if !seen.OK {
			return lines, unitFailed(ctx, e, n, fmt.Sprintf("nothing proves that it took the %s, within %s: %s", r.Op, r.Settle.Within, seen.Line))
		}
		lines = append(lines, seen.Lines...)
	}
	return lines, nil
}

func journalProof(ctx context.Context, e *Env, r unitRules, name, cursor string) (found string, err error) {
	re, err := regexp.Compile(r.ProofLog)
	if err != nil {
		return "", refused("proof_log: %v", err)
	}
	argv := []string{"journalctl", "-u", name, "--no-pager", "-q", "-o", "cat"}
	if cursor != "" {
		argv = append(argv, "--after-cursor="+cursor)
	}
	start := time.Now()
	err = again(ctx, e, unitsLook, func() (bool, error) {
		out, err := target(e).must(ctx, "read the journal of "+name, argv...)
		if err != nil {
			return false, err
		}
		if loc := re.FindStringIndex(out); loc != nil {
			found = brief(out[loc[0]:loc[1]])
			return true, nil
		}
		if time.Since(start) > r.Settle.Within {
			return true, unitFailed(ctx, e, name, fmt.Sprintf("no line of its journal matches %s within %s", r.ProofLog, r.Settle.Within))
		}
		note(e, "%s: waiting for a line that matches %s", name, r.ProofLog)
		return false, nil
	})
	return found, err
}
