package run

import (
	"slices"
	"strings"
	"time"

	"midwatch/ops/step"
)

// Fold is the state of a run as its records tell it. It is pure, and any sequence of records gives a state; what
// is not said is pending or unknown, never good.
func Fold(records []Record) State { return replay(records).state() }

func (l *ledger) state() State {
	st := State{
		ID: l.id, Deploy: l.open.Deploy, Env: l.open.Env, Kind: l.open.Kind, Parent: l.open.Parent,
		Phase: l.phase, Note: l.note, Who: l.open.Who, From: l.open.From, Reason: l.open.Reason,
		Plan: l.plan.Fingerprint, Started: l.started, Ended: l.ended, Beat: l.beat,
		Questions: slices.Clone(l.questions), Hosts: slices.Clone(l.open.Hosts), Bad: l.bad, PausedBy: l.paused,
		Records: l.records,
	}
	if d, err := decodeDefinition(l.open.Definition); err == nil {
		st.File = d.File
	}
	if l.phase == Active && len(l.questions) > 0 {
		st.Phase = AwaitingApproval
		st.Note = l.questions[0].Text
	}
	for _, s := range l.steps {
		st.Steps = append(st.Steps, s.stepState(l.phase))
	}
	l.groups(st.Steps)
	for i := range st.Steps {
		l.waiting(&st.Steps[i])
	}
	return st
}

// groups gives each group the state of its steps.
func (l *ledger) groups(steps []StepState) {
	for i := range steps {
		if steps[i].Kind != kindGroup {
			continue
		}
		var all []StepPhase
		for j := range steps {
			if j == i || !l.byID[steps[j].ID].inGroup(steps[i].ID) {
				continue
			}
			all = append(all, steps[j].State)
			if t := steps[j].Started; !t.IsZero() && (steps[i].Started.IsZero() || t.Before(steps[i].Started)) {
				steps[i].Started = t
			}
			if t := steps[j].Ended; t.After(steps[i].Ended) {
				steps[i].Ended = t
			}
		}
		for j := range steps {
			if steps[i].State == StepSkipped && steps[j].State == StepPending && j != i && l.byID[steps[j].ID].inGroup(steps[i].ID) {
				steps[j].State, steps[j].Line = StepSkipped, steps[i].Line
			}
		}
		if len(all) > 0 && steps[i].State == StepPending {
			steps[i].State = combine(all, 0)
		}
		if !settled(steps[i].State) {
			steps[i].Ended = time.Time{}
		}
	}
}

// waiting marks the step that a question is about.
func (l *ledger) waiting(s *StepState) {
	for _, q := range l.questions {
		if q.Step != s.ID {
			continue
		}
		s.State = StepWaiting
		for i := range s.Hosts {
			if s.Hosts[i].Host == q.Host && s.Hosts[i].State == StepRunning {
				s.Hosts[i].State, s.Hosts[i].Note = StepWaiting, q.Text
			}
		}
	}
}

func (s *stepLedger) stepState(run Phase) StepState {
	p := s.plan
	st := StepState{
		ID: p.ID, Kind: p.Kind, Title: p.Title, Phase: p.Phase, Gate: p.Gate, NoReturn: p.NoReturn, Usual: p.Usual,
		Group: p.Group, State: StepPending, Outputs: map[string]string{},
	}
	var all []StepPhase
	for _, h := range s.hosts {
		hs := HostState{Host: h.host, State: h.state, Line: h.line, Try: h.try, Started: h.started, Ended: h.ended}
		if !h.first.IsZero() && !h.undoing && h.undone == "" {
			hs.Started = h.first
		}
		if h.skip != "" && h.state == StepPending {
			hs.Note = "to be skipped: " + h.skip
		}
		st.Hosts = append(st.Hosts, hs)
		all = append(all, h.state)
		if !hs.Started.IsZero() && (st.Started.IsZero() || hs.Started.Before(st.Started)) {
			st.Started = hs.Started
		}
		if hs.Ended.After(st.Ended) {
			st.Ended = hs.Ended
		}
		for k, v := range h.outputs {
			st.Outputs[k] = v
		}
		s.back(&st, h)
	}
	switch {
	case s.state != "":
		st.State, st.Line = s.state, s.note
	case p.Skip != "" && st.Started.IsZero():
		st.State, st.Line = StepSkipped, p.Skip
	case len(all) > 0:
		st.State = combine(all, p.MaxFailures)
		st.Line = summary(s.hosts, st.State)
	}
	if !settled(st.State) || run == Active && st.State == StepPending {
		st.Ended = time.Time{}
	}
	return st
}

