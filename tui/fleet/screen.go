package fleet

import (
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen lists the hosts.
type Screen struct {
	d     ui.Deps
	judge Judge
	open  ui.OpenMsg
	w, h  int
	snap  *hosts.Snapshot

	table   *ui.Table[line]
	pane    *ui.Viewer
	full    bool // the detail has the whole screen
	trouble bool // only hosts with something wrong or unknown
	good    int  // hosts left out by that
	hidden  bool // the detail is not wanted beside the list
	group   grouping
	prompt  *prompt
	of      string // the host the pane shows
	lines   map[string]judged
}

// grouping says what the list is grouped by.
type grouping int

const (
	byGroup grouping = iota
	byEnvironment
	ungrouped
)

func (g grouping) String() string {
	return [...]string{"group", "environment", "nothing"}[g]
}

// New returns the screen. open.Host selects a host and shows its detail.
func New(d ui.Deps, open ui.OpenMsg, judge Judge) *Screen {
	if judge == nil {
		panic("fleet: no judge")
	}
	s := &Screen{d: d, judge: judge, open: open, pane: ui.NewViewer(d.Styles), lines: map[string]judged{}}
	s.table = ui.NewTable(d.Styles, s.columns())
	s.table.GroupCell = s.groupCell
	s.table.GroupsFollow = true // a host that is down is seen at once, whatever its group
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	s.group = firstGrouping(s.snap)
	s.table.SortBy("state", true)
	s.rows()
	if open.Host != "" {
		s.table.Select(open.Host)
		s.full = true
	}
	return s
}

// firstGrouping groups only where that tells hosts apart.
func firstGrouping(s *hosts.Snapshot) grouping {
	groups, envs := map[string]bool{}, map[string]bool{}
	if s != nil {
		for _, h := range s.Hosts {
			if len(h.Host.Groups) > 0 {
				groups[h.Host.Groups[0]] = true
			}
			envs[h.Host.Environment] = true
		}
	}
	switch {
	case len(groups) > 1:
		return byGroup
	case len(envs) > 1:
		return byEnvironment
	default:
		return ungrouped
	}
}

// Init has nothing to wait for: the root brings snapshots.
func (s *Screen) Init() tea.Cmd { return nil }

// Update takes what the root passes on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		return s.key(m)
	case tea.MouseMsg:
		return s.mouse(m)
	case ui.SnapshotMsg:
		s.snap = m.Snapshot
		s.rows()
	case ui.TickMsg:
		s.rows() // ages
	case ui.ThemeChangedMsg:
		s.d.Styles = m.Styles
		s.table.SetStyles(m.Styles)
		s.pane.SetStyles(m.Styles)
		s.detail()
	}
	return nil
}

func (s *Screen) key(m tea.KeyMsg) tea.Cmd {
	switch {
	case s.prompt != nil:
		return s.prompt.key(s, m)
	case s.table.Capturing():
		s.table.Key(m)
		s.detail()
	}
	return nil
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	l := s.layout()
	if m.X >= l.paneX && m.Y >= l.paneY && l.paneW > 0 && l.paneH > 0 {
		s.pane.Mouse(m)
		return nil
	}
	if s.table.Mouse(m, m.X, m.Y-l.tableY) {
		return s.openContainers()
	}
	s.detail()
	return nil
}

// rows makes the rows of the table from the snapshot.
func (s *Screen) rows() {
	if s.snap == nil {
		return
	}
	now := s.d.Now()
	hs := s.snap.Hosts
	rows := make([]ui.Row[line], 0, len(hs))
	s.good = 0
	if len(s.lines) > 2*len(hs) { // hosts that are no longer in the inventory
		clear(s.lines)
	}
	for _, h := range hs {
		l := s.line(h, now)
		if s.trouble && l.worst <= rankPaused {
			s.good++
			continue
		}
		rows = append(rows, ui.Row[line]{ID: h.Host.Name, Group: s.groupOf(h), Version: l.hash(), Value: l})
	}
	s.table.SetRows(rows)
	s.detail()
}

// judged is a line and when it was judged. Facts are never changed, so a line stands until there are
// newer facts or its ages have moved on: a fleet of hundreds does not judge all for the news of one.
type judged struct {
	l  line
	at time.Time
}

func (s *Screen) line(h *hosts.HostFacts, now time.Time) line {
	if j, ok := s.lines[h.Host.Name]; ok && j.l.h == h && now.Sub(j.at) < time.Second {
		return j.l
	}
	l := newLine(h, s.judge(h, now))
	s.lines[h.Host.Name] = judged{l, now}
	return l
}

func (s *Screen) groupOf(h *hosts.HostFacts) string {
	switch s.group {
	case byGroup:
		if len(h.Host.Groups) > 0 {
			return h.Host.Groups[0]
		}
		return "no group"
	case byEnvironment:
		if h.Host.Environment == "" {
			return "no environment"
		}
		return h.Host.Environment
	default:
		return ""
	}
}

// groupCell is the heading of a group: how many hosts, and what is wrong among them.
func (s *Screen) groupCell(group string, lines []line) ui.Cell {
	var down, bad, unknown int
	for _, l := range lines {
		switch l.worst {
		case rankDown:
			down++
		case rankError, rankWarn:
			bad++
		case rankUnknown:
			unknown++
		}
	}
	parts := []string{clean(group), ui.Count(len(lines), "host")}
	role := themes.Strong
	for _, p := range []struct {
		n    int
		text string
	}{{down, "down"}, {bad, "with faults"}, {unknown, "not fully known"}} {
		if p.n > 0 {
			parts = append(parts, itoa(p.n)+" "+p.text)
		}
	}
	return ui.Cell{Text: strings.Join(parts, " "+s.d.Styles.Glyphs.Separator+" "), Role: role}
}

// detail writes the pane again: of another host from its beginning.
func (s *Screen) detail() {
	r, ok := s.table.Selected()
	if !ok {
		s.of = ""
		s.pane.SetLines(nil)
		return
	}
	if r.ID != s.of {
		s.of = r.ID
		s.pane.Top()
	}
	l := s.layout()
	if l.paneW <= 0 {
		return
	}
	s.pane.SetLines(detailLines(s.d.Styles, r.Value, s.snap.Events, s.d.Now(), max(1, l.paneW-ui.FrameW-2)))
}

// SetSize sets the cells of the screen.
func (s *Screen) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

func (s *Screen) fit() {
	l := s.layout()
	s.table.SetSize(l.tableW, l.tableH)
	s.pane.SetSize(max(0, l.paneW-ui.FrameW-2), max(0, l.paneH-ui.FrameH))
	s.detail()
}

// Title is the name in the breadcrumbs.
func (s *Screen) Title() string {
	if s.open.Host != "" {
		return "host " + s.open.Host
	}
	if s.trouble {
		return "fleet: only trouble, " + ui.Count(s.good, "host") + " not shown"
	}
	return "fleet"
}

// Capturing reports that the filter or a prompt has the keyboard.
func (s *Screen) Capturing() bool { return s.prompt != nil || s.table.Capturing() }

// Back leaves the prompt, the full detail, the filter, the marks.
func (s *Screen) Back() bool {
	switch {
	case s.prompt != nil:
		s.prompt = nil
	case s.full && s.open.Host == "":
		s.full = false
	case s.trouble && s.table.FilterText() == "" && s.table.Marks() == 0:
		s.trouble = false
		s.rows()
	default:
		if !s.table.Back() {
			return false
		}
	}
	s.fit()
	return true
}

// Close has nothing to end.
func (s *Screen) Close() {}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
)

func (s *Screen) now() time.Time { return s.d.Now() }
