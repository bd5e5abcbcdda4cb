package step

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (systemdKind) Verify(ctx context.Context, e *Env, u Undo) (Seen, error) {
	r, err := rulesOf(e.Settings)
	if err != nil {
		return Seen{}, err
	}
	data, err := u.units()
	if err != nil {
		return Seen{}, err
	}
	v := verifier{e: e, r: r, data: data, nothing: u.Nothing, left: blobNames(ctx, e, blobLeft)}
	seen, err := v.look(ctx)
	if errors.Is(err, ErrNotDone) {
		return Seen{Line: strings.TrimPrefix(err.Error(), ErrNotDone.Error()+": "), Lines: seen.Lines}, nil
	}
	seen.Changed = !u.Nothing
	return seen, err
}

// verifier looks whether units are as a step wanted them.
type verifier struct {
	e       *Env
	r       unitRules
	data    unitsUndo
	nothing bool
	left    []string
}

func (v verifier) look(ctx context.Context) (Seen, error) {
	if len(v.r.names) == 0 {
		return Seen{OK: true, Line: "systemd has read its unit files"}, nil
	}
	switch {
	case v.r.renews():
		return v.renewed(ctx)
	case v.r.signals():
		return v.signalled(ctx)
	case v.r.Op == "start":
		return v.started(ctx)
	}
	return v.reached(ctx)
}

// renewed wants each unit in another invocation that stays.
func (v verifier) renewed(ctx context.Context) (Seen, error) {
	names := slices.DeleteFunc(slices.Clone(v.r.names), func(n string) bool { return slices.Contains(v.left, n) })
	states, err := v.states(ctx, names)
	if err != nil {
		return Seen{}, err
	}
	first := blobUnits(ctx, v.e, blobUp)
	refs := make([]unitState, len(states))
	for i, s := range states {
		if s.Invocation == v.before(s.Name).Invocation {
			return Seen{}, unitFailed(ctx, v.e, s.Name, "is in the same invocation as before: it was not restarted")
		}
		refs[i] = s
		if f, ok := first[s.Name]; ok {
			refs[i] = f
		}
	}
	if err := settleUnits(ctx, v.e, v.r, refs); err != nil {
		return Seen{}, err
	}
	done, err := v.states(ctx, v.r.names)
	if err != nil {
		return Seen{}, err
	}
	out := Seen{OK: true, Line: fmt.Sprintf("%s restarted, alive for %s", count(len(names), "unit"), v.r.Settle.AliveFor)}
	if len(v.r.Settle.Health) > 0 {
		out.Line += ", healthy"
	}
	if len(v.left) > 0 {
		out.Line += "; left alone at work: " + strings.Join(v.left, ", ")
	}
	for _, s := range done {
		out.Lines = append(out.Lines, fmt.Sprintf("%s: %s, pid %d, up %s", s.Name, s.words(), s.MainPID, s.Up.Round(time.Second)))
	}
	return out, nil
}

// signalled wants each unit in the same invocation, alive, and the proof that it took the signal.
func (v verifier) signalled(ctx context.Context) (Seen, error) {
	err := again(ctx, v.e, unitsLook, func() (bool, error) {
		states, err := showUnits(ctx, v.e, v.r.names)
		if err != nil {
			return false, err
		}
		for _, s := range states {
			b := v.before(s.Name)
			switch {
			case s.Job != "" || s.Active == "reloading":
				note(v.e, "%s: reloading", s.Name)
				return false, nil
			case s.Invocation != b.Invocation || s.Restarts != b.Restarts:
				return true, unitFailed(ctx, v.e, s.Name, "was started anew, where the same one should have gone on: it did not survive the "+v.r.Op)
			case !s.runs():
				return true, unitFailed(ctx, v.e, s.Name, "is "+s.words()+" after the "+v.r.Op)
			}
		}
		return true, nil
	})
	if err != nil {
		return Seen{}, err
	}
	lines, err := proved(ctx, v.e, v.r, v.data.Units)
	if err != nil {
		return Seen{Lines: lines}, err
	}
	out := Seen{OK: true, Lines: lines, Line: fmt.Sprintf("%s %s, in the same invocation", v.r.word(), count(len(v.r.names), "unit"))}
	if v.r.ProofLog == "" && len(v.r.Proof) == 0 {
		out.Line += "; nothing in the definition proves that it was taken"
	}
	return out, nil
}