// back adds what undoing the step on a host would do: as recorded, or as planned.
func (s *stepLedger) back(st *StepState, h *hostLedger) {
	way, lines := step.BackNone, []string(nil)
	if h.undo != nil {
		way, lines = h.undo.Way, h.undo.Lines
	} else {
		for _, p := range s.plan.Hosts {
			if p.Host == h.host {
				way, lines = p.Way, p.Back
			}
		}
	}
	st.Way = max(st.Way, way)
	for _, line := range lines {
		if !slices.Contains(st.Undo, line) {
			st.Undo = append(st.Undo, line)
		}
	}
}

// settled reports a state that a step does not leave by itself.
func settled(p StepPhase) bool {
	switch p {
	case StepPending, StepRunning, StepWaiting, StepUndoing:
		return false
	}
	return true
}

// combine is the state of a step by those of its hosts: what is worst and not allowed for wins, what is not known
// comes before what is good.
func combine(all []StepPhase, mayFail int) StepPhase {
	n := map[StepPhase]int{}
	for _, p := range all {
		n[p]++
	}
	done := 0
	for p, k := range n {
		if settled(p) {
			done += k
		}
	}
	switch {
	case n[StepUndoing] > 0:
		return StepUndoing
	case n[StepRunning] > 0:
		return StepRunning
	case n[StepWaiting] > 0:
		return StepWaiting
	case n[StepUndoFailed] > 0:
		return StepUndoFailed
	case n[StepUnknown] > 0:
		return StepUnknown
	case n[StepFailed] > mayFail:
		return StepFailed
	case n[StepCancelled] > 0:
		return StepCancelled
	case n[StepManual] > 0:
		return StepManual
	case done == 0:
		return StepPending
	case done < len(all):
		return StepRunning // between two batches
	case n[StepUndone] > 0:
		return StepUndone
	case n[StepSkipped] == len(all):
		return StepSkipped
	case n[StepOK] > 0:
		return StepOK
	case n[StepNoChange] > 0:
		return StepNoChange
	}
	return StepFailed // every host failed, and so many may
}

// summary is one line for a step: what was seen on its host, or on how many.
func summary(all []*hostLedger, state StepPhase) string {
	var lines []string
	for _, h := range all {
		if h.line == "" || h.state != state && len(all) > 1 && (state == StepFailed || state == StepUnknown || state == StepUndoFailed) {
			continue
		}
		line := h.line
		if len(all) > 1 {
			line = h.host + ": " + line
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// interrupted is the state as it is when nobody drives the run: what was begun is unknown.
func (st State) interrupted(why string) State {
	if st.Phase.Ended() || st.Phase == RollingBack {
		return st
	}
	st.Phase, st.Note = Interrupted, why
	st.Steps = slices.Clone(st.Steps)
	for i := range st.Steps {
		s := &st.Steps[i]
		s.Hosts = slices.Clone(s.Hosts)
		for j := range s.Hosts {
			if h := &s.Hosts[j]; h.State == StepRunning || h.State == StepWaiting || h.State == StepUndoing {
				h.State, h.Note = StepUnknown, "begun, and nobody saw how it ended"
			}
		}
		if s.State == StepRunning || s.State == StepWaiting || s.State == StepUndoing {
			s.State = StepUnknown
		}
	}
	st.Questions = nil
	return st
}
