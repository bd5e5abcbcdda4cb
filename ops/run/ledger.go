package run

import (
	"slices"
	"strings"
	"time"

	"midwatch/ops/step"
)

// ledger is everything that the records of a run say, in the form that the engine needs. It is a pure function of
// the records: any sequence of them gives one, and nothing else goes into it.
type ledger struct {
	open      openData
	plan      planData
	records   int
	torn      int64 // bytes of an unfinished record that were cut off before these
	id        string
	phase     Phase
	note      string
	started   time.Time
	ended     time.Time
	beat      time.Time
	paused    string // by whom
	cancelled string // reason, "" when nobody cancelled it
	bad       string
	locked    map[string]lockData // hosts whose lock we hold
	steps     []*stepLedger
	byID      map[string]*stepLedger
	questions []OpenQuestion
	asked     int // questions so far
	budget    map[string]int
}

type stepLedger struct {
	plan  planStepData
	hosts []*hostLedger
	state StepPhase // what a state record says of all of it: skipped; "" otherwise
	note  string
}

type hostLedger struct {
	host     string
	try      int
	begun    bool // an intent without a result
	state    StepPhase
	line     string
	started  time.Time
	ended    time.Time
	first    time.Time // of the first try
	undo     *undoData
	jobs     []string // of this try
	undoJobs []string
	outputs  map[string]string
	undoing  bool // an undo.intent without a result
	undoTry  int
	undone   StepPhase // how the undo ended
	skip     string    // reason of an order to skip it, "" none
}

func newLedger() *ledger {
	return &ledger{phase: Pending, byID: map[string]*stepLedger{}, locked: map[string]lockData{}, budget: map[string]int{}}
}

// replay is the ledger of records.
func replay(records []Record) *ledger {
	l := newLedger()
	for _, r := range records {
		l.apply(r)
	}
	return l
}

// step returns the ledger of a step, made when the plan does not have it.
func (l *ledger) step(id string) *stepLedger {
	if s, ok := l.byID[id]; ok {
		return s
	}
	s := &stepLedger{plan: planStepData{ID: id}}
	l.byID[id] = s
	l.steps = append(l.steps, s)
	return s
}

func (s *stepLedger) host(name string) *hostLedger {
	for _, h := range s.hosts {
		if h.host == name {
			return h
		}
	}
	h := &hostLedger{host: name, state: StepPending}
	s.hosts = append(s.hosts, h)
	return h
}

func (l *ledger) apply(r Record) {
	l.records++
	l.beat = r.T
	if l.id == "" {
		l.id = r.Run
	}
	if r.Step != "" {
		l.applyStep(r)
		return
	}
	switch r.K {
	case KindOpen:
		if l.open.Deploy == "" {
			l.open, l.started = data[openData](r), r.T
		}
	case KindPlan:
		l.applyPlan(data[planData](r))
	case KindLockTaken:
		l.locked[r.Host] = data[lockData](r)
	case KindLockReleased:
		delete(l.locked, r.Host)
	case KindCancel:
		if l.cancelled = data[stateData](r).Note; l.cancelled == "" {
			l.cancelled = "cancelled"
		}
	case KindNote:
		if d := data[noteData](r); d.Budget != "" {
			l.budget[r.Host+"\x00"+d.Budget]++
		}
	case KindState:
		l.applyState(r)
	case KindAdopt:
		d := data[adoptData](r)
		l.open.Who, l.open.From, l.open.Reason = d.Who, d.From, d.Reason
	case KindQuestion, KindAnswer:
		l.applyQuestion(r)
	case KindClose:
		d := data[closeData](r)
		l.phase, l.note, l.ended, l.questions = d.Phase, d.Note, r.T, nil
		if !l.phase.Ended() {
			l.phase = Failure // an end that is none of those we know is no good end
		}
	}
}

func (l *ledger) applyPlan(d planData) {
	l.plan = d
	for _, p := range d.Steps {
		s := l.step(p.ID)
		s.plan = p
		for _, h := range p.Hosts {
			s.host(h.Host)
		}
	}
}

func (l *ledger) applyState(r Record) {
	d := data[stateData](r)
	l.phase, l.note = d.Phase, d.Note
	if d.Bad != "" {
		l.bad = d.Bad
	}
	l.paused = ""
	if d.Phase == Paused {
		l.paused = d.By
	}
	if d.Phase.Ended() && l.ended.IsZero() {
		l.ended = r.T // of one that was interrupted; what takes it back later does not make it longer
	}
}

