package compare

import (
	"context"
	"slices"
	"strconv"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/compare"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen is a list of subjects, or one subject.
type Screen struct {
	d    ui.Deps
	from ui.OpenMsg
	ctx  context.Context //nolint:containedctx // a screen lives as long as its context does
	stop context.CancelFunc
	w, h int

	snap    *hosts.Snapshot // the newest that came
	laying  bool            // a command is under way
	stale   bool            // and a newer snapshot waits
	asked   time.Time
	ready   bool
	missing bool // there is no such object

	list *ui.Table[compare.Summary] // without an object

	subject compare.Subject
	sheet   *compare.Sheet
	grid    *ui.Table[*compare.Row] // with one
	columns string                  // what the columns of grid are made for
	same    bool                    // rows without a difference are shown too
	shown   bool                    // the first difference was selected once
	pane    *ui.Viewer
	of      string
	full    bool
	hidden  bool
}

// New returns the screen. open.Object is a subject ("service:shop/web"), a container's ID or name, a
// unit, or a server_name; "" lists what can be compared.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil {
		panic("compare: Deps without a clock, styles or a context")
	}
	s := &Screen{d: d, from: open, same: true, pane: ui.NewViewer(d.Styles)}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.list = ui.NewTable(d.Styles, listColumns())
	s.grid = ui.NewTable(d.Styles, s.gridColumns(nil))
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// one reports whether the screen shows one subject.
func (s *Screen) one() bool { return s.from.Object != "" }

// Init compares for the first time.
func (s *Screen) Init() tea.Cmd { return s.lay() }

type laidMsg struct {
	owner   *Screen
	subject compare.Subject
	found   bool
	sheet   *compare.Sheet
	list    []compare.Summary
}

// lay compares in a command, one at a time.
func (s *Screen) lay() tea.Cmd {
	if s.snap == nil || s.laying {
		s.stale = s.laying
		return nil
	}
	s.laying, s.stale, s.asked = true, false, s.d.Now()
	return lay(s, s.snap, s.from)
}

func lay(owner *Screen, snap *hosts.Snapshot, open ui.OpenMsg) tea.Cmd {
	return func() tea.Msg {
		m := laidMsg{owner: owner}
		if open.Object == "" {
			m.list = compare.Subjects(snap)
			return m
		}
		if m.subject, m.found = compare.Find(snap, open.Host, open.Object); m.found {
			m.sheet = compare.Of(snap, m.subject)
		}
		return m
	}
}

func (s *Screen) laid(m laidMsg) {
	if m.owner != s {
		return
	}
	s.laying, s.ready = false, true
	if !s.one() {
		rows := make([]ui.Row[compare.Summary], 0, len(m.list))
		for _, x := range m.list {
			if s.narrowed(x) {
				rows = append(rows, ui.Row[compare.Summary]{ID: x.String(), Value: x})
			}
		}
		s.list.SetRows(rows)
		return
	}
	s.missing = !m.found
	if m.found {
		s.subject, s.sheet = m.subject, m.sheet
	}
	s.rows()
	if m.found && !s.shown {
		s.shown = true
		s.first()
	}
}

// narrowed reports whether a subject is on the host the screen was opened for.
func (s *Screen) narrowed(x compare.Summary) bool {
	for _, h := range x.Hosts {
		if !s.from.Narrows(h) {
			return true
		}
	}
	return false
}

// every is how often a screen that is shown compares again.
const every = 2 * time.Second

// Update takes what the root passes on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		if s.one() {
			s.grid.Key(m)
			s.detail()
		} else {
			s.list.Key(m)
		}
	case tea.MouseMsg:
		return s.mouse(m)
	case laidMsg:
		s.laid(m)
	case ui.SnapshotMsg:
		s.snap, s.stale = m.Snapshot, true
		if !s.ready {
			return s.lay()
		}
	case ui.TickMsg:
		if s.stale && s.d.Now().Sub(s.asked) >= every {
			return s.lay()
		}
	case ui.ThemeChangedMsg:
		s.d.Styles = m.Styles
		s.list.SetStyles(m.Styles)
		s.grid.SetStyles(m.Styles)
		s.pane.SetStyles(m.Styles)
		s.detail()
	}
	return nil
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	l := s.layout()
	if !s.one() {
		if s.list.Mouse(m, m.X, m.Y-l.tableY) {
			return s.open()
		}
		return nil
	}
	if l.paneH > 0 && m.Y >= l.paneY {
		s.pane.Mouse(m)
		return nil
	}
	if s.grid.Mouse(m, m.X, m.Y-l.tableY) {
		s.full = true
		s.fit()
	}
	s.detail()
	return nil
}

