package sim

import "time"

// Record is an entry of a journal.
type Record struct {
	At       time.Time // true time; the host's clock may differ
	Unit     string    // "" for the kernel
	Ident    string    // SYSLOG_IDENTIFIER
	PID      int
	UID      int
	Priority int // 0 to 7
	Message  string
	Kernel   bool
	Extra    map[string]string // more fields
	Manager  bool              // written by systemd itself about Unit
}

// Priorities of syslog.
const (
	Crit    = 2
	Err     = 3
	Warning = 4
	Notice  = 5
	Info    = 6
	Debug   = 7
)

// Log writes a journal entry of a unit's main process.
func (u *Unit) Log(at time.Time, priority int, text string) {
	u.Host.note(Record{
		At: at, Unit: u.Spec.Name, Ident: u.ident(), PID: u.PID, UID: u.uid(),
		Priority: priority, Message: text,
	})
}

// note adds an entry to the journal, at its moment when that is still to come.
func (h *Host) note(r Record) {
	if r.At.After(h.Site.now) {
		h.Site.At(r.At, func(time.Time) { h.note(r) })
		return
	}
	h.Journal.Add(r)
}

// manager writes what systemd says about a unit.
func (u *Unit) manager(at time.Time, priority int, text string) {
	r := Record{
		At: at, Unit: u.Spec.Name, Ident: "systemd", PID: 1,
		Priority: priority, Message: text, Manager: true,
	}
	if u.Invocation != "" {
		r.Extra = map[string]string{"INVOCATION_ID": u.Invocation}
	}
	u.Host.Journal.Add(r)
}

// KernelLog writes a line of the kernel.
func (h *Host) KernelLog(at time.Time, priority int, text string) {
	h.Journal.Add(Record{At: at, Ident: "kernel", Priority: priority, Message: text, Kernel: true})
}

// SystemLog writes a line of a service by name, whether or not the host has such a unit.
func (h *Host) SystemLog(at time.Time, unit, ident string, priority int, text string) {
	if u := h.Unit(unit); u != nil {
		h.Journal.Add(Record{At: at, Unit: unit, Ident: ident, PID: u.PID, Priority: priority, Message: text})
		return
	}
	h.Journal.Add(Record{At: at, Unit: unit, Ident: ident, PID: 700, Priority: priority, Message: text})
}

// Line is a line of a container's log.
type Line struct {
	At   time.Time
	Err  bool // standard error
	Text string
}

// Event is a message of the Docker engine.
type Event struct {
	At           time.Time
	Type, Action string
	ID           string
	Attrs        map[string]string
}
