package hosts

import (
	"context"
	"time"
)

// Level is a log level. The order is that of severity; the zero value means none was found.
type Level int

// The levels, from none to worst.
const (
	LevelNone Level = iota
	LevelTrace
	LevelDebug
	LevelInfo
	LevelNotice
	LevelWarn
	LevelError
	LevelFatal
)

func (l Level) String() string {
	return [...]string{"", "trace", "debug", "info", "notice", "warn", "error", "fatal"}[max(0, min(int(l), 7))]
}

// LogKind says what kind of thing writes a log.
type LogKind int

// The kinds of log sources.
const (
	LogUnknown   LogKind = iota
	LogContainer         // Docker logs of a container
	LogUnit              // journald, one unit
	LogJournal           // journald, the whole host
	LogFile
	LogEvents // what happened to the host, as the console knows it
	LogProbes // what its probes were answered
)

func (k LogKind) String() string {
	return [...]string{"unknown", "container", "unit", "journal", "file", "events", "probes"}[max(0, min(int(k), int(LogProbes)))]
}

// LogSource names one source of lines on one host.
type LogSource struct {
	Host string
	Kind LogKind
	// Name is that of the container or unit, or a path; "" for a whole journal. Of events and probes it
	// narrows to an object, a kind, a probe or a service, and "" is all.
	Name string
}

// Key is a stable text for the source: "host/unit:nginx.service".
func (s LogSource) Key() string {
	if s.Name == "" {
		return s.Host + "/" + s.Kind.String()
	}
	return s.Host + "/" + s.Kind.String() + ":" + s.Name
}

// LogQuery asks for lines.
type LogQuery struct {
	Sources []LogSource
	Since   time.Time // zero: as Tail says
	Boot    bool      // since the host was started; replaces Since
	Until   time.Time // zero: no end
	Tail    int       // last lines of each source when Since is zero; 0 means 200
	Follow  bool
	Grep    string // applied on the host where it can be; a plain text, not a pattern
	// Priority is the least severity an entry of a journal has, by the field of that name: journalctl
	// applies it on the host. LevelNone is all of them. Other sources have no such field and ignore it.
	Priority Level
	// Keep decides about an entry before it is queued, beside Grep; nil keeps all. Tail counts what it
	// keeps. It is called from several goroutines at once.
	Keep func(e *Entry) bool
}

// EntryKind tells lines of a log from what is said about it between them.
type EntryKind uint8

// The kinds of entries.
const (
	EntryLine EntryKind = iota // a line of the log
	EntryGap                   // lines are missing here; the text says why
	EntryNote                  // something to know about what follows; no line is missing
)

// Entry is one line of a log.
type Entry struct {
	// Time is the writer's clock as far as the source tells it; Corrected is ours.
	Time time.Time
	// Offset is how far the host's clock is ahead of ours, as measured when the line was read; 0 when it is
	// not known, or too small to be told from the error of the measurement.
	Offset time.Duration
	Kind   EntryKind
	Late   bool // newer lines of other sources had been delivered before it came
	Host   string
	Source LogSource
	Level  Level
	Text   string // cleaned: no control bytes, tabs expanded; may hold "\n" for a stack trace
	Stderr bool
	Cursor string // journald's __CURSOR or Docker's timestamp, for going on after a cut
}

// Corrected is when the line was written by our own clock: what lines of several hosts are put in order by.
// It is zero when the source tells no time.
func (e *Entry) Corrected() time.Time {
	if e.Time.IsZero() {
		return e.Time
	}
	return e.Time.Add(-e.Offset)
}

// LogStatus is what is known of one source while it is read.
type LogStatus struct {
	Source  LogSource
	State   string // connecting, following, ended, failed, retrying
	Reason  string // why, for failed and retrying
	Lines   uint64 // read
	Dropped uint64 // lost because nobody read fast enough
	// Lag is how long after it was written, by our clock, the newest line was here; at most zero when the
	// source has nothing new.
	Lag     time.Duration
	Rate    float64       // lines a second, over the last seconds
	Waiting int           // lines read and not yet delivered
	Late    uint64        // lines that came after newer ones of other sources
	Gaps    uint64        // places where lines are missing
	Resumed uint64        // how often reading went on after the connection was cut
	Offset  time.Duration // how far the host's clock is ahead of ours; see Entry.Offset
}

// LogBatch is what arrived within a frame.
type LogBatch struct {
	Entries []Entry
	Status  []LogStatus // of every source, when anything changed
	Dropped uint64      // lost before this batch
	Done    bool        // nothing follows
}

// LogStream delivers batches, one Next in flight at a time.
type LogStream interface {
	// Next waits for lines, then for the end of the frame, and returns all that came. The error is
	// that of the context; failures of sources are in Status.
	Next(ctx context.Context) (LogBatch, error)
	Close() error
}
