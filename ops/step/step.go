package step

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"midwatch/hosts"
	"midwatch/ops/deploy"
)

// Kind is what one kind of step can do. Plan and Record have no effect on the host. Act is called once its
// record is durable on the host; Verify decides alone whether the step is done.
type Kind interface {
	// Class says what a resume may do with a step that was begun and has no result.
	Class(settings any) Class
	// Plan reads what the step would change and what undoing it would do.
	Plan(ctx context.Context, e *Env) (Change, error)
	// Record reads what undoing needs. A record of a step that changes nothing has Nothing set: Act then has
	// no effect, called or not, and Verify still decides.
	Record(ctx context.Context, e *Env) (Undo, error)
	// Act has the effect. It may be called again after a crash, with the same record.
	Act(ctx context.Context, e *Env, u Undo) error
	// Verify observes the post-condition, waiting as long as the kind's settings allow.
	Verify(ctx context.Context, e *Env, u Undo) (Seen, error)
	// Probe looks, without an effect, how far a step got that was begun before a crash.
	Probe(ctx context.Context, e *Env, u Undo) (Progress, error)
	// Undo takes the effect back and Undone observes that it is gone.
	Undo(ctx context.Context, e *Env, u Undo) error
	Undone(ctx context.Context, e *Env, u Undo) (Seen, error)
	// Drift tells what somebody else has changed since the step ended; nil when nothing.
	Drift(ctx context.Context, e *Env, u Undo) ([]string, error)
}

// Class is what a resume may do (deploy model §3.9).
type Class int

// The classes of resuming.
const (
	Repeat   Class = iota // A: compare and do again what differs
	Reattach              // B: a detached job is found by its name
	AskOther              // C: another system knows
	AskHuman              // D: a person decides
)

// Env is what a kind works with: one step on one host.
type Env struct {
	Run, Step string // the step's id; within a group "group.step"
	Try       int    // attempt of the step on this host, from 1; another attempt has jobs of other names
	Settings  any    // pointer to the settings, expanded
	Host      string // "" on the operator's machine
	Vars      func(name string) string
	Conn      hosts.Conn // of Host, or of the operator's machine
	Local     hosts.Conn // the operator's machine
	Base      string     // directory of the definition: local paths are relative to it
	Sudo      bool       // commands that need root may ask for it
	Store     Store
	Jobs      Jobs
	// Emit takes what the step says while it runs; it never blocks.
	Emit func(Output)
	// Output names a value for later steps.
	Output func(name, value string)
	// Reveal expands a Sensitive; only a sink that keeps it to itself calls it.
	Reveal func(ctx context.Context, s deploy.Sensitive) (hosts.Secret, error)
	// Expand fills in the references of a text that lies outside of the definition, a template, all but those to
	// secrets; nil fills in none.
	Expand func(text string) (deploy.Sensitive, error)
	// Ask puts a question to the operator and waits.
	Ask func(ctx context.Context, q Question) (Answer, error)
	// Rsh makes the open connection usable for a system rsync: argument of rsync -e, and the name to use as
	// the remote host. nil when there is none.
	Rsh func(ctx context.Context) (rsh, remote string, stop func(), err error)
	// RshRoot is Rsh with root at the other end, by the host's own way to become it; nil when there is none:
	// then "sudo -n rsync" is tried.
	RshRoot func(ctx context.Context) (rsh, remote string, stop func(), err error)
	// Outputs are the values named so far, by "step.name".
	Outputs map[string]string
	// Started is when a step of this run began on this host, by the host's clock.
	Started func(step string) time.Time
	Now     func() time.Time
	// Checks asks the console's checks; nil when nobody can. It returns what they find, a line each.
	Checks func(ctx context.Context, host string, ids []string) ([]string, error)
	// HTTP sends a request from the operator's machine. The demo and tests give another.
	HTTP Doer
	// Undoing is set while a rollback runs the step backwards.
	Undoing bool
	// Budget counts restarts of a unit in this run: it returns false when one more is too many.
	Budget func(unit string, limit int) bool
	// Runs are the runs whose records lie on the host; nil when nobody can tell.
	Runs Runs
}

// Output is one thing a step says.
type Output struct {
	Line        string // a line of output, cleaned where it is shown
	Stderr      bool
	Note        string // what it waits for or does now: "draining 00:12 / 00:30"; replaces the note before
	Done, Total int64  // progress in bytes or things, Total 0 when unknown
}

// Change is a plan line and what stands behind it.
type Change struct {
	Lines     []string // "~ 14 files (3 deleted)", "image 97c3… → ‹built›"
	Detail    []Detail // diffs and lists
	Nothing   bool     // the host is as the step wants it
	Unknown   bool     // the effect cannot be known before
	Back      Way
	BackLines []string      // what undoing does
	Takes     time.Duration // estimate; 0 unknown
	// Saw is what the plan depends on, in a stable form; its digest is compared again before the run.
	Saw string
	// Asks are things that the operator must consent to, like deleting many files.
	Asks []string
}

