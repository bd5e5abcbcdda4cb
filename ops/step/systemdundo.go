package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func (systemdKind) Probe(ctx context.Context, e *Env, u Undo) (Progress, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return Unclear, err
	}
	data, err := u.units()
	if err != nil {
		return Unclear, err
	}
	if r.Op == "signal" {
		return Unclear, nil // a signal leaves no trace
	}
	if len(r.names) == 0 || r.Op == "reload" {
		return NotStarted, nil
	}
	states, err := showUnits(ctx, e, r.names)
	if err != nil {
		return Unclear, err
	}
	return progressOf(r, data, states), nil
}

// progressOf tells how far units are by what they were and are.
func progressOf(r unitRules, data unitsUndo, states []unitState) Progress {
	v := verifier{r: r, data: data}
	renewed, moving := 0, false
	for _, s := range states {
		switch {
		case s.Job != "" || s.Active == "deactivating" || s.Active == "activating":
			moving = true
		case r.renews() && s.Invocation != v.before(s.Name).Invocation, !r.renews() && !r.changes(s):
			renewed++
		}
	}
	switch {
	case moving:
		return Running
	case renewed == len(states):
		return Ended
	}
	return NotStarted
}

// Undo does the operation again, for the units that it was done to, so that they take up the files that are
// back; or its opposite.
func (systemdKind) Undo(ctx context.Context, e *Env, u Undo) error {
	if u.Nothing {
		return nil
	}
	r, err := rulesOf(e.Settings)
	if err != nil {
		return err
	}
	data, err := u.units()
	if err != nil {
		return err
	}
	x := newUnitsRun(ctx, e, r, true)
	if len(data.Units) == 0 {
		return x.order(ctx, "daemon-reload")
	}
	now, err := showUnits(ctx, e, namesOf(data))
	if err != nil {
		return err
	}
	begun := blobUnits(ctx, e, blobUndoing)
	if len(begun) == 0 {
		if err := writeBlob(ctx, e, blobUndoing, now); err != nil {
			return err
		}
	}
	reload := r.Op == "daemon_reload"
	for _, s := range now {
		x.before[s.Name] = s
		reload = reload || s.NeedReload
	}
	if reload {
		if err := x.order(ctx, "daemon-reload"); err != nil {
			return err
		}
	}
	redo, stop := unitsToUndo(r, data, now)
	return x.takeBack(ctx, redo, stop)
}

func (x *unitsRun) takeBack(ctx context.Context, redo, stop []string) error {
	if len(stop) > 0 {
		if err := x.stopAll(ctx, stop); err != nil {
			return err
		}
	}
	if len(redo) == 0 {
		return nil
	}
	switch x.r.Op {
	case "stop":
		return x.order(ctx, append([]string{"start", "--no-block"}, redo...)...)
	case "enable":
		return x.order(ctx, append([]string{"disable"}, redo...)...)
	case "disable":
		return x.order(ctx, append([]string{"enable"}, redo...)...)
	}
	return x.all(ctx, redo)
}

// unitsToUndo are the units that the operation has to be done to again (or undone for), and those to be
// stopped because they did not run before. A unit in the invocation it was in was not touched.
func unitsToUndo(r unitRules, data unitsUndo, now []unitState) (redo, stop []string) {
	v := verifier{r: r, data: data}
	for _, s := range now {
		b := v.before(s.Name)
		switch {
		case r.renews() && s.Invocation == b.Invocation && s.Active == b.Active:
		case (r.renews() || r.Op == "start") && !b.runs():
			if s.Active != "inactive" {
				stop = append(stop, s.Name)
			}
		case r.Op == "start":
		case r.Op == "stop":
			if b.runs() && !s.runs() {
				redo = append(redo, s.Name)
			}
		case r.Op == "enable" || r.Op == "disable":
			if b.Enabled != s.Enabled {
				redo = append(redo, s.Name)
			}
		default:
			redo = append(redo, s.Name)
		}
	}
	return redo, stop
}

func namesOf(data unitsUndo) []string {
	out := make([]string, len(data.Units))
	for i, u := range data.Units {
		out[i] = u.Name
	}
	return out
}

// Undone wants every unit as it was: running ones in another invocation than when the undo began if they were
// restarted, alive and healthy; the others stopped; enabled as before.
func (systemdKind) Undone(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return Seen{}, err
	}
	data, err := u.units()
	if err != nil {
		return Seen{}, err
	}
	if u.Nothing || len(data.Units) == 0 {
		return Seen{OK: true, Line: "nothing was changed"}, nil
	}
	v := verifier{e: e, r: r, data: data}
	lines, err := v.asBefore(ctx, blobUnits(ctx, e, blobUndoing))
	if errors.Is(err, ErrNotDone) {
		return Seen{Line: strings.TrimPrefix(err.Error(), ErrNotDone.Error()+": "), Lines: lines}, nil
	}
	return Seen{OK: err == nil, Changed: true, Line: count(len(data.Units), "unit") + " as before", Lines: lines}, err
}

func (v verifier) asBefore(ctx context.Context, begun map[string]unitState) (lines []string, err error) {
	var refs []unitState
	err = again(ctx, v.e, unitsLook, func() (bool, error) {
		refs, lines = nil, nil
		states, err := showUnits(ctx, v.e, namesOf(v.data))
		if err != nil {
			return false, err
		}
		for _, s := range states {
			b := v.before(s.Name)
			lines = append(lines, fmt.Sprintf("%s: %s, was %s", s.Name, s.words(), b.words()))
			switch {
			case s.Job != "" || s.Active == "deactivating" || s.Active == "activating":
				note(v.e, "%s: %s", s.Name, s.words())
				return false, nil
			case s.Enabled != b.Enabled:
				return true, unitFailed(ctx, v.e, s.Name, "is "+either(s.Enabled, "not known")+", was "+either(b.Enabled, "not known"))
			case b.runs() != s.runs():
				return true, unitFailed(ctx, v.e, s.Name, "is "+s.words()+", was "+b.words())
			case s.runs() && v.r.renews():
				if u, ok := begun[s.Name]; ok && u.Invocation == s.Invocation && u.Invocation != b.Invocation {
					return true, unitFailed(ctx, v.e, s.Name, "was not restarted over the files that are back")
				}
				refs = append(refs, s)
			}
		}
		return true, nil
	})
	if err == nil {
		err = settleUnits(ctx, v.e, v.r, refs)
	}
	return lines, err
}

// Drift tells units that somebody has restarted, stopped, enabled or edited since the step.
func (systemdKind) Drift(ctx context.Context, e *Env, u Undo) ([]string, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return nil, err
	}
	data, err := u.units()
	if err != nil || len(data.Units) == 0 {
		return nil, err
	}
	states, err := showUnits(ctx, e, namesOf(data))
	if err != nil {
		return nil, err
	}
	up := blobUnits(ctx, e, blobUp)
	var out []string
	for _, s := range states {
		if f, ok := up[s.Name]; ok && r.renews() && s.Invocation != f.Invocation {
			out = append(out, fmt.Sprintf("%s: %s was started again since the step, %s ago; it is %s", hostName(e), s.Name, clock(s.Age), s.words()))
		}
		if r.Op != "enable" && r.Op != "disable" {
			if b := (verifier{data: data}).before(s.Name); b.Enabled != s.Enabled {
				out = append(out, fmt.Sprintf("%s: %s is %s, was %s", hostName(e), s.Name, s.Enabled, b.Enabled))
			}
		}
	}
	return out, nil
}
