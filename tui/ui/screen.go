package ui

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/trace"
	"midwatch/hosts"
	"midwatch/themes"
)

// Screen is one room of the console. Screens are pointers; Update changes the screen in place and
// returns only a command. A screen never knows its siblings: it asks for them with OpenMsg.
//
// What reaches a screen's Update: keys that no action of it took (all keys while Capturing), mouse
// events with coordinates of the screen, SnapshotMsg, TickMsg, ThemeChangedMsg, and every message
// the root does not know, which therefore carries the screen's own id or generation.
type Screen interface {
	Init() tea.Cmd
	Update(tea.Msg) tea.Cmd
	// View returns exactly the height set by SetSize in lines, none wider than its width. It reads
	// the screen and may fill a cache, nothing else.
	View() string
	SetSize(w, h int)
	Title() string
	Actions() []Action
	// Capturing reports that a text field owns the keyboard.
	Capturing() bool
	// Close cancels the screen's context; its streams stop, operations do not.
	Close()
}

// Backer is a Screen that has something of its own to leave before it is left: a detail pane, a
// filter, marks. Back leaves one of them and reports whether there was one. The screen gets a BackMsg
// right after, to return the work that leaving began.
type Backer interface{ Back() bool }

// Shower is a Screen that wants to know whether it is the one on display, to watch topics only then.
// The root calls it after Init and on every change.
type Shower interface{ Show(visible bool) tea.Cmd }

// Paned is a Screen whose Actions are others while something is open in it: details, a choice. Those
// lists are named here, each as Actions would return it, so that their keys can be bound and documented
// like all others. It is asked of a screen that was just made.
type Paned interface{ PaneActions() [][]Action }

// ReadOnly reports that nothing may be changed now.
func (d Deps) ReadOnly() bool { return d.Ops == nil || !d.Ops.Lease().Active(d.Now()) }

// Effect is what an action does to the world outside the console.
type Effect int

// The effects, from none to the worst.
const (
	Look    Effect = iota // reads only
	Change                // can be undone by another action
	Destroy               // cannot, or stops something people use
)

// Action is one thing a person can do on a screen. Key handling, footer, help, palette and
// read-only mode are all read from the one list that Actions returns.
type Action struct {
	ID    string // "containers.restart"; keys are rebound by it
	Title string // "restart container"
	Group string // heading in the full help
	Key   key.Binding
	Effect
	Disabled func() string // "" or the reason, shown instead of acting; nil means never; cheap
	Run      func() tea.Cmd
	Hidden   bool // not in the footer (still in help and palette)
}

// Deps is what every screen is built with. Now and Styles must be set.
type Deps struct {
	Now    func() time.Time
	Styles *themes.Styles
	Fleet  Fleet
	Logs   Logs
	Ops    Operator
	Detail Detailer
	Shell  Sheller
	// Record tells what operators did; nil where nothing is recorded.
	Record Recorder
	Tracer Tracer
	// Edges are the forwards in front of the fleet, which nothing in it can tell.
	Edges []trace.Edge
	// Copy puts a text on the clipboard of the person's terminal (Output.Copy); nil where there is
	// none. It writes, so it is called from a command only: see Copy.
	Copy func(text string) error
	// Alert rings the bell and asks for a notification of the desktop (Output.Alert); nil where there is
	// no terminal. It writes, so it is called from a command only.
	Alert func(title, text string) error
	// Save writes a file for the person at the console, at a path that is relative to where the console
	// was started, and returns where it is. It overwrites nothing. It is called from a command only; nil
	// where no files are written.
	Save func(name string, write func(io.Writer) error) (path string, err error)
	// Spill adds lines that a log has no more room for to the file that keeps them. It writes, so it is
	// called from a command only; nil where they are dropped.
	Spill func(write func(io.Writer) error) error
	// Pager is the person's pager, reading what write writes; nil where there is none.
	Pager func(write func(io.Writer) error) tea.ExecCommand
	// Views keeps ways to look at logs; nil where nothing is kept.
	Views LogViews
	// LogFields are the names that the lines of a source have for their time, level and message; nil, of a
	// source or of all, for the usual ones. Cheap: called for every source of a log.
	LogFields func(src hosts.LogSource) *hosts.LogFields
	// Context is the parent of every screen's context; it ends with the program.
	Context context.Context //nolint:containedctx // a screen lives as long as its context does
}