// started wants units that run and go on running.
func (v verifier) started(ctx context.Context) (Seen, error) {
	start := time.Now()
	var refs []unitState
	err := again(ctx, v.e, unitsLook, func() (bool, error) {
		states, err := showUnits(ctx, v.e, v.r.names)
		if err != nil {
			return false, err
		}
		for _, s := range states {
			switch {
			case s.Active == "failed":
				return true, unitFailed(ctx, v.e, s.Name, failedLine(s))
			case !s.runs() && time.Since(start) > v.r.Settle.Within:
				return true, unitFailed(ctx, v.e, s.Name, fmt.Sprintf("is %s, %s after the start", s.words(), v.r.Settle.Within))
			case !s.runs() && !(s.oneshot() && s.Active == "inactive" && s.Job == "" && s.Result == "success"):
				note(v.e, "%s: %s", s.Name, s.words())
				return false, nil
			}
		}
		refs = states
		return true, nil
	})
	if err != nil {
		return Seen{}, err
	}
	if err := settleUnits(ctx, v.e, v.r, refs); err != nil {
		return Seen{}, err
	}
	return Seen{OK: true, Line: fmt.Sprintf("%s run, alive for %s", count(len(refs), "unit"), v.r.Settle.AliveFor)}, nil
}

// reached waits until units are what stop, enable, disable and daemon_reload want.
func (v verifier) reached(ctx context.Context) (Seen, error) {
	start := time.Now()
	err := again(ctx, v.e, unitsLook, func() (bool, error) {
		states, err := showUnits(ctx, v.e, v.r.names)
		if err != nil {
			return false, err
		}
		for _, s := range states {
			why := v.r.short(s)
			if slices.Contains(v.left, s.Name) {
				why = ""
			}
			limit := v.r.Settle.Within
			if v.r.Op == "stop" {
				limit = max(limit, s.StopWithin+settleSoon)
			}
			switch {
			case why == "":
				continue
			case time.Since(start) > limit:
				return true, unitFailed(ctx, v.e, s.Name, why)
			}
			note(v.e, "%s: %s", s.Name, why)
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		return Seen{}, err
	}
	return Seen{OK: true, Line: map[string]string{
		"stop": "stopped", "enable": "enabled", "disable": "disabled", "daemon_reload": "as their files say",
	}[v.r.Op] + ": " + count(len(v.r.names), "unit")}, nil
}

// short says what a unit lacks of what the operation wants, "" nothing.
func (r unitRules) short(s unitState) string {
	switch r.Op {
	case "stop":
		if s.Active != "inactive" && s.Active != "failed" {
			return "is " + s.words() + ", to be stopped"
		}
	case "enable":
		if s.Enabled != "enabled" {
			return "is " + either(s.Enabled, "not known") + ", to be enabled"
		}
	case "disable":
		if s.Enabled == "enabled" {
			return "is enabled, to be disabled"
		}
	case "daemon_reload":
		if s.NeedReload {
			return "its file is newer than what systemd has read"
		}
	}
	return ""
}

func (v verifier) states(ctx context.Context, names []string) (out []unitState, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	err = again(ctx, v.e, time.Second, func() (bool, error) {
		out, err = showUnits(ctx, v.e, names)
		return err == nil, err
	})
	return out, err
}

func (v verifier) before(name string) unitState {
	for _, b := range v.data.Units {
		if b.Name == name {
			return b.unitState
		}
	}
	return unitState{}
}

// blobUnits reads states that the step has kept; none when there are none.
func blobUnits(ctx context.Context, e *Env, name string) map[string]unitState {
	var list []unitState
	readBlob(ctx, e, name, &list)
	out := map[string]unitState{}
	for _, s := range list {
		out[s.Name] = s
	}
	return out
}

func blobNames(ctx context.Context, e *Env, name string) (out []string) {
	readBlob(ctx, e, name, &out)
	return out
}

// readBlob reads what the step has kept; one that is not there, or cut off, leaves into as it is.
func readBlob(ctx context.Context, e *Env, name string, into any) {
	if e.Store == nil {
		return
	}
	if data, err := e.Store.Get(ctx, name); err == nil {
		_ = json.Unmarshal(data, into)
	}
}

func writeBlob(ctx context.Context, e *Env, name string, v any) error {
	if e.Store == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := e.Store.Put(ctx, name, bytes.NewReader(data)); err != nil {
		return fmt.Errorf("%s: keep %s: %w", hostName(e), name, err)
	}
	return nil
}