func (l *ledger) applyQuestion(r Record) {
	if r.K == KindQuestion {
		d := data[questionData](r)
		l.asked++
		l.questions = append(l.questions, OpenQuestion{ID: d.ID, Step: r.Step, Host: r.Host, Question: d.Question, Asked: r.T, Until: d.Until})
		return
	}
	d := data[answerData](r)
	l.questions = slices.DeleteFunc(l.questions, func(q OpenQuestion) bool { return q.ID == d.ID })
}

// applyStep is a record about a step.
func (l *ledger) applyStep(r Record) {
	s := l.step(r.Step)
	switch r.K {
	case KindQuestion, KindAnswer:
		l.applyQuestion(r)
		return
	case KindNote:
		if d := data[noteData](r); d.Budget != "" {
			l.budget[r.Host+"\x00"+d.Budget]++
		}
		return
	case KindState:
		d := data[stateData](r)
		if d.By == wholeStep {
			s.state, s.note = d.State, d.Note
			return
		}
		s.host(r.Host).skip = d.Note
		return
	}
	h := s.host(r.Host)
	switch r.K {
	case KindIntent:
		h.try, h.begun, h.state, h.line, h.started, h.ended, h.jobs = max(r.Try, 1), true, StepRunning, "", r.T, time.Time{}, nil
		if h.first.IsZero() {
			h.first = r.T
		}
	case KindUndoSaved:
		d := data[undoData](r)
		h.undo = &d
	case KindJob:
		if n := data[jobData](r).Name; h.undoing && !slices.Contains(h.undoJobs, n) {
			h.undoJobs = append(h.undoJobs, n)
		} else if !h.undoing && !slices.Contains(h.jobs, n) {
			h.jobs = append(h.jobs, n)
		}
	case KindResult:
		d := data[resultData](r)
		h.begun, h.state, h.line, h.ended = false, d.State, d.Line, r.T
		if h.outputs = d.Outputs; !known(h.state) {
			h.state = StepUnknown
		}
	case KindUndoIntent:
		h.undoing, h.undoTry, h.state, h.started, h.ended, h.line, h.undoJobs = true, max(r.Try, 1), StepUndoing, r.T, time.Time{}, "", nil
	case KindUndoResult:
		d := data[resultData](r)
		h.undoing, h.undone, h.state, h.line, h.ended = false, d.State, d.State, d.Line, r.T
		if !known(h.state) {
			h.state, h.undone = StepUnknown, StepUnknown
		}
	}
}

// wholeStep in By of a state record is about the step on all hosts.
const wholeStep = "step"

// known reports a state that a result may say.
func known(s StepPhase) bool {
	switch s {
	case StepSkipped, StepOK, StepNoChange, StepFailed, StepCancelled, StepUnknown, StepUndone, StepUndoFailed, StepManual:
		return true
	}
	return false
}

// owed reports whether there is something to take back: the step was about to act and was not undone.
func (h *hostLedger) owed() bool {
	return h.undo != nil && !h.undo.Nothing && h.undo.Way != step.BackNone && h.undone != StepUndone
}

// output is the value that a step named, on host or, when it has none there, on the last host that has one.
func (l *ledger) outputs() map[string]map[string]map[string]string {
	all := map[string]map[string]map[string]string{}
	for _, s := range l.steps {
		for _, h := range s.hosts {
			for name, v := range h.outputs {
				if all[s.plan.ID] == nil {
					all[s.plan.ID] = map[string]map[string]string{}
				}
				if all[s.plan.ID][name] == nil {
					all[s.plan.ID][name] = map[string]string{}
				}
				all[s.plan.ID][name][h.host] = v
			}
		}
	}
	return all
}

// flatOutputs are the outputs by "step.name", those of host before those of others.
func (l *ledger) flatOutputs(host string) map[string]string {
	flat := map[string]string{}
	for id, names := range l.outputs() {
		for name, byHost := range names {
			key := id + "." + name
			if v, ok := byHost[host]; ok {
				flat[key] = v
				continue
			}
			for _, h := range l.byID[id].hosts {
				if v, ok := byHost[h.host]; ok {
					flat[key] = v
				}
			}
		}
	}
	return flat
}

// release is what the run put in place, as it calls it.
func (l *ledger) release() string {
	for _, s := range slices.Backward(l.steps) {
		for _, h := range s.hosts {
			for _, name := range []string{"release", "tag", "image", "image_id", "revision", "version"} {
				if v := h.outputs[name]; v != "" {
					return v
				}
			}
		}
	}
	return ""
}

// inGroup reports whether a step is one of a group's.
func (s *stepLedger) inGroup(id string) bool {
	return s.plan.Group == id || s.plan.Group == "" && strings.HasPrefix(s.plan.ID, id+".")
}