// Fleet is where screens read the state of the fleet.
type Fleet interface {
	// Snapshot returns the current state at once; never nil.
	Snapshot() *hosts.Snapshot
	// Next waits until a snapshot with a Gen above after exists.
	Next(ctx context.Context, after uint64) (*hosts.Snapshot, error)
	// Refresh asks for new facts of a host ("" for all) soon; it does not wait.
	Refresh(host string)
	// Watch says that a kind of data is on screen now; the returned func says it no longer is.
	Watch(topic hosts.Topic) (release func())
	// SetMaintenance pauses a host with a reason, or resumes it with "".
	SetMaintenance(host, reason string)
}

// Logs opens streams of log lines.
type Logs interface {
	Tail(ctx context.Context, q hosts.LogQuery) (hosts.LogStream, error)
}

// Detailer reads what is asked for one object only.
type Detailer interface {
	ContainerDetail(ctx context.Context, host, id string) (hosts.ContainerDetail, error)
}

// Operator changes things, behind the write lease. It enforces read-only itself.
type Operator interface {
	Lease() hosts.Lease
	Unlock(reason string, d time.Duration) (hosts.Lease, error)
	Lock()
	// Container does verb (start, stop, restart) to a container and waits until its effect was
	// seen. typed is what the operator typed where the host is marked as production.
	Container(ctx context.Context, verb, host, id, typed string) (string, error)
}

// Recorder tells what operators did to the fleet, as events of the kinds "action" and "deploy". It
// reads, so it is called from a command only.
type Recorder interface {
	Recorded(ctx context.Context) ([]hosts.Event, error)
}

// Tracer follows requests through the fleet. All it does only reads.
type Tracer interface {
	// Trace follows q through s with the forwards of the inventory; names are resolved where that can
	// be done.
	Trace(ctx context.Context, s *hosts.Snapshot, q trace.Question) (*trace.Trace, error)
	// Ask asks one hop for real, from the host before it; nil for a hop that cannot be asked.
	Ask(ctx context.Context, h trace.Hop) *trace.Answer
	// NoLive says why no hop can be asked here, "" when they can.
	NoLive() string
}

// Sheller gives the terminal to an interactive program.
type Sheller interface {
	HostShell(host string) (tea.ExecCommand, error)
	ContainerShell(host, id string) (tea.ExecCommand, error)
}

// OpenMsg asks the root to put a screen on the stack.
type OpenMsg struct {
	Screen string // "fleet", "containers", "logs", …
	Host   string // narrow to this host, or to several with commas between; "" for all
	Object string // container ID, unit name, …; "" for none
	Logs   *hosts.LogQuery
	Filter string // what the logs are filtered by at first, in the filter's language
	// Columns are those of the logs at first.
	Columns LogColumns
}

// Narrows reports whether the message leaves a host out of what it asks for.
func (m OpenMsg) Narrows(host string) bool {
	if m.Host == "" || m.Host == host {
		return false
	}
	return !slices.Contains(strings.Split(m.Host, ","), host)
}

// BackMsg follows a Back that left something.
type BackMsg struct{}

// SnapshotMsg brings a newer snapshot; the root sends it to every screen on the stack.
type SnapshotMsg struct{ Snapshot *hosts.Snapshot }

// ToastMsg asks the root to show a line for a few seconds.
type ToastMsg struct {
	Text  string
	Level hosts.Level
}

// ConfirmMsg asks the root for a confirmation dialog; Run is executed when the person agrees.
type ConfirmMsg struct {
	Title string
	Body  []string // names the object, the host and what depends on it
	Typed string   // the text to type, "" for a plain yes or no (default no)
	// Field asks for a text in place of consent alone, and is what stands in front of it; Text is in it already.
	// Wrong says what is wrong with it, "" for nothing; nil takes any.
	Field, Text string
	Wrong       func(text string) string
	Effect      Effect
	Run         func(typed string) tea.Cmd
}

// ThemeChangedMsg tells screens to rebuild what they rendered in advance.
type ThemeChangedMsg struct{ Styles *themes.Styles }

// TickMsg is the root's one clock tick a second, for ages.
type TickMsg struct{ At time.Time }
