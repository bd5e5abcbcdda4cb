package step

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The blobs a systemd step keeps beside its record.
const (
	blobUp      = "units-up.json"   // the states of units that came up, as they were seen first
	blobLeft    = "units-left.json" // names of units that were left alone because they were at work
	blobUndoing = "units-undoing.json"
	blobOrdered = "units-ordered" // before the attempt and .json
)

// uncounted is how long a unit is asked for its work that does not answer.
const uncounted = 15 * time.Second

// unitsLook is how long is waited between two looks at units.
const unitsLook = 500 * time.Millisecond

// unitsRun is one pass of a systemd step over its units, forward or back.
type unitsRun struct {
	e      *Env
	r      unitRules
	before map[string]unitState // when the restart was ordered, else when the pass was decided on
	up     map[string]unitState
	// ordered are the units whose restart was ordered, as they were then; it is kept on the host before the
	// order, so that after a crash none is restarted twice.
	ordered map[string]unitState
	left    []string
	back    bool
}

func (systemdKind) Act(ctx context.Context, e *Env, u Undo) error {
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
	run := newUnitsRun(ctx, e, r, false)
	reload := r.Op == "daemon_reload"
	for _, rec := range data.Units {
		run.before[rec.Name] = rec.unitState
		reload = reload || rec.NeedReload
	}
	if reload {
		if err := run.order(ctx, "daemon-reload"); err != nil {
			return err
		}
	}
	if err := run.all(ctx, r.names); err != nil {
		return err
	}
	return run.keep(ctx)
}

func newUnitsRun(ctx context.Context, e *Env, r unitRules, back bool) *unitsRun {
	x := &unitsRun{e: e, r: r, back: back, before: map[string]unitState{}, up: map[string]unitState{}}
	x.ordered = blobUnits(ctx, e, x.orderedBlob())
	return x
}

// orderedBlob is named by attempt: another attempt restarts again.
func (x *unitsRun) orderedBlob() string {
	way := "forward"
	if x.back {
		way = "back"
	}
	return fmt.Sprintf("%s-%s-%d.json", blobOrdered, way, x.e.Try)
}

// all does the operation to units: together, or one after the other.
func (x *unitsRun) all(ctx context.Context, names []string) error {
	switch {
	case x.r.renews():
		if err := x.cool(ctx, names); err != nil {
			return err
		}
		if !x.r.OneByOne {
			return x.renew(ctx, names)
		}
		for i, n := range names {
			note(x.e, "%s, %d of %d", n, i+1, len(names))
			if err := x.renew(ctx, []string{n}); err != nil {
				return err
			}
			if ref, ok := x.up[n]; ok {
				if err := settleUnits(ctx, x.e, x.r, []unitState{ref}); err != nil {
					return err
				}
			}
		}
		return nil
	case x.r.Op == "start":
		return x.order(ctx, append([]string{"start", "--no-block"}, names...)...)
	case x.r.Op == "stop":
		return x.stopAll(ctx, names)
	case x.r.signals():
		return x.signal(ctx, names)
	case x.r.Op == "enable", x.r.Op == "disable":
		return x.order(ctx, append([]string{x.r.Op}, names...)...)
	}
	return nil
}

// cool refuses units that were started a moment ago, by whomever: nothing is begun then. One whose restart this
// step has ordered before a crash is not meant.
func (x *unitsRun) cool(ctx context.Context, names []string) error {
	if x.back || x.e.Try > 1 {
		return nil
	}
	states, err := showUnits(ctx, x.e, names)
	if err != nil {
		return err
	}
	for _, s := range states {
		if _, ours := x.ordered[s.Name]; !ours && s.runs() && s.Age > 0 && s.Age < x.r.Cooldown {
			return refused("%s: %s was started %s ago, within its cooldown of %s: look who did it, then try again",
				hostName(x.e), s.Name, s.Age.Round(time.Second), x.r.Cooldown)
		}
	}
	return nil
}

// renew gives units another invocation and returns when each has come up.
func (x *unitsRun) renew(ctx context.Context, names []string) error {
	machines := map[string]*restarter{}
	ordered := map[string]time.Time{}
	for _, n := range names {
		ordering, err := x.begin(ctx, n)
		if err != nil {
			return err
		}
		if !ordering {
			continue
		}
		m := newRestarter(x.before[n], x.r.Drain.StopStartAfter)
		if x.r.Op == "stop_start" {
			m.stopped = true
		}
		machines[n], ordered[n] = m, time.Now()
	}
	return again(ctx, x.e, unitsLook, func() (bool, error) {
		var open []string
		for _, n := range names {
			if machines[n] != nil {
				open = append(open, n)
			}
		}
		if len(open) == 0 {
			return true, nil
		}
		states, err := showUnits(ctx, x.e, open)
		if err != nil {
			return false, err
		}
		for _, s := range states {
			done, err := x.turn(ctx, machines[s.Name], s, time.Since(ordered[s.Name]))
			if err != nil {
				return false, err
			}
			if done {
				delete(machines, s.Name)
			}
		}
		return len(machines) == 0, nil
	})
}