// Detail is one block of a plan: a diff or a list.
type Detail struct {
	Title string
	Text  string // lines; a diff has leading +, - or space
	Diff  bool
}

// Way is whether there is a way back.
type Way int

// The ways back.
const (
	BackNone         Way = iota // nothing to undo
	BackReversible              // exactly as it was
	BackCompensating            // by another action
	BackIrreversible            // no way back
	BackManual                  // a person must do it
)

// Undo is a step's record: what was there before. Data is the kind's own; it must hold no secret.
type Undo struct {
	Kind    string          `json:"kind"`
	Nothing bool            `json:"nothing,omitempty"`
	Way     Way             `json:"way"`
	Lines   []string        `json:"lines,omitempty"` // for people: what undoing would do
	Data    json.RawMessage `json:"data,omitempty"`
	Blobs   []string        `json:"blobs,omitempty"` // names in the store
}

// Seen is what Verify saw.
type Seen struct {
	OK      bool
	Changed bool     // false: it was so before (ok, no change)
	Line    string   // "4 services run, healthy for 10 s"
	Lines   []string // evidence
}

// Progress is how far a step got.
type Progress int

// How far a step got.
const (
	NotStarted Progress = iota
	Running             // goes on by itself: act again to attach
	Ended               // verify decides
	Unclear             // a person must look
)

// Question is asked of the operator.
type Question struct {
	Kind    string // "approve", "tick", "choose", "confirm", "secret"
	Text    string
	Lines   []string
	Choices []string
	Comment bool
}

// Answer is what the operator said.
type Answer struct {
	Yes     bool
	Choice  string
	Comment string
	Who     string
	Secret  hosts.Secret
}

// Store keeps a step's undo record and blobs in the run's directory on its host, durable when Put returns.
type Store interface {
	// Dir is the directory of this step's blobs on the host; it exists, only its owner may read it.
	Dir() string
	Put(ctx context.Context, name string, r io.Reader) error
	Get(ctx context.Context, name string) ([]byte, error)
}

// Jobs runs programs on the host so that they outlive the connection.
type Jobs interface {
	// Run starts the job called name, or attaches to it when it was started before, and waits for its end.
	// Lines are given to line in order, from the first line the caller has not had.
	Run(ctx context.Context, name string, j Job, line func(text string, stderr bool)) (exit int, err error)
	// Find tells how a job stands: not started, running or ended with an exit status.
	Find(ctx context.Context, name string) (Progress, int, error)
	// Stop ends a job and returns when it is seen to have ended.
	Stop(ctx context.Context, name string) error
	// Log returns the last limit bytes of what a job has printed so far on each stream, standard output first.
	// It takes no lines away from Run, so that a verdict can be made again after a crash.
	Log(ctx context.Context, name string, limit int64) ([]byte, error)
}

// Runs are the runs whose records lie on a host.
type Runs interface {
	// Open returns the ids of those that have no end yet or hold the lock.
	Open(ctx context.Context) ([]string, error)
	// Ended returns the ids of those of the same deploy that have ended, newest first.
	Ended(ctx context.Context) ([]string, error)
	// Remove deletes what one that has ended keeps on the host: records, blobs, logs of jobs.
	Remove(ctx context.Context, run string) error
}

// Job is a program to run detached.
type Job struct {
	Argv   []string
	Dir    string
	Env    map[string]string       // not secret
	Secret map[string]hosts.Secret // environment that must not be seen in argv or on a disk
	Stdin  hosts.Secret
	Hide   []hosts.Secret // made dots of in what it prints, before that is written anywhere
	Sudo   bool
	User   string
}

// Doer sends HTTP requests from the operator's machine.
type Doer interface {
	Do(ctx context.Context, r Request) (Response, error)
}

// Request is an HTTP request.
type Request struct {
	Method, URL string
	Header      map[string]string
	Secret      map[string]hosts.Secret // headers that must not be recorded
	Body        []byte
	NoRedirect  bool
	Host        string     // dialled instead of the URL's host: "unix:/path", "10.0.0.1:80"; "" as the URL says
	Via         hosts.Conn // dials as this host sees it; nil from here
	WebSocket   bool
	Timeout     time.Duration
}

// Response is its answer; Body is cut at 1 MiB.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
	Remote string // address that answered
	Sent   bool   // the request went out: an error then does not say whether it had an effect
}

// Errors that decisions are made on.
var (
	// ErrNotDone is a post-condition that was not seen: the step failed.
	ErrNotDone = errors.New("effect not seen")
	// ErrRefused is a step that will not start as things are: nothing was done.
	ErrRefused = errors.New("refused")
	// ErrDeclined is an operator who said no.
	ErrDeclined = errors.New("declined")
)