// rows puts the sheet into the grid.
func (s *Screen) rows() {
	if s.sheet == nil {
		s.grid.SetRows(nil)
		s.detail()
		return
	}
	if key := columnsKey(s.sheet); key != s.columns {
		s.columns = key
		selected, ok := s.grid.Selected()
		filter := s.grid.FilterText()
		s.grid = ui.NewTable(s.d.Styles, s.gridColumns(s.sheet.Columns))
		s.grid.GroupCell = s.groupCell
		s.grid.SetFilter(filter)
		s.fill()
		s.fit()
		if ok {
			s.grid.Select(selected.ID)
		}
	}
	s.fill()
	s.detail()
}

func (s *Screen) fill() {
	rows := make([]ui.Row[*compare.Row], 0, len(s.sheet.Rows))
	for i := range s.sheet.Rows {
		r := &s.sheet.Rows[i]
		if s.same || r.Differs {
			rows = append(rows, ui.Row[*compare.Row]{ID: r.Group + "\x00" + r.Name, Group: r.Group, Value: r})
		}
	}
	s.grid.SetRows(rows)
}

// columnsKey says when the grid needs other columns.
func columnsKey(sh *compare.Sheet) string {
	out := ""
	for _, c := range sh.Columns {
		out += c.Host + "\x00" + c.Copy + "\x00" + strconv.FormatBool(c.Stale) + "\x01"
	}
	return out
}

// detail writes the pane again.
func (s *Screen) detail() {
	r, ok := s.grid.Selected()
	if !ok || s.sheet == nil {
		s.of = ""
		s.pane.SetLines(nil)
		return
	}
	if r.ID != s.of {
		s.of = r.ID
		s.pane.Top()
	}
	if l := s.layout(); l.paneW > 0 {
		s.pane.SetLines(detailLines(s.d.Styles, s.sheet, r.Value, max(1, l.paneW-ui.FrameW-2)))
	}
}

// SetSize sets the cells of the screen.
func (s *Screen) SetSize(w, h int) {
	s.w, s.h = w, h
	s.fit()
}

func (s *Screen) fit() {
	l := s.layout()
	s.list.SetSize(l.tableW, l.tableH)
	if n := len(s.grid.Columns) - 1; n > 0 { // the copies share the width evenly, or the last ones cannot be read
		const property, least, most = 24, 12, 60
		for i := range s.grid.Columns[1:] {
			s.grid.Columns[i+1].Max = max(least, min((l.tableW-property)/n-1, most))
		}
	}
	s.grid.SetSize(l.tableW, l.tableH)
	s.pane.SetSize(max(0, l.paneW-ui.FrameW-2), max(0, l.paneH-ui.FrameH))
	s.detail()
}

// Title is the name in the breadcrumbs.
func (s *Screen) Title() string {
	switch {
	case !s.one() && s.from.Host != "":
		return "compare: what " + s.from.Host + " has"
	case !s.one():
		return "compare"
	case s.subject.Name != "":
		return "compare " + s.subject.Name
	}
	return "compare " + s.from.Object
}

// Capturing reports that a filter is being typed.
func (s *Screen) Capturing() bool { return s.list.Capturing() || s.grid.Capturing() }

// Back leaves the full detail, the filter, the marks, then "only differences".
func (s *Screen) Back() bool {
	switch {
	case s.full:
		s.full = false
	case s.one() && s.grid.Back(), !s.one() && s.list.Back():
	case s.one() && !s.same:
		s.same = true
		s.rows()
	default:
		return false
	}
	s.fit()
	return true
}

// Close ends what is under way.
func (s *Screen) Close() { s.stop() }

// mark is the sign of a row: with an odd one out, with a tie, or the same everywhere.
func mark(st *themes.Styles, r *compare.Row) (string, themes.Role) {
	switch {
	case r.Tie:
		return st.Glyphs.Info, themes.Warn
	case r.Differs:
		return st.Glyphs.Warn, themes.Warn
	case r.Info:
		return " ", themes.Faint
	case slices.ContainsFunc(r.Cells, func(c compare.Cell) bool { return c.Unknown != "" }):
		return st.Glyphs.Unknown, themes.Unknown
	}
	return st.Glyphs.OK, themes.OK
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
)