// begin waits until a unit may be restarted, and orders it. It returns false for one that is left alone. One
// whose restart was ordered before a crash of ours, and that shows it, is not ordered again.
func (x *unitsRun) begin(ctx context.Context, name string) (bool, error) {
	s, err := x.one(ctx, name)
	if err != nil {
		return false, err
	}
	if o, ok := x.ordered[name]; ok {
		x.before[name] = o
		if s.Invocation != o.Invocation || s.Active == "deactivating" || s.Job != "" {
			note(x.e, "%s: was ordered before, looking at it", name)
			return true, nil
		}
	}
	x.before[name] = s
	if leave, err := x.idle(ctx, name); err != nil || leave {
		return false, err
	}
	if x.e.Budget != nil && !x.e.Budget(name, x.r.Budget) {
		return false, refused("%s: %s was restarted %s in this run, its budget: look at why it needs more, or raise budget",
			hostName(x.e), name, times(x.r.Budget))
	}
	if s, err = x.forgive(ctx, s); err != nil {
		return false, err
	}
	x.before[name], x.ordered[name] = s, s
	if err := writeBlob(ctx, x.e, x.orderedBlob(), slices.Collect(maps.Values(x.ordered))); err != nil {
		return false, err
	}
	verb := "restart"
	if x.r.Op == "stop_start" {
		verb = "stop"
	}
	return true, x.order(ctx, verb, "--no-block", name)
}

// forgive makes systemd forget the failures of a unit: where they were many, it would refuse this start too.
func (x *unitsRun) forgive(ctx context.Context, s unitState) (unitState, error) {
	if s.Active != "failed" && s.Sub != "auto-restart" && s.Restarts == 0 {
		return s, nil
	}
	if err := x.order(ctx, "reset-failed", s.Name); err != nil {
		return s, err
	}
	return x.one(ctx, s.Name)
}

func (x *unitsRun) one(ctx context.Context, name string) (s unitState, err error) {
	err = again(ctx, x.e, time.Second, func() (bool, error) {
		states, err := showUnits(ctx, x.e, []string{name})
		if err == nil {
			s = states[0]
		}
		return err == nil, err
	})
	return s, err
}

// turn takes what the rules say to a look.
func (x *unitsRun) turn(ctx context.Context, m *restarter, s unitState, took time.Duration) (done bool, err error) {
	t := m.next(s, took)
	switch t.move {
	case moveStop:
		say(x.e, s.Name+": "+t.line, false)
		return false, x.order(ctx, "stop", "--no-block", s.Name)
	case moveStart:
		say(x.e, s.Name+": stopped after "+clock(took)+", starting", false)
		return false, x.order(ctx, "start", "--no-block", s.Name)
	case moveUp:
		say(x.e, fmt.Sprintf("%s: up in another invocation, pid %d, after %s", s.Name, s.MainPID, clock(took)), false)
		x.up[s.Name] = s
		return true, nil
	case moveFail:
		return true, unitFailed(ctx, x.e, s.Name, t.line)
	}
	note(x.e, "%s: %s", s.Name, t.note)
	return false, nil
}

// unitFailed is the failure of a unit; what it logged last goes into the output.
func unitFailed(ctx context.Context, e *Env, name, line string) error {
	if out, err := target(e).must(ctx, "read the journal", "journalctl", "-u", name, "-n", "12", "--no-pager", "-q", "-o", "short-iso"); err == nil {
		sayAll(e, out)
	}
	return fmt.Errorf("%w: %s: %s: %s; its last journal lines are in the output", ErrNotDone, hostName(e), name, line)
}

// order tells systemd something. Where the connection breaks meanwhile nobody knows whether it heard: an
// order that is given twice merges into the first as long as its job is queued, and units that have changed
// are not told again.
func (x *unitsRun) order(ctx context.Context, args ...string) error {
	first := true
	return again(ctx, x.e, time.Second, func() (bool, error) {
		if !first && (args[0] == "restart" || args[0] == "stop" && x.r.Op != "stop") {
			s, err := showUnits(ctx, x.e, args[len(args)-1:])
			if err != nil {
				return false, err
			}
			if s[0].Invocation != x.before[s[0].Name].Invocation || s[0].Job != "" || !s[0].runs() {
				return true, nil
			}
		}
		first = false
		_, err := target(x.e).must(ctx, "systemctl "+strings.Join(args, " "), append([]string{"systemctl"}, args...)...)
		return err == nil, notAuthorized(x.e, err)
	})
}

