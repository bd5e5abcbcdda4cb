package findings

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks"
	"midwatch/checks/mend"
	"midwatch/hosts"
	"midwatch/tui/ui"
)

// Memory is the newest report and what is new in it since the console was opened. One Memory is shared
// by all screens of a console; it belongs to the update loop.
type Memory struct {
	run     func(*hosts.Snapshot) Answer
	tracker *checks.Tracker
	// Plan says which screen plans the mend of a finding; nil where nothing can be changed.
	Plan func(f *checks.Finding) ui.OpenMsg

	prober  Prober            // nil where there is nobody to ask
	asked   []hosts.Asked     // what live probes were answered, the last of each diagnosis
	probing map[string]string // by diagnosis: what is being asked, or how it failed

	gen     uint64 // of the snapshot the report is about
	report  *checks.Report
	mends   map[string]Offer // by the finding's ID
	delta   checks.Delta
	began   time.Time // when the console first knew findings
	newSeen map[string]time.Time
	running bool
	watched bool      // one of the screens is on display
	at      time.Time // when the last run ended
	took    time.Duration
}

// Answer is what the checks say of a snapshot, and what can be done about it.
type Answer struct {
	Report *checks.Report
	Mends  map[string]Offer // by the finding's ID
}

// Offer is the mend of a finding, or why a person must do it.
type Offer struct {
	Mend *mend.Mend
	Why  string
}

// NewMemory returns one that knows nothing; run asks the checks about a snapshot and must be pure.
func NewMemory(run func(*hosts.Snapshot) Answer) *Memory {
	return &Memory{run: run, tracker: checks.NewTracker(), newSeen: map[string]time.Time{}, probing: map[string]string{}}
}

// The pauses between two runs: facts change every second, what they mean does not. While nobody looks
// the checks go on, so that what is new is known when somebody does.
const (
	rest      = 3 * time.Second
	quietRest = 30 * time.Second
)

func (m *Memory) pause() time.Duration {
	if m.watched {
		return rest
	}
	return quietRest
}

// ranMsg brings the report of a run.
type ranMsg struct {
	of     *Memory
	gen    uint64
	answer Answer
	took   time.Duration
}

// ask starts a run on a snapshot, unless one is on its way, the last was about the same facts, or has
// just ended.
func (m *Memory) ask(s *hosts.Snapshot, now time.Time, force bool) tea.Cmd {
	if s == nil || len(s.Hosts) == 0 || m.running || !force && m.report != nil && (s.Gen == m.gen || now.Sub(m.at) < m.pause()) {
		return nil
	}
	m.running = true
	s = s.WithAsked(m.asked)
	return func() tea.Msg {
		began := time.Now()
		r := m.run(s)
		return ranMsg{m, s.Gen, r, time.Since(began)}
	}
}

// take takes a report.
func (m *Memory) take(msg ranMsg, now time.Time) bool {
	if msg.of != m {
		return false
	}
	first := m.report == nil
	m.running, m.at, m.gen, m.report, m.mends, m.took = false, now, msg.gen, msg.answer.Report, msg.answer.Mends, msg.took
	m.delta = m.tracker.Add(msg.answer.Report)
	if first {
		m.began = msg.answer.Report.At
	}
	for i := range m.delta.New {
		if !first { // what is there when the console opens is not new
			m.newSeen[m.delta.New[i].ID()] = msg.answer.Report.At
		}
	}
	for i := range m.delta.Gone {
		delete(m.newSeen, m.delta.Gone[i].ID())
	}
	return true
}

// fresh reports that a finding came after the console was opened.
func (m *Memory) fresh(id string) bool { _, ok := m.newSeen[id]; return ok }

// Mend is what is offered for a finding; nil when the last report had none.
func (m *Memory) Mend(id string) *mend.Mend { return m.mends[id].Mend }
