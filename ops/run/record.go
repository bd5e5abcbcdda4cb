package run

import (
	"encoding/json"
	"time"

	"midwatch/ops/journal"
	"midwatch/ops/step"
)

// Kinds of records (deploy model §3.8).
const (
	KindOpen         = "run.open"
	KindPlan         = "plan"
	KindLockTaken    = "lock.acquired"
	KindLockReleased = "lock.released"
	KindIntent       = "intent"     // before a step acts on a host
	KindUndoSaved    = "undo.saved" // the record is durable on the host
	KindJob          = "job.started"
	KindOutput       = "output.ref" // where a step's output lies: offset and length
	KindResult       = "result"     // how a step ended on a host
	KindVerify       = "verify"
	KindQuestion     = "question"
	KindAnswer       = "answer"
	KindCancel       = "cancel"
	KindNote         = "note"
	KindState        = "state" // of the run or a step
	KindAdopt        = "adopt" // another operator goes on with the run
	KindUndoIntent   = "undo.intent"
	KindUndoResult   = "undo.result"
	KindClose        = "run.close"
)

// Record is one line of a journal.
type Record = journal.Record

// The data of records, by kind. What a newer midwatch adds is passed over by an older one.
type (
	openData struct {
		Deploy string `json:"deploy"`
		Env    string `json:"env"`
		Kind   string `json:"kind"`
		Parent string `json:"parent,omitempty"`
		Who    string `json:"who"`
		From   string `json:"from"`
		Reason string `json:"reason"`
		Base   string `json:"base,omitempty"` // directory of the definition on the machine of Who
		// Definition is the whole definition, so that the run can be gone on with and taken back without its file.
		Definition json.RawMessage   `json:"definition"`
		Vars       map[string]string `json:"vars,omitempty"` // those of the options
		Hosts      []string          `json:"hosts"`
		LockHosts  []string          `json:"lock_hosts"`
		Only       []string          `json:"only,omitempty"`
		FromStep   string            `json:"from_step,omitempty"`
		Yes        bool              `json:"yes,omitempty"`
		Bad        bool              `json:"bad,omitempty"`
		Production []string          `json:"production,omitempty"`
	}
	planData struct {
		Fingerprint string         `json:"fingerprint"`
		Steps       []planStepData `json:"steps"`
	}
	planStepData struct {
		ID          string         `json:"id"`
		Kind        string         `json:"kind"`
		Title       string         `json:"title,omitempty"`
		Phase       string         `json:"phase,omitempty"`
		Group       string         `json:"group,omitempty"`
		Gate        bool           `json:"gate,omitempty"`
		NoReturn    bool           `json:"no_return,omitempty"`
		MaxFailures int            `json:"max_failures,omitempty"`
		Skip        string         `json:"skip,omitempty"`
		Hosts       []planHostData `json:"hosts,omitempty"`
		Usual       time.Duration  `json:"usual,omitempty"`
	}
	planHostData struct {
		Host string   `json:"host"`
		Way  step.Way `json:"way,omitempty"`
		Back []string `json:"back,omitempty"`
	}
	lockData struct {
		Clock    time.Duration `json:"clock,omitempty"` // how far the host's clock is ahead
		TookOver string        `json:"took_over_from,omitempty"`
	}
	undoData struct {
		step.Undo
		SHA string `json:"sha256"` // of the record as it lies on the host
	}
	resultData struct {
		State   StepPhase         `json:"state"`
		Line    string            `json:"line,omitempty"`
		Lines   []string          `json:"lines,omitempty"`
		Outputs map[string]string `json:"outputs,omitempty"`
		Output  int64             `json:"output,omitempty"` // bytes of output so far
	}
	questionData struct {
		ID string `json:"id"`
		step.Question
		Until time.Time `json:"until,omitzero"`
	}
	answerData struct {
		ID      string `json:"id"`
		Yes     bool   `json:"yes,omitempty"`
		Choice  string `json:"choice,omitempty"`
		Comment string `json:"comment,omitempty"`
		Who     string `json:"who,omitempty"`
		Void    bool   `json:"void,omitempty"` // who asked is gone
	}
	stateData struct {
		Phase Phase     `json:"phase,omitempty"` // of the run
		State StepPhase `json:"state,omitempty"` // of a step
		Note  string    `json:"note,omitempty"`
		By    string    `json:"by,omitempty"`
		Bad   string    `json:"bad,omitempty"`
	}
	noteData struct {
		Text   string `json:"text,omitempty"`
		Budget string `json:"budget,omitempty"` // a unit that is about to be restarted
	}
	jobData struct {
		Name string `json:"name"`
	}
	adoptData struct {
		Who    string `json:"who"`
		From   string `json:"from"`
		Reason string `json:"reason"`
	}
	closeData struct {
		Phase Phase  `json:"phase"`
		Note  string `json:"note,omitempty"`
	}
)

// data reads what a record says; what does not fit is left empty.
func data[T any](r Record) T {
	var d T
	_ = json.Unmarshal(r.D, &d)
	return d
}
