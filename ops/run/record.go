package run

import (
	"encoding/json"
	"time"
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

// Record is one line of a journal, without what the journal itself adds (version, chain, checksum).
type Record struct {
	Seq  int             `json:"seq"`
	T    time.Time       `json:"t"`
	Run  string          `json:"run"`
	K    string          `json:"k"`
	Step string          `json:"step,omitempty"`
	Host string          `json:"host,omitempty"`
	Try  int             `json:"try,omitempty"`
	D    json.RawMessage `json:"d,omitempty"`
}
