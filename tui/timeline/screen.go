package timeline

import (
	"context"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/checks/past"
	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// Screen shows what happened.
type Screen struct {
	d    ui.Deps
	from ui.OpenMsg
	ctx  context.Context //nolint:containedctx // a screen lives as long as its context does
	stop context.CancelFunc
	w, h int

	snap    *hosts.Snapshot // the newest that came
	book    *past.Book      // nil while a command has it
	gen     uint64
	stale   bool // a newer snapshot waits for the book
	visible bool
	ready   bool // something was put together once
	entries []past.Entry
	sel     []past.Entry // those that pass the narrowing and the filter
	choice  uint64       // changes with sel
	names   int          // lanes in the window
	cache   *drawn
	dropped uint64
	watched time.Time
	fault   string // why what operators did is not known
	asked   time.Time

	only   narrow
	byKind bool      // lanes are kinds, else hosts
	end    time.Time // of the window; zero: now, and it moves on
	span   int       // index in spans
	fitted bool      // the first window was chosen

	table  *ui.Table[past.Entry]
	pane   *ui.Viewer
	of     string // the entry the pane shows
	full   bool
	hidden bool
}

// New returns the screen. open.Host narrows it to a host, open.Object to a container (its ID or name)
// or a unit.
func New(d ui.Deps, open ui.OpenMsg) *Screen {
	if d.Now == nil || d.Styles == nil || d.Context == nil {
		panic("timeline: Deps without a clock, styles or a context")
	}
	s := &Screen{
		d: d, from: open, book: &past.Book{}, span: slices.Index(spans(), time.Hour), pane: ui.NewViewer(d.Styles),
		only: narrow{host: open.Host, object: open.Object},
	}
	s.ctx, s.stop = context.WithCancel(d.Context)
	s.table = ui.NewTable(d.Styles, s.columns())
	if d.Fleet != nil {
		s.snap = d.Fleet.Snapshot()
	}
	return s
}

// Init puts the past together for the first time.
func (s *Screen) Init() tea.Cmd { return s.lay() }

// Show keeps the past current only while somebody looks.
func (s *Screen) Show(visible bool) tea.Cmd {
	s.visible = visible
	if visible {
		s.stale = true
		return s.lay()
	}
	return nil
}

// laidMsg brings the book back.
type laidMsg struct {
	owner   *Screen
	gen     uint64
	book    *past.Book
	changed bool
	acts    []hosts.Event
	err     error
}

// lay asks for the past of the newest snapshot, one at a time.
func (s *Screen) lay() tea.Cmd {
	if s.snap == nil || s.book == nil {
		s.stale = s.book == nil
		return nil
	}
	s.gen++
	s.stale, s.asked = false, s.d.Now()
	book := s.book
	s.book = nil
	return lay(s.ctx, s, s.gen, book, s.snap, s.d.Record)
}

func lay(ctx context.Context, owner *Screen, gen uint64, b *past.Book, snap *hosts.Snapshot, rec ui.Recorder) tea.Cmd {
	return func() tea.Msg {
		m := laidMsg{owner: owner, gen: gen, book: b}
		if rec != nil {
			m.acts, m.err = rec.Recorded(ctx)
		}
		m.changed = b.Take(snap, m.acts)
		return m
	}
}

func (s *Screen) laid(m laidMsg) tea.Cmd {
	if m.owner != s || m.gen != s.gen {
		return nil
	}
	s.book = m.book
	s.fault = ""
	if m.err != nil {
		s.fault = m.err.Error()
	}
	if m.changed || !s.ready {
		s.ready = true
		s.entries, s.dropped, s.watched = m.book.Entries(), m.book.Dropped(), m.book.Watched()
		if !s.fitted && len(s.entries) > 0 {
			s.fitted = true
			s.choose()
			s.fitFirst()
		}
		s.rows()
	}
	return nil
}

// every is how often the past is looked at while the screen is shown.
const every = time.Second

// Update takes what the root passes on.
func (s *Screen) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.KeyMsg:
		if s.table.Capturing() {
			s.table.Key(m)
			s.choose()
			s.detail()
		}
	case tea.MouseMsg:
		return s.mouse(m)
	case laidMsg:
		return s.laid(m)
	case ui.SnapshotMsg:
		s.snap, s.stale = m.Snapshot, true
		if !s.ready {
			return s.lay()
		}
	case ui.TickMsg:
		if s.end.IsZero() && s.ready {
			s.rows() // the window moves on
		}
		if s.d.Now().Sub(s.asked) >= every && (s.stale || s.d.Record != nil) {
			return s.lay()
		}
	case ui.ThemeChangedMsg:
		s.d.Styles = m.Styles
		s.table.SetStyles(m.Styles)
		s.pane.SetStyles(m.Styles)
		s.of = ""
		s.detail()
	}
	return nil
}