// notAuthorized makes a refusal of what polkit and sudo say.
func notAuthorized(e *Env, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	for _, w := range []string{"Interactive authentication required", "Access denied", "a password is required", "not allowed to execute", "Operation refused"} {
		if bytes.Contains(f.res.Stderr, []byte(w)) {
			return &refusal{hostName(e) + ": " + f.what + ": not permitted: allow sudo for this host, or use another login", err}
		}
	}
	return err
}

// stopAll stops units, each when it is idle.
func (x *unitsRun) stopAll(ctx context.Context, names []string) error {
	for _, n := range names {
		if leave, err := x.idle(ctx, n); err != nil {
			return err
		} else if !leave {
			if err := x.order(ctx, "stop", "--no-block", n); err != nil {
				return err
			}
		}
	}
	return nil
}

// signal sends the signal, or reloads.
func (x *unitsRun) signal(ctx context.Context, names []string) error {
	if x.r.Op == "reload" {
		return x.order(ctx, append([]string{"reload", "--no-block"}, names...)...)
	}
	for _, n := range names {
		if err := x.kill(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// kill sends the signal to a unit's main process. Before systemd 252 the option had another name.
func (x *unitsRun) kill(ctx context.Context, name string) error {
	var err error
	for _, option := range []string{"--kill-whom=main", "--kill-who=main"} {
		argv := []string{"systemctl", "kill", option, "-s", x.r.signalName(), name}
		if _, err = target(x.e).must(ctx, "signal "+name, argv...); err == nil {
			return nil
		}
		var f *failure
		if !errors.As(err, &f) || !bytes.Contains(f.res.Stderr, []byte("unrecognized option")) {
			break
		}
	}
	return notAuthorized(x.e, err)
}

// idle waits until a unit has nothing to do, for as long as its rules say. It returns true for a unit that is
// to be left alone.
func (x *unitsRun) idle(ctx context.Context, name string) (leave bool, err error) {
	if !x.r.looksAtWork() {
		return false, nil
	}
	if s, err := x.one(ctx, name); err != nil || !s.runs() {
		return false, err // what does not run has no work
	}
	start, busy := time.Now(), ""
	err = again(ctx, x.e, time.Second, func() (bool, error) {
		n, line, err := busyCount(ctx, x.e, forUnit(x.r.Drain.Busy, name))
		if err != nil {
			return false, err
		}
		if n == 0 {
			busy = ""
			return true, nil
		}
		busy = line
		took, limit := time.Since(start), x.r.Drain.MaxWait
		if n < 0 { // it does not answer: waiting tells no more
			limit = min(limit, uncounted)
		}
		note(x.e, "%s: at work (%s), waiting %s / %s", name, line, clock(took), clock(limit))
		return took >= limit, nil
	})
	if err != nil || busy == "" {
		return false, err
	}
	return x.stillBusy(ctx, name, busy, time.Since(start))
}

func (x *unitsRun) stillBusy(ctx context.Context, name, busy string, took time.Duration) (leave bool, err error) {
	what := fmt.Sprintf("%s is still at work (%s) after %s", name, busy, clock(took))
	then := x.r.Drain.Then
	if then == "ask" {
		if x.e.Ask == nil {
			return false, refused("%s: %s, and nobody can be asked: set drain.then to force or skip, or try again later", hostName(x.e), what)
		}
		a, err := x.e.Ask(ctx, Question{Kind: "choose", Text: hostName(x.e) + ": " + what, Choices: []string{"force", "skip", "fail"}})
		if err != nil {
			return false, err
		}
		then = a.Choice
	}
	switch then {
	case "force":
		say(x.e, what+"; it is "+x.r.Op+"ed all the same", false)
		return false, nil
	case "skip":
		say(x.e, what+"; it is left alone", false)
		x.left = append(x.left, name)
		return true, nil
	}
	return false, fmt.Errorf("%w: %s: %s", ErrDeclined, hostName(x.e), what)
}

// keep stores what the verification needs.
func (x *unitsRun) keep(ctx context.Context) error {
	if !x.r.renews() {
		return nil
	}
	var up []unitState
	for _, n := range x.r.names {
		if s, ok := x.up[n]; ok {
			up = append(up, s)
		}
	}
	if err := writeBlob(ctx, x.e, blobUp, up); err != nil {
		return err
	}
	return writeBlob(ctx, x.e, blobLeft, x.left)
}