func (s *Screen) mouse(m tea.MouseMsg) tea.Cmd {
	l := s.layout()
	switch {
	case l.paneW > 0 && m.X >= l.paneX && m.Y >= l.paneY:
		s.pane.Mouse(m)
		return nil
	case m.Y >= l.axisY && m.Y < l.axisY+l.axisH && m.Action == tea.MouseActionPress:
		switch m.Button {
		case tea.MouseButtonWheelUp:
			s.zoom(-1)
		case tea.MouseButtonWheelDown:
			s.zoom(1)
		case tea.MouseButtonLeft:
			s.pick(m.X - l.label - 1)
		}
		return nil
	}
	if s.table.Mouse(m, m.X, m.Y-l.tableY) {
		return s.openObject()
	}
	s.detail()
	return nil
}

// window is the part of time that is seen now.
func (s *Screen) window() window {
	to := s.end
	if to.IsZero() {
		to = s.present().Add(time.Second).Truncate(time.Second)
	}
	return window{to.Add(-spans()[s.span]), to}
}

// choose finds the entries that pass the narrowing and the typed filter, whatever the window.
func (s *Screen) choose() {
	f := ui.ParseFilter(s.table.FilterText(), filterColumns())
	s.sel = s.sel[:0]
	s.choice++
	for _, e := range s.entries {
		if s.only.pass(e) && (f.Empty() || f.Match(fields(e))) {
			s.sel = append(s.sel, e)
		}
	}
}

// rows puts the entries of the window into the table, newest first.
func (s *Screen) rows() {
	s.choose()
	w := s.window()
	var rows []ui.Row[past.Entry]
	for i := range slices.Backward(s.entries) {
		e := s.entries[i]
		if w.holds(e.At) && s.only.pass(e) {
			rows = append(rows, ui.Row[past.Entry]{ID: e.Key, Version: 1, Value: e})
		}
	}
	s.table.SetRows(rows)
	s.countLanes()
	s.detail()
}

// detail writes the pane again.
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
	if l := s.layout(); l.paneW > 0 {
		s.pane.SetLines(detailLines(s.d.Styles, r.Value, s.around(r.Value), s.d.Now(), max(1, l.paneW-ui.FrameW-2)))
	}
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
	parts := []string{"timeline"}
	if s.from.Host != "" || s.from.Object != "" {
		name := s.from.Object
		for i := range s.entries {
			if s.entries[i].ID == s.from.Object && s.entries[i].Object != "" {
				name = s.entries[i].Object
			}
		}
		parts = append(parts, strings.Trim(name+" on "+s.from.Host, " "))
		if name == "" {
			parts[1] = s.from.Host
		}
	}
	return strings.Join(parts, ": ")
}

// Capturing reports that the filter is being typed.
func (s *Screen) Capturing() bool { return s.table.Capturing() }

// Back leaves the full detail, the filter, the marks, and then what was narrowed here.
func (s *Screen) Back() bool {
	asOpened := narrow{host: s.from.Host, object: s.from.Object}
	switch {
	case s.full:
		s.full = false
	case s.table.Back():
		s.choose()
	case s.only != asOpened:
		s.only = asOpened
		s.rows()
	default:
		return false
	}
	s.fit()
	return true
}

// Close ends what is under way.
func (s *Screen) Close() { s.stop() }

// role is the colour of a tone, and its sign.
func sign(st *themes.Styles, t past.Tone) (string, themes.Role) {
	switch t {
	case past.Bad:
		return st.Glyphs.Bad, themes.Bad
	case past.Warn:
		return st.Glyphs.Warn, themes.Warn
	case past.Good:
		return st.Glyphs.OK, themes.OK
	default:
		return st.Glyphs.Info, themes.Info
	}
}

var (
	_ ui.Screen = (*Screen)(nil)
	_ ui.Backer = (*Screen)(nil)
	_ ui.Shower = (*Screen)(nil)
)
